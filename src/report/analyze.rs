//! The table that the Python lab's `analyze-data.py` prints, byte for byte.
//!
//! A value that Python's `float()` reads is shown as Python shows that float, right-aligned; other
//! text is left-aligned; a cell that its row lacks is shown as Python's `None`. A column is as wide
//! as its widest value in the whole file. A header alone counts as an empty file.
//!
//! Where Python gives up, or gives what depends on its version, this does the sensible thing: in a
//! sort column that holds both, numbers come first, then NaN, then text, in either order (Python
//! stops with a traceback, or leaves NaN where its sort algorithm happens to); values beyond the
//! header are left out; bytes that are not UTF-8 are shown as U+FFFD.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use csv::{ByteRecord, StringRecord};

use super::python_float;
use crate::store::row::CLASSIC_COLUMNS;
use crate::store::table::Table;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Asc,
    Desc,
}

/// What to show of a file.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// The column to sort by.
    pub field: &'a str,
    pub order: Order,
    /// Rows to show; a negative count leaves out that many of the last, as a Python slice does.
    pub count: i64,
    /// Show every column of a file that starts with the classic ones, too.
    pub all_columns: bool,
}

/// Writes the table of the file at `path`, or the line that says why there is none.
///
/// # Errors
/// The file cannot be read (a missing one is told in `out`), or `out` cannot be written.
pub fn write_table(out: &mut dyn Write, path: &Path, options: &Options<'_>) -> io::Result<()> {
    let table = match read(path) {
        Ok(table) => table,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return writeln!(out, "Error: File '{}' not found.", path.display());
        }
        Err(e) => {
            let text = format!("cannot read {}: {e}", path.display());
            return Err(io::Error::new(e.kind(), text));
        }
    };
    if table.is_empty() {
        return writeln!(out, "CSV file is empty.");
    }
    let Some(sort_column) = table.column(options.field) else {
        return writeln!(out, "Error: Field '{}' does not exist.", options.field);
    };
    let order = sorted_rows(&table, sort_column, options.order);
    let shown = shown_columns(&table, sort_column, options.all_columns);
    let columns: Vec<Column<'_>> = shown
        .into_iter()
        .map(|index| Column::new(&table, index))
        .collect();
    write_rows(out, &table, &columns, first_of(&order, options.count))
}

/// Reads a CSV the way Python's `csv.DictReader` does: blank lines are no rows, and a byte order
/// mark is part of the first column's name.
fn read(path: &Path) -> io::Result<Table> {
    let file = File::open(path)?;
    let file_bytes = file.metadata()?.len() as usize;
    let mut input = BufReader::new(file);
    let marked = input.fill_buf()?.starts_with(BYTE_ORDER_MARK);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(input);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record)? {
        return Ok(Table::default());
    }
    let mut header: Vec<String> = text_of(&record).iter().map(str::to_owned).collect();
    if marked && let Some(first) = header.first_mut() {
        let name = first.trim_start_matches('\u{feff}');
        *first = format!("\u{feff}{name}");
    }
    let mut table = Table::new(header);
    while reader.read_byte_record(&mut record)? {
        if table.is_empty() {
            table.reserve(file_bytes, record.as_slice().len() + record.len());
        }
        table.push(&text_of(&record));
    }
    Ok(table)
}

fn text_of(record: &ByteRecord) -> StringRecord {
    StringRecord::from_byte_record_lossy(record.clone())
}

/// Positions of the columns to show. A name that the header has twice is one column, at its first
/// place and with its last values.
fn shown_columns(table: &Table, sort_column: usize, all: bool) -> Vec<usize> {
    let header = table.header();
    let classic = header.len() > CLASSIC_COLUMNS.len()
        && header.iter().zip(CLASSIC_COLUMNS).all(|(a, b)| a == b);
    let mut names: Vec<&str> = Vec::new();
    for name in header {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if classic && !all {
        names.truncate(CLASSIC_COLUMNS.len());
        let sorted_by = header[sort_column].as_str();
        if !names.contains(&sorted_by) {
            names.push(sorted_by);
        }
    }
    names
        .into_iter()
        .filter_map(|name| table.column(name))
        .collect()
}

/// What rows are sorted by.
#[derive(PartialEq)]
enum Key<'a> {
    Number(f64),
    NotANumber,
    Text(&'a str),
}

impl Key<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::NotANumber => 1,
            Self::Text(_) => 2,
        }
    }

    fn compare(&self, other: &Self, order: Order) -> Ordering {
        let ascending = match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => return self.rank().cmp(&other.rank()),
        };
        match order {
            Order::Asc => ascending,
            Order::Desc => ascending.reverse(),
        }
    }
}

/// Row numbers in the order asked for; equal rows keep the file's order, as Python's sort does in
/// both directions.
pub fn sorted_rows(table: &Table, column: usize, order: Order) -> Vec<usize> {
    let mut keyed: Vec<(Key<'_>, usize)> = (0..table.len())
        .map(|row| {
            let text = cell(table, row, column);
            let key = match python_float::parse(text) {
                Some(value) if value.is_nan() => Key::NotANumber,
                Some(value) => Key::Number(value),
                None => Key::Text(text),
            };
            (key, row)
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, order));
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// The rows that Python's `rows[:count]` has.
fn first_of(rows: &[usize], count: i64) -> &[usize] {
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let shown = if count < 0 {
        rows.len().saturating_sub(size)
    } else {
        rows.len().min(size)
    };
    &rows[..shown]
}

/// A cell's text; Python reads what a short row lacks as `None`, and prints that.
fn cell(table: &Table, row: usize, column: usize) -> &str {
    table.get(row, column).unwrap_or("None")
}

/// A cell as it is shown, and whether it is a number.
fn shown(text: &str) -> (Cow<'_, str>, bool) {
    match python_float::parse(text) {
        Some(value) => (Cow::Owned(python_float::repr(value)), true),
        None => (Cow::Borrowed(text), false),
    }
}

struct Column<'a> {
    index: usize,
    name: &'a str,
    /// In characters, as Python counts them.
    width: usize,
}

impl<'a> Column<'a> {
    fn new(table: &'a Table, index: usize) -> Self {
        let name = table.header()[index].as_str();
        let values = (0..table.len()).map(|row| chars(&shown(cell(table, row, index)).0));
        Self {
            index,
            name,
            width: values.fold(chars(name), usize::max),
        }
    }
}

fn write_rows(
    out: &mut dyn Write,
    table: &Table,
    columns: &[Column<'_>],
    rows: &[usize],
) -> io::Result<()> {
    let padded = |text: &str, width: usize, right: bool| {
        if right {
            format!("{text:>width$}")
        } else {
            format!("{text:<width$}")
        }
    };
    let header: Vec<String> = columns
        .iter()
        .map(|column| padded(column.name, column.width, false))
        .collect();
    let header = header.join(" | ");
    writeln!(out, "{header}")?;
    writeln!(out, "{}", "-".repeat(chars(&header)))?;
    for row in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                let (text, number) = shown(cell(table, *row, column.index));
                padded(&text, column.width, number)
            })
            .collect();
        writeln!(out, "{}", cells.join(" | "))?;
    }
    Ok(())
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests;
