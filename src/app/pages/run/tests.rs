use std::path::Path;

use egui::{Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use jiff::Timestamp;

use super::form::{Facts, Presets};
use super::*;
use crate::app::run_state::LogSource;
use crate::engine::event::EngineEvent;
use crate::store::testing;

/// A run whose first cell waits for its server.
fn loading() -> RunView {
    let plan = testing::plan(Path::new("results"), 3);
    let mut state = RunState::new();
    state.apply(&EngineEvent::RunStarted {
        plan: Box::new(plan.clone()),
        already_done: 0,
        started_at: Timestamp::UNIX_EPOCH,
    });
    state.apply(&EngineEvent::CellStarted {
        cell: plan.cells[0].clone(),
        done: 0,
        total: 3,
    });
    RunView::new(state)
}

fn harness(view: RunView) -> Harness<'static, (RunView, Vec<RunAction>)> {
    Harness::builder()
        .with_size(vec2(1300.0, 760.0))
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, (view, asked): &mut (RunView, Vec<RunAction>)| {
                let mut form = FormModel::new(Facts::default(), Presets::default(), None);
                asked.extend(show(ui, &mut form, Some(view), &mut |_| false));
            },
            (view, Vec::new()),
        )
}

#[test]
fn the_servers_lines_are_in_the_log_by_source_and_beside_the_running_cell() {
    let mut view = loading();
    view.heat.selected = Some(0);
    let lines = |text: &str| vec![text.to_owned()];
    view.log_lines(&[
        (LogSource::Server(0), lines("Fetching 7 files:  14%")),
        (LogSource::Nginx, lines("could not bind")),
    ]);
    view.tab = Tab::Log;
    let mut harness = harness(view);
    harness.run();
    assert!(
        harness
            .get_all_by_label_contains("Fetching 7 files:  14%")
            .count()
            >= 2,
        "in the log and beside the cell"
    );
    for (source, there, away) in [
        ("nginx", "could not bind", "The run has started"),
        ("Server 0", "Fetching 7 files", "The run has started"),
    ] {
        harness
            .get_by_role_and_label(Role::ComboBox, "Source")
            .click();
        harness.run();
        harness.get_by_role_and_label(Role::Button, source).click();
        harness.run();
        assert!(harness.query_all_by_label_contains(there).count() >= 1);
        assert!(harness.query_by_label_contains(away).is_none());
    }
}

#[test]
fn rows_of_the_cells_are_copied_and_the_filter_command_stays_there() {
    let mut view = loading();
    view.tab = Tab::Cells;
    view.show_filter();
    assert_eq!(view.tab, Tab::Cells);
    let mut harness = harness(view);
    harness.run();
    harness.get_by_label("Copy all rows").click();
    harness.run();
    let copied = harness.state().1.iter().find_map(|action| match action {
        RunAction::CopyText(text) => Some(text.lines().count()),
        _ => None,
    });
    assert_eq!(copied, Some(4), "the header and three cells");
    harness.state_mut().0.tab = Tab::Plots;
    harness.state_mut().0.show_filter();
    assert_eq!(harness.state().0.tab, Tab::Log);
}
