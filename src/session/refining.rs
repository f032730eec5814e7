//! The cells of `quick`: a coarse grid, then a few around its best.

use crate::engine::event::{CellResult, CellStatus};
use crate::engine::source::{CellSource, Grid};
use crate::plan::{Cell, Plan, quick};

/// A coarse grid, then a few cells around its best.
pub struct Refining {
    plan: Plan,
    grid: Grid,
    /// Valid cells of earlier starts of the run, with their tokens per second.
    earlier: Vec<(Cell, f64)>,
    refined: bool,
}

impl Refining {
    /// `left` of the plan's cells are still to run, in this order.
    pub fn new(plan: &Plan, left: Vec<Cell>, earlier: Vec<(Cell, f64)>) -> Self {
        let mut this = Self {
            plan: plan.clone(),
            grid: Grid::new(left),
            earlier,
            refined: quick::is_refined(plan),
        };
        if this.grid.known().is_empty() {
            // Cut short between the two stages: what is left is what the first one tells.
            this.refine(&[]);
        }
        this
    }

    fn refine(&mut self, done: &[CellResult]) {
        if self.refined {
            return;
        }
        self.refined = true;
        let now = done
            .iter()
            .filter(|result| result.status == CellStatus::Ok)
            .filter_map(|result| Some((result.cell.clone(), result.throughput_tps()?)));
        let valid: Vec<(Cell, f64)> = self.earlier.iter().cloned().chain(now).collect();
        let added = quick::refine(&self.plan, &valid);
        self.grid = Grid::new(self.plan.order.arranged(added));
    }
}

impl CellSource for Refining {
    fn next(&mut self, done: &[CellResult]) -> Option<Cell> {
        if self.grid.known().is_empty() {
            self.refine(done);
        }
        self.grid.next(done)
    }

    fn known(&self) -> Vec<Cell> {
        self.grid.known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Inputs, ModelRef, RunKind, build};
    use crate::settings::{Settings, Sources};

    fn plan() -> Plan {
        build(Inputs {
            kind: RunKind::Quick,
            settings: &Settings::resolve(&Sources::default()).unwrap(),
            axes: &[],
            model: ModelRef {
                path: "/models/tiny".into(),
                label: "tiny".into(),
                synthetic: true,
            },
            known_flags: None,
            nginx_found: false,
            cores: 2,
            drawn_seed: Some(1),
        })
        .unwrap()
    }

    /// Every cell with a throughput that grows with the requests in flight.
    fn measured(cells: &[Cell]) -> Vec<(Cell, f64)> {
        let with_tps = |cell: &Cell| (cell.clone(), f64::from(cell.load.concurrency));
        cells.iter().map(with_tps).collect()
    }

    #[test]
    fn a_run_that_was_cut_between_its_stages_still_refines() {
        let mut plan = plan();
        let earlier = measured(&plan.cells);
        let resumed = Refining::new(&plan, Vec::new(), earlier.clone());
        let added = resumed.known();
        assert!(!added.is_empty());
        assert!(added.iter().all(|cell| !plan.cells.contains(cell)));

        // Once its cells are in the plan, only those are run that have no row.
        plan.cells.extend(added.clone());
        let mut resumed = Refining::new(&plan, added[1..].to_vec(), earlier.clone());
        assert_eq!(resumed.next(&[]).as_ref(), added.get(1));
        assert_eq!(resumed.next(&[]), None);
        assert_eq!(Refining::new(&plan, Vec::new(), earlier).known(), []);
    }

    #[test]
    fn what_was_measured_before_counts_in_the_second_stage() {
        let plan = plan();
        let (last, before) = plan.cells.split_last().unwrap();
        let mut resumed = Refining::new(&plan, vec![last.clone()], measured(before));
        assert_eq!(resumed.next(&[]).as_ref(), Some(last));
        assert!(resumed.next(&[]).is_some(), "its first stage is done");
    }
}
