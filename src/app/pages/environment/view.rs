//! Draws the page: two columns where there is room.

use egui::{Align, CentralPanel, Frame, Layout, Margin, RichText, ScrollArea, Spinner, Ui};
use egui_material_icons::icons::ICON_REFRESH;

use super::parts::{button, colour};
use super::state::{EnvironmentAction, EnvironmentPage};
use super::{checks_view, python_view, setup_view};
use crate::app::theme;
use crate::doctor::worst;

/// From this width on, in points, the page has two columns.
const TWO_COLUMNS: f32 = 900.0;
/// Lines longer than this are hard to read.
const WIDEST: f32 = 1180.0;

/// Draws the page over all of `ui`, and tells what the user asked for.
pub fn show(ui: &mut Ui, page: &EnvironmentPage) -> Vec<EnvironmentAction> {
    let mut actions = Vec::new();
    let margin = Frame::NONE.inner_margin(Margin::symmetric(24, 18));
    CentralPanel::no_frame().show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            margin.show(ui, |ui| {
                ui.set_max_width(WIDEST.min(ui.available_width()));
                heading(ui, page, &mut actions);
                ui.add_space(16.0);
                body(ui, page, &mut actions);
            });
        });
    });
    actions
}

fn heading(ui: &mut Ui, page: &EnvironmentPage, actions: &mut Vec<EnvironmentAction>) {
    ui.horizontal(|ui| {
        theme::title(ui, "Environment");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let loading = page.checks.is_loading();
            ui.add_enabled_ui(!loading, |ui| {
                if button(ui, ICON_REFRESH, "Refresh").clicked() {
                    actions.push(EnvironmentAction::Refresh);
                }
            });
            if loading {
                ui.add(Spinner::new().size(14.0));
            }
        });
    });
    if let Some(checks) = page.checks.get() {
        ui.label(RichText::new(&page.headline).color(colour(ui, worst(checks))));
    }
}

fn body(ui: &mut Ui, page: &EnvironmentPage, actions: &mut Vec<EnvironmentAction>) {
    let needed = page.in_use.is_none();
    if ui.available_width() < TWO_COLUMNS {
        // What must be done first stands first.
        if needed || page.setup.is_running() {
            setup_view::show(ui, &page.setup, needed, actions);
        }
        checks_view::show(ui, page, actions);
        python_view::show(ui, page, actions);
        if !(needed || page.setup.is_running()) {
            setup_view::show(ui, &page.setup, needed, actions);
        }
        return;
    }
    ui.spacing_mut().item_spacing.x = 24.0;
    ui.columns(2, |columns| {
        for column in columns.iter_mut() {
            column.spacing_mut().item_spacing.x = 8.0;
        }
        checks_view::show(&mut columns[0], page, actions);
        python_view::show(&mut columns[1], page, actions);
        setup_view::show(&mut columns[1], &page.setup, needed, actions);
    });
}
