//! What a run said, line by line, bounded.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::engine::event::NoticeLevel;

/// Lines that are kept; the files keep all.
pub const MAX_LINES: usize = 10_000;
/// Longer lines are cut: a server may print a whole prompt.
const MAX_LINE_CHARS: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogSource {
    App,
    /// By its instance number.
    Server(u32),
    Nginx,
}

impl std::fmt::Display for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::App => f.write_str("App"),
            Self::Server(instance) => write!(f, "Server {instance}"),
            Self::Nginx => f.write_str("nginx"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub time: Timestamp,
    pub source: LogSource,
    pub level: NoticeLevel,
    pub text: String,
}

/// The last lines of a run.
#[derive(Debug, Default)]
pub struct RunLog {
    lines: VecDeque<LogLine>,
    dropped: u64,
}

impl RunLog {
    /// Of a text with several lines, each becomes one.
    pub fn push(&mut self, line: &LogLine) {
        for text in line.text.lines() {
            if self.lines.len() == MAX_LINES {
                self.lines.pop_front();
                self.dropped += 1;
            }
            let text = match text.char_indices().nth(MAX_LINE_CHARS) {
                Some((end, _)) => format!("{}...", &text[..end]),
                None => text.to_owned(),
            };
            self.lines.push_back(LogLine {
                text,
                ..line.clone()
            });
        }
    }

    /// Oldest first.
    pub fn lines(&self) -> &VecDeque<LogLine> {
        &self.lines
    }

    /// Lines that were left behind; with the number of lines, a count that only grows.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// All sources that have said something, in order.
    pub fn sources(&self) -> Vec<LogSource> {
        let seen: std::collections::BTreeSet<LogSource> =
            self.lines.iter().map(|line| line.source).collect();
        seen.into_iter().collect()
    }
}
