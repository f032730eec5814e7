//! The window and the system around it: what Finder, the Dock and the menu bar ask, and what they
//! are told of the window in return.

use std::path::{Path, PathBuf};

use egui::{Context, Event, UserAttentionType, ViewportCommand};

use super::command::AppCommand;
use super::drop::Dropped;
use super::lab::{Lab, Page};
use super::launch::TITLE;
use super::menu_bar::{self, Choice};
use super::recent_files::RecentFiles;
use crate::platform::inbox::{Asked, Inbox};
use crate::platform::menu::{MenuState, RECENT_TAG};
use crate::platform::native;
use crate::store::library::{LoadedRun, kind_text};

/// What was last told, so that nothing is told twice.
#[derive(Default)]
pub(super) struct SystemState {
    pub inbox: Inbox,
    pub recent: RecentFiles,
    pub title: String,
    pub document: Option<PathBuf>,
    pub badge: Option<String>,
    menu: MenuState,
    /// Chosen in the menu bar in this frame: its key must not count a second time.
    chosen: Option<AppCommand>,
    /// Keys from the menu bar for the text that is written into.
    keys: Vec<Event>,
}

impl SystemState {
    pub fn new(recent: RecentFiles) -> Self {
        Self {
            recent,
            ..Self::default()
        }
    }

    /// A key of the window, unless the menu bar has done the same in this frame.
    pub fn not_twice(&self, pressed: AppCommand) -> Option<AppCommand> {
        (self.chosen != Some(pressed)).then_some(pressed)
    }

    /// Hands the menu bar's keys to the text.
    pub fn begin_frame(&mut self, context: &Context) {
        if !self.keys.is_empty() {
            let keys = std::mem::take(&mut self.keys);
            context.input_mut(|input| input.events.extend(keys));
        }
    }
}

impl Lab {
    /// From now on the window does what comes into `inbox`, and the menu bar is its own.
    pub(super) fn listen(&mut self, context: &Context, inbox: &Inbox) {
        let context = context.clone();
        inbox.wake_with(move || context.request_repaint());
        native::set_menu_bar(TITLE, &menu_bar::bar(TITLE), inbox);
        self.shell.system.inbox = inbox.clone();
    }

    /// Does what the system has asked for. Call it outside of drawing: a window that is hidden is
    /// not drawn.
    pub(super) fn hear_system(&mut self, context: &Context) {
        let closes = context.input(|input| input.viewport().close_requested());
        if closes && self.engine.is_some() {
            context.send_viewport_cmd(ViewportCommand::CancelClose);
            self.closing = true;
        }
        self.shell.system.chosen = None;
        for asked in self.shell.system.inbox.take() {
            match asked {
                Asked::Open(paths) => self.open_files(&paths),
                Asked::Menu(tag) if tag >= RECENT_TAG => {
                    let recent = &self.shell.system.recent;
                    if let Some(path) = recent.get(tag - RECENT_TAG).map(Path::to_owned) {
                        self.open_files(&[path]);
                    }
                }
                Asked::Menu(tag) => {
                    if let Some(choice) = Choice::of(tag) {
                        self.choose(context, choice);
                    }
                }
                Asked::Quit => {
                    // As when the window is closed; the question must be seen.
                    self.closing = true;
                    context.send_viewport_cmd(ViewportCommand::Minimized(false));
                    context.send_viewport_cmd(ViewportCommand::Focus);
                }
            }
        }
    }

    fn choose(&mut self, context: &Context, choice: Choice) {
        match choice {
            // The text that is written into comes first, as with the key.
            Choice::Command(AppCommand::CopySelection) => {
                context.send_viewport_cmd(ViewportCommand::RequestCopy);
            }
            Choice::Command(command) => {
                self.shell.system.chosen = Some(command);
                self.command(command);
            }
            Choice::Text(edit) => match edit.done_by() {
                Ok(command) => context.send_viewport_cmd(command),
                Err(key) => self.shell.system.keys.push(key),
            },
            Choice::ClearRecent => self.shell.system.recent.clear(),
        }
    }

    /// Files and folders from outside of the window, as if they were dropped on it.
    fn open_files(&mut self, paths: &[PathBuf]) {
        self.dropped(Dropped::of(paths.iter().map(PathBuf::as_path)));
    }

    /// Tells the system what has changed of the window; call it once a frame.
    pub(super) fn tell_system(&mut self, context: &Context) {
        let measuring = self.engine.is_some();
        self.shell.system.inbox.ask_before_quitting(measuring);
        let title = self.window_title();
        if title != self.shell.system.title {
            context.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.shell.system.title = title;
        }
        let document = self.document();
        if document != self.shell.system.document.as_deref() {
            native::set_document(document);
            self.shell.system.document = document.map(Path::to_owned);
        }
        let badge = self.badge();
        if badge != self.shell.system.badge {
            native::set_dock_badge(badge.as_deref());
            self.shell.system.badge = badge;
        }
        if native::HAS_MENU_BAR {
            let menu = self.menu_state(context);
            if menu != self.shell.system.menu {
                native::update_menu_bar(&menu);
                self.shell.system.menu = menu;
            }
        }
    }

    /// The app's name and that of the run: of the one that goes on, else of the one that is shown.
    fn window_title(&self) -> String {
        let running = self.engine.is_some() || self.page == Page::Run;
        let name = if running {
            let plan = self.run.as_ref().and_then(|run| run.state.plan());
            plan.map(|plan| run_name(kind_text(plan.kind), Some(&plan.model.label)))
        } else if self.page == Page::Results {
            self.results.run().map(name_of)
        } else {
            None
        };
        name.map_or_else(
            || TITLE.to_owned(),
            |name| format!("{TITLE} \u{2014} {name}"),
        )
    }

    /// The file that the page shows.
    fn document(&self) -> Option<&Path> {
        match self.page {
            Page::Run => self.run.as_ref()?.csv.as_deref(),
            Page::Results => self.results.selected(),
            Page::Compare | Page::Models | Page::Environment => None,
        }
    }

    /// How far the run is, while one goes on.
    fn badge(&self) -> Option<String> {
        self.engine.as_ref()?;
        let progress = self.run.as_ref()?.state.progress();
        (progress.total > 0).then(|| format!("{}/{}", progress.done, progress.total))
    }

    /// A run has ended, and the user is elsewhere: the Dock icon jumps, the taskbar blinks.
    pub(super) fn call_user(&self) {
        let elsewhere = self.shell.context.input(|input| !input.focused);
        if elsewhere {
            let once = ViewportCommand::RequestUserAttention(UserAttentionType::Informational);
            self.shell.context.send_viewport_cmd(once);
        }
    }
}

/// The name that a run was given, else what it was.
fn name_of(run: &LoadedRun) -> String {
    let fact = run.facts.iter().find(|fact| fact.name == "Model");
    let model = fact.map(|fact| fact.value.as_str());
    match (&run.note.name, run.kind) {
        (Some(name), _) => name.clone(),
        (None, Some(kind)) => run_name(kind_text(kind), model),
        (None, None) => run
            .path
            .file_name()
            .unwrap_or_default()
            .display()
            .to_string(),
    }
}

/// What was run on which model, without whose it is.
fn run_name(kind: &str, model: Option<&str>) -> String {
    let model = model.map(|model| model.rsplit('/').next().unwrap_or(model));
    match model.filter(|model| !model.is_empty()) {
        Some(model) => format!("{kind}, {model}"),
        None => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_called_by_its_kind_and_its_model_without_whose_it_is() {
        let name = run_name("Full sweep", Some("mlx-community/Llama-3.2-1B"));
        assert_eq!(name, "Full sweep, Llama-3.2-1B");
        assert_eq!(
            run_name("Quick", Some("synthetic:tiny")),
            "Quick, synthetic:tiny"
        );
        for none in [None, Some(""), Some("folder/")] {
            assert_eq!(run_name("Quick", none), "Quick");
        }
    }
}
