//! Runs side by side: lines over each other, a heatmap of the differences, the matched cells as a
//! table, and what else differs between the runs.
//!
//! ```text
//! library, Open... ──▶ slots ──Load, Match──▶ backend ──▶ Comparison ──▶ Shown (prepared) ──▶ tabs
//! ```
//! Files are read and cells matched by whoever carries out the actions, in a thread. Everything
//! drawn is prepared when a choice changes.

mod cells;
mod difference;
mod differences;
mod lines;
mod runs;
mod shown;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{CentralPanel, Frame, Margin, Panel, Ui};

use self::runs::{Slot, SlotState, Suggestion};
use self::shown::Shown;
use crate::app::theme::{palette, space};
use crate::compare::{ComparedRun, Comparison, MOST_RUNS};
use crate::store::library::RunSummary;

/// What the page asks for.
#[derive(Debug)]
pub enum CompareAction {
    /// Load this run and hand it to [`ComparePage::set_loaded`].
    Load(PathBuf),
    /// Let the user choose files; each is given to [`ComparePage::add`].
    OpenFile,
    /// Compare these and hand the result to [`ComparePage::set_comparison`].
    Match(Vec<Arc<ComparedRun>>),
    CopyText(String),
}

/// The page's state.
#[derive(Debug, Default)]
pub struct ComparePage {
    /// In the order of the letters; the first is the base.
    slots: Vec<Slot>,
    /// Runs that can be added, newest first.
    library: Vec<runs::Choice>,
    suggestion: Option<Suggestion>,
    shown: Option<Shown>,
    choices: shown::Choices,
    /// Why a run was not added.
    refused: Option<String>,
}

impl ComparePage {
    /// Takes the runs of the results folder, newest first.
    pub fn set_library(&mut self, runs: &[RunSummary]) {
        self.library = runs.iter().filter_map(runs::Choice::of).collect();
        self.suggestion = Suggestion::of(runs);
    }

    /// Makes room for a run; `true` if it must be loaded then.
    pub fn add(&mut self, path: &Path) -> bool {
        self.refused = None;
        if self.slots.iter().any(|slot| slot.path == path) {
            return false;
        }
        if self.slots.len() >= MOST_RUNS {
            self.refused = Some(format!(
                "At most {MOST_RUNS} runs are compared: more cannot be told apart. Remove one first."
            ));
            return false;
        }
        let free = |colour: &usize| self.slots.iter().all(|slot| slot.colour != *colour);
        let colour = (0..MOST_RUNS).find(free).unwrap_or_default();
        self.slots.push(Slot::loading(path, colour));
        self.shown = None;
        true
    }

    /// Gives the runs to compare now, once all that were asked for are there.
    pub fn set_loaded(
        &mut self,
        path: &Path,
        run: Result<Arc<ComparedRun>, String>,
    ) -> Option<Vec<Arc<ComparedRun>>> {
        let mut slots = self.slots.iter_mut();
        let slot = slots.find(|slot| slot.path == path)?;
        slot.set(run);
        self.take_stock()
    }

    /// Takes what came of a match, unless the runs are others by now.
    pub fn set_comparison(&mut self, comparison: Comparison) {
        let now = self.ready();
        let same = now.len() == comparison.runs().len()
            && now
                .iter()
                .zip(comparison.runs())
                .all(|(a, b)| Arc::ptr_eq(a, b));
        if same {
            let ready = self.slots.iter().filter(|slot| slot.run().is_some());
            let colours = ready.map(|slot| slot.colour).collect();
            self.shown = Some(Shown::new(comparison, colours, &mut self.choices));
        }
    }

    fn ready(&self) -> Vec<Arc<ComparedRun>> {
        self.slots.iter().filter_map(Slot::run).cloned().collect()
    }

    /// What is shown is out of date; the runs to compare now, once all have been read.
    fn take_stock(&mut self) -> Option<Vec<Arc<ComparedRun>>> {
        self.shown = None;
        let waits = |slot: &Slot| matches!(slot.state, SlotState::Loading);
        let runs = self.ready();
        (runs.len() >= 2 && !self.slots.iter().any(waits)).then_some(runs)
    }

    fn remove(&mut self, position: usize) -> Option<CompareAction> {
        self.refused = None;
        self.slots.remove(position);
        self.choices.forget_runs();
        self.take_stock().map(CompareAction::Match)
    }

    fn make_base(&mut self, position: usize) -> Option<CompareAction> {
        let slot = self.slots.remove(position);
        self.slots.insert(0, slot);
        self.choices.forget_runs();
        self.take_stock().map(CompareAction::Match)
    }
}

/// Draws the page and gives what the user asked for.
pub fn show(ui: &mut Ui, page: &mut ComparePage) -> Vec<CompareAction> {
    let mut actions = Vec::new();
    let fill = palette(ui).background;
    if page.slots.is_empty() {
        CentralPanel::default()
            .frame(Frame::new().fill(fill).inner_margin(Margin::same(16)))
            .show(ui, |ui| runs::empty(ui, page, &mut actions));
        return actions;
    }
    Panel::left("compared_runs")
        .resizable(true)
        .default_size(260.0)
        .size_range(220.0..=420.0)
        .frame(
            Frame::new()
                .fill(fill)
                .inner_margin(Margin::same(space::M as i8)),
        )
        .show(ui, |ui| runs::list(ui, page, &mut actions));
    CentralPanel::default()
        .frame(Frame::new().fill(fill).inner_margin(Margin::same(16)))
        .show(ui, |ui| match &mut page.shown {
            Some(shown) => shown.show(ui, &mut page.choices, &mut actions),
            None => runs::not_yet(ui, &page.slots),
        });
    actions
}
