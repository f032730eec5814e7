//! Draws the memory estimate: what it is for, a stacked bar, and the verdict.

use egui::{CornerRadius, Label, Rect, RichText, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::demand::{DemandFields, FIELDS};
use super::detail::MemoryView;
use super::page::Event;
use super::parts::{columns, field};
use crate::app::theme::{badge, caption, card, font, palette, section_heading, space};

const BAR: f32 = 16.0;

pub(super) fn show(
    ui: &mut Ui,
    demand: &mut DemandFields,
    memory: Option<&MemoryView>,
    nothing: &str,
    events: &mut Vec<Event>,
) {
    card(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            section_heading(ui, "Memory");
            if let Some(memory) = memory {
                badge(ui, memory.verdict, memory.tone);
            }
            if demand.edited && demand.has_form() {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.link("As in the form").clicked() {
                        events.push(Event::DemandFromForm);
                    }
                });
            }
        });
        ui.add_space(space::XS);
        columns(ui, FIELDS.len(), |ui, i| {
            let wrong = demand.errors[i].as_deref();
            let about = match i {
                0 => "Servers, each with its own copy of the weights",
                1 => "Requests that each server works on together",
                _ => "Of each request",
            };
            if field(ui, FIELDS[i].0, about, &mut demand.texts[i], wrong) {
                events.push(Event::DemandEdited);
            }
        });
        ui.add_space(space::S);
        let Some(memory) = memory else {
            caption(ui, nothing);
            return;
        };
        bar(ui, memory);
        ui.add_space(space::XS);
        legend(ui, memory);
        ui.add_space(space::XS);
        let colour = palette(ui).text_secondary;
        ui.add(Label::new(RichText::new(&memory.text).color(colour)).wrap());
    });
}

fn bar(ui: &mut Ui, memory: &MemoryView) {
    let size = vec2(ui.available_width(), BAR);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &memory.name));
    let colours = palette(ui);
    let corner = CornerRadius::same(4);
    let painter = ui.painter();
    painter.rect_filled(rect, corner, colours.sunken);
    let mut left = rect.left();
    for (i, part) in memory.parts.iter().enumerate() {
        // What is there is seen, however small.
        let width = match part.share * rect.width() {
            width if width > 0.0 => width.max(1.5),
            width => width,
        };
        let right = (left + width).min(rect.right());
        let piece = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
        let whole = |at_end: bool| if at_end { 4 } else { 0 };
        let corner = CornerRadius {
            nw: whole(i == 0),
            sw: whole(i == 0),
            ne: whole(right >= rect.right() - 0.5),
            se: whole(right >= rect.right() - 0.5),
        };
        painter.rect_filled(piece, corner, colours.series[i]);
        left = right;
    }
    painter.rect_stroke(
        rect,
        corner,
        Stroke::new(1.0, colours.outline),
        egui::StrokeKind::Inside,
    );
    if memory.limit < 0.999 {
        let x = rect.left() + memory.limit * rect.width();
        painter.vline(
            x,
            rect.y_range().expand(3.0),
            Stroke::new(2.0, colours.text),
        );
    }
    response.on_hover_text(&memory.name);
}

fn legend(ui: &mut Ui, memory: &MemoryView) {
    let colours = palette(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS + 2.0;
        for (part, colour) in memory.parts.iter().zip(colours.series) {
            let (rect, _) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::hover());
            ui.painter().rect_filled(rect, 2.0, colour);
            let label = RichText::new(part.label).small();
            ui.label(label.color(colours.text_secondary));
            ui.label(RichText::new(&part.value).font(font::figures_medium(12.0)));
            ui.add_space(space::S);
        }
        let of = RichText::new(format!("of {}", memory.limit_text)).small();
        // Whole, in a line of its own if need be.
        ui.add(Label::new(of.color(colours.text_secondary)).extend());
    });
}
