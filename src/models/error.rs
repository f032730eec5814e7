//! What can go wrong with a model, said so that the reader knows what to type next.

use std::path::{Path, PathBuf};

use crate::units::Bytes;

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "no model was named: give a folder, a Hugging Face repo such as mlx-community/Llama-3.2-1B-Instruct-4bit, or synthetic:tiny"
    )]
    Empty,
    #[error("there is no synthetic model {name:?}{}; known are {known}, each also with -f16, -bf16 or -f32 behind it; `models make synthetic:NAME --like tiny --layers 4` makes one of any shape", nearest_text(.nearest.as_ref()))]
    UnknownSynthetic {
        name: String,
        nearest: Option<String>,
        known: String,
    },
    #[error("{name:?} cannot name a synthetic model: {reason}")]
    BadName { name: String, reason: String },
    #[error("synthetic:{name} is there already with another shape: choose another name, or delete {} first", .folder.display())]
    OtherShape { name: String, folder: PathBuf },
    #[error("this shape makes no model: {0}")]
    BadShape(String),
    #[error("the model folder {} does not exist: check the spelling, or `models list` to see what is on this disk", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is a file, not a model folder: name the folder that holds config.json and the .safetensors files", .0.display())]
    NotAFolder(PathBuf),
    #[error("{} has no config.json, so it is no model folder{}", .folder.display(), inner_text(.inner.as_ref()))]
    NoConfig {
        folder: PathBuf,
        inner: Option<PathBuf>,
    },
    #[error("{} has no .safetensors files: the weights are missing (an unfinished download?) or in a format that mlx_lm does not load; convert it with `mlx_lm.convert` or download it again", .0.display())]
    NoWeights(PathBuf),
    #[error("{} is not readable: {source}; check its permissions", .folder.display())]
    Unreadable {
        folder: PathBuf,
        source: std::io::Error,
    },
    #[error("{text:?} is neither an existing folder nor a Hugging Face repo ({reason}){}", nearest_text(.nearest.as_ref()))]
    NotARepo {
        text: String,
        reason: &'static str,
        nearest: Option<String>,
    },
    #[error("{text:?} starts with ~ but the home folder is unknown: write the whole path")]
    NoHome { text: String },
    #[error("this system names no data folder for synthetic models: set HOME")]
    NoModelsFolder,
    #[error("{name} needs {need}, but the disk of {} has only {free} free: free some space or choose another folder with `models make {name} --out DIR`", .folder.display())]
    DiskFull {
        name: String,
        need: Bytes,
        free: Bytes,
        folder: PathBuf,
    },
    #[error("{} is in the way and was not made by this program, so it is left alone: choose another folder", .0.display())]
    InTheWay(PathBuf),
    #[error("stopped before the model was complete; nothing is left behind")]
    Cancelled,
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

impl ModelError {
    /// Keeps the operation and the path with the system's reason.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

fn nearest_text(nearest: Option<&String>) -> String {
    nearest
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

fn inner_text(inner: Option<&PathBuf>) -> String {
    match inner {
        Some(folder) => format!("; the model inside it is {}", folder.display()),
        None => ": choose the folder that holds config.json beside the .safetensors files".into(),
    }
}
