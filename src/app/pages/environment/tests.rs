//! The page by the names that a screen reader reads.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{EnvironmentAction, EnvironmentPage, Loaded, SetupState, show};
use crate::doctor::{Check, Level};
use crate::python::managed::Progress;
use crate::python::{Interpreter, Origin};

struct Stage {
    page: EnvironmentPage,
    actions: Vec<EnvironmentAction>,
}

fn style(context: &egui::Context) {
    crate::app::theme::install(context);
    context.all_styles_mut(|style| style.animation_time = 0.0);
}

fn draw(ui: &mut egui::Ui, stage: &mut Stage) {
    let asked = show(ui, &stage.page);
    stage.actions.extend(asked);
}

fn stage(page: EnvironmentPage) -> Harness<'static, Stage> {
    Harness::builder()
        .with_size([1440.0, 900.0])
        .with_context_setup(style)
        .build_ui_state(
            draw,
            Stage {
                page,
                actions: Vec::new(),
            },
        )
}

fn check(level: Level, name: &str, detail: &str, remedy: Option<&str>) -> Check {
    Check {
        level,
        name: name.to_owned(),
        detail: detail.to_owned(),
        remedy: remedy.map(str::to_owned),
    }
}

fn python(path: &str, origin: Origin, mlx_lm: Option<&str>) -> Interpreter {
    Interpreter {
        exe: PathBuf::from(path),
        origin,
        python: "3.12.4".to_owned(),
        mlx: mlx_lm.map(|_| "0.32.4".to_owned()),
        mlx_lm: mlx_lm.map(str::to_owned),
        backend: mlx_lm.map(|_| "metal".to_owned()),
    }
}

fn checked() -> EnvironmentPage {
    let mut page = EnvironmentPage::default();
    page.set_checks(vec![
        check(Level::Ok, "Python", "3.12.4, the managed environment", None),
        check(Level::Ok, "mlx-lm", "0.32.2", None),
        check(
            Level::Warning,
            "nginx",
            "not found: round robin is then dispatched by the client itself",
            Some("`brew install nginx` to measure through it"),
        ),
        check(
            Level::Problem,
            "disk",
            "1.2 GB free in /data",
            Some("free some space"),
        ),
    ]);
    let found = [
        python("/data/env/bin/python", Origin::Managed, Some("0.32.2")),
        python(
            "/opt/homebrew/bin/python3.13",
            Origin::Homebrew,
            Some("0.31.0"),
        ),
        python("/usr/bin/python3", Origin::Path, None),
    ];
    page.set_pythons(&found, Ok(&found[0]), false);
    page
}

#[test]
fn an_unseen_machine_asks_to_be_looked_at() {
    let mut harness = stage(EnvironmentPage::default());
    harness.get_by_label_contains("Not looked at yet");
    harness.get_by_label("Look now").click();
    harness.run();
    assert_eq!(harness.state().actions, [EnvironmentAction::Refresh]);

    harness.state_mut().page.begin_refresh();
    // A spinner never rests.
    harness.run_steps(2);
    harness.get_by_label_contains("Looking at Python");
    harness.get_by_label_contains("Looking for Pythons");
}

#[test]
fn checks_say_what_is_and_what_to_do() {
    let mut harness = stage(checked());
    harness.get_by_label("1 problem and 1 warning");
    harness.get_by_label("free some space");
    harness.get_by_label("Choose nginx...").click();
    harness.run();
    harness.get_by_label("Refresh").click();
    harness.run();
    assert_eq!(
        harness.state().actions,
        [EnvironmentAction::PickNginx, EnvironmentAction::Refresh]
    );

    // What was known stays in sight while it is looked at again, and cannot be asked for twice.
    harness.state_mut().page.begin_refresh();
    harness.run_steps(2);
    harness.get_by_label("free some space");
    assert!(
        harness
            .get_by_label("Refresh")
            .accesskit_node()
            .is_disabled()
    );
}

#[test]
fn another_python_can_be_chosen_if_it_can_serve() {
    let mut harness = stage(checked());
    harness.get_by_label("mlx-lm 0.31.0");
    let radio = |harness: &Harness<Stage>, path: &str| {
        let name = format!("Use {path}");
        harness
            .get_by_role_and_label(Role::RadioButton, &name)
            .click();
    };
    radio(&harness, "/usr/bin/python3");
    harness.run();
    assert_eq!(harness.state().actions, []);
    radio(&harness, "/opt/homebrew/bin/python3.13");
    harness.run();
    assert_eq!(
        harness.state().actions,
        [EnvironmentAction::ChoosePython(
            "/opt/homebrew/bin/python3.13".into()
        )]
    );
    assert!(harness.query_by_label("Choose automatically").is_none());

    let found = [python(
        "/opt/homebrew/bin/python3.13",
        Origin::Chosen,
        Some("0.31.0"),
    )];
    harness
        .state_mut()
        .page
        .set_pythons(&found, Ok(&found[0]), true);
    harness.run();
    harness.get_by_label("Choose automatically").click();
    harness.run();
    assert_eq!(
        harness.state().actions.last(),
        Some(&EnvironmentAction::AutomaticPython)
    );
}

#[test]
fn setting_up_shows_each_step_and_can_be_cancelled() {
    let mut page = EnvironmentPage::default();
    page.set_pythons(
        &[],
        Err("No Python with mlx-lm was found.".to_owned()),
        false,
    );
    let mut harness = stage(page);
    harness.get_by_label("No Python with mlx-lm was found.");
    harness.get_by_label("Set up MLX").click();
    harness.run();
    assert_eq!(harness.state().actions, [EnvironmentAction::SetUp]);

    let setup = &mut harness.state_mut().page.setup;
    setup.begin();
    setup.progress(&Progress::Finding);
    setup.progress(&Progress::Installing {
        line: "Downloading mlx (31.2 MB)".to_owned(),
    });
    harness.run_steps(2);
    harness.get_by_label("Installing mlx and mlx-lm");
    harness.get_by_label("Downloading mlx (31.2 MB)");
    harness.get_by_label("Cancel").click();
    harness.run_steps(2);
    assert_eq!(
        harness.state().actions.last(),
        Some(&EnvironmentAction::CancelSetUp)
    );
    let setup = &mut harness.state_mut().page.setup;
    setup.cancelling();
    setup.progress(&Progress::Checking);
    harness.run_steps(2);
    harness.get_by_label("Cancelling");
    assert!(
        harness
            .get_by_label("Cancel")
            .accesskit_node()
            .is_disabled()
    );

    harness.state_mut().page.setup.finish(Err(None));
    harness.run();
    harness.get_by_label_contains("Cancelled. Nothing half-made");
    harness.get_by_label("Try again");
}

#[test]
fn a_failure_is_told_with_its_log() {
    let mut page = EnvironmentPage::default();
    page.setup.begin();
    page.setup.progress(&Progress::CreatingVenv {
        python: "Python 3.12.4".to_owned(),
    });
    page.setup.progress(&Progress::Retrying {
        reason: "no network".to_owned(),
    });
    page.setup
        .finish(Err(Some("The network is down.\nTry later.".to_owned())));
    assert!(matches!(page.setup.state(), SetupState::Failed(_)));
    let mut harness = stage(page);
    harness.get_by_label_contains("The network is down.");
    harness.get_by_label("Log").click();
    harness.run();
    harness.get_by_label("Trying once more after: no network");
    harness.get_by_label("Copy log").click();
    harness.step();
    let copied = harness
        .output()
        .platform_output
        .commands
        .iter()
        .any(|command| {
            matches!(command, egui::OutputCommand::CopyText(text)
            if text.starts_with("Making a virtual environment from Python 3.12.4\n")
                && text.ends_with("The network is down.\nTry later."))
        });
    assert!(copied);
}

#[test]
fn the_log_of_an_installer_is_bounded() {
    let mut page = EnvironmentPage::default();
    page.setup.begin();
    for line in 0..12_000 {
        page.setup.progress(&Progress::Installing {
            line: line.to_string(),
        });
    }
    assert!(page.setup.log.len() <= 5_000);
    assert_eq!(page.setup.log.last().map(String::as_str), Some("11999"));
}

#[test]
fn what_is_loaded_again_is_kept_until_it_comes() {
    let mut loaded = Loaded::default();
    loaded.begin();
    assert_eq!(loaded, Loaded::Loading(None::<u8>));
    loaded = Loaded::Ready(1);
    loaded.begin();
    assert_eq!(loaded.get(), Some(&1));
    assert!(loaded.is_loading());
}

/// `cargo test --lib environment_pictures -- --ignored`, into `target/screenshots/`.
#[test]
#[ignore = "for people to look at: it asserts nothing"]
fn environment_pictures() {
    type Made = fn() -> EnvironmentPage;
    let pages: [(&str, Made); 3] = [
        ("empty", EnvironmentPage::default),
        ("checked", checked),
        ("setup", || {
            let mut page = checked();
            page.set_pythons(
                &[],
                Err("No Python with mlx-lm was found; one Python was looked at.".to_owned()),
                false,
            );
            page.setup.begin();
            page.setup.progress(&Progress::Installing {
                line: "Downloading mlx-metal (31.2 MB)".to_owned(),
            });
            page
        }),
    ];
    for (theme, shade) in [(egui::Theme::Light, "light"), (egui::Theme::Dark, "dark")] {
        for size in [[1000.0, 640.0], [1440.0, 900.0]] {
            for (name, page) in pages {
                let stage = Stage {
                    page: page(),
                    actions: Vec::new(),
                };
                let mut harness = Harness::builder()
                    .with_size(size)
                    .with_theme(theme)
                    .with_context_setup(style)
                    .wgpu()
                    .build_ui_state(draw, stage);
                harness.run_steps(3);
                let image = harness.render().expect("a picture");
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots");
                std::fs::create_dir_all(folder).expect("a folder");
                image
                    .save(format!(
                        "{folder}/environment-{name}-{shade}-{}.png",
                        size[0]
                    ))
                    .expect("saved");
            }
        }
    }
}
