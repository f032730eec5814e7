//! Every model that can be chosen on this machine, described: found, synthetic and recommended.

use std::path::{Path, PathBuf};

use super::describe::{Description, describe};
use super::discover::{Found, Places, Source, cached_snapshot, discover};
use super::error::ModelError;
use super::predict::predict;
use super::recommended::{SizeClass, recommended};
use super::resolve::{Origin, Resolved, resolve};
use super::synthetic::{self, Shape};
use crate::units::Bytes;

/// Where a model is now.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// In this folder.
    Here(PathBuf),
    /// A synthetic model that is made at its first use, from this shape.
    Makeable { name: String, shape: Box<Shape> },
    /// The server downloads it at its first start; how much is known of the recommended ones.
    ToDownload(Option<Bytes>),
}

/// A model that a run can use.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What a run is given: `synthetic:NAME`, a folder or `org/name`.
    pub text: String,
    pub label: String,
    pub presence: Presence,
    /// Of a synthetic model that is not made, as it will be; `None` where nothing is known yet.
    pub description: Option<Description>,
    /// Of recommended ones.
    pub class: Option<SizeClass>,
    /// Made by this app in its own folder, from where it can be deleted.
    pub ours: bool,
}

impl Entry {
    pub fn is_synthetic(&self) -> bool {
        let described = self.description.as_ref();
        described.is_some_and(|described| described.synthetic.is_some())
    }

    pub fn folder(&self) -> Option<&Path> {
        match &self.presence {
            Presence::Here(folder) => Some(folder),
            _ => None,
        }
    }
}

/// What can be chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// In folders and in the Hugging Face cache.
    pub found: Vec<Entry>,
    /// Known shapes, smallest first, then all others that were made, in order of their names.
    pub synthetic: Vec<Entry>,
    /// Smallest first.
    pub recommended: Vec<Entry>,
}

impl Catalogue {
    /// Reads the disk: folders, configurations and headers.
    pub fn of(places: &Places) -> Self {
        let own = places.synthetic.as_deref();
        Self {
            found: discover(places)
                .into_iter()
                .filter(|found| own.is_none_or(|own| found.path.parent() != Some(own)))
                .map(|found| found_entry(found, places))
                .collect(),
            synthetic: own.map(synthetic_entries).unwrap_or_default(),
            recommended: recommended()
                .iter()
                .map(|one| {
                    let here = cached_snapshot(&one.repo, &places.hub_caches);
                    Entry {
                        text: one.repo.clone(),
                        label: one.repo.clone(),
                        description: here.as_deref().map(describe),
                        presence: match here {
                            Some(folder) => Presence::Here(folder),
                            None => Presence::ToDownload(Some(one.approximate_download())),
                        },
                        class: Some(one.class),
                        ours: false,
                    }
                })
                .collect(),
        }
    }

    pub fn get(&self, text: &str) -> Option<&Entry> {
        let all = self.found.iter().chain(&self.synthetic);
        all.chain(&self.recommended).find(|one| one.text == text)
    }
}

fn found_entry(found: Found, places: &Places) -> Entry {
    // The repo's name, unless that would lead to another folder or to a download.
    let by_repo = found.source == Source::HubCache
        && cached_snapshot(&found.label, &places.hub_caches).as_ref() == Some(&found.path);
    Entry {
        text: if by_repo {
            found.label.clone()
        } else {
            found.path.to_string_lossy().into_owned()
        },
        label: found.label,
        description: Some(describe(&found.path)),
        presence: Presence::Here(found.path),
        class: None,
        ours: false,
    }
}

fn synthetic_entries(models_dir: &Path) -> Vec<Entry> {
    let mut shapes: Vec<(String, Shape)> = synthetic::NAMES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Shape::named(name).ok()?)))
        .collect();
    for record in synthetic::made(models_dir) {
        if shapes.iter().all(|(name, _)| *name != record.name) {
            shapes.push((record.name, record.shape));
        }
    }
    shapes
        .into_iter()
        .map(|(name, shape)| synthetic_entry(&name, shape, models_dir))
        .collect()
}

fn synthetic_entry(name: &str, shape: Shape, models_dir: &Path) -> Entry {
    let folder = models_dir.join(name);
    let text = format!("{}{name}", synthetic::PREFIX);
    let ready = synthetic::is_ready(name, &shape, &folder);
    let described = if ready {
        Some(describe(&folder))
    } else {
        predict(name, &shape, &folder).ok()
    };
    Entry {
        label: text.clone(),
        text,
        presence: if ready {
            Presence::Here(folder)
        } else {
            Presence::Makeable {
                name: name.to_owned(),
                shape: Box::new(shape),
            }
        },
        description: described,
        class: None,
        ours: ready,
    }
}

/// Any model by what a run would be given, described. Reads the disk.
///
/// # Errors
/// As [`resolve`].
pub fn inspect(text: &str, places: &Places) -> Result<Entry, ModelError> {
    let resolved = resolve(text, places)?;
    if let Origin::Synthetic { name, .. } = &resolved.origin
        && let Some(models_dir) = &places.synthetic
    {
        let (name, shape) = synthetic::find(name, models_dir)?;
        return Ok(synthetic_entry(&name, shape, models_dir));
    }
    let folder = resolved.folder().map(Path::to_owned);
    let Resolved { model, origin } = resolved;
    let ours = folder
        .as_deref()
        .is_some_and(|folder| model.synthetic && folder.parent() == places.synthetic.as_deref());
    Ok(Entry {
        text: match &origin {
            Origin::Cached { repo } | Origin::ToDownload { repo, .. } => repo.clone(),
            Origin::Folder | Origin::Synthetic { .. } => model.path,
        },
        label: model.label,
        description: folder.as_deref().map(describe),
        presence: match (folder, origin) {
            (Some(folder), _) => Presence::Here(folder),
            (None, Origin::ToDownload { approximate, .. }) => Presence::ToDownload(approximate),
            (None, _) => Presence::ToDownload(None),
        },
        class: None,
        ours,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio_util::sync::CancellationToken;

    use super::*;

    fn places(root: &Path) -> Places {
        Places {
            synthetic: Some(root.join("synthetic")),
            folders: vec![root.join("models")],
            hub_caches: vec![root.join("hub")],
            depth: 4,
        }
    }

    #[test]
    fn custom_shapes_stand_behind_the_known_ones() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let before = Catalogue::of(&places);
        assert_eq!(before.synthetic.len(), synthetic::NAMES.len());
        assert!(before.synthetic.iter().all(|one| one.folder().is_none()));
        let shape = Shape {
            layers: 3,
            ..Shape::named("tiny").unwrap()
        };
        let token = CancellationToken::new();
        let own = places.synthetic.as_deref().unwrap();
        synthetic::make_custom("mine", &shape, own, &mut |_| (), &token).unwrap();
        let after = Catalogue::of(&places);
        let mine = after.synthetic.last().unwrap();
        assert_eq!(mine.text, "synthetic:mine");
        assert_eq!(mine.folder(), Some(own.join("mine").as_path()));
        assert!(mine.ours && mine.is_synthetic());
        assert_eq!(mine.description.as_ref().unwrap().layers, Some(3));
        assert!(after.found.is_empty(), "it is listed once");
        assert_eq!(&inspect("synthetic:mine", &places).unwrap(), mine);
    }

    #[test]
    fn a_cached_repo_is_chosen_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let repo = &recommended()[0].repo;
        let snapshot = root.path().join(format!(
            "hub/models--{}/snapshots/abc",
            repo.replace('/', "--")
        ));
        fs::create_dir_all(&snapshot).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::write(snapshot.join(file), "{}").unwrap();
        }
        let catalogue = Catalogue::of(&places);
        assert_eq!(catalogue.found[0].text, *repo);
        assert_eq!(catalogue.recommended[0].folder(), Some(snapshot.as_path()));
        assert!(matches!(
            catalogue.recommended[1].presence,
            Presence::ToDownload(Some(_))
        ));
        let other = inspect("org/other", &places).unwrap();
        assert_eq!(other.presence, Presence::ToDownload(None));
        assert!(inspect("nothing", &places).is_err());
    }
}
