use std::path::Path;

use egui::{Role, Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use egui_plot::PlotPoint;

use super::lines::LinesPanel;
use super::pareto::{ParetoPanel, steps};
use crate::app::testing::picture::picture;
use crate::board::{Board, Dimension};
use crate::engine::event::CellStatus;
use crate::plan::Axis;
use crate::settings::Rate;
use crate::store::library;
use crate::store::row::CellRow;

#[derive(Default)]
struct State {
    board: Board,
    lines: LinesPanel,
    pareto: ParetoPanel,
    selected: Option<usize>,
    pareto_shown: bool,
}

fn harness(board: Board, theme: Theme, size: egui::Vec2) -> Harness<'static, State> {
    let mut state = State {
        board,
        ..State::default()
    };
    state.lines.update(&state.board);
    state.pareto.update(&state.board);
    Harness::builder()
        .with_size(size)
        .with_theme(theme)
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, state: &mut State| {
                egui::CentralPanel::default().show(ui, |ui| {
                    if state.pareto_shown {
                        state.pareto.show(ui, &state.board, &mut state.selected);
                    } else {
                        state.lines.show(ui, &state.board, &mut state.selected);
                    }
                });
            },
            state,
        )
}

/// Two decode concurrencies, each at 1, 2, 4, ... 128 requests, three times; that of 16 failed.
fn board() -> Board {
    let mut rows = Vec::new();
    for decode in [8_u32, 32] {
        for concurrency in (0..8).map(|power| 1_u32 << power) {
            for repeat in 1..=3_u32 {
                let users = f64::from(concurrency);
                let cap = f64::from(decode) * 1.6;
                let tps = 42.0 * users / (1.0 + users / cap) * (0.94 + 0.03 * f64::from(repeat));
                let failed = concurrency == 16 && decode == 8;
                let ttft_s = 0.05 + users / 90.0 * f64::from(40 - decode) / 30.0;
                rows.push(CellRow {
                    instances: 1,
                    decode_concurrency: Some(decode),
                    concurrency,
                    cell: rows.len() as u32,
                    repeat,
                    status: Some(if failed {
                        CellStatus::Failed
                    } else {
                        CellStatus::Ok
                    }),
                    throughput_tps: if failed { 0.0 } else { tps },
                    ttft_p50_s: (!failed).then_some(ttft_s),
                    tpot_p50_s: (!failed).then_some(users / tps),
                    ..CellRow::default()
                });
            }
        }
    }
    Board::of_rows(&rows.into_iter().collect())
}

#[test]
fn lines_are_named_and_a_click_on_a_point_selects_its_cell() {
    let mut harness = harness(board(), Theme::Light, vec2(760.0, 460.0));
    harness.run();
    let spoken =
        "Throughput against concurrency: 2 lines, 15 points, from 39.0 to 1,536.0 tokens/s";
    harness.get_by_role_and_label(Role::Image, spoken);
    harness.get_by_label("Decode concurrency 8");
    harness.get_by_label("Decode concurrency 32");
    let chart = harness.get_by_role(Role::Image).rect();
    // The highest point: the last of the greater decode concurrency, near the upper right corner.
    let mut hit = None;
    for step in 0..40 {
        let at = egui::pos2(chart.right() - 24.0, chart.top() + step as f32 * 4.0);
        harness.hover_at(at);
        harness.run();
        harness.drag_at(at);
        harness.drop_at(at);
        harness.run();
        hit = harness.state().selected;
        if hit.is_some() {
            break;
        }
    }
    let hit = hit.expect("a point stands near the right edge");
    let board = &harness.state().board;
    assert!(
        board.label(hit).contains("concurrency 128"),
        "{}",
        board.label(hit)
    );
    picture(&mut harness, "chart_lines_light.png");
}

#[test]
fn another_figure_and_another_axis_are_drawn() {
    let mut harness = harness(board(), Theme::Dark, vec2(760.0, 460.0));
    harness.run();
    picture(&mut harness, "chart_lines_dark.png");
    harness
        .get_by_role_and_label(Role::ComboBox, "Against")
        .click();
    harness.run();
    harness
        .get_by_role_and_label(Role::Button, "Decode concurrency")
        .click();
    harness.run();
    let summary = harness.state().lines.summary().to_owned();
    assert!(
        summary.starts_with("Throughput against decode concurrency: 8 lines, 15"),
        "{summary}"
    );
    harness
        .get_by_role_and_label(Role::ComboBox, "Figure")
        .click();
    harness.run();
    harness
        .get_by_role_and_label(Role::Button, "TTFT p50")
        .click();
    harness.run();
    let summary = harness.state().lines.summary();
    assert!(
        summary.starts_with("TTFT p50 against decode concurrency"),
        "{summary}"
    );
}

#[test]
fn the_front_is_listed_and_its_points_can_be_selected() {
    let mut harness = harness(board(), Theme::Light, vec2(760.0, 520.0));
    harness.state_mut().pareto_shown = true;
    harness.run();
    harness.get_by_role_and_label(
        Role::Image,
        "Throughput against TTFT p50: 15 combinations, 8 on the front",
    );
    let front: Vec<_> = harness.get_all_by_label_contains("Front: ").collect();
    assert_eq!(front.len(), 8);
    harness
        .get_by_label_contains("Front: decode concurrency 32, concurrency 2,")
        .click();
    harness.run();
    let state = harness.state();
    let selected = state.selected.expect("a cell is selected");
    assert_eq!(
        state.board.label(selected),
        "decode concurrency 32, concurrency 2, repeat 1"
    );
    picture(&mut harness, "chart_pareto_light.png");
}

#[test]
fn without_latencies_the_chart_says_what_they_need() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv/full_sweep_highconc.csv");
    let run = library::load(&path).expect("the sample is there");
    let mut harness = harness(Board::of_run(&run), Theme::Dark, vec2(760.0, 460.0));
    harness.state_mut().pareto_shown = true;
    harness.run();
    harness.get_by_label("No latency was measured");
    picture(&mut harness, "chart_pareto_empty_dark.png");
}

#[test]
fn the_front_rises_in_steps() {
    let front = [(1.0, 10.0), (2.0, 30.0), (5.0, 40.0)].map(|(x, y)| PlotPoint::new(x, y));
    let corners: Vec<(f64, f64)> = steps(&front).iter().map(|p| (p.x, p.y)).collect();
    assert_eq!(
        corners,
        [
            (1.0, 10.0),
            (2.0, 10.0),
            (2.0, 30.0),
            (5.0, 30.0),
            (5.0, 40.0)
        ]
    );
}

/// Rates of a server that saturates between 4.76 and 5.19 requests a second.
fn rates() -> Board {
    let rates = [1.0, 2.0, 4.0, 4.76, 5.19, 5.66, 8.0];
    let row = |(cell, rps): (u32, f64)| {
        let saturated = rps > 5.0;
        let good = if saturated {
            4.2 - rps / 3.0
        } else {
            rps * 0.98
        };
        CellRow {
            instances: 1,
            decode_concurrency: Some(8),
            concurrency: 1024,
            cell,
            repeat: 1,
            status: Some(CellStatus::Ok),
            throughput_tps: rps.min(5.1) * 128.0,
            request_rate_rps: Rate::from_rps(rps),
            goodput_rps: Some(good),
            ttft_p95_s: Some(if saturated {
                rps * 1.4
            } else {
                0.1 + rps / 20.0
            }),
            ..CellRow::default()
        }
    };
    Board::of_rows(&(0..).zip(rates).map(row).collect())
}

#[test]
fn goodput_and_latency_are_drawn_against_the_rate() {
    let mut harness = harness(rates(), Theme::Light, vec2(760.0, 460.0));
    harness.run();
    for (layer, spoken) in [
        (
            "Goodput",
            "Goodput against request rate: 1 line, 7 points, from 0.98 to 4.66 requests/s",
        ),
        (
            "TTFT p95",
            "TTFT p95 against request rate: 1 line, 7 points, from 0.150 to 11.200 s",
        ),
    ] {
        harness
            .get_by_role_and_label(Role::ComboBox, "Figure")
            .click();
        harness.run();
        harness.get_by_role_and_label(Role::Button, layer).click();
        harness.run();
        assert_eq!(harness.state().lines.summary(), spoken);
        let name = layer.to_lowercase().replace(' ', "_");
        picture(&mut harness, &format!("chart_rates_{name}_light.png"));
    }
    // The cap on requests in flight is no axis of theirs.
    let axes = harness.state().board.axes();
    assert!(
        !axes.contains(&Dimension::Axis(Axis::Concurrency)),
        "{axes:?}"
    );
}
