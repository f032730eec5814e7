//! One setting: its label, where its value comes from, its control, and what is wrong with it.

use egui::{Align, Checkbox, ComboBox, Id, Label, Layout, Response, RichText, Ui, vec2};
use egui_material_icons::MaterialIcon;
use egui_material_icons::icons::ICON_UNDO;

use super::action::FormAction;
use super::field::Field;
use super::parts::{
    BUTTON_WIDTH, CAPTION_SIZE, Input, Name, ROW_HEIGHT, caption, error, icon_button, input,
    square_button,
};
use super::words::label;
use crate::settings::{Kind, Source, Var};

/// Of a control that stands beside its label.
const CONTROL_WIDTH: f32 = 96.0;

/// Draws a field that cannot be set now, and says why to those who point at it or hear it.
pub(super) fn show_fixed(ui: &mut Ui, field: &mut Field, why: &str) {
    let var = field.var;
    let response = ui.add_enabled_ui(false, |ui| show(ui, field, &mut Vec::new()));
    response.response.on_hover_text(why);
    ui.ctx()
        .accesskit_node_builder(Id::unique(("form field", var)), |node| {
            node.set_description(why);
        });
}

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
                text(ui, field, label, CONTROL_WIDTH, "", actions);
            }),
            Kind::Number { unit, .. } => beside(ui, field, actions, |ui, field, label, actions| {
                let unit = match unit {
                    "seconds" => "s",
                    "milliseconds" => "ms",
                    "minutes" => "min",
                    "requests per second" => "req/s",
                    other => other,
                };
                text(ui, field, label, CONTROL_WIDTH, unit, actions);
            }),
            Kind::Text
            | Kind::Path
            | Kind::Paths
            | Kind::List { .. }
            | Kind::Rates
            | Kind::Urls => {
                below(ui, field, actions);
            }
            // Has a control of its own, whose text no edit holds.
            Kind::Secret => return,
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

/// The caption, and the way back where the field was edited: from the outside inwards where the
/// layout runs to the left.
fn source(ui: &mut Ui, field: &Field, actions: &mut Vec<FormAction>) {
    ui.spacing_mut().item_spacing.x = 2.0;
    let caption = |ui: &mut Ui| {
        let text = RichText::new(&field.caption).size(CAPTION_SIZE).weak();
        ui.add(Label::new(text).truncate())
            .on_hover_text(&field.tooltip);
    };
    let leftwards = ui.layout().prefer_right_to_left();
    if !leftwards {
        caption(ui);
    }
    if field.edited {
        let name = format!("Reset {}", label(field.var));
        if icon_button(ui, ICON_UNDO, &name, 12.0).clicked() {
            actions.push(FormAction::Revert(field.var));
        }
    }
    if leftwards {
        caption(ui);
    }
}

/// Label at the left, the control at the right. Where a value comes from stands between them if it
/// is the default, as for most, and else under the label, where there is room for it.
fn beside(
    ui: &mut Ui,
    field: &mut Field,
    actions: &mut Vec<FormAction>,
    control: impl FnOnce(&mut Ui, &mut Field, Id, &mut Vec<FormAction>),
) {
    let spacing = ui.spacing().item_spacing.x;
    let words = ui.available_width() - CONTROL_WIDTH - spacing;
    let plain = !field.edited && field.source == Source::Default;
    ui.horizontal(|ui| {
        let layout = if plain {
            Layout::left_to_right(Align::Center)
        } else {
            Layout::top_down(Align::Min)
        };
        let id = ui
            .allocate_ui_with_layout(vec2(words, ROW_HEIGHT), layout, |ui| {
                ui.set_width(words);
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.spacing_mut().interact_size.y = 0.0;
                if plain {
                    let id = name(ui, field).id;
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        source(ui, field, actions);
                    });
                    return id;
                }
                let id = name(ui, field).id;
                ui.horizontal(|ui| source(ui, field, actions));
                id
            })
            .inner;
        control(ui, field, id, actions);
    });
}

/// Label and caption above the control.
fn below(ui: &mut Ui, field: &mut Field, actions: &mut Vec<FormAction>) {
    let id = heading(ui, field, actions);
    let width = ui.available_width();
    text(ui, field, id, width, "", actions);
    if let Some(preview) = &field.preview {
        caption(ui, preview);
    }
}

pub(super) fn heading(ui: &mut Ui, field: &Field, actions: &mut Vec<FormAction>) -> Id {
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        ui.horizontal(|ui| {
            let id = name(ui, field).id;
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                source(ui, field, actions);
            });
            id
        })
        .inner
    })
    .inner
}

/// A field with a button at its end. True where that was clicked.
pub(super) fn with_button(
    ui: &mut Ui,
    field: &mut Field,
    icon: MaterialIcon,
    button: &str,
    actions: &mut Vec<FormAction>,
) -> bool {
    let id = heading(ui, field, actions);
    let clicked = ui
        .horizontal(|ui| {
            let spacing = ui.spacing().item_spacing.x;
            let width = ui.available_width() - BUTTON_WIDTH - spacing;
            text(ui, field, id, width, "", actions);
            square_button(ui, icon, button).clicked()
        })
        .inner;
    if let Some(wrong) = &field.error {
        error(ui, wrong);
    }
    ui.add_space(5.0);
    clicked
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
    } else if response.lost_focus()
        && field.edited
        && field.text.is_empty()
        // Without a URL it still says that one is to be attached to.
        && var != Var::Attach
    {
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
                    ui.close();
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
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            source(ui, field, actions);
        });
    });
}
