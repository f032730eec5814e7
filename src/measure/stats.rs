//! Percentiles, and how many samples each needs.

use super::figures::Percentiles;

/// Samples needed before a percentile is claimed: the early-stopping bound of `MLPerf` Inference's
/// load generator (`MLPerf` inference policies, "Early stopping") at 99 % confidence with one
/// sample allowed beyond the percentile. It is the smallest n for which a binomial(n, 1 − p) is at
/// most 1 with a probability of at most 1 %; a test below computes them.
pub const MIN_N_P50: usize = 11;
pub const MIN_N_P90: usize = 64;
pub const MIN_N_P95: usize = 130;
pub const MIN_N_P99: usize = 662;

/// The percentiles of `samples` in seconds, each only where there are enough of them.
pub fn percentiles(samples: impl IntoIterator<Item = f64>) -> Percentiles {
    let mut sorted: Vec<f64> = samples.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let claim = |share, min_n| (n >= min_n).then(|| quantile(&sorted, share)).flatten();
    Percentiles {
        n: u32::try_from(n).unwrap_or(u32::MAX),
        mean_s: mean(&sorted),
        p50_s: claim(0.5, MIN_N_P50),
        p90_s: claim(0.9, MIN_N_P90),
        p95_s: claim(0.95, MIN_N_P95),
        p99_s: claim(0.99, MIN_N_P99),
        max_s: sorted.last().copied(),
    }
}

/// The `share` quantile (0 to 1) of sorted samples, by linear interpolation between order
/// statistics: definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The
/// American Statistician 50 (1996). It is the default of `NumPy`, which vLLM's benchmark uses, so
/// figures compare. `None` without samples.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64))
}

/// `None` without samples.
pub fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// P(X <= 1) for X ~ binomial(n, q).
    fn at_most_one(n: i32, q: f64) -> f64 {
        (1.0 - q).powi(n) + f64::from(n) * q * (1.0 - q).powi(n - 1)
    }

    #[test]
    fn the_least_sample_sizes_are_the_early_stopping_bounds() {
        for (percentile, min_n) in [
            (0.5, MIN_N_P50),
            (0.9, MIN_N_P90),
            (0.95, MIN_N_P95),
            (0.99, MIN_N_P99),
        ] {
            let bound = (2..1000).find(|n| at_most_one(*n, 1.0 - percentile) <= 0.01);
            assert_eq!(bound.map(|n| n as usize), Some(min_n), "p{percentile}");
        }
    }

    #[test]
    fn a_percentile_appears_with_its_sample_size_and_not_before() {
        let of = |n: usize| percentiles((0..n).map(|k| k as f64));
        assert_eq!(of(0), Percentiles::default());
        assert_eq!((of(10).p50_s, of(11).p50_s), (None, Some(5.0)));
        assert!(of(63).p90_s.is_none() && of(64).p90_s.is_some());
        assert!(of(129).p95_s.is_none() && of(130).p95_s.is_some());
        assert!(of(661).p99_s.is_none() && of(662).p99_s.is_some());
        assert_eq!(
            (of(3).n, of(3).max_s, of(3).mean_s),
            (3, Some(2.0), Some(1.0))
        );
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        // numpy.percentile([1, 2, 4, 8], q)
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            let got = quantile(&sorted, q).unwrap();
            assert!((got - expected).abs() < 1e-12, "{q}: {got}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_lie_within_the_samples_and_rise(
            mut samples in prop::collection::vec(0.0f64..1e3, 1..200), a in 0.0f64..1.0, b in 0.0f64..1.0
        ) {
            samples.sort_unstable_by(f64::total_cmp);
            let (low, high) = (a.min(b), a.max(b));
            let (q_low, q_high) = (quantile(&samples, low).unwrap(), quantile(&samples, high).unwrap());
            prop_assert!(q_low <= q_high + 1e-9);
            prop_assert!(q_low >= samples[0] && q_high <= samples[samples.len() - 1] + 1e-9);
        }
    }
}
