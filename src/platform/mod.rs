//! What differs between macOS and other systems.

pub mod dirs;
pub mod executables;
