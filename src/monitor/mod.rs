//! What the machine does while a cell runs: one sample a second, and its summary over a cell.
//!
//! [`sampler`] reads on a thread of its own; [`summary`] folds samples into a cell's figures, and
//! [`energy`] its power readings, which come more often. [`thermal`] says whether the GPU had throttled.

#[cfg(any(target_os = "macos", test))]
mod apple;
pub mod energy;
pub mod info;
mod processes;
pub mod sample;
pub mod sampler;
pub mod summary;
pub mod thermal;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as sensors;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as sensors;
