//! Synthetic models of a shape of their own, beside the named ones: the folder's record holds the
//! shape, so that the name alone finds it again.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::error::ModelError;
use super::presets::NAMES;
use super::shape::{Shape, canonical, nearest_of};
use super::{Progress, Record, ensure_shape};

/// Longer ones are cut off wherever they are shown.
const LONGEST_NAME: usize = 64;

/// The error is the rule that is broken, as a sentence's end. The name is also a folder's: on a
/// Mac two that differ in case alone would be one.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        Err("it needs a name".into())
    } else if !name.chars().all(allowed) {
        Err("a name has small letters, digits, '-', '_' and '.' only".into())
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Err("a name starts with a letter or a digit".into())
    } else if name.len() > LONGEST_NAME {
        Err(format!("a name has at most {LONGEST_NAME} characters"))
    } else if Shape::named(name).is_ok() {
        Err(format!("{name} is the name of a known shape"))
    } else {
        Ok(())
    }
}

/// The one spelling of `name` and its shape: a known one, or one that was made in `models_dir`
/// with a shape of its own.
///
/// # Errors
/// There is neither; with the nearest of both.
pub fn find(name: &str, models_dir: &Path) -> Result<(String, Shape), ModelError> {
    if let Ok(known) = canonical(name) {
        let shape = Shape::named(&known)?;
        return Ok((known, shape));
    }
    // A name that breaks the rules (`..`) leads to no folder.
    if check_name(name).is_ok()
        && let Some(record) = Record::read(&models_dir.join(name))
        && record.name == name
    {
        return Ok((record.name, record.shape));
    }
    let mut known: Vec<String> = NAMES.map(str::to_owned).to_vec();
    known.extend(
        made(models_dir)
            .into_iter()
            .map(|record| record.name)
            .filter(|name| check_name(name).is_ok()),
    );
    Err(ModelError::UnknownSynthetic {
        name: name.to_owned(),
        nearest: nearest_of(name, &known),
        known: known.join(", "),
    })
}

/// What has been made in `models_dir`, in order of the names.
pub fn made(models_dir: &Path) -> Vec<Record> {
    let mut records: Vec<Record> = fs::read_dir(models_dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let record = Record::read(&entry.path())?;
            (entry.file_name().to_str() == Some(record.name.as_str())).then_some(record)
        })
        .collect();
    records.sort_by(|a, b| a.name.cmp(&b.name));
    records
}

/// Makes a model of any shape in `models_dir`, from where `synthetic:NAME` finds it. Blocks.
///
/// # Errors
/// The name or the shape makes no model, another shape has the name, or as [`ensure_shape`].
pub fn make_custom(
    name: &str,
    shape: &Shape,
    models_dir: &Path,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancellationToken,
) -> Result<PathBuf, ModelError> {
    check_name(name).map_err(|reason| ModelError::BadName {
        name: name.to_owned(),
        reason,
    })?;
    let folder = models_dir.join(name);
    if Record::read(&folder).is_some_and(|record| record.shape != *shape) {
        return Err(ModelError::OtherShape {
            name: name.to_owned(),
            folder,
        });
    }
    ensure_shape(name, shape, &folder, progress, cancel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::synthetic::ensure;

    fn wider() -> Shape {
        Shape {
            layers: 3,
            hidden: 128,
            bits: 8,
            ..Shape::named("tiny").unwrap()
        }
    }

    fn make(name: &str, shape: &Shape, dir: &Path) -> Result<PathBuf, ModelError> {
        make_custom(name, shape, dir, &mut |_| (), &CancellationToken::new())
    }

    #[test]
    fn a_shape_of_its_own_is_found_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let before = find("my-shape", dir.path()).unwrap_err().to_string();
        assert!(before.contains("--like tiny"), "{before}");
        let folder = make("my-shape", &wider(), dir.path()).unwrap();
        assert_eq!(folder, dir.path().join("my-shape"));
        assert_eq!(
            find("my-shape", dir.path()).unwrap(),
            ("my-shape".into(), wider())
        );
        assert_eq!(find("tiny-f32", dir.path()).unwrap().0, "tiny");
        let wrong = find("my-shap", dir.path()).unwrap_err().to_string();
        assert!(
            wrong.contains("did you mean synthetic:my-shape?"),
            "{wrong}"
        );
    }

    #[test]
    fn a_damaged_one_is_made_anew_from_its_record() {
        let dir = tempfile::tempdir().unwrap();
        let folder = make("my-shape", &wider(), dir.path()).unwrap();
        let weights = folder.join("model.safetensors");
        let whole = fs::read(&weights).unwrap();
        fs::write(&weights, "half").unwrap();
        let token = CancellationToken::new();
        ensure("my-shape", dir.path(), &mut |_| (), &token).unwrap();
        assert_eq!(fs::read(&weights).unwrap(), whole);
    }

    #[test]
    fn another_shape_does_not_take_the_name() {
        let dir = tempfile::tempdir().unwrap();
        make("my-shape", &wider(), dir.path()).unwrap();
        make("my-shape", &wider(), dir.path()).unwrap();
        let other = Shape {
            layers: 5,
            ..wider()
        };
        let error = make("my-shape", &other, dir.path()).unwrap_err();
        assert!(matches!(error, ModelError::OtherShape { .. }), "{error}");
        assert_eq!(find("my-shape", dir.path()).unwrap().1, wider());
    }

    #[test]
    fn names_are_safe_as_folders() {
        for name in ["a", "my-shape_2.0", "0"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for (name, reason) in [
            ("", "needs a name"),
            ("My", "small letters"),
            ("a/b", "small letters"),
            ("..", "starts with"),
            ("-x", "starts with"),
            ("tiny", "known shape"),
            ("tiny-f16", "known shape"),
        ] {
            let error = check_name(name).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
        assert!(check_name(&"x".repeat(65)).is_err());
        let dir = tempfile::tempdir().unwrap();
        assert!(make("../x", &wider(), dir.path()).is_err());
        assert!(find("../x", dir.path()).is_err());
    }
}
