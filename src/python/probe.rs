//! What is installed in one Python, asked of itself without importing MLX (some 0.1 s).

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::child::{ChildError, capture, tail};
use super::error::PythonError;
use super::{Interpreter, Origin};

/// Long enough for a cold disk; a Python that hangs must not hold up the others for ever.
const LIMIT: Duration = Duration::from_secs(20);

/// Set before the answer, so that what a `sitecustomize` prints is not taken for it.
const MARK: &str = "mlx-lab-probe:";

/// Runs on Python 3.3 and newer. `mlx` is a namespace package: only `mlx.core` shows that it is
/// there, and looking for it imports nothing.
const SCRIPT: &str = r"
import json, os, sys
sys.path = [p for p in sys.path if p]
import importlib.util
def spec(name):
    try:
        return importlib.util.find_spec(name)
    except Exception:
        return None
def version(name):
    try:
        from importlib.metadata import version as v
        return v(name)
    except Exception:
        return None
def module(name):
    found = spec(name)
    return found.origin if found is not None and found.has_location else None
import sysconfig
lm, core = module('mlx_lm'), module('mlx.core')
backends = [('metal', 'mlx-metal'), ('cuda-13', 'mlx-cuda-13'), ('cuda-12', 'mlx-cuda-12'), ('cpu', 'mlx-cpu')]
print('mlx-lab-probe:' + json.dumps({
    'python': '%d.%d.%d' % sys.version_info[:3],
    'exe': sys.executable or None,
    'prefix': os.path.realpath(sys.prefix),
    'is_venv': sys.prefix != sys.base_prefix,
    'machine': os.uname().machine,
    'site_packages': sysconfig.get_path('purelib'),
    'can_venv': spec('venv') is not None and spec('ensurepip') is not None,
    'free_threaded': bool(sysconfig.get_config_var('Py_GIL_DISABLED')),
    'mlx': (version('mlx') or 'unknown') if core else None,
    'mlx_core': core,
    'mlx_lm': (version('mlx-lm') or 'unknown') if lm else None,
    'mlx_lm_dir': os.path.dirname(lm) if lm else None,
    'backend': next((n for n, d in backends if version(d)), None),
}))
";

/// A Python's answer about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Probe {
    pub python: String,
    /// What Python calls itself: a pyenv or conda shim is resolved, a venv's link is kept.
    pub exe: Option<PathBuf>,
    /// The installation or environment: two Pythons of one version and prefix are the same one.
    pub prefix: PathBuf,
    pub is_venv: bool,
    /// `arm64`, `x86_64`, `aarch64`: on a Mac an Intel Python runs, but MLX is not made for it.
    pub machine: String,
    pub site_packages: PathBuf,
    /// `python -m venv` would work here (Debian packs that apart).
    pub can_venv: bool,
    pub free_threaded: bool,
    pub mlx: Option<String>,
    /// The compiled module, whose time changes when mlx is replaced.
    pub mlx_core: Option<PathBuf>,
    pub mlx_lm: Option<String>,
    pub mlx_lm_dir: Option<PathBuf>,
    pub backend: Option<String>,
}

impl Probe {
    pub fn interpreter(&self, asked: &Path, origin: Origin) -> Interpreter {
        // A chosen one is run as it was chosen: it may be a wrapper that sets something up. Of those
        // found, Python's own name is surer: a shim may lead elsewhere tomorrow.
        let own = self.exe.clone().filter(|_| origin != Origin::Chosen);
        Interpreter {
            exe: own.unwrap_or_else(|| asked.to_path_buf()),
            origin,
            python: self.python.clone(),
            mlx: self.mlx.clone(),
            mlx_lm: self.mlx_lm.clone(),
            backend: self.backend.clone(),
        }
    }
}

/// Asks the Python at `exe` what is installed in it.
pub async fn probe(exe: &Path, origin: Origin) -> Result<Interpreter, PythonError> {
    Ok(ask(exe).await?.interpreter(exe, origin))
}

pub(crate) async fn ask(exe: &Path) -> Result<Probe, PythonError> {
    let broken = |detail: String| PythonError::DoesNotRun {
        path: exe.to_path_buf(),
        detail,
    };
    let mut command = Command::new(exe);
    command
        .args(["-c", SCRIPT])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let answer = capture(&mut command, LIMIT).await.map_err(|error| {
        broken(match error {
            ChildError::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "it does not exist".to_owned()
            }
            other => other.to_string(),
        })
    })?;
    let line = answer
        .stdout
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(MARK));
    match line {
        Some(json) if answer.status.success() => serde_json::from_str(json)
            .map_err(|error| broken(format!("it gave an answer that cannot be read ({error})"))),
        _ => {
            let said = [&answer.stderr, &answer.stdout]
                .map(|text| tail(text, 6))
                .into_iter()
                .find(|said| !said.is_empty())
                .unwrap_or_default();
            // It becomes part of a sentence.
            let said = said
                .lines()
                .map(|line| line.trim().trim_end_matches('.'))
                .collect::<Vec<_>>()
                .join("; ");
            Err(broken(if said.is_empty() {
                format!("it ended with {} and said nothing", answer.status)
            } else {
                said
            }))
        }
    }
}
