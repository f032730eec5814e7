//! Tests that ask whether values in the order of time have an order that chance does not explain.

use statrs::distribution::{ContinuousCDF as _, Normal};

use crate::measure::stats::mean;

/// As for batch means: beyond this a correction would be a guess.
const GREATEST_CORRELATION: f64 = 0.8;

/// The two-sided p-value of a monotonic trend: H. Mann, "Nonparametric tests against trend",
/// Econometrica 13 (1945), with M. Kendall's variance for ties. Values that follow each other are
/// alike even without a trend: the variance is made larger by (1 + r) / (1 - r) as in S. Yue and
/// C. Wang, "The Mann-Kendall test modified by effective sample size", Water Resources Management 18
/// (2004), with the correlation r of what the trend leaves. 1 where nothing varies.
pub fn mann_kendall(values: &[f64]) -> f64 {
    p_of_trend(values, inflation(values))
}

/// The same without a correction for correlation. For values that are sums of what came before, such
/// as the length of a queue: what a trend leaves of those is always correlated, and the correction
/// would hide nearly every trend. Who uses it has to ask for more than a trend.
pub(super) fn mann_kendall_uncorrected(values: &[f64]) -> f64 {
    p_of_trend(values, 1.0)
}

fn p_of_trend(values: &[f64], inflation: f64) -> f64 {
    let n = values.len() as f64;
    let pairs = pairs(values).map(|(_, a, b)| (b - a).total_cmp(&0.0) as i32);
    let s = f64::from(pairs.sum::<i32>());
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties = sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|tied| tied.len() as f64);
    let of = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let variance = (of(n) - ties.map(of).sum::<f64>()) / 18.0;
    let variance = variance * inflation;
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (s.abs() - 1.0).max(0.0) / variance.sqrt();
    2.0 * (1.0 - Normal::standard().cdf(z))
}

/// How many times larger correlation makes the variance.
fn inflation(values: &[f64]) -> f64 {
    let slope = theil_sen(values);
    let left: Vec<f64> = (0..)
        .zip(values)
        .map(|(i, value)| value - slope * f64::from(i))
        .collect();
    let Some(middle) = mean(&left) else {
        return 1.0;
    };
    let apart: Vec<f64> = left.iter().map(|value| value - middle).collect();
    let squares: f64 = apart.iter().map(|d| d * d).sum();
    if squares <= 0.0 {
        return 1.0;
    }
    let products: f64 = apart.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let r = (products / squares).clamp(0.0, GREATEST_CORRELATION);
    (1.0 + r) / (1.0 - r)
}

/// The median slope over all pairs, per step: P. Sen, "Estimates of the regression coefficient based
/// on Kendall's tau", JASA 63 (1968).
pub fn theil_sen(values: &[f64]) -> f64 {
    let mut slopes: Vec<f64> = pairs(values)
        .map(|(steps, a, b)| (b - a) / steps as f64)
        .collect();
    slopes.sort_unstable_by(f64::total_cmp);
    crate::measure::stats::quantile(&slopes, 0.5).unwrap_or_default()
}

/// Where the values change once, as the position of the first after it, and the p-value: A. Pettitt,
/// "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979). `None` of
/// fewer than two values.
pub fn pettitt(values: &[f64]) -> Option<(usize, f64)> {
    let n = values.len();
    let above = |at: usize| {
        let (before, after) = values.split_at(at);
        let signs = before
            .iter()
            .flat_map(|a| after.iter().map(move |b| (a - b).total_cmp(&0.0)));
        signs.map(|sign| sign as i32).sum::<i32>().abs()
    };
    let (at, k) = (1..n).map(|at| (at, above(at))).max_by_key(|(_, k)| *k)?;
    let (n, k) = (n as f64, f64::from(k));
    let p = 2.0 * (-6.0 * k * k / (n.powi(3) + n.powi(2))).exp();
    Some((at, p.min(1.0)))
}

/// All pairs in order, with the steps between them.
fn pairs(values: &[f64]) -> impl Iterator<Item = (usize, f64, f64)> {
    let later = |i: usize| values[i + 1..].iter().zip(1_usize..);
    (0..values.len()).flat_map(move |i| later(i).map(move |(b, steps)| (steps, values[i], *b)))
}
