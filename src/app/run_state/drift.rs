//! What a reference cell says of rows that are shown already.

use std::sync::Arc;

use super::RunState;
use crate::board::CellState;
use crate::engine::event::Reference;

impl RunState {
    /// Flags what was measured while the machine had changed; the notice is in the log already.
    pub(super) fn take_reference(&mut self, reference: &Reference) {
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
