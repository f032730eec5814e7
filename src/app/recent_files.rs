//! Results files and model folders that were opened lately, for the menu bar's "Open Recent".

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::settings::json_file;

/// In the app's data folder.
const FILE: &str = "recent-files.json";
const KEY: &str = "recent";
/// More would not be looked through.
const MOST: usize = 10;

/// Newest first. Without a folder they last as long as the window.
#[derive(Debug, Default)]
pub struct RecentFiles {
    file: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

impl RecentFiles {
    /// The second value tells of a file that was not understood.
    pub fn open(data: Option<&Path>) -> (Self, Option<String>) {
        let Some(file) = data.map(|data| data.join(FILE)) else {
            return (Self::default(), None);
        };
        let (values, problem) =
            json_file::load(&file, "Recent files", "The list of recent files is empty.");
        let texts = values.get(KEY).and_then(Value::as_array);
        let texts = texts.into_iter().flatten().filter_map(Value::as_str);
        let paths = texts.map(PathBuf::from).take(MOST).collect();
        let recent = Self {
            file: Some(file),
            paths,
        };
        (recent, problem)
    }

    /// Puts `path` first; the oldest beyond the tenth is forgotten.
    pub fn add(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if self.paths.first() == Some(&path) {
            return;
        }
        self.paths.retain(|other| *other != path);
        self.paths.insert(0, path);
        self.paths.truncate(MOST);
        self.save();
    }

    pub fn clear(&mut self) {
        self.paths.clear();
        self.save();
    }

    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    pub fn get(&self, position: usize) -> Option<&Path> {
        self.paths.get(position).map(PathBuf::as_path)
    }

    /// What the menu shows: file names, with their folder where two are alike.
    pub fn names(&self) -> Vec<String> {
        let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let alike = |path: &PathBuf| {
            let same = self.paths.iter().filter(|other| name(other) == name(path));
            same.count() > 1
        };
        let shown = self.paths.iter().map(|path| match path.parent() {
            Some(folder) if alike(path) => format!("{} \u{2014} {}", name(path), name(folder)),
            _ => name(path),
        });
        shown.collect()
    }

    /// A list that cannot be kept is worth no interruption.
    fn save(&self) {
        let Some(file) = &self.file else { return };
        let texts: Vec<_> = self
            .paths
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        let mut values = Map::new();
        values.insert(KEY.to_owned(), json!(texts));
        if let Err(error) = json_file::save(file, &values) {
            tracing::warn!("{} could not be written: {error}", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stands_first_is_kept_and_can_be_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut recent, problem) = RecentFiles::open(Some(dir.path()));
        assert!(recent.is_empty() && problem.is_none());
        for n in 0..12 {
            recent.add(Path::new(&format!("/runs/{n}.csv")));
        }
        recent.add(Path::new("/runs/5.csv"));
        let (mut again, _) = RecentFiles::open(Some(dir.path()));
        assert_eq!(again.paths, recent.paths);
        assert_eq!(again.names().len(), MOST);
        assert_eq!(again.names()[..2], ["5.csv", "11.csv"]);
        assert_eq!(again.get(9), Some(Path::new("/runs/2.csv")));
        again.clear();
        assert!(RecentFiles::open(Some(dir.path())).0.is_empty());
    }

    #[test]
    fn names_that_are_alike_say_where_they_lie() {
        let mut recent = RecentFiles::default();
        for path in ["/one/a.csv", "/two/a.csv", "/two/b.csv"] {
            recent.add(Path::new(path));
        }
        assert_eq!(
            recent.names(),
            ["b.csv", "a.csv \u{2014} two", "a.csv \u{2014} one"]
        );
    }
}
