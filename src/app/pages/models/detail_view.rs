//! Draws all that is known of the chosen model.

use egui::{Grid, Label, RichText, Ui, vec2};
use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_DELETE, ICON_FOLDER_OPEN, ICON_WIDGETS};

use super::demand::DemandFields;
use super::detail::{Detail, Fact};
use super::memory_view;
use super::page::{Event, ModelsAction};
use super::parts::button;
use crate::app::theme::{
    badge, caption, card, icon_button, palette, primary_button, section_heading, space, title,
};

/// From this width on, the four columns of facts are spread out.
const ROOMY: f32 = 560.0;

pub(super) fn show(
    ui: &mut Ui,
    detail: &Detail,
    demand: &mut DemandFields,
    making: bool,
    events: &mut Vec<Event>,
) {
    head(ui, detail);
    ui.add_space(space::S);
    buttons(ui, detail, making, events);
    ui.add_space(space::M);
    if !detail.problems.is_empty() {
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            section_heading(
                ui,
                if detail.usable {
                    "It will not load"
                } else {
                    "No such model"
                },
            );
            let colour = palette(ui).danger;
            for problem in &detail.problems {
                ui.add(Label::new(RichText::new(problem).color(colour)).wrap());
            }
        });
        ui.add_space(space::M);
    }
    if !detail.facts.is_empty() {
        card(ui, |ui| {
            ui.set_width(ui.available_width());
            facts(ui, &detail.facts);
            if let Some((answer, why, tone)) = &detail.batching {
                ui.add_space(space::S);
                ui.separator();
                ui.add_space(space::XS);
                let colour = palette(ui).tone(*tone);
                ui.label(RichText::new(*answer).color(colour));
                caption(ui, why);
            }
            if !detail.path.is_empty() {
                ui.add_space(space::XS);
                ui.separator();
                path(ui, detail, events);
            }
        });
        ui.add_space(space::M);
    }
    if detail.usable {
        let nothing = "What it needs is not known before it is on this disk.";
        memory_view::show(ui, demand, detail.memory.as_ref(), nothing, events);
    }
}

fn head(ui: &mut Ui, detail: &Detail) {
    ui.horizontal_wrapped(|ui| {
        title(ui, &detail.title);
        for (word, tone) in &detail.badges {
            badge(ui, word, *tone);
        }
    });
    if let Some(note) = &detail.note {
        let colour = palette(ui).text_secondary;
        ui.add(Label::new(RichText::new(note).color(colour)).wrap());
    }
}

fn buttons(ui: &mut Ui, detail: &Detail, making: bool, events: &mut Vec<Event>) {
    ui.horizontal(|ui| {
        ui.add_enabled_ui(detail.usable, |ui| {
            if primary_button(ui, "Use in run").clicked() {
                let text = detail.text.clone();
                events.push(Event::Outer(ModelsAction::UseInRun(text)));
            }
        });
        if let Some((name, shape)) = &detail.makeable {
            ui.add_enabled_ui(!making, |ui| {
                if button(ui, ICON_WIDGETS, "Make now").clicked() {
                    events.push(Event::Outer(ModelsAction::Make {
                        name: name.clone(),
                        shape: shape.clone(),
                    }));
                }
            });
        }
        if detail.deletable.is_some() && button(ui, ICON_DELETE, "Delete...").clicked() {
            events.push(Event::AskDelete);
        }
    });
}

fn facts(ui: &mut Ui, facts: &[Fact]) {
    let colour = palette(ui).text_secondary;
    // Two pairs side by side: down the first column, then the second.
    let rows = facts.len().div_ceil(2);
    // Less than a quarter: a long value may take what short ones leave. Where there is little, a
    // column is as wide as its words.
    let room = ui.available_width();
    let width = if room < ROOMY {
        0.0
    } else {
        room / 4.0 - 2.0 * space::M
    };
    Grid::new("model facts")
        .num_columns(4)
        .min_col_width(width.min(150.0))
        .spacing(vec2(space::M, 7.0))
        .show(ui, |ui| {
            for at in 0..rows {
                for fact in [facts.get(at), facts.get(at + rows)].into_iter().flatten() {
                    ui.label(RichText::new(fact.label).color(colour));
                    ui.add(Label::new(&fact.value).selectable(true));
                }
                ui.end_row();
            }
        });
}

fn path(ui: &mut Ui, detail: &Detail, events: &mut Vec<Event>) {
    ui.horizontal(|ui| {
        let spacing = ui.spacing();
        let button = 18.0 + 2.0 * spacing.button_padding.x + spacing.item_spacing.x;
        let width = ui.available_width() - 2.0 * button;
        ui.allocate_ui_with_layout(
            vec2(width, 26.0),
            egui::Layout::left_to_right(egui::Align::Center),
            |ui| {
                ui.set_width(width);
                let text = RichText::new(&detail.path).monospace().size(11.5);
                ui.add(Label::new(text).truncate())
                    .on_hover_text(&detail.path);
            },
        );
        if icon_button(ui, ICON_CONTENT_COPY, "Copy path").clicked() {
            let text = detail.path.clone();
            events.push(Event::Outer(ModelsAction::CopyText(text)));
        }
        if let Some(folder) = &detail.folder
            && icon_button(ui, ICON_FOLDER_OPEN, "Reveal folder").clicked()
        {
            events.push(Event::Outer(ModelsAction::Reveal(folder.clone())));
        }
    });
}
