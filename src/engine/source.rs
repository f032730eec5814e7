//! Where the next cell comes from: a fixed grid, or a search that looks at what was measured.

use std::collections::VecDeque;

use super::event::{CellResult, SearchNews};
use crate::plan::Cell;

/// Hands out cells one by one.
pub trait CellSource: Send + Sync {
    /// The next cell, given all results of this run so far; `None` when there is nothing left.
    fn next(&mut self, done: &[CellResult]) -> Option<Cell>;

    /// Cells still to come, as far as they are known now.
    fn known(&self) -> Vec<Cell>;

    /// What there is to say of the answer that [`CellSource::next`] has just given.
    fn news(&self) -> Option<SearchNews> {
        None
    }

    /// How far the end is, where the cells still to come are not known.
    fn outlook(&self, _done: &[CellResult]) -> Option<Outlook> {
        None
    }
}

/// The most that may still come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    pub cells: u32,
    /// `None` before the first was measured.
    pub left_s: Option<f64>,
}

/// A fixed list, in its order.
#[derive(Debug, Default)]
pub struct Grid {
    cells: VecDeque<Cell>,
}

impl Grid {
    pub fn new(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self {
            cells: cells.into_iter().collect(),
        }
    }
}

impl CellSource for Grid {
    fn next(&mut self, _done: &[CellResult]) -> Option<Cell> {
        self.cells.pop_front()
    }

    fn known(&self) -> Vec<Cell> {
        self.cells.iter().cloned().collect()
    }
}
