//! Real runs that come with the app, so that there is something to look at, and to compare with,
//! before anything was measured here. `results/examples/README.md` says how they were made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::library::{self, RunSummary};
use super::sidecar::write_atomically;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../results/examples/", $name)))),*]
    };
}

/// Every file of the examples with its name.
const FILES: &[(&str, &str)] = files![
    "full_sweep_20261124_205933.csv",
    "full_sweep_20261124_205933.json",
    "full_sweep_20261124_205933.machine.csv",
    "full_sweep_20261124_205933.requests.csv",
    "full_sweep_20261124_161701.csv",
    "full_sweep_20261124_161701.json",
    "full_sweep_20261124_161701.machine.csv",
    "full_sweep_20261124_161701.requests.csv",
    "full_sweep_20261124_162139.csv",
    "full_sweep_20261124_162139.json",
    "full_sweep_20261124_162139.machine.csv",
    "full_sweep_20261124_162139.requests.csv",
];

/// Says which of the app's examples a folder was given.
const MARK: &str = ".given";

/// The examples in `folder`, which gets its files when it is first asked for, and again when the app
/// has other ones. One that the user has thrown away stays away until then.
///
/// # Errors
/// The folder cannot be written.
pub fn in_folder(folder: &Path) -> io::Result<Vec<RunSummary>> {
    let mark = folder.join(MARK);
    let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
    let names = names.join("\n");
    if fs::read_to_string(&mark).ok().as_deref() != Some(names.as_str()) {
        fs::create_dir_all(folder)?;
        for (name, text) in FILES {
            let path = folder.join(name);
            // What the user has noted of a run stands in its files.
            if !path.exists() {
                write_atomically(&path, text.as_bytes())?;
            }
        }
        write_atomically(&mark, names.as_bytes())?;
    }
    let there = runs().map(|name| folder.join(name));
    let there: Vec<PathBuf> = there.filter(|path| path.is_file()).collect();
    Ok(there.iter().map(|path| library::summary(path)).collect())
}

/// The names of the runs' own files.
fn runs() -> impl Iterator<Item = &'static str> {
    let names = FILES.iter().map(|(name, _)| *name);
    names.filter(|name| matches!(name.split_once('.'), Some((_, "csv"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_examples_comes_with_the_app() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/examples");
        let mut there: Vec<String> = fs::read_dir(folder)
            .expect("the examples")
            .flatten()
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .filter(|name| name != "README.md")
            .collect();
        there.sort();
        let mut known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(there, known);
    }

    #[test]
    fn they_are_whole_runs_that_say_what_they_are_and_name_no_folder_of_a_machine() {
        let dir = tempfile::tempdir().expect("a folder");
        let examples = in_folder(dir.path()).expect("examples");
        assert!(!examples.is_empty());
        for run in &examples {
            assert_eq!(run.problem, None, "{run:?}");
            assert!(run.note.name.is_some(), "{run:?}");
            assert!(run.chip.is_some() && run.model.is_some(), "{run:?}");
            assert!(run.best.is_some(), "{run:?}");
            let loaded = library::load(&run.path).expect("a run");
            assert_eq!(loaded.damaged_lines, 0);
        }
        for (name, text) in FILES {
            for folder in ["/root", "/opt/", "/tmp/", "/home/", "/Users/"] {
                assert!(!text.contains(folder), "{name} names {folder}");
            }
        }
    }

    #[test]
    fn what_was_thrown_away_stays_away_and_notes_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("examples");
        let first = in_folder(&folder).expect("examples");
        let gone = &first[0].path;
        fs::remove_file(gone).expect("a file");
        let again = in_folder(&folder).expect("examples");
        assert_eq!(again.len(), first.len() - 1);
        assert!(!gone.exists());
        // A later app with other examples gives all of them again.
        let kept = folder.join(FILES.last().expect("a file").0);
        fs::write(&kept, "noted").expect("a file");
        fs::write(folder.join(MARK), "those of before").expect("a file");
        assert_eq!(in_folder(&folder).expect("examples").len(), first.len());
        assert_eq!(fs::read_to_string(kept).expect("a file"), "noted");
    }
}
