//! Every format says how sure its figures are, and what that stands on.

use std::path::Path;

use super::document::{Document, Format, Wanted};
use crate::board::Layer;
use crate::measure::figures::Intervals;
use crate::measure::interval::{Interval, ONE_WINDOW, over_repeats};
use crate::plan::Cell;
use crate::store::library::{self, LoadedRun};
use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;
use crate::store::testing;

const REPEATS_TPS: [f64; 3] = [300.0, 310.0, 305.0];

/// One cell, repeated three times; each repeat's window gives 3 tokens/s to each side.
fn repeated(dir: &Path, with_bounds: bool) -> LoadedRun {
    let mut plan = testing::plan(dir, 0);
    for repeat in 1..=3 {
        let cell = testing::cell(repeat - 1, Some(8), 4);
        plan.cells.push(Cell { repeat, ..cell });
    }
    let now = "2026-11-24T15:09:13[UTC]".parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, Provenance::default(), &now).expect("a new run");
    let path = recorder.files().csv().to_owned();
    for (cell, tps) in plan.cells.iter().zip(REPEATS_TPS) {
        let mut result = testing::result(cell);
        let figures = result.figures.as_mut().expect("it was measured");
        figures.throughput_tps = tps;
        if with_bounds {
            figures.intervals = Intervals {
                throughput_tps: Interval::new(tps - 3.0, tps + 3.0),
                ..Intervals::default()
            };
        }
        recorder.record(&testing::finished(result)).expect("a row");
    }
    library::load(&path).expect("a run")
}

fn text(run: &LoadedRun, format: Format) -> String {
    let document = Document::new(run);
    let bytes = document.render(&Wanted::of(format)).expect("it is known");
    String::from_utf8(bytes).expect("text")
}

#[test]
fn tables_show_each_window_and_the_best_its_repeats() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = repeated(dir.path(), true);
    let over = over_repeats(&REPEATS_TPS).expect("three repeats");
    let best = Layer::Throughput.with_interval(305.0, Some(over));
    assert_eq!(best, "305.0 ± 12.4 tokens/s");
    let best_line = Document::new(&run).best().expect("a best cell");
    assert!(best_line.starts_with(&best), "{best_line}");

    let markdown = text(&run, Format::Markdown);
    assert!(markdown.contains("| **300.0 ± 3.0** |"), "{markdown}");
    assert!(markdown.contains(ONE_WINDOW), "{markdown}");
    let html = text(&run, Format::Html);
    assert!(
        html.contains(">300.0 ± 3.0</td>") && html.contains(&best),
        "{html}"
    );
    assert!(html.contains(ONE_WINDOW), "{html}");
    let json: serde_json::Value =
        serde_json::from_str(&text(&run, Format::Json)).expect("a document");
    assert_eq!(json["rows"][0]["throughput_low_tps"], 297.0);
    assert_eq!(json["best"]["throughput_high_tps"], over.high);
    assert_eq!(json["best"]["repeats"], 3);
    assert_eq!(json["best"]["tied_with"], serde_json::json!([]));
    assert!(best_line.ends_with(", mean of 3 repeats"), "{best_line}");
}

#[test]
fn every_format_names_what_the_best_is_tied_with() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = testing::plan(dir.path(), 0);
    // The fastest repeat of all is of another combination than the best.
    let repeats = [(1, 120.0), (2, 101.0), (1, 70.0), (2, 99.0), (4, 50.0)];
    for (index, (concurrency, _)) in (0..).zip(repeats) {
        let cell = testing::cell(index, Some(8), concurrency);
        let repeat = 1 + index / 2 % 2;
        plan.cells.push(Cell { repeat, ..cell });
    }
    let now = "2026-11-24T15:09:13[UTC]".parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, Provenance::default(), &now).expect("a new run");
    let path = recorder.files().csv().to_owned();
    for (cell, (_, tps)) in plan.cells.iter().zip(repeats) {
        let mut result = testing::result(cell);
        result.figures.as_mut().expect("measured").throughput_tps = tps;
        recorder.record(&testing::finished(result)).expect("a row");
    }
    let run = library::load(&path).expect("a run");
    let best = library::summary(&path).best.expect("a best");
    assert_eq!((best.throughput_tps, best.repeats), (100.0, 2));
    // Two repeats of the other lie 50 apart; the fifth row is of one repeat without an interval.
    let ties = "Tied with 1 other within the 95 % interval: concurrency 1";
    let html = text(&run, Format::Html);
    assert!(
        html.contains("Best, at concurrency 2, mean of 2 repeats"),
        "{html}"
    );
    assert!(html.contains(ties), "{html}");
    assert_eq!(html.matches("<tr class=\"is-best\">").count(), 2);
    let markdown = text(&run, Format::Markdown);
    assert!(markdown.contains(ties), "{markdown}");
    assert!(
        markdown.contains("at concurrency 2, mean of 2 repeats"),
        "{markdown}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&text(&run, Format::Json)).expect("a document");
    assert_eq!(json["best"]["throughput_tps"], 100.0);
    assert_eq!(json["best"]["at"], "concurrency 2");
    assert_eq!(
        json["best"]["tied_with"],
        serde_json::json!(["concurrency 1"])
    );
}

#[test]
fn a_file_from_before_has_no_interval_and_nothing_is_said_of_any() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = repeated(dir.path(), false);
    let markdown = text(&run, Format::Markdown);
    assert!(markdown.contains("| **300.0** |"), "{markdown}");
    assert!(!markdown.contains("95 %"), "{markdown}");
    let json: serde_json::Value =
        serde_json::from_str(&text(&run, Format::Json)).expect("a document");
    assert!(json["rows"][0]["throughput_low_tps"].is_null());
}
