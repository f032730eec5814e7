//! The search for the rate that saturates a server: doubled (or halved) until one rate is kept up
//! with and another is not, then narrowed between the two.

use super::Plan;
use crate::settings::Rate;

/// The two rates are at most so far apart in the end: 10 %.
const CLOSE_ENOUGH: f64 = 1.1;
/// From the first rate, a thousandth and a thousandfold are reached with fewer.
const MOST_TRIES: usize = 24;

/// What most searches come to.
pub const USUAL_CELLS: u32 = 9;

impl Plan {
    /// What to tell of a search; `None` where the plan's cells are all there are.
    pub fn search_sentence(&self) -> Option<String> {
        let first = self.cells.first()?.load.request_rate?;
        self.workload.open.filter(|open| open.search)?;
        Some(format!(
            "Rates are searched, beginning with {first} requests/s: doubled until the servers are \
             saturated, then narrowed to about 10 %. That takes about {USUAL_CELLS} cells."
        ))
    }
}

/// A rate that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    pub rate: Rate,
    /// The server did not keep up with it.
    pub saturated: bool,
}

/// The greatest rate that was kept up with below every one that was not, and the least of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bracket {
    pub sustained: Option<Rate>,
    pub saturated: Option<Rate>,
}

impl Bracket {
    /// A rate is saturated if it was so in any of its repeats.
    pub fn of(tried: &[Tried]) -> Self {
        let rates = |saturated| {
            let alike = tried.iter().filter(move |t| t.saturated == saturated);
            alike.map(|t| t.rate)
        };
        let saturated = rates(true).min();
        let below = |rate: &Rate| saturated.is_none_or(|saturated| *rate < saturated);
        Self {
            sustained: rates(false).filter(below).max(),
            saturated,
        }
    }
}

/// The rate to try after these; `None` where the two are close enough, or no rate is left to try.
pub fn next(first: Rate, tried: &[Tried]) -> Option<Rate> {
    if tried.len() >= MOST_TRIES {
        return None;
    }
    let bracket = Bracket::of(tried);
    let next = match (bracket.sustained, bracket.saturated) {
        (None, None) => Some(first),
        (Some(low), None) => Rate::from_rps(low.rps() * 2.0),
        (None, Some(high)) => Rate::about(high.rps() / 2.0),
        (Some(low), Some(high)) if high.rps() / low.rps() <= CLOSE_ENOUGH => None,
        // What is measured is a share of the rate, so the middle is the geometric one.
        (Some(low), Some(high)) => Rate::about((low.rps() * high.rps()).sqrt()),
    };
    next.filter(|rate| tried.iter().all(|t| t.rate != *rate))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(rps: f64) -> Rate {
        Rate::from_rps(rps).unwrap()
    }

    /// All rates that a search tries on a server of this capacity.
    fn search(first: f64, capacity: f64) -> Vec<Tried> {
        let mut tried: Vec<Tried> = Vec::new();
        while let Some(rate) = next(rate(first), &tried) {
            let saturated = rate.rps() > capacity;
            tried.push(Tried { rate, saturated });
        }
        tried
    }

    #[test]
    fn it_doubles_and_then_narrows() {
        let rps: Vec<f64> = search(1.0, 5.5).iter().map(|t| t.rate.rps()).collect();
        assert_eq!(rps, [1.0, 2.0, 4.0, 8.0, 5.66, 4.76, 5.19]);
        let rps: Vec<f64> = search(1.0, 0.3).iter().map(|t| t.rate.rps()).collect();
        assert_eq!(rps[..3], [1.0, 0.5, 0.25]);
    }

    #[test]
    fn a_server_that_keeps_up_with_nothing_or_everything_ends_the_search() {
        let none = search(1.0, 0.0);
        assert!(none.len() <= MOST_TRIES && Bracket::of(&none).sustained.is_none());
        let all = search(1.0, f64::INFINITY);
        assert!(all.len() <= MOST_TRIES && Bracket::of(&all).saturated.is_none());
    }

    #[test]
    fn what_contradicts_itself_is_taken_at_its_worst() {
        let tried = [(1.0, false), (2.0, true), (4.0, false), (8.0, true)];
        let tried = tried.map(|(rps, saturated)| Tried {
            rate: rate(rps),
            saturated,
        });
        let bracket = Bracket::of(&tried);
        assert_eq!(bracket.sustained, Some(rate(1.0)));
        assert_eq!(bracket.saturated, Some(rate(2.0)));
    }

    proptest! {
        #[test]
        fn the_capacity_lies_between_two_rates_ten_percent_apart(
            first in 0.01f64..100.0,
            capacity in 0.05f64..5_000.0,
        ) {
            let tried = search(first, capacity);
            let Bracket { sustained: Some(low), saturated: Some(high) } = Bracket::of(&tried) else {
                return Err(TestCaseError::fail(format!("{tried:?}")));
            };
            prop_assert!(low.rps() <= capacity && capacity < high.rps());
            // Rates are whole thousandths: those of a hundredth cannot be told closer.
            prop_assert!(high.rps() / low.rps() <= CLOSE_ENOUGH + 0.025, "{low} {high}");
            prop_assert!(tried.len() < MOST_TRIES, "{tried:?}");
        }
    }
}
