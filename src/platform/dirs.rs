//! Where the app keeps its own files.

use std::path::PathBuf;

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
