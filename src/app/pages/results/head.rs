//! The names of an opened run, its best figure, and the facts that tell it apart.

use std::path::Path;

use egui::{Align, Color32, FontId, Label, Layout, RichText, TextStyle, Ui, vec2};

use super::file_name;
use crate::app::theme::palette;
use crate::app::widgets::elided::elided;
use crate::board::{Board, Layer};
use crate::measure::best::Ranking;
use crate::store::library::Fact;
use crate::wording::capitalised;

/// The width of a run's name, whole.
pub(super) fn needs(ui: &Ui, title: &str) -> f32 {
    let heading = TextStyle::Heading.resolve(ui.style());
    let painter = ui.painter();
    let galley = painter.layout_no_wrap(title.to_owned(), heading, Color32::PLACEHOLDER);
    galley.size().x
}

/// Of the run and, where there is room left, of its file.
pub(super) fn names(ui: &mut Ui, title: &str, path: &Path) {
    let heading = TextStyle::Heading.resolve(ui.style());
    elided(ui, title, &heading, palette(ui).text, 1);
    if ui.layout().is_horizontal() {
        file(ui, title, path);
    }
}

/// Of the file, unless the run is named after it.
pub(super) fn file(ui: &mut Ui, title: &str, path: &Path) {
    let name = file_name(path);
    // A name of which nothing is left tells nothing.
    if ui.available_width() >= 90.0 && name != title {
        let small = TextStyle::Small.resolve(ui.style());
        elided(ui, &name, &small, palette(ui).text_secondary, 1);
    }
}

/// The best figure, as it is drawn.
#[derive(Debug)]
pub(super) struct Best {
    figure: String,
    /// Where it was measured, and what it stands on.
    place: String,
    /// The names of those that it is tied with.
    ties: Option<String>,
}

impl Best {
    pub(super) fn of(board: &Board) -> Option<Self> {
        let figure = Layer::Throughput.precise(board.best()?.throughput_tps);
        let tied = board.ranking().and_then(Ranking::tied);
        let tied = tied.map_or_else(String::new, |tied| format!(", {tied}"));
        Some(Self {
            figure,
            place: format!("Best, at {}{tied}", board.best_place()?),
            ties: board.tied_with().map(|ties| capitalised(&ties)),
        })
    }
}

/// The best figure, and the facts that tell runs apart.
pub(super) fn summary(ui: &mut Ui, best: Option<&Best>, facts: &[Fact]) {
    if let Some(best) = best {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.label(RichText::new(&best.figure).strong().size(26.0));
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.add_space(3.0);
                ui.label(RichText::new("tokens/s").strong().small());
                let place = Label::new(RichText::new(&best.place).weak().small());
                let place = ui.add(place.truncate());
                if let Some(ties) = &best.ties {
                    place.on_hover_text(ties);
                }
            });
        });
        ui.add_space(8.0);
    }
    fact_row(ui, facts);
}

/// Facts side by side, each with its name above its value.
fn fact_row(ui: &mut Ui, facts: &[Fact]) {
    const MAX_WIDTH: f32 = 320.0;
    let body = TextStyle::Body.resolve(ui.style());
    let small = TextStyle::Small.resolve(ui.style());
    let most = MAX_WIDTH.min(ui.available_width());
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(28.0, 6.0);
        for fact in facts {
            let wide = |text: &str, font: &FontId| {
                let galley = ui.painter().layout_no_wrap(
                    text.to_owned(),
                    font.clone(),
                    Color32::PLACEHOLDER,
                );
                galley.size().x
            };
            let width = wide(&fact.value, &body).max(wide(fact.name, &small));
            let size = vec2(width.ceil().min(most) + 1.0, 34.0);
            ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
                ui.set_width(size.x);
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.label(RichText::new(fact.name).weak().small());
                let colour = palette(ui).text;
                elided(ui, &fact.value, &body, colour, 1);
            });
        }
    });
}
