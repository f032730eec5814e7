//! The Compare page within the window: what its actions do, and what comes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{CentralPanel, Context, Frame, Ui};

use super::command::AppCommand;
use super::lab::{Lab, Page};
use super::pages::compare::{self, CompareAction};
use super::theme::palette;
use crate::compare::{ComparedRun, Comparison};

/// What came of work for the Compare page.
pub enum CompareDone {
    Loaded(PathBuf, Result<Arc<ComparedRun>, String>),
    Matched(Box<Comparison>),
    Picked(PathBuf),
}

impl Lab {
    pub(super) fn compare_page(&mut self, ui: &mut Ui) -> Vec<AppCommand> {
        let page = CentralPanel::default()
            .frame(Frame::new().fill(palette(ui).background))
            .show(ui, |ui| compare::show(ui, &mut self.compare));
        for action in page.inner {
            self.compare_action(ui.ctx(), action);
        }
        Vec::new()
    }

    fn compare_action(&mut self, context: &Context, action: CompareAction) {
        match action {
            CompareAction::Load(path) => self.backend.load_compared(path),
            CompareAction::OpenFile => self.backend.pick_compared(),
            CompareAction::Match(runs) => self.backend.match_runs(runs),
            CompareAction::CopyText(text) => context.copy_text(text),
        }
    }

    /// Shows the Compare page with this run on it.
    pub(super) fn add_to_compare(&mut self, path: &Path) {
        self.page = Page::Compare;
        if self.compare.add(path) {
            self.backend.load_compared(path.to_owned());
        }
    }

    pub(super) fn take_compare(&mut self, done: CompareDone) {
        match done {
            CompareDone::Picked(path) => self.add_to_compare(&path),
            CompareDone::Loaded(path, run) => {
                if let Some(runs) = self.compare.set_loaded(&path, run) {
                    self.backend.match_runs(runs);
                }
            }
            CompareDone::Matched(comparison) => self.compare.set_comparison(*comparison),
        }
    }
}
