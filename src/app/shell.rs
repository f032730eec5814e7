//! What is around the pages: the welcome, settings, notices, files held over the window, which
//! commands can run now, and what is kept for the next start.

mod actions;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::{Context, Ui, Vec2};
use strum::IntoEnumIterator as _;

use super::command::AppCommand;
use super::drop::{Dropped, Hover};
use super::export;
use super::filter_focus;
use super::lab::{Lab, Page};
use super::pages::run::RunView;
use super::pages::run::form::Edits;
use super::preparing::Preparing;
use super::recent_files::RecentFiles;
use super::settings_sheet::{Looks, SettingsSheet};
use super::shortcut_sheet;
use super::system::SystemState;
use super::toasts::Toasts;
use super::welcome::{self, Welcome, WelcomeAction};
use super::window_state::{Keeper, WindowState};
use crate::board::Layer;
use crate::plan::RunKind;
use crate::settings::{SavedSettings, Var};

/// In the app's data folder.
pub(super) const SETTINGS: &str = "settings.json";

/// State of the window that belongs to no page.
pub(super) struct Shell {
    pub(super) context: Context,
    /// The app's own files; `None` where the user has no home folder.
    data: Option<PathBuf>,
    keeper: Keeper,
    /// As it was last told.
    kept: WindowState,
    pub toasts: Toasts,
    pub preparing: Preparing,
    pub settings: SettingsSheet,
    pub layer: Layer,
    welcome: Welcome,
    /// Why it is shown, if it is.
    welcoming: Welcoming,
    /// Results files from outside the results folder, in the list while the window is open.
    pub opened: Vec<PathBuf>,
    /// What a second try has to resume.
    pub resuming: Option<PathBuf>,
    hover: Hover,
    /// The system around the window.
    pub system: SystemState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Welcoming {
    /// While there are no runs.
    First,
    /// The user asked for it.
    Asked,
    No,
}

impl Shell {
    /// Where the runs that come with the app are kept.
    pub(super) fn examples_dir(&self) -> Option<PathBuf> {
        Some(self.data.as_ref()?.join("examples"))
    }

    /// Reads what was kept; the last value tells of a file that was not understood.
    pub(super) fn open(
        context: &Context,
        data: Option<&Path>,
        saved: &SavedSettings,
    ) -> (Self, WindowState, Option<String>) {
        Looks::of(saved).apply(context);
        let (keeper, kept, problem) = Keeper::open(data);
        let (recent, recent_problem) = RecentFiles::open(data);
        let named = |layer: &Layer| kept.layer.as_deref() == Some(layer.name());
        let shell = Self {
            context: context.clone(),
            data: data.map(Path::to_owned),
            keeper,
            kept: kept.clone(),
            toasts: Toasts::default(),
            preparing: Preparing::default(),
            settings: SettingsSheet::default(),
            layer: Layer::iter().find(named).unwrap_or(Layer::Throughput),
            welcome: Welcome::default(),
            welcoming: if kept.welcomed {
                Welcoming::No
            } else {
                Welcoming::First
            },
            opened: Vec::new(),
            resuming: None,
            hover: Hover::default(),
            system: SystemState::new(recent),
        };
        (shell, kept, told([problem, recent_problem]))
    }

    /// A file that was opened stays in the list of runs, wherever it is. `true` if it is new there.
    pub(super) fn remember(&mut self, path: &Path) -> bool {
        let csv = path.with_extension("csv");
        let new = !self.opened.contains(&csv);
        if new {
            self.opened.push(csv);
        }
        new
    }

    /// Draws what stands in place of a run; `false` where nothing does.
    pub(super) fn centre(
        &mut self,
        ui: &mut Ui,
        no_runs: bool,
        asked: &mut Option<WelcomeAction>,
    ) -> bool {
        let welcomes = match self.welcoming {
            Welcoming::First => no_runs,
            Welcoming::Asked => true,
            Welcoming::No => false,
        };
        if welcomes {
            *asked = welcome::show(ui, &self.welcome, &mut self.preparing);
        } else if self.preparing.is_shown() {
            let action = welcome::show_preparing(ui, &mut self.preparing);
            *asked = action.map(WelcomeAction::Preparing);
        } else {
            return false;
        }
        true
    }
}

/// What went wrong at the start, in one text.
pub(super) fn told<const N: usize>(problems: [Option<String>; N]) -> Option<String> {
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    (!problems.is_empty()).then(|| problems.join("\n"))
}

impl Lab {
    /// Goes on where the window was left.
    pub(super) fn take_up(&mut self, kept: &WindowState) {
        if let Some(page) = kept.page.as_ref().and_then(|page| page.parse().ok()) {
            self.page = page;
        }
        if let Some(edits) = kept.form.as_ref().and_then(Edits::from_json) {
            self.form.restore(edits);
        }
        self.update_welcome();
    }

    /// Hands what is worth keeping to the keeper; call it once a frame, outside of drawing.
    pub(super) fn keep(&mut self, context: &Context) {
        let (now_s, closing) =
            context.input(|input| (input.time, input.viewport().close_requested()));
        let state = self.window_state(context);
        if closing {
            self.shell.keeper.flush(&state);
        } else if let Some(wait_s) = self.shell.keeper.keep(&state, now_s) {
            context.request_repaint_after(Duration::from_secs_f64(wait_s));
        }
        self.shell.kept = state;
    }

    /// What has changed within the last second is not lost.
    pub(super) fn keep_at_exit(&mut self) {
        self.shell.keeper.flush(&self.shell.kept);
    }

    fn window_state(&mut self, context: &Context) -> WindowState {
        // In points of the screen: the text size is no part of the window's.
        let zoom = context.zoom_factor();
        let (inner, outer, normal) = context.input(|input| {
            let viewport = input.viewport();
            let grown = [viewport.maximized, viewport.fullscreen, viewport.minimized];
            let normal = !grown.contains(&Some(true));
            (viewport.inner_rect, viewport.outer_rect, normal)
        });
        let before = &self.shell.kept;
        let known = |size: &Vec2| size.x >= 1.0 && size.y >= 1.0;
        let size = inner.map(|rect| rect.size() * zoom).filter(known);
        let position = outer.map(|rect| rect.min * zoom);
        if let Some(layer) = self.shown_layer() {
            self.shell.layer = layer;
        }
        WindowState {
            size: size.filter(|_| normal).or(before.size),
            position: position.filter(|_| normal).or(before.position),
            page: Some(self.page.to_string()),
            form: Some(self.form.edits().to_json()),
            layer: Some(self.shell.layer.name().to_owned()),
            welcomed: self.shell.welcoming != Welcoming::First,
        }
    }

    fn shown_layer(&self) -> Option<Layer> {
        match self.page {
            Page::Run => self.run.as_ref().map(RunView::layer),
            Page::Results => self.results.layer(),
            Page::Compare | Page::Models | Page::Environment => None,
        }
    }

    /// Keys and dropped files, before anything is drawn.
    pub(super) fn begin_frame(&mut self, context: &Context) {
        let sheets = self.sheet_open || self.shell.settings.open;
        self.shell.system.begin_frame(context);
        let pressed = AppCommand::pressed(context, sheets);
        if let Some(command) = pressed.and_then(|key| self.shell.system.not_twice(key)) {
            self.command(command);
        }
        if let Some(dropped) = self.shell.hover.update(context) {
            self.dropped(dropped);
        }
        // ⌘+ and ⌘- change the text size without our sheet.
        let zoom_pct = (context.zoom_factor() * 100.0).round() as u32;
        let looks = Looks::of(&self.form.facts.saved);
        if zoom_pct != looks.text_size_pct {
            let looks = looks.with_text_size(zoom_pct);
            looks.apply(context);
            self.look_like(looks);
        }
    }

    /// What lies over the pages, last of all.
    pub(super) fn end_frame(&mut self, context: &Context) {
        self.shell.hover.show(context);
        let measuring = self.engine.is_some();
        self.shell.toasts.show(context, measuring);
    }

    pub(super) fn sheets(&mut self, context: &Context) {
        if self.sheet_open {
            let mut open = true;
            let asked = shortcut_sheet::show(context, &mut open, |command| {
                self.may(command).map_err(Cow::into_owned)
            });
            self.sheet_open = open;
            if let Some(command) = asked {
                self.sheet_open = false;
                self.command(command);
            }
        }
        if self.shell.settings.open {
            for action in self.shell.settings.show(context) {
                self.settings_action(action);
            }
        }
    }

    /// Why a command cannot run now, as a sentence; buttons, shortcuts and the sheet ask alike.
    pub(super) fn may(&self, command: AppCommand) -> Result<(), Cow<'static, str>> {
        let no = |why: &'static str| Err(Cow::Borrowed(why));
        let preparing = self.preparing.is_some();
        match command {
            AppCommand::Start => match self.form.blocked() {
                Some(why) => Err(Cow::Owned(why.to_owned())),
                None => Ok(()),
            },
            AppCommand::Pause | AppCommand::SkipCell if preparing => {
                no("The run is still being prepared.")
            }
            AppCommand::Pause | AppCommand::SkipCell if self.engine.is_none() => {
                no("No run is going on.")
            }
            AppCommand::Stop if self.engine.is_none() && !preparing => no("No run is going on."),
            AppCommand::ShowWelcome if self.engine.is_some() || preparing => {
                no("A run is going on. The welcome is back when it has ended.")
            }
            AppCommand::Export | AppCommand::SavePicture | AppCommand::CopyMarkdown => {
                let shown = export::shown(self.page, &self.results, self.run.as_ref(), false);
                shown.map(|_| ()).map_err(Cow::Borrowed)
            }
            AppCommand::CopySelection if self.selection_text().is_none() => {
                no("Select a cell to copy first: click one in the heatmap or the table.")
            }
            AppCommand::Filter => match self.page {
                Page::Results | Page::Models => Ok(()),
                Page::Run if self.run.is_some() && !self.shell.preparing.is_shown() => Ok(()),
                Page::Run => no("There is no log to filter before a run has started."),
                Page::Compare | Page::Environment => no("This page has nothing to filter."),
            },
            _ => Ok(()),
        }
    }

    /// The selected cell of the page that is shown, for a spreadsheet.
    fn selection_text(&self) -> Option<String> {
        match self.page {
            Page::Run => self.run.as_ref()?.copy_text(),
            Page::Results => self.results.copy_text(),
            Page::Compare | Page::Models | Page::Environment => None,
        }
    }

    /// Does those commands that concern no page.
    pub(super) fn shell_command(&mut self, command: AppCommand) {
        match command {
            AppCommand::CopySelection => {
                if let Some(text) = self.selection_text() {
                    self.shell.context.copy_text(text);
                    self.shell.toasts.done("Copied the selected cell");
                }
            }
            AppCommand::Filter => {
                if let (Page::Run, Some(run)) = (self.page, &mut self.run) {
                    run.show_filter();
                }
                filter_focus::ask(&self.shell.context);
            }
            AppCommand::ShowSettings => {
                self.shell.settings.open = !self.shell.settings.open;
                self.update_settings_sheet();
            }
            AppCommand::ShowWelcome => {
                self.page = Page::Run;
                self.run = None;
                self.shell.preparing.dismiss();
                self.shell.welcoming = Welcoming::Asked;
                self.update_welcome();
            }
            AppCommand::CloseSheet => {
                self.sheet_open = false;
                self.shell.settings.open = false;
            }
            _ => {}
        }
    }

    /// What the welcome says of this machine and of its run.
    pub(super) fn update_welcome(&mut self) {
        let python = self.environment.in_use();
        self.shell.welcome.set_python(python);
        let quick = self.form.kind() == RunKind::Quick;
        let run = self.form.summary().filter(|_| quick).map(|summary| {
            let time = &summary.time;
            format!("{} cells, about {time}", summary.cells)
        });
        self.shell.welcome.set_run(run);
    }

    /// Opens what was dropped, here or on the Dock icon.
    pub(super) fn dropped(&mut self, dropped: Dropped) {
        for path in dropped.results.iter().rev().chain(&dropped.model) {
            self.shell.system.recent.add(path);
        }
        for why in dropped.refused {
            self.shell.toasts.refuse(why);
        }
        if let Some(model) = dropped.model {
            if self.page == Page::Models {
                self.open(&model);
            } else {
                self.set_model(&model);
            }
            let name = model.file_name().unwrap_or_default().display().to_string();
            if self.page == Page::Run {
                let text = format!("{name} is the model of the next run");
                self.shell.toasts.done(text);
            }
        }
        if let Some(prompts) = dropped.prompts {
            self.set_prompts(&prompts);
            let name = prompts
                .file_name()
                .unwrap_or_default()
                .display()
                .to_string();
            self.page = Page::Run;
            self.shell
                .toasts
                .done(format!("{name} gives the prompts of the next run"));
        }
        let count = dropped.results.len();
        for path in &dropped.results {
            self.shell.remember(path);
        }
        if self.page == Page::Compare {
            for path in &dropped.results {
                self.add_to_compare(path);
            }
            self.list_runs();
            return;
        }
        if let Some(first) = dropped.results.first() {
            self.open(first);
            self.list_runs();
        }
        if count > 1 {
            let text = format!("{count} files are in the list; the first is open");
            self.shell.toasts.tell(text);
        }
    }

    /// Where the synthetic model is chosen for the first run.
    pub(super) fn measure_first(&mut self) {
        let mut edits = Edits::of(RunKind::Quick);
        let model = crate::session::DEFAULT_MODEL.to_owned();
        edits.fields.insert(Var::ModelPath, model);
        self.form.restore(edits);
        self.command(AppCommand::Start);
    }
}
