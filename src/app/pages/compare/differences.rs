//! What else differs between the runs.

use egui::{Grid, Label, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::icons::ICON_CHECK_CIRCLE;

use super::runs::mark;
use crate::app::theme::{self, Tone, badge, font, space};
use crate::compare::{Comparison, Level};

pub(super) fn show(ui: &mut Ui, comparison: &Comparison, colours: &[usize]) {
    if comparison.differences().is_empty() {
        theme::empty_state(
            ui,
            ICON_CHECK_CIRCLE,
            "Nothing else differs",
            "Machine, model, versions, prompt, lengths and modes are the same in what the files hold.",
        );
        return;
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for difference in comparison.differences() {
            theme::card(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.horizontal(|ui| {
                    match difference.level {
                        Level::Warning => badge(ui, "Warning", Tone::Warning),
                        Level::Info => badge(ui, "Info", Tone::Neutral),
                    };
                    ui.label(RichText::new(&difference.what).font(font::strong()));
                    theme::caption(ui, &difference.why);
                });
                ui.add_space(space::XS);
                Grid::new(("difference", &difference.what))
                    .num_columns(2)
                    .spacing(vec2(space::S, space::XS))
                    .show(ui, |ui| {
                        for (run, value) in difference.values.iter().enumerate() {
                            mark(ui, run, colours[run]);
                            ui.add(Label::new(value).wrap());
                            ui.end_row();
                        }
                    });
            });
            ui.add_space(space::S);
        }
    });
}
