//! What differs between macOS and other systems.

pub mod dirs;
pub mod executables;
pub mod keep_awake;
pub mod reveal;
pub mod tls;
