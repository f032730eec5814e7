//! The path of a search, and why it goes where it goes.

use super::RunState;
use crate::engine::event::SearchNews;
use crate::plan::tune::Purpose;

#[derive(Debug, Default)]
pub(super) struct Searching {
    /// Positions in the plan's cells, in the order of their measurements.
    path: Vec<usize>,
    purpose: Option<Purpose>,
    ended: Option<SearchNews>,
}

impl Searching {
    pub fn take(&mut self, news: &SearchNews) {
        match news {
            SearchNews::Next { purpose, .. } => self.purpose = Some(*purpose),
            SearchNews::Ended { .. } => self.ended = Some(news.clone()),
        }
    }

    pub fn went_to(&mut self, position: usize) {
        self.path.push(position);
    }

    /// The run has ended before the cell that it was at.
    pub fn turned_back(&mut self, position: usize) {
        if self.path.last() == Some(&position) {
            self.path.pop();
        }
    }
}

impl RunState {
    /// The path of a search: positions in the plan's cells, in the order of their measurements. Empty
    /// of other runs.
    pub fn path(&self) -> &[usize] {
        let searches = self.plan.as_ref().is_some_and(|plan| plan.tune.is_some());
        if searches { &self.search.path } else { &[] }
    }

    /// Why the running cell of a search was chosen.
    pub fn purpose(&self) -> Option<Purpose> {
        self.search.purpose.filter(|_| self.running.is_some())
    }

    /// How a search has ended, as a sentence.
    pub fn search_end(&self) -> Option<String> {
        self.search.ended.as_ref()?.sentence()
    }
}
