//! Models with real architecture and shape and random weights, made here in seconds instead of
//! downloaded. How fast a model runs does not depend on what its weights say.

mod check;
mod custom;
mod folder;
mod presets;
mod shape;
mod tensors;
mod tokenizer;
mod weights;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::error::ModelError;
use crate::units::Bytes;

pub use check::{Part, Problem};
pub use custom::{check_name, find, made, make_custom};
pub use presets::NAMES;
pub(super) use shape::nearest;
pub use shape::{Arch, FloatType, RopeScaling, Shape, canonical, with_dtype};
use tensors::Layout;

/// What marks a model's name as one of ours.
pub const PREFIX: &str = "synthetic:";

/// Beside the model: what it was made from.
const RECORD: &str = "synthetic.json";
const WEIGHTS: &str = "model.safetensors";

/// Raised when the same shape is written differently, so that older folders are made anew.
const FORMAT: u32 = 1;

/// How far the writing is, in bytes of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: Bytes,
    pub total: Bytes,
}

/// `synthetic.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    /// Without the `synthetic:`.
    pub name: String,
    pub shape: Shape,
}

impl Record {
    /// The record in `folder`; `None` if there is none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(RECORD)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// Weights in bytes and the number of parameters, without making anything. The shape must pass
/// [`Shape::check`].
pub fn size(shape: &Shape) -> Result<(Bytes, u64), ModelError> {
    shape.check()?;
    let layout = Layout::of(shape);
    Ok((Bytes(layout.data_bytes()), layout.parameters))
}

/// What `config.json` says of a shape that passed [`Shape::check`].
pub(super) fn config(shape: &Shape) -> Value {
    tokenizer::config(shape)
}

/// Bytes of the file that holds the weights, header and all, of a shape that passed
/// [`Shape::check`].
pub(super) fn file_size(shape: &Shape) -> Bytes {
    let layout = Layout::of(shape);
    Bytes(layout.header().len() as u64 + layout.data_bytes())
}

/// The folder of the named model within `models_dir`, whether it is there yet or not.
pub fn folder_of(name: &str, models_dir: &Path) -> Result<PathBuf, ModelError> {
    Ok(models_dir.join(find(name, models_dir)?.0))
}

/// Whether `folder` holds exactly this model, complete.
pub fn is_ready(name: &str, shape: &Shape, folder: &Path) -> bool {
    let record = Record {
        format: FORMAT,
        name: name.to_owned(),
        shape: shape.clone(),
    };
    if shape.check().is_err() || Record::read(folder).as_ref() != Some(&record) {
        return false;
    }
    let layout = Layout::of(shape);
    let expected = layout.header().len() as u64 + layout.data_bytes();
    let weights = fs::metadata(folder.join(WEIGHTS)).map(|data| data.len());
    weights.is_ok_and(|bytes| bytes == expected)
        && ["config.json", "tokenizer.json", "tokenizer_config.json"]
            .iter()
            .all(|file| folder.join(file).is_file())
}

/// The named model's folder within `models_dir`, made if it is not there, or not whole: a model of
/// a shape of its own is made anew from its record. Blocks for as long as
/// the disk needs; call it from a thread that may.
///
/// `progress` is called about once a megabyte. A cancelled or failed attempt leaves nothing.
pub fn ensure(
    name: &str,
    models_dir: &Path,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancellationToken,
) -> Result<PathBuf, ModelError> {
    let (name, shape) = find(name, models_dir)?;
    ensure_shape(&name, &shape, &models_dir.join(&name), progress, cancel)
}

/// As [`ensure`], for any shape and in any folder. A folder that is there already is replaced only
/// if it holds a synthetic model.
pub fn ensure_shape(
    name: &str,
    shape: &Shape,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancellationToken,
) -> Result<PathBuf, ModelError> {
    shape.check()?;
    if is_ready(name, shape, folder) {
        return Ok(folder.to_path_buf());
    }
    refuse_others(folder)?;
    let attempt = folder::Attempt::begin(folder, cancel)?;
    // Whoever held the lock before may have made this very model.
    if is_ready(name, shape, folder) {
        return Ok(folder.to_path_buf());
    }
    refuse_others(folder)?;
    let layout = Layout::of(shape);
    let partial = attempt.path();
    // The tokenizer takes some 30 bytes a word; a megabyte for the rest.
    let need = layout.data_bytes() + shape.vocab * 64 + (1 << 20);
    folder::check_space(name, partial, need)?;
    weights::write(&partial.join(WEIGHTS), shape, &layout, progress, cancel)?;
    let record = Record {
        format: FORMAT,
        name: name.to_owned(),
        shape: shape.clone(),
    };
    let record = serde_json::to_value(record)
        .map_err(|error| ModelError::BadShape(format!("it cannot be written down: {error}")))?;
    for (file, content) in [
        ("tokenizer.json", tokenizer::tokenizer(shape.vocab)),
        ("tokenizer_config.json", tokenizer::tokenizer_config(shape)),
        ("config.json", tokenizer::config(shape)),
        ("model.safetensors.index.json", layout.index(WEIGHTS)),
        (RECORD, record),
    ] {
        write_json(&partial.join(file), &content)?;
    }
    if cancel.is_cancelled() {
        return Err(ModelError::Cancelled);
    }
    attempt.finish()
}

/// A folder of someone else's, or a file, is never replaced; an empty folder is nobody's.
fn refuse_others(folder: &Path) -> Result<(), ModelError> {
    let empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if folder.symlink_metadata().is_err() || Record::read(folder).is_some() || empty() {
        return Ok(());
    }
    Err(ModelError::InTheWay(folder.to_path_buf()))
}

/// On the disk before the folder takes its name: after a power cut it is whole or not there.
fn write_json(path: &Path, content: &Value) -> Result<(), ModelError> {
    let write = || {
        let mut file = fs::File::create(path)?;
        file.write_all(format!("{content:#}\n").as_bytes())?;
        file.sync_all()
    };
    write().map_err(ModelError::io("could not write", path))
}

/// What stands in `tokenizer.json` of a model with so many ids.
#[cfg(test)]
pub(crate) fn tokenizer_file(vocab: u64) -> serde_json::Value {
    tokenizer::tokenizer(vocab)
}

#[cfg(test)]
mod tests;
