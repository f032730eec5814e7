//! What can go wrong while the environment is made, told from what the installers print.

use std::io;
use std::path::PathBuf;

use super::super::child::{ChildError, tail};
use super::super::error::{PythonError, SETUP};
use crate::units::Bytes;

/// Why there is no managed environment, and what to do. Nothing usable was left behind.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("cancelled; nothing was left behind")]
    Cancelled,

    #[error(
        "no Python {need} or newer was found, and no uv that could fetch one. Install it \
         ({install}), then run `{SETUP}` again"
    )]
    NoPython { need: String, install: String },

    #[error("{path} cannot be used to make an environment: {reason}", path = path.display())]
    BaseUnfit { path: PathBuf, reason: String },

    #[error(
        "{python} cannot make virtual environments: its venv module is not installed. Install it \
         ({install}), then run `{SETUP}` again",
        python = python.display()
    )]
    NoVenvModule { python: PathBuf, install: String },

    #[error(
        "the package index could not be reached: {detail}. Check the network connection (and proxy \
         settings), then run `{SETUP}` again. The whole log: {log}",
        log = log.display()
    )]
    Network { detail: String, log: PathBuf },

    #[error(
        "the disk is full: {folder} needs about {needed} and has {free} free. Make room, then run \
         `{SETUP}` again",
        folder = folder.display(),
        free = free.map_or_else(|| "too little".to_owned(), |free| free.to_string())
    )]
    DiskFull {
        folder: PathBuf,
        needed: Bytes,
        free: Option<Bytes>,
    },

    #[error(
        "there is no build of a needed package for this machine: {detail}. MLX needs Apple silicon \
         with macOS 14 or newer, or Linux with glibc 2.35 or newer, and a Python that its packages \
         are built for. The whole log: {log}",
        log = log.display()
    )]
    NoBuild { detail: String, log: PathBuf },

    #[error(
        "{folder} holds something else than an environment of ours, so it was left alone. Move it \
         away, then run `{SETUP}` again",
        folder = folder.display()
    )]
    NotOurs { folder: PathBuf },

    #[error("{step} failed: {detail}\nThe whole log: {log}", log = log.display())]
    Step {
        step: &'static str,
        detail: String,
        log: PathBuf,
    },

    #[error("the environment was made but does not work: {0}")]
    DoesNotWork(#[source] PythonError),

    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl SetupError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::DiskFull {
                folder: path,
                needed: Bytes(0),
                free: None,
            };
        }
        Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn child(step: &'static str, log: PathBuf, error: ChildError) -> Self {
        match error {
            ChildError::Cancelled => Self::Cancelled,
            other => Self::Step {
                step,
                detail: other.to_string(),
                log,
            },
        }
    }
}

/// What an installer's output shows about why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    DiskFull,
    Network,
    NoVenvModule,
    NoBuild,
    Other,
}

/// In order: a network failure also makes pip say that no version matches.
const SIGNS: [(Cause, &[&str]); 4] = [
    (
        Cause::DiskFull,
        &[
            "No space left on device",
            "os error 28",
            "Errno 28",
            "Disk quota exceeded",
        ],
    ),
    (
        Cause::NoVenvModule,
        &[
            "ensurepip is not available",
            "No module named venv",
            "No module named ensurepip",
        ],
    ),
    (
        Cause::Network,
        &[
            "Failed to establish a new connection",
            "NewConnectionError",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "Read timed out",
            "Connection reset by peer",
            "ConnectionResetError",
            "RemoteDisconnected",
            "IncompleteRead",
            "ProxyError",
            "Temporary failure in name resolution",
            "Name or service not known",
            "nodename nor servname provided",
            "Network is unreachable",
            "SSLError",
            "error sending request",
            "dns error",
            "client error (Connect)",
            "operation timed out",
            "Failed to fetch",
        ],
    ),
    (
        Cause::NoBuild,
        &[
            "No matching distribution found",
            "is not a supported wheel on this platform",
            "has no wheels with a matching",
            "No solution found when resolving dependencies",
            "only has wheels for the following platform",
        ],
    ),
];

/// The first line that shows the network at fault, without what the installer says of its retries.
pub(super) fn network_reason(output: &str) -> String {
    let line = output.lines().find(|line| cause(line) == Cause::Network);
    let line = line.map_or_else(|| reason(output), ToOwned::to_owned);
    let told = line
        .split_once("after connection broken by ")
        .map_or(&*line, |(_, told)| told);
    told.trim().chars().take(300).collect()
}

pub(super) fn cause(output: &str) -> Cause {
    // Python folds its longer messages at any space.
    let flat = output.split_whitespace().collect::<Vec<_>>().join(" ");
    SIGNS
        .iter()
        .find(|(_, signs)| signs.iter().any(|sign| flat.contains(sign)))
        .map_or(Cause::Other, |(cause, _)| *cause)
}

/// The lines that say why: those that the installer marks as errors, or else the last ones.
pub(super) fn reason(output: &str) -> String {
    let errors: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|line| {
            ["ERROR:", "error:", "Error:", "× "]
                .iter()
                .any(|mark| line.starts_with(mark))
        })
        .collect();
    if errors.is_empty() {
        tail(output, 4)
    } else {
        tail(&errors.join("\n"), 3)
    }
}

/// How a package is installed on this machine, as a command to copy.
pub(super) fn install_hint(debian: &str, fedora: &str, brew: &str) -> String {
    let has = |program: &str| crate::platform::executables::on_path(program).is_some();
    if cfg!(target_os = "macos") {
        format!("`brew install {brew}`, or the installer from python.org")
    } else if has("apt-get") {
        format!("`sudo apt install {debian}`")
    } else if has("dnf") {
        format!("`sudo dnf install {fedora}`")
    } else {
        format!("the package {debian} or its like of your system")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_from_what_installers_print() {
        for (output, expected) in [
            (
                "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
                 ERROR: Could not find a version that satisfies the requirement mlx-lm==0.32.2\n\
                 ERROR: No matching distribution found for mlx-lm==0.32.2",
                Cause::Network,
            ),
            (
                "ERROR: Could not find a version that satisfies the requirement mlx==0.32.4 \
                 (from versions: none)\nERROR: No matching distribution found for mlx==0.32.4",
                Cause::NoBuild,
            ),
            (
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
                Cause::DiskFull,
            ),
            (
                "The virtual environment was not created successfully because ensurepip is not\n\
                 available.  On Debian/Ubuntu systems, you need to install the python3-venv",
                Cause::NoVenvModule,
            ),
            (
                "error: Request failed after 3 retries\n  Caused by: Failed to fetch: `simple/mlx/`",
                Cause::Network,
            ),
            ("Killed", Cause::Other),
        ] {
            assert_eq!(cause(output), expected, "{output}");
        }
    }

    #[test]
    fn of_a_network_failure_the_connection_is_told_and_not_what_pip_made_of_it() {
        let output = "WARNING: Retrying (Retry(total=0)) after connection broken by \
                      'NewConnectionError(Failed to establish a new connection)': /simple/mlx/\n\
                      ERROR: Cannot install mlx because of conflicting dependencies.\n";
        let expected = "'NewConnectionError(Failed to establish a new connection)': /simple/mlx/";
        assert_eq!(network_reason(output), expected);
    }

    #[test]
    fn the_reason_is_the_error_lines_or_the_last_lines() {
        let output = "Collecting mlx\nERROR: no such thing\nhint: try again\n";
        assert_eq!(reason(output), "ERROR: no such thing");
        assert_eq!(reason("a\nb\nc\nd\ne\n"), "b\nc\nd\ne");
    }
}
