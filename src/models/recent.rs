//! Models that were used lately, as they were named, in one small JSON file.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::settings::json_file;

/// More would not be looked through.
pub const MOST: usize = 10;

const KEY: &str = "recent";

/// Newest first. By default there is no file, and they last as long as the app runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recent {
    path: Option<PathBuf>,
    texts: Vec<String>,
}

impl Recent {
    /// A missing file is empty. One that is not understood is kept aside and told in the second
    /// value.
    pub fn load(path: &Path) -> (Self, Option<String>) {
        let (values, warning) =
            json_file::load(path, "recent models", "The list of recent models is empty.");
        let texts = values.get(KEY).and_then(Value::as_array);
        let mut recent = Self {
            path: Some(path.to_owned()),
            texts: Vec::new(),
        };
        for text in texts.into_iter().flatten().filter_map(Value::as_str) {
            if !text.trim().is_empty() && !recent.texts.iter().any(|other| other == text) {
                recent.texts.push(text.to_owned());
            }
        }
        recent.texts.truncate(MOST);
        (recent, warning)
    }

    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Puts `text` first; the oldest beyond [`MOST`] is forgotten.
    ///
    /// # Errors
    /// The file could not be written, as a sentence; the list has it all the same.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        if text.trim().is_empty() || self.texts.first().is_some_and(|first| first == text) {
            return Ok(());
        }
        self.texts.retain(|other| other != text);
        self.texts.insert(0, text.to_owned());
        self.texts.truncate(MOST);
        self.save()
    }

    /// Where it stood, for [`Recent::restore`]; `None` if it did not.
    ///
    /// # Errors
    /// As [`Recent::add`].
    pub fn remove(&mut self, text: &str) -> Result<Option<usize>, String> {
        let Some(place) = self.texts.iter().position(|other| other == text) else {
            return Ok(None);
        };
        self.texts.remove(place);
        self.save().map(|()| Some(place))
    }

    /// Undoes [`Recent::remove`].
    ///
    /// # Errors
    /// As [`Recent::add`].
    pub fn restore(&mut self, place: usize, text: &str) -> Result<(), String> {
        if self.texts.iter().any(|other| other == text) {
            return Ok(());
        }
        self.texts
            .insert(place.min(self.texts.len()), text.to_owned());
        self.texts.truncate(MOST);
        self.save()
    }

    fn save(&self) -> Result<(), String> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut values = Map::new();
        values.insert(KEY.to_owned(), json!(self.texts));
        json_file::save(path, &values).map_err(|error| {
            format!(
                "The recent models could not be written to {}: {error}. Check that the folder can \
                 be written to and that the disk has space.",
                path.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stands_first_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("recent.json");
        let (mut recent, warning) = Recent::load(&file);
        assert_eq!((recent.texts().len(), warning), (0, None));
        for n in 0..12 {
            recent.add(&format!("org/m{n}")).unwrap();
        }
        recent.add("org/m5").unwrap();
        let (again, _) = Recent::load(&file);
        assert_eq!(again.texts(), recent.texts());
        assert_eq!(again.texts().len(), MOST);
        assert_eq!(again.texts()[..2], ["org/m5", "org/m11"]);
        assert_eq!(again.texts()[9], "org/m2");
    }

    #[test]
    fn what_was_removed_comes_back_to_its_place() {
        let mut recent = Recent::default();
        for text in ["c", "b", "a"] {
            recent.add(text).unwrap();
        }
        assert_eq!(recent.remove("b").unwrap(), Some(1));
        assert_eq!(recent.remove("b").unwrap(), None);
        assert_eq!(recent.texts(), ["a", "c"]);
        recent.restore(1, "b").unwrap();
        assert_eq!(recent.texts(), ["a", "b", "c"]);
    }

    #[test]
    fn a_damaged_file_is_told_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("recent.json");
        std::fs::write(&file, "[1").unwrap();
        let (recent, warning) = Recent::load(&file);
        assert!(recent.texts().is_empty() && warning.is_some());
        assert!(dir.path().join("recent.json.corrupt").exists());
    }
}
