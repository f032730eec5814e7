//! Sorting and filtering a long file's rows, which takes longer than a frame: the table says what is
//! to be ordered, whoever runs its page does that in the background, and what comes of a wish that
//! is out of date is dropped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::CellTable;
use crate::board::Board;

/// So many cells are ordered within a frame.
pub(super) const AT_ONCE: usize = 20_000;

/// How far a table is with what was asked of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    /// Another order is wanted than what is shown.
    due: bool,
    /// Of the latest wish.
    number: u64,
    /// Ends the work for it when another takes its place.
    working: Option<Arc<DropGuard>>,
}

/// A wish for another order of rows.
#[derive(Debug)]
pub struct Ordering {
    csv: PathBuf,
    board: Arc<Board>,
    /// Without rows.
    table: CellTable,
    number: u64,
    cancel: CancellationToken,
}

/// What came of a wish.
#[derive(Debug)]
pub struct Ordered {
    csv: PathBuf,
    number: u64,
    order: Vec<u32>,
}

impl Ordering {
    /// Takes up to seconds: not while drawing. `None` where it was cancelled.
    pub fn run(self) -> Option<Ordered> {
        let order = self.table.ordered(&self.board, &self.cancel)?;
        Some(Ordered {
            csv: self.csv,
            number: self.number,
            order,
        })
    }
}

impl Ordered {
    /// The run that it belongs to.
    pub fn csv(&self) -> &Path {
        &self.csv
    }
}

impl CellTable {
    /// Takes another wish: at once, or by [`CellTable::ordering`] where that takes longer.
    pub(super) fn asked_anew(&mut self, board: &Board) {
        if self.file.is_none() || board.len() <= AT_ONCE {
            self.update(board);
        } else {
            self.update_columns(board);
            self.pending.due = true;
        }
    }

    /// What is to be done in the background, once.
    pub fn ordering(&mut self, csv: &Path, board: &Arc<Board>) -> Option<Ordering> {
        if !std::mem::take(&mut self.pending.due) {
            return None;
        }
        let cancel = CancellationToken::new();
        self.pending.number += 1;
        self.pending.working = Some(Arc::new(cancel.clone().drop_guard()));
        Some(Ordering {
            csv: csv.to_owned(),
            board: Arc::clone(board),
            table: Self {
                asked: self.asked.clone(),
                columns: self.columns.clone(),
                file: self.file.clone(),
                choices: Vec::new(),
                order: Vec::new(),
                pending: Pending::default(),
            },
            number: self.pending.number,
            cancel,
        })
    }

    /// Takes what came of the latest wish; of an earlier one nothing is wanted any more.
    pub fn set_ordered(&mut self, ordered: Ordered) {
        if ordered.number == self.pending.number {
            self.order = ordered.order;
            self.pending.working = None;
        }
    }

    /// Other rows will be shown soon.
    pub(super) fn is_working(&self) -> bool {
        self.pending.due || self.pending.working.is_some()
    }
}
