//! What can go wrong with a run's files, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot {doing} {path}: {source}{}", remedy(source))]
    Io {
        /// A verb, as in "cannot write PATH".
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot turn a row for {path} into CSV: {source}")]
    Encode { path: PathBuf, source: csv::Error },
    #[error("{path} has no header line, so it is no CSV file")]
    Empty { path: PathBuf },
    #[error(
        "{path} is not a results file of this app: {why}. It can be read (`analyze --file`), but not resumed"
    )]
    NotOurs { path: PathBuf, why: String },
    #[error(
        "{path} cannot be resumed: the plan of the run is in {sidecar}, which is not there. Put the .json file that was written beside the .csv back, or start a new run"
    )]
    NoSidecar { path: PathBuf, sidecar: PathBuf },
    #[error("{path} does not hold the metadata of a run of this app: {detail}")]
    BadSidecar { path: PathBuf, detail: String },
    #[error(
        "{path} was written in format {found} by version {app_version} of the app; this version knows formats up to {known}. Install that version or a newer one"
    )]
    NewerFormat {
        path: PathBuf,
        found: u32,
        known: u32,
        app_version: String,
    },
    #[error(
        "{path} is in use by another run of this app, on this machine or a shared disk. Wait for it to end, or stop it"
    )]
    InUse { path: PathBuf },
    #[error("{path}, line {line}: {detail}. Repair or remove that line, then resume again")]
    BadRow {
        path: PathBuf,
        line: u64,
        detail: String,
    },
}

impl StoreError {
    /// For `map_err`: names the operation and the path that an I/O error belongs to.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// What to do about an I/O error, after its text.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". Finished cells are kept: free disk space, then go on with --resume"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". Choose a folder that can be written with MLX_RESULTS_DIR, or change its permissions"
        }
        io::ErrorKind::NotFound => ". Check the path",
        _ => "",
    }
}
