//! 95 % confidence intervals: of a mean over repeats, and within one run of one cell.
//!
//! ```text
//! repeats of a cell ──▶ over_repeats   Student's t: each repeat is a server start of its own
//! one window        ──▶ of_throughput  tokens per slice of time, batch means
//! its requests      ──▶ of_latency     blocks of requests, bootstrap
//! ```
//!
//! What varies over minutes and from one server start to the next (what else the machine does, where
//! memory lies) is seen only by repeats: an interval within one window is about that window alone, and
//! everything that shows one says so. Ten windows in a row of one server, on two busy cores: at 8
//! requests in flight their throughput was scattered by 35 %, and six of ten intervals covered the
//! mean of all.

mod requests;
mod slices;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub use requests::{Statistic, of_latency};
use serde::{Deserialize, Serialize};
pub use slices::{of_slices, of_throughput, slice_rates};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// How sure an interval is: the share of intervals that cover the true value, were all repeated.
pub const CONFIDENCE: f64 = 0.95;

/// The true value lies within with 95 % confidence. In the unit of the figure that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// `None` for bounds that are no numbers, and for those without a gap between them: samples
    /// that are all alike are too few to tell how far they spread.
    pub fn new(low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite() && low < high).then_some(Self { low, high })
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// In a unit that is `factor` times as fine; `None` for a factor that is not above zero.
    pub fn scaled(self, factor: f64) -> Option<Self> {
        (factor > 0.0)
            .then(|| Self::new(self.low * factor, self.high * factor))
            .flatten()
    }
}

/// What an interval stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// So many repeats, each from a server start of its own.
    Repeats(u32),
    /// The slices of one window, or the requests in it.
    OneWindow,
}

impl Basis {
    /// Of a figure that is the mean of so many repeats.
    pub const fn of(repeats: u32) -> Self {
        match repeats {
            0 | 1 => Self::OneWindow,
            n => Self::Repeats(n),
        }
    }

    /// "3 repeats", "within one window".
    pub fn text(self) -> String {
        match self {
            Self::Repeats(n) => format!("{n} repeats"),
            Self::OneWindow => "within one window".to_owned(),
        }
    }
}

/// To be said wherever an interval within one window is shown.
pub const ONE_WINDOW: &str = "95 % intervals within one window, which leave out what varies over \
                              minutes and between server starts. Repeats include it.";

/// Of the mean of repeats, by Student's t: W. S. Gosset, "The probable error of a mean", Biometrika
/// 6 (1908). `None` below two repeats, and where they are all alike.
pub fn over_repeats(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    let mean = super::stats::mean(values).filter(|_| n >= 2)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    over_sums(mean, squares, n)
}

/// The same of the mean of `n` repeats and the sum of their squared distances from it.
pub(super) fn over_sums(mean: f64, squares: f64, n: usize) -> Option<Interval> {
    if n < 2 {
        return None;
    }
    let error = (squares / (n - 1) as f64 / n as f64).sqrt();
    around(mean, t_quantile(n - 1) * error)
}

/// The interval that a cell's figure has: over its repeats, or of a single one as it was found
/// within its window.
pub fn of_cell(values: &[f64], within: Option<Interval>) -> Option<Interval> {
    match values.len() {
        0 => None,
        1 => within,
        // What is counted and timed here is never below zero.
        _ => over_repeats(values).and_then(|i| Interval::new(i.low.max(0.0), i.high)),
    }
}

fn around(mean: f64, half: f64) -> Option<Interval> {
    // Rounding may part equal samples by a little.
    let told_apart = half > mean.abs() * 1e-12;
    told_apart
        .then(|| Interval::new(mean - half, mean + half))
        .flatten()
}

/// How many standard errors a 95 % interval reaches to each side, with so many degrees of freedom
/// (at least 1).
pub(super) fn t_quantile(freedom: usize) -> f64 {
    static FEW: LazyLock<Vec<f64>> =
        LazyLock::new(|| (1..=64_u8).map(|n| t_quantile_of(n.into())).collect());
    let known = freedom.checked_sub(1).and_then(|at| FEW.get(at));
    known.map_or_else(|| t_quantile_of(freedom as f64), |found| *found)
}

/// The same of degrees of freedom that are no whole number, as an approximation gives them.
pub(super) fn t_quantile_of(freedom: f64) -> f64 {
    let upper = 0.5 + CONFIDENCE / 2.0;
    StudentsT::new(0.0, 1.0, freedom)
        .map_or(f64::NAN, |distribution| distribution.inverse_cdf(upper))
}
