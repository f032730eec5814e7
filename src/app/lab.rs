//! The window's state, how events change it, and how it is drawn.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::{Button, Context, Frame, Margin, Panel, Ui, vec2};
use egui_material_icons::MaterialIcon;
use egui_material_icons::icons::{
    ICON_BAR_CHART, ICON_BUILD, ICON_COMPARE_ARROWS, ICON_DEPLOYED_CODE, ICON_SPEED,
};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::backend::{Backend, Started};
use super::command::AppCommand;
use super::export::Exports;
use super::live_logs::LiveLogs;
use super::models_work::ModelsWork;
use super::pages::compare::ComparePage;
use super::pages::environment::{self, EnvironmentPage};
use super::pages::models::ModelsPage;
use super::pages::results::{self, ResultsPage};
use super::pages::run::form::{AttachQuery, Facts, FormModel, Presets, PromptsQuery};
use super::pages::run::{self, RunView};
use super::shell::{self, Shell};
use super::theme::{self, palette, space};
use crate::engine::emitter::Wake;
use crate::models::recent::Recent;
use crate::plan::estimate::Pace;
use crate::platform::dirs;
use crate::settings::{SavedSettings, Settings, Sources, Var};

/// While a run measures, the window is not drawn more often: it shares the GPU with the model.
pub(super) const REPAINT_AFTER: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Page {
    Run,
    Results,
    Compare,
    Models,
    Environment,
}

impl Page {
    pub(super) const ALL: [(Self, AppCommand, MaterialIcon); 5] = [
        (Self::Run, AppCommand::ShowRun, ICON_SPEED),
        (Self::Results, AppCommand::ShowResults, ICON_BAR_CHART),
        (Self::Compare, AppCommand::ShowCompare, ICON_COMPARE_ARROWS),
        (Self::Models, AppCommand::ShowModels, ICON_DEPLOYED_CODE),
        (Self::Environment, AppCommand::ShowEnvironment, ICON_BUILD),
    ];
}

/// The whole window.
pub struct Lab {
    pub(super) backend: Backend,
    pub(super) page: Page,
    pub(super) form: FormModel,
    pub(super) run: Option<RunView>,
    pub(super) engine: Option<Started>,
    /// Reads the running servers' logs; they end with the run.
    pub(super) live_logs: Option<LiveLogs>,
    /// Cancels what is being prepared.
    pub(super) preparing: Option<CancellationToken>,
    pub(super) setting_up: Option<CancellationToken>,
    pub(super) results: ResultsPage,
    pub(super) compare: ComparePage,
    pub(super) models: ModelsWork,
    pub(super) environment: EnvironmentPage,
    pub(super) sheet_open: bool,
    /// The last thing that went wrong, told above the page until it is dismissed.
    pub(super) trouble: Option<String>,
    /// The user has asked to close while a run goes on.
    pub(super) closing: bool,
    /// What was already asked for the form's present plan.
    pub(super) asked_model: Option<String>,
    /// Whom the form wanted to be asked for models, and what ends the asking.
    pub(super) asked_attached: Option<(AttachQuery, AbortHandle)>,
    pub(super) asked_prompts: Option<PromptsQuery>,
    pub(super) exports: Exports,
    /// What is around the pages.
    pub(super) shell: Shell,
}

impl Lab {
    /// As it is before it has looked at this machine: [`Lab::look_around`] is to be called once its
    /// first frame is seen. `file` is opened at once, as a double click asks for.
    ///
    /// # Errors
    /// No runtime can be made.
    pub(super) fn new(context: &Context, file: Option<&Path>) -> std::io::Result<Self> {
        let mut lab = Self::unlooked(context, dirs::data_dir().as_deref(), environment())?;
        lab.open_first(file);
        Ok(lab)
    }

    /// A window that has looked around, with the app's files in `data`, and these environment
    /// variables.
    ///
    /// # Errors
    /// No runtime can be made.
    pub fn in_folder(
        context: &Context,
        file: Option<&Path>,
        data: Option<&Path>,
        environment: Vec<(String, String)>,
    ) -> std::io::Result<Self> {
        let mut lab = Self::unlooked(context, data, environment)?;
        lab.look_around();
        lab.open_first(file);
        Ok(lab)
    }

    /// As it is before it has looked at anything beyond its own few files.
    pub(super) fn unlooked(
        context: &Context,
        data: Option<&Path>,
        environment: Vec<(String, String)>,
    ) -> std::io::Result<Self> {
        theme::install(context);
        let waker = context.clone();
        let wake: Wake = Arc::new(move || waker.request_repaint_after(REPAINT_AFTER));
        let backend = Backend::new(wake)?;
        let (presets, problem) = match data {
            Some(data) => Presets::load(&data.join("presets.json")),
            None => (Presets::default(), None),
        };
        let (recent, recent_problem) = match data {
            Some(data) => Recent::load(&data.join("recent-models.json")),
            None => (Recent::default(), None),
        };
        let (saved, settings_problem) = match data {
            Some(data) => SavedSettings::load(&data.join(shell::SETTINGS)),
            None => (SavedSettings::default(), None),
        };
        let (shell, kept, window_problem) = Shell::open(context, data, &saved);
        let mut lab = Self {
            backend,
            page: Page::Run,
            form: FormModel::new(facts(environment, saved), presets, problem),
            run: None,
            engine: None,
            live_logs: None,
            preparing: None,
            setting_up: None,
            results: ResultsPage::default(),
            compare: ComparePage::default(),
            models: ModelsWork::new(ModelsPage::new(recent)),
            environment: EnvironmentPage::default(),
            sheet_open: false,
            trouble: shell::told([recent_problem, settings_problem, window_problem]),
            closing: false,
            asked_model: None,
            asked_attached: None,
            asked_prompts: None,
            exports: Exports::default(),
            shell,
        };
        lab.take_up(&kept);
        Ok(lab)
    }

    /// Looks at what this machine has and which runs there are. It starts other programs, which
    /// would only keep the first frame waiting.
    pub(super) fn look_around(&mut self) {
        self.look();
        self.list_runs();
        self.follow_form();
    }

    fn open_first(&mut self, file: Option<&Path>) {
        let Some(file) = file else { return };
        self.open(file);
        if file.is_dir() {
            self.set_model(file);
        }
    }

    /// The settings as the form has them; where the form has errors, those of the machine.
    pub(super) fn settings(&self) -> Settings {
        let sources = Sources {
            environment: self.form.facts.environment.clone(),
            saved: self.form.facts.saved.clone(),
            edited: self.form.key_edit().into_iter().collect(),
            ..Sources::default()
        };
        Settings::resolve(&sources).unwrap_or_default()
    }

    pub(super) fn results_dir(&self) -> PathBuf {
        let settings = self.settings();
        let wanted = settings.path(Var::ResultsDir);
        dirs::results_dir(
            wanted.unwrap_or(Path::new("results")),
            settings.is_given(Var::ResultsDir),
            dirs::is_without_a_place(),
        )
    }

    pub(super) fn look(&mut self) {
        self.environment.begin_refresh();
        let settings = self.settings();
        let inputs = crate::doctor::Inputs::of(&settings);
        self.backend.look(inputs.with_results(self.results_dir()));
        self.look_for_models();
    }

    pub(super) fn list_runs(&self) {
        let others = self.shell.opened.clone();
        self.backend.list_runs(self.results_dir(), others);
        if let Some(folder) = self.shell.examples_dir() {
            self.backend.list_examples(folder);
        }
    }

    /// Takes a model's folder into the form.
    pub(super) fn set_model(&mut self, folder: &Path) {
        self.page = Page::Run;
        self.form.set(Var::ModelPath, &folder.to_string_lossy());
        self.follow_form();
    }

    /// Opens a results file, or shows what a model's folder holds.
    pub(super) fn open(&mut self, path: &Path) {
        if path.is_dir() {
            self.show_model(&path.to_string_lossy());
            return;
        }
        self.page = Page::Results;
        self.results.set_opening(path);
        self.backend.open_run(path);
        if self.shell.remember(path) {
            self.list_runs();
        }
    }

    /// Folds everything that has come since the last frame.
    pub fn drain(&mut self) {
        while let Some(done) = self.backend.next() {
            self.take(done);
        }
        self.drain_engine();
    }

    pub(super) fn drain_engine(&mut self) {
        let (Some(started), Some(view)) = (&mut self.engine, &mut self.run) else {
            return;
        };
        let mut heard = false;
        loop {
            match started.handle.events.try_recv() {
                Ok(event) => {
                    view.state.apply(&event);
                    if let Some(logs) = &mut self.live_logs {
                        logs.heard(&event);
                    }
                    heard = true;
                }
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => break,
                Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => {
                    // Without an end only where the engine's thread has panicked.
                    view.state.break_off();
                    heard = true;
                    break;
                }
            }
        }
        if started.handle.live.has_changed().unwrap_or(false) {
            let live = started.handle.live.borrow_and_update().clone();
            view.state.live(&live);
            heard = true;
        }
        if heard {
            view.update();
        }
        if view.state.end().is_some() {
            self.finish_run();
            self.call_user();
        }
    }

    /// Draws everything.
    pub fn draw(&mut self, ui: &mut Ui) {
        self.begin_frame(ui.ctx());
        self.navigation(ui);
        self.trouble_bar(ui);
        self.export_bar(ui);
        let commands = match self.page {
            Page::Run => self.run_page(ui),
            Page::Results => self.results_page(ui),
            Page::Compare => self.compare_page(ui),
            Page::Models => self.models_page(ui),
            Page::Environment => self.environment_page(ui),
        };
        for command in commands {
            self.command(command);
        }
        self.sheets(ui.ctx());
        self.closing_question(ui.ctx());
        self.end_frame(ui.ctx());
    }

    fn navigation(&mut self, ui: &mut Ui) {
        let fill = palette(ui).sidebar;
        let mut asked = None;
        Panel::left("navigation")
            .exact_size(132.0)
            .resizable(false)
            .frame(
                Frame::new()
                    .fill(fill)
                    .inner_margin(Margin::same(space::S as i8)),
            )
            .show(ui, |ui| {
                ui.add_space(space::S);
                for (page, command, icon) in Page::ALL {
                    let about = command.about();
                    let here = self.page == page;
                    let label = (icon.rich_text(), about.text);
                    let row = vec2(ui.available_width(), 0.0);
                    let line = ui
                        .add(Button::selectable(here, label).min_size(row))
                        .on_hover_text(about.tooltip)
                        .accessible_name(about.text);
                    if line.clicked() {
                        asked = Some(command);
                    }
                }
            });
        if let Some(command) = asked {
            self.command(command);
        }
    }

    fn trouble_bar(&mut self, ui: &mut Ui) {
        let Some(trouble) = self.trouble.clone() else {
            return;
        };
        let colour = palette(ui).danger;
        theme::bar(ui, "trouble", |ui| {
            ui.colored_label(colour, trouble);
            if ui.button("Dismiss").clicked() {
                self.trouble = None;
            }
        });
    }

    fn run_page(&mut self, ui: &mut Ui) -> Vec<AppCommand> {
        let mut commands = Vec::new();
        let mut asked = None;
        let (run, shell) = (self.run.as_mut(), &mut self.shell);
        // While a run is prepared, how that goes stands in its place.
        let run = run.filter(|_| !shell.preparing.is_shown());
        let no_runs = self.results.is_empty();
        let mut empty = |ui: &mut Ui| shell.centre(ui, no_runs, &mut asked);
        for action in run::show(ui, &mut self.form, run, &mut empty) {
            match action {
                run::RunAction::Form(action) => self.form_action(&action),
                run::RunAction::Command(command) => commands.push(command),
                run::RunAction::Read(wanted) => self.backend.read(wanted),
                run::RunAction::CopyText(text) => {
                    ui.ctx().copy_text(text);
                    self.shell.toasts.done("Copied");
                }
            }
        }
        if let Some(asked) = asked {
            self.welcome_action(asked);
        }
        commands
    }

    fn results_page(&mut self, ui: &mut Ui) -> Vec<AppCommand> {
        for action in results::show(ui, &mut self.results) {
            self.results_action(ui.ctx(), action);
        }
        if let Some(ordering) = self.results.ordering() {
            self.backend.order(ordering);
        }
        Vec::new()
    }

    fn environment_page(&mut self, ui: &mut Ui) -> Vec<AppCommand> {
        let page = egui::CentralPanel::default()
            .frame(Frame::new().fill(palette(ui).background))
            .show(ui, |ui| environment::show(ui, &self.environment));
        for action in page.inner {
            self.environment_action(action);
        }
        Vec::new()
    }

    /// Closing the window during a run asks, then stops the servers.
    fn closing_question(&mut self, context: &Context) {
        if !self.closing {
            return;
        }
        if self.engine.is_none() {
            context.send_viewport_cmd(egui::ViewportCommand::Close);
            return;
        }
        egui::Window::new("A run is going on")
            .collapsible(false)
            .resizable(false)
            .show(context, |ui| {
                ui.label(
                    "Finished cells are on disk. Stopping ends the servers, and takes a second.",
                );
                ui.horizontal(|ui| {
                    if ui.button("Stop and quit").clicked() {
                        self.command(AppCommand::Stop);
                    }
                    if ui.button("Keep running").clicked() {
                        self.closing = false;
                    }
                });
            });
    }
}

/// What the form is told of this machine at the start; the rest comes from the background.
fn facts(environment: Vec<(String, String)>, saved: SavedSettings) -> Facts {
    Facts {
        environment,
        saved,
        nginx_found: crate::engine::balance::find::find_nginx(None).is_some(),
        cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        pace: Pace::default(),
        ..Facts::default()
    }
}

/// The process environment.
fn environment() -> Vec<(String, String)> {
    let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}
