//! The file's own rows beside the cells of a board.

use std::collections::HashMap;
use std::sync::Arc;

use crate::board::Board;
use crate::report::analyze::{Order, sorted_rows};
use crate::store::library::LoadedRun;
use crate::store::table::Table;

/// A file's table, and which row belongs to which cell.
#[derive(Debug, Clone)]
pub(super) struct FileRows {
    table: Arc<Table>,
    /// Per row of the file, the board's entry that it became; rows that were not used have none.
    entries: Vec<Option<usize>>,
    /// Per entry, its row in the file; cells that wait have none.
    rows: Vec<Option<usize>>,
}

impl FileRows {
    pub(super) fn new(run: &LoadedRun, board: &Board) -> Self {
        // The board shares the run's rows, so that their addresses tell which is which.
        let of_row: HashMap<_, _> = run
            .rows
            .iter()
            .zip(&run.table_rows)
            .map(|(row, number)| (Arc::as_ptr(row), *number))
            .collect();
        let entries = board.entries().iter();
        let rows: Vec<Option<usize>> = entries
            .map(|entry| of_row.get(&Arc::as_ptr(entry.row.as_ref()?)).copied())
            .collect();
        let mut entries = vec![None; run.table.len()];
        for (entry, row) in rows.iter().enumerate() {
            if let Some(place) = row.and_then(|row| entries.get_mut(row)) {
                *place = Some(entry);
            }
        }
        Self {
            table: Arc::clone(&run.table),
            entries,
            rows,
        }
    }

    /// Positions of the columns; of two with the same name the last, as everywhere.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        let header = self.table.header().iter().enumerate();
        header
            .filter(|(position, name)| self.table.column(name) == Some(*position))
            .map(|(position, _)| position)
    }

    pub(super) fn name(&self, column: usize) -> Option<&str> {
        self.table.header().get(column).map(String::as_str)
    }

    /// The file's text of a cell.
    pub(super) fn get(&self, entry: usize, column: usize) -> Option<&str> {
        self.table.get((*self.rows.get(entry)?)?, column)
    }

    /// All entries in the order in which `analyze` prints their rows; those without a row last.
    pub(super) fn order(&self, column: usize, ascending: bool) -> Vec<usize> {
        let order = if ascending { Order::Asc } else { Order::Desc };
        let rows = sorted_rows(&self.table, column, order).into_iter();
        let sorted = rows.filter_map(|row| self.entries.get(row).copied().flatten());
        let waiting = self.rows.iter().enumerate();
        let waiting = waiting.filter(|(_, row)| row.is_none()).map(|(e, _)| e);
        sorted.chain(waiting).collect()
    }
}
