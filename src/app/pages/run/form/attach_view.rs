//! Draws the choice between starting servers and attaching to running ones.

use egui::accesskit::Role;
use egui::containers::menu::MenuButton;
use egui::{ScrollArea, TextEdit, Ui, vec2};
use egui_material_icons::icons::ICON_KEYBOARD_ARROW_DOWN;

use super::action::FormAction;
use super::field_view;
use super::model::FormModel;
use super::parts::{BUTTON_WIDTH, ROW_HEIGHT, caption, error, named, square};
use crate::plan::attached::FIXED;
use crate::settings::Var;

/// The choice, and what an attached server needs.
pub(super) fn show(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let attaching = form.is_attaching();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let width = (ui.available_width() - 4.0) / 2.0;
        for (attach, text, about) in [
            (false, "Start servers", "This program starts and ends them"),
            (
                true,
                "Attach to running",
                "LM Studio, Ollama, llama-server, vLLM, another Mac: whatever speaks OpenAI's API",
            ),
        ] {
            let chosen = attach == attaching;
            let button = egui::Button::selectable(chosen, text).min_size(vec2(width, ROW_HEIGHT));
            if ui.add(button).on_hover_text(about).clicked() && !chosen {
                actions.push(FormAction::Attach(attach));
            }
        }
    });
    ui.add_space(5.0);
    if !attaching {
        return;
    }
    field_view::show(ui, &mut form.fields[Var::Attach as usize], actions);
    model(ui, form, actions);
    key(ui, form, actions);
    caption(ui, FIXED);
    ui.add_space(5.0);
}

fn model(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let served: &[String] = match form.attached_models.as_ref() {
        Some(said) if Some(&said.query) == form.attach_query.as_ref() => {
            said.outcome.as_deref().unwrap_or_default()
        }
        _ => &[],
    };
    let field = &mut form.fields[Var::AttachModel as usize];
    let id = field_view::heading(ui, field, actions);
    ui.horizontal(|ui| {
        let spacing = ui.spacing().item_spacing.x;
        let width = ui.available_width() - BUTTON_WIDTH - spacing;
        field_view::text(ui, field, id, width, "", actions);
        ui.add_enabled_ui(!served.is_empty(), |ui| {
            let (response, chosen) =
                MenuButton::from_button(square(ICON_KEYBOARD_ARROW_DOWN)).ui(ui, |ui| {
                    let mut chosen = None;
                    ui.set_min_width(260.0);
                    ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                        for name in served {
                            if ui.selectable_label(*name == field.text, name).clicked() {
                                chosen = Some(name.clone());
                                ui.close();
                            }
                        }
                    });
                    chosen
                });
            named(ui, response, Role::Button, "Choose a served model");
            if let Some(name) = chosen.and_then(|inner| inner.inner) {
                actions.push(FormAction::Set(Var::AttachModel, name));
            }
        });
    });
    if let Some(wrong) = &field.error {
        error(ui, wrong);
    }
    ui.add_space(5.0);
}

fn key(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let field = &form.fields[Var::AttachKey as usize];
    let label = ui.label("Key").on_hover_text(&field.tooltip);
    let edit = TextEdit::singleline(&mut form.attach_key.0)
        .id(egui::Id::unique("form attach key"))
        .password(true)
        .align(egui::Align2::LEFT_CENTER)
        .hint_text(form.key_hint)
        .desired_width(ui.available_width())
        .min_size(vec2(0.0, ROW_HEIGHT));
    if ui.add(edit).labelled_by(label.id).changed() {
        actions.push(FormAction::EditedKey);
    }
    match &field.error {
        Some(wrong) => error(ui, wrong),
        None => caption(ui, "Sent with each request, and never saved."),
    };
    ui.add_space(5.0);
}
