//! Dependencies between the parts point one way (see `src/lib.rs`).

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn part(name: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
    let found = sources(&folder);
    assert!(!found.is_empty(), "{} holds no source", folder.display());
    found
}

/// `engine` may not name these parts, and so on downwards.
const MAY_NOT_NAME: &[(&str, &[&str])] = &[
    ("engine", &["app", "cli", "report", "egui"]),
    ("store", &["app", "cli", "report", "egui"]),
    ("board", &["app", "cli", "report", "egui"]),
    ("compare", &["app", "cli", "report", "egui"]),
    ("report", &["app", "cli", "egui"]),
    ("session", &["app", "cli", "report", "egui"]),
    ("doctor", &["app", "cli", "report", "store", "egui"]),
    (
        "measure",
        &["app", "cli", "report", "store", "engine", "monitor", "egui"],
    ),
    (
        "models",
        &["app", "cli", "report", "store", "engine", "monitor", "egui"],
    ),
    (
        "python",
        &["app", "cli", "report", "store", "engine", "monitor", "egui"],
    ),
    (
        "monitor",
        &["app", "cli", "report", "store", "engine", "egui"],
    ),
    (
        "plan",
        &["app", "cli", "report", "store", "engine", "monitor", "egui"],
    ),
    (
        "prompts",
        &["app", "cli", "report", "store", "engine", "monitor", "egui"],
    ),
    (
        "settings",
        &["app", "cli", "report", "store", "engine", "plan", "egui"],
    ),
    ("cli", &["app", "egui"]),
    ("app", &["cli"]),
];

#[test]
fn no_part_names_one_above_it() {
    for (name, above) in MAY_NOT_NAME {
        for (path, text) in part(name) {
            for other in *above {
                for naming in [format!("crate::{other}::"), format!("use {other}::")] {
                    assert!(
                        !text.contains(&naming),
                        "{} names {other}, which stands above {name}",
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn no_file_has_outgrown_its_name() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests"] {
        for (path, text) in sources(&project.join(folder)) {
            let lines = text.lines().count();
            assert!(
                lines <= 550,
                "{} has {lines} lines: find its seam",
                path.display()
            );
        }
    }
}
