//! The cells of a rate sweep that was given no rates: each is chosen by what came of those before.

use crate::engine::event::{CellResult, CellStatus};
use crate::engine::source::{CellSource, Grid};
use crate::plan::rate_search::{self, Tried};
use crate::plan::{Cell, LoadPoint, Plan};
use crate::store::resume::Resumed;
use crate::store::row::CellRow;

/// The first cell of the plan, at one rate after another.
pub struct Searching {
    first: Cell,
    /// Cells that the plan has, and that have no row yet.
    grid: Grid,
    /// Of earlier starts of the run.
    earlier: Vec<Outcome>,
    next_index: u32,
}

/// What came of a rate.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    tried: Tried,
    /// There are figures of it.
    measured: bool,
}

/// Whether the plan's rates are searched.
pub fn is_search(plan: &Plan) -> bool {
    let open = plan.workload.open;
    open.is_some_and(|open| open.search) && !plan.cells.is_empty()
}

impl Searching {
    /// `left` of the plan's cells are still to run.
    pub fn new(plan: &Plan, left: Vec<Cell>) -> Option<Self> {
        Self::going_on(plan, left, Vec::new())
    }

    /// A run that was cut short goes on where it was.
    pub fn resumed(resumed: &Resumed) -> Option<Self> {
        let earlier = resumed.rows.iter().filter_map(of_row).collect();
        Self::going_on(&resumed.plan, resumed.remaining(), earlier)
    }

    fn going_on(plan: &Plan, left: Vec<Cell>, earlier: Vec<Outcome>) -> Option<Self> {
        let mut this = Self {
            first: plan.cells.first()?.clone(),
            next_index: plan.cells.len() as u32,
            grid: Grid::new(left),
            earlier,
        };
        if this.grid.known().is_empty() {
            // Cut short between two cells: the next is known already.
            this.grid = Grid::new(this.choose(&[]));
        }
        Some(this)
    }

    fn choose(&mut self, done: &[CellResult]) -> Option<Cell> {
        let now = done.iter().filter_map(of_result);
        let outcomes: Vec<Outcome> = self.earlier.iter().copied().chain(now).collect();
        // Servers that do not start at all would not at another rate.
        if !outcomes.is_empty() && outcomes.iter().all(|outcome| !outcome.measured) {
            return None;
        }
        let tried: Vec<Tried> = outcomes.iter().map(|outcome| outcome.tried).collect();
        let rate = rate_search::next(self.first.load.request_rate?, &tried)?;
        let index = self.next_index;
        self.next_index += 1;
        Some(Cell {
            index,
            load: LoadPoint {
                request_rate: Some(rate),
                ..self.first.load.clone()
            },
            ..self.first.clone()
        })
    }
}

/// What was not measured, or skipped, since it took too long, is taken for too much.
fn of_result(result: &CellResult) -> Option<Outcome> {
    let rate = result.cell.load.request_rate?;
    let point = result.rate_point();
    Some(Outcome {
        tried: Tried {
            rate,
            saturated: point.is_none_or(|point| point.saturated.is_some()),
        },
        measured: point.is_some() || result.status == CellStatus::Skipped,
    })
}

fn of_row(row: &CellRow) -> Option<Outcome> {
    let rate = row.request_rate_rps?;
    let point = row.rate_point();
    Some(Outcome {
        tried: Tried {
            rate,
            saturated: point.is_none_or(|point| point.saturated.is_some()),
        },
        measured: point.is_some() || row.status == Some(CellStatus::Skipped),
    })
}

impl CellSource for Searching {
    fn next(&mut self, done: &[CellResult]) -> Option<Cell> {
        self.grid.next(done).or_else(|| self.choose(done))
    }

    fn known(&self) -> Vec<Cell> {
        self.grid.known()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::measure::flow::{Flow, Limits, OpenFlow, SaturatedBy};
    use crate::plan::{Arrivals, OpenLoop, RunKind};
    use crate::settings::Rate;
    use crate::store::recorder::Recorder;
    use crate::store::sidecar::Provenance;
    use crate::store::{resume, testing};

    fn plan(folder: &Path) -> Plan {
        let mut plan = testing::plan(folder, 1);
        plan.kind = RunKind::RateSweep;
        plan.cells[0].load.request_rate = Rate::from_rps(1.0);
        plan.workload.open = Some(OpenLoop {
            arrivals: Arrivals::Poisson,
            seed: 1,
            max_in_flight: 1024,
            search: true,
        });
        plan
    }

    /// As a server of this capacity would do.
    fn result(cell: &Cell, capacity_rps: f64) -> CellResult {
        let mut result = testing::result(cell);
        let rate_rps = cell.load.request_rate.unwrap().rps();
        let figures = result.figures.as_mut().unwrap();
        figures.flow = Some(Flow {
            achieved_rps: rate_rps.min(capacity_rps),
            in_flight_mean: 1.0,
            in_flight_max: 2,
            limits: Limits::default(),
            goodput: None,
            open: Some(OpenFlow {
                rate_rps,
                due: 64,
                held: 0,
                saturated: (rate_rps > capacity_rps).then_some(SaturatedBy::Queue),
            }),
        });
        result
    }

    fn rates(results: &[CellResult]) -> Vec<f64> {
        let rate = |result: &CellResult| result.cell.load.request_rate.unwrap().rps();
        results.iter().map(rate).collect()
    }

    #[test]
    fn each_cell_follows_from_those_before_and_has_an_index_of_its_own() {
        let plan = plan(Path::new("results"));
        let mut search = Searching::new(&plan, plan.cells.clone()).unwrap();
        let mut done: Vec<CellResult> = Vec::new();
        while let Some(cell) = search.next(&done) {
            assert_eq!(cell.index as usize, done.len());
            done.push(result(&cell, 5.5));
        }
        assert_eq!(rates(&done), [1.0, 2.0, 4.0, 8.0, 5.66, 4.76, 5.19]);
    }

    #[test]
    fn a_resumed_search_goes_on_as_if_it_had_never_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(folder.path());
        let mut whole = Searching::new(&plan, plan.cells.clone()).unwrap();
        let mut expected: Vec<CellResult> = Vec::new();
        while let Some(cell) = whole.next(&expected) {
            expected.push(result(&cell, 5.5));
        }
        for cut in 1..expected.len() {
            let now =
                jiff::Timestamp::from_second(1_800_000_000 + i64::try_from(cut).unwrap()).unwrap();
            let now = now.to_zoned_datetime(jiff::tz::TimeZone::UTC);
            let mut recorder = Recorder::create(&plan, Provenance::default(), &now).unwrap();
            for result in &expected[..cut] {
                if result.cell.index > 0 {
                    let cells = vec![result.cell.clone()];
                    let extended = crate::engine::event::EngineEvent::PlanExtended { cells };
                    recorder.record(&extended).unwrap();
                }
                recorder.record(&testing::finished(result.clone())).unwrap();
            }
            let csv = recorder.files().csv().to_owned();
            drop(recorder);
            let resumed = resume::open(&csv).unwrap();
            let mut search = Searching::resumed(&resumed).unwrap();
            assert_eq!(search.known().len(), 1, "something is left after {cut}");
            let mut done: Vec<CellResult> = Vec::new();
            while let Some(cell) = search.next(&done) {
                done.push(result(&cell, 5.5));
            }
            assert_eq!(rates(&done), rates(&expected[cut..]), "cut after {cut}");
            let indices: Vec<u32> = done.iter().map(|result| result.cell.index).collect();
            let all: Vec<u32> = (cut as u32..expected.len() as u32).collect();
            assert_eq!(indices, all);
        }
    }

    #[test]
    fn servers_that_do_not_start_are_not_tried_at_every_rate() {
        let plan = plan(Path::new("results"));
        let mut search = Searching::new(&plan, plan.cells.clone()).unwrap();
        let cell = search.next(&[]).unwrap();
        let mut failed = testing::result(&cell);
        (failed.figures, failed.status) = (None, CellStatus::Failed);
        assert_eq!(search.next(&[failed]), None);
    }
}
