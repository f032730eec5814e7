//! Draws the list of models.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align, Align2, Color32, FontId, Frame, Label, Layout, Margin, Panel, Pos2, Rect, RichText,
    Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons::{ICON_ADD, ICON_CLOSE, ICON_FOLDER_OPEN, ICON_REFRESH};

use super::lines::{Line, Row};
use super::page::{Chosen, Event, ModelsAction, ModelsPage};
use super::parts::{button, error, input};
use crate::app::filter_focus;
use crate::app::theme::{caption, font, icon_button, palette, space, title};

const ROW: f32 = 44.0;
const SIDE: f32 = 16.0;
const SIZE_WIDTH: f32 = 92.0;
const REMOVE_WIDTH: f32 = 24.0;

pub(super) fn show(ui: &mut Ui, page: &mut ModelsPage, events: &mut Vec<Event>) {
    let margin = Margin::symmetric(SIDE as i8, space::M as i8);
    Panel::top("models head")
        .frame(Frame::NONE.inner_margin(margin))
        .show_separator_line(false)
        .show(ui, |ui| head(ui, page, events));
    Panel::bottom("models repo")
        .frame(Frame::NONE.inner_margin(margin))
        .show(ui, |ui| repo(ui, page, events));
    egui::CentralPanel::no_frame().show(ui, |ui| {
        if page.catalogue.is_none() {
            ui.centered_and_justified(|ui| ui.weak("Looking for models..."));
            return;
        }
        let chosen = match &page.chosen {
            Some(Chosen::Model(text)) => Some(text.as_str()),
            _ => None,
        };
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for line in &page.lines {
                match line {
                    Line::Heading { title, count } => heading(ui, title, count),
                    Line::Nothing(text) => nothing(ui, text),
                    Line::Model(one) => row(ui, one, chosen == Some(one.text.as_str()), events),
                }
            }
            ui.add_space(space::M);
        });
    });
}

fn head(ui: &mut Ui, page: &mut ModelsPage, events: &mut Vec<Event>) {
    ui.horizontal(|ui| {
        title(ui, "Models");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_enabled_ui(!page.looking, |ui| {
                if icon_button(ui, ICON_REFRESH, "Refresh").clicked() {
                    events.push(Event::Outer(ModelsAction::Refresh));
                }
            });
            if page.looking {
                ui.add(egui::Spinner::new().size(14.0));
            }
        });
    });
    ui.add_space(space::XS);
    ui.horizontal(|ui| {
        if button(ui, ICON_FOLDER_OPEN, "Choose folder...").clicked() {
            events.push(Event::Outer(ModelsAction::PickFolder));
        }
        if button(ui, ICON_ADD, "New synthetic model").clicked() {
            events.push(Event::NewShape);
        }
    });
    ui.add_space(space::XS);
    let hint = "Filter by name, architecture, bits";
    let field = input(ui, &mut page.filter, "Filter models", hint, false);
    filter_focus::claim(&field);
    if field.changed() {
        events.push(Event::FilterEdited);
    }
    if let Some((_, text)) = &page.removed {
        ui.horizontal(|ui| {
            let words = format!("{text} was removed from the recent ones.");
            let width = ui.available_width() - 64.0;
            ui.allocate_ui_with_layout(
                vec2(width, 22.0),
                Layout::left_to_right(Align::Center),
                |ui| {
                    ui.add(Label::new(RichText::new(words).small()).truncate());
                },
            );
            if ui.link("Undo").clicked() {
                events.push(Event::UndoRemove);
            }
        });
    }
}

fn repo(ui: &mut Ui, page: &mut ModelsPage, events: &mut Vec<Event>) {
    caption(ui, "Any other Hugging Face repo");
    ui.horizontal(|ui| {
        let wrong = page.repo_error.is_some();
        let width = ui.available_width() - 62.0;
        let field = ui.allocate_ui_with_layout(
            vec2(width, 26.0),
            Layout::left_to_right(Align::Center),
            |ui| input(ui, &mut page.repo, "Hugging Face repo", "org/name", wrong),
        );
        let response = field.inner;
        if response.changed() {
            events.push(Event::RepoEdited);
        }
        let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let empty = page.repo.trim().is_empty();
        let shown = ui.add_enabled(!wrong && !empty, egui::Button::new("Show"));
        if shown.clicked() || entered {
            events.push(Event::ShowRepo);
        }
    });
    if let Some(wrong) = &page.repo_error {
        error(ui, wrong);
    }
}

fn heading(ui: &mut Ui, title: &str, count: &str) {
    ui.add_space(space::M);
    let colour = palette(ui).text_secondary;
    ui.horizontal(|ui| {
        ui.add_space(SIDE);
        ui.label(RichText::new(title).font(font::medium(11.5)).color(colour));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(SIDE);
            let count = RichText::new(count).font(font::figures(11.5)).color(colour);
            ui.label(count);
        });
    });
    ui.add_space(space::XS);
}

fn nothing(ui: &mut Ui, text: &str) {
    ui.horizontal(|ui| {
        ui.add_space(SIDE);
        caption(ui, text);
    });
    ui.add_space(space::XS);
}

fn row(ui: &mut Ui, row: &Row, selected: bool, events: &mut Vec<Event>) {
    let size = vec2(ui.available_width(), ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &row.name));
    let mut right = rect.right() - SIDE;
    if ui.is_rect_visible(rect) {
        let colours = palette(ui);
        let back = rect.shrink2(vec2(6.0, 1.0));
        if selected {
            ui.painter().rect_filled(back, 6.0, colours.selection);
        } else if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(back, 6.0, colours.control_hovered);
        }
        if row.removable {
            right -= REMOVE_WIDTH;
        }
        texts(ui, row, rect, right);
    }
    if row.removable {
        let at = Rect::from_center_size(
            pos2(rect.right() - SIDE - 8.0, rect.center().y),
            vec2(22.0, 22.0),
        );
        let name = format!("Remove {} from the recent ones", row.title);
        let mut inside = ui.new_child(egui::UiBuilder::new().max_rect(at));
        if icon_button(&mut inside, ICON_CLOSE, &name).clicked() {
            events.push(Event::RemoveRecent(row.text.clone()));
            return;
        }
    }
    let response = response.on_hover_text(&row.text);
    if response.clicked() {
        events.push(Event::Select(row.text.clone()));
    }
}

fn texts(ui: &Ui, row: &Row, rect: Rect, right: f32) {
    let colours = palette(ui);
    let (first, second) = (rect.top() + 14.0, rect.top() + 31.0);
    let left = rect.left() + SIDE;
    let width = right - SIZE_WIDTH - space::S - left;
    let small = FontId::proportional(11.0);
    let title = if row.bad {
        colours.danger
    } else {
        colours.text
    };
    let at = |y| pos2(left, y);
    cut(
        ui,
        at(first),
        width,
        &row.title,
        FontId::proportional(13.0),
        title,
    );
    let secondary = colours.text_secondary;
    cut(ui, at(second), width, &row.detail, small.clone(), secondary);
    let painter = ui.painter();
    let figures = font::figures(12.5);
    painter.text(
        pos2(right, first),
        Align2::RIGHT_CENTER,
        &row.size,
        figures,
        colours.text,
    );
    painter.text(
        pos2(right, second),
        Align2::RIGHT_CENTER,
        row.state,
        small,
        secondary,
    );
}

/// One line, cut off with an ellipsis where it is too long.
fn cut(ui: &Ui, left_center: Pos2, width: f32, text: &str, font: FontId, colour: Color32) {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(width.max(1.0));
    let galley = ui.painter().layout_job(job);
    let at = pos2(left_center.x, left_center.y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, colour);
}
