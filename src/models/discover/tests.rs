use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn model(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), "{}").unwrap();
    fs::write(folder.join("model.safetensors"), "").unwrap();
}

fn places(folder: &Path) -> Places {
    Places {
        synthetic: None,
        folders: vec![folder.to_path_buf()],
        hub_caches: Vec::new(),
        depth: DEFAULT_DEPTH,
    }
}

fn labels(places: &Places) -> Vec<String> {
    discover(places)
        .into_iter()
        .map(|found| found.label)
        .collect()
}

/// A repo as `huggingface_hub` lays it out, with `revisions` downloaded in that order.
fn hub_repo(cache: &Path, name: &str, revisions: &[&str]) -> PathBuf {
    let repo = cache.join(name);
    let blobs = repo.join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    for (age, revision) in revisions.iter().rev().enumerate() {
        let folder = repo.join("snapshots").join(revision);
        fs::create_dir_all(&folder).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::write(blobs.join(file), "{}").unwrap();
            symlink(format!("../../blobs/{file}"), folder.join(file)).unwrap();
        }
        let then = SystemTime::now() - std::time::Duration::from_secs(60 * age as u64);
        fs::File::open(&folder).unwrap().set_modified(then).unwrap();
    }
    fs::create_dir_all(repo.join("refs")).unwrap();
    repo
}

#[test]
fn a_model_is_a_folder_with_configuration_and_weights() {
    let root = tempfile::tempdir().unwrap();
    model(&root.path().join("org/named"));
    model(&root.path().join("plain"));
    model(&root.path().join(".hidden"));
    fs::create_dir_all(root.path().join("only-config")).unwrap();
    fs::write(root.path().join("only-config/config.json"), "{}").unwrap();
    fs::create_dir_all(root.path().join("only-weights")).unwrap();
    fs::write(root.path().join("only-weights/model.safetensors"), "").unwrap();
    assert_eq!(labels(&places(root.path())), ["org/named", "plain"]);
}

#[test]
fn the_searched_folder_may_be_the_model() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mine");
    model(&folder);
    assert_eq!(labels(&places(&folder)), ["mine"]);
}

#[test]
fn the_search_ends_at_its_depth() {
    let root = tempfile::tempdir().unwrap();
    model(&root.path().join("1/2/3/4"));
    model(&root.path().join("a/b/c/d/e"));
    assert_eq!(labels(&places(root.path())), ["1/2/3/4"]);
    assert!(
        labels(&Places {
            depth: 3,
            ..places(root.path())
        })
        .is_empty()
    );
}

#[test]
fn links_are_followed_but_loops_end_and_nothing_is_listed_twice() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    model(&elsewhere.path().join("linked"));
    model(&root.path().join("own"));
    symlink(root.path(), root.path().join("loop")).unwrap();
    symlink(root.path().join("own"), root.path().join("zzz")).unwrap();
    symlink(elsewhere.path(), root.path().join("out")).unwrap();
    symlink("/no/such/place", root.path().join("dead")).unwrap();
    let mut twice = places(root.path());
    twice.folders.push(root.path().join("loop"));
    assert_eq!(labels(&twice), ["out/linked", "own"]);
}

#[test]
fn unreadable_folders_are_passed_over() {
    let root = tempfile::tempdir().unwrap();
    model(&root.path().join("good"));
    let closed = root.path().join("closed");
    model(&closed.join("inner"));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let found = labels(&places(root.path()));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    // Root reads everything; anyone else finds the good one alone.
    assert!(found.contains(&"good".to_owned()), "{found:?}");
    assert!(labels(&places(Path::new("/no/such/folder"))).is_empty());
}

#[test]
fn the_hub_cache_shows_the_snapshot_of_main() {
    let cache = tempfile::tempdir().unwrap();
    let repo = hub_repo(cache.path(), "models--org--a--b", &["aaa", "bbb"]);
    let caches = [cache.path().to_path_buf()];
    // Without refs the newest counts.
    assert_eq!(
        cached_snapshot("org/a--b", &caches),
        Some(repo.join("snapshots/bbb"))
    );
    fs::write(repo.join("refs/main"), "aaa\n").unwrap();
    assert_eq!(
        cached_snapshot("org/a--b", &caches),
        Some(repo.join("snapshots/aaa"))
    );
    assert_eq!(cached_snapshot("org/other", &caches), None);
    fs::write(repo.join("refs/main"), "../../..").unwrap();
    assert_eq!(
        cached_snapshot("org/a--b", &caches),
        Some(repo.join("snapshots/bbb"))
    );

    for places in [
        Places {
            folders: vec![],
            hub_caches: caches.to_vec(),
            ..places(cache.path())
        },
        places(cache.path()),
    ] {
        let found = discover(&places);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].label.as_str(), found[0].source),
            ("org/a--b", Source::HubCache)
        );
    }
}

#[test]
fn an_unfinished_download_is_no_model() {
    let cache = tempfile::tempdir().unwrap();
    let caches = [cache.path().to_path_buf()];
    let repo = hub_repo(cache.path(), "models--org--model", &["old", "new"]);
    fs::write(repo.join("refs/main"), "new").unwrap();
    let index = r#"{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}"#;
    fs::write(
        repo.join("snapshots/new/model.safetensors.index.json"),
        index,
    )
    .unwrap();
    assert_eq!(
        cached_snapshot("org/model", &caches),
        Some(repo.join("snapshots/old"))
    );
    fs::remove_file(repo.join("blobs/model.safetensors")).unwrap();
    assert_eq!(cached_snapshot("org/model", &caches), None);
    assert!(
        labels(&Places {
            hub_caches: caches.to_vec(),
            ..places(cache.path())
        })
        .is_empty()
    );
}

#[test]
fn synthetic_models_are_labelled_wherever_they_lie() {
    let root = tempfile::tempdir().unwrap();
    let token = tokio_util::sync::CancellationToken::new();
    synthetic::ensure("tiny", &root.path().join("here"), &mut |_| (), &token).unwrap();
    let found = discover(&places(root.path()));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].label.as_str(), found[0].source),
        ("synthetic:tiny", Source::Synthetic)
    );
}

#[test]
fn the_environment_names_the_cache() {
    let home = Path::new("/home/ann");
    for (set, expected) in [
        (&[][..], "/home/ann/.cache/huggingface/hub"),
        (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/h")], "/c"),
        (&[("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
        (&[("HF_HUB_CACHE", ""), ("HF_HOME", "/h")], "/h/hub"),
        (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
    ] {
        let variable = |name: &str| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, v)| v.into())
        };
        assert_eq!(hub_cache(variable, Some(home)), Some(expected.into()));
    }
    assert_eq!(hub_cache(|_| None, None), None);
}

#[test]
fn a_tilde_is_the_home_folder() {
    let home = env::home_dir().unwrap();
    let places = Places::usual(&["/a".into(), "~/m".into()], 1);
    assert_eq!(places.folders[..2], ["/a".into(), home.join("m")]);
}
