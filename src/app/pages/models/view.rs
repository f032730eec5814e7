//! Puts the page together.

use egui::{CentralPanel, Frame, Margin, Panel, ProgressBar, RichText, ScrollArea, Ui};
use egui_material_icons::icons::ICON_DEPLOYED_CODE;

use super::making::Making;
use super::page::{Asking, Chosen, Event, ModelsAction, ModelsPage};
use super::{detail_view, list_view, maker_view};
use crate::app::theme::{empty_state, palette, space};

/// Lines longer than this are hard to read.
const WIDEST: f32 = 780.0;

/// Draws the page over all of `ui`, and tells what the app is to do.
pub fn show(ui: &mut Ui, page: &mut ModelsPage) -> Vec<ModelsAction> {
    let mut events = Vec::new();
    let fill = palette(ui).background;
    Panel::left("models_list")
        .resizable(true)
        // In a small window, what is known of a model needs the room more than its name.
        .default_size((0.38 * ui.available_width()).clamp(352.0, 360.0))
        .size_range(300.0..=520.0)
        .frame(Frame::new().fill(fill))
        .show(ui, |ui| list_view::show(ui, page, &mut events));
    let margin = Margin::symmetric(space::L as i8, space::S as i8);
    if let Some(making) = &page.making {
        Panel::bottom("models making")
            .frame(Frame::new().fill(palette(ui).surface).inner_margin(margin))
            .show(ui, |ui| progress(ui, making, &mut events));
    } else if let Some((text, wrong)) = &page.told {
        Panel::bottom("models told")
            .frame(Frame::new().fill(palette(ui).surface).inner_margin(margin))
            .show(ui, |ui| told(ui, text, *wrong, &mut events));
    }
    CentralPanel::default()
        .frame(Frame::new().fill(fill))
        .show(ui, |ui| right(ui, page, &mut events));
    if let Some(asking) = &page.asking {
        question(ui.ctx(), asking, &mut events);
    }
    events
        .into_iter()
        .filter_map(|event| page.apply(event))
        .collect()
}

fn right(ui: &mut Ui, page: &mut ModelsPage, events: &mut Vec<Event>) {
    let making = page.making.is_some();
    match &page.chosen {
        None => empty_state(
            ui,
            ICON_DEPLOYED_CODE,
            "No model chosen",
            "Choose one on the left, or make a synthetic one.",
        ),
        Some(Chosen::Model(_)) if page.detail.is_none() => {
            ui.centered_and_justified(|ui| ui.weak("Looking at it..."));
        }
        Some(chosen) => {
            let new = *chosen == Chosen::NewShape;
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                Frame::NONE.inner_margin(Margin::same(20)).show(ui, |ui| {
                    ui.set_max_width(WIDEST.min(ui.available_width()));
                    if new {
                        maker_view::show(ui, &mut page.maker, &mut page.demand, making, events);
                    } else if let Some(detail) = &page.detail {
                        detail_view::show(ui, detail, &mut page.demand, making, events);
                    }
                });
            });
        }
    }
}

fn progress(ui: &mut Ui, making: &Making, events: &mut Vec<Event>) {
    ui.horizontal(|ui| {
        ui.label(format!("Making {}", making.name));
        let cancel = ui.add_enabled(!making.cancelling, egui::Button::new("Cancel"));
        if cancel.clicked() {
            events.push(Event::Outer(ModelsAction::CancelMake));
        }
        ui.add(ProgressBar::new(making.share).text(&making.text));
    });
}

fn told(ui: &mut Ui, text: &str, wrong: bool, events: &mut Vec<Event>) {
    let colours = palette(ui);
    let colour = if wrong { colours.danger } else { colours.text };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(text).color(colour));
        if ui.button("Dismiss").clicked() {
            events.push(Event::DismissTold);
        }
    });
}

fn question(context: &egui::Context, asking: &Asking, events: &mut Vec<Event>) {
    egui::Window::new("Delete this model?")
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(context, |ui| {
            ui.set_max_width(360.0);
            ui.add(egui::Label::new(&asking.question).wrap());
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                if ui.button("Move to trash").clicked() {
                    events.push(Event::Delete);
                }
                if ui.button("Keep").clicked() {
                    events.push(Event::Keep);
                }
            });
        });
}
