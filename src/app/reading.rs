//! What pages ask to be read from the files beside a run's CSV, and what came of it. Reading is the
//! backend's; pages only name what they want.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::cell_files::{self, CellFiles};
use crate::store::machine_file::{self, MachineFile};
use crate::store::row::CellRow;

#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// What was kept of the cell of this row.
    Cell { csv: PathBuf, row: Arc<CellRow> },
    /// The machine over the time of the run.
    Machine { csv: PathBuf },
}

#[derive(Debug)]
pub enum Read {
    Cell {
        csv: PathBuf,
        files: CellFiles,
    },
    /// `None` where the run kept no readings; else why they cannot be read.
    Machine {
        csv: PathBuf,
        file: Result<Option<MachineFile>, String>,
    },
}

impl Wanted {
    /// Reads files: not while drawing.
    pub fn read(self) -> Read {
        match self {
            Self::Cell { csv, row } => Read::Cell {
                files: cell_files::read(&csv, &row),
                csv,
            },
            Self::Machine { csv } => Read::Machine {
                file: machine_file::read(&csv).map_err(|error| error.to_string()),
                csv,
            },
        }
    }
}

impl Read {
    /// The run that it belongs to.
    pub fn csv(&self) -> &Path {
        match self {
            Self::Cell { csv, .. } | Self::Machine { csv, .. } => csv,
        }
    }
}
