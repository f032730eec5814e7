//! Where the next cell comes from: a fixed grid, or a search that looks at what was measured.

use std::collections::VecDeque;

use super::event::CellResult;
use crate::plan::Cell;

/// Hands out cells one by one.
pub trait CellSource: Send + Sync {
    /// The next cell, given all results of this run so far; `None` when there is nothing left.
    fn next(&mut self, done: &[CellResult]) -> Option<Cell>;

    /// Cells still to come, as far as they are known now.
    fn known(&self) -> Vec<Cell>;
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
