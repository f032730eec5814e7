//! "Show command": every process that a run would start, ready to copy.

use egui::{Label, RichText, ScrollArea, TextStyle, Ui, Window};
use egui_material_icons::icons::ICON_CONTENT_COPY;

use super::action::FormAction;
use super::model::FormModel;
use super::parts::{caption, text_button};

pub(super) fn show(ui: &Ui, form: &FormModel, actions: &mut Vec<FormAction>) {
    let Some(commands) = &form.commands else {
        return;
    };
    let mut open = true;
    let screen = ui.ctx().content_rect();
    Window::new("Command lines")
        .open(&mut open)
        .collapsible(false)
        .default_width((screen.width() * 0.7).min(900.0))
        .default_height((screen.height() * 0.6).min(520.0))
        .default_pos(screen.center() - screen.size() * egui::vec2(0.33, 0.3))
        .show(ui.ctx(), |ui| contents(ui, form, commands));
    if !open || ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        actions.push(FormAction::CloseCommands);
    }
}

fn contents(ui: &mut Ui, form: &FormModel, commands: &[super::CommandLine]) {
    if commands.is_empty() {
        let attached = form.plan().and_then(|plan| plan.servers.attached.as_ref());
        match attached {
            Some(attached) => ui.label(attached.sentence()),
            None => ui.label("There is nothing to start while a setting is wrong."),
        };
        return;
    }
    ui.horizontal(|ui| {
        if text_button(ui, ICON_CONTENT_COPY, "Copy").clicked() {
            ui.ctx().copy_text(form.script.clone());
        }
        caption(ui, &form.commands_note);
    });
    ui.add_space(6.0);
    let height = ui.text_style_height(&TextStyle::Monospace);
    ScrollArea::both()
        .auto_shrink(false)
        .show_rows(ui, height, 2 * commands.len(), |ui, rows| {
            for row in rows {
                let command = &commands[row / 2];
                let text = if row % 2 == 0 {
                    RichText::new(&command.caption).weak()
                } else {
                    RichText::new(&command.line).monospace()
                };
                ui.add(Label::new(text).extend().selectable(true));
            }
        });
}
