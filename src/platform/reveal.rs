//! Showing a file where people look for files.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Shows `path` in Finder, or its folder in the file manager elsewhere.
///
/// # Errors
/// There is no such program.
pub fn reveal(path: &Path) -> io::Result<()> {
    let mut command = if cfg!(target_os = "macos") {
        let mut command = Command::new("open");
        command.arg("-R").arg(path);
        command
    } else {
        let mut command = Command::new("xdg-open");
        command.arg(path.parent().unwrap_or(path));
        command
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Reaped when it ends, on a thread: a file manager may stay for hours.
    std::thread::spawn(move || child.wait());
    Ok(())
}
