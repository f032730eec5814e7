//! What rates a server keeps up with, in a sentence.

use std::fmt;

use super::flow::SaturatedBy;
use crate::plan::rate_search::{Bracket, Tried};
use crate::settings::Rate;

/// A measured cell with a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePoint {
    pub rate: Rate,
    pub saturated: Option<SaturatedBy>,
    pub goodput_rps: Option<f64>,
}

/// What several rates tell of one combination of everything else.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Saturation {
    pub bracket: Bracket,
    /// The most goodput (requests per second, the mean over repeats), and its rate.
    pub most_goodput: Option<(f64, Rate)>,
}

impl Saturation {
    /// `None` without a point.
    pub fn of(points: &[RatePoint]) -> Option<Self> {
        let tried: Vec<Tried> = points
            .iter()
            .map(|point| Tried {
                rate: point.rate,
                saturated: point.saturated.is_some(),
            })
            .collect();
        let mean_at = |rate: Rate| {
            let alike = points.iter().filter(|point| point.rate == rate);
            let goodputs: Vec<f64> = alike.filter_map(|point| point.goodput_rps).collect();
            Some((super::stats::mean(&goodputs)?, rate))
        };
        (!points.is_empty()).then(|| Self {
            bracket: Bracket::of(&tried),
            most_goodput: points
                .iter()
                .filter_map(|point| mean_at(point.rate))
                .max_by(|a, b| a.0.total_cmp(&b.0)),
        })
    }

    /// One for each group of points with the same name, in the order in which they are first named.
    pub fn by_group(points: impl IntoIterator<Item = (String, RatePoint)>) -> Vec<(String, Self)> {
        let mut groups: Vec<(String, Vec<RatePoint>)> = Vec::new();
        for (name, point) in points {
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, alike)) => alike.push(point),
                None => groups.push((name, vec![point])),
            }
        }
        let of = |(name, points): (String, Vec<RatePoint>)| Some((name, Self::of(&points)?));
        groups.into_iter().filter_map(of).collect()
    }
}

impl Saturation {
    /// `saturates between 4 and 4.4 requests/s`.
    pub fn rates(&self) -> String {
        match (self.bracket.sustained, self.bracket.saturated) {
            (Some(low), Some(high)) => format!("saturates between {low} and {high} requests/s"),
            (Some(low), None) => format!("keeps up with all rates up to {low} requests/s"),
            (None, Some(high)) => format!("saturated at every rate from {high} requests/s on"),
            (None, None) => "no rate was measured".to_owned(),
        }
    }

    /// `3.90 requests/s at 4 requests/s`; `None` without limits.
    pub fn goodput(&self) -> Option<String> {
        let (goodput_rps, rate) = self.most_goodput?;
        Some(format!("{goodput_rps:.2} requests/s at {rate} requests/s"))
    }
}

/// `saturates between 4 and 4.4 requests/s; most goodput 3.90 requests/s at 4 requests/s`.
impl fmt::Display for Saturation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rates())?;
        match self.goodput() {
            Some(goodput) => write!(f, "; most goodput {goodput}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rps: f64, saturated: bool, goodput_rps: Option<f64>) -> RatePoint {
        RatePoint {
            rate: Rate::from_rps(rps).unwrap(),
            saturated: saturated.then_some(SaturatedBy::Queue),
            goodput_rps,
        }
    }

    fn text(points: &[RatePoint]) -> String {
        Saturation::of(points).unwrap().to_string()
    }

    #[test]
    fn it_says_where_the_server_saturates_and_what_is_best() {
        let (low, high) = (point(4.0, false, Some(3.9)), point(4.4, true, Some(1.25)));
        assert_eq!(
            text(&[high, low]),
            "saturates between 4 and 4.4 requests/s; most goodput 3.90 requests/s at 4 requests/s"
        );
        assert_eq!(
            text(&[point(0.5, false, None)]),
            "keeps up with all rates up to 0.5 requests/s"
        );
        assert_eq!(
            text(&[point(1.0, true, None)]),
            "saturated at every rate from 1 requests/s on"
        );
        assert_eq!(Saturation::of(&[]), None);
    }

    #[test]
    fn the_most_goodput_is_a_mean_over_repeats() {
        let points = [
            point(2.0, false, Some(1.9)),
            point(4.0, false, Some(3.0)),
            point(4.0, false, Some(0.5)),
        ];
        let most = Saturation::of(&points).unwrap().most_goodput;
        assert_eq!(most, Some((1.9, points[0].rate)));
    }

    #[test]
    fn groups_are_told_apart() {
        let named = |name: &str, point| (name.to_owned(), point);
        let groups = Saturation::by_group([
            named("b", point(1.0, false, None)),
            named("a", point(1.0, true, None)),
            named("b", point(2.0, true, None)),
        ]);
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert!(groups[0].1.to_string().contains("between 1 and 2"));
    }
}
