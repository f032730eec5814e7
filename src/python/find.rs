//! Which Python runs `mlx_lm.server`.

use std::collections::HashSet;
use std::env;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};

use super::error::PythonError;
use super::managed::pins;
use super::places::Places;
use super::probe::{Probe, ask};
use super::{Interpreter, MIN_PYTHON, Origin, major_minor};
use crate::platform::executables::{is_executable, on_path};

/// Pythons probed at one time.
const AT_ONCE: usize = 8;

/// Every Python on this machine that runs, most preferred first: the chosen one (`MLX_PYTHON`), the
/// active virtual environment, the managed environment, then the rest as in [`Origin`]. Those
/// without mlx-lm are among them. One that does not run is left out.
pub async fn find(chosen: Option<&Path>) -> Vec<Interpreter> {
    survey(chosen).await.0
}

/// The Python that runs `mlx_lm.server`: the chosen one, which must then work, or else the first
/// found that has mlx and mlx-lm.
pub async fn choose(chosen: Option<&Path>) -> Result<Interpreter, PythonError> {
    match chosen {
        Some(chosen) => check_chosen(&resolve(chosen)).await,
        None => survey(None).await.1,
    }
}

/// Both at once: what [`find`] finds and what [`choose`] takes of it.
pub async fn survey(chosen: Option<&Path>) -> (Vec<Interpreter>, Result<Interpreter, PythonError>) {
    let chosen = chosen.map(resolve);
    let found = look(&Places::of_this_machine(), chosen.as_deref()).await;
    let found: Vec<Interpreter> = found.into_iter().map(|found| found.interpreter).collect();
    let taken = match &chosen {
        Some(chosen) => check_chosen(chosen).await,
        None => first_with_mlx_lm(&found),
    };
    (found, taken)
}

/// A Python that runs, with what the search learnt about it.
pub(crate) struct Found {
    pub interpreter: Interpreter,
    pub probe: Probe,
}

/// Probes every candidate, several at a time, and keeps the order.
pub(crate) async fn look(places: &Places, chosen: Option<&Path>) -> Vec<Found> {
    let mut candidates: Vec<(PathBuf, Origin)> = chosen
        .map(|exe| (exe.to_path_buf(), Origin::Chosen))
        .into_iter()
        .collect();
    candidates.extend(places.candidates());
    let answers: Vec<Option<Found>> = stream::iter(candidates)
        .map(|(exe, origin)| async move {
            let probe = ask(&exe).await.ok()?;
            Some(Found {
                interpreter: probe.interpreter(&exe, origin),
                probe,
            })
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    // A shim leads to a Python that was also found where it lives: only its answer shows that.
    let mut seen = HashSet::new();
    answers
        .into_iter()
        .flatten()
        .filter(|found| seen.insert((found.probe.prefix.clone(), major_minor(&found.probe.python))))
        .collect()
}

async fn check_chosen(exe: &Path) -> Result<Interpreter, PythonError> {
    let path = exe.to_path_buf();
    if !exe.exists() {
        return Err(PythonError::ChosenMissing { path });
    }
    if !is_executable(exe) {
        let detail = "it is not an executable file".to_owned();
        return Err(PythonError::ChosenBroken { path, detail });
    }
    let probe = ask(exe).await.map_err(|error| match error {
        PythonError::DoesNotRun { path, detail } => PythonError::ChosenBroken { path, detail },
        other => other,
    })?;
    if probe.mlx_lm.is_some() {
        return Ok(probe.interpreter(exe, Origin::Chosen));
    }
    let python = probe.python;
    Err(if is_old(&python) {
        let need = format!("{}.{}", MIN_PYTHON.0, MIN_PYTHON.1);
        PythonError::ChosenTooOld { path, python, need }
    } else {
        PythonError::ChosenWithoutMlxLm {
            path,
            python,
            wanted: pins::install_words(),
        }
    })
}

fn first_with_mlx_lm(found: &[Interpreter]) -> Result<Interpreter, PythonError> {
    let with_mlx_lm = || found.iter().filter(|python| python.mlx_lm.is_some());
    // One without mlx cannot serve, but its own error says more than "none found".
    with_mlx_lm()
        .find(|python| python.mlx.is_some() && python.backend.is_some())
        .or_else(|| with_mlx_lm().next())
        .cloned()
        .ok_or_else(|| PythonError::NoneFound {
            looked_at: match found.len() {
                0 => "there is no Python 3 on this machine".to_owned(),
                1 => "one Python was looked at".to_owned(),
                more => format!("{more} Pythons were looked at"),
            },
        })
}

pub(crate) fn is_old(python: &str) -> bool {
    major_minor(python).is_some_and(|version| version < MIN_PYTHON)
}

/// `MLX_PYTHON` as people write it: a path, a name on `PATH`, a path from `~`, or an environment's
/// folder.
pub(crate) fn resolve(chosen: &Path) -> PathBuf {
    let mut path = chosen.to_path_buf();
    if let Ok(rest) = chosen.strip_prefix("~")
        && let Some(home) = env::var_os("HOME")
    {
        path = PathBuf::from(home).join(rest);
    }
    if path.components().count() == 1
        && !path.exists()
        && let Some(found) = path.to_str().and_then(on_path)
    {
        return found;
    }
    if path.join("bin/python").exists() {
        path.push("bin/python");
    }
    // The server is started in another folder, where a relative path would lead elsewhere. Links
    // stay as they are: a virtual environment is known by its own.
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
