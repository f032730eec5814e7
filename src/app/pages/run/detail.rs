//! Everything known of the selected cell.

use egui::{Grid, RichText, ScrollArea, Ui};
use strum::IntoEnumIterator as _;

use crate::app::run_state::RunState;
use crate::app::theme::{self, palette, space};
use crate::board::{Board, Layer};
use crate::measure::figures::Percentiles;
use crate::plan::commands::shell_line;
use crate::units::Secs;

/// Texts prepared when the selection or the cell changes.
#[derive(Debug, Default)]
pub struct Detail {
    title: String,
    state: String,
    figures: Vec<(String, String)>,
    latencies: Vec<[String; 5]>,
    flags: Vec<String>,
    error: Option<String>,
    log_tail: Option<String>,
    commands: Vec<String>,
}

impl Detail {
    pub fn update(&mut self, state: &RunState, board: &Board, selected: Option<usize>) {
        *self = Self::default();
        let Some((position, entry)) = selected.and_then(|at| Some((at, board.entries().get(at)?)))
        else {
            return;
        };
        self.title = board.label(position);
        self.state = entry.state.text();
        self.figures = Layer::iter()
            .filter_map(|layer| {
                let value = entry.value(layer)?;
                Some((layer.name().to_owned(), layer.with_unit(value)))
            })
            .collect();
        let Some(result) = state.result(position) else {
            return;
        };
        if let Some(figures) = &result.figures {
            self.latencies = [
                ("TTFT", &figures.ttft),
                ("TPOT", &figures.tpot),
                ("ITL", &figures.itl),
                ("E2E", &figures.e2e),
            ]
            .into_iter()
            .filter(|(_, latency)| latency.n > 0)
            .map(|(name, latency)| latency_row(name, latency))
            .collect();
        }
        self.flags = result
            .flags
            .iter()
            .map(|flag| flag.detail.clone())
            .collect();
        self.error.clone_from(&result.error);
        self.log_tail.clone_from(&result.log_tail);
        self.commands = result
            .servers
            .iter()
            .map(|server| shell_line(&server.command))
            .collect();
    }

    pub fn show(&self, ui: &mut Ui) {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            theme::section_heading(ui, &self.title);
            theme::caption(ui, &self.state);
            ui.add_space(space::S);
            Grid::new("cell figures").num_columns(2).show(ui, |ui| {
                for (name, figure) in &self.figures {
                    quiet(ui, name);
                    ui.label(figure);
                    ui.end_row();
                }
            });
            if !self.latencies.is_empty() {
                ui.add_space(space::M);
                theme::section_heading(ui, "Latency");
                Grid::new("cell latencies").num_columns(5).show(ui, |ui| {
                    for heading in ["", "p50", "p90", "p99", "max"] {
                        quiet(ui, heading);
                    }
                    ui.end_row();
                    for row in &self.latencies {
                        for text in row {
                            ui.label(text);
                        }
                        ui.end_row();
                    }
                });
                theme::caption(
                    ui,
                    "A dash: too few requests to claim that percentile. Under load the server looks \
                     at its queue only every 0.5 s, which is part of TTFT.",
                );
            }
            self.trust(ui);
            for command in &self.commands {
                ui.add_space(space::M);
                theme::section_heading(ui, "Command line, as the process table shows it");
                ui.label(RichText::new(command).monospace());
            }
        });
    }

    fn trust(&self, ui: &mut Ui) {
        let palette = palette(ui);
        if let Some(error) = &self.error {
            ui.add_space(space::M);
            theme::section_heading(ui, "Error");
            ui.label(RichText::new(error).color(palette.danger));
        }
        if !self.flags.is_empty() {
            ui.add_space(space::M);
            theme::section_heading(ui, "How far to trust it");
            for flag in &self.flags {
                ui.label(RichText::new(flag).color(palette.warning));
            }
        }
        if let Some(tail) = &self.log_tail {
            ui.add_space(space::M);
            theme::section_heading(ui, "The server's log ends with");
            ui.label(RichText::new(tail).monospace());
        }
    }
}

/// A name beside its figure; it never wraps, so that columns stay narrow.
fn quiet(ui: &mut Ui, text: &str) {
    let colour = palette(ui).text_secondary;
    ui.label(RichText::new(text).small().color(colour));
}

fn latency_row(name: &str, latency: &Percentiles) -> [String; 5] {
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |s| Secs(s).to_string());
    [
        name.to_owned(),
        shown(latency.p50_s),
        shown(latency.p90_s),
        shown(latency.p99_s),
        shown(latency.max_s),
    ]
}
