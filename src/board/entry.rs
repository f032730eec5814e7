//! One cell of a board: its state in a word, and its figures.

use std::sync::Arc;

use super::Layer;
use crate::engine::event::CellStatus;
use crate::measure::figures::FlagKind;
use crate::store::row::CellRow;

/// What has become of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellState {
    Waiting,
    Running,
    Done,
    /// Measured, but the figure must not be used; the reason in a few words.
    Invalid(String),
    /// Not measured; a word that says why.
    Failed(String),
    Skipped,
}

impl CellState {
    pub fn of_row(row: &CellRow) -> Self {
        match row.status {
            Some(CellStatus::Ok) | None => Self::Done,
            Some(CellStatus::Invalid) => Self::Invalid(reason(row)),
            Some(CellStatus::Failed) => Self::Failed(word(row)),
            Some(CellStatus::Skipped) => Self::Skipped,
        }
    }

    /// "done", "failed: timeout".
    pub fn text(&self) -> String {
        match self {
            Self::Waiting => "waiting".to_owned(),
            Self::Running => "running".to_owned(),
            Self::Done => "done".to_owned(),
            Self::Invalid(reason) => format!("invalid: {reason}"),
            Self::Failed(word) => format!("failed: {word}"),
            Self::Skipped => "skipped".to_owned(),
        }
    }

    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    /// Which of several repeats speaks for all: the one that runs, else the best ending.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Done => 1,
            Self::Invalid(_) => 2,
            Self::Failed(_) => 3,
            Self::Skipped => 4,
            Self::Waiting => 5,
        }
    }
}

fn reason(row: &CellRow) -> String {
    let words = row
        .flag_kinds()
        .into_iter()
        .find(|kind| kind.invalidates())
        .map_or("not valid", |kind| match kind {
            FlagKind::FlagsNotApplied => "flags not applied",
            FlagKind::TooManyErrors => "too many errors",
            FlagKind::ServerNotAlive => "server died",
            _ => "not valid",
        });
    words.to_owned()
}

/// Parts of the engine's error texts, each with the word that fits into a cell of a heatmap.
const WORDS: [(&str, &str); 12] = [
    ("out of memory", "memory"),
    ("has no mlx_lm", "no MLX"),
    ("refused its arguments", "arguments"),
    ("could not load the model", "model"),
    ("wedged", "stuck"),
    ("thread died", "died"),
    ("the server ended", "died"),
    ("opened no port", "timeout"),
    ("did not answer within", "timeout"),
    ("does not answer", "no answer"),
    ("nginx could not", "nginx"),
    ("port ", "port"),
];

fn word(row: &CellRow) -> String {
    let error = row.error.as_deref().unwrap_or_default();
    let lower = error.to_lowercase();
    let known = WORDS.iter().find(|(part, _)| lower.contains(part));
    let word = match known {
        Some((_, word)) => word,
        None if error.is_empty() && row.errors > 0 => "errors",
        None => "error",
    };
    word.to_owned()
}

/// A cell with its place in the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Position in the plan, from 0; 0 throughout in files of other labs.
    pub cell: u32,
    pub state: CellState,
    /// `None` until the cell has ended.
    pub row: Option<Arc<CellRow>>,
    /// Position of its value in each of the board's dimensions.
    places: Vec<u32>,
}

impl Entry {
    pub(super) fn new(cell: u32, state: CellState, row: Option<Arc<CellRow>>) -> Self {
        Self {
            cell,
            state,
            row,
            places: Vec::new(),
        }
    }

    /// Known only once all cells are.
    pub(super) fn set_places(&mut self, places: Vec<u32>) {
        self.places = places;
    }

    pub(super) fn places(&self) -> &[u32] {
        &self.places
    }

    /// This cell's figure of `layer`, in the layer's unit.
    pub fn value(&self, layer: Layer) -> Option<f64> {
        self.row.as_deref().and_then(|row| layer.value(row))
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
                "died",
            ),
            (
                EngineError::Died {
                    how: "status 1".to_owned(),
                    why: why(),
                },
                "memory",
            ),
            (
                EngineError::ReadyTimeout {
                    waited_s: 180.0,
                    why: None,
                },
                "timeout",
            ),
            (
                EngineError::BindTimeout {
                    waited_s: 180.0,
                    why: None,
                },
                "timeout",
            ),
            (
                EngineError::Wedged {
                    waited_s: 60.0,
                    in_flight: 3,
                    why: None,
                },
                "stuck",
            ),
            (EngineError::ThreadDied { why: None }, "died"),
            (
                EngineError::NotAlive {
                    why: "reset".to_owned(),
                },
                "no answer",
            ),
            (
                EngineError::NoFreePort {
                    from: 9000,
                    setting: "MLX_SERVER_BASE_PORT",
                },
                "port",
            ),
            (
                EngineError::Model {
                    why: "no config.json".to_owned(),
                },
                "model",
            ),
            (
                EngineError::BadArguments {
                    why: "--x".to_owned(),
                },
                "arguments",
            ),
            (
                EngineError::PointFailed {
                    why: EngineError::ThreadDied { why: None }.to_string(),
                },
                "died",
            ),
            (EngineError::Cancelled, "error"),
        ] {
            let row = CellRow {
                status: Some(CellStatus::Failed),
                error: Some(error.to_string()),
                ..CellRow::default()
            };
            assert_eq!(
                CellState::of_row(&row),
                CellState::Failed(expected.to_owned()),
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
