//! How the server is started with one Python, and its `--help`: which flags this version knows.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::Origin;
use super::child::{Captured, ChildError, capture, tail};
use super::error::{PythonError, how_to_mend};
use super::managed::pins;
use super::probe::{Probe, ask};
use crate::platform::dirs;

/// Importing mlx takes seconds, on a cold disk tens of them.
const LIMIT: Duration = Duration::from_mins(1);

/// How Python starts the server, newest form first.
const FORMS: [&[&str]; 2] = [&["-m", "mlx_lm", "server"], &["-m", "mlx_lm.server"]];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerProbe {
    /// Python's version.
    pub python: String,
    pub mlx: Option<String>,
    pub mlx_lm: String,
    /// What stands between the interpreter and the server's own arguments: `-m mlx_lm server`, or
    /// `-m mlx_lm.server` in older versions.
    pub module_args: Vec<String>,
    /// The output of the server's `--help`.
    pub help: String,
}

/// Asks the server of the Python at `exe` for its help. That imports mlx (2 to 60 s), so the answer
/// is kept in the data folder until the installation changes.
///
/// # Errors
/// The Python does not run, has no mlx-lm, or the server's own imports fail: then with the end of
/// its traceback.
pub async fn server_probe(exe: &Path) -> Result<ServerProbe, PythonError> {
    let cache = dirs::data_dir().map(|data| data.join("server-probes"));
    server_probe_cached(exe, cache.as_deref()).await
}

/// As [`server_probe`], with the answers kept in the folder `cache`; `None` keeps none.
pub async fn server_probe_cached(
    exe: &Path,
    cache: Option<&Path>,
) -> Result<ServerProbe, PythonError> {
    let probe = ask(exe).await?;
    let key = Key::of(exe, &probe);
    if let Some(known) = cache.and_then(|folder| read(folder, &key)) {
        return Ok(known);
    }
    let answer = run(exe, &probe).await?;
    if let Some(folder) = cache
        && let Err(error) = write(folder, key, &answer)
    {
        tracing::debug!(%error, "the server's help could not be kept");
    }
    Ok(answer)
}

async fn run(exe: &Path, probe: &Probe) -> Result<ServerProbe, PythonError> {
    let Some(mlx_lm) = probe.mlx_lm.clone() else {
        return Err(PythonError::NoMlxLm {
            path: exe.to_path_buf(),
            python: probe.python.clone(),
            wanted: pins::install_words(),
        });
    };
    let mut failure = None;
    for form in FORMS {
        let answer = ask_help(exe, form).await;
        match answer {
            Ok(answer) if answer.status.success() && answer.stdout.contains("--port") => {
                return Ok(ServerProbe {
                    python: probe.python.clone(),
                    mlx: probe.mlx.clone(),
                    mlx_lm,
                    module_args: form.iter().map(ToString::to_string).collect(),
                    help: answer.stdout,
                });
            }
            Ok(answer) => {
                let unknown_form = knows_no_such_form(&answer.stderr);
                failure = Some(broken(exe, form, probe, &what_it_said(&answer)));
                if !unknown_form {
                    break;
                }
            }
            Err(error) => {
                failure = Some(broken(exe, form, probe, &error.to_string()));
                break;
            }
        }
    }
    Err(failure.expect("the loop tries at least one form and ends with its failure"))
}

async fn ask_help(exe: &Path, form: &[&str]) -> Result<Captured, ChildError> {
    let mut command = Command::new(exe);
    command
        .args(form)
        .arg("--help")
        .env("HF_HUB_OFFLINE", "1")
        // argparse folds its text to the terminal's width, and newer Pythons colour it.
        .env("COLUMNS", "100")
        .env("PYTHON_COLORS", "0")
        .env("NO_COLOR", "1")
        .env_remove("FORCE_COLOR");
    capture(&mut command, LIMIT).await
}

/// What an mlx-lm says that has no `mlx_lm server` yet.
fn knows_no_such_form(stderr: &str) -> bool {
    [
        "No module named mlx_lm.__main__",
        "cannot be directly executed",
        "CLI requires a subcommand",
    ]
    .iter()
    .any(|sign| stderr.contains(sign))
}

fn what_it_said(answer: &Captured) -> String {
    let said = tail(&answer.stderr, 6);
    if said.is_empty() {
        format!("it ended with {} and said nothing", answer.status)
    } else {
        said
    }
}

fn broken(exe: &Path, form: &[&str], probe: &Probe, detail: &str) -> PythonError {
    let cause = match (&probe.mlx, &probe.backend) {
        (Some(_), Some(_)) => "The installation is broken",
        (Some(_), None) => "mlx has no backend for this machine there",
        (None, _) => "mlx is not installed there",
    };
    let advice = format!("{cause}. {}", how_to_mend(exe));
    let command = format!("{} {} --help", exe.display(), form.join(" "));
    PythonError::ServerDoesNotStart {
        command,
        detail: detail.to_owned(),
        advice,
    }
}

/// What the answer depends on: a kept answer counts only while all of it is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    exe: PathBuf,
    python: String,
    mlx: Option<String>,
    mlx_lm: Option<String>,
    backend: Option<String>,
    /// Nanoseconds since 1970 at which `mlx_lm/server.py` and mlx's compiled module were written.
    server_written_ns: Option<u64>,
    mlx_written_ns: Option<u64>,
}

impl Key {
    fn of(exe: &Path, probe: &Probe) -> Self {
        let interpreter = probe.interpreter(exe, Origin::Chosen);
        Self {
            exe: interpreter.exe,
            python: interpreter.python,
            mlx: interpreter.mlx,
            mlx_lm: interpreter.mlx_lm,
            backend: interpreter.backend,
            server_written_ns: probe
                .mlx_lm_dir
                .as_ref()
                .and_then(|folder| written_ns(&folder.join("server.py"))),
            mlx_written_ns: probe.mlx_core.as_deref().and_then(written_ns),
        }
    }

    /// One file for each interpreter, so that old answers do not pile up.
    fn file(&self, folder: &Path) -> PathBuf {
        let name = AsRef::<OsStr>::as_ref(&self.exe).as_encoded_bytes();
        let digest = Sha256::digest(name);
        let hex = digest
            .iter()
            .take(8)
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        folder.join(format!("{hex}.json"))
    }
}

fn written_ns(file: &Path) -> Option<u64> {
    let written = file.metadata().ok()?.modified().ok()?;
    u64::try_from(written.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

#[derive(Serialize, Deserialize)]
struct Kept {
    key: Key,
    answer: ServerProbe,
}

/// A file that cannot be read, or is of another installation, is as good as none.
fn read(folder: &Path, key: &Key) -> Option<ServerProbe> {
    let kept: Kept = serde_json::from_slice(&fs::read(key.file(folder)).ok()?).ok()?;
    (kept.key == *key).then_some(kept.answer)
}

fn write(folder: &Path, key: Key, answer: &ServerProbe) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = key.file(folder);
    let mut temp = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(
        &mut temp,
        &Kept {
            key,
            answer: answer.clone(),
        },
    )?;
    temp.flush()?;
    temp.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[path = "server_probe_tests.rs"]
mod tests;
