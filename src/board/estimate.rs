//! How sure a figure is: its 95 % interval, and what that stands on.

use super::{Board, CellState, Layer};
use crate::measure::interval::{self, Basis, Interval};
use crate::store::row::CellRow;
use crate::units::grouped;

/// A figure of a cell, over its valid repeats, in the layer's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// Valid repeats that have the figure.
    pub repeats: u32,
    /// `None` where there are too few samples to tell.
    pub interval: Option<Interval>,
}

impl Estimate {
    pub const fn basis(&self) -> Basis {
        Basis::of(self.repeats)
    }
}

impl Layer {
    /// The interval of the row's figure within its one window, in this layer's unit.
    pub fn interval(self, row: &CellRow) -> Option<Interval> {
        let of = |low: Option<f64>, high: Option<f64>| Interval::new(low?, high?);
        let throughput = of(row.throughput_low_tps, row.throughput_high_tps);
        match self {
            Self::Throughput => throughput,
            // The same, for as many users.
            Self::PerUser => {
                let share = self.value(row)? / row.throughput_tps;
                throughput?.scaled(share)
            }
            Self::TtftP50 => of(row.ttft_p50_low_s, row.ttft_p50_high_s),
            Self::TpotP50 => of(row.tpot_p50_low_s, row.tpot_p50_high_s)?.scaled(1e3),
            Self::E2eP50 => of(row.e2e_p50_low_s, row.e2e_p50_high_s),
            Self::TtftP95
            | Self::Goodput
            | Self::Errors
            | Self::Energy
            | Self::GpuBusy
            | Self::PeakMemory => None,
        }
    }

    /// "184.0 ± 3.1", or "0.120 (0.115 to 0.131)" where the figure is not in the middle; the figure
    /// alone without an interval. Without the unit.
    pub fn precise_with(self, value: f64, interval: Option<Interval>) -> String {
        let Some(Interval { low, high }) = interval else {
            return self.precise(value);
        };
        // An interval is never shown without a width.
        let mut decimals = self.decimals();
        let text = |value: f64, decimals: usize| grouped(value, decimals);
        while text(low, decimals) == text(high, decimals) && decimals < 6 {
            decimals += 1;
        }
        let (below, above) = (text(value - low, decimals), text(high - value, decimals));
        let vanishes = above.bytes().all(|b| matches!(b, b'0' | b'.'));
        let mean = text(value, decimals);
        if below == above && !vanishes {
            format!("{mean} ± {above}")
        } else {
            format!(
                "{mean} ({} to {})",
                text(low, decimals),
                text(high, decimals)
            )
        }
    }

    /// As [`Layer::with_unit`], with the interval: "184.0 ± 3.1 tokens/s", "0.120 s (0.115 to 0.131)".
    pub fn with_interval(self, value: f64, interval: Option<Interval>) -> String {
        if interval.is_none() {
            return self.with_unit(value);
        }
        let text = self.precise_with(value, interval);
        match text.split_once(" (") {
            Some((mean, bounds)) => format!("{mean} {} ({bounds}", self.unit()),
            None => format!("{text} {}", self.unit()),
        }
    }
}

impl Board {
    /// What the valid ones among these entries, which are repeats of each other, show of `layer`.
    pub fn estimate(&self, members: &[u32], layer: Layer) -> Option<Estimate> {
        let members = members.iter().map(|member| *member as usize);
        let valid: Vec<(usize, f64)> = members
            .filter(|&member| self.state(member) == Some(CellState::Done))
            .filter_map(|member| Some((member, self.value(member, layer)?)))
            .collect();
        self.of_valid(&valid, layer)
    }

    /// The same of valid entries with their figures.
    pub(super) fn of_valid(&self, valid: &[(usize, f64)], layer: Layer) -> Option<Estimate> {
        let values: Vec<f64> = valid.iter().map(|(_, value)| *value).collect();
        let within = match valid {
            // Of a long file each row would be read for it, and no chart could show so many.
            [(entry, _)] if self.len() <= MOST_BOUNDS => self
                .entry(*entry)
                .and_then(|entry| layer.interval(&*entry.row()?)),
            _ => None,
        };
        Some(Estimate {
            mean: crate::measure::stats::mean(&values)?,
            repeats: u32::try_from(values.len()).unwrap_or(u32::MAX),
            interval: interval::of_cell(&values, within),
        })
    }
}

/// Of boards with more cells, those that were measured once have no interval here.
pub(super) const MOST_BOUNDS: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::CellStatus;

    fn row(repeat: u32, tps: f64) -> CellRow {
        CellRow {
            repeat,
            concurrency: 4,
            status: Some(CellStatus::Ok),
            throughput_tps: tps,
            throughput_low_tps: Some(tps - 3.0),
            throughput_high_tps: Some(tps + 3.0),
            tpot_p50_s: Some(0.020),
            tpot_p50_low_s: Some(0.019),
            tpot_p50_high_s: Some(0.0225),
            ..CellRow::default()
        }
    }

    #[test]
    fn bounds_are_in_the_layers_unit() {
        let row = row(1, 100.0);
        assert_eq!(Layer::Throughput.interval(&row), Interval::new(97.0, 103.0));
        assert_eq!(Layer::PerUser.interval(&row), Interval::new(24.25, 25.75));
        assert_eq!(Layer::TpotP50.interval(&row), Interval::new(19.0, 22.5));
        assert_eq!(Layer::TtftP50.interval(&row), None);
        assert_eq!(Layer::PerUser.interval(&CellRow::default()), None);
    }

    #[test]
    fn one_repeat_stands_on_its_window_and_several_on_each_other() {
        let rows = [100.0, 104.0, 102.0].map(|tps| row((tps - 99.0) as u32, tps));
        let board = Board::of_rows(&rows[..1].iter().cloned().collect());
        let one = board.estimate(&[0], Layer::Throughput).unwrap();
        assert_eq!(one.interval, Interval::new(97.0, 103.0));
        assert_eq!(one.basis(), Basis::OneWindow);
        let board = Board::of_rows(&rows.into_iter().collect());
        let all = board.estimate(board.repeats(0), Layer::Throughput).unwrap();
        assert!((all.mean - 102.0).abs() < 1e-9);
        assert_eq!(all.interval, interval::over_repeats(&[100.0, 104.0, 102.0]));
        assert_eq!(all.basis(), Basis::Repeats(3));
        assert_eq!(board.estimate(&[], Layer::Throughput), None);
        assert_eq!(board.estimate(&[0], Layer::TtftP50), None);
    }

    #[test]
    fn an_interval_reads_as_plus_or_minus_where_it_is_symmetric_and_never_has_no_width() {
        let tps =
            |value, low, high| Layer::Throughput.with_interval(value, Interval::new(low, high));
        assert_eq!(tps(184.0, 180.9, 187.1), "184.0 ± 3.1 tokens/s");
        assert_eq!(
            tps(1_234.5, 1_200.0, 1_250.0),
            "1,234.5 tokens/s (1,200.0 to 1,250.0)"
        );
        assert_eq!(tps(184.0, 183.998, 184.002), "184.000 ± 0.002 tokens/s");
        assert_eq!(
            Layer::Throughput.with_interval(184.0, None),
            "184.0 tokens/s"
        );
        let ttft = Layer::TtftP50.precise_with(0.12, Interval::new(0.115, 0.131));
        assert_eq!(ttft, "0.120 (0.115 to 0.131)");
    }
}
