//! What differs between macOS and other systems.

pub mod dirs;
pub mod executables;
pub mod keep_awake;
#[cfg(target_os = "macos")]
pub mod macos;
pub mod reveal;
pub mod tls;
