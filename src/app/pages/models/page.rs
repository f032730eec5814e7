//! What the page knows, and what a user's doings change in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::demand::DemandFields;
use super::detail::Detail;
use super::lines::{self, Line};
use super::maker::Maker;
use super::making::Making;
use crate::models::catalogue::{Catalogue, Entry};
use crate::models::memory::{Demand, MachineMemory};
use crate::models::recent::Recent;
use crate::models::synthetic::{Progress, Shape};
use crate::models::{Places, check_repo};

/// What the page asks of the app.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelsAction {
    /// Look at the disk again, and hand it to [`ModelsPage::set_catalogue`].
    Refresh,
    /// A native dialog for a folder.
    PickFolder,
    /// Find out what this is, and hand it to [`ModelsPage::set_inspected`].
    Inspect(String),
    UseInRun(String),
    Make {
        name: String,
        shape: Box<Shape>,
    },
    CancelMake,
    /// To the system's trash: the model's folder, and what it is called.
    Delete {
        folder: PathBuf,
        label: String,
    },
    Reveal(PathBuf),
    CopyText(String),
    /// The recent models became others.
    RecentChanged,
}

/// What is done in the drawn page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    FilterEdited,
    RepoEdited,
    ShowRepo,
    Select(String),
    NewShape,
    DemandEdited,
    DemandFromForm,
    MakerEdited,
    StartFrom(String),
    Make,
    RemoveRecent(String),
    UndoRemove,
    AskDelete,
    Delete,
    Keep,
    DismissTold,
    Outer(ModelsAction),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Chosen {
    /// By what a run would be given.
    Model(String),
    NewShape,
}

/// A question before a model goes to the trash.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asking {
    pub folder: PathBuf,
    pub label: String,
    pub question: String,
}

/// The page's data.
#[derive(Debug, Default)]
pub struct ModelsPage {
    /// Where models are looked for.
    pub places: Places,
    pub(super) recent: Recent,
    /// `None` until the disk was looked at.
    pub(super) catalogue: Option<Catalogue>,
    pub(super) looking: bool,
    /// Of models that the catalogue does not have, by how they were asked for.
    inspected: BTreeMap<String, Result<Entry, String>>,
    machine: Option<MachineMemory>,
    pub(super) filter: String,
    pub(super) lines: Vec<Line>,
    pub(super) chosen: Option<Chosen>,
    pub(super) detail: Option<Detail>,
    pub(super) demand: DemandFields,
    pub(super) repo: String,
    pub(super) repo_error: Option<String>,
    pub(super) maker: Maker,
    pub(super) making: Option<Making>,
    pub(super) asking: Option<Asking>,
    /// The last one removed from the recent ones, and where it stood.
    pub(super) removed: Option<(usize, String)>,
    /// What came of the last thing that was done, and whether it went wrong.
    pub(super) told: Option<(String, bool)>,
}

impl ModelsPage {
    pub fn new(recent: Recent) -> Self {
        Self {
            recent,
            ..Self::default()
        }
    }

    /// The disk is being looked at; what was known stays in sight.
    pub fn begin_refresh(&mut self, places: Places) {
        self.places = places;
        self.looking = true;
    }

    /// What else is to be described with the next look: recent models, and what is shown.
    pub fn also(&self) -> Vec<String> {
        let mut texts = self.recent.texts().to_vec();
        texts.extend(self.selected().map(str::to_owned));
        texts
    }

    pub fn set_catalogue(
        &mut self,
        catalogue: Catalogue,
        others: impl IntoIterator<Item = (String, Result<Entry, String>)>,
        machine: Option<MachineMemory>,
    ) {
        self.looking = false;
        self.catalogue = Some(catalogue);
        self.inspected = others.into_iter().collect();
        self.machine = machine;
        self.update();
    }

    pub fn set_inspected(&mut self, text: String, entry: Result<Entry, String>) {
        self.inspected.insert(text, entry);
        self.update();
    }

    #[cfg(test)]
    pub(super) fn set_machine(&mut self, machine: MachineMemory) {
        self.machine = Some(machine);
        self.update();
    }

    /// The demand of the form's plan: what the memory estimate starts with.
    pub fn set_form_demand(&mut self, demand: Option<Demand>) {
        self.demand.set_form(demand);
        self.update_detail();
    }

    /// Shows a model; the result is to be done where it is not known yet.
    pub fn select(&mut self, text: &str) -> Option<ModelsAction> {
        self.chosen = Some(Chosen::Model(text.to_owned()));
        self.told = None;
        self.update_detail();
        // Before the first look nothing is known, and that will bring this one too.
        (self.entry(text).is_none()).then(|| ModelsAction::Inspect(text.to_owned()))
    }

    /// The model that is shown, by what a run would be given.
    pub fn selected(&self) -> Option<&str> {
        match &self.chosen {
            Some(Chosen::Model(text)) => Some(text),
            _ => None,
        }
    }

    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Puts a model that is used first among the recent ones.
    pub fn remember(&mut self, text: &str) {
        let kept = self.recent.add(text);
        self.tell_problem(kept);
        self.update();
    }

    pub fn catalogue(&self) -> Option<&Catalogue> {
        self.catalogue.as_ref()
    }

    pub fn is_making(&self) -> bool {
        self.making.is_some()
    }

    pub fn begin_making(&mut self, name: &str) {
        self.told = None;
        self.making = Some(Making::new(name));
    }

    pub fn making_progress(&mut self, progress: Progress) {
        if let Some(making) = &mut self.making {
            making.progress(progress);
        }
    }

    pub fn cancelling(&mut self) {
        if let Some(making) = &mut self.making {
            making.cancelling();
        }
    }

    /// `Err(None)`: it was cancelled. The catalogue is to be looked at anew.
    pub fn made(&mut self, outcome: Result<String, Option<String>>) {
        self.making = None;
        match outcome {
            Ok(name) => {
                let text = format!("{}{name}", crate::models::synthetic::PREFIX);
                self.chosen = Some(Chosen::Model(text));
                self.told = Some((format!("{name} was made."), false));
            }
            Err(None) => {
                self.told = Some(("Cancelled. Nothing half-made was left.".to_owned(), false));
            }
            Err(Some(error)) => self.told = Some((error, true)),
        }
        self.update();
    }

    /// A model went to the trash, or why it did not.
    pub fn deleted(&mut self, outcome: Result<String, String>) {
        match outcome {
            Ok(label) => {
                // A known shape can be made again and stays; any other is no more.
                let name = label.strip_prefix(crate::models::synthetic::PREFIX);
                if self.selected() == Some(label.as_str())
                    && name.is_some_and(|name| Shape::named(name).is_err())
                {
                    self.chosen = None;
                }
                self.told = Some((format!("{label} is in the trash."), false));
            }
            Err(problem) => self.told = Some((problem, true)),
        }
        self.update_detail();
    }

    /// A model by what a run would be given; `None` while nothing is known of it.
    fn entry(&self, text: &str) -> Option<Result<&Entry, &String>> {
        if let Some(entry) = self.catalogue.as_ref().and_then(|known| known.get(text)) {
            return Some(Ok(entry));
        }
        self.inspected.get(text).map(Result::as_ref)
    }

    /// Computes everything that is shown.
    fn update(&mut self) {
        self.maker.set_taken(self.catalogue.as_ref());
        self.update_lines();
        self.update_detail();
    }

    fn update_lines(&mut self) {
        let recent: Vec<_> = self
            .recent
            .texts()
            .iter()
            .map(|text| (text.as_str(), self.entry(text)))
            .collect();
        self.lines = match &self.catalogue {
            Some(catalogue) => lines::lines(catalogue, &recent, &self.filter),
            None => Vec::new(),
        };
    }

    fn update_detail(&mut self) {
        self.detail = match &self.chosen {
            Some(Chosen::Model(text)) => self.entry(text).map(|entry| {
                let demand = self.demand.demand();
                Detail::of(text, entry, self.machine.as_ref(), demand.as_ref())
            }),
            _ => None,
        };
        let demand = self.demand.demand();
        self.maker.judge(self.machine.as_ref(), demand.as_ref());
    }

    fn tell_problem<T: Default>(&mut self, outcome: Result<T, String>) -> T {
        outcome.unwrap_or_else(|problem| {
            self.told = Some((problem, true));
            T::default()
        })
    }

    fn check_repo(&mut self) -> bool {
        let text = self.repo.trim();
        self.repo_error = match text {
            "" => None,
            _ => check_repo(text).err().map(|why| format!("{why}.")),
        };
        !text.is_empty() && self.repo_error.is_none()
    }

    /// Does what the page itself can; the rest is the app's.
    pub(super) fn apply(&mut self, event: Event) -> Option<ModelsAction> {
        match event {
            Event::FilterEdited => self.update_lines(),
            Event::RepoEdited => {
                self.check_repo();
            }
            Event::ShowRepo => {
                if self.check_repo() {
                    let text = self.repo.trim().to_owned();
                    return self.select(&text);
                }
            }
            Event::Select(text) => return self.select(&text),
            Event::NewShape => {
                self.chosen = Some(Chosen::NewShape);
                self.told = None;
                self.update();
            }
            Event::DemandEdited => {
                self.demand.update();
                self.update_detail();
            }
            Event::DemandFromForm => {
                self.demand.follow_form();
                self.update_detail();
            }
            Event::MakerEdited => {
                self.maker.update();
                self.update_detail();
            }
            Event::StartFrom(name) => {
                self.maker.start_from(&name);
                self.update_detail();
            }
            Event::Make => {
                let (name, shape) = self.maker.ready()?;
                let (name, shape) = (name.to_owned(), Box::new(shape.clone()));
                return Some(ModelsAction::Make { name, shape });
            }
            Event::RemoveRecent(text) => {
                let removed = self.recent.remove(&text);
                self.removed = self.tell_problem(removed).map(|place| (place, text));
                self.update();
                return Some(ModelsAction::RecentChanged);
            }
            Event::UndoRemove => {
                if let Some((place, text)) = self.removed.take() {
                    let restored = self.recent.restore(place, &text);
                    self.tell_problem(restored);
                }
                self.update();
                return Some(ModelsAction::RecentChanged);
            }
            Event::AskDelete => self.asking = self.detail.as_ref().and_then(Detail::asking),
            Event::Delete => {
                let Asking { folder, label, .. } = self.asking.take()?;
                return Some(ModelsAction::Delete { folder, label });
            }
            Event::Keep => self.asking = None,
            Event::DismissTold => self.told = None,
            Event::Outer(action) => return Some(action),
        }
        None
    }
}
