//! How sure the throughput of one window is.
//!
//! Tokens are no independent samples: they come in decode steps of a whole batch, and what slows one
//! step slows the next. So the window is cut into slices of equal length, each with the tokens that
//! were made in it, and the interval is that of batch means:
//!
//! - B. Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research
//!   30 (1982): 10 to 30 batches are enough, and more make them too short to be independent;
//! - A. Tafazzoli, N. Steiger and J. Wilson, "N-Skart: a nonsequential skewness- and
//!   autoregression-adjusted batch-means procedure for simulation analysis", IEEE Transactions on
//!   Automatic Control 56 (2011): where batches still follow each other, the variance of their mean
//!   is that of a first-order autoregression, (1 + r) / (1 - r) times as large.
//!
//! A sample correlation of few batches is too low: M. Kendall, "Note on bias in the estimation of
//! autocorrelation", Biometrika 41 (1954). Its correction is applied, and nothing is ever made
//! narrower by it.

use super::{Interval, around, t_quantile};
use crate::measure::outcome::Window;
use crate::measure::sample::RequestSample;
use crate::measure::stats::{mean, quantile};

/// Slices of a window, and how many at least.
const SLICES: usize = 20;
const FEWEST_SLICES: usize = 10;
/// A slice covers at least so many gaps between the arrivals of a request: a slice with hardly an
/// arrival in it says more of where it was cut than of the server.
const GAPS_A_SLICE: f64 = 4.0;
/// Beyond this, the window is too short to tell a slow wave from a trend, and the correction would
/// be a guess.
const GREATEST_CORRELATION: f64 = 0.8;

/// Around `throughput_tps`, the tokens per second of the window. `None` where it is too short for
/// ten slices.
pub fn of_throughput(
    samples: &[RequestSample],
    window: &Window,
    throughput_tps: f64,
) -> Option<Interval> {
    let rates = slice_rates(samples, window)?;
    let found = of_slices(&rates)?;
    // Which side of an edge an arrival falls on parts the two by a step at most.
    let apart = throughput_tps - mean(&rates)?;
    Interval::new(found.low + apart, found.high + apart)
}

/// Tokens per second in each of twenty equal slices of the window, or in ten; `None` where arrivals
/// are too far apart for those.
pub fn slice_rates(samples: &[RequestSample], window: &Window) -> Option<Vec<f64>> {
    let slices = slice_count(samples, window)?;
    let slice_s = window.length_s() / slices as f64;
    let per_slice = tokens(samples, window, slices).into_iter();
    Some(per_slice.map(|tokens| tokens / slice_s).collect())
}

/// Of the mean of slices that follow each other in time, in their unit. `None` of fewer than ten, and
/// where they are all alike.
pub fn of_slices(rates: &[f64]) -> Option<Interval> {
    let k = rates.len();
    let mean = mean(rates).filter(|_| k >= FEWEST_SLICES)?;
    let apart: Vec<f64> = rates.iter().map(|rate| rate - mean).collect();
    let squares: f64 = apart.iter().map(|d| d * d).sum();
    let products: f64 = apart.windows(2).map(|pair| pair[0] * pair[1]).sum();
    if squares <= 0.0 {
        return None;
    }
    let k = k as f64;
    let r = (products / squares + 1.0 / k) / (1.0 - 3.0 / k);
    let r = r.clamp(0.0, GREATEST_CORRELATION);
    let variance = squares / (k - 1.0) / k * (1.0 + r) / (1.0 - r);
    around(mean, t_quantile(rates.len() - 1) * variance.sqrt())
}

/// Twenty, or ten where arrivals are far apart; `None` where they are further apart than that.
fn slice_count(samples: &[RequestSample], window: &Window) -> Option<usize> {
    let mut gaps: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.ok())
        .flat_map(spans)
        .filter(|span| span.to_s > window.start_s && span.from_s < window.end_s)
        .map(|span| span.to_s - span.from_s)
        .collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let gap_s = quantile(&gaps, 0.5)?;
    let fits = |slices: &usize| window.length_s() / *slices as f64 >= GAPS_A_SLICE * gap_s;
    [SLICES, FEWEST_SLICES].into_iter().find(fits)
}

/// A stretch of time in which tokens were made, evenly.
struct Span {
    from_s: f64,
    to_s: f64,
    tokens: f64,
}

/// When each of a request's tokens was made: since the one before it. The window's own figure
/// credits a token as it arrives, which over a whole window is the same; over a slice it would count
/// a batch's step as a burst, now in this slice and now in the next.
fn spans(sample: &RequestSample) -> impl Iterator<Item = Span> {
    let tokens = f64::from(sample.usage.completion_tokens);
    let whole = sample.chunks.is_empty().then(|| Span {
        from_s: sample.connected_s.unwrap_or(sample.dispatched_s),
        to_s: sample.end_s,
        tokens,
    });
    let per_chunk = tokens / sample.chunks.len().max(1) as f64;
    let mut before_s = sample.prefill_end_s;
    let chunks = sample.chunks.iter().map(move |chunk| {
        let from_s = before_s.unwrap_or(chunk.at_s).min(chunk.at_s);
        before_s = Some(chunk.at_s);
        Span {
            from_s,
            to_s: chunk.at_s,
            tokens: per_chunk,
        }
    });
    whole.into_iter().chain(chunks)
}

/// Tokens made in each of `slices` equal slices of the window.
fn tokens(samples: &[RequestSample], window: &Window, slices: usize) -> Vec<f64> {
    let mut made = vec![0.0; slices];
    let slice_s = window.length_s() / slices as f64;
    let place = |at_s: f64| (at_s - window.start_s) / slice_s;
    for span in samples.iter().filter(|sample| sample.ok()).flat_map(spans) {
        let (from, to) = (place(span.from_s), place(span.to_s));
        if to <= 0.0 || from >= slices as f64 {
            continue;
        }
        if to <= from {
            made[(to as usize).min(slices - 1)] += span.tokens;
            continue;
        }
        let first = from.max(0.0) as usize;
        let last = (to.ceil() as usize).min(slices);
        for (slice, tokens) in made.iter_mut().enumerate().take(last).skip(first) {
            let within = to.min(slice as f64 + 1.0) - from.max(slice as f64);
            *tokens += span.tokens * within.max(0.0) / (to - from);
        }
    }
    made
}
