//! Draws the form: kind of run above, groups of settings, what comes of them below.

use egui::{CentralPanel, ComboBox, Frame, Id, Margin, Panel, ScrollArea, Ui};

use super::action::FormAction;
use super::kinds;
use super::model::FormModel;
use super::parts::{BUTTON_WIDTH, Input, Name, caption, error, even_rows, group, input};
use super::relevance::{Relevance, Section};
use super::{
    attach_view, axes_view, bottom_bar, command_window, field_view, model_picker, presets_view,
    prompts_view,
};
use crate::settings::Var;

/// What the form is made for, in points.
pub const WIDTH: f32 = 320.0;

const MARGIN: Margin = Margin::symmetric(12, 0);

/// Draws the form over all of `ui`, and tells what the user did in it. Hand each action to
/// [`FormModel::apply`].
pub fn show(ui: &mut Ui, form: &mut FormModel) -> Vec<FormAction> {
    let mut actions = Vec::new();
    even_rows(ui);
    Panel::top("form kind")
        .frame(Frame::NONE.inner_margin(MARGIN))
        .show(ui, |ui| {
            ui.add_space(8.0);
            kind(ui, form, &mut actions);
            ui.add_space(6.0);
        });
    Panel::bottom("form bar")
        .frame(Frame::NONE.inner_margin(MARGIN))
        .show(ui, |ui| bottom_bar::show(ui, form, &mut actions));
    CentralPanel::no_frame().show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            Frame::NONE.inner_margin(MARGIN).show(ui, |ui| {
                ui.add_space(6.0);
                sections(ui, form, &mut actions);
            });
        });
    });
    command_window::show(ui, form, &mut actions);
    actions
}

fn kind(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let chosen = form.kind();
    let words = kinds::words(chosen);
    let label = caption(ui, "Kind of run").id;
    ui.horizontal(|ui| {
        let spacing = ui.spacing().item_spacing.x;
        let width = ui.available_width() - BUTTON_WIDTH - spacing;
        ComboBox::from_id_salt("kind")
            .width(width)
            .height(420.0)
            .selected_text(words.name)
            .show_ui(ui, |ui| {
                for (title, kinds) in kinds::MENU {
                    caption(ui, title);
                    for &kind in kinds {
                        let words = kinds::words(kind);
                        if ui
                            .selectable_label(kind == chosen, words.name)
                            .on_hover_text(words.about)
                            .clicked()
                        {
                            actions.push(FormAction::ChooseKind(kind));
                            ui.close();
                        }
                    }
                    ui.add_space(4.0);
                }
            })
            .response
            .labelled_by(label);
        presets_view::menu(ui, form, actions);
    });
    caption(ui, words.about);
    presets_view::undo_bar(ui, form, actions);
}

fn sections(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    group(ui, Section::Model.title(), true, |ui| {
        if form.is_attaching() {
            caption(
                ui,
                "The attached server has its own: its name stands under Server.",
            );
        } else {
            model_picker::show(ui, form, actions);
        }
    });
    fields_of(ui, form, Section::Workload, true, actions);
    let axes = Relevance::takes_axes(form.kind());
    let any = |form: &FormModel, section| {
        let mut fields = form.fields.iter();
        fields.any(|field| field.shown && field.section == section)
    };
    let lists = any(form, Section::Sweep);
    if axes || lists {
        group(ui, Section::Sweep.title(), true, |ui| {
            fields(ui, form, Section::Sweep, actions);
            if axes {
                axes_view::show(ui, form, actions);
            }
        });
    }
    if any(form, Section::Goal) {
        fields_of(ui, form, Section::Goal, true, actions);
    }
    group(ui, Section::Server.title(), false, |ui| {
        attach_view::show(ui, form, actions);
        fields(ui, form, Section::Server, actions);
        overrides(ui, form, actions);
    });
    fields_of(ui, form, Section::Quality, false, actions);
    fields_of(ui, form, Section::More, false, actions);
}

fn fields_of(
    ui: &mut Ui,
    form: &mut FormModel,
    section: Section,
    open: bool,
    actions: &mut Vec<FormAction>,
) {
    group(ui, section.title(), open, |ui| {
        fields(ui, form, section, actions);
    });
}

fn fields(ui: &mut Ui, form: &mut FormModel, section: Section, actions: &mut Vec<FormAction>) {
    for field in &mut form.fields {
        if !field.shown || field.section != section || PLACED.contains(&field.var) {
            continue;
        }
        if field.var == Var::PromptsFile {
            prompts_view::show(ui, field, form.prompts_line.as_ref(), actions);
            continue;
        }
        match field.fixed {
            Some(why) => field_view::show_fixed(ui, field, why),
            None => field_view::show(ui, field, actions),
        }
    }
}

/// The model, and what is attached, have places of their own.
const PLACED: [Var; 4] = [
    Var::ModelPath,
    Var::Attach,
    Var::AttachModel,
    Var::AttachKey,
];

fn overrides(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    let label = ui.label("Env overrides").on_hover_text(
        "KEY=VALUE words, parted by spaces; quotes as in a shell. They win over the environment, \
         and MLX_SERVER_ARGS here wins over the advanced arguments. Others than MLX_ variables go \
         to the servers.",
    );
    let options = Input {
        id: Id::unique("form overrides"),
        name: Name::Label(label.id),
        hint: "MLX_MAX_TOKENS=256 HF_HOME=/models",
        wrong: form.overrides_error.is_some(),
        width: ui.available_width(),
        rows: 1,
        suffix: "",
    };
    if input(ui, &mut form.overrides_text, &options).changed() {
        actions.push(FormAction::EditedOverrides);
    }
    if let Some(wrong) = &form.overrides_error {
        error(ui, wrong);
    }
}
