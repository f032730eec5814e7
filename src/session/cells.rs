//! The cells that a run goes through: all of a plan, or those that an earlier start left.

use super::confirming::Confirming;
use super::refining::Refining;
use super::searching::{Searching, is_search};
use super::tuning::Tuning;
use crate::board::Layer;
use crate::engine::event::{CellResult, RunEnd};
use crate::engine::source::{CellSource, Grid};
use crate::measure::best::{Measured, Ranking, rank_measured};
use crate::measure::interval::Interval;
use crate::measure::saturation::{RatePoint, Saturation};
use crate::measure::tax::{self, Control, Tax};
use crate::plan::{Cell, LoadPoint, Plan, RunKind, ServerPoint};
use crate::store::resume::Resumed;
use crate::store::row::CellRow;

/// Every cell of a new run.
pub fn all(plan: &Plan) -> Box<dyn CellSource> {
    let search = || Searching::new(plan, plan.cells.clone());
    if let Some(search) = is_search(plan).then(search).flatten() {
        return Box::new(search);
    }
    tuning(plan, &[]).unwrap_or_else(|| source(plan, plan.cells.clone(), Earlier::default()))
}

/// The cells without a row; of a search, those that it would still come to.
pub fn left(resumed: &Resumed) -> Box<dyn CellSource> {
    let search = || Searching::resumed(resumed);
    if let Some(search) = is_search(&resumed.plan).then(search).flatten() {
        return Box::new(search);
    }
    tuning(&resumed.plan, &resumed.rows)
        .unwrap_or_else(|| source(&resumed.plan, resumed.remaining(), Earlier::of(resumed)))
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

fn source(plan: &Plan, left: Vec<Cell>, earlier: Earlier) -> Box<dyn CellSource> {
    let left = plan.order.arranged(left);
    match plan.kind {
        RunKind::Quick => Box::new(Refining::new(plan, left, earlier.valid)),
        _ if plan.finalists > 0 => Box::new(Confirming::new(plan, left, earlier)),
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
    /// Of each cell with a rate: what else it is, and what came of the rate.
    rates: Vec<(String, RatePoint)>,
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
            rates: resumed
                .rows
                .iter()
                .filter_map(|row| Some((at_any_rate(cell(row.cell)?), row.rate_point()?)))
                .collect(),
        }
    }

    /// What ranks each combination.
    pub fn measured(&self) -> impl Iterator<Item = Measured<(&ServerPoint, &LoadPoint)>> {
        let valid = self.valid.iter().zip(&self.intervals);
        valid.map(|((cell, throughput_tps), within)| Measured {
            combination: cell.combination(),
            throughput_tps: *throughput_tps,
            within: *within,
        })
    }

    /// What the whole run tells of the rates that its servers keep up with: each combination of
    /// everything else, and that.
    pub fn saturation(&self, now: &[CellResult]) -> Vec<(String, Saturation)> {
        let now = now
            .iter()
            .filter_map(|result| Some((at_any_rate(&result.cell), result.rate_point()?)));
        Saturation::by_group(self.rates.iter().cloned().chain(now))
    }

    /// What nginx and streaming cost, as far as the control cells of the whole run tell.
    pub fn taxes(&self, now: &[CellResult]) -> Vec<(String, Vec<Tax>)> {
        let valid = self.valid.iter().map(|(cell, tps)| (cell, *tps));
        let now = now
            .iter()
            .filter_map(|result| Some((&result.cell, result.measurement()?.throughput_tps)));
        tax::by_group(valid.chain(now).filter_map(|(cell, throughput_tps)| {
            let control = Control {
                delivery: cell.load.delivery?,
                throughput_tps,
            };
            let mut at = cell.clone();
            at.load.delivery = None;
            Some((at.to_string(), control))
        }))
    }

    /// The best combination of the whole run and its ties; each by its valid cells, the fastest
    /// first.
    pub fn ranking(&self, now: &[CellResult]) -> Option<Ranking<Vec<Cell>>> {
        let cells = self.valid.iter().map(|(cell, _)| cell);
        let before = cells.zip(self.measured());
        let now = now
            .iter()
            .filter_map(|result| Some((&result.cell, result.measurement()?)));
        let (cells, measured): (Vec<&Cell>, Vec<_>) = before.chain(now).unzip();
        let ranking = rank_measured(&measured)?;
        let of = |places: Vec<usize>| places.into_iter().map(|place| cells[place].clone());
        Some(ranking.map(|places| of(places).collect()))
    }
}

/// A cell's name without its rate.
fn at_any_rate(cell: &Cell) -> String {
    let point = cell.point.clone();
    let flags = point
        .flags
        .iter()
        .map(|f| format!("{}={}", f.flag, f.value));
    let shown = |v: Option<u32>| v.map_or_else(|| "own".to_owned(), |v| v.to_string());
    let mut parts = vec![
        format!("instances={}", point.instances),
        format!("decode_concurrency={}", shown(point.decode_concurrency)),
        format!("prompt_concurrency={}", shown(point.prompt_concurrency)),
        format!("max_tokens={}", cell.load.max_tokens),
    ];
    parts.extend(
        cell.load
            .prompt_tokens
            .map(|n| format!("prompt_tokens={n}")),
    );
    parts.extend(flags);
    parts.join(" ")
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
