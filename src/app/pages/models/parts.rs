//! Small pieces that the page is drawn with.

use egui::{Label, Response, RichText, Role, TextEdit, Ui, WidgetInfo, vec2};
use egui_material_icons::MaterialIcon;

use crate::app::theme::{self, caption, palette, space};

/// Of controls, in points.
pub(super) const ROW_HEIGHT: f32 = 26.0;

/// A button with an icon before its text; called by the text alone.
pub(super) fn button(ui: &mut Ui, icon: MaterialIcon, text: &str) -> Response {
    let content = (theme::icon(icon, 16.0), text);
    let response = ui.add(egui::Button::new(content).min_size(vec2(0.0, ROW_HEIGHT)));
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    response
}

/// A text field that is red where it is wrong; called `name`.
pub(super) fn input(
    ui: &mut Ui,
    text: &mut String,
    name: &str,
    hint: &str,
    wrong: bool,
) -> Response {
    let width = ui.available_width();
    let response = ui.scope(|ui| {
        if wrong {
            theme::mark_wrong(ui);
        }
        let edit = TextEdit::singleline(text)
            .hint_text(hint)
            .desired_width(width)
            .align(egui::Align2::LEFT_CENTER)
            .min_size(vec2(0.0, ROW_HEIGHT));
        ui.add(edit)
    });
    response.inner.accessible_name(name)
}

/// What is wrong with the field above.
pub(super) fn error(ui: &mut Ui, text: &str) {
    let colour = palette(ui).danger;
    ui.add(Label::new(RichText::new(text).small().color(colour)).wrap());
}

/// Label, field, and what is wrong with it, in a column as wide as `ui`. True where it was edited.
pub(super) fn field(
    ui: &mut Ui,
    label: &str,
    about: &str,
    text: &mut String,
    wrong: Option<&str>,
) -> bool {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        let named = caption(ui, label);
        if !about.is_empty() {
            named.on_hover_text(about);
        }
        let changed = input(ui, text, label, "", wrong.is_some()).changed();
        if let Some(wrong) = wrong {
            error(ui, wrong);
        }
        changed
    })
    .inner
}

/// Fields side by side, each as wide as the next.
pub(super) fn columns(ui: &mut Ui, count: usize, mut each: impl FnMut(&mut Ui, usize)) {
    let gap = space::M;
    let width = (ui.available_width() - gap * (count - 1) as f32) / count as f32;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for i in 0..count {
            ui.allocate_ui_with_layout(
                vec2(width, 0.0),
                egui::Layout::top_down(egui::Align::Min),
                |ui| {
                    ui.set_width(width);
                    ui.spacing_mut().item_spacing.x = space::S;
                    each(ui, i);
                },
            );
        }
    });
}
