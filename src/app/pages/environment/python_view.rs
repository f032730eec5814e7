//! Which Python runs the server.

use egui::accesskit::Role;
use egui::{Label, RadioButton, RichText, Spinner, Ui, WidgetInfo};
use egui_material_icons::icons::ICON_FOLDER_OPEN;

use super::parts::{CAPTION_SIZE, button, caption, card};
use super::state::{EnvironmentAction, EnvironmentPage, PythonLine};
use crate::wording::capitalised;

pub(super) fn show(ui: &mut Ui, page: &EnvironmentPage, actions: &mut Vec<EnvironmentAction>) {
    card(ui, "Python", |ui| {
        if let Some(problem) = &page.python_problem {
            let colour = ui.visuals().error_fg_color;
            ui.add(Label::new(RichText::new(capitalised(problem)).color(colour)).wrap());
            ui.add_space(8.0);
        }
        match page.pythons.get() {
            None if page.pythons.is_loading() => {
                ui.horizontal(|ui| {
                    ui.add(Spinner::new().size(14.0));
                    ui.label("Looking for Pythons with MLX");
                });
            }
            None => {
                caption(ui, "Pythons are listed once this machine was looked at.");
            }
            // Then the problem says what to do.
            Some(lines) if lines.is_empty() && page.python_problem.is_some() => {}
            Some(lines) if lines.is_empty() => {
                caption(
                    ui,
                    "No Python was found. Setting up MLX below downloads one if `uv` is installed; \
                     otherwise install Python 3.11 or newer first.",
                );
            }
            Some(lines) => {
                for line in lines {
                    row(ui, page, line, actions);
                    ui.add_space(6.0);
                }
            }
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if button(ui, ICON_FOLDER_OPEN, "Choose another...").clicked() {
                actions.push(EnvironmentAction::PickPython);
            }
            if page.chosen && ui.link("Choose automatically").clicked() {
                actions.push(EnvironmentAction::AutomaticPython);
            }
        });
    });
}

fn row(
    ui: &mut Ui,
    page: &EnvironmentPage,
    line: &PythonLine,
    actions: &mut Vec<EnvironmentAction>,
) {
    let in_use = page.in_use.as_ref() == Some(&line.exe);
    let usable = line.unusable.is_none();
    ui.horizontal_top(|ui| {
        let radio = RadioButton::new(in_use, "");
        let response = ui.add_enabled(usable, radio);
        response.widget_info(|| {
            let name = format!("Use {}", line.path);
            WidgetInfo::selected(Role::RadioButton, usable, in_use, name)
        });
        let response = response.on_disabled_hover_text(line.unusable.unwrap_or_default());
        if response.clicked() && !in_use {
            actions.push(EnvironmentAction::ChoosePython(line.exe.clone()));
        }
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let path = RichText::new(&line.path);
            let path = if in_use { path.strong() } else { path };
            ui.add(Label::new(path).truncate());
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 14.0;
                for (what, version) in [
                    ("Python", &line.python),
                    ("mlx", &line.mlx),
                    ("mlx-lm", &line.mlx_lm),
                ] {
                    let text = RichText::new(format!("{what} {version}")).size(CAPTION_SIZE);
                    ui.label(if usable { text } else { text.weak() });
                }
                let origin = RichText::new(&line.origin).size(CAPTION_SIZE).weak();
                ui.add(Label::new(origin).extend());
            });
        });
    });
}
