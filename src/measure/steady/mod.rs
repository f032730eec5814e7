//! Was the server in a steady state while its throughput was measured (measurement rule 6)?
//!
//! The window is cut into equal slices, as for its interval, and their rates are looked at in the
//! order of time. What is left of a ramp or a drain at its ends is cut off; of the rest, a trend, a
//! step between two plateaus, or a stall says that there is no one rate which a number could stand
//! for. Waves are no trend: requests that were sent together prefill together.

pub mod order;
mod queue;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::queue::queue_grows;

use self::order::{mann_kendall, pettitt, theil_sen};
use super::interval::slice_rates;
use super::outcome::{LoadOutcome, Window};
use super::sample::RequestSample;
use super::stats::{mean, quantile};
use crate::units::{Ratio, Secs, TokensPerSec};

/// Trends and steps that chance would make more often than this are not told.
const SIGNIFICANT: f64 = 0.01;
/// A change over the window that is smaller than this share of its rate is of no matter.
const MATTERS: f64 = 0.1;
/// A slice under this share of the median rate hardly had a token.
const STALLED: f64 = 0.25;
/// No more than this share of a window is cut off at an end: what lasts longer is no ramp.
const MOST_TRIMMED: usize = 4;
/// Robust standard deviations that a slice of a ramp lies away from the plateau: the identifier of
/// F. Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974).
const AWAY: f64 = 3.0;
/// Standard deviations of a normal distribution in its median absolute deviation.
const SIGMA_OF_MAD: f64 = 1.4826;

/// Why one number does not stand for a window. Rates are tokens per second of all requests together,
/// times are seconds since the window's start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unsteady {
    /// It rose or fell all the while: by this share of its median, from end to end.
    Drift { change: f64 },
    /// It changed once, from one rate to another.
    Step {
        at_s: f64,
        before_tps: f64,
        after_tps: f64,
    },
    /// More and more requests were under way, from so many at the window's start to so many at its end.
    QueueGrows { before: f64, after: f64 },
    /// Hardly a token came for a while, once.
    Stall { at_s: f64, for_s: f64 },
}

impl Unsteady {
    /// What was seen, without a full stop.
    pub fn sentence(&self) -> String {
        match *self {
            Self::Drift { change } => {
                let way = if change < 0.0 { "fell" } else { "rose" };
                format!("the rate {way} by {} over the window", Ratio(change.abs()))
            }
            Self::Step {
                at_s,
                before_tps,
                after_tps,
            } => format!(
                "the rate went from {} to {} after {}",
                TokensPerSec(before_tps),
                TokensPerSec(after_tps),
                Secs(at_s)
            ),
            Self::QueueGrows { before, after } => {
                format!("requests under way grew from {before:.0} to {after:.0} over the window")
            }
            Self::Stall { at_s, for_s } => format!(
                "hardly a token came for {}, {} into the window",
                Secs(for_s),
                Secs(at_s)
            ),
        }
    }
}

/// Cuts what is left of a ramp or a drain off the window, at most a quarter of it at either end, if
/// there is a plateau without it. A window that is shorter than `least_s` then is as good as capped:
/// less of it was measured than the rule asks. Tells how much was cut off, in seconds.
///
/// Nothing is cut off where requests come at a rate: the window opened after the ramp, and random
/// arrivals make rates that look like one.
pub fn trim(outcome: &mut LoadOutcome, least_s: f64) -> f64 {
    if outcome.open.is_some() {
        return 0.0;
    }
    let Some(window) = &mut outcome.window else {
        return 0.0;
    };
    let Some(rates) = slice_rates(&outcome.samples, window) else {
        return 0.0;
    };
    let (first, last) = plateau(&rates);
    let slice_s = window.length_s() / rates.len() as f64;
    if of_rates(&rates[first..rates.len() - last], slice_s).is_some() {
        // There is no plateau to cut down to: all of it is judged as it is.
        return 0.0;
    }
    let before_s = window.length_s();
    window.end_s -= slice_s * last as f64;
    window.start_s += slice_s * first as f64;
    outcome.trimmed_s = before_s - window.length_s();
    window.capped |= outcome.trimmed_s > 0.0 && window.length_s() < least_s;
    outcome.trimmed_s
}

/// Why the window has no steady state; `None` where it has one, or is too short to tell.
pub fn unsteady(samples: &[RequestSample], window: &Window) -> Option<Unsteady> {
    let rates = slice_rates(samples, window)?;
    of_rates(&rates, window.length_s() / rates.len() as f64)
}

/// How many slices to leave out at the start and at the end: those that lie away from what the
/// middle half does.
fn plateau(rates: &[f64]) -> (usize, usize) {
    let most = rates.len() / MOST_TRIMMED;
    let middle = &rates[most..rates.len() - most];
    let Some(level) = median(middle) else {
        return (0, 0);
    };
    let apart: Vec<f64> = middle.iter().map(|rate| (rate - level).abs()).collect();
    let spread = SIGMA_OF_MAD * median(&apart).unwrap_or_default();
    let limit = (AWAY * spread).max(MATTERS * level);
    let away = |rate: &&f64| (**rate - level).abs() > limit;
    let lead = rates.iter().take_while(away).count();
    let tail = rates.iter().rev().take_while(away).count();
    // What goes on for longer is no ramp, and is judged with the rest.
    let short = |n: usize| if n > most { 0 } else { n };
    (short(lead), short(tail))
}

fn of_rates(rates: &[f64], slice_s: f64) -> Option<Unsteady> {
    let level = median(rates).filter(|level| *level > 0.0)?;
    if let Some((first, slices)) = only_gap(rates, level) {
        return Some(Unsteady::Stall {
            at_s: first as f64 * slice_s,
            for_s: slices as f64 * slice_s,
        });
    }
    let drift = drift(rates, level);
    let step = step(rates, level);
    match (drift, step) {
        (Some(_), Some((at, before, after))) => {
            // Both describe the change; the one that leaves less unexplained is told.
            let line = left_by_line(rates);
            let levels = left_by_levels(rates, at, before, after);
            if line < levels {
                drift
            } else {
                Some(told(at, before, after, slice_s))
            }
        }
        (None, Some((at, before, after))) => Some(told(at, before, after, slice_s)),
        (drift, None) => drift,
    }
}

fn told(at: usize, before_tps: f64, after_tps: f64, slice_s: f64) -> Unsteady {
    Unsteady::Step {
        at_s: at as f64 * slice_s,
        before_tps,
        after_tps,
    }
}

/// The first slice and the length of a gap, if there is one of two slices or more, and no other: of
/// several, each is a wave of prompts.
fn only_gap(rates: &[f64], level: f64) -> Option<(usize, usize)> {
    let empty: Vec<bool> = rates.iter().map(|rate| *rate < STALLED * level).collect();
    let mut gaps = empty.chunk_by(|a, b| a == b).scan(0, |at, run| {
        let first = *at;
        *at += run.len();
        Some((first, run))
    });
    let is_gap = |(_, run): &(usize, &[bool])| run[0];
    let (first, run) = gaps.find(is_gap)?;
    (gaps.find(is_gap).is_none() && run.len() >= 2).then_some((first, run.len()))
}

fn drift(rates: &[f64], level: f64) -> Option<Unsteady> {
    let change = theil_sen(rates) * (rates.len() - 1) as f64 / level;
    (change.abs() > MATTERS && mann_kendall(rates) < SIGNIFICANT)
        .then_some(Unsteady::Drift { change })
}

/// The first slice after a step, and the rates before and after it.
fn step(rates: &[f64], level: f64) -> Option<(usize, f64, f64)> {
    let (at, p) = pettitt(rates)?;
    let (before, after) = (mean(&rates[..at])?, mean(&rates[at..])?);
    (p < SIGNIFICANT && (after - before).abs() > MATTERS * level).then_some((at, before, after))
}

/// Squares that a straight line leaves.
fn left_by_line(rates: &[f64]) -> f64 {
    let slope = theil_sen(rates);
    let without: Vec<f64> = (0..)
        .zip(rates)
        .map(|(i, r)| r - slope * f64::from(i))
        .collect();
    let middle = mean(&without).unwrap_or_default();
    without.iter().map(|r| (r - middle).powi(2)).sum()
}

fn left_by_levels(rates: &[f64], at: usize, before: f64, after: f64) -> f64 {
    let squares = |part: &[f64], level: f64| part.iter().map(|r| (r - level).powi(2)).sum::<f64>();
    squares(&rates[..at], before) + squares(&rates[at..], after)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}
