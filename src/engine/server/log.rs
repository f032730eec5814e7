//! What a server's log says of its end. The server keeps its reasons to itself: clients get a 404
//! or a closed connection, and only the log names the cause.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::engine::error::EngineError;

/// No reason stands further from the end than this.
const TAIL_BYTES: u64 = 64 * 1024;

/// The log's last lines, at most `lines` of them; empty where there is no log.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = read_end(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn read_end(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a log tells of a server that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    AddressInUse,
    NoMlx(String),
    BadArguments(String),
    /// The generation thread is gone, for the reason given.
    ThreadDied(String),
    /// Some other last error.
    Other(String),
}

impl Cause {
    /// The reason in the server's own words.
    pub fn text(&self) -> &str {
        match self {
            Self::AddressInUse => "address already in use",
            Self::NoMlx(why)
            | Self::BadArguments(why)
            | Self::ThreadDied(why)
            | Self::Other(why) => why,
        }
    }

    /// True where a server that still runs will never answer again.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::AddressInUse | Self::ThreadDied(_))
    }
}

/// Reads the log of a server that failed.
pub fn cause(path: &Path) -> Option<Cause> {
    read_end(path).ok().as_deref().and_then(cause_in)
}

fn cause_in(log: &str) -> Option<Cause> {
    if log.contains("Address already in use") {
        return Some(Cause::AddressInUse);
    }
    if let Some((_, why)) = log.rsplit_once("generation thread died: ") {
        return Some(Cause::ThreadDied(first_line(why)));
    }
    if let Some((_, why)) = log.rsplit_once("error: unrecognized arguments: ") {
        return Some(Cause::BadArguments(format!(
            "unknown argument {}",
            first_line(why)
        )));
    }
    let last_error = log
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| is_error(line))?;
    Some(
        if last_error.contains("No module named") || last_error.contains("ImportError") {
            Cause::NoMlx(last_error.to_owned())
        } else if let Some((_, why)) = last_error.split_once(": error: argument ") {
            Cause::BadArguments(why.to_owned())
        } else {
            Cause::Other(last_error.to_owned())
        },
    )
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// A logged error, or the last line of a Python traceback (`ValueError: ...`).
fn is_error(line: &str) -> bool {
    if line.contains(" - ERROR - ") || line.contains(": error: ") || line.starts_with("libc++abi") {
        return true;
    }
    if line.contains("No module named") || line.contains("Fatal Python error") {
        return true;
    }
    let Some((name, _)) = line.split_once(": ") else {
        return false;
    };
    let named = name.ends_with("Error") || name.ends_with("Exception");
    named
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "._".contains(c))
}

impl Cause {
    /// The error for a server that failed while it started.
    pub fn into_start_error(self, how: &str) -> EngineError {
        match self {
            Self::NoMlx(why) => EngineError::NoMlx { why },
            Self::BadArguments(why) => EngineError::BadArguments { why },
            // While it starts, the generation thread does nothing but load the model.
            Self::ThreadDied(why) => EngineError::Model { why },
            other => EngineError::Died {
                how: how.to_owned(),
                why: Some(other.text().to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_end_is_recognised() {
        let cases = [
            (
                "2026-11-24 00:04:53,756 - ERROR - mlx_lm.server generation thread died: No safetensors found in /m\nINFO",
                Cause::ThreadDied("No safetensors found in /m".into()),
            ),
            (
                "Traceback (most recent call last):\nOSError: [Errno 98] Address already in use\n",
                Cause::AddressInUse,
            ),
            (
                "usage: server [-h]\nserver: error: unrecognized arguments: --nope=1\n",
                Cause::BadArguments("unknown argument --nope=1".into()),
            ),
            (
                "usage: server [-h]\nserver: error: argument --decode-concurrency: invalid int value: 'x'\n",
                Cause::BadArguments("--decode-concurrency: invalid int value: 'x'".into()),
            ),
            (
                "/usr/bin/python3: No module named mlx_lm\n",
                Cause::NoMlx("/usr/bin/python3: No module named mlx_lm".into()),
            ),
            (
                "Traceback:\n  File \"x\"\nhuggingface_hub.errors.RepositoryNotFoundError: 404 Client Error\n\n",
                Cause::Other(
                    "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error".into(),
                ),
            ),
        ];
        for (log, expected) in cases {
            assert_eq!(cause_in(log), Some(expected), "{log}");
        }
    }

    #[test]
    fn a_healthy_log_has_no_cause() {
        let log = "UserWarning: mlx_lm.server is not recommended for production\n\
                   2026-11-24 00:04:53,756 - INFO - Starting httpd at 127.0.0.1 on port 9100...\n\
                   127.0.0.1 - - [24/Nov/2026] \"POST /v1/chat/completions HTTP/1.1\" 200 -\n";
        assert_eq!(cause_in(log), None);
    }

    #[test]
    fn the_tail_keeps_whole_lines_of_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(file.path(), 2), "two\nthree");
        assert_eq!(tail(Path::new("/nonexistent"), 2), "");
    }
}
