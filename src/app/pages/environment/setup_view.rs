//! The button that sets up MLX, and what it does meanwhile.

use egui::{CollapsingHeader, Label, RichText, ScrollArea, Spinner, TextStyle, Ui};
use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_DOWNLOAD};

use super::parts::{button, caption, card, primary_button};
use super::setup::{Setup, SetupState};
use super::state::EnvironmentAction;
use crate::wording::capitalised;

const LOG_HEIGHT: f32 = 180.0;

/// `needed`: no Python serves yet.
pub(super) fn show(ui: &mut Ui, setup: &Setup, needed: bool, actions: &mut Vec<EnvironmentAction>) {
    card(ui, "Managed environment", |ui| {
        match &setup.state {
            SetupState::Running { cancelling } => running(ui, setup, *cancelling, actions),
            state => idle(ui, setup, state, needed, actions),
        }
        if !setup.log.is_empty() {
            ui.add_space(6.0);
            log(ui, setup);
        }
    });
}

fn idle(
    ui: &mut Ui,
    setup: &Setup,
    state: &SetupState,
    needed: bool,
    actions: &mut Vec<EnvironmentAction>,
) {
    match state {
        SetupState::Failed(error) => {
            let colour = ui.visuals().error_fg_color;
            ui.add(Label::new(RichText::new(error).color(colour)).wrap());
            caption(ui, "Nothing half-made was left.");
        }
        SetupState::Cancelled => {
            ui.label("Cancelled. Nothing half-made was left.");
        }
        SetupState::Done => {
            ui.label("MLX is set up.");
        }
        SetupState::Idle | SetupState::Running { .. } => match &setup.reason {
            Some(reason) => {
                ui.add(Label::new(capitalised(reason)).wrap());
            }
            None => {
                ui.label(
                    "An environment of this app's own, with mlx and mlx-lm of known versions.",
                );
            }
        },
    }
    ui.add_space(6.0);
    let text = match state {
        SetupState::Failed(_) | SetupState::Cancelled => "Try again",
        SetupState::Done => "Check again",
        SetupState::Idle | SetupState::Running { .. } => "Set up MLX",
    };
    let clicked = if needed {
        primary_button(ui, ICON_DOWNLOAD, text).clicked()
    } else {
        button(ui, ICON_DOWNLOAD, text).clicked()
    };
    if clicked {
        actions.push(EnvironmentAction::SetUp);
    }
    if needed {
        caption(
            ui,
            "Downloads some hundred megabytes, and changes nothing outside the app's folder.",
        );
    }
}

fn running(ui: &mut Ui, setup: &Setup, cancelling: bool, actions: &mut Vec<EnvironmentAction>) {
    ui.horizontal(|ui| {
        ui.add(Spinner::new().size(14.0));
        ui.label(&setup.step);
    });
    // An empty line keeps its height: the button below must not jump.
    let line = if setup.line.is_empty() {
        " "
    } else {
        &setup.line
    };
    ui.add(Label::new(RichText::new(line).small().weak()).truncate());
    ui.add_space(6.0);
    let cancel = ui.add_enabled(!cancelling, egui::Button::new("Cancel"));
    if cancel.clicked() {
        actions.push(EnvironmentAction::CancelSetUp);
    }
}

fn log(ui: &mut Ui, setup: &Setup) {
    CollapsingHeader::new("Log").show_unindented(ui, |ui| {
        if button(ui, ICON_CONTENT_COPY, "Copy log").clicked() {
            ui.ctx().copy_text(setup.log.join("\n"));
        }
        let height = ui.text_style_height(&TextStyle::Monospace);
        ScrollArea::both()
            .id_salt("setup log")
            .max_height(LOG_HEIGHT)
            .auto_shrink([false, true])
            .stick_to_bottom(true)
            .show_rows(ui, height, setup.log.len(), |ui, rows| {
                for line in &setup.log[rows] {
                    ui.add(Label::new(RichText::new(line).monospace().size(11.5)).extend());
                }
            });
    });
}
