//! How sure a latency of one run is.
//!
//! Requests that are in flight together share their fate: a wave of them is held up by the same
//! prefill. So whole blocks of requests are drawn, in the order in which they were sent:
//!
//! - D. Politis and J. Romano, "A circular block-resampling procedure for stationary data", in
//!   "Exploring the limits of bootstrap" (1992), after H. Künsch, "The jackknife and the bootstrap
//!   for general stationary observations", Annals of Statistics 17 (1989): the blocks;
//! - T. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69
//!   (2015): percentile intervals of few samples (here: of few blocks) are too narrow, by the ratio
//!   of t to normal quantiles and by that of n - 1 to n; they are widened by both.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::{CONFIDENCE, Interval, t_quantile};
use crate::measure::stats::{mean, quantile};

/// Enough that a bound moves by a few percent of the width at most; fewer for very many requests,
/// whose bounds are close together anyway.
const RESAMPLES: usize = 1000;
const FEWEST_RESAMPLES: usize = 200;
/// Samples drawn in all, so that a cell with very many requests does not hold up the next.
const DRAWS: usize = 4_000_000;
/// The same requests have the same bounds, whenever they are looked at.
const SEED: u64 = 0x6d6c_785f_6c61_6295;
/// A block is a twelfth of the requests, or two waves where that is more, but at least four blocks
/// must stand beside each other.
const BLOCKS: usize = 12;
const WAVES_A_BLOCK: usize = 2;
const FEWEST_BLOCKS: usize = 4;
/// Half of a standard normal distribution's 95 %, in standard deviations.
const NORMAL_QUANTILE: f64 = 1.959_963_984_540_054;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Mean,
    /// As [`quantile`] defines it.
    Median,
}

impl Statistic {
    /// Sorts `samples` where it needs to.
    fn of(self, samples: &mut [f64]) -> Option<f64> {
        match self {
            Self::Mean => mean(samples),
            Self::Median => median(samples),
        }
    }
}

/// As `quantile(_, 0.5)` of sorted samples, without sorting all of them.
fn median(samples: &mut [f64]) -> Option<f64> {
    let n = samples.len();
    if n < 2 {
        return quantile(samples, 0.5);
    }
    let (below, middle, _) = samples.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return Some(*middle);
    }
    let before = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(before, *middle))
}

/// Of a statistic of one latency, in its unit. `samples` are in the order in which the requests were
/// sent, `concurrency` of them in flight at a time. `None` where they make fewer than four waves, or
/// are fewer than twelve.
pub fn of_latency(samples: &[f64], concurrency: u32, statistic: Statistic) -> Option<Interval> {
    let resamples = DRAWS / samples.len().max(1);
    let resamples = resamples.clamp(FEWEST_RESAMPLES, RESAMPLES);
    of_resamples(samples, concurrency, statistic, resamples)
}

pub(super) fn of_resamples(
    samples: &[f64],
    concurrency: u32,
    statistic: Statistic,
    resamples: usize,
) -> Option<Interval> {
    let n = samples.len();
    let wave = concurrency.max(1) as usize;
    let longest = n / FEWEST_BLOCKS;
    if n < BLOCKS || wave > longest {
        return None;
    }
    let block = (n / BLOCKS).max(WAVES_A_BLOCK * wave).clamp(1, longest);
    let found = statistic.of(&mut samples.to_vec())?;
    let mut drawn = resampled(samples, block, statistic, resamples);
    drawn.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let (low, high) = (quantile(&drawn, tail)?, quantile(&drawn, 1.0 - tail)?);
    let blocks = n as f64 / block as f64;
    let widened = t_quantile(n / block - 1) / NORMAL_QUANTILE * (blocks / (blocks - 1.0)).sqrt();
    Interval::new(
        found - widened * (found - low).max(0.0),
        found + widened * (high - found).max(0.0),
    )
}

fn resampled(samples: &[f64], block: usize, statistic: Statistic, times: usize) -> Vec<f64> {
    let n = samples.len();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut drawn = Vec::with_capacity(n + block);
    let one = |_| {
        drawn.clear();
        while drawn.len() < n {
            let start = random.random_range(0..n);
            let end = start + block.min(n - drawn.len());
            // The first follows the last.
            drawn.extend_from_slice(&samples[start..end.min(n)]);
            drawn.extend_from_slice(&samples[..end.saturating_sub(n)]);
        }
        statistic.of(&mut drawn)
    };
    (0..times).filter_map(one).collect()
}
