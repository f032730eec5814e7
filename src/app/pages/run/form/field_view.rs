//! One setting: its label, where its value comes from, its control, and what is wrong with it.

use egui::{Checkbox, ComboBox, Id, Label, Layout, Response, RichText, Ui, vec2};
use egui_material_icons::icons::ICON_UNDO;

use super::action::FormAction;
use super::field::Field;
use super::parts::{CAPTION_SIZE, Input, Name, ROW_HEIGHT, caption, error, icon_button, input};
use super::words::label;
use crate::settings::{Kind, Var};

/// Of a control that stands beside its label.
const CONTROL_WIDTH: f32 = 116.0;

/// Draws a field and tells what was done to it.
pub(super) fn show(ui: &mut Ui, field: &mut Field, actions: &mut Vec<FormAction>) {
    let var = field.var;
    ui.push_id(var.name(), |ui| {
        match var.spec().kind {
            Kind::Switch => switch(ui, field, actions),
            Kind::Choice(choices) => beside(ui, field, actions, |ui, field, label, actions| {
                choice(ui, field, choices, label, actions);
            }),
            Kind::Int { .. } => beside(ui, field, actions, |ui, field, label, actions| {
                text(ui, field, label, CONTROL_WIDTH - 8.0, "", actions);
            }),
            Kind::Number { unit, .. } => beside(ui, field, actions, |ui, field, label, actions| {
                let unit = if unit == "seconds" { "s" } else { unit };
                text(ui, field, label, CONTROL_WIDTH - 8.0, unit, actions);
            }),
            Kind::Text | Kind::Path | Kind::Paths | Kind::List { .. } => below(ui, field, actions),
        }
        if let Some(wrong) = &field.error {
            error(ui, wrong);
        }
    });
    ui.add_space(5.0);
}

fn name(ui: &mut Ui, field: &Field) -> Response {
    ui.add(Label::new(label(field.var)).truncate())
        .on_hover_text(&field.tooltip)
}

/// The caption, and the way back where the field was edited.
fn source(ui: &mut Ui, field: &Field, actions: &mut Vec<FormAction>) {
    if field.edited {
        let name = format!("Reset {}", label(field.var));
        if icon_button(ui, ICON_UNDO, &name, 11.0).clicked() {
            actions.push(FormAction::Revert(field.var));
        }
    }
    ui.add(Label::new(RichText::new(&field.caption).size(CAPTION_SIZE).weak()).truncate())
        .on_hover_text(&field.tooltip);
}

/// Label and caption at the left, the control at the right.
fn beside(
    ui: &mut Ui,
    field: &mut Field,
    actions: &mut Vec<FormAction>,
    control: impl FnOnce(&mut Ui, &mut Field, Id, &mut Vec<FormAction>),
) {
    let words = ui.available_width() - CONTROL_WIDTH - ui.spacing().item_spacing.x;
    ui.horizontal(|ui| {
        let id = ui
            .allocate_ui_with_layout(
                vec2(words, 2.0 * ROW_HEIGHT),
                Layout::top_down(egui::Align::Min),
                |ui| {
                    ui.set_width(words);
                    ui.spacing_mut().item_spacing.y = 0.0;
                    let id = name(ui, field).id;
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 2.0;
                        source(ui, field, actions);
                    });
                    id
                },
            )
            .inner;
        control(ui, field, id, actions);
    });
}

/// Label and caption above the control.
fn below(ui: &mut Ui, field: &mut Field, actions: &mut Vec<FormAction>) {
    let id = ui
        .horizontal(|ui| {
            let id = name(ui, field).id;
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                source(ui, field, actions);
            });
            id
        })
        .inner;
    let width = ui.available_width() - 8.0;
    text(ui, field, id, width, "", actions);
    if let Some(preview) = &field.preview {
        caption(ui, preview);
    }
}

pub(super) fn text(
    ui: &mut Ui,
    field: &mut Field,
    label: Id,
    width: f32,
    suffix: &str,
    actions: &mut Vec<FormAction>,
) {
    let var = field.var;
    let options = Input {
        id: Id::unique(("form field", var)),
        name: Name::Label(label),
        hint: &field.hint,
        wrong: field.error.is_some(),
        width,
        rows: if var == Var::Prompt { 3 } else { 1 },
        suffix,
    };
    let response = input(ui, &mut field.text, &options);
    if response.changed() {
        actions.push(FormAction::Edited(var));
    } else if response.lost_focus() && field.edited && field.text.is_empty() {
        // An empty field is not an edit: it shows again what holds without one.
        actions.push(FormAction::Revert(var));
    }
}

fn choice(ui: &mut Ui, field: &Field, choices: &[&str], label: Id, actions: &mut Vec<FormAction>) {
    let shown = if field.text.is_empty() {
        &field.hint
    } else {
        &field.text
    };
    ComboBox::from_id_salt("choice")
        .width(CONTROL_WIDTH)
        .selected_text(shown)
        .show_ui(ui, |ui| {
            for choice in choices {
                if ui.selectable_label(shown == choice, *choice).clicked() {
                    actions.push(FormAction::Set(field.var, (*choice).to_owned()));
                }
            }
        })
        .response
        .labelled_by(label);
}

fn switch(ui: &mut Ui, field: &Field, actions: &mut Vec<FormAction>) {
    ui.horizontal(|ui| {
        let mut on = field.on;
        let response = ui
            .add(Checkbox::new(&mut on, label(field.var)))
            .on_hover_text(&field.tooltip);
        if response.changed() {
            let text = if on { "1" } else { "0" };
            actions.push(FormAction::Set(field.var, text.to_owned()));
        }
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            source(ui, field, actions);
        });
    });
}
