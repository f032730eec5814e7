//! Opens a run that was cut short, so that the rest of it can be run: what is finished stays.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::row::{CLASSIC_COLUMNS, CellRow};
use super::run_files::RunFiles;
use super::sidecar::{Metadata, Sidecar};
use super::torn;
use crate::plan::{Cell, Plan};

/// An earlier run, held for this process alone until it is dropped or handed to a recorder.
#[derive(Debug)]
pub struct Resumed {
    pub files: RunFiles,
    /// The whole plan, as the run was started with.
    pub plan: Plan,
    /// Cells (by position in the plan) that have a row; none of them runs again.
    pub done: BTreeSet<u32>,
    pub rows: Vec<CellRow>,
    /// Bytes of a torn last line, now in `NAME.torn`; 0 for a file that was whole.
    pub torn_bytes: u64,
    pub(super) file: File,
    pub(super) sidecar: Sidecar,
}

impl Resumed {
    /// What is still to run, in the plan's order.
    pub fn remaining(&self) -> Vec<Cell> {
        let open = |cell: &&Cell| !self.done.contains(&cell.index);
        self.plan.cells.iter().filter(open).cloned().collect()
    }

    pub fn metadata(&self) -> &Metadata {
        &self.sidecar.metadata
    }
}

/// Opens the run of a `.csv` (or its `.json`), cuts off a torn last line and reads what is done.
///
/// # Errors
/// The file is no results file of this app, its metadata is missing or from a newer format, another
/// process is using it, or a row does not belong to its plan.
pub fn open(path: &Path) -> Result<Resumed, StoreError> {
    let files = RunFiles::of(&csv_of(path));
    let csv = files.csv();
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .open(csv)
        .map_err(StoreError::io("open", csv))?;
    lock(&file, csv)?;
    let sidecar = match Sidecar::read(&files.json(), csv) {
        // A file of another lab has no sidecar either: then that is what to say.
        Err(missing @ StoreError::NoSidecar { .. }) => {
            return Err(not_ours(&file, csv)?.unwrap_or(missing));
        }
        read => read?,
    };
    let torn_bytes = torn::cut(&file, csv)?;
    let rows = read_rows(&file, csv, &sidecar.metadata.plan)?;
    Ok(Resumed {
        plan: sidecar.metadata.plan.clone(),
        done: rows.iter().map(|row| row.cell).collect(),
        files,
        rows,
        torn_bytes,
        file,
        sidecar,
    })
}

/// Holds a run's CSV for this process; the lock goes when the file is closed, or the process ends
/// in whatever way.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        // Some network disks have no locks: recording there beats refusing to.
        Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!("{} cannot be locked: {e}", path.display());
            Ok(())
        }
        Err(TryLockError::Error(e)) => Err(StoreError::io("lock", path)(e)),
    }
}

fn csv_of(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|e| e == "json") {
        path.with_extension("csv")
    } else {
        path.to_owned()
    }
}

fn reader(mut file: &File, path: &Path) -> Result<csv::Reader<BufReader<File>>, StoreError> {
    let read = || StoreError::io("read", path);
    file.seek(SeekFrom::Start(0)).map_err(read())?;
    let file = file.try_clone().map_err(read())?;
    Ok(csv::Reader::from_reader(BufReader::new(file)))
}

/// Why the header is not one of ours; `None` if it is.
fn not_ours(file: &File, path: &Path) -> Result<Option<StoreError>, StoreError> {
    let mut reader = reader(file, path)?;
    let why = match reader.headers() {
        Err(e) => format!("its header line cannot be read ({e})"),
        Ok(header) if !header.iter().take(8).eq(CLASSIC_COLUMNS) => {
            "it does not start with the eight classic columns".to_owned()
        }
        Ok(header) if !header.iter().any(|column| column == "cell") => {
            "it has no \"cell\" column, as the Python lab's files have none".to_owned()
        }
        Ok(_) => return Ok(None),
    };
    Ok(Some(StoreError::NotOurs {
        path: path.to_owned(),
        why,
    }))
}

fn read_rows(file: &File, path: &Path, plan: &Plan) -> Result<Vec<CellRow>, StoreError> {
    let len = file
        .metadata()
        .map_err(StoreError::io("look at", path))?
        .len();
    // Killed before its header was written: nothing is done yet.
    if len == 0 {
        return Ok(Vec::new());
    }
    if let Some(error) = not_ours(file, path)? {
        return Err(error);
    }
    let mut reader = reader(file, path)?;
    let mut rows: Vec<CellRow> = Vec::new();
    let bad = |line, detail: String| StoreError::BadRow {
        path: path.to_owned(),
        line,
        detail,
    };
    let mut seen = BTreeSet::new();
    for (i, row) in reader.deserialize::<CellRow>().enumerate() {
        // Counted, since the reader's own count is one behind after CRLF. The header is line 1.
        let line = i as u64 + 2;
        let row = row.map_err(|e| bad(line, format!("it is no row of this format ({e})")))?;
        let cell = plan.cells.iter().find(|cell| cell.index == row.cell);
        if !cell.is_some_and(|cell| row.belongs_to(cell)) {
            return Err(bad(
                line,
                format!(
                    "its cell {} is not in the plan that the .json holds",
                    row.cell
                ),
            ));
        }
        if seen.insert(row.cell) {
            rows.push(row);
        }
    }
    Ok(rows)
}
