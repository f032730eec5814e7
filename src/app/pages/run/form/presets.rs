//! Named sets of edits, and the last ones used, in one JSON file.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::edits::Edits;
use crate::settings::json_file;

const PRESETS: &str = "presets";
const LAST_USED: &str = "last_used";

/// The file's contents. Keys that this version does not know survive a save. By default there is
/// no file, and they last as long as the app runs.
#[derive(Debug, Clone, Default)]
pub struct Presets {
    path: Option<PathBuf>,
    values: Map<String, Json>,
    /// In the order of the alphabet.
    names: Vec<String>,
}

impl Presets {
    /// A missing file is empty. One that is not understood is kept aside and told in the second
    /// value.
    pub fn load(path: &Path) -> (Self, Option<String>) {
        let (values, warning) = json_file::load(path, "presets", "The list of presets is empty.");
        let mut presets = Self {
            path: Some(path.to_owned()),
            values,
            names: Vec::new(),
        };
        presets.list();
        (presets, warning)
    }

    /// Those that can be loaded.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn get(&self, name: &str) -> Option<Edits> {
        Edits::from_json(self.values.get(PRESETS)?.get(name)?)
    }

    pub fn last_used(&self) -> Option<Edits> {
        Edits::from_json(self.values.get(LAST_USED)?)
    }

    /// Replaces a preset of the same name.
    ///
    /// # Errors
    /// The name is empty, or the file could not be written: the sentence says which and what to do.
    pub fn save(&mut self, name: &str, edits: &Edits) -> Result<(), String> {
        let name = name.trim();
        if name.is_empty() {
            return Err("A preset needs a name.".to_owned());
        }
        let name = name.to_owned();
        self.change(|values| {
            let named = values
                .entry(PRESETS)
                .or_insert_with(|| Json::Object(Map::new()));
            // Anything else under this key was not written by us, and holds no preset.
            if !named.is_object() {
                *named = Json::Object(Map::new());
            }
            if let Some(named) = named.as_object_mut() {
                named.insert(name, edits.to_json());
            }
        })
    }

    /// # Errors
    /// The file could not be written.
    pub fn delete(&mut self, name: &str) -> Result<(), String> {
        self.change(|values| {
            if let Some(named) = values.get_mut(PRESETS).and_then(Json::as_object_mut) {
                named.shift_remove(name);
            }
        })
    }

    /// # Errors
    /// The file could not be written.
    pub fn set_last_used(&mut self, edits: &Edits) -> Result<(), String> {
        self.change(|values| {
            values.insert(LAST_USED.to_owned(), edits.to_json());
        })
    }

    /// What could not be written is not kept in memory either: the list shows what the file holds.
    fn change(&mut self, edit: impl FnOnce(&mut Map<String, Json>)) -> Result<(), String> {
        let mut values = self.values.clone();
        edit(&mut values);
        if let Some(path) = &self.path {
            json_file::save(path, &values).map_err(|error| {
                format!(
                    "Presets could not be written to {}: {error}. Check that the folder can be \
                     written to and that the disk has space.",
                    path.display()
                )
            })?;
        }
        self.values = values;
        self.list();
        Ok(())
    }

    fn list(&mut self) {
        self.names = self
            .values
            .get(PRESETS)
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, value)| Edits::from_json(value).is_some())
            .map(|(name, _)| name.clone())
            .collect();
        self.names.sort_by_key(|name| name.to_lowercase());
    }
}
