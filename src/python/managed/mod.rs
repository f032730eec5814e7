//! The managed environment: a virtual environment of our own with pinned mlx and mlx-lm.
//!
//! [`ensure`] makes it or reuses it. See [`record`] for how a whole environment is told from a
//! half-made one, and [`install`] for how one is made.

mod failure;
mod install;
mod lock;
pub mod pins;
mod record;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::places::Places;
use super::probe::{Probe, ask};
use super::{Interpreter, Origin};
use crate::platform::executables::{HOMEBREW_PREFIXES, is_executable, on_path};
pub use failure::SetupError;
use pins::Accelerator;
use record::Record;

/// What is being done, for people to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Progress {
    /// Another process is making the same environment.
    Waiting,
    /// Looking for a Python to make it from.
    Finding,
    CreatingVenv {
        /// The Python it is made from, in words.
        python: String,
    },
    /// A line that the installer printed.
    Installing { line: String },
    /// The first try failed in a way that may pass.
    Retrying { reason: String },
    /// Starting the server once, for its help text.
    Checking,
    Done {
        /// It was there already, whole and with the right versions.
        reused: bool,
    },
}

/// Where the environment goes and what it is made from.
#[derive(Debug, Clone)]
pub struct Options {
    pub dir: PathBuf,
    /// Make it anew even if it is whole.
    pub force: bool,
    /// The Python to make it from; `None` finds one.
    pub base: Option<PathBuf>,
}

/// Called with each step, from the task that runs [`ensure`].
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Returns the Python of the environment in `dir`, which is made first where it is missing, not
/// whole, or of other versions. Takes well under a second if there is nothing to do, minutes and
/// some hundred megabytes of downloads otherwise. Callers in any number of processes wait for one
/// another, and all but the first reuse what it made.
///
/// Beside `dir` lie `<dir>.log`, with all that the installers printed, and `<dir>.lock`.
///
/// # Errors
/// See [`SetupError`]. After an error or a cancel (by the token, or by dropping the future) the
/// folder is gone, or, where a whole environment of other versions was to be replaced, that one is
/// back.
pub async fn ensure(
    dir: &Path,
    progress: OnProgress<'_>,
    cancel: &CancellationToken,
) -> Result<Interpreter, SetupError> {
    let options = Options {
        dir: dir.to_path_buf(),
        force: false,
        base: None,
    };
    ensure_with(&options, progress, cancel).await
}

/// As [`ensure`], with choices.
pub async fn ensure_with(
    options: &Options,
    progress: OnProgress<'_>,
    cancel: &CancellationToken,
) -> Result<Interpreter, SetupError> {
    ensure_from(&Means::of_this_machine(), options, progress, cancel).await
}

/// The Python of a whole environment in `dir`; `None` where there is none, or a half-made one.
pub fn finished_python(dir: &Path) -> Option<PathBuf> {
    Record::read(dir).map(|_| python_of(dir))
}

/// Why the environment in `dir` would be made anew by [`ensure`]: `None` if it is whole and of this
/// release's versions. Does not run its Python.
pub fn reason_to_remake(dir: &Path) -> Option<String> {
    let requirements = pins::requirements(Accelerator::of_this_machine());
    unfit(dir, &requirements).err()
}

/// What an environment can be made with; tests bring their own.
pub(crate) struct Means {
    places: Places,
    uv: Option<PathBuf>,
    accelerator: Accelerator,
}

impl Means {
    fn of_this_machine() -> Self {
        let places = Places {
            managed: None,
            ..Places::of_this_machine()
        };
        let homes = [".local/bin/uv", ".cargo/bin/uv"]
            .map(|file| places.home.as_ref().map(|home| home.join(file)));
        let uv = on_path("uv").or_else(|| {
            homes
                .into_iter()
                .flatten()
                .chain(HOMEBREW_PREFIXES.map(|prefix| Path::new(prefix).join("bin/uv")))
                .find(|file| is_executable(file))
        });
        Self {
            places,
            uv,
            accelerator: Accelerator::of_this_machine(),
        }
    }
}

async fn ensure_from(
    means: &Means,
    options: &Options,
    progress: OnProgress<'_>,
    cancel: &CancellationToken,
) -> Result<Interpreter, SetupError> {
    let dir = std::path::absolute(&options.dir)
        .map_err(|error| SetupError::io("resolve", &options.dir, error))?;
    let parent = dir.parent().unwrap_or(&dir);
    fs::create_dir_all(parent).map_err(|error| SetupError::io("create", parent, error))?;
    let _alone = lock::take(
        beside(&dir, ".lock"),
        || progress(Progress::Waiting),
        cancel,
    )
    .await?;
    sweep(&dir);

    let requirements = pins::requirements(means.accelerator);
    if !options.force {
        match reusable(&dir, &requirements).await {
            Ok(python) => {
                progress(Progress::Done { reused: true });
                return Ok(python);
            }
            Err(reason) => tracing::info!(dir = %dir.display(), %reason, "making the environment"),
        }
    }
    let unfinished = Unfinished::begin(&dir)?;
    let python = install::Install {
        means,
        dir: &dir,
        base: options.base.as_deref(),
        progress,
        cancel,
    }
    .run(&requirements)
    .await?;
    unfinished.keep();
    progress(Progress::Done { reused: false });
    Ok(python)
}

/// The environment's Python if it needs no making.
async fn reusable(dir: &Path, requirements: &[String]) -> Result<Interpreter, String> {
    let (folder, wanted) = (dir.to_path_buf(), requirements.to_vec());
    let checked = tokio::task::spawn_blocking(move || unfit(&folder, &wanted));
    checked.await.map_err(|error| error.to_string())??;
    let exe = python_of(dir);
    // It was made from a Python that may have been removed or replaced since.
    let probe = ask(&exe).await.map_err(|error| error.to_string())?;
    check_versions(&probe)?;
    Ok(probe.interpreter(&exe, Origin::Managed))
}

fn unfit(dir: &Path, requirements: &[String]) -> Result<(), String> {
    let record = Record::read(dir).ok_or("there is none, or it was left half-made")?;
    if record.requirements != requirements {
        return Err(format!("it holds {}", record.requirements.join(" and ")));
    }
    record
        .damage(dir)
        .map_or(Ok(()), |what| Err(format!("{what} was damaged or removed")))
}

/// What Python itself sees must be what was pinned.
fn check_versions(probe: &Probe) -> Result<(), String> {
    for (name, found) in [("mlx", &probe.mlx), ("mlx-lm", &probe.mlx_lm)] {
        let wanted = pins::pinned_version(name);
        if found.as_deref() != wanted {
            let (wanted, found) = (
                wanted.unwrap_or("any version"),
                found.as_deref().unwrap_or("none"),
            );
            return Err(format!(
                "{name} {wanted} was asked for, but {found} is installed"
            ));
        }
    }
    Ok(())
}

fn python_of(dir: &Path) -> PathBuf {
    dir.join("bin/python")
}

/// `<dir><ending>`, in the same folder as `dir`.
fn beside(dir: &Path, ending: &str) -> PathBuf {
    let mut name = dir
        .file_name()
        .map_or_else(|| OsString::from("environment"), OsString::from);
    name.push(ending);
    dir.with_file_name(name)
}

/// Removes the folder, first out of the way in one step (so that nothing half-deleted stands in its
/// place), then for good.
fn discard(dir: &Path) -> Result<(), SetupError> {
    set_aside(dir)?
        .map_or(Ok(()), TempDir::close)
        .map_err(|error| SetupError::io("remove", dir, error))
}

/// What a folder is called within the one that it was set aside in.
const ASIDE: &str = "environment";

/// Moves the folder out of the way in one step; `None` if there is none.
fn set_aside(dir: &Path) -> Result<Option<TempDir>, SetupError> {
    let failed = |error| SetupError::io("move away", dir, error);
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(meta) if !meta.is_dir() || !record::is_ours(dir).map_err(failed)? => {
            return Err(SetupError::NotOurs {
                folder: dir.to_path_buf(),
            });
        }
        Ok(_) => {}
    }
    let aside = tempfile::Builder::new()
        .prefix(&discarded_prefix(dir))
        .tempdir_in(dir.parent().unwrap_or(dir))
        .map_err(failed)?;
    fs::rename(dir, aside.path().join(ASIDE)).map_err(failed)?;
    Ok(Some(aside))
}

fn discarded_prefix(dir: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(beside(dir, ".discarded-").file_name().unwrap_or_default());
    prefix
}

/// Removes what a killed [`discard`] left; what cannot be removed does no harm but take space.
fn sweep(dir: &Path) {
    let prefix = discarded_prefix(dir);
    let prefix = prefix.as_encoded_bytes();
    for entry in dir
        .parent()
        .and_then(|parent| fs::read_dir(parent).ok())
        .into_iter()
        .flatten()
    {
        let Ok(entry) = entry else { continue };
        if entry.file_name().as_encoded_bytes().starts_with(prefix)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(%error, path = %entry.path().display(), "cannot remove");
        }
    }
}

/// Removes the new folder on every way out but the good one, a dropped future included, and puts
/// back what stood in its place if that was whole: no network must not cost a working environment.
struct Unfinished {
    dir: PathBuf,
    former: Option<TempDir>,
    kept: bool,
}

impl Unfinished {
    fn begin(dir: &Path) -> Result<Self, SetupError> {
        let whole = Record::read(dir).is_some_and(|record| record.damage(dir).is_none());
        // A damaged one is deleted here, as nothing keeps it.
        let former = set_aside(dir)?.filter(|_| whole);
        Ok(Self {
            dir: dir.to_path_buf(),
            former,
            kept: false,
        })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let removed = discard(&self.dir);
        let restored = removed.and_then(|()| match &self.former {
            Some(former) => fs::rename(former.path().join(ASIDE), &self.dir)
                .map_err(|error| SetupError::io("put back", &self.dir, error)),
            None => Ok(()),
        });
        if let Err(error) = restored {
            // Without a record it will not be used, and the next call tries to remove it again.
            tracing::warn!(%error, "a half-made environment was left");
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
