//! Draws the selected cell.

use egui::{Grid, Label, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::icons::ICON_CONTENT_COPY;

use super::tables::LATENCY_LINES;
use super::{CellDetail, Requests, Text, Timing};
use crate::app::theme::{self, font, palette, space};
use crate::app::widgets::histogram_bars::histogram_bars;

const STRIP_HEIGHT: f32 = 190.0;
const ROW_HEIGHT: f32 = 17.0;
const LOG_HEIGHT: f32 = 150.0;

impl CellDetail {
    /// Draws it over all of `ui`.
    pub fn show(&mut self, ui: &mut Ui) {
        ScrollArea::vertical()
            .id_salt("cell detail")
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.set_max_width(ui.available_width() - space::S);
                self.heading(ui);
                ui.add_space(space::S);
                self.trust(ui);
                pairs(ui, "cell figures", &self.figures);
                if let Some(about) = &self.about_intervals {
                    theme::caption(ui, about);
                }
                self.repeats(ui);
                self.latency(ui);
                self.requests(ui);
                section(ui, "Settings");
                pairs(ui, "cell settings", &self.settings);
                for command in &self.commands {
                    copied(ui, "Command line", command);
                    wrapped(ui, &command.text);
                }
                for log in &self.logs {
                    copied(ui, "Log", log);
                    ScrollArea::both()
                        .id_salt(&log.title)
                        .max_height(LOG_HEIGHT)
                        .auto_shrink([false, true])
                        .stick_to_bottom(true)
                        .show(ui, |ui| {
                            let text = RichText::new(&log.text).monospace().size(11.0);
                            ui.add(Label::new(text).extend().selectable(true));
                        });
                }
                for problem in &self.problems {
                    theme::caption(ui, problem);
                }
            });
    }

    fn heading(&self, ui: &mut Ui) {
        ui.horizontal_top(|ui| {
            // What the button takes with its spacing: a row wider than the panel would widen it
            // anew in every frame.
            let button = 26.0_f32.max(18.0 + 2.0 * ui.spacing().button_padding.x);
            let width = ui.available_width() - button - ui.spacing().item_spacing.x - 2.0;
            ui.allocate_ui(vec2(width, 0.0), |ui| {
                ui.vertical(|ui| {
                    ui.set_width(width);
                    let title = RichText::new(&self.title).font(font::strong());
                    ui.add(Label::new(title).wrap());
                    theme::caption(ui, &self.state);
                });
            });
            if theme::icon_button(ui, ICON_CONTENT_COPY, "Copy all of this cell").clicked() {
                ui.ctx().copy_text(self.copy_text());
            }
        });
    }

    /// What bears on the figures stands before them.
    fn trust(&self, ui: &mut Ui) {
        let palette = palette(ui);
        if let Some(error) = &self.error {
            let text = RichText::new(error).color(palette.danger);
            ui.add(Label::new(text).wrap().selectable(true));
            ui.add_space(space::S);
        }
        if !self.flags.is_empty() {
            theme::section_heading(ui, "How far to trust it");
            for (invalidates, text) in &self.flags {
                let colour = if *invalidates {
                    palette.danger
                } else {
                    palette.warning
                };
                let text = RichText::new(text).small().color(colour);
                ui.add(Label::new(text).wrap().selectable(true));
            }
            ui.add_space(space::S);
        }
        if !self.error_classes.is_empty() {
            theme::section_heading(ui, "Failed requests by class");
            pairs(ui, "error classes", &self.error_classes);
            ui.add_space(space::S);
        }
    }

    fn repeats(&self, ui: &mut Ui) {
        if self.spread.is_empty() {
            return;
        }
        section(ui, &format!("Over its {} valid repeats", self.repeats));
        Grid::new("cell repeats")
            .num_columns(6)
            .min_row_height(ROW_HEIGHT)
            .spacing(vec2(space::S, 2.0))
            .show(ui, |ui| {
                for heading in ["", "mean", "95 %", "least", "greatest", "n"] {
                    quiet(ui, heading);
                }
                ui.end_row();
                for line in &self.spread {
                    quiet(ui, &line.name);
                    for text in [&line.mean, &line.interval, &line.least, &line.greatest] {
                        figure(ui, text);
                    }
                    figure(ui, &line.n.to_string());
                    ui.end_row();
                }
            });
    }

    /// A column for each latency, a line for each percentile.
    fn latency(&self, ui: &mut Ui) {
        if self.latencies.is_empty() {
            return;
        }
        section(ui, "Latency");
        let mut any_missing = false;
        Grid::new("cell latencies")
            .num_columns(5)
            .min_row_height(ROW_HEIGHT)
            .spacing(vec2(space::M, 2.0))
            .show(ui, |ui| {
                quiet(ui, "");
                for column in &self.latencies {
                    quiet(ui, column.name);
                }
                ui.end_row();
                for (number, (name, least_n)) in LATENCY_LINES.iter().enumerate() {
                    quiet(ui, name);
                    for column in &self.latencies {
                        if let Some(value) = &column.values[number] {
                            figure(ui, value);
                        } else {
                            any_missing = true;
                            figure(ui, "–").on_hover_text(format!(
                                "n too small: {name} needs {least_n}, {} were timed",
                                column.n
                            ));
                        }
                    }
                    ui.end_row();
                }
                quiet(ui, "n");
                for column in &self.latencies {
                    figure(ui, &column.n.to_string());
                }
                ui.end_row();
            });
        if any_missing {
            theme::caption(
                ui,
                "A dash: n too small. p50 needs 11, p90 64, p95 130, p99 662.",
            );
        }
    }

    fn requests(&mut self, ui: &mut Ui) {
        match &self.requests {
            // It runs, or is read in a moment.
            Requests::NotYet => return,
            Requests::Missing(why) => {
                section(ui, "Requests");
                theme::caption(ui, why);
                return;
            }
            Requests::Known => {}
        }
        section(ui, "Distribution");
        let before = self.timing;
        ui.horizontal(|ui| {
            for timing in Timing::ALL {
                ui.selectable_value(&mut self.timing, timing, timing.name());
            }
        });
        if before != self.timing {
            self.count();
        }
        match &self.bins {
            Some(bins) => {
                histogram_bars(ui, self.timing.name(), self.timing.unit(), bins, 130.0);
            }
            None => {
                theme::caption(ui, "No request of this cell was timed so.");
            }
        }
        if let Some(strip) = &self.strip {
            section(ui, "Requests over time");
            theme::caption(ui, strip.summary());
            strip.show(ui, STRIP_HEIGHT);
        }
    }
}

fn section(ui: &mut Ui, title: &str) {
    ui.add_space(space::M);
    theme::section_heading(ui, title);
}

/// The heading of a text, and a button that copies it.
fn copied(ui: &mut Ui, what: &str, text: &Text) {
    ui.add_space(space::M);
    theme::section_heading(ui, what);
    ui.horizontal(|ui| {
        let name = format!("Copy {}: {}", what.to_lowercase(), text.title);
        if theme::icon_button(ui, ICON_CONTENT_COPY, &name).clicked() {
            ui.ctx().copy_text(text.text.clone());
        }
        let title = RichText::new(&text.title).small();
        ui.add(Label::new(title.color(palette(ui).text_secondary)).truncate());
    });
}

fn wrapped(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).monospace().size(11.0);
    ui.add(Label::new(text).wrap().selectable(true));
}

fn pairs(ui: &mut Ui, id: &str, pairs: &[(String, String)]) {
    Grid::new(id)
        .num_columns(2)
        .min_row_height(ROW_HEIGHT)
        .spacing(vec2(space::L, 2.0))
        .show(ui, |ui| {
            for (name, text) in pairs {
                quiet(ui, name);
                figure(ui, text);
                ui.end_row();
            }
        });
}

/// A name beside its figure; it never wraps, so that columns stay narrow.
fn quiet(ui: &mut Ui, text: &str) {
    let colour = palette(ui).text_secondary;
    ui.add(Label::new(RichText::new(text).small().color(colour)).extend());
}

fn figure(ui: &mut Ui, text: &str) -> egui::Response {
    let text = RichText::new(text).font(font::figures(12.0));
    ui.add(Label::new(text).extend().selectable(true))
}
