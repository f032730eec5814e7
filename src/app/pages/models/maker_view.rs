//! Draws the form for a synthetic model of any shape.

use egui::{Checkbox, ComboBox, RichText, Ui};
use strum::VariantNames as _;

use super::demand::DemandFields;
use super::maker::{Maker, NUMBERS};
use super::memory_view;
use super::page::Event;
use super::parts::{columns, error, field};
use crate::app::theme::{caption, card, font, palette, primary_button, space, title};
use crate::models::synthetic::{self, Arch, FloatType, Part};

const PER_ROW: usize = 4;

pub(super) fn show(
    ui: &mut Ui,
    maker: &mut Maker,
    demand: &mut DemandFields,
    making: bool,
    events: &mut Vec<Event>,
) {
    title(ui, "New synthetic model");
    caption(
        ui,
        "Random weights in a shape of your own: made on this disk, with nothing to download. Its \
         speed is that of a real model of the shape.",
    );
    ui.add_space(space::M);
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        columns(ui, 2, |ui, i| match i {
            0 => {
                let wrong = maker.name_error.clone();
                let about = "Runs call it synthetic:NAME";
                if field(ui, "Name", about, &mut maker.name, wrong.as_deref()) {
                    events.push(Event::MakerEdited);
                }
            }
            _ => start_from(ui, maker, events),
        });
        ui.add_space(space::S);
        choices(ui, maker, events);
        ui.add_space(space::S);
        for first in (0..NUMBERS.len()).step_by(PER_ROW) {
            columns(ui, PER_ROW, |ui, i| {
                let at = first + i;
                let (label, part, about) = NUMBERS[at];
                let wrong = maker.errors.get(&part).map(String::as_str);
                let fixed = part == Part::HeadDim && maker.shape.arch == Arch::Qwen2;
                ui.add_enabled_ui(!fixed, |ui| {
                    if field(ui, label, about, &mut maker.texts[at], wrong) {
                        events.push(Event::MakerEdited);
                    }
                });
            });
            ui.add_space(space::S);
        }
        if let Some(wrong) = maker.errors.get(&Part::Constants) {
            error(ui, wrong);
        }
        ui.horizontal_wrapped(|ui| {
            let ready = maker.ready().is_some() && !making;
            ui.add_enabled_ui(ready, |ui| {
                if primary_button(ui, "Make").clicked() {
                    events.push(Event::Make);
                }
            });
            ui.add_space(space::S);
            figures(ui, maker);
        });
    });
    ui.add_space(space::M);
    let nothing = "Told once the shape makes a model.";
    memory_view::show(ui, demand, maker.memory.as_ref(), nothing, events);
}

fn start_from(ui: &mut Ui, maker: &Maker, events: &mut Vec<Event>) {
    menu(ui, "Start from", &maker.base, |ui| {
        for name in synthetic::NAMES {
            if ui.selectable_label(maker.base == name, name).clicked() {
                events.push(Event::StartFrom(name.to_owned()));
            }
        }
    });
}

fn choices(ui: &mut Ui, maker: &mut Maker, events: &mut Vec<Event>) {
    columns(ui, 5, |ui, i| {
        let before = maker.shape.clone();
        match i {
            0 => menu(ui, "Family", &before.arch.to_string(), |ui| {
                for name in Arch::VARIANTS {
                    let Ok(arch) = name.parse::<Arch>() else {
                        continue;
                    };
                    if ui.selectable_label(before.arch == arch, *name).clicked() {
                        maker.set_family(arch);
                    }
                }
            }),
            1 => menu(ui, "Weights", bits_text(before.bits), |ui| {
                for bits in [4, 8, 0] {
                    if ui
                        .selectable_label(before.bits == bits, bits_text(bits))
                        .clicked()
                    {
                        maker.shape.bits = bits;
                    }
                }
            }),
            2 => {
                ui.add_enabled_ui(before.bits > 0, |ui| {
                    menu(ui, "Group size", &before.group_size.to_string(), |ui| {
                        for size in [32, 64, 128] {
                            let text = size.to_string();
                            if ui
                                .selectable_label(before.group_size == size, text)
                                .clicked()
                            {
                                maker.shape.group_size = size;
                            }
                        }
                    });
                });
            }
            3 => menu(ui, "Float type", &before.dtype.to_string(), |ui| {
                for name in FloatType::VARIANTS {
                    let Ok(dtype) = name.parse::<FloatType>() else {
                        continue;
                    };
                    if ui.selectable_label(before.dtype == dtype, *name).clicked() {
                        maker.shape.dtype = dtype;
                    }
                }
            }),
            _ => {
                caption(ui, "Output");
                ui.add(Checkbox::new(&mut maker.shape.tied, "Tied"))
                    .on_hover_text("The embedding doubles as the output projection");
            }
        }
        if maker.shape != before {
            events.push(Event::MakerEdited);
        }
    });
}

fn bits_text(bits: u64) -> &'static str {
    match bits {
        4 => "4-bit",
        8 => "8-bit",
        _ => "Dense",
    }
}

fn menu(ui: &mut Ui, label: &str, shown: &str, lines: impl FnOnce(&mut Ui)) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        caption(ui, label);
        let width = ui.available_width();
        let response = ComboBox::from_id_salt(label)
            .width(width)
            .selected_text(shown)
            .show_ui(ui, lines)
            .response;
        ui.ctx()
            .accesskit_node_builder(response.id, |node| node.set_label(label));
    });
}

fn figures(ui: &mut Ui, maker: &Maker) {
    let colours = palette(ui);
    let Some(figures) = &maker.figures else {
        caption(ui, "This shape makes no model yet.");
        return;
    };
    ui.spacing_mut().item_spacing.x = space::XS + 2.0;
    for (label, value) in figures {
        ui.label(RichText::new(*label).small().color(colours.text_secondary));
        ui.label(RichText::new(value).font(font::figures_medium(13.0)));
        ui.add_space(space::S);
    }
}
