//! Always in sight: how large the run is, what stands in its way, and Start.

use egui::{Align, Label, Layout, RichText, ScrollArea, Ui};
use egui_material_icons::icons::{ICON_PLAY_ARROW, ICON_TERMINAL};

use super::action::FormAction;
use super::model::FormModel;
use super::parts::{CAPTION_SIZE, error, primary_button, text_button, warning_colour};
use super::summary::Summary;
use crate::models::memory::Verdict;

/// Of a list of notes or problems before it scrolls.
const LIST_HEIGHT: f32 = 110.0;

pub(super) fn show(ui: &mut Ui, form: &FormModel, actions: &mut Vec<FormAction>) {
    ui.add_space(8.0);
    figures(ui, form.summary.as_ref());
    if let Some(memory) = form.memory() {
        let size = CAPTION_SIZE;
        let text = RichText::new(format!("Memory {}", memory.text)).size(size);
        let text = match memory.verdict {
            Verdict::Fits => text.weak(),
            Verdict::Tight => text.color(warning_colour(ui)),
            Verdict::DoesNotFit => text.color(ui.visuals().error_fg_color),
        };
        ui.add(Label::new(text).wrap());
    }
    if !form.problems.is_empty() {
        ScrollArea::vertical()
            .id_salt("problems")
            .max_height(LIST_HEIGHT)
            .show(ui, |ui| {
                for problem in &form.problems {
                    error(ui, problem);
                }
            });
    }
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        if text_button(ui, ICON_TERMINAL, "Show command")
            .on_hover_text("The exact command line of every server that the run would start")
            .clicked()
        {
            actions.push(FormAction::OpenCommands);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| notes(ui, form));
    });
    ui.add_space(2.0);
    let blocked = form.blocked();
    if let Some(reason) = blocked {
        let first = reason.lines().next().unwrap_or_default();
        let text = RichText::new(first).size(CAPTION_SIZE);
        let text = if form.is_wrong() {
            text.color(ui.visuals().error_fg_color)
        } else {
            text.weak()
        };
        ui.add(Label::new(text).truncate()).on_hover_text(reason);
    }
    let start = primary_button(ui, ICON_PLAY_ARROW, "Start", blocked.is_none());
    let start = start.on_disabled_hover_text(blocked.unwrap_or_default());
    if let Some(reason) = blocked {
        ui.ctx()
            .accesskit_node_builder(start.id, |node| node.set_description(reason));
    }
    if start.clicked() {
        actions.push(FormAction::Start);
    }
    ui.add_space(8.0);
}

/// Three columns: a figure over its name.
fn figures(ui: &mut Ui, summary: Option<&Summary>) {
    const NONE: &str = "–";
    let (cells, starts, time) = summary.map_or((NONE, NONE, NONE), |s| {
        (s.cells.as_str(), s.server_starts.as_str(), s.time.as_str())
    });
    let response = ui.columns(3, |columns| {
        for (column, (figure, name)) in columns.iter_mut().zip([
            (cells, "cells"),
            (starts, "server starts"),
            (time, "estimated"),
        ]) {
            column.spacing_mut().item_spacing.y = 0.0;
            let text = RichText::new(figure).size(16.0).strong();
            column.add(Label::new(text).truncate().selectable(false));
            let text = RichText::new(name).size(CAPTION_SIZE).weak();
            column.add(Label::new(text).selectable(false));
        }
        columns[0].response() | columns[1].response() | columns[2].response()
    });
    if let Some(summary) = summary {
        response.on_hover_text(&summary.details);
    }
}

/// What to know before the run, behind a button that counts it.
fn notes(ui: &mut Ui, form: &FormModel) {
    let text = match form.notices.len() {
        0 => return,
        1 => "1 note".to_owned(),
        n => format!("{n} notes"),
    };
    ui.menu_button(text, |ui| {
        ui.set_width(300.0);
        ScrollArea::vertical().max_height(260.0).show(ui, |ui| {
            for notice in &form.notices {
                ui.add(Label::new(notice.as_str()).wrap());
                ui.add_space(4.0);
            }
        });
    });
}
