//! Samples counted in bins of one width.

use super::stats::quantile;

/// Narrower bins would be thinner than a few points on the screen.
const MOST_BINS: usize = 40;

/// Bin `i` covers `start + i * width` up to the next, the last one its upper end too.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// In the samples' unit, as is `width`.
    pub start: f64,
    pub width: f64,
    pub counts: Vec<u32>,
}

impl Histogram {
    /// Where a bin begins and ends.
    pub fn bounds(&self, bin: usize) -> (f64, f64) {
        let at = |edge: usize| self.start + edge as f64 * self.width;
        (at(bin), at(bin + 1))
    }

    pub fn end(&self) -> f64 {
        self.start + self.counts.len() as f64 * self.width
    }

    pub fn n(&self) -> u32 {
        self.counts.iter().sum()
    }
}

/// Bins of the width of Freedman and Diaconis, "On the histogram as a density estimator: L2
/// theory", Zeitschrift für Wahrscheinlichkeitstheorie 57 (1981): twice the interquartile range
/// over the cube root of n. Where at least half of the samples are equal, that range says nothing,
/// and the number of bins is that of Sturges, "The choice of a class interval", Journal of the
/// American Statistical Association 21 (1926). Samples that are no numbers are left out; `None`
/// without any.
pub fn histogram(samples: impl IntoIterator<Item = f64>) -> Option<Histogram> {
    let mut sorted: Vec<f64> = samples.into_iter().filter(|s| s.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (least, greatest) = (*sorted.first()?, *sorted.last()?);
    let range = greatest - least;
    if range <= 0.0 {
        // One bar, of any width that can be seen.
        let width = (least.abs() * 0.1).max(1e-6);
        return Some(Histogram {
            start: least - width / 2.0,
            width,
            counts: vec![u32::try_from(sorted.len()).unwrap_or(u32::MAX)],
        });
    }
    let n = sorted.len() as f64;
    let iqr = quantile(&sorted, 0.75)? - quantile(&sorted, 0.25)?;
    let bins = if iqr > 0.0 {
        (range / (2.0 * iqr / n.cbrt())).ceil()
    } else {
        n.log2().ceil() + 1.0
    };
    let bins = bins.clamp(1.0, MOST_BINS as f64) as usize;
    let width = range / bins as f64;
    let mut counts = vec![0; bins];
    for sample in sorted {
        let bin = ((sample - least) / width) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    Some(Histogram {
        start: least,
        width,
        counts,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_width_is_that_of_freedman_and_diaconis() {
        // 0, 1, ... 999: the quartiles are 249.75 and 749.25, so the width is 2 * 499.5 / 10.
        let found = histogram((0..1000).map(f64::from)).unwrap();
        assert_eq!(found.counts.len(), 10);
        assert!((found.width - 99.9).abs() < 1e-9, "{found:?}");
        assert_eq!(found.counts, [100; 10]);
        assert!((found.bounds(9).1 - found.end()).abs() < 1e-9);
    }

    #[test]
    fn without_spread_in_the_middle_sturges_counts_the_bins() {
        let mut samples = vec![1.0; 15];
        samples.push(2.0);
        let found = histogram(samples).unwrap();
        assert_eq!(found.counts, [15, 0, 0, 0, 1]);
    }

    #[test]
    fn equal_samples_are_one_bar_around_them_and_none_are_none() {
        let found = histogram([0.25; 7]).unwrap();
        assert_eq!(found.counts, [7]);
        assert!(found.start < 0.25 && found.end() > 0.25);
        assert_eq!(histogram([]), None);
        assert_eq!(histogram([f64::NAN]), None);
    }

    #[test]
    fn one_outlier_does_not_make_a_thousand_bins() {
        let samples = (0..500).map(|k| f64::from(k) / 1e3).chain([1e6]);
        assert_eq!(histogram(samples).unwrap().counts.len(), MOST_BINS);
    }

    proptest! {
        #[test]
        fn every_sample_is_counted_once(samples in prop::collection::vec(-1e3f64..1e3, 1..300)) {
            let found = histogram(samples.iter().copied()).unwrap();
            prop_assert_eq!(found.n() as usize, samples.len());
            for (bin, count) in found.counts.iter().enumerate() {
                let (from, to) = found.bounds(bin);
                let slack = 1e-9 * (from.abs() + to.abs() + 1.0);
                let near = samples.iter().filter(|s| **s >= from - slack && **s <= to + slack);
                prop_assert!(*count as usize <= near.count());
            }
        }
    }
}
