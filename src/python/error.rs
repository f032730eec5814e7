//! What can be wrong with a Python, each with what to do about it.

use std::path::{Path, PathBuf};

use super::managed::pins;
use crate::platform::dirs;

/// The command that makes the managed environment, as messages name it.
pub const SETUP: &str = "mlx-throughput-lab setup";

/// How an installation of mlx and mlx-lm that lacks something is mended.
pub fn how_to_mend(exe: &Path) -> String {
    if dirs::environment_dir().is_some_and(|managed| exe.starts_with(managed)) {
        return format!("Run `{SETUP}` to make the managed environment anew");
    }
    format!(
        "Install it again (`{} -m pip install --force-reinstall {}`), or run `{SETUP}`",
        exe.display(),
        pins::install_words()
    )
}

#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    #[error(
        "MLX_PYTHON names {path}, which does not exist. Name an existing Python, or unset \
         MLX_PYTHON to let one be found",
        path = path.display()
    )]
    ChosenMissing { path: PathBuf },

    #[error(
        "MLX_PYTHON names {path}, which cannot be run as Python: {detail}. Name a working Python, \
         or unset MLX_PYTHON to let one be found",
        path = path.display()
    )]
    ChosenBroken { path: PathBuf, detail: String },

    #[error(
        "MLX_PYTHON names {path} (Python {python}), where mlx_lm is not installed. Install it \
         (`{path} -m pip install {wanted}`), or unset MLX_PYTHON and run `{SETUP}`",
        path = path.display()
    )]
    ChosenWithoutMlxLm {
        path: PathBuf,
        python: String,
        wanted: String,
    },

    #[error(
        "MLX_PYTHON names {path} (Python {python}), which has no mlx_lm and is too old for it: \
         Python {need} or newer is needed. Name a newer Python, or unset MLX_PYTHON and run \
         `{SETUP}`",
        path = path.display()
    )]
    ChosenTooOld {
        path: PathBuf,
        python: String,
        need: String,
    },

    #[error(
        "no Python with mlx_lm was found ({looked_at}). Run `{SETUP}` to make an environment with \
         it, or name one with MLX_PYTHON"
    )]
    NoneFound {
        /// How many Pythons were looked at, in words.
        looked_at: String,
    },

    /// The interpreter did not answer the probe.
    #[error("{path} cannot be run as Python: {detail}", path = path.display())]
    DoesNotRun { path: PathBuf, detail: String },

    #[error(
        "mlx_lm is not installed in {path} (Python {python}). Install it (`{path} -m pip install \
         {wanted}`), or run `{SETUP}`",
        path = path.display()
    )]
    NoMlxLm {
        path: PathBuf,
        python: String,
        wanted: String,
    },

    /// `mlx_lm server --help` failed: the installation is broken.
    #[error("`{command}` failed: {detail}\n{advice}")]
    ServerDoesNotStart {
        command: String,
        detail: String,
        advice: String,
    },
}
