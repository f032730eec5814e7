//! Carries out what the Models page asks for, and takes what comes of it.

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Context, Ui};
use tokio_util::sync::CancellationToken;

use super::backend::{Backend, Done, ModelsDone};
use super::command::AppCommand;
use super::lab::{Lab, Page};
use super::pages::models::{self, ModelsAction, ModelsPage};
use super::pages::run::form::ModelChoice;
use crate::models::catalogue::{Catalogue, Entry, Presence, inspect};
use crate::models::memory::MachineMemory;
use crate::models::synthetic::{self, Progress, Shape};
use crate::models::{ModelError, Places};
use crate::session::model::largest_demand;
use crate::settings::Var;

/// Progress is told no more often: the window is drawn four times a second.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// What the page wants of the rest of the window.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    UseInRun(String),
    /// The list of recent models became another.
    Recent,
    /// Models came or went, or are being made no more: the disk is to be looked at again.
    LookAgain,
    Trouble(String),
}

/// The page, with what cancels the model that it makes.
#[derive(Debug, Default)]
pub(super) struct ModelsWork {
    pub page: ModelsPage,
    making: Option<CancellationToken>,
}

impl ModelsWork {
    pub fn new(page: ModelsPage) -> Self {
        Self { page, making: None }
    }

    /// Looks at the disk.
    pub fn look(&mut self, places: Places, backend: &Backend) {
        self.page.begin_refresh(places.clone());
        backend.find_models(places, self.page.also());
    }

    /// `busy`: why nothing that loads the machine may be begun now.
    pub fn carry_out(
        &mut self,
        action: ModelsAction,
        busy: Option<&str>,
        backend: &Backend,
        context: &Context,
    ) -> Option<Wish> {
        match action {
            ModelsAction::Refresh => return Some(Wish::LookAgain),
            ModelsAction::PickFolder => backend.pick_model(),
            ModelsAction::Inspect(text) => backend.inspect_model(text, self.page.places.clone()),
            ModelsAction::UseInRun(text) => {
                self.page.remember(&text);
                return Some(Wish::UseInRun(text));
            }
            ModelsAction::Make { name, shape } => {
                if let Some(busy) = busy {
                    let why = format!("{busy} Make the model once it has ended.");
                    return Some(Wish::Trouble(why));
                }
                let Some(models_dir) = self.page.places.synthetic.clone() else {
                    return Some(Wish::Trouble(ModelError::NoModelsFolder.to_string()));
                };
                let cancel = CancellationToken::new();
                self.page.begin_making(&name);
                backend.make_model(name, *shape, &models_dir, cancel.clone());
                self.making = Some(cancel);
            }
            ModelsAction::CancelMake => {
                if let Some(cancel) = &self.making {
                    cancel.cancel();
                    self.page.cancelling();
                }
            }
            ModelsAction::Delete { folder, label } => {
                if let Some(busy) = busy {
                    let why = format!("{busy} Delete the model once it has ended.");
                    return Some(Wish::Trouble(why));
                }
                backend.trash_model(&folder, label);
            }
            ModelsAction::Reveal(folder) => {
                if let Err(error) = crate::platform::reveal::reveal(&folder) {
                    return Some(Wish::Trouble(error.to_string()));
                }
            }
            ModelsAction::CopyText(text) => context.copy_text(text),
            ModelsAction::RecentChanged => return Some(Wish::Recent),
        }
        None
    }

    pub fn take(&mut self, done: ModelsDone) -> Option<Wish> {
        match done {
            ModelsDone::Inspected(text, entry) => self.page.set_inspected(text, *entry),
            ModelsDone::Making(progress) => self.page.making_progress(progress),
            ModelsDone::Made(outcome) => {
                self.making = None;
                self.page.made(outcome);
                return Some(Wish::LookAgain);
            }
            ModelsDone::Deleted(outcome) => {
                self.page.deleted(outcome);
                return Some(Wish::LookAgain);
            }
            ModelsDone::Found {
                catalogue,
                others,
                machine,
            } => self.page.set_catalogue(*catalogue, others, machine),
        }
        None
    }
}

impl Backend {
    /// Describes every model of `places`, and those that `also` names.
    pub fn find_models(&self, places: Places, also: Vec<String>) {
        self.spawn_blocking(move || {
            let catalogue = Box::new(Catalogue::of(&places));
            let others = also
                .into_iter()
                .filter(|text| catalogue.get(text).is_none())
                .map(|text| {
                    let entry = inspect(&text, &places).map_err(|error| error.to_string());
                    (text, entry)
                });
            Done::Models(ModelsDone::Found {
                others: others.collect(),
                catalogue,
                machine: MachineMemory::here(),
            })
        });
    }

    pub fn inspect_model(&self, text: String, places: Places) {
        self.spawn_blocking(move || {
            let entry = inspect(&text, &places).map_err(|error| error.to_string());
            Done::Models(ModelsDone::Inspected(text, Box::new(entry)))
        });
    }

    /// Writes a synthetic model into `models_dir`. A cancel leaves nothing.
    pub fn make_model(
        &self,
        name: String,
        shape: Shape,
        models_dir: &Path,
        cancel: CancellationToken,
    ) {
        let models_dir = models_dir.to_owned();
        let window = self.to_window();
        self.spawn_blocking(move || {
            let mut told = Instant::now();
            let mut tell = |progress: Progress| {
                if told.elapsed() >= TOLD_EVERY || progress.done == progress.total {
                    told = Instant::now();
                    window.say(Done::Models(ModelsDone::Making(progress)));
                }
            };
            let made = if Shape::named(&name).is_ok() {
                synthetic::ensure(&name, &models_dir, &mut tell, &cancel)
            } else {
                synthetic::make_custom(&name, &shape, &models_dir, &mut tell, &cancel)
            };
            Done::Models(ModelsDone::Made(match made {
                Ok(_) => Ok(name),
                Err(ModelError::Cancelled) => Err(None),
                Err(error) => Err(Some(error.to_string())),
            }))
        });
    }

    pub fn trash_model(&self, folder: &Path, label: String) {
        let folder = folder.to_owned();
        self.spawn_blocking(move || {
            let gone = trash::delete(&folder).map_err(|error| {
                format!(
                    "{} could not be moved to the trash: {error}. Delete the folder by hand.",
                    folder.display()
                )
            });
            Done::Models(ModelsDone::Deleted(gone.map(|()| label)))
        });
    }
}

impl Lab {
    pub(super) fn models_page(&mut self, ui: &mut Ui) -> Vec<AppCommand> {
        for action in models::show(ui, &mut self.models.page) {
            let busy = self.form.facts.busy.clone();
            let wish = self
                .models
                .carry_out(action, busy.as_deref(), &self.backend, ui.ctx());
            self.grant(wish);
        }
        Vec::new()
    }

    pub(super) fn show_models(&mut self) {
        self.page = Page::Models;
        let demand = self.form.plan().and_then(largest_demand);
        self.models.page.set_form_demand(demand);
    }

    /// Opens the page on a model.
    pub(super) fn show_model(&mut self, text: &str) {
        self.show_models();
        if let Some(ModelsAction::Inspect(text)) = self.models.page.select(text) {
            let places = self.models.page.places.clone();
            self.backend.inspect_model(text, places);
        }
    }

    /// A model is used: it stands first among the recent ones.
    pub(super) fn remember_model(&mut self) {
        let text = self.form.model_text().to_owned();
        self.models.page.remember(&text);
        self.tell_recent();
    }

    pub(super) fn look_for_models(&mut self) {
        let settings = self.settings();
        let depth = settings.int(Var::ModelSearchDepth).unwrap_or(4) as usize;
        let places = Places::usual(settings.paths(Var::ModelDirs), depth);
        self.models.look(places, &self.backend);
    }

    pub(super) fn models_done(&mut self, done: ModelsDone) {
        let found = matches!(done, ModelsDone::Found { .. });
        let wish = self.models.take(done);
        self.grant(wish);
        if found {
            self.tell_form();
        }
    }

    fn grant(&mut self, wish: Option<Wish>) {
        match wish {
            Some(Wish::UseInRun(text)) => {
                self.page = Page::Run;
                self.form.set(Var::ModelPath, &text);
                self.tell_recent();
                self.follow_form();
            }
            Some(Wish::Recent) => self.tell_recent(),
            Some(Wish::LookAgain) => {
                self.look_for_models();
                // What the form's model is may have changed with it.
                self.asked_model = None;
                self.follow_form();
            }
            Some(Wish::Trouble(trouble)) => self.trouble = Some(trouble),
            None => {}
        }
        self.set_busy();
    }

    /// The form's picker lists the same models.
    fn tell_form(&mut self) {
        if let Some(catalogue) = self.models.page.catalogue() {
            let made = catalogue.synthetic.iter().filter(|one| one.ours);
            let choices = catalogue.found.iter().chain(made).map(choice);
            self.form.facts.found_models = choices.collect();
        }
        self.tell_recent();
    }

    fn tell_recent(&mut self) {
        let texts = self.models.page.recent().texts();
        self.form.facts.recent_models = texts
            .iter()
            .map(|text| ModelChoice {
                text: text.clone(),
                label: text.clone(),
                detail: String::new(),
            })
            .collect();
        self.form.update();
    }
}

fn choice(entry: &Entry) -> ModelChoice {
    let detail = match (&entry.presence, &entry.description) {
        (Presence::Here(_), Some(described)) => {
            format!("{}, {}", described.bits_text(), described.size)
        }
        _ => String::new(),
    };
    ModelChoice {
        text: entry.text.clone(),
        label: entry.label.clone(),
        detail,
    }
}
