//! Where Pythons are kept. An app opened by double click has no shell `PATH`, so every package
//! manager's own folders are looked through.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{Origin, managed};
use crate::platform::dirs;
use crate::platform::executables::{HOMEBREW_PREFIXES, find_in, is_executable};

/// Names on `PATH`, newest stable first; `python3` last, as it may be any of them.
const NAMES: [&str; 5] = [
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3",
];

/// In the home folder and in `/opt`: what conda's installers make, from a terminal or with a window.
const CONDA_FOLDERS: [&str; 10] = [
    "miniconda3",
    "miniforge3",
    "mambaforge",
    "anaconda3",
    "micromamba",
    "miniconda",
    "miniforge",
    "anaconda",
    "opt/miniconda3",
    "opt/anaconda3",
];

/// In a Homebrew prefix: the casks' own folders.
const CONDA_CASKS: [&str; 4] = [
    "Caskroom/miniforge/base",
    "Caskroom/miniconda/base",
    "Caskroom/mambaforge/base",
    "anaconda3",
];

/// In the home folder: version managers that keep a folder for each Python, as pyenv does.
const VERSION_MANAGERS: [&str; 2] = [".local/share/mise/installs/python", ".asdf/installs/python"];

/// In the home folder: a Mac asks the user before an app may look in there. A search that was not
/// asked for must not make it ask.
const GUARDED_FOLDERS: [&str; 5] = [
    "Desktop",
    "Documents",
    "Downloads",
    "Library/CloudStorage",
    "Library/Mobile Documents",
];

/// In the home folder: pipx, of old, of today, and where a Mac keeps an app's files.
const PIPX_FOLDERS: [&str; 3] = [
    ".local/pipx/venvs",
    ".local/share/pipx/venvs",
    "Library/Application Support/pipx/venvs",
];

/// What the search starts from; tests point it at a folder of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub path: OsString,
    pub home: Option<PathBuf>,
    pub virtual_env: Option<PathBuf>,
    pub conda_prefix: Option<PathBuf>,
    pub pyenv_root: Option<PathBuf>,
    pub uv_tools: Option<PathBuf>,
    pub uv_pythons: Option<PathBuf>,
    pub managed: Option<PathBuf>,
    /// Put before `/opt/homebrew` and the like; `/` outside tests.
    pub root: PathBuf,
}

impl Places {
    pub fn of_this_machine() -> Self {
        let folder = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = folder("HOME");
        let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let data = folder("XDG_DATA_HOME").or_else(|| under_home(".local/share"));
        let under_data = |path: &str| data.as_ref().map(|data| data.join(path));
        Self {
            path: env::var_os("PATH").unwrap_or_default(),
            virtual_env: folder("VIRTUAL_ENV"),
            conda_prefix: folder("CONDA_PREFIX"),
            pyenv_root: folder("PYENV_ROOT").or_else(|| under_home(".pyenv")),
            uv_tools: folder("UV_TOOL_DIR").or_else(|| under_data("uv/tools")),
            uv_pythons: folder("UV_PYTHON_INSTALL_DIR").or_else(|| under_data("uv/python")),
            managed: dirs::environment_dir(),
            root: PathBuf::from("/"),
            home,
        }
    }

    /// Every Python that may be there, most preferred first, each once. None was run yet.
    pub fn candidates(&self) -> Vec<(PathBuf, Origin)> {
        let mut list = Candidates::default();
        if let Some(folder) = &self.virtual_env {
            list.add(folder.join("bin/python"), Origin::VirtualEnv);
        }
        // A half-made environment is no candidate: only its record says that it is whole.
        if let Some(python) = self.managed.as_deref().and_then(managed::finished_python) {
            list.add(python, Origin::Managed);
        }
        self.add_path(&mut list);
        self.add_homebrew(&mut list);
        for version in entries(self.pyenv_root.as_deref(), "versions") {
            list.add(version.join("bin/python3"), Origin::Pyenv);
        }
        for manager in VERSION_MANAGERS {
            for version in entries(self.home.as_deref(), manager) {
                list.add(version.join("bin/python3"), Origin::VersionManager);
            }
        }
        for tool in entries(self.uv_tools.as_deref(), "") {
            list.add(tool.join("bin/python"), Origin::UvTool);
        }
        for python in entries(self.uv_pythons.as_deref(), "") {
            list.add(python.join("bin/python3"), Origin::UvPython);
        }
        for venvs in PIPX_FOLDERS {
            for venv in entries(self.home.as_deref(), venvs) {
                list.add(venv.join("bin/python"), Origin::Pipx);
            }
        }
        let framework = "Library/Frameworks/Python.framework/Versions";
        for version in entries(Some(&self.root), framework) {
            list.add(version.join("bin/python3"), Origin::PythonOrg);
        }
        self.add_conda(&mut list);
        list.found
    }

    fn add_path(&self, list: &mut Candidates) {
        if let Some(python) = find_in("mlx_lm.server", &self.path).and_then(|file| shebang(&file)) {
            list.add(python, Origin::ServerCommand);
        }
        let mut folders: Vec<PathBuf> = env::split_paths(&self.path)
            .filter(|folder| folder.is_absolute())
            .collect();
        folders.extend(self.home.as_ref().map(|home| home.join(".local/bin")));
        folders.push(self.root.join("usr/bin"));
        folders.push(self.root.join("opt/local/bin"));
        for folder in folders {
            for name in NAMES {
                list.add(folder.join(name), Origin::Path);
            }
        }
    }

    fn add_homebrew(&self, list: &mut Candidates) {
        for prefix in HOMEBREW_PREFIXES {
            let prefix = self.root.join(prefix.trim_start_matches('/'));
            // Homebrew's mlx-lm formula keeps a virtual environment of its own.
            list.add(
                prefix.join("opt/mlx-lm/libexec/bin/python"),
                Origin::Homebrew,
            );
            for name in NAMES {
                list.add(prefix.join("bin").join(name), Origin::Homebrew);
            }
            for (_, minor) in NAMES.iter().filter_map(|name| name.split_once('.')) {
                let file = format!("opt/python@3.{minor}/bin/python3.{minor}");
                list.add(prefix.join(file), Origin::Homebrew);
            }
        }
    }

    fn add_conda(&self, list: &mut Candidates) {
        if let Some(prefix) = &self.conda_prefix {
            list.add(prefix.join("bin/python"), Origin::Conda);
        }
        let casks = HOMEBREW_PREFIXES.iter().flat_map(|prefix| {
            let prefix = self.root.join(prefix.trim_start_matches('/'));
            CONDA_CASKS.iter().map(move |cask| prefix.join(cask))
        });
        let bases = CONDA_FOLDERS
            .iter()
            .flat_map(|name| {
                [
                    self.home.as_ref().map(|home| home.join(name)),
                    Some(self.root.join("opt").join(name)),
                ]
            })
            .flatten()
            .chain(casks);
        for base in bases {
            list.add(base.join("bin/python"), Origin::Conda);
            for env in entries(Some(&base), "envs") {
                list.add(env.join("bin/python"), Origin::Conda);
            }
        }
        for environment in self.listed_by_conda() {
            list.add(environment.join("bin/python"), Origin::Conda);
        }
    }

    /// Every environment that conda has made lies in a list of its own, wherever it was put.
    fn listed_by_conda(&self) -> Vec<PathBuf> {
        let list = self
            .home
            .as_ref()
            .map(|home| home.join(".conda/environments.txt"));
        let text = list.and_then(|list| fs::read_to_string(list).ok());
        let text = text.unwrap_or_default();
        let lines = text.lines().map(|line| PathBuf::from(line.trim()));
        lines
            .filter(|folder| folder.is_absolute() && !self.is_guarded(folder))
            .collect()
    }

    /// Whether a Mac would ask the user before it lets us look; disks that come and go are guarded
    /// as some of the user's folders are.
    fn is_guarded(&self, folder: &Path) -> bool {
        let mut guarded = GUARDED_FOLDERS.iter();
        folder.starts_with(self.root.join("Volumes"))
            || self
                .home
                .as_ref()
                .is_some_and(|home| guarded.any(|guarded| folder.starts_with(home.join(guarded))))
    }
}

#[derive(Default)]
struct Candidates {
    found: Vec<(PathBuf, Origin)>,
    seen: HashSet<PathBuf>,
}

impl Candidates {
    fn add(&mut self, exe: PathBuf, origin: Origin) {
        if is_executable(&exe) && !opens_a_dialog(&exe) && self.seen.insert(identity(&exe)) {
            self.found.push((exe, origin));
        }
    }
}

/// On a Mac without the developer tools, Apple's `/usr/bin/python3` opens a window that offers to
/// install them. With them it is a Python too old for mlx-lm, so nothing is lost.
fn opens_a_dialog(exe: &Path) -> bool {
    cfg!(target_os = "macos") && exe == Path::new("/usr/bin/python3")
}

/// Two paths of one identity are the same Python. All of a virtual environment's links lead to the
/// Python it was made from, so there the environment's folder counts instead of the file.
fn identity(exe: &Path) -> PathBuf {
    let environment = exe
        .parent()
        .and_then(Path::parent)
        .filter(|folder| folder.join("pyvenv.cfg").is_file())
        .and_then(|folder| folder.canonicalize().ok());
    environment
        .or_else(|| exe.canonicalize().ok())
        .unwrap_or_else(|| exe.to_path_buf())
}

/// The folders in `base`/`below`, newest name first; empty where there are none.
fn entries(base: Option<&Path>, below: &str) -> Vec<PathBuf> {
    let Some(folder) = base.map(|base| base.join(below)) else {
        return Vec::new();
    };
    let Ok(read) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.sort();
    found.reverse();
    found
}

/// The Python that a script's first line names with its whole path.
fn shebang(script: &Path) -> Option<PathBuf> {
    let file = fs::File::open(script).ok()?;
    let mut line = String::new();
    // A compiled program may have no line end for megabytes.
    BufReader::new(file.take(1024)).read_line(&mut line).ok()?;
    let interpreter = PathBuf::from(line.strip_prefix("#!")?.trim());
    let name = interpreter.file_name()?.to_str()?;
    (interpreter.is_absolute() && name.starts_with("python")).then_some(interpreter)
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
