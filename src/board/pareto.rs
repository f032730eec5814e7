//! Throughput against latency, and the combinations that no other one beats in both.

use super::{Board, Layer};

/// What a throughput–latency chart draws.
#[derive(Debug, Clone, PartialEq)]
pub struct ParetoView {
    /// A layer of which less is better.
    pub latency: Layer,
    /// One for each valid combination that has both figures, by ascending latency.
    pub points: Vec<ParetoPoint>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ParetoPoint {
    /// In the latency layer's unit, averaged over the valid repeats.
    pub latency: f64,
    /// Averaged over the valid repeats.
    pub throughput_tps: f64,
    /// No other point has at least this throughput at no more latency, and one of them better.
    pub on_front: bool,
    /// Position in [`Board::entries`] of the first valid repeat.
    pub entry: usize,
}

impl Board {
    /// Each valid combination's throughput against its `latency`.
    pub fn pareto(&self, latency: Layer) -> ParetoView {
        let latencies = self.figures(latency);
        let mut points: Vec<ParetoPoint> = self
            .combinations
            .iter()
            .filter_map(|members| {
                let (entry, throughput_tps) = self.valid_figure(members, &self.throughput)?;
                let (_, latency) = self.valid_figure(members, &latencies)?;
                Some(ParetoPoint {
                    latency,
                    throughput_tps,
                    on_front: false,
                    entry,
                })
            })
            .collect();
        // From the lowest latency on, and of equal ones the fastest first, a point is on the front
        // if it beats the throughput of all before it, or equals the point that did.
        points.sort_by(|a, b| {
            a.latency
                .total_cmp(&b.latency)
                .then(b.throughput_tps.total_cmp(&a.throughput_tps))
        });
        let mut front: Option<(f64, f64)> = None;
        for point in &mut points {
            let here = (point.latency, point.throughput_tps);
            point.on_front = front.is_none_or(|(_, tps)| here.1 > tps) || front == Some(here);
            if point.on_front {
                front = Some(here);
            }
        }
        ParetoView { latency, points }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::event::CellStatus;
    use crate::store::library::Rows;
    use crate::store::row::CellRow;

    fn board(figures: &[(f64, f64)]) -> Board {
        let rows: Rows = figures
            .iter()
            .enumerate()
            .map(|(position, &(ttft_s, tps))| CellRow {
                concurrency: position as u32 + 1,
                cell: position as u32,
                status: Some(CellStatus::Ok),
                throughput_tps: tps,
                ttft_p50_s: Some(ttft_s),
                ..CellRow::default()
            })
            .collect();
        Board::of_rows(&rows)
    }

    proptest! {
        #[test]
        fn the_front_is_what_nothing_beats(
            figures in prop::collection::vec((0_u8..6, 1_u8..6), 1..20)
        ) {
            let figures: Vec<(f64, f64)> =
                figures.into_iter().map(|(l, t)| (f64::from(l), f64::from(t))).collect();
            let view = board(&figures).pareto(Layer::TtftP50);
            prop_assert_eq!(view.points.len(), figures.len());
            for point in &view.points {
                let beaten = figures.iter().any(|&(latency, tps)| {
                    latency <= point.latency
                        && tps >= point.throughput_tps
                        && (latency < point.latency || tps > point.throughput_tps)
                });
                prop_assert_eq!(point.on_front, !beaten, "{:?}", point);
            }
        }
    }

    #[test]
    fn a_cell_without_that_latency_is_not_a_point() {
        let view = board(&[(0.1, 50.0)]).pareto(Layer::TtftP95);
        assert!(view.points.is_empty());
    }
}
