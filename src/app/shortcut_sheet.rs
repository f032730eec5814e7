//! Every shortcut, by what it is about.

use egui::{Context, Grid, RichText, Ui, Window, vec2};
use strum::IntoEnumIterator as _;

use super::command::{AppCommand, Section};
use super::theme::{self, palette, space};

/// Of a column of groups, in points.
const GROUP_WIDTH: f32 = 230.0;

/// Draws the sheet while `open`; `enabled` says why a command cannot run now. Gives the command
/// that was clicked.
pub fn show(
    context: &Context,
    open: &mut bool,
    enabled: impl Fn(AppCommand) -> Result<(), String>,
) -> Option<AppCommand> {
    let mut asked = None;
    Window::new("Shortcuts")
        .open(open)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(context, |ui| {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::XXL;
                // The two longer groups side by side, the others under them.
                for pair in [
                    [Section::Run, Section::Window],
                    [Section::Figures, Section::Pages],
                ] {
                    ui.vertical(|ui| {
                        ui.set_width(GROUP_WIDTH);
                        for section in pair {
                            group(ui, section, &enabled);
                        }
                    });
                }
            });
            ui.separator();
            ui.horizontal(|ui| {
                let command = AppCommand::ShowWelcome;
                let about = command.about();
                let may = enabled(command);
                let button = ui
                    .add_enabled(may.is_ok(), egui::Button::new(about.text))
                    .on_hover_text(about.tooltip)
                    .on_disabled_hover_text(may.err().unwrap_or_default());
                if button.clicked() {
                    asked = Some(command);
                }
                theme::caption(
                    ui,
                    "Arrow keys move in a heatmap; Tab goes to the next control.",
                );
            });
        });
    asked
}

fn group(ui: &mut Ui, section: Section, enabled: &impl Fn(AppCommand) -> Result<(), String>) {
    theme::section_heading(ui, &section.to_string());
    ui.add_space(space::XS);
    let muted = palette(ui).text_tertiary;
    Grid::new(("shortcuts", section.to_string()))
        .num_columns(2)
        .min_col_width(110.0)
        .spacing(vec2(space::L, 6.0))
        .show(ui, |ui| {
            for command in AppCommand::iter().filter(|command| command.section() == section) {
                let about = command.about();
                let keys = [about.shortcut, command.other_shortcut()];
                let keys: Vec<String> = keys
                    .into_iter()
                    .flatten()
                    .map(|keys| ui.ctx().format_shortcut(&keys))
                    .collect();
                if keys.is_empty() {
                    continue;
                }
                let may = enabled(command);
                let text = RichText::new(about.text.trim_end_matches("..."));
                let text = match &may {
                    Ok(()) => text,
                    Err(_) => text.color(muted),
                };
                let why = may.err();
                ui.label(text)
                    .on_hover_text(why.as_deref().unwrap_or(about.tooltip));
                let keys = keys.join(" or ").replace("Questionmark", "?");
                let keys = RichText::new(keys).font(theme::font::figures(12.0));
                ui.label(keys.color(palette(ui).text_secondary));
                ui.end_row();
            }
        });
    ui.add_space(space::M);
}
