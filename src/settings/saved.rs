//! Settings kept between runs: one JSON object, `{"MLX_MAX_TOKENS": "256", ...}`. Keys that this
//! version does not know survive a save.

use std::io;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::json_file;
use super::table::Var;
use super::value::Kind;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedSettings {
    values: Map<String, Json>,
}

impl SavedSettings {
    /// Reads the file. A missing one is empty; one that cannot be read or understood is moved
    /// aside (never deleted) and told in the second value, and the settings start empty.
    pub fn load(path: &Path) -> (Self, Option<String>) {
        let (values, warning) = json_file::load(path, "saved settings", "Defaults are used.");
        (Self { values }, warning)
    }

    /// Written to a file beside it, then renamed: never half-written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        json_file::save(path, &self.values)
    }

    /// The text of a saved setting; an empty one counts as unset.
    pub fn get(&self, var: Var) -> Option<String> {
        // A secret that somebody wrote into the file by hand is not encouraged.
        if var.spec().kind == Kind::Secret {
            return None;
        }
        match self.values.get(var.name())? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(on) => Some(if *on { "1" } else { "0" }.to_owned()),
            // Kept in the file, and refused with its text when it is read.
            other @ (Json::Array(_) | Json::Object(_)) => Some(other.to_string()),
            Json::Null => None,
        }
        .filter(|text| !text.is_empty())
    }

    /// What is kept beside the settings of the table, such as the window's appearance.
    pub fn other(&self, key: &str) -> Option<&Json> {
        self.values.get(key)
    }

    pub fn set_other(&mut self, key: &str, value: Json) {
        self.values.insert(key.to_owned(), value);
    }

    /// `None` forgets it.
    pub fn set(&mut self, var: Var, text: Option<&str>) {
        match text {
            // Nothing secret is kept, and of URLs nothing that may hold a password.
            Some(_) if var.spec().kind == Kind::Secret => {}
            Some(text) if var.spec().kind.shown(text) != text => {}
            Some(text) => {
                self.values
                    .insert(var.name().to_owned(), Json::String(text.to_owned()));
            }
            None => {
                self.values.shift_remove(var.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_survive_and_values_of_any_scalar_type_are_read() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("deep/settings.json");
        std::fs::create_dir_all(folder.path().join("deep")).expect("folder");
        std::fs::write(
            &path,
            r#"{"window": {"x": 1}, "MLX_MAX_TOKENS": 64, "MLX_STREAM": false, "MLX_PROMPT": "", "MLX_NEW": "1"}"#,
        )
        .expect("written");
        let (mut saved, warning) = SavedSettings::load(&path);
        assert_eq!(warning, None);
        assert_eq!(saved.get(Var::MaxTokens).as_deref(), Some("64"));
        assert_eq!(saved.get(Var::Stream).as_deref(), Some("0"));
        assert_eq!(saved.get(Var::Prompt), None);
        saved.set(Var::Temperature, Some("0.7"));
        saved.set(Var::MaxTokens, None);
        saved.save(&path).expect("saved");

        let (again, _) = SavedSettings::load(&path);
        assert_eq!(again, saved);
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.contains("\"MLX_NEW\": \"1\"") && text.contains("\"window\""));
        assert!(!text.contains("MLX_MAX_TOKENS"));
    }

    #[test]
    fn a_corrupt_file_is_kept_aside_and_told_each_time_under_its_own_name() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("settings.json");
        assert_eq!(
            SavedSettings::load(&path),
            (SavedSettings::default(), None),
            "a missing file is no matter"
        );
        for (text, aside) in [
            ("{\"MLX_MAX", "settings.json.corrupt"),
            ("[1]", "settings.json.corrupt-2"),
        ] {
            std::fs::write(&path, text).expect("written");
            let (saved, warning) = SavedSettings::load(&path);
            assert_eq!(saved, SavedSettings::default());
            let warning = warning.expect("a warning");
            assert!(warning.contains(aside), "{warning}");
            assert!(!path.exists());
            assert_eq!(
                std::fs::read_to_string(folder.path().join(aside)).expect("kept"),
                text
            );
        }
    }
}
