//! What is asked of the welcome, the settings, and of runs in the library.

use std::path::{Path, PathBuf};

use super::{Lab, SETTINGS, Welcoming};
use crate::app::command::AppCommand;
use crate::app::lab::Page;
use crate::app::pages::run::RunView;
use crate::app::preparing::PreparingAction;
use crate::app::run_state::RunState;
use crate::app::settings_sheet::{Looks, SettingsAction};
use crate::app::welcome::WelcomeAction;
use crate::settings::Var;
use crate::store::trash::Trashed;

impl Lab {
    pub(in crate::app) fn welcome_action(&mut self, action: WelcomeAction) {
        match action {
            WelcomeAction::Measure => self.measure_first(),
            WelcomeAction::Dismiss => self.shell.welcoming = Welcoming::No,
            WelcomeAction::Preparing(PreparingAction::Cancel) => self.command(AppCommand::Stop),
            WelcomeAction::Preparing(PreparingAction::Retry) => match self.shell.resuming.take() {
                Some(csv) => self.resume(&csv),
                None => self.command(AppCommand::Start),
            },
            WelcomeAction::Preparing(PreparingAction::ShowEnvironment) => {
                self.page = Page::Environment;
            }
            WelcomeAction::Preparing(PreparingAction::Dismiss) => self.shell.preparing.dismiss(),
        }
    }

    /// A run is about to be prepared.
    pub(in crate::app) fn begin_run(&mut self) {
        self.shell.preparing.begin();
        let mut view = RunView::new(RunState::new());
        view.set_layer(self.shell.layer);
        self.run = Some(view);
        self.page = Page::Run;
        self.set_busy();
    }

    /// The run has started, or could not be; `Err(None)`: it was cancelled.
    pub(in crate::app) fn end_preparing(&mut self, outcome: Result<(), Option<String>>) {
        if self.environment.setup.is_running() && self.setting_up.is_none() {
            self.environment.setup.finish(outcome.clone());
        }
        if outcome.is_ok() {
            self.shell.welcoming = Welcoming::No;
            self.shell.resuming = None;
        }
        self.shell.preparing.finish(outcome);
    }

    pub(super) fn settings_action(&mut self, action: SettingsAction) {
        match action {
            SettingsAction::Look(looks) => {
                looks.apply(&self.shell.context);
                self.look_like(looks);
            }
            SettingsAction::Save(var, text) => self.save_setting(var, text.as_deref()),
            SettingsAction::Pick(var, pick) => {
                let title = match var {
                    Var::ResultsDir => "Choose the results folder",
                    Var::ModelDirs => "Choose a folder of models",
                    Var::Python => "Choose a Python",
                    _ => "Choose nginx",
                };
                self.backend.pick_setting(var, pick, title);
            }
        }
    }

    pub(super) fn look_like(&mut self, looks: Looks) {
        looks.put(&mut self.form.facts.saved);
        self.write_settings();
        self.update_settings_sheet();
    }

    fn save_setting(&mut self, var: Var, text: Option<&str>) {
        if self.form.facts.saved.get(var).as_deref() == text {
            return;
        }
        self.form.facts.saved.set(var, text);
        self.write_settings();
        self.form.update();
        self.follow_form();
        match var {
            Var::ResultsDir => self.list_runs(),
            Var::RequestsCsv => {}
            _ => self.look(),
        }
        self.update_settings_sheet();
    }

    fn write_settings(&mut self) {
        let Some(data) = &self.shell.data else {
            let why = "Settings are not kept: this user has no home folder (HOME).";
            self.shell.settings.problem = Some(why.to_owned());
            return;
        };
        let path = data.join(SETTINGS);
        let written = self.form.facts.saved.save(&path);
        self.shell.settings.problem = written.err().map(|error| {
            format!(
                "Settings could not be written to {}: {error}. They hold until the window is \
                 closed. Check that the folder can be written to and that the disk has space.",
                path.display()
            )
        });
    }

    pub(super) fn update_settings_sheet(&mut self) {
        let results = self.results_dir();
        let results = std::path::absolute(&results).unwrap_or(results);
        let settings = self.settings();
        self.shell.settings.update(
            &self.form.facts.saved,
            &settings,
            &results.to_string_lossy(),
        );
    }

    pub(in crate::app) fn picked_setting(&mut self, var: Var, path: &Path) {
        let text = path.to_string_lossy().into_owned();
        let text = match var {
            Var::ModelDirs if text.contains([':', ',']) => {
                self.shell.toasts.refuse(format!(
                    "{text} cannot be one of several folders: its name has a colon or a comma."
                ));
                return;
            }
            Var::ModelDirs => self.shell.settings.with_folder(&text),
            _ => text,
        };
        self.save_setting(var, Some(&text));
    }

    pub(in crate::app) fn noted(&mut self, path: &Path, kept: Result<(), String>) {
        match kept {
            Ok(()) => {
                self.list_runs();
                if self.results.selected() == Some(path) {
                    self.backend.open_run(path);
                }
                self.shell.toasts.done("Saved");
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    pub(in crate::app) fn move_to_trash(&mut self, csv: PathBuf) {
        let going_on = self.engine.as_ref().is_some_and(|run| run.csv == csv);
        if going_on {
            let why = "This run is going on. Stop it first, then move it to the trash.";
            self.shell.toasts.refuse(why);
        } else {
            self.backend.move_to_trash(csv);
        }
    }

    pub(in crate::app) fn trashed(&mut self, moved: Result<Trashed, String>) {
        match moved {
            Ok(trashed) => {
                self.shell.opened.retain(|csv| *csv != trashed.csv);
                self.results.set_trashed(trashed);
                self.shell.toasts.done("Moved to the trash");
            }
            Err(why) => self.trouble = Some(why),
        }
        self.list_runs();
    }

    pub(in crate::app) fn restored(&mut self, csv: &Path, back: Result<(), String>) {
        match back {
            Ok(()) => {
                self.results.set_restored(csv);
                self.open(csv);
                self.shell.toasts.done("Brought back");
            }
            Err(why) => self.trouble = Some(why),
        }
        self.list_runs();
    }
}
