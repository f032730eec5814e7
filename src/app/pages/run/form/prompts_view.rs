//! Draws the choice of a prompt file.

use egui::{Label, RichText, Ui};
use egui_material_icons::icons::{ICON_CLOSE, ICON_FOLDER_OPEN};

use super::action::FormAction;
use super::field::Field;
use super::field_view;
use super::parts::{CAPTION_SIZE, icon_button};
use super::prompts::PromptsLine;
use crate::settings::Var;

/// The field with a button for a dialog, then what is in the file.
pub(super) fn show(
    ui: &mut Ui,
    field: &mut Field,
    line: Option<&PromptsLine>,
    actions: &mut Vec<FormAction>,
) {
    let button = "Choose prompt file...";
    if field_view::with_button(ui, field, ICON_FOLDER_OPEN, button, actions) {
        actions.push(FormAction::PickPrompts);
    }
    let Some(line) = line else { return };
    let small = |text: &str| RichText::new(text).size(CAPTION_SIZE).weak();
    // It belongs to the field above.
    ui.add_space(-6.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        if field.edited && icon_button(ui, ICON_CLOSE, "Clear prompt file", 12.0).clicked() {
            actions.push(FormAction::Revert(Var::PromptsFile));
        }
        ui.add(Label::new(small(&line.summary)).truncate());
    });
    ui.add(Label::new(small(&format!("“{}”", line.preview)).italics()).truncate())
        .on_hover_text(&line.preview);
    ui.add_space(5.0);
}
