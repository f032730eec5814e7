//! The doctor's checks, one a row.

use egui::{Align, Label, Layout, RichText, Spinner, Ui, vec2};
use egui_material_icons::icons::{ICON_FOLDER_OPEN, ICON_REFRESH};

use super::parts::{CAPTION_SIZE, button, caption, card, level};
use super::state::{EnvironmentAction, EnvironmentPage, Loaded};
use crate::doctor::{Check, Level};

const NAME_WIDTH: f32 = 130.0;

pub(super) fn show(ui: &mut Ui, page: &EnvironmentPage, actions: &mut Vec<EnvironmentAction>) {
    card(ui, "This machine", |ui| match page.checks.get() {
        None if page.checks == Loaded::NotAsked => {
            caption(
                ui,
                "Not looked at yet: Python, ports, memory, disk and power decide what can be \
                 measured here.",
            );
            ui.add_space(6.0);
            if button(ui, ICON_REFRESH, "Look now").clicked() {
                actions.push(EnvironmentAction::Refresh);
            }
        }
        None => {
            ui.horizontal(|ui| {
                ui.add(Spinner::new().size(14.0));
                ui.label("Looking at Python, ports, memory, disk and power");
            });
        }
        Some(checks) => {
            for (index, check) in checks.iter().enumerate() {
                if index > 0 {
                    ui.add_space(7.0);
                }
                row(ui, check);
            }
            if page.nginx().is_some_and(|nginx| nginx.level != Level::Ok) {
                ui.add_space(10.0);
                if button(ui, ICON_FOLDER_OPEN, "Choose nginx...").clicked() {
                    actions.push(EnvironmentAction::PickNginx);
                }
            }
        }
    });
}

fn row(ui: &mut Ui, check: &Check) {
    ui.horizontal_top(|ui| {
        level(ui, check.level);
        ui.allocate_ui_with_layout(
            vec2(NAME_WIDTH, 18.0),
            Layout::left_to_right(Align::Min),
            |ui| {
                ui.set_width(NAME_WIDTH);
                ui.add(Label::new(check.name.as_str()).truncate());
            },
        );
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add(Label::new(RichText::new(&check.detail).weak()).wrap());
            if let Some(remedy) = &check.remedy {
                let text = RichText::new(remedy).size(CAPTION_SIZE);
                ui.add(Label::new(text).wrap());
            }
        });
    });
}
