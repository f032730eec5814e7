//! `tune`: near the best cell of a grid, from a fraction of its cells. Pure: what was measured goes
//! in, the next cell comes out, and the same seed gives the same path. No clock is read here: costs
//! and the time left are told.
//!
//! ```text
//! cells ──▶ Space (log scales) ──▶ Surface of ln(tokens/s), of ln(TTFT) ──▶ next(): the cell with the
//!                 measured ──────▶ and the odds that a cell works           most expected gain for its cost
//! ```
//!
//! The path has three parts: a few cells spread over the whole space, then the expected improvement
//! of a Gaussian process, weighed by the odds that the cell works and meets the limit and by what it
//! costs (a server start costs more than other requests on running servers), then repeats of the
//! leading cells, each from a server start of its own.

mod gaussian;
mod search;
mod space;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::units::Secs;

pub use search::{Search, Standing};
pub use space::Space;

/// Repeats that a leading cell is to have before it is called the best (measurement rule 12).
pub const CONFIRMED_BY: u32 = 3;
/// Fewer cells than this make no search, whatever the share.
pub const FEWEST_CELLS: u32 = 6;
/// More are never measured: by then a surface is known, and the search itself would take long.
pub const MOST_CELLS: u32 = 240;

/// What a tune is to keep to. Stored with the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TuneRule {
    /// Measurements at most, repeats among them.
    pub most_cells: u32,
    /// Combinations of the grid.
    pub of_cells: u32,
    /// The TTFT p95 that a cell may have, in milliseconds.
    pub ttft_limit_ms: Option<f64>,
    pub budget_s: Option<f64>,
    pub seed: u32,
}

impl TuneRule {
    /// Of a grid of so many combinations, `share` of them (0 to 1) at most, but a handful.
    pub fn most_of(combinations: u32, share: f64) -> u32 {
        let part = (f64::from(combinations) * share).floor() as u32;
        part.clamp(FEWEST_CELLS, MOST_CELLS)
    }

    /// "At most 36 of 144 cells are measured, within 30 min; the best has a TTFT p95 under 500 ms."
    pub fn sentence(&self) -> String {
        let within = self
            .budget_s
            .map(|s| format!(", within {}", Secs(s)))
            .unwrap_or_default();
        let limit = self
            .ttft_limit_ms
            .map(|ms| format!("; the best has a TTFT p95 under {ms} ms"))
            .unwrap_or_default();
        format!(
            "At most {} of {} cells are measured{within}{limit}.",
            self.most_cells, self.of_cells
        )
    }

    /// Whether a latency of so many seconds is within the limit. What is not known is not.
    pub fn meets(&self, ttft_s: Option<f64>) -> bool {
        self.ttft_limit_ms
            .is_none_or(|limit_ms| ttft_s.is_some_and(|s| s * 1e3 <= limit_ms))
    }
}

/// What came of one measurement of a combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Index of the combination in the [`Space`].
    pub at: usize,
    /// `None` where it failed, or its figure must not be used.
    pub figure: Option<Figure>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Tokens per second; whatever it is, more is better. Above zero.
    pub tps: f64,
    /// TTFT p95 in seconds, or the maximum where there were too few requests to claim that.
    pub ttft_s: Option<f64>,
}

/// Why a cell is the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// To know more of the surface.
    Exploring,
    /// It may well beat the best so far.
    Improving,
    /// Another repeat of a leading cell.
    Confirming,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// No other cell promises to be better by a percent.
    Converged,
    /// As many cells as it may are measured.
    Share,
    /// The next cell would not fit into the budget.
    Budget,
    /// Every cell is measured.
    Exhausted,
}

impl Ended {
    /// "no other cell promises to be better".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Converged => "no other cell promises to be better",
            Self::Share => "more may not be measured (MLX_TUNE_SHARE_PCT)",
            Self::Budget => "the next one would not fit into the budget (MLX_TUNE_BUDGET_MIN)",
            Self::Exhausted => "there are no others",
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Measure {
        at: usize,
        purpose: Purpose,
    },
    End {
        why: Ended,
        /// Whether the best has its [`CONFIRMED_BY`] repeats; `None` where there is no best.
        confirmed: Option<bool>,
    },
}
