//! Pictures of the form for people to look at, under `target/screenshots/`.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::window::{Stage, draw, style};
use super::*;

fn fonts(context: &egui::Context) {
    let mut fonts = egui::FontDefinitions::default();
    let inter = egui::FontData::from_static(include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/assets/fonts/Inter-Regular.otf"
    )));
    fonts.font_data.insert("inter".to_owned(), inter.into());
    if let Some(family) = fonts.families.get_mut(&egui::FontFamily::Proportional) {
        family.insert(0, "inter".to_owned());
    }
    context.set_fonts(fonts);
    style(context);
}

fn picture(name: &str, form: impl Fn() -> FormModel) {
    picture_after(name, form, &[]);
}

/// After clicks on the controls of these names.
fn picture_after(name: &str, form: impl Fn() -> FormModel, clicks: &[&str]) {
    for (theme, shade) in [(egui::Theme::Light, "light"), (egui::Theme::Dark, "dark")] {
        for size in [[1000.0, 640.0], [1440.0, 900.0]] {
            let stage = Stage {
                form: form(),
                actions: Vec::new(),
            };
            let mut harness = Harness::builder()
                .with_size(size)
                .with_theme(theme)
                .with_context_setup(fonts)
                .wgpu()
                .build_ui_state(draw, stage);
            harness.run();
            for label in clicks {
                harness.get_by_label(label).click();
                harness.run();
            }
            let image = harness.render().expect("a picture");
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots");
            std::fs::create_dir_all(folder).expect("a folder");
            image
                .save(format!("{folder}/form-{name}-{shade}-{}.png", size[0]))
                .expect("saved");
        }
    }
}

/// `cargo test --lib form_pictures -- --ignored`
#[test]
#[ignore = "for people to look at: it asserts nothing"]
fn form_pictures() {
    picture_after(
        "attached",
        || super::attach::attached(RunKind::FullSweep, &["org/small", "org/large"]),
        &["Model", "Workload", "Sweep ranges", "Server"],
    );
    picture("quick", || form(RunKind::Quick));
    picture("full", || form(RunKind::FullSweep));
    let folded = ["Model", "Server"];
    picture_after("rate", || form(RunKind::RateSweep), &folded);
    picture_after(
        "tune",
        || form(RunKind::Tune),
        &["Model", "Workload", "Server"],
    );
    picture("wrong", || {
        let mut form = form(RunKind::CustomSweep);
        type_into(&mut form, Var::MaxTokens, "many");
        add_axis(&mut form, "concurrency", "1..64x2");
        add_axis(&mut form, "--prefil", "512|2048");
        form.apply(&FormAction::Reset);
        form.apply(&FormAction::Undo);
        form
    });
    picture_after("model", || form(RunKind::Quick), &["Chosen model"]);
    picture("prompts", || super::prompts::with_file(Some(310.4)));
    picture("prompts-wrong", || {
        let mut form = super::prompts::with_file(None);
        super::prompts::refused(&mut form);
        form
    });
    picture_after("presets", || form(RunKind::Quick), &["Presets"]);
    let folded = ["Workload", "Sweep ranges", "Server", "Quality"];
    picture_after("server", || form(RunKind::RoundRobinSweep), &folded);
    let folded = ["Model", "Workload", "Sweep ranges", "Quality"];
    picture_after("quality", || form(RunKind::FullSweep), &folded);
    picture("command", || {
        let mut form = form(RunKind::FullSweep);
        form.apply(&FormAction::OpenCommands);
        form
    });
}
