//! Where a run's files are: `RESULTS/SWEEP/SWEEP_YYYYMMDD_HHMMSS.csv` and its companions.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::plan::RunKind;

/// Runs of one kind that may start in the same second before something must be wrong.
const MAX_SAME_SECOND: u32 = 1000;

/// The paths of one run; only the CSV's is stored, the others follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFiles {
    csv: PathBuf,
}

impl RunFiles {
    /// Makes the folder and an empty CSV under a name that no run has, in local time. Nothing is
    /// ever overwritten: a second run of the same second gets `_2` at the end of its name.
    pub fn create(
        results_dir: &Path,
        kind: RunKind,
        now: &jiff::ZonedDateTime,
    ) -> Result<(Self, File), StoreError> {
        let sweep = folder_name(kind);
        let folder = results_dir.join(&sweep);
        fs::create_dir_all(&folder).map_err(StoreError::io("make the folder", &folder))?;
        let stem = format!("{sweep}_{}", now.strftime("%Y%m%d_%H%M%S"));
        for attempt in 1..=MAX_SAME_SECOND {
            let name = match attempt {
                1 => format!("{stem}.csv"),
                n => format!("{stem}_{n}.csv"),
            };
            let files = Self::of(&folder.join(name));
            // Left over from a run whose CSV was deleted or renamed: not ours to write over.
            if files.companions().iter().any(|path| path.exists()) {
                continue;
            }
            match OpenOptions::new()
                .read(true)
                .append(true)
                .create_new(true)
                .open(&files.csv)
            {
                Ok(file) => {
                    let logs = files.logs();
                    fs::create_dir(&logs).map_err(StoreError::io("make the folder", &logs))?;
                    return Ok((files, file));
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(StoreError::io("make", &files.csv)(e)),
            }
        }
        Err(StoreError::io("find a free name like", &folder.join(stem))(
            io::ErrorKind::AlreadyExists.into(),
        ))
    }

    /// The files of the run whose CSV this is.
    pub fn of(csv: &Path) -> Self {
        Self {
            csv: csv.to_owned(),
        }
    }

    pub fn csv(&self) -> &Path {
        &self.csv
    }

    /// Metadata and the plan.
    pub fn json(&self) -> PathBuf {
        self.beside("json")
    }

    /// One row a request.
    pub fn requests(&self) -> PathBuf {
        self.beside("requests.csv")
    }

    /// One row a telemetry sample.
    pub fn machine(&self) -> PathBuf {
        self.beside("machine.csv")
    }

    /// The folder of the servers', nginx's and the app's logs.
    pub fn logs(&self) -> PathBuf {
        self.beside("logs")
    }

    /// A run's name and note, where it has no metadata of ours to hold them.
    pub fn note(&self) -> PathBuf {
        self.beside("note.json")
    }

    fn beside(&self, extension: &str) -> PathBuf {
        self.csv.with_extension(extension)
    }

    fn companions(&self) -> [PathBuf; 5] {
        [
            self.json(),
            self.requests(),
            self.machine(),
            self.logs(),
            self.note(),
        ]
    }
}

/// `full_sweep`, `quick`, `single_check`: the folder's name, and the start of each file's.
pub fn folder_name(kind: RunKind) -> String {
    if kind.is_check() {
        format!("{kind}_check")
    } else {
        kind.to_string()
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    fn moment() -> jiff::ZonedDateTime {
        "2026-02-11T15:09:13[Europe/Berlin]"
            .parse()
            .expect("a moment")
    }

    #[test]
    fn every_kind_has_its_folder() {
        let names: Vec<_> = RunKind::iter().map(folder_name).collect();
        assert_eq!(
            names,
            [
                "single_check",
                "concurrent_check",
                "round_robin_check",
                "concurrency_sweep",
                "round_robin_sweep",
                "full_sweep",
                "custom_sweep",
                "quick",
                "rate_sweep",
                "control_sweep",
                "tune"
            ]
        );
    }

    #[test]
    fn the_name_is_sweep_and_local_time_with_companions_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (files, _) = RunFiles::create(dir.path(), RunKind::FullSweep, &moment()).unwrap();
        let base = dir.path().join("full_sweep");
        assert_eq!(files.csv(), base.join("full_sweep_20260211_150913.csv"));
        assert_eq!(files.json(), base.join("full_sweep_20260211_150913.json"));
        assert_eq!(
            files.requests(),
            base.join("full_sweep_20260211_150913.requests.csv")
        );
        assert_eq!(
            files.machine(),
            base.join("full_sweep_20260211_150913.machine.csv")
        );
        assert!(base.join("full_sweep_20260211_150913.logs").is_dir());
    }

    #[test]
    fn a_run_of_the_same_second_never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| {
                let (files, _) = RunFiles::create(dir.path(), RunKind::Quick, &moment()).unwrap();
                files.csv().file_stem().unwrap().to_owned()
            })
            .collect();
        assert_eq!(
            names,
            [
                "quick_20260211_150913",
                "quick_20260211_150913_2",
                "quick_20260211_150913_3"
            ]
        );
    }

    #[test]
    fn companions_of_a_deleted_csv_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (first, _) = RunFiles::create(dir.path(), RunKind::Quick, &moment()).unwrap();
        fs::write(first.json(), "{}").unwrap();
        fs::remove_file(first.csv()).unwrap();
        let (second, _) = RunFiles::create(dir.path(), RunKind::Quick, &moment()).unwrap();
        assert!(second.csv().ends_with("quick_20260211_150913_2.csv"));
        assert_eq!(fs::read_to_string(first.json()).unwrap(), "{}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let blocked = dir.path().join("file");
        fs::write(&blocked, "").unwrap();
        let error = RunFiles::create(&blocked, RunKind::Quick, &moment()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cannot make the folder"), "{text}");
        assert!(text.contains("file/quick"), "{text}");
    }
}
