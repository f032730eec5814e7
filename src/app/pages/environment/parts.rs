//! Small pieces that the page is drawn with. Colours come from the style alone.

use egui::accesskit::Role;
use egui::{
    Align, Align2, Button, Color32, CornerRadius, FontId, Frame, Label, Layout, Margin, Response,
    RichText, Sense, TextStyle, Ui, WidgetInfo, vec2,
};
use egui_material_icons::MaterialIcon;
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_ERROR, ICON_WARNING};

use crate::app::theme;
use crate::doctor::Level;

pub(super) const CAPTION_SIZE: f32 = 11.5;

/// A calm surface that holds one subject.
pub(super) fn card<R>(ui: &mut Ui, title: &str, body: impl FnOnce(&mut Ui) -> R) -> R {
    theme::section_heading(ui, title);
    ui.add_space(4.0);
    let inner = Frame::NONE
        .fill(ui.visuals().faint_bg_color)
        .stroke(ui.visuals().widgets.noninteractive.bg_stroke)
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(14, 12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            // Columns would stretch every button over their width.
            ui.with_layout(Layout::top_down(Align::Min), body).inner
        })
        .inner;
    ui.add_space(18.0);
    inner
}

pub(super) fn caption(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).size(CAPTION_SIZE).weak()).wrap())
}

pub(super) fn button(ui: &mut Ui, icon: MaterialIcon, text: &str) -> Response {
    let button = Button::new((icon.rich_text().size(16.0), text)).min_size(vec2(0.0, 26.0));
    let response = ui.add(button);
    named(ui, response, text)
}

pub(super) fn primary_button(ui: &mut Ui, icon: MaterialIcon, text: &str) -> Response {
    let selection = ui.visuals().selection;
    let colour = selection.stroke.color;
    let button = Button::new((
        icon.rich_text().size(16.0).color(colour),
        RichText::new(text).color(colour).strong(),
    ))
    .fill(selection.bg_fill)
    .min_size(vec2(0.0, 28.0));
    let response = ui.add(button);
    named(ui, response, text)
}

fn named(ui: &Ui, response: Response, name: &str) -> Response {
    let enabled = ui.is_enabled() && response.enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    response
}

pub(super) fn colour(ui: &Ui, level: Level) -> Color32 {
    match level {
        // The accent: there is no green in egui's own style.
        Level::Ok => ui.visuals().hyperlink_color,
        Level::Warning => ui.visuals().warn_fg_color,
        Level::Problem => ui.visuals().error_fg_color,
    }
}

/// An icon with a word for those who do not see it.
pub(super) fn level(ui: &mut Ui, level: Level) {
    let (icon, word) = match level {
        Level::Ok => (ICON_CHECK_CIRCLE, "ok"),
        Level::Warning => (ICON_WARNING, "warning"),
        Level::Problem => (ICON_ERROR, "problem"),
    };
    // As high as the text beside it, so that both stand on one line.
    let height = ui.text_style_height(&TextStyle::Body);
    let (rect, response) = ui.allocate_exact_size(vec2(18.0, height), Sense::hover());
    ui.painter().text(
        rect.center(),
        Align2::CENTER_CENTER,
        icon.codepoint,
        FontId::new(16.0, icon.font_family()),
        colour(ui, level),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, word));
    response.on_hover_text(word);
}
