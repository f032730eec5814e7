//! What is done before a run's first cell: a model, a Python with MLX, and where that is missing an
//! environment of our own. Told as a step, a bar and the installer's latest line.

use egui::{Button, Label, ProgressBar, RichText, Ui};

use super::theme::{self, palette, space};
use crate::models::synthetic;
use crate::python::managed;
use crate::units::Secs;

/// Steps of the longest way: model, Python, environment, packages, check.
const STEPS: f32 = 5.0;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Running {
        cancelling: bool,
    },
    Cancelled,
    /// With what went wrong and what to do.
    Failed(String),
}

/// A fold over what a session tells before its run.
#[derive(Debug, Clone, Default)]
pub struct Preparing {
    state: State,
    step: String,
    /// Of the bar; `0..=1`.
    share: f32,
    line: String,
    /// Of the window's clock.
    started_at_s: Option<f64>,
}

/// What a user asks of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreparingAction {
    Cancel,
    Retry,
    /// The whole log, Pythons and checks are there.
    ShowEnvironment,
    Dismiss,
}

impl Preparing {
    pub fn begin(&mut self) {
        *self = Self {
            state: State::Running { cancelling: false },
            step: "Looking at the model".to_owned(),
            share: 0.04,
            ..Self::default()
        };
    }

    /// Something is to be seen: it goes on, or did not end well.
    pub fn is_shown(&self) -> bool {
        self.state != State::Idle
    }

    pub fn dismiss(&mut self) {
        *self = Self::default();
    }

    pub fn cancelling(&mut self) {
        if let State::Running { cancelling } = &mut self.state {
            *cancelling = true;
            "Cancelling".clone_into(&mut self.step);
            self.line.clear();
        }
    }

    pub fn model(&mut self, name: &str, progress: synthetic::Progress) {
        let done = progress.done.0 as f32 / (progress.total.0 as f32).max(1.0);
        self.go(&format!("Making the model synthetic:{name}"), done / STEPS);
        self.line = format!("{} of {}", progress.done, progress.total);
    }

    pub fn setup(&mut self, progress: &managed::Progress) {
        let (step, done) = match progress {
            managed::Progress::Waiting => ("Waiting for another window that sets up MLX", 1.0),
            managed::Progress::Finding => ("Looking for a Python to build on", 1.2),
            managed::Progress::CreatingVenv { python } => {
                python.clone_into(&mut self.line);
                ("Making an environment for MLX", 2.0)
            }
            managed::Progress::Installing { line } => {
                line.clone_into(&mut self.line);
                ("Installing mlx and mlx-lm", 3.0)
            }
            managed::Progress::Retrying { reason } => {
                reason.clone_into(&mut self.line);
                ("Trying once more", 3.0)
            }
            managed::Progress::Checking => {
                self.line.clear();
                ("Starting the server once to check it", 4.0)
            }
            managed::Progress::Done { .. } => {
                self.line.clear();
                ("MLX is ready", STEPS)
            }
        };
        self.go(step, done / STEPS);
    }

    fn go(&mut self, step: &str, share: f32) {
        self.share = self.share.max(share);
        if self.state != (State::Running { cancelling: true }) {
            step.clone_into(&mut self.step);
        }
    }

    /// `Err(None)`: it was cancelled.
    pub fn finish(&mut self, outcome: Result<(), Option<String>>) {
        *self = Self {
            state: match outcome {
                Ok(()) => State::Idle,
                Err(None) => State::Cancelled,
                Err(Some(why)) => State::Failed(why),
            },
            ..Self::default()
        };
    }

    /// Draws the panel at the width of `ui`.
    pub fn show(&mut self, ui: &mut Ui) -> Option<PreparingAction> {
        let mut asked = None;
        theme::card(ui, |ui| {
            ui.set_width(ui.available_width());
            match self.state.clone() {
                State::Idle => {}
                State::Running { cancelling } => asked = self.running(ui, cancelling),
                State::Cancelled => {
                    theme::section_heading(ui, "Cancelled");
                    theme::caption(ui, "Nothing half-made was left.");
                    ui.add_space(space::S);
                    asked = again(ui);
                }
                State::Failed(why) => {
                    theme::section_heading(ui, "The run could not be started");
                    let colour = palette(ui).danger;
                    ui.add(Label::new(RichText::new(why).color(colour)).wrap());
                    theme::caption(ui, "Nothing half-made was left.");
                    ui.add_space(space::S);
                    asked = again(ui);
                }
            }
        });
        asked
    }

    fn running(&mut self, ui: &mut Ui, cancelling: bool) -> Option<PreparingAction> {
        let now_s = ui.input(|input| input.time);
        let elapsed_s = now_s - *self.started_at_s.get_or_insert(now_s);
        ui.horizontal(|ui| {
            theme::section_heading(ui, &self.step);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let colour = palette(ui).text_secondary;
                let text = RichText::new(elapsed(elapsed_s));
                ui.label(text.font(theme::font::figures(11.0)).color(colour));
            });
        });
        let bar = ui.add(ProgressBar::new(self.share).desired_height(6.0));
        let step = &self.step;
        bar.widget_info(|| {
            egui::WidgetInfo::labeled(
                egui::Role::ProgressIndicator,
                true,
                format!("Preparing: {step}"),
            )
        });
        // An empty line keeps its height: the button below must not jump.
        let line = if self.line.is_empty() {
            " "
        } else {
            &self.line
        };
        let colour = palette(ui).text_tertiary;
        ui.add(Label::new(RichText::new(line).small().color(colour)).truncate());
        ui.add_space(space::XS);
        let cancel = ui.add_enabled(!cancelling, Button::new("Cancel"));
        // The seconds above.
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_secs(1));
        cancel.clicked().then_some(PreparingAction::Cancel)
    }
}

fn elapsed(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{} s", seconds as u64)
    } else {
        Secs(seconds.floor()).to_string()
    }
}

fn again(ui: &mut Ui) -> Option<PreparingAction> {
    let mut asked = None;
    ui.horizontal(|ui| {
        if theme::primary_button(ui, "Try again").clicked() {
            asked = Some(PreparingAction::Retry);
        }
        if ui.button("Show environment").clicked() {
            asked = Some(PreparingAction::ShowEnvironment);
        }
        if ui.button("Back").clicked() {
            asked = Some(PreparingAction::Dismiss);
        }
    });
    asked
}
