//! The file's own rows beside the cells of a board.

use crate::board::{Board, EntryRows};
use crate::report::analyze::{Order, sorted_rows};
use crate::store::library::Rows;
use crate::store::table::Table;

/// A file's table, and which row belongs to which cell.
#[derive(Debug, Clone)]
pub(super) struct FileRows {
    rows: EntryRows,
    entries: usize,
}

impl FileRows {
    /// `None` where the board is of no file.
    pub(super) fn new(board: &Board) -> Option<Self> {
        board.rows().file()?;
        Some(Self {
            rows: board.rows().clone(),
            entries: board.len(),
        })
    }

    fn table(&self) -> Option<&Table> {
        self.rows.file().map(Rows::table)
    }

    /// Positions of the columns; of two with the same name the last, as everywhere.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        let tables = self.table().into_iter();
        tables.flat_map(|table| {
            let header = table.header().iter().enumerate();
            header
                .filter(|(position, name)| table.column(name) == Some(*position))
                .map(|(position, _)| position)
        })
    }

    pub(super) fn name(&self, column: usize) -> Option<&str> {
        self.table()?.header().get(column).map(String::as_str)
    }

    /// The file's text of a cell.
    pub(super) fn get(&self, entry: usize, column: usize) -> Option<&str> {
        self.table()?.get(self.rows.table_row(entry)?, column)
    }

    /// All entries in the order in which `analyze` prints their rows; those without a row last.
    pub(super) fn order(&self, column: usize, ascending: bool) -> Vec<u32> {
        let Some(table) = self.table() else {
            return (0..self.entries as u32).collect();
        };
        let order = if ascending { Order::Asc } else { Order::Desc };
        // Per row of the file, the entry that it became; rows that were not used have none.
        let mut of_row = vec![None; table.len()];
        let mut waiting = Vec::new();
        for entry in 0..self.entries as u32 {
            match self.rows.table_row(entry as usize) {
                Some(row) => of_row[row] = Some(entry),
                None => waiting.push(entry),
            }
        }
        let rows = sorted_rows(table, column, order).into_iter();
        rows.filter_map(|row| of_row[row]).chain(waiting).collect()
    }
}
