//! The model: one that was used or found, a synthetic one, a recommended one, or any other.

use egui::{ComboBox, Label, RichText, Ui};
use egui_material_icons::icons::ICON_FOLDER_OPEN;

use super::action::FormAction;
use super::field_view;
use super::model::{FormModel, ModelChoice};
use super::parts::{CAPTION_SIZE, caption};
use crate::models::{recommended, synthetic};
use crate::settings::Var;

/// Lines of the picker that do not depend on this machine.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub synthetic: Vec<ModelChoice>,
    pub recommended: Vec<ModelChoice>,
}

impl Catalogue {
    pub fn new() -> Self {
        Self {
            synthetic: synthetic::NAMES
                .iter()
                .map(|name| {
                    let text = format!("{}{name}", synthetic::PREFIX);
                    ModelChoice {
                        label: text.clone(),
                        text,
                        detail: String::new(),
                    }
                })
                .collect(),
            recommended: recommended()
                .iter()
                .map(|one| ModelChoice {
                    text: one.repo.clone(),
                    label: one.repo.rsplit('/').next().unwrap_or(&one.repo).to_owned(),
                    detail: one.summary(),
                })
                .collect(),
        }
    }
}

pub(super) fn show(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let width = ui.available_width();
    let picker = ComboBox::from_id_salt("model")
        .width(width)
        .height(420.0)
        .truncate()
        .selected_text(&form.model_text)
        .show_ui(ui, |ui| {
            ui.set_min_width(width.max(300.0));
            for (title, choices) in [
                ("Recent", &form.facts.recent_models),
                ("On this machine", &form.facts.found_models),
                (
                    "Synthetic: random weights, nothing to download",
                    &form.catalogue.synthetic,
                ),
                (
                    "Recommended, downloaded at the first start",
                    &form.catalogue.recommended,
                ),
            ] {
                if choices.is_empty() {
                    continue;
                }
                ui.add_space(4.0);
                caption(ui, title);
                for choice in choices {
                    line(ui, &form.model_text, choice, actions);
                }
            }
        })
        .response;
    // The group's heading says it already to those who see it.
    ui.ctx()
        .accesskit_node_builder(picker.id, |node| node.set_label("Chosen model"));
    if let Some(detail) = form.model_detail() {
        caption(ui, detail);
    }
    ui.add_space(4.0);
    let field = &mut form.fields[Var::ModelPath as usize];
    if field_view::with_button(ui, field, ICON_FOLDER_OPEN, "Choose folder...", actions) {
        actions.push(FormAction::PickModelFolder);
    }
}

fn line(ui: &mut Ui, chosen: &str, choice: &ModelChoice, actions: &mut Vec<FormAction>) {
    let response = ui.selectable_label(chosen == choice.text, choice.label.as_str());
    if response.on_hover_text(&choice.text).clicked() {
        actions.push(FormAction::Set(Var::ModelPath, choice.text.clone()));
        ui.close();
    }
    if !choice.detail.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(ui.spacing().button_padding.x);
            let detail = RichText::new(&choice.detail).size(CAPTION_SIZE).weak();
            ui.add(Label::new(detail).selectable(false));
        });
    }
}
