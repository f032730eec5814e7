//! The menu of presets, and the way back from what it did.

use egui::accesskit::Role;
use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align, Button, Id, Layout, PopupCloseBehavior, Ui, vec2};
use egui_material_icons::icons::{ICON_BOOKMARK, ICON_DELETE};

use super::action::FormAction;
use super::model::FormModel;
use super::parts::{Input, Name, ROW_HEIGHT, caption, error, icon_button, input, named, square};

pub(super) fn menu(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::from_button(square(ICON_BOOKMARK))
        .config(config)
        .ui(ui, |ui| {
            ui.set_width(230.0);
            contents(ui, form, actions);
        });
    named(ui, response, Role::Button, "Presets").on_hover_text("Presets");
}

fn contents(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let mut item = |ui: &mut Ui, text: &str, action: FormAction| {
        if ui.button(text).clicked() {
            actions.push(action);
            ui.close();
        }
    };
    item(ui, "Last used", FormAction::LoadLastUsed);
    item(ui, "Reset to defaults", FormAction::Reset);
    ui.separator();
    if form.presets.names().is_empty() {
        caption(
            ui,
            "Nothing saved yet. A preset keeps the kind of run and everything edited here.",
        );
    }
    for name in form.presets.names() {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, ICON_DELETE, &format!("Delete {name}"), 14.0).clicked() {
                    actions.push(FormAction::DeletePreset(name.clone()));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let button = Button::new(name.as_str()).truncate();
                    if ui.add(button).clicked() {
                        actions.push(FormAction::LoadPreset(name.clone()));
                        ui.close();
                    }
                });
            });
        });
    }
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let options = Input {
            id: Id::unique("preset name"),
            name: Name::Text("Preset name"),
            hint: "Name",
            wrong: false,
            width: 150.0,
            rows: 1,
            suffix: "",
        };
        let response = input(ui, &mut form.new_preset, &options);
        let entered =
            response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let named = !form.new_preset.trim().is_empty();
        let save = ui
            .add_enabled(named, Button::new("Save").min_size(vec2(0.0, ROW_HEIGHT)))
            .on_disabled_hover_text("Write a name first");
        if named && (save.clicked() || entered) {
            actions.push(FormAction::SavePreset(form.new_preset.clone()));
        }
    });
    if let Some(problem) = &form.preset_problem {
        error(ui, problem);
    }
}

/// What was replaced, until it is undone or replaced again.
pub(super) fn undo_bar(ui: &mut Ui, form: &FormModel, actions: &mut Vec<FormAction>) {
    if let Some((_, done)) = &form.former {
        ui.horizontal(|ui| {
            caption(ui, done);
            if ui.link("Undo").clicked() {
                actions.push(FormAction::Undo);
            }
        });
    }
}
