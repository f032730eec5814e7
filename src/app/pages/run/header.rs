//! How far the run is, its best cell so far, and what can be asked of it.

use egui::{Align, Layout, ProgressBar, Ui};

use super::RunView;
use crate::app::command::AppCommand;
use crate::app::export;
use crate::app::theme::{self, space};
use crate::board::Layer;
use crate::engine::event::RunEnd;
use crate::units::Secs;

pub fn show(ui: &mut Ui, run: &RunView) -> Vec<AppCommand> {
    let mut commands = Vec::new();
    let state = &run.state;
    ui.horizontal(|ui| {
        theme::section_heading(ui, &title(run));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let missing = "The run has no file yet: it is still being prepared.";
            let unavailable = run.csv.is_none().then_some(missing);
            commands.extend(export::menu(ui, unavailable));
            if state.end().is_some() {
                return;
            }
            for command in [AppCommand::Stop, AppCommand::SkipCell, AppCommand::Pause] {
                let about = command.about();
                let text = match command {
                    AppCommand::Pause if run.paused => "Continue",
                    _ => about.text,
                };
                if ui.button(text).on_hover_text(about.tooltip).clicked() {
                    commands.push(command);
                }
            }
        });
    });
    let progress = state.progress();
    ui.add(ProgressBar::new(progress.share()).desired_height(6.0));
    ui.add_space(space::XS);
    theme::caption(ui, &figures(run));
    if let Some(RunEnd::Failed(why)) = state.end() {
        theme::caption(ui, why);
    }
    commands
}

fn title(run: &RunView) -> String {
    let mut phase = run.state.phase();
    if run.paused && run.state.end().is_none() {
        phase = format!("pausing: {phase}");
    }
    let mut letters = phase.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + letters.as_str(),
        None => phase,
    }
}

fn figures(run: &RunView) -> String {
    let progress = run.state.progress();
    let mut parts = vec![format!("{} of {} cells", progress.done, progress.total)];
    if let Some(elapsed_s) = progress.elapsed_s {
        parts.push(format!("{} elapsed", Secs(elapsed_s)));
    }
    if let Some(left_s) = progress.left_s {
        parts.push(format!("about {} left", Secs(left_s)));
    }
    if let Some(best) = run.state.best() {
        let figure = Layer::Throughput.with_unit(best.throughput_tps);
        parts.push(format!("best {figure} at {}", run.board.label(best.cell)));
    }
    parts.join("  ·  ")
}
