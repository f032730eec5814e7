//! Where the app keeps its own files.

use std::path::{Path, PathBuf};

use directories::BaseDirs;

#[cfg(target_os = "macos")]
const FOLDER: &str = "MLX Throughput Lab";
#[cfg(not(target_os = "macos"))]
const FOLDER: &str = "mlx-throughput-lab";

/// `~/Library/Application Support/MLX Throughput Lab` on a Mac, `~/.local/share/mlx-throughput-lab`
/// on Linux; `None` where the user has no home folder.
pub fn data_dir() -> Option<PathBuf> {
    BaseDirs::new().map(|base| base.data_dir().join(FOLDER))
}

/// The managed Python environment.
pub fn environment_dir() -> Option<PathBuf> {
    data_dir().map(|data| data.join("environment"))
}

/// Synthetic models.
pub fn models_dir() -> Option<PathBuf> {
    data_dir().map(|data| data.join("models"))
}

pub fn settings_file() -> Option<PathBuf> {
    data_dir().map(|data| data.join("settings.json"))
}

/// What the app writes of itself where no terminal reads it: `~/Library/Logs/MLX Throughput Lab.log`
/// on a Mac. `None` where the app was not opened from Finder, or the user has no home folder.
pub fn log_file() -> Option<PathBuf> {
    let base = BaseDirs::new().filter(|_| is_opened_from_finder())?;
    let file = "Library/Logs/MLX Throughput Lab.log";
    Some(base.home_dir().join(file))
}

/// Whether this process belongs to an app's bundle: its working directory and `PATH` are then
/// nobody's choice.
pub fn is_opened_from_finder() -> bool {
    std::env::current_exe().is_ok_and(|exe| is_in_bundle(&exe))
}

/// Whether the working directory is nobody's choice: in an app from Finder, or in `/`, where
/// nobody works.
pub fn is_without_a_place() -> bool {
    is_opened_from_finder() || std::env::current_dir().is_ok_and(|here| here.parent().is_none())
}

/// Whether a program is the one inside of a Mac's bundle, `NAME.app/Contents/MacOS/PROGRAM`.
fn is_in_bundle(exe: &Path) -> bool {
    let mut above = exe.ancestors().skip(1);
    let named = |folder: Option<&Path>, name: &str| folder.is_some_and(|path| path.ends_with(name));
    named(above.next(), "MacOS")
        && named(above.next(), "Contents")
        && above
            .next()
            .and_then(Path::extension)
            .is_some_and(|extension| extension == "app")
}

/// Where the window keeps results. `wanted` is what the settings say, `given` whether somebody chose
/// it: the default is a folder beside the work that is going on. An app that was opened from Finder
/// has no such place ([`is_without_a_place`]) and keeps them among its own files.
pub fn results_dir(wanted: &Path, given: bool, without_a_place: bool) -> PathBuf {
    if given || !without_a_place || wanted.is_absolute() {
        return wanted.to_owned();
    }
    data_dir().map_or_else(|| wanted.to_owned(), |data| data.join("results"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_a_bundle_is_known_by_its_path() {
        for (exe, bundled) in [
            (
                "/Applications/MLX Throughput Lab.app/Contents/MacOS/lab",
                true,
            ),
            ("/Users/a/b.app/Contents/MacOS/lab", true),
            ("/opt/homebrew/bin/lab", false),
            ("/Applications/Lab.app/Contents/Resources/lab", false),
            ("/Applications/Lab/Contents/MacOS/lab", false),
            ("/code/lab.app/target/release/lab", false),
            ("lab", false),
        ] {
            assert_eq!(is_in_bundle(Path::new(exe)), bundled, "{exe}");
        }
        assert!(!is_opened_from_finder(), "a test is no bundle");
        assert_eq!(log_file(), None);
    }

    #[test]
    fn results_go_beside_the_work_or_to_the_apps_own_files() {
        let own = data_dir().expect("a home folder").join("results");
        let default = Path::new("results");
        assert_eq!(results_dir(default, false, false), default);
        assert_eq!(results_dir(default, false, true), own);
        let chosen = Path::new("/Users/a/runs");
        assert_eq!(results_dir(chosen, true, true), chosen);
        assert_eq!(results_dir(chosen, false, true), chosen);
        assert_eq!(
            results_dir(Path::new("mine"), true, true),
            Path::new("mine")
        );
    }
}
