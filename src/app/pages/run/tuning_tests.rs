//! A search in the window: its whole grid, its path, and why it goes where it goes.

use std::path::Path;

use egui::{Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use jiff::Timestamp;

use super::form::{Facts, Presets};
use super::*;
use crate::app::testing::picture::picture;
use crate::engine::event::{CellResult, EngineEvent, RunEnd, RunTimes};
use crate::engine::source::CellSource as _;
use crate::measure::figures::{Flag, FlagKind, Percentiles};
use crate::plan::{Cell, Inputs, ModelRef, Plan, RunKind, SweepAxis, build};
use crate::session::tuning::Tuning;
use crate::settings::overrides::Overrides;
use crate::settings::{Settings, Sources};
use crate::store::row::CellRow;
use crate::store::testing;

fn plan() -> Plan {
    let words = ["MLX_SEED=4", "MLX_TTFT_LIMIT_MS=450"].map(str::to_owned);
    let settings = Settings::resolve(&Sources {
        overrides: Overrides::from_words(&words).expect("settings"),
        ..Sources::default()
    })
    .expect("settings");
    let axes = [
        "instances=1,2",
        "prompt_concurrency=8",
        "decode_concurrency=4..64x2",
        "concurrency=1..128x2",
    ];
    let mut plan = build(Inputs {
        kind: RunKind::Tune,
        settings: &settings,
        axes: &SweepAxis::parse_all(&axes).expect("axes"),
        model: ModelRef {
            path: "/models/tiny".into(),
            label: "synthetic:tiny".into(),
            synthetic: true,
        },
        known_flags: None,
        nginx_found: false,
        cores: 2,
        drawn_seed: None,
    })
    .expect("a plan");
    plan.results_dir = Path::new("results").to_owned();
    plan
}

fn measured(cell: &Cell) -> CellResult {
    let mut result = testing::result(cell);
    result.flags.clear();
    let servers = f64::from(cell.point.instances);
    let room = f64::from(cell.point.decode_concurrency.unwrap_or(8)) * servers;
    let asked = f64::from(cell.load.concurrency);
    let together = asked.min(room);
    let ttft_s = 0.08 + 0.3 * (asked / room - 1.0).max(0.0) + 0.002 * asked;
    if let Some(figures) = &mut result.figures {
        let wobble = f64::from(cell.index * 7 % 5) - 2.0;
        figures.throughput_tps = 42.0 * together / (1.0 + together / 22.0) + wobble;
        figures.ttft = Percentiles {
            n: 200,
            p95_s: Some(ttft_s),
            max_s: Some(ttft_s * 1.1),
            ..Percentiles::default()
        };
    }
    if ttft_s > 0.45 {
        result.flags.push(Flag {
            kind: FlagKind::OverTtftLimit,
            detail: "TTFT p95 is over the limit".to_owned(),
        });
    }
    result
}

/// A search that was followed for `steps` cells, and measures the next; or to its end.
fn followed(steps: usize) -> RunView {
    let mut plan = plan();
    let mut source = Tuning::new(&plan, &[]).expect("a search");
    let mut state = RunState::new();
    state.apply(&EngineEvent::RunStarted {
        plan: Box::new(plan.clone()),
        already_done: 0,
        started_at: Timestamp::UNIX_EPOCH,
    });
    let most = plan.tune.expect("a search").most_cells;
    let mut done: Vec<CellResult> = Vec::new();
    loop {
        let next = source.next(&done);
        state.apply(&EngineEvent::Search(source.news().expect("news")));
        let Some(cell) = next else {
            state.apply(&EngineEvent::RunFinished {
                end: RunEnd::Completed,
                best: None,
                times: RunTimes::default(),
            });
            return RunView::new(state);
        };
        if cell.index as usize >= plan.cells.len() {
            plan.cells.push(cell.clone());
            let cells = vec![cell.clone()];
            state.apply(&EngineEvent::PlanExtended { cells });
        }
        let count = done.len() as u32;
        state.apply(&EngineEvent::CellStarted {
            cell: cell.clone(),
            done: count,
            total: most,
        });
        if done.len() == steps {
            return RunView::new(state);
        }
        done.push(measured(&cell));
        state.apply(&EngineEvent::CellFinished {
            result: Box::new(measured(&cell)),
            done: count + 1,
            total: most,
            elapsed_s: f64::from(count + 1) * 20.0,
            left_s: Some(f64::from(most - count) * 20.0),
        });
    }
}

fn harness(view: RunView, theme: Theme) -> Harness<'static, RunView> {
    Harness::builder()
        .with_size(vec2(1440.0, 900.0))
        .with_theme(theme)
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, view: &mut RunView| {
                let mut form = FormModel::new(Facts::default(), Presets::default(), None);
                show(ui, &mut form, Some(view), &mut |_| false);
            },
            view,
        )
}

#[test]
fn the_path_of_a_search_stands_on_its_heatmap() {
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        let mut view = followed(9);
        let path = view.state.path().to_vec();
        assert_eq!(path.len(), 10);
        view.heat.selected = None;
        let mut window = harness(view, theme);
        window.run_steps(4);
        let board = window.state().state.board();
        let first = board.label(path[0]);
        let cell = format!("{first}: ");
        window.get_by(|node| {
            let label = node.label().unwrap_or_default();
            label.starts_with(&cell) && label.ends_with(", step 1")
        });
        let all = |part: &'static str| window.query_all_by_label_contains(part).count();
        assert!(all("over the limit") >= 1);
        // Eighty cells, of which ten were begun.
        assert_eq!(all("not needed"), 70);
        assert_eq!(all(": waiting"), 0);
        assert_eq!(all("9 of at most 20 cells"), 1);
        let purposes = ["Exploring: warming up", "Improving: warming up"];
        assert_eq!(purposes.map(all).iter().sum::<usize>(), 1);
        picture(&mut window, &format!("tune-running-{name}.png"));

        let mut window = harness(followed(usize::MAX), theme);
        window.run_steps(4);
        let all = |part: &'static str| window.query_all_by_label_contains(part).count();
        assert_eq!(all("of 80 cells were measured, in "), 1);
        assert!(all(", best") >= 1 && all("steps ") >= 1);
        picture(&mut window, &format!("tune-done-{name}.png"));
    }
}

#[test]
fn a_search_that_was_cut_short_goes_on_with_its_path() {
    let view = followed(5);
    let plan = view.state.plan().expect("a plan");
    let rows: Vec<_> = view.state.path()[..5]
        .iter()
        .map(|&position| CellRow::new(&measured(&plan.cells[position]), plan))
        .collect();
    let mut again = RunState::resuming(plan, rows);
    assert_eq!(again.path(), &view.state.path()[..5]);
    again.apply(&EngineEvent::RunStarted {
        plan: Box::new((**plan).clone()),
        already_done: 5,
        started_at: Timestamp::UNIX_EPOCH,
    });
    assert_eq!(again.progress().total, 20);
    // The cell that the run was ended at is open again.
    let mut cut = view.state;
    cut.apply(&EngineEvent::RunFinished {
        end: RunEnd::Stopped,
        best: None,
        times: RunTimes::default(),
    });
    assert_eq!(cut.path().len(), 5);
}
