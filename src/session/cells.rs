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
