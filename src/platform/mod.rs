//! What differs between macOS and other systems. [`native`] has the same functions everywhere, so
//! that nothing above asks which system it runs on.

pub mod dirs;
pub mod executables;
pub mod inbox;
pub mod keep_awake;
// Objective-C and the C interfaces of macOS are called in `unsafe` blocks, each of which says why it
// is sound; only here.
#[cfg(target_os = "macos")]
#[allow(unsafe_code)]
pub mod macos;
pub mod menu;
#[cfg(not(target_os = "macos"))]
pub mod other;
pub mod reveal;
pub mod tls;

#[cfg(target_os = "macos")]
pub use macos as native;
#[cfg(not(target_os = "macos"))]
pub use other as native;
