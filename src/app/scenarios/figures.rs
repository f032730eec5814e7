//! Runs that are on disk already: opened, compared, saved as something else.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::app::command::AppCommand;
use crate::app::compare::CompareDone;
use crate::app::export;
use crate::app::testing::window::{click, window};
use crate::board::{Board, CellState, Entry, Layer};
use crate::compare::testing::Recorded;
use crate::engine::event::RunEnd;
use crate::store::library;

/// As if `path` was picked in the dialog of "Open results...". Waits until it is shown, and until it
/// is in the list as well, wherever it lies.
fn open(window: &mut Window, path: &Path) {
    let picked = Done::PickedResults(path.to_owned());
    window.state_mut().take(picked);
    let (opened, listed) = (Cell::new(false), Cell::new(false));
    until(window, |done| {
        match done {
            Done::Opened(..) => opened.set(true),
            Done::Runs(runs, _) if runs.iter().any(|run| run.path == path) => listed.set(true),
            _ => {}
        }
        opened.get() && listed.get()
    });
}

fn old(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    folder.join(name)
}

/// The rows of the table that are in sight, from top to bottom.
fn rows(window: &Window) -> Vec<String> {
    let rows = window.query_all_by_label_contains("Cell ");
    rows.filter_map(|row| row.accesskit_node().label())
        .collect()
}

#[test]
fn files_of_the_older_lab_open_with_a_warning_and_are_left_as_they_are() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in [
        "full_sweep_20261124_012945.csv",
        "full_sweep_highconc.csv",
        "full_sweep_server_killed.csv",
        "round_robin_sweep_20261124_013825.csv",
    ] {
        let path = dir.path().join(name);
        fs::copy(old(name), &path).expect("a copy");
        let before = fs::read(&path).expect("a file");
        let board = Board::of_run(&library::load(&path).expect("a run"));
        let best = board.best().expect("a figure");
        let fastest = format!("Cell {}", board.label(best.entry));
        let figure = Layer::Throughput.with_unit(best.throughput_tps);

        let mut window = window(dir.path());
        open(&mut window, &path);
        let warned = window.query_all_by_label_contains("were not applied");
        let swept = name.starts_with("full_sweep");
        assert_eq!(warned.count() > 0, swept, "{name}");
        let starred = format!("{figure}, best");
        let best = window.query_all_by_label_contains(&starred);
        assert_eq!(best.count(), 1, "{name}");

        click(&mut window, "Table");
        let sort = "Sort by Throughput (tokens/s)";
        click(&mut window, sort);
        let once = rows(&window);
        click(&mut window, sort);
        let twice = rows(&window);
        // Cells without a figure are last in both orders.
        let done = |entry: &Entry| entry.state() == CellState::Done;
        if board.entries().filter(done).count() > 1 {
            assert_ne!(once, twice, "{name}");
        }
        let firsts = [once.first(), twice.first()];
        assert!(firsts.contains(&Some(&fastest)), "{fastest} in {firsts:?}");

        click(&mut window, "Lines");
        window.get_by_label_contains("Throughput against concurrency: ");
        click(&mut window, "Pareto");
        shows(&mut window, "No latency was measured");
        assert_eq!(
            fs::read(&path).expect("a file"),
            before,
            "{name} was changed"
        );
    }
}

fn two_runs(dir: &Path) -> [PathBuf; 2] {
    let first = Recorded::new(dir, "2026-11-24T15:09:13[UTC]", 1).measure(|_, _| {});
    let mut second = Recorded::new(dir, "2026-11-25T10:00:00[UTC]", 1);
    second.provenance.software["mlx"] = "0.33.0".into();
    let second = second.measure(|_, figures| figures.throughput_tps *= 1.1);
    [first, second]
}

#[test]
fn two_runs_are_compared_with_a_warning_and_a_difference_in_percent() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = two_runs(&dir.path().join("results"));
    let mut window = window(dir.path());
    open(&mut window, &first);
    // The last of that name: the first is the page, at the left.
    let buttons: Vec<_> = window.query_all_by_label("Compare").collect();
    buttons.last().expect("a button").click();
    drop(buttons);
    window.run_steps(3);
    wait_for(&mut window, "One more run");
    let picked = Done::Compare(CompareDone::Picked(second));
    window.state_mut().take(picked);
    wait_for(&mut window, "could explain a delta");
    window.get_by_label("1 difference could explain a delta: mlx");
    click(&mut window, "Difference");
    window.get_by_label(
        "Heatmap of Difference in Throughput in %: Decode concurrency by Concurrency",
    );
    shows(&mut window, "decode concurrency 8, concurrency 4: +10.0 %");
}

#[test]
fn a_run_that_was_watched_is_exported_with_its_figures() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script
        .cell_ends(0, 354.9)
        .cell_ends(1, 791.4)
        .ends(RunEnd::Stopped);
    window.run_steps(3);
    until(&mut window, |done| matches!(done, Done::Opened(..)));
    window.state_mut().command(AppCommand::ShowResults);
    window.run_steps(3);
    assert_eq!(window.state().may(AppCommand::Export), Ok(()));
    for name in ["saved.html", "saved.csv"] {
        let to = dir.path().join(name);
        let lab = window.state();
        let run = lab.run.as_ref();
        let shown = export::shown(lab.page, &lab.results, run, false).expect("a run");
        assert_eq!(shown.csv, script.csv());
        let written = export::carry_out(shown, &to);
        window.state_mut().take(Done::Exported(written));
        shows(&mut window, &format!("Saved {name}"));
        let text = fs::read_to_string(&to).expect("a file");
        for figure in ["354.9", "791.4"] {
            assert!(text.contains(figure), "{figure} in {name}");
        }
    }
}
