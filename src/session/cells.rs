//! The cells that a run goes through: all of a plan, or those that an earlier start left.

use super::refining::Refining;
use super::tuning::Tuning;
use crate::board::Layer;
use crate::engine::event::{CellResult, RunEnd};
use crate::engine::source::{CellSource, Grid};
use crate::measure::best::{Measured, Ranking, rank_measured};
use crate::measure::interval::Interval;
use crate::plan::{Cell, Plan, RunKind};
use crate::store::resume::Resumed;
use crate::store::row::CellRow;

/// Every cell of a new run.
pub fn all(plan: &Plan) -> Box<dyn CellSource> {
    tuning(plan, &[]).unwrap_or_else(|| source(plan, plan.cells.clone(), Vec::new()))
}

/// The cells without a row; of a search, those that it would still come to.
pub fn left(resumed: &Resumed) -> Box<dyn CellSource> {
    tuning(&resumed.plan, &resumed.rows).unwrap_or_else(|| {
        let valid = Earlier::of(resumed).valid;
        source(&resumed.plan, resumed.remaining(), valid)
    })
}

/// Whether there is nothing left of an earlier start.
pub fn is_complete(resumed: &Resumed) -> bool {
    match resumed.plan.tune {
        // What it would still come to, only the search knows.
        Some(_) => resumed.metadata().end == Some(RunEnd::Completed),
        None => left(resumed).known().is_empty(),
    }
}

fn tuning(plan: &Plan, rows: &[CellRow]) -> Option<Box<dyn CellSource>> {
    let tuning = Tuning::new(plan, rows)?;
    Some(Box::new(tuning))
}

fn source(plan: &Plan, left: Vec<Cell>, valid: Vec<(Cell, f64)>) -> Box<dyn CellSource> {
    let left = plan.order.arranged(left);
    match plan.kind {
        RunKind::Quick => Box::new(Refining::new(plan, left, valid)),
        _ => Box::new(Grid::new(left)),
    }
}

/// What earlier starts of a resumed run have measured.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// Cells that have a row.
    pub done: u32,
    /// All of them.
    pub rows: Vec<CellRow>,
    /// The valid ones, with their tokens per second; of a search, those within its limit.
    pub valid: Vec<(Cell, f64)>,
    /// Of each valid one, the interval of its figure within its window.
    intervals: Vec<Option<Interval>>,
}

impl Earlier {
    pub fn of(resumed: &Resumed) -> Self {
        let valid = resumed.rows.iter().filter(|row| row.may_be_best());
        let cell = |index| resumed.plan.cells.iter().find(|cell| cell.index == index);
        let (valid, intervals) = valid
            .filter_map(|row| {
                let measured = (cell(row.cell)?.clone(), row.throughput_tps);
                Some((measured, Layer::Throughput.interval(row)))
            })
            .unzip();
        Self {
            done: resumed.done.len() as u32,
            rows: resumed.rows.clone(),
            valid,
            intervals,
        }
    }

    /// The best combination of the whole run and its ties; each by its valid cells, the fastest
    /// first.
    pub fn ranking(&self, now: &[CellResult]) -> Option<Ranking<Vec<Cell>>> {
        let before = self.valid.iter().zip(&self.intervals);
        let before = before.map(|((cell, tps), within)| {
            let measured = Measured {
                combination: cell.combination(),
                throughput_tps: *tps,
                within: *within,
            };
            (cell, measured)
        });
        let now = now
            .iter()
            .filter_map(|result| Some((&result.cell, result.measurement()?)));
        let (cells, measured): (Vec<&Cell>, Vec<_>) = before.chain(now).unzip();
        let ranking = rank_measured(&measured)?;
        let of = |places: Vec<usize>| places.into_iter().map(|place| cells[place].clone());
        Some(ranking.map(|places| of(places).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Order;
    use crate::store::recorder::Recorder;
    use crate::store::sidecar::Provenance;
    use crate::store::{resume, testing};

    #[test]
    fn a_resumed_run_goes_on_in_the_order_that_it_was_started_with() {
        let dir = tempfile::tempdir().unwrap();
        for seed in 0..20 {
            let mut plan = testing::plan(dir.path(), 6);
            plan.order = Order::Random { seed };
            let mut source = all(&plan);
            let order = source.known();
            assert_eq!(order, plan.cells_as_run());
            let mut recorder =
                Recorder::create(&plan, Provenance::default(), &jiff::ZonedDateTime::now())
                    .unwrap();
            for _ in 0..2 {
                let cell = source.next(&[]).unwrap();
                let finished = testing::finished(testing::result(&cell));
                recorder.record(&finished).unwrap();
            }
            let csv = recorder.files().csv().to_owned();
            drop(recorder);
            let resumed = resume::open(&csv).unwrap();
            assert_eq!(resumed.plan.order, plan.order);
            assert_eq!(left(&resumed).known(), order[2..], "seed {seed}");
        }
    }
}
