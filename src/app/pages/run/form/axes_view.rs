//! Axes that are added to a sweep.

use egui::accesskit::Role;
use egui::containers::menu::MenuButton;
use egui::{Align, Id, Layout, ScrollArea, Ui};
use egui_material_icons::icons::{ICON_ADD, ICON_CLOSE, ICON_KEYBOARD_ARROW_DOWN};

use super::action::FormAction;
use super::axes::{AxisRow, Suggestion};
use super::model::FormModel;
use super::parts::{
    BUTTON_WIDTH, Input, Name, caption, error, icon_button, input, named, square, text_button,
};

pub(super) fn show(ui: &mut Ui, form: &mut FormModel, actions: &mut Vec<FormAction>) {
    for (index, row) in form.axis_rows.iter_mut().enumerate() {
        ui.push_id(("axis", index), |ui| {
            one(ui, index, row, &form.suggestions, actions);
        });
        ui.add_space(6.0);
    }
    if let Some(wrong) = &form.axes_error {
        error(ui, wrong);
    }
    if text_button(ui, ICON_ADD, "Add axis")
        .on_hover_text("Vary one thing more: a built-in axis, or any flag of the server")
        .clicked()
    {
        actions.push(FormAction::AddAxis);
    }
}

fn one(
    ui: &mut Ui,
    index: usize,
    row: &mut AxisRow,
    suggestions: &[Suggestion],
    actions: &mut Vec<FormAction>,
) {
    let title = format!("Axis {}", index + 1);
    ui.horizontal(|ui| {
        ui.label(&title);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let name = format!("Remove axis {}", index + 1);
            if icon_button(ui, ICON_CLOSE, &name, 13.0).clicked() {
                actions.push(FormAction::RemoveAxis(index));
            }
        });
    });
    let spacing = ui.spacing().item_spacing.x;
    let half = (ui.available_width() - BUTTON_WIDTH - 2.0 * spacing) / 2.0;
    let wrong = row.error.is_some();
    let mut changed = false;
    ui.horizontal(|ui| {
        let mut field = |ui: &mut Ui, text: &mut String, part: &str, hint: &str| {
            let name = format!("{title} {part}");
            let options = Input {
                id: Id::unique(("axis", part, index)),
                name: Name::Text(&name),
                hint,
                wrong,
                width: half,
                rows: 1,
                suffix: "",
            };
            changed |= input(ui, text, &options).changed();
        };
        field(ui, &mut row.name, "name", "name or --flag");
        if let Some(name) = choose(ui, &title, &row.name, suggestions) {
            actions.push(FormAction::NameAxis(index, name));
        }
        field(ui, &mut row.values, "values", "1..64x2 or a|b");
    });
    if changed {
        actions.push(FormAction::EditedAxis(index));
    }
    if let Some(preview) = &row.preview {
        caption(ui, preview);
    }
    if let Some(wrong) = &row.error {
        error(ui, wrong);
    }
}

/// A menu of what can be varied; those that hold the text already typed, if any do.
fn choose(ui: &mut Ui, title: &str, typed: &str, suggestions: &[Suggestion]) -> Option<String> {
    let (response, chosen) =
        MenuButton::from_button(square(ICON_KEYBOARD_ARROW_DOWN)).ui(ui, |ui| {
            let typed = typed.trim();
            let fits = |one: &&Suggestion| one.name.contains(typed);
            // A whole name in the field means that another is wanted.
            let narrowed = !typed.is_empty()
                && suggestions.iter().all(|one| one.name != typed)
                && suggestions.iter().any(|one| fits(&one));
            let mut chosen = None;
            ui.set_min_width(280.0);
            ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                for one in suggestions.iter().filter(|one| !narrowed || fits(one)) {
                    let response = ui.selectable_label(one.name == typed, &one.name);
                    if response.on_hover_text(&one.help).clicked() {
                        chosen = Some(one.name.clone());
                        ui.close();
                    }
                }
            });
            chosen
        });
    named(
        ui,
        response,
        Role::Button,
        &format!("Choose {}", title.to_lowercase()),
    );
    chosen.and_then(|inner| inner.inner)
}
