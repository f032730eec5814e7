//! How a command ends when it cannot do what it was asked.

use std::fmt;
use std::process::ExitCode;

/// Exit status of a failed check, cell or run.
pub const FAILED: u8 = 1;
/// Exit status of wrong usage: nothing was started.
pub const USAGE: u8 = 2;
/// Exit status after Ctrl-C, as shells give it.
pub const INTERRUPTED: u8 = 130;

/// What was asked makes no sense; says why and what to do.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

impl Usage {
    pub fn of(error: &dyn fmt::Display) -> anyhow::Error {
        Self(error.to_string()).into()
    }

    /// Several at once: every wrong setting is told, not only the first.
    pub fn all<E: fmt::Display>(errors: &[E]) -> anyhow::Error {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Self(lines.join("\n")).into()
    }
}

/// The user asked us to stop.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Tells the error on standard error, and gives its exit status.
pub fn tell(error: &anyhow::Error) -> ExitCode {
    let code = if error.is::<Usage>() {
        USAGE
    } else if error.is::<Interrupted>() {
        INTERRUPTED
    } else {
        FAILED
    };
    say!("error: {}", chain(error));
    ExitCode::from(code)
}

/// The error and its causes; a cause that an error before it names already is not told twice.
fn chain(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write a.csv: {source}. Make room")]
    struct Named {
        source: std::io::Error,
    }

    #[test]
    fn a_cause_is_told_once() {
        let named = Named {
            source: std::io::Error::other("disk full"),
        };
        let error = anyhow::Error::from(named);
        assert_eq!(chain(&error), "cannot write a.csv: disk full. Make room");
        let error = error.context("no run");
        assert_eq!(
            chain(&error),
            "no run: cannot write a.csv: disk full. Make room"
        );
    }
}
