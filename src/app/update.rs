//! What commands, actions of the pages and finished work do to the window's state.

use egui::Context;
use tokio_util::sync::CancellationToken;

use super::backend::{Done, Started};
use super::command::AppCommand;
use super::lab::{Lab, Page};
use super::pages::environment::EnvironmentAction;
use super::pages::results::ResultsAction;
use super::pages::run::form::{FormAction, FoundPrompts};
use super::reading::Read;
use super::run_state::LogSource;
use crate::engine::command::EngineCommand;
use crate::session::SessionError;
use crate::settings::Var;

impl Lab {
    pub(super) fn command(&mut self, command: AppCommand) {
        if let Err(why) = self.may(command) {
            self.shell.toasts.refuse(why);
            return;
        }
        match command {
            AppCommand::NewRun => {
                self.page = Page::Run;
                if self.engine.is_none() && self.preparing.is_none() {
                    self.run = None;
                }
            }
            AppCommand::OpenCsv => self.backend.pick_results(),
            AppCommand::Export | AppCommand::SavePicture | AppCommand::CopyMarkdown => {
                self.export(command);
            }
            // As the button does it, so that it is remembered as last used.
            AppCommand::Start => self.form_action(&FormAction::Start),
            AppCommand::Pause => self.pause(),
            AppCommand::SkipCell => self.tell_engine(EngineCommand::SkipCell),
            AppCommand::Stop => {
                if let Some(preparing) = &self.preparing {
                    preparing.cancel();
                    self.shell.preparing.cancelling();
                }
                self.tell_engine(EngineCommand::Stop);
                if let (Some(_), Some(view)) = (&self.engine, &mut self.run) {
                    view.stopping = true;
                }
            }
            AppCommand::ShowRun => self.page = Page::Run,
            AppCommand::ShowResults => self.page = Page::Results,
            AppCommand::ShowCompare => self.page = Page::Compare,
            AppCommand::ShowModels => self.show_models(),
            AppCommand::ShowEnvironment => self.page = Page::Environment,
            AppCommand::ShowCommand => self.form_action(&FormAction::OpenCommands),
            AppCommand::ResetForm => self.form_action(&FormAction::Reset),
            AppCommand::ShortcutSheet => self.sheet_open = !self.sheet_open,
            AppCommand::CopySelection
            | AppCommand::Filter
            | AppCommand::ShowSettings
            | AppCommand::ShowWelcome
            | AppCommand::CloseSheet => self.shell_command(command),
        }
    }

    fn tell_engine(&mut self, command: EngineCommand) {
        if let Some(started) = &self.engine
            && let Err(error) = started.handle.commands.try_send(command)
        {
            // The engine takes commands at once; a full queue means that it has ended.
            tracing::warn!("{command:?} was not taken: {error}");
        }
    }

    fn pause(&mut self) {
        let Some(view) = &mut self.run else { return };
        view.paused = !view.paused;
        let command = if view.paused {
            EngineCommand::Pause
        } else {
            EngineCommand::Resume
        };
        self.tell_engine(command);
    }

    pub(super) fn form_action(&mut self, action: &FormAction) {
        self.form.apply(action);
        match action {
            FormAction::Start => self.start(),
            FormAction::PickModelFolder => self.backend.pick_model(),
            FormAction::PickPrompts => self.backend.pick_prompts(),
            _ => {}
        }
        self.follow_form();
    }

    /// Looks up what the form's plan needs to know: its model, and whether it fits.
    pub(super) fn follow_form(&mut self) {
        let text = self.form.model_text().to_owned();
        if self.asked_model.as_ref() != Some(&text) {
            self.asked_model = Some(text.clone());
            let settings = self.settings();
            let depth = settings.int(Var::ModelSearchDepth).unwrap_or(4) as usize;
            let dirs = settings.paths(Var::ModelDirs).to_vec();
            self.backend.resolve_model(text, dirs, depth);
        }
        let query = self.form.attach_query();
        if self.asked_attached.as_ref().map(|(asked, _)| asked) != query {
            let query = query.cloned();
            if let Some((_, asking)) = self.asked_attached.take() {
                asking.abort();
            }
            self.asked_attached =
                query.map(|query| (query.clone(), self.backend.ask_attached(query)));
        }
        let query = self.form.prompts_query();
        if self.asked_prompts.as_ref() != query {
            self.asked_prompts = query.cloned();
            if let Some(query) = self.asked_prompts.clone() {
                self.backend.look_at_prompts(query);
            }
        }
        if self.form.memory().is_none()
            && let Some(plan) = self.form.plan()
        {
            self.backend.judge_memory(plan.clone());
        }
    }

    fn found_prompts(&mut self, found: FoundPrompts) {
        self.form.set_prompts(found);
        self.follow_form();
    }

    fn picked_file(&mut self, var: Var, path: &std::path::Path) {
        if var == Var::PromptsFile {
            self.set_prompts(path);
        } else {
            self.form.set(var, &path.to_string_lossy());
            self.look();
        }
    }

    /// The next run asks the prompts of this file.
    pub(super) fn set_prompts(&mut self, path: &std::path::Path) {
        self.form.set(Var::PromptsFile, &path.to_string_lossy());
        // It may be another one by now, of the same name.
        self.asked_prompts = None;
        self.follow_form();
    }

    pub(super) fn set_busy(&mut self) {
        let busy = if self.engine.is_some() {
            Some("A run is going on.")
        } else if self.preparing.is_some() {
            Some("A run is being prepared.")
        } else if self.setting_up.is_some() {
            Some("MLX is being set up.")
        } else if self.models.page.is_making() {
            Some("A model is being made.")
        } else {
            None
        };
        self.form.facts.busy = busy.map(str::to_owned);
        self.form.update();
    }

    pub(super) fn start(&mut self) {
        if self.form.blocked().is_some() {
            return;
        }
        let (Some(plan), Some(settings)) = (self.form.plan(), self.form.settings()) else {
            return;
        };
        let (mut plan, settings) = (plan.clone(), settings.clone());
        let axes = self.form.sweep_axes().to_vec();
        self.remember_model();
        plan.results_dir = self.results_dir();
        let cancel = CancellationToken::new();
        self.backend.start(settings, plan, axes, cancel.clone());
        self.preparing = Some(cancel);
        self.begin_run();
    }

    pub(super) fn resume(&mut self, csv: &std::path::Path) {
        if self.form.facts.busy.is_some() {
            self.trouble = self.form.facts.busy.clone();
            return;
        }
        let cancel = CancellationToken::new();
        self.live_logs = Some(self.backend.follow_logs(csv, true));
        self.backend.resume(self.settings(), csv, cancel.clone());
        self.preparing = Some(cancel);
        self.shell.resuming = Some(csv.to_owned());
        self.begin_run();
    }

    /// The run has ended: the engine's thread is waited for, the library read anew.
    pub(super) fn finish_run(&mut self) {
        self.live_logs = None;
        if let Some(started) = self.engine.take() {
            let csv = started.csv.clone();
            // Its servers are gone already when it says that it has ended.
            self.backend.join(started);
            self.backend.open_run(&csv);
        }
        self.list_runs();
        self.set_busy();
    }

    fn say(&mut self, text: &str) {
        if let Some(view) = &mut self.run {
            view.state.log_line(LogSource::App, text);
            view.update();
        }
    }

    fn started(&mut self, outcome: Result<Box<Started>, SessionError>) {
        self.preparing = None;
        let outcome = match outcome {
            Ok(started) => {
                if let Some(view) = &mut self.run {
                    view.csv = Some(started.csv.clone());
                }
                if self.live_logs.is_none() {
                    self.live_logs = Some(self.backend.follow_logs(&started.csv, false));
                }
                self.engine = Some(*started);
                Ok(())
            }
            Err(error) => {
                self.run = None;
                self.live_logs = None;
                Err(match error {
                    SessionError::Cancelled => None,
                    other => Some(other.to_string()),
                })
            }
        };
        self.end_preparing(outcome);
        self.set_busy();
        self.look();
    }

    /// What was read beside a CSV belongs to whichever page shows that run.
    fn take_read(&mut self, read: Read) {
        if let Some(view) = &mut self.run
            && view.csv.as_deref() == Some(read.csv())
        {
            view.take(&read);
        }
        self.results.take(read);
    }

    pub(super) fn take(&mut self, done: Done) {
        match done {
            Done::Note(text) => self.say(&text),
            Done::Setup(step) => {
                if self.preparing.is_some() && !self.environment.setup.is_running() {
                    self.environment.setup.begin();
                }
                self.environment.setup.progress(&step);
                if self.preparing.is_some() {
                    self.shell.preparing.setup(&step);
                    self.say(&format!(
                        "Setting up MLX: {}",
                        self.environment.setup.step()
                    ));
                }
            }
            Done::ModelWritten { name, progress } => {
                self.shell.preparing.model(&name, progress);
                if progress.done == progress.total {
                    self.say(&format!("synthetic:{name} was made, {}", progress.total));
                }
            }
            Done::Started(outcome) => self.started(outcome),
            Done::SetUp(outcome) => {
                self.setting_up = None;
                self.environment.setup.finish(match outcome {
                    Ok(_) => Ok(()),
                    Err(SessionError::Cancelled) => Err(None),
                    Err(error) => Err(Some(error.to_string())),
                });
                self.set_busy();
                self.look();
            }
            Done::Checks(checks) => self.environment.set_checks(checks),
            Done::Pythons {
                found,
                taken,
                remake,
            } => {
                let chosen = self.settings().is_given(Var::Python);
                self.environment
                    .set_pythons(&found, taken.as_ref().map_err(Clone::clone), chosen);
                self.environment.setup.set_reason(remake);
                self.update_welcome();
            }
            Done::Server { known, launcher } => {
                self.form.facts.known_flags = known;
                self.form.facts.launcher = Some(launcher);
                self.form.update();
                self.follow_form();
            }
            Done::Models(done) => self.models_done(done),
            Done::Resolved(model) => {
                self.form.set_resolved(model);
                self.follow_form();
            }
            Done::Attached(models) => {
                self.form.set_attached_models(models);
                self.follow_form();
            }
            Done::Prompts(found) => self.found_prompts(found),
            Done::Memory(memory) => self.form.set_memory(memory),
            Done::Runs(runs, problem) => {
                self.compare.set_library(&runs);
                self.results.set_folder_problem(problem);
                self.results.set_runs(runs);
            }
            Done::Examples(runs) => self.results.set_examples(runs),
            Done::Compare(done) => self.take_compare(done),
            Done::Exported(outcome) => self.exported(outcome),
            Done::Markdown(outcome) => self.copied(outcome),
            Done::Opened(path, run) => match run {
                Ok(opened) => {
                    let (run, board) = *opened;
                    self.results.set_prepared(run, board);
                    self.results.set_layer(self.shell.layer);
                }
                Err(problem) => self.results.set_problem(&path, problem),
            },
            Done::Ordered(ordered) => self.results.set_ordered(ordered),
            Done::LogLines(lines) => {
                if let Some(view) = &mut self.run {
                    view.log_lines(&lines);
                }
            }
            Done::Read(read) => self.take_read(*read),
            Done::PickedFile(var, path) => self.picked_file(var, &path),
            Done::PickedModel(path) if self.page == Page::Models => self.open(&path),
            Done::PickedModel(path) => self.set_model(&path),
            Done::PickedResults(path) => {
                self.shell.system.recent.add(&path);
                self.open(&path);
            }
            Done::Noted(path, kept) => self.noted(&path, kept),
            Done::Trashed(moved) => self.trashed(moved),
            Done::Restored(path, back) => self.restored(&path, back),
            Done::PickedSetting(var, path) => self.picked_setting(var, &path),
        }
    }

    pub(super) fn results_action(&mut self, context: &Context, action: ResultsAction) {
        match action {
            ResultsAction::Open(path) => self.open(&path),
            ResultsAction::OpenFile => self.backend.pick_results(),
            ResultsAction::Reveal(path) => {
                if let Err(error) = crate::platform::reveal::reveal(&path) {
                    self.trouble = Some(error.to_string());
                }
            }
            ResultsAction::Resume(path) => self.resume(&path),
            ResultsAction::Compare(path) => self.add_to_compare(&path),
            ResultsAction::Command(command) => self.command(command),
            ResultsAction::Read(wanted) => self.backend.read(wanted),
            ResultsAction::CopyText(text) => {
                context.copy_text(text);
                self.shell.toasts.done("Copied");
            }
            ResultsAction::Refresh => self.list_runs(),
            ResultsAction::ChooseFolder => self.command(AppCommand::ShowSettings),
            ResultsAction::Note(path, note) => self.backend.note(path, note),
            ResultsAction::Trash(path) => self.move_to_trash(path),
            ResultsAction::Restore(trashed) => self.backend.restore(trashed),
        }
    }

    pub(super) fn environment_action(&mut self, action: EnvironmentAction) {
        match action {
            EnvironmentAction::Refresh => self.look(),
            EnvironmentAction::PickPython => self.backend.pick_file(Var::Python, "Choose a Python"),
            EnvironmentAction::PickNginx => self.backend.pick_file(Var::NginxBin, "Choose nginx"),
            EnvironmentAction::ChoosePython(path) => {
                self.form.set(Var::Python, &path.to_string_lossy());
                self.look();
            }
            EnvironmentAction::AutomaticPython => {
                self.form_action(&FormAction::Revert(Var::Python));
                self.look();
            }
            EnvironmentAction::SetUp => {
                let cancel = CancellationToken::new();
                self.environment.setup.begin();
                self.backend.set_up(cancel.clone());
                self.setting_up = Some(cancel);
                self.set_busy();
            }
            EnvironmentAction::CancelSetUp => {
                // A run that is being prepared sets up MLX under its own token.
                if let Some(cancel) = self.setting_up.as_ref().or(self.preparing.as_ref()) {
                    cancel.cancel();
                    self.environment.setup.cancelling();
                    self.shell.preparing.cancelling();
                }
            }
        }
    }
}
