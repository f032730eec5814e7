//! First start: what this app answers, what a first run will do, and one button that does it.

use egui::{Align, Layout, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::MaterialIcon;
use egui_material_icons::icons::{ICON_DOWNLOAD, ICON_GRID_VIEW, ICON_MEMORY};

use super::preparing::{Preparing, PreparingAction};
use super::theme::{self, palette, space};

const WIDTH: f32 = 480.0;

/// What a user asks of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WelcomeAction {
    /// A quick run with the synthetic model, at once.
    Measure,
    /// The form, without this panel.
    Dismiss,
    Preparing(PreparingAction),
}

/// What the panel says of this machine, ready to draw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Of the Python that would serve; `None` while none is known.
    python: Option<String>,
    /// What the run would be: `14 cells, about 2 min`.
    run: Option<String>,
}

impl Welcome {
    pub fn set_python(&mut self, exe: Option<&std::path::Path>) {
        self.python = exe.map(|exe| exe.display().to_string());
    }

    pub fn set_run(&mut self, run: Option<String>) {
        self.run = run;
    }

    fn steps(&self) -> [(MaterialIcon, &'static str, String); 3] {
        let mlx = match &self.python {
            Some(python) => format!("It is here already: {python}."),
            None => "If no Python here has it, mlx and mlx-lm are put into a folder of this app's \
                     own: about 230 MB to download."
                .to_owned(),
        };
        let cells = self.run.as_ref().map_or_else(
            || "A small sweep, about a minute.".to_owned(),
            |run| format!("A small sweep: {run}."),
        );
        [
            (ICON_DOWNLOAD, "Set up MLX", mlx),
            (
                ICON_MEMORY,
                "Make a synthetic model",
                "A few MB, made on this machine: a real architecture with random weights. Speed \
                 does not depend on what the weights say."
                    .to_owned(),
            ),
            (
                ICON_GRID_VIEW,
                "Measure a few cells",
                format!("{cells} The heatmap fills in as cells end."),
            ),
        ]
    }
}

/// Draws the panel in the middle of `ui`; the progress of preparing takes the place of its buttons.
pub fn show(ui: &mut Ui, welcome: &Welcome, preparing: &mut Preparing) -> Option<WelcomeAction> {
    let mut asked = None;
    centred(ui, 380.0, |ui| {
        theme::title(ui, "Which settings are fastest on this machine?");
        ui.add_space(space::XS);
        let colour = palette(ui).text_secondary;
        ui.label(
            RichText::new(
                "This app starts real mlx_lm.server processes, loads them with requests, and \
                 shows how many tokens per second each combination of settings gives, at what \
                 latency, and whether the difference is real.",
            )
            .color(colour),
        );
        ui.add_space(space::L);
        for (icon, name, about) in welcome.steps() {
            step(ui, icon, name, &about);
            ui.add_space(space::S);
        }
        ui.add_space(space::M);
        if preparing.is_shown() {
            asked = preparing.show(ui).map(WelcomeAction::Preparing);
            return;
        }
        ui.horizontal(|ui| {
            let measure = theme::primary_button(ui, "Measure this machine");
            if measure
                .on_hover_text("Sets up what is missing, then starts")
                .clicked()
            {
                asked = Some(WelcomeAction::Measure);
            }
            if ui
                .button("Choose settings first")
                .on_hover_text("The form on the left has them all")
                .clicked()
            {
                asked = Some(WelcomeAction::Dismiss);
            }
        });
        ui.add_space(space::XS);
        theme::caption(
            ui,
            "Nothing leaves this machine. What is installed and made stays in the app's own folder; \
             figures go into the results folder (see the settings).",
        );
    });
    asked
}

/// The progress of preparing alone, for a run that is not the first.
pub fn show_preparing(ui: &mut Ui, preparing: &mut Preparing) -> Option<PreparingAction> {
    let mut asked = None;
    centred(ui, 110.0, |ui| asked = preparing.show(ui));
    asked
}

/// A column in the middle; `height` is about what it needs.
fn centred(ui: &mut Ui, height: f32, contents: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let free = ui.available_size();
        let width = WIDTH.min(free.x - space::L);
        ui.add_space(((free.y - height) / 2.4).max(space::M));
        ui.horizontal(|ui| {
            ui.add_space(((free.x - width) / 2.0).max(0.0));
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                ui.set_width(width);
                contents(ui);
            });
        });
    });
}

fn step(ui: &mut Ui, icon: MaterialIcon, name: &str, about: &str) {
    ui.horizontal_top(|ui| {
        let accent = palette(ui).accent_text;
        theme::painted_icon(ui, icon, 20.0, accent);
        ui.add_space(space::XS);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            theme::section_heading(ui, name);
            theme::caption(ui, about);
        });
    });
}
