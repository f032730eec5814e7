//! Pythons and a uv that are shell scripts, for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes an executable script. Another program does the writing: were this process to hold the
/// file open for writing while another test's thread forks, running it could fail as "busy".
pub(super) fn script(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let draft = tempfile::NamedTempFile::new().unwrap();
    fs::write(draft.path(), text).unwrap();
    let copied = Command::new("install")
        .args(["-m", "755"])
        .arg(draft.path())
        .arg(file)
        .status();
    assert!(copied.unwrap().success());
}

#[derive(Clone)]
pub(super) struct FakePython {
    pub python: &'static str,
    pub mlx: Option<&'static str>,
    pub mlx_lm: Option<&'static str>,
    /// `None`: the folder above the one it lies in.
    pub prefix: Option<PathBuf>,
    pub can_venv: bool,
    /// Shell lines that answer `-m`.
    pub server: String,
}

impl Default for FakePython {
    fn default() -> Self {
        Self {
            python: "3.12.4",
            mlx: Some("0.32.4"),
            mlx_lm: Some("0.32.2"),
            prefix: None,
            can_venv: true,
            server: "echo 'usage: [--port PORT] [--decode-concurrency N]'".to_owned(),
        }
    }
}

impl FakePython {
    pub fn bare(python: &'static str) -> Self {
        Self {
            python,
            mlx: None,
            mlx_lm: None,
            ..Self::default()
        }
    }

    pub fn text(&self) -> String {
        let quoted = |version: Option<&str>| {
            version.map_or("null".to_owned(), |version| format!("\"{version}\""))
        };
        let (mlx, mlx_lm) = (quoted(self.mlx), quoted(self.mlx_lm));
        let prefix = self
            .prefix
            .as_ref()
            .map_or("$up".to_owned(), |path| path.display().to_string());
        let core = if self.mlx.is_some() {
            "\"$packages/mlx/core.so\""
        } else {
            "null"
        };
        let dir = if self.mlx_lm.is_some() {
            "\"$packages/mlx_lm\""
        } else {
            "null"
        };
        let backend = if self.mlx.is_some() {
            "\"cpu\""
        } else {
            "null"
        };
        let (python, server, can_venv) = (self.python, &self.server, self.can_venv);
        format!(
            r#"#!/bin/sh
up=$(cd "$(dirname "$0")/.." && pwd)
packages=$up/lib/python3.12/site-packages
case "$1" in
-c) echo "noise from a sitecustomize"
cat <<JSON
mlx-lab-probe:{{"python": "{python}", "exe": null, "prefix": "{prefix}", "is_venv": false,
JSON
;;
-m) {server} ;;
esac
"#
        )
        .replace(
            "\"is_venv\": false,\n",
            &format!(
                "\"is_venv\": false, \"machine\": \"arm64\", \"site_packages\": \"$packages\", \
                 \"can_venv\": {can_venv}, \"free_threaded\": false, \"mlx\": {mlx}, \"mlx_core\": {core}, \
                 \"mlx_lm\": {mlx_lm}, \"mlx_lm_dir\": {dir}, \"backend\": {backend}}}\n"
            ),
        )
    }

    pub fn write(&self, file: &Path) {
        script(file, &self.text());
    }
}
