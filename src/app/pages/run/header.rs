//! How far the run is, its best cell so far, and what can be asked of it.

use std::fmt::Write as _;

use egui::{Align, Button, Layout, ProgressBar, Ui, vec2};
use egui_material_icons::icons::{ICON_PAUSE, ICON_PLAY_ARROW, ICON_SKIP_NEXT, ICON_STOP};

use super::RunView;
use crate::app::command::AppCommand;
use crate::app::export;
use crate::app::theme::{self, font, palette, space};
use crate::app::widgets::elided::elided;
use crate::board::Layer;
use crate::engine::event::RunEnd;
use crate::units::Secs;
use crate::wording::capitalised;

/// A row that is narrower shows icons alone: what is measured now needs the room.
const WIDE: f32 = 600.0;
/// Two lines of what is measured now, so that nothing below moves when it needs them.
const ROW_HEIGHT: f32 = 36.0;

pub fn show(ui: &mut Ui, run: &RunView) -> Vec<AppCommand> {
    let mut commands = Vec::new();
    let state = &run.state;
    let wide = ui.available_width() >= WIDE;
    let row = vec2(ui.available_width(), ROW_HEIGHT);
    ui.allocate_ui_with_layout(row, Layout::right_to_left(Align::Center), |ui| {
        let missing = "The run has no file yet: it is still being prepared.";
        commands.extend(export::menu(ui, run.csv.is_none().then_some(missing)));
        if state.end().is_none() {
            commands.extend(controls(ui, run, wide));
        }
        // What is left of the row.
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let colour = palette(ui).text;
            elided(ui, &title(run), &font::strong(), colour, 2);
        });
    });
    let progress = state.progress();
    let share = match state.end() {
        // A search ends when it is done, and not when it has measured all that it might.
        Some(RunEnd::Completed) => 1.0,
        _ => progress.share(),
    };
    let bar = ProgressBar::new(share)
        .desired_height(6.0)
        .fill(palette(ui).accent);
    ui.add(bar).accessible_name("Progress");
    ui.add_space(space::XS);
    let figures = theme::caption(ui, &figures(run));
    if state.end().is_some()
        && let Some(ties) = state.board().tied_with()
    {
        figures.on_hover_text(capitalised(&ties));
    }
    if let Some(text) = state.search_end().filter(|_| state.end().is_some()) {
        theme::caption(ui, &text);
    }
    if let Some(RunEnd::Failed(why)) = state.end() {
        theme::caption(ui, why);
    }
    commands
}

/// From right to left.
fn controls(ui: &mut Ui, run: &RunView, wide: bool) -> Vec<AppCommand> {
    let mut commands = Vec::new();
    for (command, icon) in [
        (AppCommand::Stop, ICON_STOP),
        (AppCommand::SkipCell, ICON_SKIP_NEXT),
        (AppCommand::Pause, ICON_PAUSE),
    ] {
        let about = command.about();
        let (icon, text, tooltip) = match command {
            AppCommand::Pause if run.paused => {
                (ICON_PLAY_ARROW, "Resume", "Go on with the next cell")
            }
            _ => (icon, about.text, about.tooltip),
        };
        let icon = theme::icon(icon, 16.0);
        let button = if wide {
            Button::new((icon, text))
        } else {
            Button::new(icon)
        };
        let response = ui
            .add_enabled(!run.stopping, button)
            .on_hover_text(format!("{text}: {tooltip}"))
            .on_disabled_hover_text(STOPPING)
            .accessible_name(text);
        if response.clicked() {
            commands.push(command);
        }
    }
    commands
}

const STOPPING: &str = "The run is being stopped: its servers are ended first.";

fn title(run: &RunView) -> String {
    let mut phase = run.state.phase();
    if run.state.end().is_none() {
        if run.stopping {
            "stopping: the servers are being ended".clone_into(&mut phase);
        } else if run.paused {
            phase = format!("pausing: {phase}");
        }
    }
    capitalised(&phase)
}

fn figures(run: &RunView) -> String {
    let progress = run.state.progress();
    let searches = run.state.plan().is_some_and(|plan| plan.tune.is_some());
    let (done, total) = (progress.done, progress.total);
    let mut parts = vec![match (searches, run.state.end()) {
        (false, _) => format!("{done} of {total} cells"),
        (true, None) => format!("{done} of at most {total} cells"),
        (true, Some(_)) => format!("{done} measurements"),
    }];
    if let Some(elapsed_s) = progress.elapsed_s {
        parts.push(format!("{} elapsed", Secs(elapsed_s)));
    }
    if let Some(left_s) = progress.left_s {
        parts.push(format!("about {} left", Secs(left_s)));
    }
    // Of a run of rates, or of control cells, what it is about; of rates, the most tokens per second
    // are always at the greatest.
    if let Some(conclusion) = run.state.conclusion() {
        parts.push(conclusion.to_owned());
        return parts.join("  ·  ");
    }
    let board = run.state.board();
    let Some((best, ranking)) = board.best().zip(board.ranking()) else {
        return parts.join("  ·  ");
    };
    let figure = Layer::Throughput.with_unit(best.throughput_tps);
    let place = board.combination_label(best.entry);
    let mut words = format!("best {figure} at {place}");
    // What is sure of it shows at the end: until then more repeats may come.
    let ended = run.state.end().is_some();
    if let Some(basis) = ranking.basis().filter(|_| ended || ranking.repeats.n > 1) {
        let _ = write!(words, ", {basis}");
    }
    parts.push(words);
    parts.extend(ranking.tied().filter(|_| ended));
    parts.join("  ·  ")
}
