//! The cells of a sweep: its grid, then what confirms the best (measurement rule 12).

use super::cells::Earlier;
use crate::engine::event::CellResult;
use crate::engine::source::{CellSource, Grid};
use crate::measure::best::Measured;
use crate::plan::{Cell, Plan, finalists};

/// A grid, then repeats of its finalists until each has as many as the rule asks.
pub struct Confirming {
    plan: Plan,
    grid: Grid,
    earlier: Earlier,
}

impl Confirming {
    /// `left` of the plan's cells are still to run, in this order.
    pub fn new(plan: &Plan, left: Vec<Cell>, earlier: Earlier) -> Self {
        let mut this = Self {
            plan: plan.clone(),
            grid: Grid::new(left),
            earlier,
        };
        if this.grid.known().is_empty() {
            // Cut short between the grid and its finalists.
            this.confirm(&[]);
        }
        this
    }

    fn confirm(&mut self, done: &[CellResult]) {
        let now = done.iter().filter_map(CellResult::measurement);
        let measured: Vec<Measured<_>> = self.earlier.measured().chain(now).collect();
        let missing = finalists::missing(&self.plan, &measured);
        self.plan.cells.extend(missing.iter().cloned());
        self.grid = Grid::new(self.plan.order.arranged(missing));
    }
}

impl CellSource for Confirming {
    fn next(&mut self, done: &[CellResult]) -> Option<Cell> {
        if self.grid.known().is_empty() {
            self.confirm(done);
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
    use crate::session::cells;
    use crate::store::recorder::Recorder;
    use crate::store::sidecar::Provenance;
    use crate::store::{resume, testing};

    /// What a run does that measures `tps` of each cell, and stops before the cell numbered `until`.
    fn run(
        source: &mut dyn CellSource,
        until: usize,
        tps: impl Fn(&Cell) -> f64,
    ) -> Vec<CellResult> {
        let mut done: Vec<CellResult> = Vec::new();
        while done.len() < until
            && let Some(cell) = source.next(&done)
        {
            let mut result = testing::result(&cell);
            let figures = result.figures.as_mut().unwrap();
            figures.throughput_tps = tps(&cell);
            figures.intervals.throughput_tps = None;
            done.push(result);
        }
        done
    }

    fn repeats(done: &[CellResult], concurrency: u32) -> Vec<u32> {
        let of = |result: &&CellResult| result.cell.load.concurrency == concurrency;
        let repeats = done.iter().filter(of).map(|result| result.cell.repeat);
        repeats.collect()
    }

    fn plan(dir: &std::path::Path) -> Plan {
        let mut plan = testing::plan(dir, 6);
        plan.finalists = 2;
        for (cell, concurrency) in plan.cells.iter_mut().zip([1, 2, 4, 8, 16, 32]) {
            cell.load.concurrency = concurrency;
        }
        plan
    }

    #[test]
    fn the_best_and_what_is_close_to_it_get_three_repeats_from_starts_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(dir.path());
        // 16 is best, 32 is close to it, 8 is not.
        let tps = |cell: &Cell| match cell.load.concurrency {
            16 => 100.0 + f64::from(cell.repeat),
            32 => 97.0,
            other => f64::from(other),
        };
        let done = run(cells::all(&plan).as_mut(), 99, tps);
        assert_eq!(done.len(), 6 + 4);
        for concurrency in [16, 32] {
            assert_eq!(repeats(&done, concurrency), [1, 2, 3]);
        }
        let added: Vec<(u32, u32)> = done[6..]
            .iter()
            .map(|result| (result.cell.index, result.cell.repeat))
            .collect();
        // Cells of one repeat share their servers, and another repeat starts its own.
        assert_eq!(
            added.iter().map(|(_, repeat)| *repeat).collect::<Vec<_>>(),
            [2, 2, 3, 3]
        );
        let mut indices: Vec<u32> = added.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        assert_eq!(indices, [6, 7, 8, 9]);
    }

    #[test]
    fn one_that_comes_to_the_top_by_the_repeats_gets_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = plan(dir.path());
        plan.finalists = 1;
        // The first look at 16 was lucky.
        let tps = |cell: &Cell| match (cell.load.concurrency, cell.repeat) {
            (16, 1) => 120.0,
            (16, _) => 80.0,
            (8, _) => 99.0,
            _ => 1.0,
        };
        let done = run(cells::all(&plan).as_mut(), 99, tps);
        assert_eq!(repeats(&done, 16), [1, 2, 3]);
        assert_eq!(repeats(&done, 8), [1, 2, 3]);
        assert_eq!(done.len(), 6 + 4, "and nothing else does");
        let ranking = Earlier::default().ranking(&done).unwrap();
        assert_eq!(ranking.best[0].load.concurrency, 8);
    }

    #[test]
    fn nothing_is_added_where_none_are_wanted_or_nothing_was_measured() {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = plan(dir.path());
        let nothing = run(cells::all(&plan).as_mut(), 99, |_| 0.0);
        assert_eq!(nothing.len(), 6);
        plan.finalists = 0;
        let none = run(cells::all(&plan).as_mut(), 99, |_| 5.0);
        assert_eq!(none.len(), 6);
        plan.finalists = 2;
        plan.cells.truncate(1);
        let alone = run(cells::all(&plan).as_mut(), 99, |_| 5.0);
        assert_eq!(alone.len(), 1, "there is no choice");
    }

    #[test]
    fn a_run_cut_short_anywhere_confirms_the_same_when_it_is_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(dir.path());
        let tps = |cell: &Cell| f64::from(cell.load.concurrency) + f64::from(cell.repeat);
        let whole = run(cells::all(&plan).as_mut(), 99, tps);
        assert!(whole.len() > 6);
        for until in [5, 6, 7] {
            let mut recorder =
                Recorder::create(&plan, Provenance::default(), &jiff::ZonedDateTime::now())
                    .unwrap();
            let mut source = cells::all(&plan);
            let done = run(source.as_mut(), until, tps);
            let added: Vec<Cell> = (done.iter().map(|result| result.cell.clone()))
                .chain(source.known())
                .filter(|cell| cell.index >= 6)
                .collect();
            if !added.is_empty() {
                let mut cells = added;
                cells.sort_by_key(|cell| cell.index);
                recorder
                    .record(&crate::engine::event::EngineEvent::PlanExtended { cells })
                    .unwrap();
            }
            for result in done {
                recorder.record(&testing::finished(result)).unwrap();
            }
            let csv = recorder.files().csv().to_owned();
            drop(recorder);
            let resumed = resume::open(&csv).unwrap();
            let rest = run(cells::left(&resumed).as_mut(), 99, tps);
            assert_eq!(until + rest.len(), whole.len(), "cut after {until}");
        }
    }
}
