//! Python interpreters with MLX: found, probed, and the managed environment.
//!
//! [`find::choose`] answers "which Python runs `mlx_lm.server`", [`server_probe::server_probe`]
//! "how is the server started there and which flags does it know", and [`managed::ensure`] makes
//! an environment of our own where there is none.

mod child;
pub mod error;
#[cfg(test)]
mod fake;
pub mod find;
pub mod managed;
mod places;
pub mod probe;
pub mod server_probe;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use error::PythonError;
pub use find::{choose, find, survey};
pub use managed::ensure;
pub use server_probe::{ServerProbe, server_probe};

/// The oldest Python (major, minor) that the pinned mlx-lm installs on.
pub const MIN_PYTHON: (u32, u32) = (3, 11);

/// Why an interpreter was looked at; the order is the order of preference.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    #[strum(to_string = "MLX_PYTHON")]
    Chosen,
    #[strum(to_string = "the active virtual environment")]
    VirtualEnv,
    #[strum(to_string = "the managed environment")]
    Managed,
    /// The interpreter that an installed `mlx_lm.server` command names in its first line.
    #[strum(to_string = "the mlx_lm.server on PATH")]
    ServerCommand,
    #[strum(to_string = "PATH")]
    Path,
    #[strum(to_string = "Homebrew")]
    Homebrew,
    #[strum(to_string = "pyenv")]
    Pyenv,
    /// mise or asdf.
    #[strum(to_string = "a version manager")]
    VersionManager,
    #[strum(to_string = "uv tools")]
    UvTool,
    #[strum(to_string = "uv's Pythons")]
    UvPython,
    #[strum(to_string = "pipx")]
    Pipx,
    #[strum(to_string = "python.org")]
    PythonOrg,
    #[strum(to_string = "conda")]
    Conda,
}

/// A Python that runs, and what of MLX is installed in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// What to execute; inside a virtual environment this is the environment's own link.
    pub exe: PathBuf,
    pub origin: Origin,
    /// Python's version, `3.12.4`.
    pub python: String,
    /// mlx's version; `None` where it is not installed.
    pub mlx: Option<String>,
    /// mlx-lm's version; `None` where it is not installed.
    pub mlx_lm: Option<String>,
    /// What mlx computes on: `metal`, `cuda-13`, `cuda-12` or `cpu`. `None` where no backend
    /// package is installed, and `import mlx.core` then fails.
    pub backend: Option<String>,
}

impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            exe,
            origin,
            python,
            mlx,
            mlx_lm,
            backend,
        } = self;
        write!(f, "Python {python}")?;
        match mlx {
            Some(mlx) => write!(f, ", mlx {mlx}")?,
            None => write!(f, ", no mlx")?,
        }
        if let Some(backend) = backend {
            write!(f, " ({backend})")?;
        }
        match mlx_lm {
            Some(mlx_lm) => write!(f, ", mlx-lm {mlx_lm}")?,
            None => write!(f, ", no mlx-lm")?,
        }
        write!(f, ": {} ({origin})", exe.display())
    }
}

/// Major and minor of a version such as `3.12.4` or `3.14.0rc1`.
pub(crate) fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Why there is no Python to run the server with.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error(transparent)]
    Python(#[from] PythonError),
    #[error(transparent)]
    Setup(#[from] managed::SetupError),
    #[error(
        "no Python with mlx_lm was found, and this user has no home folder (HOME) to make an \
         environment in. Set HOME, or name a Python with MLX_PYTHON"
    )]
    NoHome,
}

/// The Python to run the server with, whatever it takes: as [`choose`] finds it, or else the managed
/// environment, which is made where there is none, and made anew where it is damaged or older.
pub async fn find_or_make(
    chosen: Option<&Path>,
    progress: managed::OnProgress<'_>,
    cancel: &CancellationToken,
) -> Result<Interpreter, NotReady> {
    match choose(chosen).await {
        Ok(python) if python.origin != Origin::Managed => return Ok(python),
        Ok(_) | Err(PythonError::NoneFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let dir = crate::platform::dirs::environment_dir().ok_or(NotReady::NoHome)?;
    Ok(ensure(&dir, progress, cancel).await?)
}
