//! One labelled figure.

use egui::{Label, Response, RichText, Role, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use crate::app::theme::{font, palette};

/// `value` is ready to read, without its unit; `None` is shown as "–", with `why` as its tooltip.
#[derive(Debug, Clone, Copy)]
pub struct Stat<'a> {
    pub label: &'a str,
    pub value: Option<&'a str>,
    /// May be empty.
    pub unit: &'a str,
    /// More about the figure, or the reason of its absence; may be empty.
    pub why: &'a str,
}

/// Draws the figure; a click copies it with its unit.
pub fn stat(ui: &mut Ui, stat: Stat<'_>) -> Response {
    let palette = palette(ui);
    let Stat {
        label,
        value,
        unit,
        why,
    } = stat;
    let sense = if value.is_some() {
        Sense::click()
    } else {
        Sense::hover()
    };
    let builder = UiBuilder::new().id_salt(("stat", label)).sense(sense);
    let response = ui
        .scope_builder(builder, |ui| {
            ui.spacing_mut().item_spacing = vec2(4.0, 1.0);
            let hovered = value.is_some() && ui.response().hovered();
            let label = RichText::new(label).small().color(palette.text_secondary);
            ui.vertical(|ui| {
                ui.add(quiet(label));
                ui.horizontal(|ui| {
                    let (text, colour) = match value {
                        Some(value) if hovered => (value, palette.accent_text),
                        Some(value) => (value, palette.text),
                        None => ("–", palette.text_tertiary),
                    };
                    let text = RichText::new(text)
                        .font(font::figures_medium(20.0))
                        .color(colour);
                    let figure = ui.add(quiet(text)).rect;
                    if value.is_some() && !unit.is_empty() {
                        let unit = RichText::new(unit).small().color(palette.text_secondary);
                        // On the figure's baseline, not on its middle.
                        let size = vec2(ui.available_width(), figure.height() - 3.0);
                        let layout = egui::Layout::left_to_right(egui::Align::Max);
                        ui.allocate_ui_with_layout(size, layout, |ui| ui.add(quiet(unit)));
                    }
                });
            });
        })
        .response;

    let name = match value {
        Some(value) if unit.is_empty() => format!("{label}: {value}"),
        Some(value) => format!("{label}: {value} {unit}"),
        None => format!("{label}: not available"),
    };
    let role = if value.is_some() {
        Role::Button
    } else {
        Role::Label
    };
    response.widget_info(|| WidgetInfo::labeled(role, true, &name));
    if let (Some(value), true) = (value, response.clicked()) {
        ui.ctx()
            .copy_text(format!("{value} {unit}").trim_end().to_owned());
    }
    match (value.is_some(), why.is_empty()) {
        (true, true) => response.on_hover_text("Click to copy"),
        (true, false) => response.on_hover_text(format!("{why}\nClick to copy")),
        (false, true) => response.on_hover_text("Not available"),
        (false, false) => response.on_hover_text(why),
    }
}

/// A label that leaves hover and clicks to the figure as a whole.
fn quiet(text: RichText) -> Label {
    Label::new(text).selectable(false).extend()
}
