//! Every page in the least window that there is, with names longer than usual: what can be pressed
//! lies inside it, and nothing lies over another.
//!
//! `PICTURES=1 cargo test --lib least` draws what is checked into `target/screenshots/least/`, and the
//! same at larger sizes.

use egui::{Pos2, Rect};
use egui_kittest::kittest::NodeT as _;

use super::*;
use crate::app::compare::CompareDone;
use crate::app::testing::picture::picture;
use crate::store::note::RunNote;

/// As models that were merged and tuned are named.
const LONG_MODEL: &str = "mlx-community/DeepSeek-R1-Distill-Qwen-32B-abliterated-instruct-tuned-on-\
                          support-mail-2026-10-mixed-precision-4bit-6bit-group-size-64";

/// Every axis varies, so that a cell has a long label.
const SWEEP: [(&str, &str); 6] = [
    ("MLX_RESULTS_DIR", "/Users/ada/Benchmarks"),
    ("MLX_INSTANCES_LIST", "1,2"),
    ("MLX_DECODE_CONCURRENCY_LIST", "8,32,64"),
    ("MLX_PROMPT_CONCURRENCY_LIST", "4,8"),
    ("MLX_CONCURRENCY_LIST", "1,4,16,32,64"),
    ("MLX_MODEL_PATH", LONG_MODEL),
];

fn stage(size: Vec2) -> Stage {
    Stage::with(size, Theme::Light, true, &SWEEP)
}

fn look(stage: &mut Stage, name: &str, size: Vec2) {
    stage.window.remove_cursor();
    stage.window.run_steps(6);
    let name = format!("least/{name}-{}.png", size.x as u32);
    picture(&mut stage.window, &name);
}

fn running(size: Vec2) -> Stage {
    let mut stage = stage(size);
    start(&mut stage);
    cells(&mut stage, 0, 8, false);
    stage.script.cell_starts(8).live(812.4, 4.0);
    stage.window.run_steps(2);
    stage
}

/// What a page has at one moment.
struct Seen {
    page: String,
    /// What can be pressed, typed into or chosen from, by what a screen reader calls it.
    controls: Vec<(String, Rect)>,
    /// Texts that stand alone.
    texts: Vec<(String, Rect)>,
}

const SCREEN: Rect = Rect {
    min: Pos2::ZERO,
    max: Pos2::new(LEAST.x, LEAST.y),
};

/// More than the width of a line.
fn overlap(a: Rect, b: Rect) -> bool {
    let shared = a.intersect(b);
    shared.width() > 0.5 && shared.height() > 0.5
}

fn see(stage: &mut Stage, page: &str) -> Seen {
    look(stage, page, LEAST);
    let window = &stage.window;
    let of = |roles: &[Role]| {
        let nodes = window.root().children_recursive();
        let nodes = nodes.filter(|node| roles.contains(&node.accesskit_node().role()));
        // What is scrolled out of sight has a place there.
        let nodes = nodes.filter(|node| overlap(node.rect(), SCREEN));
        let named = nodes.map(|node| {
            let accessible = node.accesskit_node();
            let name = accessible.label().or_else(|| accessible.value());
            (name.unwrap_or_default(), node.rect())
        });
        named.collect()
    };
    Seen {
        page: page.to_owned(),
        controls: of(&[
            Role::Button,
            Role::CheckBox,
            Role::ComboBox,
            Role::Link,
            Role::RadioButton,
            Role::TextInput,
        ]),
        texts: of(&[Role::Label]),
    }
}

/// Where the run's form ends, and the list of results. The form's fields scroll beneath its bar with Start, as far as names tell.
const FORM: f32 = 452.0;

impl Seen {
    /// What stands right of `x`.
    fn right_of(mut self, x: f32) -> Self {
        for seen in [&mut self.controls, &mut self.texts] {
            seen.retain(|(_, rect)| rect.left() >= x);
        }
        self
    }

    /// `named` are there once, and inside the window.
    #[track_caller]
    fn has_inside(&self, named: &[&str]) -> Vec<Rect> {
        let page = &self.page;
        let places = named.iter().map(|name| {
            let same = self.controls.iter().filter(|(found, _)| found == name);
            let found: Vec<Rect> = same.map(|(_, rect)| *rect).collect();
            assert_eq!(found.len(), 1, "{page}: {name:?} among {:?}", self.controls);
            let rect = found[0];
            let usable = rect.width() > 15.0 && rect.height() > 15.0;
            assert!(
                usable && SCREEN.contains_rect(rect),
                "{page}: {name} {rect:?}"
            );
            rect
        });
        places.collect()
    }

    /// As [`Seen::has_inside`], and nothing lies over them.
    #[track_caller]
    fn has_in_place(&self, named: &[&str]) {
        let page = &self.page;
        for (name, rect) in named.iter().zip(self.has_inside(named)) {
            for (other, at) in self.controls.iter().chain(&self.texts) {
                let apart = other == name || !overlap(rect, *at);
                assert!(apart, "{page}: {name} {rect:?} and {other:?} {at:?}");
            }
        }
    }

    /// No text runs out of the window at its right, or over another.
    #[track_caller]
    fn has_whole_texts(&self) {
        let page = &self.page;
        for (n, (text, rect)) in self.texts.iter().enumerate() {
            let inside = rect.left() > -0.5 && rect.right() < SCREEN.right() + 0.5;
            assert!(inside, "{page}: {text:?} {rect:?}");
            for (other, at) in &self.texts[..n] {
                assert!(
                    !overlap(*rect, *at),
                    "{page}: {text:?} {rect:?} and {other:?} {at:?}"
                );
            }
        }
    }
}

const CHARTS: [&str; 4] = ["Heatmap", "Lines", "Pareto", "Cell"];

#[test]
fn a_run_keeps_its_controls_and_says_all_of_what_it_measures() {
    let mut stage = running(LEAST);
    let controls = ["Pause", "Skip cell", "Stop", "Export"];
    let tabs = [
        "Heatmap", "Lines", "Pareto", "Cells", "Plots", "Cell", "Log",
    ];
    for tab in tabs {
        click(&mut stage.window, tab);
        let seen = see(&mut stage, &format!("run-{tab}"));
        seen.has_inside(&["Start", "Show command"]);
        let seen = seen.right_of(FORM);
        seen.has_in_place(&controls);
        seen.has_in_place(&tabs);
        if CHARTS.contains(&tab) {
            seen.has_whole_texts();
        }
        let what =
            "Measuring instances 2, decode concurrency 8, prompt concurrency 4, concurrency 32";
        let (_, title) = seen
            .texts
            .iter()
            .find(|(text, _)| text == what)
            .expect("a title");
        assert!(title.height() > 30.0, "on two lines: {title:?}");
    }
    stage.script.cell_ends_as(8, figures::measure);
    stage.script.reference_starts(0).live(68.4, 4.0);
    click(&mut stage.window, "Heatmap");
    let seen = see(&mut stage, "run-reference").right_of(FORM);
    seen.has_in_place(&controls);
    seen.has_whole_texts();
    click(&mut stage.window, "Stop");
    let seen = see(&mut stage, "run-stopping").right_of(FORM);
    seen.has_in_place(&controls);
    let why = "the server ended: Metal is out of memory, so this machine has too little of it for \
               two servers with that many requests at once";
    stage.script.ends(RunEnd::Failed(why.to_owned()));
    let seen = see(&mut stage, "run-failed");
    seen.has_inside(&["Start"]);
    let seen = seen.right_of(FORM);
    seen.has_in_place(&["Export"]);
    seen.has_whole_texts();
}

/// A larger window has room for words on the buttons, which stay where they are.
#[test]
fn a_run_in_larger_windows() {
    for size in [USUAL, vec2(2560.0, 1440.0)] {
        let mut stage = running(size);
        look(&mut stage, "run", size);
        let place = |stage: &Stage| stage.window.get_by_label("Skip cell").rect();
        let before = place(&stage);
        assert!(before.width() > 60.0, "{before:?}");
        stage.script.cell_ends_as(8, figures::measure);
        stage.window.run_steps(4);
        assert_eq!(place(&stage), before, "between cells");
        let title = stage.window.get_by_label("Between cells").rect();
        assert!(!overlap(title, before));
        stage.script.reference_starts(0).live(68.4, 4.0);
        look(&mut stage, "run-reference", size);
    }
}

/// The library's later run, with a long name and one cell left to measure.
fn named_and_cut_short(stage: &mut Stage) -> [PathBuf; 2] {
    let [before, after] = library_of(stage, LONG_MODEL);
    let rows = std::fs::read_to_string(&after).expect("a file");
    let (rows, _) = rows.trim_end().rsplit_once('\n').expect("more than a row");
    std::fs::write(&after, format!("{rows}\n")).expect("a file");
    let name = "After the update of the system, with the fans at full speed and the window open";
    RunNote::new(name, "").write(&after).expect("a file");
    stage.list();
    [before, after]
}

#[test]
fn results_keep_their_controls_whatever_the_run_is_called() {
    let mut stage = stage(LEAST);
    let [before, after] = named_and_cut_short(&mut stage);
    let buttons = [
        "Name and note...",
        "Move to trash...",
        "Reveal",
        "Export",
        "Compare",
    ];
    let tabs = [
        "Heatmap", "Lines", "Pareto", "Table", "Machine", "Cell", "Details",
    ];
    for (path, name) in [(before, "results"), (after, "results-named")] {
        open_run(&mut stage, &path);
        stage.until(|done| matches!(done, Done::Read(_)));
        for tab in tabs {
            click(&mut stage.window, tab);
            let seen = see(&mut stage, &format!("{name}-{tab}")).right_of(FORM);
            seen.has_in_place(&buttons);
            seen.has_in_place(&tabs);
            if name == "results-named" {
                seen.has_in_place(&["Resume"]);
            }
            if CHARTS.contains(&tab) {
                seen.has_whole_texts();
            }
        }
    }
}

#[test]
fn compared_runs_leave_room_for_every_control() {
    let mut stage = stage(LEAST);
    let runs = named_and_cut_short(&mut stage);
    for run in &runs {
        stage.window.state_mut().add_to_compare(run);
    }
    stage.until(|done| matches!(done, Done::Compare(CompareDone::Matched(_))));
    for tab in ["Lines", "Difference", "Cells", "Differences"] {
        click(&mut stage.window, tab);
        let seen = see(&mut stage, &format!("compare-{tab}"));
        seen.has_in_place(&["Lines", "Difference", "Cells", "Differences"]);
        if tab == "Cells" {
            seen.has_in_place(&["Copy table"]);
        } else {
            seen.has_whole_texts();
        }
    }
}

#[test]
fn the_other_pages_and_sheets() {
    let mut stage = stage(LEAST);
    let seen = see(&mut stage, "run-empty");
    seen.has_inside(&["Start", "Show command"]);
    seen.right_of(FORM).has_whole_texts();
    go(&mut stage, AppCommand::ShowModels);
    let model = stage.window.get_by_label_contains("mistral-nemo-instruct");
    model.click();
    let mut seen = see(&mut stage, "models");
    // On the last line of the name, as its last word.
    seen.texts.retain(|(text, _)| text != "On disk");
    seen.has_in_place(&["Use in run", "New synthetic model", "Refresh"]);
    seen.has_whole_texts();
    go(&mut stage, AppCommand::ShowEnvironment);
    let seen = see(&mut stage, "environment");
    seen.has_in_place(&["Refresh"]);
    seen.has_whole_texts();
    go(&mut stage, AppCommand::ShowSettings);
    // It lies over the page.
    see(&mut stage, "settings");
    let close = stage.window.get_by_label("Close window").rect();
    assert!(SCREEN.contains_rect(close));
    let mut stage = Stage::new(LEAST, Theme::Light, false);
    let seen = see(&mut stage, "welcome").right_of(FORM);
    seen.has_in_place(&["Measure this machine", "Choose settings first"]);
    seen.has_whole_texts();
}
