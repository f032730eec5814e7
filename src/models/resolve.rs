//! From what the user typed to the model that the server is started with.

use std::fs;
use std::path::{Path, PathBuf};

use super::discover::{Places, cached_snapshot, expand_home, has_weights, is_model};
use super::error::ModelError;
use super::recommended::approximate_download;
use super::synthetic::{self, Record};
use crate::plan::ModelRef;
use crate::units::Bytes;

/// Where the model is, or how it will get there.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// One of ours. If it is not `ready`, call [`synthetic::ensure`] with `name` and the folder's
    /// parent before the first server starts.
    Synthetic { name: String, ready: bool },
    /// A folder that the user named.
    Folder,
    /// A complete snapshot in the Hugging Face cache: nothing is downloaded.
    Cached { repo: String },
    /// The server downloads it when it first starts.
    ToDownload {
        repo: String,
        approximate: Option<Bytes>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    pub model: ModelRef,
    pub origin: Origin,
}

impl Resolved {
    /// The model's folder; `None` until the server has downloaded it.
    pub fn folder(&self) -> Option<&Path> {
        match self.origin {
            Origin::ToDownload { .. } => None,
            _ => Some(Path::new(&self.model.path)),
        }
    }

    /// What the user should know before the run starts.
    pub fn notice(&self) -> Option<String> {
        match &self.origin {
            Origin::Synthetic { name, .. } => Some(format!(
                "synthetic:{name} has random weights: its speed is real, its answers mean nothing"
            )),
            Origin::ToDownload { repo, approximate } => {
                let size = match approximate {
                    Some(bytes) => format!("about {bytes}"),
                    None => "of unknown size".into(),
                };
                Some(format!(
                    "{repo} is not on this disk: the first server downloads it ({size})"
                ))
            }
            Origin::Folder if self.model.synthetic => Some(format!(
                "{} has random weights: its speed is real, its answers mean nothing",
                self.model.label
            )),
            Origin::Folder | Origin::Cached { .. } => None,
        }
    }
}

/// Takes `synthetic:NAME`, a folder, or a Hugging Face repo `org/name`; what exists as a folder is
/// one, as `mlx_lm` itself decides.
pub fn resolve(text: &str, places: &Places) -> Result<Resolved, ModelError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ModelError::Empty);
    }
    if let Some(name) = text.strip_prefix(synthetic::PREFIX) {
        let models_dir = places
            .synthetic
            .as_deref()
            .ok_or(ModelError::NoModelsFolder)?;
        return resolve_synthetic(name.trim(), models_dir);
    }
    let path = expand_home(text).ok_or_else(|| ModelError::NoHome {
        text: text.to_owned(),
    })?;
    if is_path(text) || path.exists() {
        return resolve_folder(&path);
    }
    check_repo(text).map_err(|reason| ModelError::NotARepo {
        text: text.to_owned(),
        reason,
        nearest: synthetic::nearest(text),
    })?;
    Ok(resolve_repo(text, &places.hub_caches))
}

fn resolve_synthetic(name: &str, models_dir: &Path) -> Result<Resolved, ModelError> {
    let (name, shape) = synthetic::find(name, models_dir)?;
    let folder = std::path::absolute(models_dir.join(&name))
        .map_err(ModelError::io("could not find the folder", models_dir))?;
    let ready = synthetic::is_ready(&name, &shape, &folder);
    Ok(Resolved {
        model: ModelRef {
            path: text_of(&folder),
            label: format!("{}{name}", synthetic::PREFIX),
            synthetic: true,
        },
        origin: Origin::Synthetic { name, ready },
    })
}

/// Only a path can be meant.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '~', '.']) || text.ends_with('/') || text.matches('/').count() > 1
}

fn resolve_folder(path: &Path) -> Result<Resolved, ModelError> {
    let folder = std::path::absolute(path)
        .map_err(ModelError::io("could not find the folder", path))?
        // Without `.` and a slash at the end.
        .components()
        .collect::<PathBuf>();
    if !folder.exists() {
        return Err(ModelError::NoFolder(folder));
    }
    if !folder.is_dir() {
        return Err(ModelError::NotAFolder(folder));
    }
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(source) => return Err(ModelError::Unreadable { folder, source }),
    };
    if !folder.join("config.json").is_file() {
        // The one model inside, which is then what was meant.
        let mut inner = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_model(path));
        let only = inner.next().filter(|_| inner.next().is_none());
        return Err(ModelError::NoConfig {
            folder,
            inner: only,
        });
    }
    if !has_weights(&folder) {
        return Err(ModelError::NoWeights(folder));
    }
    let record = Record::read(&folder);
    let label = match &record {
        Some(record) => format!("{}{}", synthetic::PREFIX, record.name),
        None => folder
            .file_name()
            .unwrap_or(folder.as_os_str())
            .to_string_lossy()
            .into_owned(),
    };
    Ok(Resolved {
        model: ModelRef {
            path: text_of(&folder),
            label,
            synthetic: record.is_some(),
        },
        origin: Origin::Folder,
    })
}

fn resolve_repo(repo: &str, caches: &[PathBuf]) -> Resolved {
    let label = repo.to_owned();
    match cached_snapshot(repo, caches) {
        // The snapshot's path rather than the repo's name: the server then asks no hub for news.
        Some(snapshot) => Resolved {
            model: ModelRef {
                path: text_of(&snapshot),
                label,
                synthetic: false,
            },
            origin: Origin::Cached {
                repo: repo.to_owned(),
            },
        },
        None => Resolved {
            model: ModelRef {
                path: repo.to_owned(),
                label,
                synthetic: false,
            },
            origin: Origin::ToDownload {
                repo: repo.to_owned(),
                approximate: approximate_download(repo),
            },
        },
    }
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `validate_repo_id` of `huggingface_hub`, of the form with an organisation: every model here has
/// one, and a bare word is more likely a mistyped folder. The error is the rule that is broken.
pub fn check_repo(text: &str) -> Result<(), &'static str> {
    let Some((org, name)) = text.split_once('/') else {
        return Err("a repo is written org/name");
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |part: &str| part.starts_with(['-', '.']) || part.ends_with(['-', '.']);
    if org.is_empty() || name.is_empty() || name.contains('/') {
        Err("a repo is written org/name")
    } else if !org.chars().chain(name.chars()).all(allowed) {
        Err("a repo's name has letters, digits, '-', '_' and '.' only")
    } else if edge(org) || edge(name) {
        Err("neither part may start or end with '-' or '.'")
    } else if text.contains("--") || text.contains("..") {
        Err("'--' and '..' are not allowed in a repo's name")
    } else if text.len() > 96 {
        Err("a repo's name has at most 96 characters")
    } else if Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "git")
    {
        Err("a repo's name does not end in .git")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::discover::DEFAULT_DEPTH;

    struct Home {
        root: tempfile::TempDir,
    }

    impl Home {
        fn new() -> Self {
            Self {
                root: tempfile::tempdir().unwrap(),
            }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn file(&self, path: &str) {
            let path = self.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }

        fn resolve(&self, text: &str) -> Result<Resolved, ModelError> {
            let places = Places {
                synthetic: Some(self.at("synthetic")),
                folders: Vec::new(),
                hub_caches: vec![self.at("hub")],
                depth: DEFAULT_DEPTH,
            };
            resolve(text, &places)
        }

        fn error(&self, text: &str) -> String {
            self.resolve(text).unwrap_err().to_string()
        }
    }

    #[test]
    fn a_synthetic_model_is_known_before_it_is_made() {
        let home = Home::new();
        let before = home.resolve("synthetic:tiny").unwrap();
        assert_eq!(before.model.label, "synthetic:tiny");
        assert_eq!(before.model.path, text_of(&home.at("synthetic/tiny")));
        assert!(before.model.synthetic);
        assert_eq!(
            before.origin,
            Origin::Synthetic {
                name: "tiny".into(),
                ready: false
            }
        );
        let token = tokio_util::sync::CancellationToken::new();
        synthetic::ensure("tiny", &home.at("synthetic"), &mut |_| (), &token).unwrap();
        let after = home.resolve(" synthetic:tiny-f32 ").unwrap();
        assert_eq!(
            after.origin,
            Origin::Synthetic {
                name: "tiny".into(),
                ready: true
            }
        );
        assert_eq!(after.model, before.model);
        // The same folder, named as a folder, stays labelled.
        let folder = home.resolve(&before.model.path).unwrap();
        assert_eq!(
            (folder.model, folder.origin),
            (before.model, Origin::Folder)
        );
        assert!(
            home.error("synthetic:tinny")
                .contains("did you mean synthetic:tiny?")
        );
    }

    #[test]
    fn a_folder_is_taken_whole_or_told_what_it_lacks() {
        let home = Home::new();
        home.file("org/good/config.json");
        home.file("org/good/model.safetensors");
        home.file("bare/config.json");
        let good = home
            .resolve(&format!("{}/./", text_of(&home.at("org/good"))))
            .unwrap();
        assert_eq!(good.model.label, "good");
        assert_eq!(good.model.path, text_of(&home.at("org/good")));
        assert_eq!((good.origin.clone(), good.notice()), (Origin::Folder, None));

        let at = |path: &str| home.error(&text_of(&home.at(path)));
        assert!(
            at("nowhere").contains("does not exist"),
            "{}",
            at("nowhere")
        );
        assert!(at("bare/config.json").contains("is a file"));
        assert!(at("bare").contains("no .safetensors"));
        assert!(at("org").contains("no config.json") && at("org").contains("org/good"));
        home.file("org/other/config.json");
        home.file("org/other/model.safetensors");
        assert!(at("org").contains("choose the folder"), "{}", at("org"));
    }

    #[test]
    fn a_repo_is_downloaded_unless_it_is_in_the_cache() {
        let home = Home::new();
        let repo = "mlx-community/Llama-3.2-1B-Instruct-4bit";
        let fresh = home.resolve(repo).unwrap();
        assert_eq!((fresh.model.path.as_str(), fresh.folder()), (repo, None));
        assert!(
            fresh
                .notice()
                .unwrap()
                .contains("downloads it (about 695 MB)")
        );
        assert!(
            home.resolve("org/x")
                .unwrap()
                .notice()
                .unwrap()
                .contains("of unknown size")
        );

        let snapshot = format!("hub/models--{}/snapshots/abc", repo.replace('/', "--"));
        home.file(&format!("{snapshot}/config.json"));
        home.file(&format!("{snapshot}/model.safetensors"));
        let cached = home.resolve(repo).unwrap();
        assert_eq!(cached.model.label, repo);
        assert_eq!(cached.folder(), Some(home.at(&snapshot).as_path()));
        assert_eq!(cached.notice(), None);
    }

    #[test]
    fn what_is_no_model_is_told_why() {
        let home = Home::new();
        assert!(home.error("  ").contains("no model was named"));
        for (text, reason) in [
            ("tiny", "did you mean synthetic:tiny?"),
            ("gpt2", "written org/name"),
            ("org/na me", "letters, digits"),
            ("org/-x", "start or end"),
            ("org/a--b", "'--' and '..'"),
            ("org/x.git", ".git"),
            ("a/b/c", "does not exist"),
            ("./x", "does not exist"),
            ("org/", "does not exist"),
        ] {
            let error = home.error(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(
            home.error(&format!("org/{}", "x".repeat(96)))
                .contains("at most 96")
        );
    }

    #[test]
    fn the_home_folder_is_expanded() {
        let error = Home::new().error("~/no-such-model-folder");
        let home = std::env::home_dir().unwrap();
        assert!(
            error.contains(&text_of(&home.join("no-such-model-folder"))),
            "{error}"
        );
    }
}
