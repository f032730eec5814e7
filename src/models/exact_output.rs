//! The same model without an end-of-sequence token: a folder of links to its files with edited
//! configurations, so that every answer has exactly the tokens that were asked for, at no cost for
//! each of them.
//!
//! `mlx_lm` stops at the ids of `config.json`, which those of `generation_config.json` replace, and at
//! the tokenizer's own (`tokenizer_config.json`, `special_tokens_map.json`).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// By which folders of ours are known in the folder for temporary files.
const PREFIX: &str = "mlx-throughput-lab-exact-output-";
/// Locked as long as the folder is used; a lock dies with its process, however that ends.
const LOCK: &str = ".lock";

#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    #[error(
        "exact output length (MLX_EXACT_OUTPUT) needs the model's folder on this disk, and {model} is \
         not there yet. Run once without it, so that the server downloads the model"
    )]
    NotHere { model: String },
    #[error("{what} {}: {why}", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        why: io::Error,
    },
    #[error("{} is not JSON ({why}), so no end-of-sequence token can be taken out of it", .path.display())]
    NotJson {
        path: PathBuf,
        why: serde_json::Error,
    },
}

/// The folder. Removed when dropped; if the process is killed before, by the next
/// [`Overlay::of`].
#[derive(Debug)]
pub struct Overlay {
    folder: TempDir,
    _lock: File,
}

impl Overlay {
    /// An overlay of the model in `model`.
    ///
    /// # Errors
    /// The model is not there, or the folder could not be made.
    pub fn of(model: &Path) -> Result<Self, OverlayError> {
        Self::within(model, &std::env::temp_dir())
    }

    fn within(model: &Path, temporary: &Path) -> Result<Self, OverlayError> {
        if !model.is_dir() {
            return Err(OverlayError::NotHere {
                model: model.display().to_string(),
            });
        }
        remove_stale(temporary);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(temporary)
            .map_err(failed("could not make a folder in", temporary))?;
        let lock_path = folder.path().join(LOCK);
        let lock = File::create(&lock_path).map_err(failed("could not write", &lock_path))?;
        lock.lock().map_err(failed("could not lock", &lock_path))?;
        // Links hold wherever the model's own folder is a link to.
        let model = model
            .canonicalize()
            .map_err(failed("could not read", model))?;
        let entries = fs::read_dir(&model).map_err(failed("could not read", &model))?;
        let eos = eos_text(&model)?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let from = entry.path();
            let to = folder.path().join(&name);
            match name.to_string_lossy().as_ref() {
                LOCK => {}
                "config.json" | "generation_config.json" => edit(&from, &to, without_ids)?,
                "tokenizer_config.json" | "special_tokens_map.json" => {
                    edit(&from, &to, |json| without_token(json, eos.as_deref()))?;
                }
                "chat_template.jinja" => {
                    let template =
                        fs::read_to_string(&from).map_err(failed("could not read", &from))?;
                    let template = with_eos_text(&template, eos.as_deref());
                    fs::write(&to, template).map_err(failed("could not write", &to))?;
                }
                _ => {
                    // A link of the hub's cache is followed: its own target is relative to it.
                    let target = from.canonicalize().unwrap_or(from);
                    std::os::unix::fs::symlink(&target, &to)
                        .map_err(failed("could not make the link", &to))?;
                }
            }
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OverlayError {
    let path = path.to_owned();
    move |why| OverlayError::Io { what, path, why }
}

/// Folders whose process has ended without removing them.
fn remove_stale(temporary: &Path) {
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Without a lock it is being made at this moment.
        let lock = ours.then(|| File::open(entry.path().join(LOCK)).ok());
        let Some(lock) = lock.flatten() else { continue };
        // Links in it are removed, not what they point to.
        if lock.try_lock().is_ok()
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!("{} could not be removed: {error}", entry.path().display());
        }
    }
}

fn read(path: &Path) -> Result<Value, OverlayError> {
    let bytes = fs::read(path).map_err(failed("could not read", path))?;
    serde_json::from_slice(&bytes).map_err(|why| OverlayError::NotJson {
        path: path.to_owned(),
        why,
    })
}

fn edit(from: &Path, to: &Path, change: impl FnOnce(&mut Value)) -> Result<(), OverlayError> {
    let mut json = read(from)?;
    change(&mut json);
    fs::write(to, format!("{json:#}\n")).map_err(failed("could not write", to))
}

/// Models that see have their language model's configuration inside.
fn without_ids(json: &mut Value) {
    let Some(object) = json.as_object_mut() else {
        return;
    };
    object.remove("eos_token_id");
    if let Some(text) = object.get_mut("text_config") {
        without_ids(text);
    }
}

/// Written out as absent: some tokenizer classes would otherwise add one of their own.
fn without_token(json: &mut Value, eos: Option<&str>) {
    let Some(object) = json.as_object_mut() else {
        return;
    };
    object.insert("eos_token".to_owned(), Value::Null);
    match object.get_mut("chat_template") {
        Some(Value::String(template)) => *template = with_eos_text(template, eos),
        Some(Value::Array(named)) => {
            for one in named {
                if let Some(Value::String(template)) = one.get_mut("template") {
                    *template = with_eos_text(template, eos);
                }
            }
        }
        _ => {}
    }
}

/// How the token is written, for templates that put it between turns.
fn eos_text(model: &Path) -> Result<Option<String>, OverlayError> {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let path = model.join(name);
        if !path.is_file() {
            continue;
        }
        let token = &read(&path)?["eos_token"];
        let text = token.as_str().or_else(|| token["content"].as_str());
        if let Some(text) = text {
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// A template that names the token still gets it: prompts stay what they are.
fn with_eos_text(template: &str, eos: Option<&str>) -> String {
    match eos {
        Some(eos) if template.contains("eos_token") => {
            format!("{{% set eos_token = {} %}}{template}", Value::from(eos))
        }
        _ => template.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(folder: &Path) -> PathBuf {
        let model = folder.join("model");
        fs::create_dir(&model).unwrap();
        for (name, content) in [
            (
                "config.json",
                json!({"eos_token_id": [1, 2], "vocab_size": 9, "text_config": {"eos_token_id": 3}}),
            ),
            (
                "generation_config.json",
                json!({"eos_token_id": 5, "top_k": 4}),
            ),
            (
                "tokenizer_config.json",
                json!({
                    "eos_token": {"content": "</s>"},
                    "chat_template": "{{ m }}{{ eos_token }}",
                }),
            ),
            (
                "special_tokens_map.json",
                json!({"eos_token": "</s>", "bos_token": "<s>"}),
            ),
            ("tokenizer.json", json!({"added_tokens": []})),
        ] {
            fs::write(model.join(name), content.to_string()).unwrap();
        }
        fs::write(model.join("model.safetensors"), "weights").unwrap();
        fs::write(model.join("chat_template.jinja"), "{{ m }}").unwrap();
        model
    }

    #[test]
    fn the_overlay_is_the_model_without_its_end_tokens_and_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let model = model(folder.path());
        let overlay = Overlay::within(&model, folder.path()).unwrap();
        let at = |name: &str| overlay.path().join(name);
        let config = read(&at("config.json")).unwrap();
        assert_eq!(config, json!({"vocab_size": 9, "text_config": {}}));
        assert_eq!(
            read(&at("generation_config.json")).unwrap(),
            json!({"top_k": 4})
        );
        let tokenizer = read(&at("tokenizer_config.json")).unwrap();
        assert!(tokenizer["eos_token"].is_null());
        // A template that names the token writes it as before.
        assert_eq!(
            tokenizer["chat_template"],
            "{% set eos_token = \"</s>\" %}{{ m }}{{ eos_token }}"
        );
        assert_eq!(
            fs::read_to_string(at("chat_template.jinja")).unwrap(),
            "{{ m }}"
        );
        let special = read(&at("special_tokens_map.json")).unwrap();
        assert_eq!(special, json!({"eos_token": null, "bos_token": "<s>"}));
        let weights = at("model.safetensors");
        assert!(weights.is_symlink());
        assert_eq!(fs::read_to_string(weights).unwrap(), "weights");
        // The model is as it was, also once the overlay is gone.
        let path = overlay.path().to_owned();
        drop(overlay);
        assert!(!path.exists());
        assert_eq!(
            fs::read_to_string(model.join("model.safetensors")).unwrap(),
            "weights"
        );
        assert_eq!(
            read(&model.join("generation_config.json")).unwrap()["eos_token_id"],
            5
        );
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let model = model(folder.path());
        // Leaked as by a kill: the lock is released, the folder stays.
        let stale = folder.path().join(format!("{PREFIX}stale"));
        fs::create_dir(&stale).unwrap();
        fs::write(stale.join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(model.join("model.safetensors"), stale.join("w")).unwrap();
        let used = Overlay::within(&model, folder.path()).unwrap();
        assert!(!stale.exists());
        let other = Overlay::within(&model, folder.path()).unwrap();
        assert!(used.path().exists() && other.path().exists());
        assert!(model.join("model.safetensors").exists());
    }

    #[test]
    fn a_model_that_is_not_here_or_broken_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = Overlay::within(Path::new("org/name"), folder.path());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("org/name is not there yet"), "{error}");
        let model = model(folder.path());
        fs::write(model.join("config.json"), "{").unwrap();
        let error = Overlay::within(&model, folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("config.json is not JSON"), "{error}");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "only the model");
    }
}
