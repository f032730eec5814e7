//! Finding programs without a shell: an app opened from Finder has no shell `PATH`, so the usual
//! places of package managers are looked through as well.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where Homebrew keeps what it installs: Apple silicon, Intel, Linux.
pub const HOMEBREW_PREFIXES: [&str; 3] =
    ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"];

/// A file (or a link to one) that somebody may execute.
pub fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The first `name` in the folders of `path` (as in the `PATH` variable).
pub fn find_in(name: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        // A relative entry would mean another program after a change of folder.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

/// The first `name` on the process's `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    find_in(name, &env::var_os("PATH")?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_executable_wins_and_plain_files_do_not_count() {
        let temp = tempfile::tempdir().unwrap();
        let (first, second) = (temp.path().join("a"), temp.path().join("b"));
        for folder in [&first, &second] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("tool"), "#!/bin/sh\n").unwrap();
        }
        let path = env::join_paths([&first, &second]).unwrap();
        assert_eq!(find_in("tool", &path), None);
        fs::set_permissions(second.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_in("tool", &path), Some(second.join("tool")));
        fs::set_permissions(first.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_in("tool", &path), Some(first.join("tool")));
        assert_eq!(find_in("other", &path), None);
    }

    #[test]
    fn a_relative_entry_is_not_followed() {
        assert_eq!(find_in("Cargo.toml", OsStr::new(".:src")), None);
    }
}
