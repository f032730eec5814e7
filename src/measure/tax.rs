//! What nginx and streaming cost (measurement rule 15), from control cells: the same load on the same
//! server, direct and through nginx, streamed and not.

use std::fmt;

use super::best::{Repeats, welch};
use super::interval::Interval;
use crate::plan::delivery::Delivery;

/// A control cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Control {
    pub delivery: Delivery,
    pub throughput_tps: f64,
}

/// How much throughput something costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tax {
    pub name: &'static str,
    /// `1 - with / without`, of the means over repeats; below zero where it was faster with it.
    pub share: f64,
    /// 95 %, from Welch's interval of the difference over the mean without; `None` of single repeats.
    pub interval: Option<Interval>,
}

/// Without it, with it.
const PAIRS: [(&str, Delivery, Delivery); 4] = [
    (
        "proxy tax, streamed",
        Delivery::DirectStreamed,
        Delivery::NginxStreamed,
    ),
    (
        "proxy tax, whole answers",
        Delivery::DirectWhole,
        Delivery::NginxWhole,
    ),
    (
        "streaming tax, direct",
        Delivery::DirectWhole,
        Delivery::DirectStreamed,
    ),
    (
        "streaming tax, through nginx",
        Delivery::NginxWhole,
        Delivery::NginxStreamed,
    ),
];

/// Every tax that these cells tell of; they differ in nothing else.
pub fn taxes(cells: &[Control]) -> Vec<Tax> {
    let of = |delivery: Delivery| {
        let alike = cells.iter().filter(move |cell| cell.delivery == delivery);
        Repeats::of(alike.map(|cell| cell.throughput_tps)).filter(|repeats| repeats.mean > 0.0)
    };
    PAIRS
        .into_iter()
        .filter_map(|(name, without, with)| {
            let (without, with) = (of(without)?, of(with)?);
            Some(Tax {
                name,
                share: 1.0 - with.mean / without.mean,
                interval: welch(&without, &with)
                    .and_then(|difference| difference.scaled(1.0 / without.mean)),
            })
        })
        .collect()
}

/// Groups of control cells that differ in nothing else, by name, and their taxes.
pub fn by_group(cells: impl IntoIterator<Item = (String, Control)>) -> Vec<(String, Vec<Tax>)> {
    let mut groups: Vec<(String, Vec<Control>)> = Vec::new();
    for (name, cell) in cells {
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, alike)) => alike.push(cell),
            None => groups.push((name, vec![cell])),
        }
    }
    let taxed = groups.into_iter();
    let taxed = taxed.map(|(name, cells)| (name, taxes(&cells)));
    taxed.filter(|(_, taxes)| !taxes.is_empty()).collect()
}

/// A line for each tax, with the name of its group where there are several.
pub fn lines(groups: &[(String, Vec<Tax>)]) -> Vec<String> {
    let several = groups.len() > 1;
    let of = |(name, taxes): &(String, Vec<Tax>)| -> Vec<String> {
        let line = |tax: &Tax| {
            if several {
                format!("{name} {tax}")
            } else {
                tax.to_string()
            }
        };
        taxes.iter().map(line).collect()
    };
    groups.iter().flat_map(of).collect()
}

/// `proxy tax, streamed: 2.1 % (-0.5 to 4.7 %)`.
impl fmt::Display for Tax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.1} %", self.name, self.share * 100.0)?;
        match self.interval {
            Some(Interval { low, high }) => {
                write!(f, " ({:.1} to {:.1} %)", low * 100.0, high * 100.0)
            }
            None => f.write_str(" (no interval: it takes repeats)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(delivery: Delivery, tps: &[f64]) -> impl Iterator<Item = Control> {
        tps.iter().map(move |&throughput_tps| Control {
            delivery,
            throughput_tps,
        })
    }

    #[test]
    fn a_tax_is_a_share_of_what_goes_without_it() {
        let cells: Vec<Control> = controls(Delivery::DirectStreamed, &[99.0, 100.0, 101.0])
            .chain(controls(Delivery::NginxStreamed, &[89.0, 90.0, 91.0]))
            .chain(controls(Delivery::DirectWhole, &[125.0]))
            .collect();
        let taxes = taxes(&cells);
        let names: Vec<&str> = taxes.iter().map(|tax| tax.name).collect();
        assert_eq!(names, ["proxy tax, streamed", "streaming tax, direct"]);
        // Equal scatters: t of 4 degrees of freedom times the root of 2/3, over 100.
        let half = 2.776_445_105 * (2.0_f64 / 3.0).sqrt() / 100.0;
        let interval = taxes[0].interval.unwrap();
        assert!((taxes[0].share - 0.1).abs() < 1e-12);
        assert!((interval.low - (0.1 - half)).abs() < 1e-6, "{interval:?}");
        assert!((interval.high - (0.1 + half)).abs() < 1e-6, "{interval:?}");
        assert_eq!(
            taxes[0].to_string(),
            "proxy tax, streamed: 10.0 % (7.7 to 12.3 %)"
        );
        // One repeat has no interval, and says so.
        assert!((taxes[1].share - 0.2).abs() < 1e-12);
        assert_eq!(
            taxes[1].to_string(),
            "streaming tax, direct: 20.0 % (no interval: it takes repeats)"
        );
    }

    #[test]
    fn loads_are_not_mixed_and_half_a_pair_tells_nothing() {
        let named = |name: &str, cell: Control| (name.to_owned(), cell);
        let one = |delivery| controls(delivery, &[100.0]).next().unwrap();
        let groups = by_group([
            named("8", one(Delivery::DirectStreamed)),
            named("4", one(Delivery::NginxStreamed)),
            named("8", one(Delivery::NginxStreamed)),
        ]);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].0, "8");
    }
}
