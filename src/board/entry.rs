//! What has become of a cell, in a word.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Board, Layer};
use crate::engine::event::CellStatus;
use crate::measure::figures::FlagKind;
use crate::plan::Plan;
use crate::store::row::CellRow;

/// What has become of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState {
    Waiting,
    Running,
    Done,
    /// Measured, and over the latency limit that the search keeps to.
    OverLimit,
    /// Of a search: not measured, and maybe never.
    NotNeeded,
    /// Measured, but the figure must not be used.
    Invalid(Why),
    /// Not measured.
    Failed(Why),
    Skipped,
}

/// A reason in a few words, which fit into a cell of a heatmap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    NotValid,
    FlagsNotApplied,
    TooManyErrors,
    ServerDied,
    EmptyWindow,
    Memory,
    NoMlx,
    Arguments,
    Model,
    Stuck,
    Died,
    Timeout,
    NoAnswer,
    Nginx,
    Port,
    Errors,
    Error,
}

impl Why {
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotValid => "not valid",
            Self::FlagsNotApplied => "flags not applied",
            Self::TooManyErrors => "too many errors",
            Self::ServerDied => "server died",
            Self::EmptyWindow => "empty window",
            Self::Memory => "memory",
            Self::NoMlx => "no MLX",
            Self::Arguments => "arguments",
            Self::Model => "model",
            Self::Stuck => "stuck",
            Self::Died => "died",
            Self::Timeout => "timeout",
            Self::NoAnswer => "no answer",
            Self::Nginx => "nginx",
            Self::Port => "port",
            Self::Errors => "errors",
            Self::Error => "error",
        }
    }
}

impl CellState {
    /// A cell without a row.
    pub fn open(plan: &Plan) -> Self {
        if plan.tune.is_some() {
            Self::NotNeeded
        } else {
            Self::Waiting
        }
    }

    pub fn of_row(row: &CellRow) -> Self {
        match row.status {
            Some(CellStatus::Ok) if row.is_over_limit() => Self::OverLimit,
            Some(CellStatus::Ok) | None => Self::Done,
            Some(CellStatus::Invalid) => Self::Invalid(reason(row)),
            Some(CellStatus::Failed) => Self::Failed(word(row)),
            Some(CellStatus::Skipped) => Self::Skipped,
        }
    }

    /// "done", "failed: timeout".
    pub fn text(self) -> String {
        match self.words() {
            (word, "") => word.to_owned(),
            (word, why) => format!("{word}: {why}"),
        }
    }

    /// The parts of its text; their order is the order of the texts.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Waiting => ("waiting", ""),
            Self::Running => ("running", ""),
            Self::Done => ("done", ""),
            Self::OverLimit => ("done", "over the limit"),
            Self::NotNeeded => ("not needed", ""),
            Self::Invalid(why) => ("invalid", why.text()),
            Self::Failed(why) => ("failed", why.text()),
            Self::Skipped => ("skipped", ""),
        }
    }

    pub fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running | Self::NotNeeded)
    }

    /// Which of several repeats speaks for all: the one that runs, else the best ending.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Done => 1,
            Self::OverLimit => 2,
            Self::Invalid(_) => 3,
            Self::Failed(_) => 4,
            Self::Skipped => 5,
            Self::Waiting | Self::NotNeeded => 6,
        }
    }
}

fn reason(row: &CellRow) -> Why {
    row.flag_kinds()
        .into_iter()
        .find(|kind| kind.invalidates())
        .map_or(Why::NotValid, |kind| match kind {
            FlagKind::FlagsNotApplied => Why::FlagsNotApplied,
            FlagKind::TooManyErrors => Why::TooManyErrors,
            FlagKind::ServerNotAlive => Why::ServerDied,
            FlagKind::EmptyWindow => Why::EmptyWindow,
            _ => Why::NotValid,
        })
}

/// Parts of the engine's error texts.
const WORDS: [(&str, Why); 12] = [
    ("out of memory", Why::Memory),
    ("has no mlx_lm", Why::NoMlx),
    ("refused its arguments", Why::Arguments),
    ("could not load the model", Why::Model),
    ("wedged", Why::Stuck),
    ("thread died", Why::Died),
    ("the server ended", Why::Died),
    ("opened no port", Why::Timeout),
    ("did not answer within", Why::Timeout),
    ("does not answer", Why::NoAnswer),
    ("nginx could not", Why::Nginx),
    ("port ", Why::Port),
];

fn word(row: &CellRow) -> Why {
    let error = row.error.as_deref().unwrap_or_default();
    let lower = error.to_lowercase();
    let known = WORDS.iter().find(|(part, _)| lower.contains(part));
    match known {
        Some((_, word)) => *word,
        None if error.is_empty() && row.errors > 0 => Why::Errors,
        None => Why::Error,
    }
}

/// A cell of a board.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    board: &'a Board,
    position: usize,
}

impl<'a> Entry<'a> {
    /// The board must have that position.
    pub(super) fn at(board: &'a Board, position: usize) -> Self {
        Self { board, position }
    }

    pub fn state(&self) -> CellState {
        self.board.states[self.position]
    }

    /// `None` until the cell has ended. Of a long file, it is read from the file's text.
    pub fn row(&self) -> Option<Cow<'a, CellRow>> {
        self.board.rows.get(self.position)
    }

    /// The row, to be kept.
    pub fn shared_row(&self) -> Option<Arc<CellRow>> {
        self.board.rows.shared(self.position)
    }

    /// Whether the cell has a row: it has ended.
    pub fn has_row(&self) -> bool {
        self.board.rows.has(self.position)
    }

    /// This cell's figure of `layer`, in the layer's unit.
    pub fn value(&self, layer: Layer) -> Option<f64> {
        self.board.value(self.position, layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::error::EngineError;

    #[test]
    fn the_engines_errors_fit_into_a_cell() {
        let why = || Some("RuntimeError: [metal] Out of memory".to_owned());
        for (error, expected) in [
            (
                EngineError::Died {
                    how: "signal 9".to_owned(),
                    why: None,
                },
                Why::Died,
            ),
            (
                EngineError::Died {
                    how: "status 1".to_owned(),
                    why: why(),
                },
                Why::Memory,
            ),
            (
                EngineError::ReadyTimeout {
                    waited_s: 180.0,
                    why: None,
                },
                Why::Timeout,
            ),
            (
                EngineError::BindTimeout {
                    waited_s: 180.0,
                    why: None,
                },
                Why::Timeout,
            ),
            (
                EngineError::Wedged {
                    waited_s: 60.0,
                    in_flight: 3,
                    why: None,
                },
                Why::Stuck,
            ),
            (EngineError::ThreadDied { why: None }, Why::Died),
            (
                EngineError::NotAlive {
                    why: "reset".to_owned(),
                },
                Why::NoAnswer,
            ),
            (
                EngineError::NoFreePort {
                    from: 9000,
                    setting: "MLX_SERVER_BASE_PORT",
                },
                Why::Port,
            ),
            (
                EngineError::Model {
                    why: "no config.json".to_owned(),
                },
                Why::Model,
            ),
            (
                EngineError::BadArguments {
                    why: "--x".to_owned(),
                },
                Why::Arguments,
            ),
            (
                EngineError::PointFailed {
                    why: EngineError::ThreadDied { why: None }.to_string(),
                },
                Why::Died,
            ),
            (EngineError::Cancelled, Why::Error),
        ] {
            let row = CellRow {
                status: Some(CellStatus::Failed),
                error: Some(error.to_string()),
                ..CellRow::default()
            };
            assert_eq!(
                CellState::of_row(&row),
                CellState::Failed(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn only_an_invalidating_flag_is_the_reason() {
        let row = CellRow {
            status: Some(CellStatus::Invalid),
            flags: Some("cached_prompts;too_many_errors".to_owned()),
            ..CellRow::default()
        };
        assert_eq!(CellState::of_row(&row).text(), "invalid: too many errors");
    }
}
