//! Where nginx is.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::platform::executables::{HOMEBREW_PREFIXES, find_in, is_executable};

/// The folders outside Homebrew that hold nginx but are often missing from a user's `PATH`.
const SYSTEM_FOLDERS: [&str; 5] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/sbin",
    "/usr/local/nginx/sbin",
    "/opt/local/sbin",
];

/// The nginx binary: `nginx_bin` (a path, or a name on `PATH`) if it is given, and nothing else
/// then; otherwise `nginx` on `PATH`, in Homebrew's places, and in the system's `sbin` folders.
/// `None`: not there.
pub fn find_nginx(nginx_bin: Option<&str>) -> Option<PathBuf> {
    find_nginx_on(
        nginx_bin,
        &env::var_os("PATH").unwrap_or_default(),
        &usual_folders(Path::new("/")),
    )
}

/// `root` is put before all of them; `/` outside tests.
fn usual_folders(root: &Path) -> Vec<PathBuf> {
    // The second is there even where Homebrew could not link the program.
    let homebrew = HOMEBREW_PREFIXES
        .iter()
        .flat_map(|prefix| ["bin", "opt/nginx/bin"].map(|below| format!("{prefix}/{below}")));
    homebrew
        .chain(SYSTEM_FOLDERS.iter().map(ToString::to_string))
        .map(|folder| root.join(folder.trim_start_matches('/')))
        .collect()
}

fn find_nginx_on(nginx_bin: Option<&str>, path: &OsStr, folders: &[PathBuf]) -> Option<PathBuf> {
    if let Some(wanted) = nginx_bin {
        if wanted.contains('/') {
            let file = PathBuf::from(wanted);
            return is_executable(&file).then_some(file);
        }
        return find_in(wanted, path);
    }
    let folders = env::join_paths(folders).unwrap_or_else(|_| OsString::new());
    find_in("nginx", path).or_else(|| find_in("nginx", &folders))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, name: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join(name);
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn path_comes_before_the_usual_places() {
        let temp = tempfile::tempdir().unwrap();
        let (on_path, brew) = (temp.path().join("path"), temp.path().join("brew"));
        let in_brew = program(&brew, "nginx");
        let folders = [brew];
        assert_eq!(
            find_nginx_on(None, on_path.as_os_str(), &folders),
            Some(in_brew)
        );
        let first = program(&on_path, "nginx");
        assert_eq!(
            find_nginx_on(None, on_path.as_os_str(), &folders),
            Some(first)
        );
    }

    /// Finder gives an app a `PATH` without any of them.
    #[test]
    fn every_homebrew_is_looked_through_without_a_shell() {
        for place in [
            "opt/homebrew/bin",
            "opt/homebrew/opt/nginx/bin",
            "usr/local/bin",
            "usr/local/opt/nginx/bin",
            "opt/local/sbin",
        ] {
            let temp = tempfile::tempdir().unwrap();
            let nginx = program(&temp.path().join(place), "nginx");
            let folders = usual_folders(temp.path());
            let path = env::join_paths([temp.path().join("usr/bin")]).unwrap();
            assert_eq!(find_nginx_on(None, &path, &folders), Some(nginx), "{place}");
        }
    }

    #[test]
    fn a_named_binary_is_never_replaced_by_another() {
        let temp = tempfile::tempdir().unwrap();
        let nginx = program(temp.path(), "nginx");
        let other = program(temp.path(), "nginx-debug");
        let path = temp.path().as_os_str();
        assert_eq!(find_nginx_on(Some("nginx-debug"), path, &[]), Some(other));
        assert_eq!(
            find_nginx_on(nginx.to_str(), OsStr::new(""), &[]),
            Some(nginx)
        );
        assert_eq!(find_nginx_on(Some("/nowhere/nginx"), path, &[]), None);
        assert_eq!(find_nginx_on(Some("openresty"), path, &[]), None);
    }
}
