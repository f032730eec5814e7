//! Which combination is the best over its repeats, and which ones it cannot be told from.
//!
//! A combination is a cell without its repeat; it ranks by the mean of its valid repeats. It is tied
//! with every other whose difference from it is not shown to be other than zero, with 95 % confidence:
//!
//! - both repeated: B. L. Welch, "The generalization of 'Student's' problem when several different
//!   population variances are involved", Biometrika 34 (1947), with the degrees of freedom of
//!   F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
//!   Biometrics Bulletin 2 (1946);
//! - else by whether the intervals of the two overlap, of a single repeat that within its window, as
//!   comparisons of runs do;
//! - where one of them has no interval, nothing is said of the two.
//!
//! Each pair is judged by itself. Of many combinations that are really alike the largest mean is a
//! lucky one, so that one which is as good may be left out of the ties more often than 5 % of the
//! time: of 24 that are alike, with three repeats, in one trial of eight (a test below holds it).
//! Correcting for it (Bonferroni over the 144 combinations of a full sweep, three repeats that scatter
//! by 1 %) would tie everything that is less than 9 % to 44 % slower, and so say nothing.

use std::collections::HashMap;
use std::hash::Hash;

use super::interval::{Interval, over_sums, t_quantile_of};

/// The valid repeats of one combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeats {
    pub n: u32,
    /// In tokens per second, or whatever is ranked; more is better.
    pub mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Repeats {
    /// `None` without values.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let (sum, n) = values
            .clone()
            .fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
        if n == 0 {
            return None;
        }
        let mean = sum / f64::from(n);
        let squares = values.map(|value| (value - mean).powi(2)).sum();
        Some(Self { n, mean, squares })
    }

    /// The variance of the mean; `None` of a single repeat.
    fn variance_of_mean(&self) -> Option<f64> {
        (self.n >= 2).then(|| self.squares / f64::from(self.n - 1) / f64::from(self.n))
    }

    /// Of the mean; `within` is that of a single repeat's window.
    fn interval(&self, within: impl FnOnce() -> Option<Interval>) -> Option<Interval> {
        match self.n {
            0 | 1 => within(),
            n => over_sums(self.mean, self.squares, n as usize),
        }
    }
}

/// What can be said of the difference of two means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is other than zero, with 95 % confidence.
    Shown,
    NotShown,
    /// One of the two has no interval.
    Unknown,
}

/// The 95 % interval of `a.mean - b.mean`; `None` where one has a single repeat, or all repeats of
/// both are alike.
pub fn welch(a: &Repeats, b: &Repeats) -> Option<Interval> {
    let (error, freedom) = error_and_freedom(a, b)?;
    let half = t_quantile_of(freedom) * error;
    let apart = a.mean - b.mean;
    Interval::new(apart - half, apart + half)
}

/// The standard error of the difference, and its degrees of freedom.
fn error_and_freedom(a: &Repeats, b: &Repeats) -> Option<(f64, f64)> {
    let (of_a, of_b) = (a.variance_of_mean()?, b.variance_of_mean()?);
    let variance = of_a + of_b;
    let error = variance.sqrt();
    // Rounding may part equal repeats by a little.
    if error <= a.mean.abs().max(b.mean.abs()) * 1e-12 {
        return None;
    }
    let share = |of: f64, n: u32| (of / variance).powi(2) / f64::from(n - 1);
    Some((error, 1.0 / (share(of_a, a.n) + share(of_b, b.n))))
}

/// How many standard errors the interval reaches to each side with very many degrees of freedom,
/// and with one.
const LEAST_QUANTILE: f64 = 1.959;
const GREATEST_QUANTILE: f64 = 12.707;

/// `within` gives the interval that a single repeat has within its window.
pub fn difference<A, B>(a: (&Repeats, A), b: (&Repeats, B)) -> Difference
where
    A: FnOnce() -> Option<Interval>,
    B: FnOnce() -> Option<Interval>,
{
    let ((a, within_a), (b, within_b)) = (a, b);
    let shown = |shown| {
        if shown {
            Difference::Shown
        } else {
            Difference::NotShown
        }
    };
    if a.n >= 2 && b.n >= 2 {
        let Some((error, freedom)) = error_and_freedom(a, b) else {
            return Difference::Unknown;
        };
        let apart = (a.mean - b.mean).abs();
        // A quantile takes microseconds, and most pairs are clear without.
        return shown(if apart <= LEAST_QUANTILE * error {
            false
        } else {
            apart > GREATEST_QUANTILE * error || apart > t_quantile_of(freedom) * error
        });
    }
    match a.interval(within_a).zip(b.interval(within_b)) {
        Some((a, b)) => shown(!a.overlaps(b)),
        None => Difference::Unknown,
    }
}

/// The best combination, and how sure that is. `K` names a combination.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking<K> {
    pub best: K,
    /// Of the best.
    pub repeats: Repeats,
    /// Of the best's mean; `None` where there are too few samples to tell.
    pub interval: Option<Interval>,
    /// What it cannot be told from, the largest mean first.
    pub ties: Vec<K>,
    /// How many others nothing can be said of, for want of an interval of theirs or of the best's.
    pub undecided: usize,
}

/// Ranks combinations, each with its valid repeats; of equal means, the first is the best. `within`
/// gives the interval that a combination's single repeat has within its window. `None` where no mean
/// is above zero.
pub fn rank<K: Copy>(
    all: impl Iterator<Item = (K, Repeats)> + Clone,
    within: impl Fn(K) -> Option<Interval>,
) -> Option<Ranking<K>> {
    let mut found: Option<(usize, K, Repeats)> = None;
    for (place, (key, repeats)) in all.clone().enumerate() {
        let better = found.is_none_or(|(_, _, best)| repeats.mean > best.mean);
        if repeats.mean > 0.0 && better {
            found = Some((place, key, repeats));
        }
    }
    let (at, best, repeats) = found?;
    let interval = repeats.interval(|| within(best));
    let mut ties: Vec<(K, f64)> = Vec::new();
    let mut undecided = 0;
    for (place, (key, other)) in all.enumerate() {
        if place == at || other.mean <= 0.0 {
            continue;
        }
        // Nothing needs to be looked up where nothing can be said.
        let difference = match interval {
            Some(_) => difference((&repeats, || interval), (&other, || within(key))),
            None if other.n < 2 => Difference::Unknown,
            None => difference((&repeats, || None), (&other, || None)),
        };
        match difference {
            Difference::Shown => {}
            Difference::NotShown => ties.push((key, other.mean)),
            Difference::Unknown => undecided += 1,
        }
    }
    ties.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some(Ranking {
        best,
        repeats,
        interval,
        ties: ties.into_iter().map(|(key, _)| key).collect(),
        undecided,
    })
}

/// One valid measurement of a combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured<C> {
    pub combination: C,
    pub throughput_tps: f64,
    /// Of its one window.
    pub within: Option<Interval>,
}

/// As [`rank`], of measurements: each combination is named by the positions in `all` of its repeats,
/// the fastest of them first.
pub fn rank_measured<C: Eq + Hash>(all: &[Measured<C>]) -> Option<Ranking<Vec<usize>>> {
    let mut places: HashMap<&C, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (position, measured) in all.iter().enumerate() {
        let place = *places.entry(&measured.combination).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(position),
            None => groups.push(vec![position]),
        }
    }
    let tps = |position: &usize| all[*position].throughput_tps;
    for group in &mut groups {
        group.sort_by(|a, b| tps(b).total_cmp(&tps(a)));
    }
    let repeats = groups
        .iter()
        .enumerate()
        .filter_map(|(place, group)| Some((place, Repeats::of(group.iter().map(tps))?)));
    let ranking = rank(repeats, |place| all[*groups[place].first()?].within)?;
    Some(ranking.map(|place| groups[place].clone()))
}

/// More names than this make no sentence.
const MOST_NAMES: usize = 6;

impl<K> Ranking<K> {
    pub fn map<L>(self, name: impl Fn(K) -> L) -> Ranking<L> {
        Ranking {
            best: name(self.best),
            repeats: self.repeats,
            interval: self.interval,
            ties: self.ties.into_iter().map(name).collect(),
            undecided: self.undecided,
        }
    }

    /// What the figure stands on: "mean of 3 repeats", "one repeat, no interval". `None` of one
    /// repeat that has an interval within its window.
    pub fn basis(&self) -> Option<String> {
        let sure = self.interval.is_some();
        match (self.repeats.n, sure) {
            (0 | 1, true) => None,
            (0 | 1, false) => Some("one repeat, no interval".to_owned()),
            (n, true) => Some(format!("mean of {n} repeats")),
            (n, false) => Some(format!("mean of {n} repeats, no interval")),
        }
    }

    /// "tied with 2 others within the 95 % interval"; `None` without ties.
    pub fn tied(&self) -> Option<String> {
        match self.ties.len() {
            0 => None,
            1 => Some("tied with 1 other within the 95 % interval".to_owned()),
            n => Some(format!("tied with {n} others within the 95 % interval")),
        }
    }

    /// As [`Ranking::tied`], with their names: "tied with 2 others within the 95 % interval:
    /// concurrency 8; concurrency 16".
    pub fn tied_with(&self, name: impl Fn(&K) -> String) -> Option<String> {
        let mut names: Vec<String> = self.ties.iter().take(MOST_NAMES).map(name).collect();
        match self.ties.len() - names.len() {
            0 => {}
            more => names.push(format!("and {more} more")),
        }
        Some(format!("{}: {}", self.tied()?, names.join("; ")))
    }
}

#[cfg(test)]
mod tests;
