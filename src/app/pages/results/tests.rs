use std::fs;
use std::path::{Path, PathBuf};

use egui::{Role, Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use serde_json::json;

use super::*;
use crate::app::testing::picture::picture;
use crate::board::Layer;
use crate::store::library;
use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;
use crate::store::testing;

#[derive(Default)]
struct State {
    page: ResultsPage,
    actions: Vec<ResultsAction>,
}

fn harness(page: ResultsPage, theme: Theme) -> Harness<'static, State> {
    let state = State {
        page,
        actions: Vec::new(),
    };
    Harness::builder()
        .with_size(vec2(1180.0, 720.0))
        .with_theme(theme)
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, state: &mut State| {
                let asked = show(ui, &mut state.page);
                // What is read for the detail has tests of its own.
                let asked = asked.into_iter();
                let asked = asked.filter(|action| !matches!(action, ResultsAction::Read(_)));
                state.actions.extend(asked);
            },
            state,
        )
}

/// A results folder with an unfinished run of ours, two of the Python lab's and a damaged file.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    for name in [
        "full_sweep_highconc.csv",
        "round_robin_sweep_20261124_013825.csv",
        "full_sweep_20261124_012945.csv",
    ] {
        fs::copy(samples.join(name), dir.path().join(name)).expect("a copy");
    }
    fs::write(dir.path().join("broken.csv"), "").expect("a file");
    let mut plan = testing::plan(dir.path(), 8);
    plan.model.label = "mlx-community/Mistral-7B-Instruct-v0.3-4bit".to_owned();
    let provenance = Provenance {
        machine: json!({"chip": "Apple M3 Max"}),
        software: json!({"mlx": "0.32.4", "mlx_lm": "0.32.2"}),
        model: json!({}),
    };
    let now = "2026-11-24T15:09:13[UTC]".parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, provenance, &now).expect("a new run");
    for (i, cell) in plan.cells.iter().take(5).enumerate() {
        let mut result = match i {
            3 => testing::failed(cell),
            _ => testing::result(cell),
        };
        if let Some(figures) = &mut result.figures {
            let users = f64::from(cell.load.concurrency);
            figures.throughput_tps = 100.0 * users / (1.0 + users / 9.0);
            figures.tps_per_user = figures.throughput_tps / users;
        }
        let finished = testing::finished(result);
        recorder.record(&finished).expect("a row");
    }
    dir
}

fn listed(dir: &Path) -> ResultsPage {
    let mut page = ResultsPage::default();
    page.set_runs(library::scan(dir));
    page
}

/// What the app does with the actions, without a thread.
fn open_asked(harness: &mut Harness<'static, State>) -> PathBuf {
    let actions = std::mem::take(&mut harness.state_mut().actions);
    let [ResultsAction::Open(path)] = actions.as_slice() else {
        panic!("a run should be opened: {actions:?}");
    };
    let run = library::load(path).expect("a run");
    harness.state_mut().page.set_opened(run);
    harness.run();
    path.clone()
}

fn select(harness: &mut Harness<'static, State>, name: &str) -> PathBuf {
    harness.get_by_label_contains(name).click();
    harness.run();
    open_asked(harness)
}

#[test]
fn without_runs_the_page_says_how_to_get_one() {
    let mut page = ResultsPage::default();
    page.set_runs(Vec::new());
    let mut harness = harness(page, Theme::Light);
    harness.run();
    harness.get_by_label("No runs yet");
    harness.get_by_label("Open a results file...").click();
    harness.run();
    assert_eq!(harness.state().actions, [ResultsAction::OpenFile]);
    picture(&mut harness, "results_empty_light.png");
}

#[test]
fn a_run_is_selected_and_sorted_by_its_figures() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Dark);
    harness.run();
    let path = select(&mut harness, "best 1,454.3 tokens/s");
    assert_eq!(harness.state().page.selected(), Some(path.as_path()));
    // Flagged, with its best cell in words.
    harness.get_by_label_contains("its decode/prompt axes were not applied");
    picture(&mut harness, "results_legacy_dark.png");
    harness.get_by_label("Table").click();
    harness.run();
    harness
        .get_by_label("Sort by Throughput (tokens/s)")
        .click();
    harness.run();
    let figures = |harness: &Harness<'static, State>| -> Vec<f64> {
        let Shown::Run(opened) = &harness.state().page.shown else {
            panic!("the run is open");
        };
        opened.figures_in_order(Layer::Throughput)
    };
    let descending = figures(&harness);
    assert_eq!(descending.len(), 24);
    assert!(descending.is_sorted_by(|a, b| a >= b), "{descending:?}");
    harness
        .get_by_label("Sort by Throughput (tokens/s)")
        .click();
    harness.run();
    let ascending = figures(&harness);
    assert!(ascending.is_sorted_by(|a, b| a <= b), "{ascending:?}");
    picture(&mut harness, "results_table_dark.png");
    // The first row is drawn above the last: the order is the one on screen.
    let rows: Vec<_> = harness.get_all_by_label_contains("Cell ").collect();
    assert!(rows.len() > 5 && rows[0].rect().top() < rows[1].rect().top());
}

#[test]
fn a_cell_is_selected_and_copied() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Light);
    harness.run();
    select(&mut harness, "Apple M3 Max");
    harness
        .get_by_label("concurrency 4: 276.9 tokens/s")
        .click();
    harness.run();
    harness.get_by_label("Copy row").click();
    harness.run();
    let actions = &harness.state().actions;
    let [ResultsAction::CopyText(text)] = actions.as_slice() else {
        panic!("a row should be copied: {actions:?}");
    };
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("Concurrency\tThroughput (tokens/s)\t"),
        "{text}"
    );
    assert!(lines[1].starts_with("4\t276.9\t69.2\t"), "{text}");
    assert_eq!(lines[0].split('\t').count(), lines[1].split('\t').count());
    harness.remove_cursor();
    harness.run();
    picture(&mut harness, "results_ours_light.png");
}

#[test]
fn an_unfinished_run_offers_to_go_on_and_a_finished_one_does_not() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Light);
    harness.run();
    let path = select(&mut harness, "unfinished");
    harness.get_by_label("Resume").click();
    harness.run();
    harness.get_by_label("Reveal").click();
    harness.run();
    let asked = [
        ResultsAction::Resume(path.clone()),
        ResultsAction::Reveal(path),
    ];
    assert_eq!(harness.state().actions, asked);
    harness.get_by_label("Table").click();
    harness.run();
    picture(&mut harness, "results_table_light.png");
    harness.get_by_label("Details").click();
    harness.run();
    // Beside the figures, and among all that is known.
    assert_eq!(
        harness.get_all_by_label("Cut short, 3 cells left").count(),
        2
    );
    picture(&mut harness, "results_details_light.png");
    harness.state_mut().actions.clear();
    select(&mut harness, "Round-robin sweep");
    assert!(harness.query_by_label("Resume").is_none());
}

/// Takes the last row of a run away, and what its metadata says of its end.
fn cut_short(csv: &Path) {
    let text = fs::read_to_string(csv).expect("rows");
    let end = text.trim_end().rfind('\n').expect("two lines") + 1;
    fs::write(csv, &text[..end]).expect("a shorter file");
    let json = csv.with_extension("json");
    let text = fs::read_to_string(&json).expect("metadata");
    let stopped = text.replace("\"reason\": \"completed\"", "\"reason\": \"stopped\"");
    assert_ne!(stopped, text);
    fs::write(json, stopped).expect("other metadata");
}

#[test]
fn examples_are_open_where_there_is_nothing_else_and_folded_away_otherwise() {
    let dir = folder();
    let kept = tempfile::tempdir().expect("a folder");
    crate::store::examples::in_folder(kept.path()).expect("examples");
    cut_short(&kept.path().join("full_sweep_20261124_205933.csv"));
    let examples = crate::store::examples::in_folder(kept.path()).expect("examples");
    assert!(examples.iter().any(|example| example.unfinished));
    let mut page = ResultsPage::default();
    page.set_runs(Vec::new());
    page.set_examples(examples.clone());
    let mut harness = harness(page, Theme::Light);
    harness.run();
    harness.get_by_label_contains("Start one on the Run page");
    select(&mut harness, "Llama 1B 4-bit, H100");
    // It was stopped, but on another machine.
    harness.get_by_label("Reveal");
    assert!(harness.query_by_label("Resume").is_none());
    picture(&mut harness, "results_examples_light.png");
    harness
        .get_by_label_contains("Best, at instances 1, decode concurrency 32, prompt concurrency 8");
    // One repeat each, and windows whose intervals overlap.
    select(&mut harness, "Small model, two cores");
    harness.get_by_label_contains("tied with 11 others");
    picture(&mut harness, "results_ties_light.png");

    let mut page = listed(dir.path());
    page.set_examples(examples);
    harness.state_mut().page = page;
    // A panel knows its new height a frame later.
    harness.run_steps(3);
    assert!(harness.query_by_label_contains(", H100").is_none());
    harness.get_by_label("Examples").click();
    harness.run_steps(3);
    harness.get_by_label_contains("Llama 8B 4-bit, H100");
    harness.get_by_label("Examples").click();
    harness.run_steps(3);
    assert!(harness.query_by_label_contains(", H100").is_none());
}

#[test]
fn the_filter_leaves_what_matches_every_word() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Dark);
    harness.run();
    let field = harness.get_by_label("Filter runs");
    field.focus();
    field.type_text("full m3");
    harness.run();
    assert!(
        harness
            .query_by_label_contains("Round-robin sweep")
            .is_none()
    );
    harness.get_by_label_contains("Apple M3 Max");
    harness.get_by_label("Filter runs").type_text(" nothing");
    harness.run();
    harness.get_by_label("No run matches the filter");
}

#[test]
fn a_damaged_file_says_what_is_wrong() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Dark);
    harness.run();
    harness.get_by_label_contains("has no header line").click();
    harness.run();
    let actions = std::mem::take(&mut harness.state_mut().actions);
    let [ResultsAction::Open(path)] = actions.as_slice() else {
        panic!("a file should be opened: {actions:?}");
    };
    let problem = library::load(path).expect_err("it is empty").to_string();
    harness.state_mut().page.set_problem(path, problem);
    harness.run();
    picture(&mut harness, "results_problem_dark.png");
    assert!(
        harness
            .get_all_by_label_contains("has no header line")
            .count()
            >= 2
    );
}

#[test]
fn axes_change_places_and_another_layer_is_shown() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Light);
    harness.run();
    select(&mut harness, "Apple M3 Max");
    harness
        .get_by_role_and_label(Role::ComboBox, "Layer")
        .click();
    harness.run();
    harness
        .get_by_role_and_label(Role::Button, "TTFT p50")
        .click();
    harness.run();
    harness.get_by_label_contains("concurrency 4: 0.136 s");
    // The last three wait for the resume, the fourth cell ran out of memory.
    harness.get_by_label("concurrency 8: failed: memory");
    harness.get_by_label("concurrency 128: waiting");
    // The smallest window.
    harness.set_size(vec2(1000.0, 640.0));
    harness.run();
    picture(&mut harness, "results_layer_light.png");
    harness.get_by_label("Table").click();
    harness.run();
    picture(&mut harness, "results_small_light.png");
}

#[test]
fn the_filter_command_reaches_the_table_and_asked_again_the_list() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Light);
    harness.run();
    select(&mut harness, "Apple M3 Max");
    let focused = |harness: &mut Harness<'static, State>, name: &str| {
        crate::app::filter_focus::ask(&harness.ctx);
        harness.run();
        assert!(harness.get_by_label(name).is_focused(), "{name}");
    };
    focused(&mut harness, "Filter runs");
    harness.get_by_label("Table").click();
    harness.run();
    focused(&mut harness, "Filter cells");
    focused(&mut harness, "Filter runs");
}

#[test]
fn a_picture_is_of_the_chart_that_is_shown() {
    let dir = folder();
    let mut harness = harness(listed(dir.path()), Theme::Light);
    select(&mut harness, "Apple M3 Max");
    for (tab, word) in [
        ("Lines", "lines"),
        ("Pareto", "pareto"),
        ("Heatmap", "heatmap"),
    ] {
        harness.get_by_label(tab).click();
        harness.run();
        let (_, chart) = harness.state().page.exportable().expect("an opened run");
        assert_eq!(chart.map(|chart| chart.word()), Some(word));
    }
}

/// A search for the rate that saturates, cut short between two of its cells.
fn searched(dir: &Path) -> PathBuf {
    use crate::measure::flow::{Flow, Goodput, Limits, OpenFlow, SaturatedBy};
    use crate::plan::{Arrivals, OpenLoop, RunKind};
    use crate::settings::Rate;
    let limits = Limits {
        ttft_s: Some(0.5),
        tpot_s: Some(0.05),
    };
    let mut plan = testing::plan(dir, 5);
    plan.kind = RunKind::RateSweep;
    plan.workload.limits = limits;
    plan.workload.open = Some(OpenLoop {
        arrivals: Arrivals::Poisson,
        seed: 1,
        max_in_flight: 1024,
        search: true,
    });
    let rates = [1.0, 2.0, 4.0, 8.0, 5.66];
    for (cell, rps) in plan.cells.iter_mut().zip(rates) {
        cell.load.concurrency = 1024;
        cell.load.request_rate = Rate::from_rps(rps);
    }
    let now = "2026-11-24T15:09:13[UTC]".parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, Provenance::default(), &now).expect("a new run");
    for (cell, rps) in plan.cells.iter().zip(rates) {
        let mut result = testing::result(cell);
        let saturated = rps > 5.0;
        let good = if saturated { 0.4 * rps } else { 0.98 * rps };
        let figures = result.figures.as_mut().expect("measured");
        figures.throughput_tps = rps.min(5.1) * 64.0;
        figures.ttft.p95_s = Some(if saturated {
            2.0 * rps
        } else {
            0.1 + rps / 20.0
        });
        figures.flow = Some(Flow {
            achieved_rps: rps.min(5.1),
            in_flight_mean: rps,
            in_flight_max: 12,
            limits,
            goodput: Some(Goodput {
                rps: good,
                ratio: good / rps,
            }),
            open: Some(OpenFlow {
                rate_rps: rps,
                due: 150,
                held: 0,
                saturated: saturated.then_some(SaturatedBy::Queue),
            }),
        });
        recorder.record(&testing::finished(result)).expect("a row");
    }
    recorder.files().csv().to_owned()
}

#[test]
fn a_rate_sweep_says_what_the_servers_keep_up_with_and_can_go_on_between_two_cells() {
    let dir = tempfile::tempdir().expect("a folder");
    let csv = searched(dir.path());
    let mut page = ResultsPage::default();
    page.set_runs(library::scan(dir.path()));
    page.set_opened(library::load(&csv).expect("a run"));
    let mut harness = harness(page, Theme::Light);
    harness.run();
    harness.get_by_label("Saturates between 4 and 5.66 requests/s");
    harness.get_by_label("3.92 requests/s at 4 requests/s");
    harness.get_by_label("Cut short, rates are left to try");
    harness.get_by_label("Resume");
    picture(&mut harness, "results_rates_light.png");
    harness.get_by_label("Lines").click();
    harness.run();
    picture(&mut harness, "results_rates_lines_light.png");
}
