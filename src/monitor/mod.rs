//! What the machine does while a cell runs: one sample a second, and its summary over a cell.
//!
//! [`sampler`] reads on a thread of its own; [`summary`] folds samples into a cell's figures;
//! [`info`] says once what machine this is; [`machine_csv`] lays samples out as rows of a file.

pub mod info;
pub mod machine_csv;
mod processes;
pub mod sample;
pub mod sampler;
pub mod summary;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as sensors;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as sensors;
