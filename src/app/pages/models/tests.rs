//! The page by the names that a screen reader reads, over a disk of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use egui::Theme;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tokio_util::sync::CancellationToken;

use super::{ModelsAction, ModelsPage, show};
use crate::app::backend::{Backend, Done};
use crate::app::models_work::{ModelsWork, Wish};
use crate::models::memory::{Demand, MachineMemory};
use crate::models::recent::Recent;
use crate::models::synthetic::{self, Shape};
use crate::models::{Origin, Places, recommended, resolve};
use crate::units::Bytes;

/// Long enough for any disk: only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The page with the real work behind it.
struct Stage {
    work: ModelsWork,
    backend: Backend,
    places: Places,
    woken: Receiver<()>,
    wishes: Vec<Wish>,
    /// What was copied, revealed and the like is not done in a test.
    held_back: Vec<ModelsAction>,
}

impl Stage {
    fn new(root: &Path, recent: Recent) -> Self {
        let (wake, woken) = channel();
        let wake = Arc::new(move || {
            let _ = wake.send(());
        });
        let places = Places {
            synthetic: Some(root.join("synthetic")),
            folders: vec![root.join("models")],
            hub_caches: vec![root.join("hub")],
            depth: 4,
        };
        let mut stage = Self {
            work: ModelsWork::new(ModelsPage::new(recent)),
            backend: Backend::new(wake).expect("a runtime"),
            places,
            woken,
            wishes: Vec::new(),
            held_back: Vec::new(),
        };
        stage.look();
        stage
    }

    fn look(&mut self) {
        self.work.look(self.places.clone(), &self.backend);
    }

    fn draw(ui: &mut egui::Ui, stage: &mut Self) {
        for action in show(ui, &mut stage.work.page) {
            if matches!(
                action,
                ModelsAction::Reveal(_) | ModelsAction::Delete { .. } | ModelsAction::PickFolder
            ) {
                stage.held_back.push(action);
                continue;
            }
            let wish = stage.work.carry_out(action, None, &stage.backend, ui.ctx());
            stage.wish(wish);
        }
    }

    fn wish(&mut self, wish: Option<Wish>) {
        if wish == Some(Wish::LookAgain) {
            self.look();
        }
        self.wishes.extend(wish);
    }

    /// Takes what comes until `enough`.
    fn wait(&mut self, enough: impl Fn(&ModelsPage) -> bool) {
        while !enough(&self.work.page) {
            self.woken.recv_timeout(PATIENCE).expect("work that ends");
            while let Some(done) = self.backend.next() {
                if let Done::Models(done) = done {
                    let wish = self.work.take(done);
                    self.wish(wish);
                }
            }
        }
    }
}

fn harness(root: &Path, recent: Recent, theme: Theme, size: [f32; 2]) -> Harness<'static, Stage> {
    let mut stage = Stage::new(root, recent);
    stage.wait(|page| !page.looking);
    Harness::builder()
        .with_size(size)
        .with_theme(theme)
        .with_context_setup(|context: &egui::Context| {
            crate::app::theme::install(context);
            context.all_styles_mut(|style| {
                style.animation_time = 0.0;
                style.visuals.text_cursor.blink = false;
            });
        })
        .build_ui_state(Stage::draw, stage)
}

fn shape(name: &str) -> Shape {
    Shape::named(name).expect("a known shape")
}

/// A model like one that was downloaded: nothing says that it is synthetic.
fn downloaded(folder: &Path, shape: &Shape) {
    let token = CancellationToken::new();
    synthetic::ensure_shape("x", shape, folder, &mut |_| (), &token).expect("a model");
    fs::remove_file(folder.join("synthetic.json")).expect("its record");
}

/// A cached recommended repo, a folder, a broken model.
fn disk() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let repo = recommended()[0].repo.replace('/', "--");
    let snapshot = root
        .path()
        .join(format!("hub/models--{repo}/snapshots/abc"));
    downloaded(&snapshot, &shape("tiny"));
    let dense = Shape {
        bits: 0,
        ..shape("tiny")
    };
    downloaded(&root.path().join("models/mine-dense"), &dense);
    let broken = root.path().join("models/broken");
    downloaded(&broken, &shape("tiny"));
    fs::write(broken.join("config.json"), "{").expect("a file");
    root
}

fn replace(harness: &mut Harness<Stage>, label: &str, text: &str) {
    harness
        .get_by_role_and_label(Role::TextInput, label)
        .click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness
        .get_by_role_and_label(Role::TextInput, label)
        .type_text(text);
    harness.run();
}

fn page<'a>(harness: &'a Harness<'_, Stage>) -> &'a ModelsPage {
    &harness.state().work.page
}

#[test]
fn models_are_filtered_chosen_and_described() {
    let root = disk();
    let mut harness = harness(root.path(), Recent::default(), Theme::Dark, [1308.0, 900.0]);
    harness.run();
    harness.get_by_label("On this machine");
    replace(&mut harness, "Filter models", "mine-dense");
    harness.get_by_label("1 of 3");
    assert!(harness.query_by_label_contains("broken, ").is_none());
    harness.get_by_label_contains("mine-dense, llama").click();
    harness.run();
    for said in [
        "107 K",
        "f32",
        "512",
        "131,072 tokens",
        "The server batches its requests",
        "Fits",
    ] {
        assert!(
            harness.query_all_by_label(said).next().is_some(),
            "{said} is not shown"
        );
    }
    harness.get_by_label_contains("Memory: Weights");
    harness.get_by_label("Reveal folder").click();
    harness.run();
    let folder = root.path().join("models/mine-dense");
    assert_eq!(
        harness.state().held_back,
        [ModelsAction::Reveal(folder.clone())]
    );
    harness.get_by_label("Use in run").click();
    harness.run();
    let text = folder.to_string_lossy().into_owned();
    assert_eq!(harness.state().wishes, [Wish::UseInRun(text.clone())]);
    assert_eq!(page(&harness).recent().texts(), [text]);
}

#[test]
fn a_model_that_does_not_load_says_why() {
    let root = disk();
    let mut harness = harness(root.path(), Recent::default(), Theme::Dark, [1308.0, 900.0]);
    harness.run();
    harness.get_by_label_contains("broken, ").click();
    harness.run();
    harness.get_by_label("It will not load");
    harness.get_by_label_contains("config.json is not valid JSON");
}

#[test]
fn what_is_to_be_downloaded_says_so() {
    let root = disk();
    let mut harness = harness(root.path(), Recent::default(), Theme::Dark, [1308.0, 900.0]);
    harness.run();
    replace(&mut harness, "Filter models", "llama-3.1-70b");
    harness
        .get_by_label_contains("about 39.7 GB, to download")
        .click();
    harness.run();
    harness.get_by_label_contains("Nothing is downloaded before");

    replace(&mut harness, "Hugging Face repo", "org/na me");
    harness.get_by_label_contains("letters, digits");
    assert!(
        harness
            .get_by_role_and_label(Role::Button, "Show")
            .accesskit_node()
            .is_disabled()
    );
    replace(&mut harness, "Hugging Face repo", "org/model");
    harness.get_by_role_and_label(Role::Button, "Show").click();
    harness.run();
    harness.state_mut().wait(|page| page.detail.is_some());
    harness.run();
    harness.get_by_label_contains("its size is not known here");
}

#[test]
fn memory_is_judged_for_what_is_typed() {
    let root = disk();
    let mut harness = harness(root.path(), Recent::default(), Theme::Dark, [1308.0, 900.0]);
    harness.state_mut().work.page.set_form_demand(Some(Demand {
        instances: 2,
        sequences: 4,
        prompt_tokens: 128,
        output_tokens: 128,
        cached_sequences: 10,
    }));
    harness.run();
    harness
        .get_by_label_contains("synthetic:mistral-7b-4bit, ")
        .click();
    harness.run();
    let bar = |harness: &Harness<Stage>| {
        harness
            .get_by_label_contains("Memory: Weights")
            .accesskit_node()
            .data()
            .value()
            .map(str::to_owned)
            .unwrap_or_default()
    };
    // 2 x 4.08 GB.
    assert!(
        bar(&harness).contains("Weights 8.15 GB"),
        "{}",
        bar(&harness)
    );
    replace(&mut harness, "Instances", "500");
    harness.get_by_label("Does not fit");
    harness.get_by_label_contains("use fewer instances");
    replace(&mut harness, "Instances", "no");
    harness.get_by_label_contains("A whole number from 1");
    assert!(harness.query_by_label("Does not fit").is_none());
    harness.get_by_label("As in the form").click();
    harness.run();
    assert!(bar(&harness).contains("Weights 8.15 GB"));
}

#[test]
fn a_shape_of_its_own_is_made_and_used() {
    let root = tempfile::tempdir().expect("a folder");
    let mut harness = harness(root.path(), Recent::default(), Theme::Dark, [1308.0, 900.0]);
    harness.run();
    harness.get_by_label("New synthetic model").click();
    harness.run();
    replace(&mut harness, "Name", "tiny");
    harness.get_by_label_contains("is the name of a known shape");
    replace(&mut harness, "Name", "three-layers");
    replace(&mut harness, "Key/value heads", "3");
    harness.get_by_label_contains("cannot share 3 key/value heads");
    harness.get_by_label("This shape makes no model yet.");
    replace(&mut harness, "Key/value heads", "4");
    replace(&mut harness, "Layers", "3");
    harness
        .get_by_role_and_label(Role::ComboBox, "Family")
        .click();
    harness.run();
    harness.get_by_label("qwen3").click();
    harness.run();
    harness.get_by_role_and_label(Role::Button, "Make").click();
    harness.run();
    assert!(page(&harness).is_making());
    harness
        .state_mut()
        .wait(|page| !page.is_making() && !page.looking);
    harness.run();

    // In the list, and shown.
    harness.get_by_label_contains("synthetic:three-layers, qwen3");
    // As a heading of the list and as a badge of the model.
    assert_eq!(harness.get_all_by_label("Synthetic").count(), 2);
    assert_eq!(page(&harness).selected(), Some("synthetic:three-layers"));
    let places = harness.state().places.clone();
    let resolved = resolve("synthetic:three-layers", &places).expect("the model");
    let name = "three-layers".to_owned();
    assert_eq!(resolved.origin, Origin::Synthetic { name, ready: true });
    harness.get_by_label("Use in run").click();
    harness.run();
    let used = Wish::UseInRun("synthetic:three-layers".to_owned());
    assert_eq!(harness.state().wishes.last(), Some(&used));

    // The name is taken now, and deleting asks first.
    harness.get_by_label("Delete...").click();
    harness.run();
    harness.get_by_label_contains("It can be made again");
    harness.get_by_label("Keep").click();
    harness.run();
    assert_eq!(harness.state().held_back, []);
    harness.get_by_label("Delete...").click();
    harness.run();
    harness.get_by_label("Move to trash").click();
    harness.run();
    assert_eq!(
        harness.state().held_back,
        [ModelsAction::Delete {
            folder: PathBuf::from(resolved.model.path),
            label: "synthetic:three-layers".to_owned(),
        }]
    );
    harness.get_by_label("New synthetic model").click();
    harness.run();
    harness.get_by_label_contains("is there already");
}

#[test]
fn a_cancel_leaves_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let mut harness = harness(root.path(), Recent::default(), Theme::Dark, [1308.0, 900.0]);
    harness.run();
    harness
        .get_by_label_contains("synthetic:llama-3.2-3b-4bit, ")
        .click();
    harness.run();
    harness.get_by_label("Make now").click();
    harness.run();
    harness.get_by_label("Cancel").click();
    harness.run();
    harness
        .state_mut()
        .wait(|page| !page.is_making() && !page.looking);
    harness.run();
    harness.get_by_label_contains("Cancelled. Nothing half-made");
    let left = fs::read_dir(root.path().join("synthetic")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn recent_models_are_removed_and_brought_back() {
    let root = disk();
    let mut recent = Recent::default();
    for text in ["/nowhere/at/all", "synthetic:tiny"] {
        recent.add(text).expect("kept");
    }
    let mut harness = harness(root.path(), recent, Theme::Dark, [1308.0, 900.0]);
    harness.run();
    harness.get_by_label_contains("not found any more");
    harness
        .get_by_label("Remove synthetic:tiny from the recent ones")
        .click();
    harness.run();
    assert_eq!(page(&harness).recent().texts(), ["/nowhere/at/all"]);
    harness.get_by_label("Undo").click();
    harness.run();
    assert_eq!(
        page(&harness).recent().texts(),
        ["synthetic:tiny", "/nowhere/at/all"]
    );
    assert_eq!(harness.state().wishes, [Wish::Recent, Wish::Recent]);
}

/// `PICTURES=1 cargo test --lib models_pictures`, into `target/screenshots/`.
#[test]
fn models_pictures() {
    if std::env::var_os("PICTURES").is_none() {
        return;
    }
    let root = disk();
    let own = root.path().join("synthetic");
    let token = CancellationToken::new();
    synthetic::ensure("tiny", &own, &mut |_| (), &token).expect("a model");
    let mut recent = Recent::default();
    recent.add("synthetic:tiny").expect("kept");
    let machine = MachineMemory::of_gpu(Bytes(16_000_000_000), None);
    for (theme, shade) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        for size in [[868.0, 640.0], [1308.0, 900.0]] {
            for scene in ["nothing", "chosen", "download", "shape", "wrong", "making"] {
                let mut harness = harness(root.path(), recent.clone(), theme, size);
                let shown = &mut harness.state_mut().work.page;
                shown.set_machine(machine);
                match scene {
                    "chosen" => drop(shown.select("synthetic:mistral-7b-4bit")),
                    "download" => drop(shown.select(&recommended()[7].repo)),
                    "shape" | "wrong" | "making" => {
                        shown.apply(super::page::Event::NewShape);
                        if scene == "wrong" {
                            "3".clone_into(&mut shown.maker.texts[4]);
                            shown.apply(super::page::Event::MakerEdited);
                        }
                        if scene == "making" {
                            shown.begin_making("my-tiny");
                            shown.making_progress(synthetic::Progress {
                                done: Bytes(250_000_000),
                                total: Bytes(1_000_000_000),
                            });
                        }
                    }
                    _ => {}
                }
                harness.run_steps(4);
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots");
                fs::create_dir_all(folder).expect("a folder");
                let image = harness.render().expect("a picture");
                let file = format!("{folder}/models-{scene}-{shade}-{}.png", size[0]);
                image.save(file).expect("a file");
            }
        }
    }
}
