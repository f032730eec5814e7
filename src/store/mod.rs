//! A run's files: one row per finished cell, flushed the moment the cell ends, and what belongs
//! beside it. Reads its own files back to finish a run that was cut short, and other labs' files
//! to show them.
//!
//! ```text
//! EngineEvent ──▶ recorder ──▶ row_file ──▶ NAME.csv            row        one row a cell
//!                     │            ├──────▶ NAME.machine.csv    machine    one row a sample
//!                     │            └──────▶ NAME.requests.csv   requests   one row a request
//!                     └──▶ sidecar ───────▶ NAME.json           metadata and the plan
//!
//! NAME.csv + NAME.json ──▶ resume ──▶ recorder      the rest of a run, nothing repeated
//! any CSV ──▶ read ──▶ table                        rows, their origin, damaged lines
//!              └─────▶ library                      all runs of a folder; one run to show
//! companions ─▶ cell_files, machine_file            what was kept of one cell; the machine over time
//! ```

pub mod cell_files;
pub mod error;
pub mod examples;
pub mod library;
pub mod machine;
pub mod machine_file;
pub mod note;
pub mod pairs;
pub mod read;
pub mod recorder;
mod reflag;
pub mod requests;
pub mod resume;
pub mod row;
mod row_file;
pub mod run_files;
pub mod sidecar;
pub mod table;
pub mod threads;
mod torn;
pub mod trash;

#[cfg(test)]
pub(crate) mod testing;
