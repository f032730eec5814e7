//! A folder that appears whole or not at all: made under another name beside its place, then
//! renamed. An attempt that was killed leaves its partial folder, which the next one removes.

use std::fs::{self, File, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::super::error::ModelError;
use crate::units::Bytes;

const PARTIAL: &str = ".synthetic-partial-";

/// A partial folder beside `target`. Dropping it removes it.
pub(super) struct Attempt {
    partial: TempDir,
    target: PathBuf,
    /// The lock on the parent folder; the system releases it however the process ends.
    _lock: Option<File>,
}

impl Attempt {
    /// Waits until no other attempt is at work in the same parent folder, and removes what dead
    /// ones have left there. Blocks; `cancel` ends the wait.
    pub fn begin(target: &Path, cancel: &CancellationToken) -> Result<Self, ModelError> {
        let target = std::path::absolute(target)
            .map_err(ModelError::io("could not find the folder", target))?;
        let parent = target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(ModelError::io("could not create", parent))?;
        let lock = lock(parent, cancel)?;
        if lock.is_some() {
            // With the lock in hand every partial folder here belongs to nobody.
            remove_partials(parent);
        }
        let partial = tempfile::Builder::new()
            .prefix(PARTIAL)
            // As any new folder: tempfile's own default hides it from other users.
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(parent)
            .map_err(ModelError::io("could not create a folder in", parent))?;
        Ok(Self {
            partial,
            target,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives the folder its name, in place of an older model of ours.
    pub fn finish(self) -> Result<PathBuf, ModelError> {
        let target = self.target;
        if target.exists() {
            // The caller has seen that it is one of ours. Moved aside first, so that the name is
            // never held by a folder that is half removed.
            let old = self.partial.path().with_added_extension("old");
            fs::rename(&target, &old).map_err(ModelError::io("could not replace", &target))?;
            let _ = fs::remove_dir_all(&old);
        }
        fs::rename(self.partial.path(), &target).map_err(ModelError::io(
            "could not name the finished folder",
            &target,
        ))?;
        // Renamed away: nothing is left for the guard to remove.
        let _ = self.partial.keep();
        Ok(target)
    }
}

/// `None` where the file system has no locks; two attempts at once then only waste work.
fn lock(parent: &Path, cancel: &CancellationToken) -> Result<Option<File>, ModelError> {
    let folder = File::open(parent).map_err(ModelError::io("could not open", parent))?;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
        }
        if cancel.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        // Another process holds it. A blocking lock would not hear the cancellation.
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn remove_partials(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Refuses before the first byte what would fail after the last gigabyte.
pub(super) fn check_space(name: &str, folder: &Path, need: u64) -> Result<(), ModelError> {
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        // Not known is not too little: the write itself will tell.
        return Ok(());
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < need {
        return Err(ModelError::DiskFull {
            name: format!("synthetic:{name}"),
            need: Bytes(need),
            free: Bytes(free),
            folder: folder.parent().unwrap_or(folder).to_path_buf(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_a_finished_folder_takes_its_name() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("model");
        let token = CancellationToken::new();
        let attempt = Attempt::begin(&target, &token).unwrap();
        fs::write(attempt.path().join("a"), "1").unwrap();
        assert!(!target.exists());
        drop(attempt);
        assert!(names(parent.path()).is_empty());

        for content in ["1", "2"] {
            let attempt = Attempt::begin(&target, &token).unwrap();
            fs::write(attempt.path().join("a"), content).unwrap();
            attempt.finish().unwrap();
            assert_eq!(names(parent.path()), ["model"]);
            assert_eq!(fs::read_to_string(target.join("a")).unwrap(), content);
        }
    }

    #[test]
    fn what_a_killed_attempt_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(format!("{PARTIAL}dead"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("model.safetensors"), "half").unwrap();
        let attempt = Attempt::begin(&parent.path().join("model"), &CancellationToken::new());
        assert!(!dead.exists());
        drop(attempt);
    }

    #[test]
    fn a_second_attempt_waits_and_can_be_cancelled() {
        let parent = tempfile::tempdir().unwrap();
        let token = CancellationToken::new();
        let first = Attempt::begin(&parent.path().join("one"), &token).unwrap();
        token.cancel();
        let second = Attempt::begin(&parent.path().join("two"), &token);
        assert!(matches!(second, Err(ModelError::Cancelled)));
        assert!(first.path().exists(), "the live attempt keeps its folder");
    }

    #[test]
    fn a_full_disk_is_told_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let error = check_space("tiny", folder.path(), u64::MAX)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("synthetic:tiny needs") && error.contains("free"),
            "{error}"
        );
        check_space("tiny", folder.path(), 1).unwrap();
    }
}
