//! Models on this disk: in the usual folders, in the Hugging Face cache, and our synthetic ones.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::describe::absent_shards;
use super::synthetic::{self, Record};

/// Levels below a searched folder, unless asked otherwise.
pub const DEFAULT_DEPTH: usize = 4;

/// A search does not look into more folders than this: `~/models` may be a link to a whole disk.
const MOST_FOLDERS: usize = 50_000;

/// Where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Our own synthetic models.
    pub synthetic: Option<PathBuf>,
    /// Searched `depth` levels deep, in this order.
    pub folders: Vec<PathBuf>,
    /// Hugging Face caches: folders of `models--org--name`.
    pub hub_caches: Vec<PathBuf>,
    pub depth: usize,
}

impl Places {
    /// `extra` first (with `~` for the home folder), then `./models`, `~/models`, `~/Models`, `/models`; the cache that the
    /// environment names, as `huggingface_hub` reads it.
    pub fn usual(extra: &[PathBuf], depth: usize) -> Self {
        let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let mut folders: Vec<PathBuf> = extra
            .iter()
            .map(|folder| {
                folder
                    .to_str()
                    .and_then(expand_home)
                    .unwrap_or_else(|| folder.clone())
            })
            .collect();
        // A Mac app starts in `/`, where this is `/models` again: listed once all the same.
        folders.extend(env::current_dir().ok().map(|here| here.join("models")));
        for name in ["models", "Models"] {
            folders.extend(home.as_ref().map(|home| home.join(name)));
        }
        folders.push("/models".into());
        Self {
            synthetic: crate::platform::dirs::models_dir(),
            folders,
            hub_caches: hub_cache(|name| env::var_os(name).map(PathBuf::from), home.as_deref())
                .into_iter()
                .collect(),
            depth,
        }
    }
}

/// `~` and `~/...` with the home folder in place; `None` if that is not known.
pub(super) fn expand_home(text: &str) -> Option<PathBuf> {
    match text.strip_prefix('~') {
        Some("") => env::home_dir(),
        Some(rest) if rest.starts_with('/') => {
            env::home_dir().map(|home| home.join(rest.trim_start_matches('/')))
        }
        _ => Some(text.into()),
    }
}

/// `huggingface_hub/constants.py`: `HF_HUB_CACHE`, its older name, `HF_HOME`, `XDG_CACHE_HOME`.
fn hub_cache(variable: impl Fn(&str) -> Option<PathBuf>, home: Option<&Path>) -> Option<PathBuf> {
    let set = |name| {
        let value = variable(name).filter(|value| !value.as_os_str().is_empty())?;
        expand_home(value.to_str()?)
    };
    set("HF_HUB_CACHE")
        .or_else(|| set("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| set("HF_HOME").map(|base| base.join("hub")))
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("huggingface/hub")))
        .or_else(|| home.map(|home| home.join(".cache/huggingface/hub")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Source {
    Synthetic,
    HubCache,
    Folder,
}

/// A model folder. What it holds is for [`super::describe`] to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// `org/name`, `synthetic:NAME`, or the path below the folder that was searched.
    pub label: String,
    pub path: PathBuf,
    pub source: Source,
}

/// Every model of `places`, each once however many ways lead to it, synthetic ones first. Folders
/// that cannot be read are passed over.
pub fn discover(places: &Places) -> Vec<Found> {
    let mut search = Search {
        seen: HashSet::new(),
        found: Vec::new(),
    };
    if let Some(folder) = &places.synthetic {
        search.folder(folder, folder, 1);
    }
    for cache in &places.hub_caches {
        for entry in subfolders(cache) {
            search.hub_repo(&entry);
        }
    }
    for folder in &places.folders {
        search.folder(folder, folder, places.depth);
    }
    search.found
}

struct Search {
    /// Device and inode: links, loops and other spellings lead to the same.
    seen: HashSet<(u64, u64)>,
    found: Vec<Found>,
}

impl Search {
    fn is_new(&mut self, folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|data| {
            data.is_dir()
                && self.seen.len() < MOST_FOLDERS
                && self.seen.insert((data.dev(), data.ino()))
        })
    }

    fn folder(&mut self, root: &Path, folder: &Path, levels: usize) {
        if self.hub_repo(folder) || !self.is_new(folder) {
            return;
        }
        if is_model(folder) {
            let below = folder.strip_prefix(root).unwrap_or(folder);
            let name = if below.as_os_str().is_empty() {
                folder.file_name()
            } else {
                Some(below.as_os_str())
            };
            let label = name
                .unwrap_or(folder.as_os_str())
                .to_string_lossy()
                .into_owned();
            self.add(label, folder.to_path_buf(), Source::Folder);
        } else if levels > 0 {
            for entry in subfolders(folder) {
                self.folder(root, &entry, levels - 1);
            }
        }
    }

    /// Whether `folder` is a repo of a Hugging Face cache; its model is added if it is complete.
    fn hub_repo(&mut self, folder: &Path) -> bool {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let Some(repo) = repo_of(&name) else {
            return false;
        };
        if self.is_new(folder)
            && let Some(snapshot) = snapshot(folder)
            && self.is_new(&snapshot)
        {
            self.add(repo, snapshot, Source::HubCache);
        }
        true
    }

    fn add(&mut self, label: String, path: PathBuf, source: Source) {
        let found = match Record::read(&path) {
            Some(record) => Found {
                label: format!("{}{}", synthetic::PREFIX, record.name),
                path,
                source: Source::Synthetic,
            },
            None => Found {
                label,
                path,
                source,
            },
        };
        self.found.push(found);
    }
}

/// A folder with a configuration and weights.
pub(super) fn is_model(folder: &Path) -> bool {
    folder.join("config.json").is_file() && has_weights(folder)
}

pub(super) fn has_weights(folder: &Path) -> bool {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let path = entry.path();
            // Through links: in the cache a file is a link to its blob, and a dead one counts for none.
            path.extension()
                .is_some_and(|extension| extension == "safetensors")
                && path.is_file()
        })
}

/// In the order of their names; hidden ones are nobody's models.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// `models--org--name` is `org/name`.
fn repo_of(folder_name: &str) -> Option<String> {
    let (org, name) = folder_name.strip_prefix("models--")?.split_once("--")?;
    (!org.is_empty() && !name.is_empty()).then(|| format!("{org}/{name}"))
}

/// The snapshot that `refs/main` names if it is complete, else the newest complete one.
fn snapshot(repo_folder: &Path) -> Option<PathBuf> {
    let snapshots = repo_folder.join("snapshots");
    let main = fs::read_to_string(repo_folder.join("refs/main")).ok();
    if let Some(revision) = main.as_deref().map(str::trim)
        // A revision is one name: `..` or `a/b` would lead elsewhere.
        && !revision.is_empty()
        && revision.chars().all(|c| c.is_ascii_alphanumeric())
    {
        let folder = snapshots.join(revision);
        if is_complete(&folder) {
            return Some(folder);
        }
    }
    subfolders(&snapshots)
        .into_iter()
        .filter(|folder| is_complete(folder))
        .max_by_key(|folder| {
            fs::metadata(folder)
                .and_then(|data| data.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH)
        })
}

/// While a download runs, shards come one by one and links before their blobs.
fn is_complete(folder: &Path) -> bool {
    is_model(folder) && absent_shards(folder).is_empty()
}

/// The complete snapshot of `org/name` in one of `caches`.
pub fn cached_snapshot(repo: &str, caches: &[PathBuf]) -> Option<PathBuf> {
    let folder = format!("models--{}", repo.replace('/', "--"));
    caches
        .iter()
        .find_map(|cache| snapshot(&cache.join(&folder)))
}

#[cfg(test)]
mod tests;
