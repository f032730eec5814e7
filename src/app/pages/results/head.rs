//! The names of an opened run, its best figure, and the facts that tell it apart.

use std::path::Path;

use egui::{Align, Color32, FontId, Label, Layout, RichText, TextStyle, Ui, vec2};

use super::file_name;
use crate::app::theme::palette;
use crate::app::widgets::elided::elided;
use crate::store::library::Fact;

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

/// The best figure, and the facts that tell runs apart.
pub(super) fn summary(ui: &mut Ui, best: Option<&(String, String)>, facts: &[Fact]) {
    if let Some((figure, place)) = best {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.label(RichText::new(figure).strong().size(26.0));
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.add_space(3.0);
                ui.label(RichText::new("tokens/s").strong().small());
                ui.add(
                    Label::new(RichText::new(format!("Best, at {place}")).weak().small())
                        .truncate(),
                );
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
