//! A reference cell: that it is measured again, and what it says of rows that are shown already.

use std::sync::Arc;

use super::RunState;
use crate::board::CellState;
use crate::engine::event::{LiveSnapshot, Reference};
use crate::plan::Cell;

impl RunState {
    /// The cell's row and figure stay: it is no cell of the run.
    pub(super) fn start_reference(&mut self, cell: &Cell) {
        let Some(&position) = self.positions.get(&cell.index) else {
            return;
        };
        self.reference = Some(position);
        self.begin_span(position);
        self.revision += 1;
    }

    pub(super) fn end_reference(&mut self) {
        if self.reference.take().is_none() {
            return;
        }
        self.live = LiveSnapshot::default();
        let now_s = self.clock_s.unwrap_or(0.0);
        if let Some(last) = self.spans.last_mut() {
            last.end_s.get_or_insert(now_s);
        }
        self.revision += 1;
    }

    /// Flags what was measured while the machine had changed; the notice is in the log already.
    pub(super) fn take_reference(&mut self, reference: &Reference) {
        self.end_reference();
        let flag = reference.flag();
        for cell in &reference.drifted {
            let Some(&position) = self.positions.get(cell) else {
                continue;
            };
            if let Some(held) = self.results.get_mut(&position) {
                Arc::make_mut(held).flags.push(flag.clone());
            }
            let row = self
                .board
                .entry(position)
                .and_then(|entry| entry.shared_row());
            if let Some(mut row) = row {
                Arc::make_mut(&mut row).add_flag(&flag);
                let state = CellState::of_row(&row);
                self.board.set(position, state, Some(row));
            }
        }
        self.revision += 1;
    }
}
