//! Energy stands in every format as the other layers do, and its meter is named.

use std::path::Path;

use super::chart::{Chart, ChartError, Look};
use super::document::{Document, Format, Wanted};
use crate::board::Layer;
use crate::monitor::energy::{Energy, EnergySource};
use crate::store::library::{self, LoadedRun};
use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;
use crate::store::testing;

fn run(dir: &Path, energy: Option<Energy>) -> LoadedRun {
    let plan = testing::plan(dir, 4);
    let now = "2026-11-24T15:09:13[UTC]".parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, Provenance::default(), &now).expect("a new run");
    let path = recorder.files().csv().to_owned();
    for cell in &plan.cells {
        let mut result = testing::result(cell);
        result.machine.energy = energy;
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
fn every_format_has_the_figure_and_names_its_meter() {
    let dir = tempfile::tempdir().expect("a folder");
    let energy = Energy {
        j_per_token: 0.412_3,
        idle_subtracted_j_per_token: None,
        source: EnergySource::GpuAndCpu,
    };
    let run = run(dir.path(), Some(energy));
    let markdown = text(&run, Format::Markdown);
    assert!(markdown.contains("Energy (J/token)"), "{markdown}");
    assert!(markdown.contains("| 0.412 |"), "{markdown}");
    assert!(
        markdown.contains("Energy: of the GPU and CPU"),
        "{markdown}"
    );
    let html = text(&run, Format::Html);
    assert!(html.contains("Energy <small>J/token</small>"));
    assert!(html.contains("data-v=\"0.4123\">0.412<"));
    assert!(html.contains("Energy: of the GPU and CPU"));
    let csv = text(&run, Format::Csv);
    assert!(
        csv.lines()
            .nth(1)
            .expect("a row")
            .contains(",0.4123,,gpu+cpu,")
    );
    let json: serde_json::Value = serde_json::from_str(&text(&run, Format::Json)).expect("JSON");
    let found = json.to_string();
    assert!(found.contains("\"energy_source\":\"gpu+cpu\""), "{found}");
    let board = &Document::new(&run).board;
    let chart = Chart::heatmap(board, Layer::Energy).expect("axes");
    assert!(chart.draw(board, Look::Page, None).is_ok());
}

#[test]
fn a_machine_without_a_meter_says_so_and_shows_no_zero() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = run(dir.path(), None);
    let document = Document::new(&run);
    assert!(!document.board.layers().contains(&Layer::Energy));
    assert_eq!(document.about_energy(), None);
    let charts = [Chart::heatmap, Chart::lines].map(|chart| chart(&document.board, Layer::Energy));
    for chart in charts {
        let drawn = chart.expect("axes").draw(&document.board, Look::Page, None);
        assert_eq!(drawn.err(), Some(ChartError::NoEnergy("no power sensor")));
    }
    assert!(!text(&run, Format::Markdown).contains("Energy"));
}
