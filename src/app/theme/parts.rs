//! Small parts that every page is made of.

use egui::{
    Align, Align2, Button, Color32, CornerRadius, Frame, InnerResponse, Label, Layout, Margin,
    Panel, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};
use egui_material_icons::MaterialIcon;

use super::{Tone, font, palette, rounding, space};

/// The title of a page.
pub fn title(ui: &mut Ui, text: &str) -> Response {
    ui.label(RichText::new(text).font(font::title()))
}

/// Over a group of controls or figures.
pub fn section_heading(ui: &mut Ui, text: &str) -> Response {
    ui.label(RichText::new(text).font(font::strong()))
}

/// Outlines the controls that follow in `ui` as wrong.
pub fn mark_wrong(ui: &mut Ui) {
    let stroke = Stroke::new(1.0, palette(ui).danger);
    let widgets = &mut ui.visuals_mut().widgets;
    for state in [
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
        &mut widgets.noninteractive,
    ] {
        state.bg_stroke = stroke;
    }
    ui.visuals_mut().selection.stroke = stroke;
}

/// A bar over the page, for something to know; `id` is its own.
pub fn bar(ui: &mut Ui, id: &'static str, content: impl FnOnce(&mut Ui)) {
    let fill = palette(ui).surface;
    Panel::top(id)
        .frame(
            Frame::new()
                .fill(fill)
                .inner_margin(Margin::same(space::S as i8)),
        )
        .show(ui, |ui| ui.horizontal_wrapped(content));
}

/// A sentence or unit that explains what is beside it.
pub fn caption(ui: &mut Ui, text: &str) -> Response {
    let colour = palette(ui).text_secondary;
    ui.add(Label::new(RichText::new(text).small().color(colour)).wrap())
}

/// A surface with a hairline around it.
pub fn card<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let palette = palette(ui);
    Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.hairline))
        .corner_radius(CornerRadius::same(rounding::CARD))
        .inner_margin(Margin::same(space::M as i8))
        .show(ui, contents)
}

/// The one button of a page that goes on; in `ui.add_enabled_ui` it greys as others do.
pub fn primary_button(ui: &mut Ui, text: &str) -> Response {
    let palette = palette(ui);
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, fill) in [
            (&mut widgets.noninteractive, palette.accent),
            (&mut widgets.inactive, palette.accent),
            (&mut widgets.hovered, palette.accent_hovered),
            (&mut widgets.active, palette.accent_pressed),
        ] {
            state.weak_bg_fill = fill;
            state.bg_stroke.color = fill;
            state.fg_stroke.color = palette.on_accent;
        }
        // The keyboard's ring, where the fill already is the accent.
        widgets.active.bg_stroke = Stroke::new(1.5, palette.text);
        ui.button(RichText::new(text).font(font::medium(13.0)))
    })
    .inner
}

/// A frameless button with an icon; `name` is both its tooltip and what a screen reader says.
pub fn icon_button(ui: &mut Ui, icon: MaterialIcon, name: &str) -> Response {
    let text = self::icon(icon, 18.0).color(palette(ui).text_secondary);
    ui.add(
        Button::new(text)
            .frame_when_inactive(false)
            .min_size(vec2(26.0, 26.0)),
    )
    .on_hover_text(name)
    .accessible_name(name)
}

/// An icon as text.
pub fn icon(icon: MaterialIcon, size: f32) -> RichText {
    icon.rich_text().font(font::icon(size))
}

/// A picture beside words that say the same: a screen reader is told nothing of it.
pub fn painted_icon(ui: &mut Ui, icon: MaterialIcon, size: f32, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(size, size), Sense::hover());
    ui.painter().text(
        rect.center(),
        Align2::CENTER_CENTER,
        icon.codepoint,
        font::icon(size),
        colour,
    );
}

/// A word in a tinted pill.
pub fn badge(ui: &mut Ui, text: &str, tone: Tone) -> Response {
    let palette = palette(ui);
    let colour = palette.tone(tone);
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font::medium(11.0), colour);
    // One rectangle, so that it wraps and aligns as a word does.
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(14.0, 6.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let corner = CornerRadius::same(rounding::CONTROL);
    let painter = ui.painter();
    painter.rect_filled(rect, corner, palette.tint(tone));
    painter.galley(rect.center() - galley.size() / 2.0, galley, colour);
    response
}

/// What stands where data will be: an icon, what is missing, and what to do about it.
pub fn empty_state(ui: &mut Ui, icon: MaterialIcon, heading: &str, hint: &str) {
    let palette = palette(ui);
    let height = ui.available_height();
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space(((height - 96.0) / 2.0).max(space::S));
        // Painted, not a label: a screen reader would read the icon's code point.
        let (rect, _) = ui.allocate_exact_size(vec2(36.0, 36.0), Sense::hover());
        let at = rect.center();
        let font = font::icon(32.0);
        ui.painter().text(
            at,
            Align2::CENTER_CENTER,
            icon.codepoint,
            font,
            palette.text_tertiary,
        );
        ui.add_space(space::XS);
        ui.label(
            RichText::new(heading)
                .font(font::strong())
                .color(palette.text_secondary),
        );
        caption(ui, hint);
    });
}
