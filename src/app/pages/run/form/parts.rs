//! Small pieces that the form is drawn with. Colours come from the style alone.

use egui::accesskit::Role;
use egui::{
    Button, CollapsingHeader, Color32, Direction, Id, Label, Layout, Response, RichText, TextEdit,
    Ui, Vec2, WidgetInfo, vec2,
};
use egui_material_icons::MaterialIcon;
use egui_material_icons::icons::{ICON_CHEVRON_RIGHT, ICON_KEYBOARD_ARROW_DOWN};

use crate::app::theme;

pub(super) const CAPTION_SIZE: f32 = 11.0;
/// Of controls, in points.
pub(super) const ROW_HEIGHT: f32 = 26.0;

pub(super) fn caption(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).size(CAPTION_SIZE).weak()).wrap())
}

pub(super) fn error(ui: &mut Ui, text: &str) -> Response {
    let colour = ui.visuals().error_fg_color;
    ui.add(Label::new(RichText::new(text).size(CAPTION_SIZE).color(colour)).wrap())
}

/// A button that shows an icon and is called `name`.
pub(super) fn icon_button(ui: &mut Ui, icon: MaterialIcon, name: &str, size: f32) -> Response {
    let button = Button::new(icon.rich_text().size(size)).frame_when_inactive(false);
    let response = ui.scope(|ui| {
        ui.spacing_mut().button_padding = Vec2::splat(2.0);
        ui.spacing_mut().interact_size.y = 0.0;
        ui.add(button.min_size(Vec2::splat(size + 4.0)))
    });
    named(ui, response.inner, Role::Button, name).on_hover_text(name)
}

/// Of a button that shows only an icon, in a frame.
pub(super) const BUTTON_WIDTH: f32 = 36.0;

/// A framed button that shows an icon and is called `name`.
pub(super) fn square_button(ui: &mut Ui, icon: MaterialIcon, name: &str) -> Response {
    let response = ui.add(square(icon));
    named(ui, response, Role::Button, name).on_hover_text(name)
}

pub(super) fn square(icon: MaterialIcon) -> Button<'static> {
    Button::new(icon.rich_text().size(16.0)).min_size(vec2(BUTTON_WIDTH, ROW_HEIGHT))
}

/// A button with an icon before its text; called by the text alone.
pub(super) fn text_button(ui: &mut Ui, icon: MaterialIcon, text: &str) -> Response {
    let button = Button::new((icon.rich_text().size(15.0), text));
    let response = ui.add(button.min_size(vec2(0.0, ROW_HEIGHT)));
    named(ui, response, Role::Button, text)
}

pub(super) fn named(ui: &Ui, response: Response, role: Role, name: &str) -> Response {
    let enabled = ui.is_enabled() && response.enabled();
    response.widget_info(|| WidgetInfo::labeled(role, enabled, name));
    response
}

/// The one control of the form that starts something.
pub(super) fn primary_button(
    ui: &mut Ui,
    icon: MaterialIcon,
    text: &str,
    enabled: bool,
) -> Response {
    let selection = ui.visuals().selection;
    let (fill, colour) = if enabled {
        (selection.bg_fill, selection.stroke.color)
    } else {
        let idle = ui.visuals().widgets.inactive;
        (idle.weak_bg_fill, idle.fg_stroke.color)
    };
    let button = Button::new((
        icon.rich_text().size(17.0).color(colour),
        RichText::new(text).color(colour).strong(),
    ))
    .fill(fill);
    let size = vec2(ui.available_width(), 32.0);
    let centred = Layout::centered_and_justified(Direction::LeftToRight);
    let response = ui.allocate_ui_with_layout(size, centred, |ui| ui.add_enabled(enabled, button));
    named(ui, response.inner, Role::Button, text)
}

/// Controls are of one height, whatever their kind.
pub(super) fn even_rows(ui: &mut Ui) {
    ui.spacing_mut().interact_size.y = ROW_HEIGHT;
}

/// A collapsible group, as wide as there is room.
pub(super) fn group(ui: &mut Ui, title: &str, open: bool, body: impl FnOnce(&mut Ui)) {
    let text = RichText::new(title).strong().size(13.5);
    CollapsingHeader::new(text)
        .id_salt(("form group", title))
        .default_open(open)
        .icon(|ui: &mut Ui, openness: f32, response: &Response| {
            let icon = if openness > 0.5 {
                ICON_KEYBOARD_ARROW_DOWN
            } else {
                ICON_CHEVRON_RIGHT
            };
            let colour = ui.style().interact(response).fg_stroke.color;
            ui.painter().text(
                response.rect.center(),
                egui::Align2::CENTER_CENTER,
                icon.codepoint,
                egui::FontId::new(16.0, icon.font_family()),
                colour,
            );
        })
        .show_unindented(ui, |ui| {
            ui.add_space(2.0);
            body(ui);
            ui.add_space(6.0);
        });
}

/// What a screen reader calls a control.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// As the label that stands beside it.
    Label(Id),
    Text(&'a str),
}

/// What a text field looks like and is called by.
pub(super) struct Input<'a> {
    /// Stable over frames, whatever is shown above it.
    pub id: Id,
    pub name: Name<'a>,
    pub hint: &'a str,
    pub wrong: bool,
    pub width: f32,
    /// More than one makes it a multi-line field.
    pub rows: usize,
    pub suffix: &'a str,
}

pub(super) fn input(ui: &mut Ui, text: &mut String, input: &Input) -> Response {
    let response = ui.scope(|ui| {
        if input.wrong {
            theme::mark_wrong(ui);
        }
        let edit = if input.rows > 1 {
            TextEdit::multiline(text).desired_rows(input.rows)
        } else {
            TextEdit::singleline(text).align(egui::Align2::LEFT_CENTER)
        };
        let mut edit = edit
            .id(input.id)
            .hint_text(RichText::new(input.hint).weak())
            .desired_width(input.width)
            .min_size(vec2(0.0, ROW_HEIGHT));
        if !input.suffix.is_empty() {
            edit = edit.suffix(RichText::new(input.suffix).weak());
        }
        ui.add(edit)
    });
    let response = response.inner;
    match input.name {
        Name::Label(id) => response.labelled_by(id),
        Name::Text(name) => {
            ui.ctx()
                .accesskit_node_builder(response.id, |node| node.set_label(name));
            response
        }
    }
}

/// The colour of a verdict between good and bad.
pub(super) fn warning_colour(ui: &Ui) -> Color32 {
    ui.visuals().warn_fg_color
}
