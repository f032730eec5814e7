//! What the page knows.

use std::path::{Path, PathBuf};

use super::setup::Setup;
use crate::doctor::{Check, Level, worst};
use crate::python::Interpreter;

/// What a user asks of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvironmentAction {
    /// Look at everything again.
    Refresh,
    /// Run the server with this Python.
    ChoosePython(PathBuf),
    /// A native dialog for another Python.
    PickPython,
    /// Leave the choice to the app.
    AutomaticPython,
    /// Make the managed environment, or mend it.
    SetUp,
    CancelSetUp,
    /// A native dialog for the nginx binary.
    PickNginx,
}

/// Something that is looked up in the background.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Loaded<T> {
    #[default]
    NotAsked,
    /// Being looked up; what was known before stays in sight.
    Loading(Option<T>),
    Ready(T),
}

impl<T> Loaded<T> {
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Ready(value) | Self::Loading(Some(value)) => Some(value),
            Self::NotAsked | Self::Loading(None) => None,
        }
    }

    pub fn is_loading(&self) -> bool {
        matches!(self, Self::Loading(_))
    }

    /// Begins to load, and keeps what was known.
    pub fn begin(&mut self) {
        *self = match std::mem::take(self) {
            Self::Ready(value) | Self::Loading(Some(value)) => Self::Loading(Some(value)),
            Self::NotAsked | Self::Loading(None) => Self::Loading(None),
        };
    }
}

/// A line of the list of Pythons, ready to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PythonLine {
    pub exe: PathBuf,
    /// Its path, as far as it matters to people.
    pub path: String,
    pub origin: String,
    pub python: String,
    pub mlx: String,
    pub mlx_lm: String,
    /// Why it cannot run the server.
    pub unusable: Option<&'static str>,
}

/// The page's data. Set it with the functions below; drawing changes nothing.
#[derive(Debug, Default)]
pub struct EnvironmentPage {
    pub(super) checks: Loaded<Vec<Check>>,
    pub(super) pythons: Loaded<Vec<PythonLine>>,
    /// The one that serves.
    pub(super) in_use: Option<PathBuf>,
    /// It serves because the user said so, rather than because it was found first.
    pub(super) chosen: bool,
    /// Why none serves.
    pub(super) python_problem: Option<String>,
    pub setup: Setup,
    pub(super) headline: String,
}

impl EnvironmentPage {
    /// A look at everything has begun.
    pub fn begin_refresh(&mut self) {
        self.checks.begin();
        self.pythons.begin();
    }

    pub fn set_checks(&mut self, checks: Vec<Check>) {
        self.headline = headline(&checks);
        self.checks = Loaded::Ready(checks);
    }

    /// All Pythons, the one that serves or why none does, and whether it was chosen by the user.
    pub fn set_pythons(
        &mut self,
        found: &[Interpreter],
        taken: Result<&Interpreter, String>,
        chosen: bool,
    ) {
        let mut lines: Vec<PythonLine> = found.iter().map(PythonLine::of).collect();
        match taken {
            Ok(python) => {
                // One made since is not among those found.
                if lines.iter().all(|line| line.exe != python.exe) {
                    lines.insert(0, PythonLine::of(python));
                }
                self.in_use = Some(python.exe.clone());
                self.python_problem = None;
            }
            Err(problem) => {
                self.in_use = None;
                self.python_problem = Some(problem);
            }
        }
        self.chosen = chosen;
        self.pythons = Loaded::Ready(lines);
    }

    pub fn in_use(&self) -> Option<&Path> {
        self.in_use.as_deref()
    }

    pub fn checks(&self) -> &Loaded<Vec<Check>> {
        &self.checks
    }

    pub(super) fn nginx(&self) -> Option<&Check> {
        self.checks
            .get()?
            .iter()
            .find(|check| check.name == "nginx")
    }
}

impl PythonLine {
    fn of(python: &Interpreter) -> Self {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "–".to_owned());
        let mut mlx = version(&python.mlx);
        if let Some(backend) = &python.backend {
            mlx = format!("{mlx} ({backend})");
        }
        Self {
            exe: python.exe.clone(),
            path: python.exe.display().to_string(),
            origin: python.origin.to_string(),
            python: python.python.clone(),
            mlx,
            mlx_lm: version(&python.mlx_lm),
            unusable: if python.mlx_lm.is_none() {
                Some("mlx-lm is not installed in it")
            } else if python.backend.is_none() {
                Some("mlx is not installed in it, or lacks its backend")
            } else {
                None
            },
        }
    }
}

fn headline(checks: &[Check]) -> String {
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let counted = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
    match worst(checks) {
        Level::Ok => "Ready to measure".to_owned(),
        Level::Warning => format!("Ready, with {}", counted(warnings, "warning")),
        Level::Problem if warnings == 0 => counted(problems, "problem"),
        Level::Problem => format!(
            "{} and {}",
            counted(problems, "problem"),
            counted(warnings, "warning")
        ),
    }
}
