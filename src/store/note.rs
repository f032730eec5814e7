//! What people call a run and what they noted of it: in the run's own sidecar, or in a
//! `NAME.note.json` where there is none. The CSV itself is never touched: it may be another lab's.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::StoreError;
use super::run_files::RunFiles;
use super::{resume, sidecar};

const NAME: &str = "display_name";
const NOTE: &str = "note";

/// Both are `None` where nothing but blanks was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunNote {
    /// Shown instead of the kind of run.
    pub name: Option<String>,
    /// May have several lines.
    pub note: Option<String>,
}

impl RunNote {
    pub fn new(name: &str, note: &str) -> Self {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            name: text(name),
            note: text(note),
        }
    }

    /// What is noted of the run whose CSV this is; a file that cannot be read holds no note.
    pub fn read(csv: &Path) -> Self {
        let files = RunFiles::of(csv);
        let found = own_sidecar(&files).or_else(|| object(&files.note()));
        found.map_or_else(Self::default, |found| {
            let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
            Self::new(text(NAME), text(NOTE))
        })
    }

    /// Replaces what is noted; nothing else of the file changes.
    ///
    /// # Errors
    /// The run is being written, or its folder cannot be.
    pub fn write(&self, csv: &Path) -> Result<(), StoreError> {
        not_in_use(csv)?;
        let files = RunFiles::of(csv);
        let (path, mut values) = match own_sidecar(&files) {
            Some(values) => (files.json(), values),
            None => (files.note(), object(&files.note()).unwrap_or_default()),
        };
        for (key, text) in [(NAME, &self.name), (NOTE, &self.note)] {
            match text {
                Some(text) => {
                    values.insert(key.to_owned(), Value::String(text.clone()));
                }
                None => {
                    values.shift_remove(key);
                }
            }
        }
        let write = || StoreError::io("write", &path);
        let value = Value::Object(values);
        let mut text = serde_json::to_vec_pretty(&value).map_err(|e| write()(e.into()))?;
        text.push(b'\n');
        sidecar::write_atomically(&path, &text).map_err(write())
    }
}

/// The sidecar, where it is one of ours: a `.json` beside a foreign CSV is its owner's.
pub(super) fn own_sidecar(files: &RunFiles) -> Option<Map<String, Value>> {
    let values = object(&files.json())?;
    let ours = values.get("format").and_then(Value::as_str) == Some(sidecar::FORMAT);
    ours.then_some(values)
}

fn object(path: &PathBuf) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&fs::read(path).ok()?) {
        Ok(Value::Object(values)) => Some(values),
        _ => None,
    }
}

/// # Errors
/// A run of this or another process is writing the file.
pub(super) fn not_in_use(csv: &Path) -> Result<(), StoreError> {
    match File::open(csv) {
        // Let go of again at once: it only asks.
        Ok(file) => resume::lock(&file, csv),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StoreError::io("open", csv)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::library;
    use crate::store::recorder::Recorder;
    use crate::store::sidecar::Provenance;
    use crate::store::testing;

    fn own_run(dir: &Path) -> (PathBuf, Recorder) {
        let plan = testing::plan(dir, 2);
        let now = "2026-02-11T15:09:13[UTC]".parse().expect("a moment");
        let recorder = Recorder::create(&plan, Provenance::default(), &now).expect("a run");
        (recorder.files().csv().to_owned(), recorder)
    }

    #[test]
    fn a_run_of_ours_keeps_its_note_in_its_sidecar_with_all_that_stands_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let (csv, recorder) = own_run(dir.path());
        let note = RunNote::new(" Night run ", "fan at full speed\nwindow open");
        let refused = note.write(&csv).expect_err("it is being written");
        assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
        drop(recorder);

        let before = own_sidecar(&RunFiles::of(&csv)).expect("a sidecar");
        note.write(&csv).expect("written");
        assert_eq!(RunNote::read(&csv), note);
        assert_eq!(note.name.as_deref(), Some("Night run"));
        let listed = library::summary(&csv);
        assert_eq!((listed.note, listed.problem), (note.clone(), None));
        assert_eq!(library::load(&csv).expect("a run").note, note);

        RunNote::default().write(&csv).expect("written");
        assert_eq!(RunNote::read(&csv), RunNote::default());
        assert_eq!(own_sidecar(&RunFiles::of(&csv)), Some(before));
        assert!(!RunFiles::of(&csv).note().exists());
    }

    #[test]
    fn a_foreign_csv_is_not_touched_and_neither_is_the_json_beside_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let csv = dir.path().join("other.csv");
        fs::write(&csv, "a,b\n1,2\n").expect("a file");
        fs::write(dir.path().join("other.json"), "{\"mine\": 1}").expect("a file");
        let note = RunNote::new("From Kim", "");
        note.write(&csv).expect("written");
        assert_eq!(RunNote::read(&csv), note);
        let text = |name: &str| fs::read_to_string(dir.path().join(name)).expect("a file");
        assert_eq!(text("other.csv"), "a,b\n1,2\n");
        assert_eq!(text("other.json"), "{\"mine\": 1}");
        assert!(text("other.note.json").contains("From Kim"));
        assert_eq!(library::scan(dir.path()).len(), 1, "a note is no run");
    }
}
