//! A run's files go to the system's trash together, and come back together.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::note;
use super::run_files::RunFiles;

/// Where deleted files go; the system's, or a folder of a test.
pub trait Trash: Send + Sync {
    /// # Errors
    /// In words: nothing, or not everything, was moved.
    fn put(&self, paths: &[PathBuf]) -> Result<Vec<OsString>, String>;
    /// # Errors
    /// In words: they are not in the trash any more, or their places are taken.
    fn restore(&self, ids: &[OsString]) -> Result<(), String>;
}

/// A run in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// Where its CSV was.
    pub csv: PathBuf,
    /// What the trash calls its files; empty where it cannot give them back by itself.
    ids: Vec<OsString>,
}

#[derive(Debug, thiserror::Error)]
pub enum TrashError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{path} could not be moved to the trash: {why}")]
    Put { path: PathBuf, why: String },
    #[error(
        "{path} could not be brought back: {why}. Look for it in the trash with the file manager"
    )]
    Restore { path: PathBuf, why: String },
}

impl Trashed {
    /// Moves the run whose CSV this is, with all of its files that are there.
    ///
    /// # Errors
    /// The run is being written, or the system has no trash for it.
    pub fn put(csv: &Path, trash: &dyn Trash) -> Result<Self, TrashError> {
        note::not_in_use(csv)?;
        let ids = trash.put(&files_of(csv)).map_err(|why| TrashError::Put {
            path: csv.to_owned(),
            why,
        })?;
        Ok(Self {
            csv: csv.to_owned(),
            ids,
        })
    }

    pub fn can_come_back(&self) -> bool {
        !self.ids.is_empty()
    }

    /// # Errors
    /// The trash was emptied, or another file has taken its place.
    pub fn restore(&self, trash: &dyn Trash) -> Result<(), TrashError> {
        trash.restore(&self.ids).map_err(|why| TrashError::Restore {
            path: self.csv.clone(),
            why,
        })
    }
}

/// The CSV and what belongs to it. Beside a foreign CSV only our note does.
pub fn files_of(csv: &Path) -> Vec<PathBuf> {
    let files = RunFiles::of(csv);
    let mut all = vec![files.csv().to_owned(), files.note()];
    if note::own_sidecar(&files).is_some() {
        all.extend([
            files.json(),
            files.requests(),
            files.machine(),
            files.logs(),
        ]);
    }
    all.retain(|path| path.exists());
    all
}

/// The trash of this user.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTrash;

impl SystemTrash {
    fn context() -> ::trash::TrashContext {
        #[allow(unused_mut, reason = "only a Mac has a choice of methods")]
        let mut context = ::trash::TrashContext::new();
        // Finder would ask the user to let this app control it, and make a sound for each run.
        #[cfg(target_os = "macos")]
        {
            use ::trash::macos::{DeleteMethod, TrashContextExtMacos as _};
            context.set_delete_method(DeleteMethod::NsFileManager);
        }
        context
    }
}

#[cfg(not(target_os = "macos"))]
impl Trash for SystemTrash {
    fn put(&self, paths: &[PathBuf]) -> Result<Vec<OsString>, String> {
        let listed = || ::trash::os_limited::list().unwrap_or_default();
        // Files of the same names may be there from before: what is new is ours.
        let before: Vec<OsString> = listed().into_iter().map(|item| item.id).collect();
        Self::context()
            .delete_all(paths)
            .map_err(|error| error.to_string())?;
        let ids = listed()
            .into_iter()
            .filter(|item| !before.contains(&item.id) && is_one_of(&item.original_path(), paths))
            .map(|item| item.id);
        Ok(ids.collect())
    }

    fn restore(&self, ids: &[OsString]) -> Result<(), String> {
        let listed = ::trash::os_limited::list().map_err(|error| error.to_string())?;
        let items: Vec<_> = listed
            .into_iter()
            .filter(|item| ids.contains(&item.id))
            .collect();
        if items.is_empty() {
            return Err("it is not in the trash any more".to_owned());
        }
        ::trash::os_limited::restore_all(items).map_err(|error| match error {
            ::trash::Error::RestoreCollision { path, .. } => {
                format!("{} is there again", path.display())
            }
            other => other.to_string(),
        })
    }
}

/// The trash knows files by their folders' real paths, and relative ones as absolute.
#[cfg(not(target_os = "macos"))]
fn is_one_of(original: &Path, paths: &[PathBuf]) -> bool {
    let real = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    let original = real(original);
    original.is_some() && paths.iter().any(|path| real(path) == original)
}

/// The system keeps no way back for apps: Finder's "Put Back" and dragging do.
#[cfg(target_os = "macos")]
impl Trash for SystemTrash {
    fn put(&self, paths: &[PathBuf]) -> Result<Vec<OsString>, String> {
        let moved = Self::context().delete_all(paths);
        moved.map(|()| Vec::new()).map_err(|e| e.to_string())
    }

    fn restore(&self, _ids: &[OsString]) -> Result<(), String> {
        Err("macOS lets only Finder bring files back".to_owned())
    }
}

#[cfg(test)]
pub(crate) mod fake {
    use std::sync::Mutex;

    use super::*;

    /// A trash in a folder.
    #[derive(Debug)]
    pub struct FolderTrash {
        pub folder: tempfile::TempDir,
        moved: Mutex<Vec<(OsString, PathBuf)>>,
    }

    impl Default for FolderTrash {
        fn default() -> Self {
            Self {
                folder: tempfile::tempdir().expect("a folder"),
                moved: Mutex::default(),
            }
        }
    }

    impl Trash for FolderTrash {
        fn put(&self, paths: &[PathBuf]) -> Result<Vec<OsString>, String> {
            let mut ids = Vec::new();
            for path in paths {
                let name = path.file_name().expect("a name");
                let id = self.folder.path().join(name);
                std::fs::rename(path, &id).map_err(|e| e.to_string())?;
                let mut moved = self.moved.lock().expect("no panic");
                moved.push((id.clone().into(), path.clone()));
                ids.push(id.into());
            }
            Ok(ids)
        }

        fn restore(&self, ids: &[OsString]) -> Result<(), String> {
            for (id, path) in self.moved.lock().expect("no panic").iter() {
                if ids.contains(id) {
                    std::fs::rename(id, path).map_err(|e| e.to_string())?;
                }
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::fake::FolderTrash;
    use super::*;
    use crate::store::recorder::Recorder;
    use crate::store::sidecar::Provenance;
    use crate::store::testing;

    #[test]
    fn a_run_goes_and_comes_back_as_a_whole_but_not_while_it_is_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let plan = testing::plan(dir.path(), 2);
        let now = "2026-02-11T15:09:13[UTC]".parse().expect("a moment");
        let recorder = Recorder::create(&plan, Provenance::default(), &now).expect("a run");
        let csv = recorder.files().csv().to_owned();
        fs::write(recorder.files().requests(), "cell\n").expect("a file");
        let trash = FolderTrash::default();
        let refused = Trashed::put(&csv, &trash).expect_err("it is being written");
        assert!(refused.to_string().contains("in use"), "{refused}");
        drop(recorder);

        let before = files_of(&csv);
        assert_eq!(before.len(), 4, "{before:?}");
        let trashed = Trashed::put(&csv, &trash).expect("moved");
        let folder = csv.parent().expect("a folder");
        assert_eq!(fs::read_dir(folder).expect("listed").count(), 0);
        assert!(trashed.can_come_back());
        trashed.restore(&trash).expect("back");
        assert_eq!(files_of(&csv), before);
    }

    /// Runs in a process of its own, whose trash is a folder of the test.
    #[cfg(target_os = "linux")]
    #[test]
    #[ignore = "the next test runs it with a private trash"]
    fn in_the_systems_trash() {
        let dir = PathBuf::from(std::env::var_os("TRASHED_FROM").expect("a folder"));
        let csv = dir.join("other.csv");
        for name in ["other.csv", "unrelated.csv"] {
            fs::write(dir.join(name), "a\n1\n").expect("a file");
        }
        note::RunNote::new("Kim's", "").write(&csv).expect("a note");
        // The same names are in the trash already: the newer ones come back.
        let older = Trashed::put(&csv, &SystemTrash).expect("moved");
        fs::write(&csv, "a\n2\n").expect("a file");
        note::RunNote::new("Newer", "").write(&csv).expect("a note");
        let newer = Trashed::put(&csv, &SystemTrash).expect("moved");
        assert!(older.can_come_back() && older != newer);
        assert!(!csv.exists() && dir.join("unrelated.csv").exists());
        newer.restore(&SystemTrash).expect("back");
        assert_eq!(fs::read_to_string(&csv).expect("a file"), "a\n2\n");
        let name = note::RunNote::read(&csv).name;
        assert_eq!(name.as_deref(), Some("Newer"));
        let taken = older.restore(&SystemTrash).expect_err("its place is taken");
        assert!(taken.to_string().contains("is there again"), "{taken}");
        assert_eq!(fs::read_to_string(&csv).expect("a file"), "a\n2\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_systems_trash_gives_back_what_it_was_given() {
        let home = tempfile::tempdir().expect("a folder");
        let runs = home.path().join("runs");
        fs::create_dir(&runs).expect("a folder");
        let test = "store::trash::tests::in_the_systems_trash";
        let output = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", test, "--ignored"])
            .env("HOME", home.path())
            .env("XDG_DATA_HOME", home.path().join("data"))
            .env("TRASHED_FROM", &runs)
            .output()
            .expect("a process");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
        assert!(home.path().join("data/Trash/files").is_dir());
    }

    #[test]
    fn files_beside_a_foreign_csv_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        let csv = dir.path().join("other.csv");
        for name in ["other.csv", "other.json", "other.requests.csv"] {
            fs::write(dir.path().join(name), "a\n1\n").expect("a file");
        }
        note::RunNote::new("Kim's", "")
            .write(&csv)
            .expect("written");
        let note = dir.path().join("other.note.json");
        assert_eq!(files_of(&csv), [csv, note]);
    }
}
