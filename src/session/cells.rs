//! The cells that a run goes through: all of a plan, or those that an earlier start left.

use super::refining::Refining;
use crate::engine::event::CellResult;
use crate::engine::source::{CellSource, Grid};
use crate::plan::{Cell, Plan, RunKind};
use crate::store::resume::Resumed;

/// Every cell of a new run.
pub fn all(plan: &Plan) -> Box<dyn CellSource> {
    source(plan, plan.cells.clone(), Vec::new())
}

/// The cells without a row; of a search, those that it would still come to.
pub fn left(resumed: &Resumed) -> Box<dyn CellSource> {
    let valid = Earlier::of(resumed).valid;
    source(&resumed.plan, resumed.remaining(), valid)
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
    /// The valid ones, with their tokens per second.
    pub valid: Vec<(Cell, f64)>,
}

impl Earlier {
    pub fn of(resumed: &Resumed) -> Self {
        let valid = resumed.rows.iter().filter(|row| row.is_valid());
        let cell = |index| resumed.plan.cells.iter().find(|cell| cell.index == index);
        Self {
            done: resumed.done.len() as u32,
            valid: valid
                .filter_map(|row| Some((cell(row.cell)?.clone(), row.throughput_tps)))
                .collect(),
        }
    }

    /// The best cell of the whole run.
    pub fn best(&self, now: Option<&CellResult>) -> Option<(Cell, f64)> {
        let now = now.and_then(|best| Some((best.cell.clone(), best.throughput_tps()?)));
        let all = self.valid.iter().cloned().chain(now);
        all.max_by(|a, b| a.1.total_cmp(&b.1))
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
