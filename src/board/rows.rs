//! Where the rows behind a board's cells come from.

use std::borrow::Cow;
use std::sync::Arc;

use crate::store::library::Rows;
use crate::store::row::CellRow;

/// The row of each entry of a board.
#[derive(Debug, Clone)]
pub enum EntryRows {
    /// Of a live run; `None` until a cell has ended.
    Live(Vec<Option<Arc<CellRow>>>),
    /// Of a file.
    File {
        rows: Rows,
        /// Per entry, its row; `None` where each row is an entry.
        numbers: Option<Arc<Vec<Option<u32>>>>,
    },
}

impl Default for EntryRows {
    fn default() -> Self {
        Self::Live(Vec::new())
    }
}

impl EntryRows {
    pub(super) fn get(&self, entry: usize) -> Option<Cow<'_, CellRow>> {
        match self {
            Self::Live(rows) => Some(Cow::Borrowed(rows.get(entry)?.as_deref()?)),
            Self::File { rows, .. } => rows.get(self.row(entry)?),
        }
    }

    pub(super) fn shared(&self, entry: usize) -> Option<Arc<CellRow>> {
        match self {
            Self::Live(rows) => rows.get(entry)?.clone(),
            Self::File { rows, .. } => rows.shared(self.row(entry)?),
        }
    }

    pub(super) fn has(&self, entry: usize) -> bool {
        match self {
            Self::Live(rows) => rows.get(entry).is_some_and(Option::is_some),
            Self::File { rows, .. } => self.row(entry).is_some_and(|row| row < rows.len()),
        }
    }

    /// Position in the file's rows.
    fn row(&self, entry: usize) -> Option<usize> {
        match self {
            Self::Live(_) => None,
            Self::File { numbers: None, .. } => Some(entry),
            Self::File {
                numbers: Some(numbers),
                ..
            } => (*numbers.get(entry)?).map(|row| row as usize),
        }
    }

    /// The file's rows.
    pub fn file(&self) -> Option<&Rows> {
        match self {
            Self::Live(_) => None,
            Self::File { rows, .. } => Some(rows),
        }
    }

    /// Where an entry's row stands in the file's table.
    pub fn table_row(&self, entry: usize) -> Option<usize> {
        self.file()?.table_row(self.row(entry)?)
    }
}

/// Wherever they come from, the same rows are equal.
impl PartialEq for EntryRows {
    fn eq(&self, other: &Self) -> bool {
        let len = |rows: &Self| match rows {
            Self::Live(rows) => rows.len(),
            Self::File {
                numbers: Some(numbers),
                ..
            } => numbers.len(),
            Self::File { rows, .. } => rows.len(),
        };
        len(self) == len(other) && (0..len(self)).all(|entry| self.get(entry) == other.get(entry))
    }
}
