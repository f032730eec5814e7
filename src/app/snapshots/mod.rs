//! Every page in light and dark, compared pixel by pixel with the pictures in `tests/snapshots/`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --lib snapshots` draws those anew that differ; look at each before
//! you commit it. A failed test leaves what it drew and what differs beside the picture, as
//! `*.new.png` and `*.diff.png`.
//!
//! No graphics driver is needed, nor could one disturb: see [`super::testing::raster`].

mod figures;
mod least;
mod stage;

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui::{Theme, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{SnapshotOptions, SnapshotResults, try_image_snapshot_options};

use self::stage::{MODEL, Stage, moment};
use super::backend::Done;
use super::command::AppCommand;
use super::testing::window::click;
use crate::engine::event::RunEnd;

/// The size that the window first opens with, and the least that it has.
const USUAL: Vec2 = vec2(1440.0, 900.0);
const LEAST: Vec2 = vec2(1000.0, 640.0);

/// How far a pixel may be off: the squared distance of two colours, of at most 35,215. Processors
/// and their sines may differ in a last bit, which moves a part of a colour by one of 255 steps:
/// all three by one are 0.5. Mesa's lavapipe, in place of our own drawing, is within this too. A
/// colour that people take for another is hundreds off.
const THRESHOLD: f32 = 1.0;
/// How many pixels may be off further: where an edge meets the middle of a pixel, that last bit
/// decides on a whole pixel. The stem of one letter has more.
const STRAY_PIXELS: usize = 6;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

fn options(folder: &Path) -> SnapshotOptions {
    SnapshotOptions::new()
        .threshold(THRESHOLD)
        .max_failed_pixels(STRAY_PIXELS)
        .output_path(folder)
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_SNAPSHOTS").is_some()
}

/// Compares `page` in both themes, after `play` has brought the window there.
fn compare(page: &str, size: Vec2, welcomed: bool, play: impl Fn(&mut Stage)) {
    let folder = folder();
    let options = options(&folder);
    let mut results = SnapshotResults::new();
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        let mut stage = Stage::new(size, theme, welcomed);
        play(&mut stage);
        stage.window.remove_cursor();
        // Whatever moves comes to rest.
        stage.window.run_steps(8);
        let name = format!("{page}-{name}");
        let drawn = stage.window.render().expect("a picture");
        results.add(try_image_snapshot_options(&drawn, &name, &options));
        if is_update() {
            stage::squeeze(&folder.join(format!("{name}.png")));
        }
    }
}

/// Starts the full sweep in the form.
fn start(stage: &mut Stage) {
    let window = &mut stage.window;
    window
        .get_by_role_and_label(Role::ComboBox, "Kind of run")
        .click();
    window.run_steps(3);
    click(window, "Full sweep");
    window.get_by_role_and_label(Role::Button, "Start").click();
    window.run_steps(3);
    stage.until(|done| matches!(done, Done::Started(..)));
}

/// Measures the cells from `first` to before `end`, with what the machine did meanwhile; `live`
/// figures are shown as they come, which takes a frame each.
fn cells(stage: &mut Stage, first: usize, end: usize, live: bool) {
    for cell in first..end {
        stage.script.cell_starts(cell);
        for second in 0..12 {
            let at_s = f64::from(second);
            let script = &stage.script;
            script.machine_reads(at_s, |sample| figures::machine(at_s, sample));
            if live && second % 3 == 1 {
                let running = script.plan().cells[cell].clone();
                script.live(figures::live_tps(&running, at_s), at_s);
                stage.window.step();
            }
        }
        stage.script.cell_ends_as(cell, figures::measure);
        stage.window.run_steps(2);
    }
}

/// Ends the running sweep after its last cell; its file is read for the Results page.
fn finish(stage: &mut Stage) {
    cells(stage, 0, 15, false);
    stage.script.ends(RunEnd::Completed);
    stage.window.run_steps(2);
    stage.until(|done| matches!(done, Done::Opened(..)));
    stage.list();
}

fn go(stage: &mut Stage, command: AppCommand) {
    stage.window.state_mut().command(command);
    stage.window.run_steps(4);
}

/// Two finished runs of an earlier and a later mlx, and an old one of the Python lab.
fn library(stage: &mut Stage) -> [PathBuf; 2] {
    library_of(stage, MODEL)
}

/// As [`library`], of another model.
fn library_of(stage: &mut Stage, model: &str) -> [PathBuf; 2] {
    let results = stage.results();
    super::testing::window::sample(&results, "full_sweep_20261103_214507.csv");
    let before = moment("2026-11-24T15:09:13");
    let before = figures::recorded(&results, model, &before, "0.32.4", |_| 1.0);
    let after = moment("2026-11-25T10:00:00");
    let after = figures::recorded(&results, model, &after, "0.33.0", |cell| {
        // Large batches became faster, single requests a little slower.
        0.97 + 0.004 * f64::from(cell.load.concurrency.min(32))
    });
    stage.list();
    [before, after]
}

fn open_run(stage: &mut Stage, path: &Path) {
    stage.window.state_mut().open(path);
    stage.until(|done| matches!(done, Done::Opened(..)));
}

#[test]
fn welcome() {
    compare("welcome", LEAST, false, |_| {});
}

#[test]
fn run_before_the_first_cell() {
    compare("run-empty", USUAL, true, |stage| {
        library(stage);
    });
}

#[test]
fn run_while_measuring() {
    compare("run-running", USUAL, true, |stage| {
        start(stage);
        cells(stage, 0, 3, false);
        let why = "The server ended: Metal is out of memory.";
        stage.script.cell_fails(3, why);
        let why = "3.1 % of the requests failed";
        stage.script.cell_is_invalid(4, 1_402.0, why);
        cells(stage, 5, 8, false);
        stage.script.cell_starts(8).live(812.4, 4.0);
    });
}

#[test]
fn run_finished_with_a_cell_in_detail() {
    compare("run-finished", USUAL, true, |stage| {
        start(stage);
        finish(stage);
    });
}

#[test]
fn run_in_the_least_window() {
    compare("run-least", LEAST, true, |stage| {
        start(stage);
        cells(stage, 0, 8, false);
        stage.script.cell_starts(8).live(812.4, 4.0);
    });
}

#[test]
fn the_machine_over_the_time_of_a_run() {
    compare("run-plots", LEAST, true, |stage| {
        start(stage);
        cells(stage, 0, 8, true);
        stage.script.cell_starts(8).live(812.4, 4.0);
        stage.window.run_steps(2);
        click(&mut stage.window, "Plots");
    });
}

#[test]
fn results_with_a_run_opened() {
    compare("results", USUAL, true, |stage| {
        let [_, after] = library(stage);
        open_run(stage, &after);
        stage.until(|done| matches!(done, Done::Read(_)));
    });
}

#[test]
fn results_as_lines() {
    compare("results-lines", LEAST, true, |stage| {
        let [_, after] = library(stage);
        open_run(stage, &after);
        click(&mut stage.window, "Lines");
    });
}

#[test]
fn compare_two_runs() {
    compare("compare", USUAL, true, |stage| {
        let [before, after] = library(stage);
        let lab = stage.window.state_mut();
        lab.add_to_compare(&before);
        lab.add_to_compare(&after);
        stage.until(|done| matches!(done, Done::Compare(super::compare::CompareDone::Matched(_))));
        click(&mut stage.window, "Difference");
    });
}

#[test]
fn models() {
    compare("models", LEAST, true, |stage| {
        go(stage, AppCommand::ShowModels);
        stage
            .window
            .get_by_label_contains("mistral-nemo-instruct")
            .click();
    });
}

#[test]
fn environment() {
    compare("environment", USUAL, true, |stage| {
        go(stage, AppCommand::ShowEnvironment);
    });
}

#[test]
fn settings_sheet() {
    compare("settings", LEAST, true, |stage| {
        go(stage, AppCommand::ShowSettings);
    });
}

#[test]
fn shortcut_sheet() {
    compare("shortcuts", LEAST, true, |stage| {
        go(stage, AppCommand::ShortcutSheet);
    });
}

/// What the comparison is for: the least of each kind of change that a user would see.
#[test]
fn small_changes_of_a_picture_are_seen() {
    if is_update() {
        // Every change is then taken on as it is.
        return;
    }
    let name = "run-finished-light";
    let picture = folder().join(format!("{name}.png"));
    let whole = image::open(&picture).expect("a picture").to_rgba8();
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::copy(&picture, dir.path().join(format!("{name}.png"))).expect("a copy");
    let options = options(dir.path());
    let is_seen = |change: &dyn Fn(&mut image::RgbaImage)| {
        let mut changed = whole.clone();
        change(&mut changed);
        try_image_snapshot_options(&changed, name, &options).is_err()
    };
    assert!(!is_seen(&|_| {}), "an unchanged picture");
    // Of "Results" in the navigation, the least that moves.
    assert!(is_seen(&|picture| {
        for y in 52..72 {
            for x in (37..84).rev() {
                let left = *picture.get_pixel(x - 1, y);
                picture.put_pixel(x, y, left);
            }
        }
    }));
    // A heatmap cell's colour, a little off.
    assert!(is_seen(&|picture| {
        let (x, y) = (510, 250);
        let cell = *picture.get_pixel(x, y);
        for pixel in picture.pixels_mut().filter(|pixel| **pixel == cell) {
            pixel.0[2] = pixel.0[2].wrapping_add(6);
        }
    }));
    // The button of presets, gone: its place is of the colour around it.
    assert!(is_seen(&|picture| {
        let around = *picture.get_pixel(400, 24);
        for y in 26..56 {
            for x in 402..440 {
                picture.put_pixel(x, y, around);
            }
        }
    }));
}
