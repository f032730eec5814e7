//! Flags that come to rows which are in the file already: only what follows a cell can show that
//! the machine had drifted. The file is replaced as a whole, so that a reader sees the one or the
//! other, and a crash in between loses nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::error::StoreError;
use super::resume::lock;
use super::row::{with_detail, with_kind};
use super::row_file::{line_of, open_to_append};
use crate::measure::figures::Flag;

/// Adds `flag` to the rows of `cells` (positions in the plan), and gives the new file, open for
/// appending and locked as the old one. Columns that a file does not have stay away.
pub(super) fn add(csv: &Path, cells: &[u32], flag: &Flag) -> Result<File, StoreError> {
    let text = fs::read(csv).map_err(StoreError::io("read", csv))?;
    let new = flagged(&text, csv, cells, flag)?;
    let failed = || StoreError::io("write", csv);
    let folder = match csv.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".")
        .suffix(".csv.tmp")
        .tempfile_in(folder)
        .map_err(failed())?;
    file.write_all(&new).map_err(failed())?;
    // As the old file: a temporary one is its owner's alone.
    let permissions = fs::metadata(csv).map_err(failed())?.permissions();
    fs::set_permissions(file.path(), permissions).map_err(failed())?;
    file.as_file().sync_all().map_err(failed())?;
    // Held before it has its name, so that no one can come between.
    let held = open_to_append(file.path())?;
    lock(&held, csv)?;
    file.persist(csv).map_err(|e| failed()(e.error))?;
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed())?;
    Ok(held)
}

/// The file's text with the flag in it. Lines of other cells keep every byte of their values.
fn flagged(text: &[u8], csv: &Path, cells: &[u32], flag: &Flag) -> Result<Vec<u8>, StoreError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut new = Vec::with_capacity(text.len() + 512 * cells.len());
    let mut columns = None;
    for record in reader.records() {
        let record = record.map_err(|source| StoreError::Encode {
            path: csv.to_owned(),
            source,
        })?;
        let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
        let [cell, kinds, details] = *columns.get_or_insert_with(|| {
            ["cell", "flags", "flag_details"]
                .map(|name| fields.iter().position(|column| column == name))
        });
        let of_cell = cell.and_then(|i| fields.get(i)?.parse::<u32>().ok());
        if of_cell.is_some_and(|cell| cells.contains(&cell)) {
            if let Some(field) = kinds.and_then(|i| fields.get_mut(i)) {
                *field = with_kind(field, flag);
            }
            if let Some(field) = details.and_then(|i| fields.get_mut(i)) {
                *field = with_detail(field, flag);
            }
        }
        new.extend(line_of(fields.iter().map(String::as_str), csv)?);
    }
    Ok(new)
}
