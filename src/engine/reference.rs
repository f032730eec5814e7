//! Does the machine still measure what it measured before? Every while, the first sound cell of the
//! running servers is measured again (measurement rule 11). Like is compared with like: the same
//! cell, on the very processes that served it first. So what is compared lies within one server
//! start, and a slow drift over several starts shows only as far as it happens within each.

use std::time::Duration;

use jiff::Timestamp;

use super::error::EngineError;
use super::event::{CellResult, CellStatus, CellTimes, EngineEvent, NoticeLevel, Reference};
use super::run::Runner;
use crate::measure::figures::FlagKind;
use crate::plan::{Cell, ReferenceRule};

/// Which cell is the reference, and when it is due again. Times are seconds of the run's clock.
#[derive(Debug, Default)]
pub(super) struct References {
    rule: Option<ReferenceRule>,
    block: Option<Block>,
    checked_at_s: f64,
    /// The longest that a cell, and a start of servers, have taken so far.
    longest_cell_s: f64,
    longest_load_s: f64,
}

/// The cells of one set of server processes.
#[derive(Debug)]
struct Block {
    /// Processes started when it began: more of them mean other processes.
    starts: u32,
    /// The first sound cell with its tokens per second and the end of its measurement.
    first: Option<(Cell, f64, f64)>,
    /// Measured since the reference was last seen to agree.
    since: Vec<u32>,
}

impl References {
    pub fn new(rule: Option<ReferenceRule>) -> Self {
        Self {
            rule,
            ..Self::default()
        }
    }

    /// A cell of the plan has ended; `starts` server processes were started so far.
    pub fn finished(&mut self, result: &CellResult, starts: u32, now_s: f64) {
        let times = &result.times;
        let cell_s = times.warmup_s + times.measure_s + times.cool_down_s + times.rest_s;
        self.longest_cell_s = self.longest_cell_s.max(cell_s);
        self.longest_load_s = self.longest_load_s.max(times.load_s);
        let same = self.block.as_ref().is_some_and(|block| {
            let first = block.first.as_ref();
            let alike = |(cell, ..): &(Cell, f64, f64)| same_servers(cell, &result.cell);
            block.starts == starts && first.is_none_or(alike)
        });
        if !same {
            self.block = None;
        }
        let block = self.block.get_or_insert(Block {
            starts,
            first: None,
            since: Vec::new(),
        });
        let tps = sound_tps(result);
        match (&block.first, tps) {
            (None, Some(tps)) => block.first = Some((result.cell.clone(), tps, now_s)),
            // What measured nothing has no figure to doubt.
            (Some(_), _) if result.figures.is_some() => block.since.push(result.cell.index),
            _ => {}
        }
    }

    /// The cell to measure again now, before `next`, so that it is not later than the rule has it.
    pub fn due(&self, now_s: f64, next: Option<&Cell>) -> Option<Cell> {
        let rule = self.rule?;
        let block = self.block.as_ref()?;
        let (cell, ..) = block.first.as_ref()?;
        if block.since.is_empty() {
            return None;
        }
        // The next moment at which there is something to compare.
        let ahead_s = match next {
            None => 0.0,
            Some(next) if same_servers(cell, next) => self.longest_cell_s,
            Some(_) => self.longest_load_s + 2.0 * self.longest_cell_s,
        };
        (now_s - self.checked_at_s + ahead_s >= rule.every_s).then(|| cell.clone())
    }

    /// The reference was measured again: what came of it.
    pub fn again(&mut self, again_tps: f64, now_s: f64) -> Option<Reference> {
        let rule = self.rule?;
        self.checked_at_s = now_s;
        let block = self.block.as_mut()?;
        let (cell, first_tps, first_at_s) = block.first.as_ref()?;
        let change = again_tps / first_tps - 1.0;
        let since = std::mem::take(&mut block.since);
        Some(Reference {
            cell: cell.index,
            first_tps: *first_tps,
            again_tps,
            change,
            after_s: now_s - first_at_s,
            limit: rule.drift,
            drifted: if change.abs() > rule.drift {
                since
            } else {
                Vec::new()
            },
            at: Timestamp::now(),
        })
    }

    /// It could not be measured again: the next is due as if it had been.
    pub fn lost(&mut self, now_s: f64) {
        self.checked_at_s = now_s;
    }
}

fn same_servers(a: &Cell, b: &Cell) -> bool {
    a.repeat == b.repeat && a.point == b.point
}

fn sound_tps(result: &CellResult) -> Option<f64> {
    let tps = result.throughput_tps()?;
    // What was measured hot is no measure of later cells.
    let hot = result.flags.iter().any(|f| f.kind == FlagKind::Throttled);
    (result.status == CellStatus::Ok && tps > 0.0 && !hot).then_some(tps)
}

impl Runner {
    /// Measures the reference again if it is due. It is no cell of the run: it has no row, and a
    /// resume does not know of it.
    pub(super) async fn check_reference(&mut self) -> Result<(), EngineError> {
        let next = self.cells.known().into_iter().next();
        let now_s = self.started.elapsed().as_secs_f64();
        let Some(cell) = self.references.due(now_s, next.as_ref()) else {
            return Ok(());
        };
        let pause = Duration::from_secs_f64(self.plan.cell_pause_s);
        tokio::select! {
            () = self.control.stop.cancelled() => return Err(EngineError::Cancelled),
            // The pause that stands before every cell (MLX_CELL_PAUSE_S).
            () = tokio::time::sleep(pause) => {}
        }
        // Before anyone hears of it, as with cells: who is told of it may skip it at once.
        let token = self.control.next_cell();
        self.emitter
            .emit(EngineEvent::ReferenceStarted { cell: cell.clone() })
            .await?;
        let mut result = CellResult::begin(cell.clone(), self.plan.balancer_of(&cell));
        let ended = self.measure(&mut result, &token).await;
        self.live
            .send_replace(super::event::LiveSnapshot::default());
        add(&mut self.reference_times, &result.times);
        let now_s = self.started.elapsed().as_secs_f64();
        let why = match ended {
            Ok(()) => None,
            Err(error @ EngineError::Store { .. }) => return Err(error),
            Err(EngineError::Cancelled) if self.control.stop.is_cancelled() => {
                return Err(EngineError::Cancelled);
            }
            Err(EngineError::Cancelled) => Some("skipped".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let seen = sound_tps(&result).filter(|_| why.is_none());
        let Some(reference) = seen.and_then(|tps| self.references.again(tps, now_s)) else {
            self.references.lost(now_s);
            let why = why.unwrap_or_else(|| "its figure is not sound".to_owned());
            let text = format!(
                "The reference cell ({}) could not be measured again: {why}",
                result.cell
            );
            self.emitter.notice(NoticeLevel::Warning, text).await?;
            let cell = result.cell.index;
            return self
                .emitter
                .emit(EngineEvent::ReferenceLost { cell, why })
                .await;
        };
        let level = if reference.is_drift() {
            NoticeLevel::Warning
        } else {
            NoticeLevel::Info
        };
        let text = format!("{} ({})", reference.sentence(), result.cell);
        self.emitter.notice(level, text).await?;
        let reference = Box::new(reference);
        self.emitter
            .emit(EngineEvent::ReferenceMeasured { reference })
            .await
    }
}

fn add(sum: &mut CellTimes, times: &CellTimes) {
    sum.load_s += times.load_s;
    sum.warmup_s += times.warmup_s;
    sum.measure_s += times.measure_s;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;

    const RULE: ReferenceRule = ReferenceRule {
        every_s: 600.0,
        drift: 0.03,
    };

    /// Cell `index` on decode `decode`, with this figure, 60 s long; `load_s` 0.
    fn result(index: u32, decode: u32, tps: f64) -> CellResult {
        let mut result = testing::result(&testing::cell(index, Some(decode), 1 << index));
        result.times = CellTimes {
            measure_s: 60.0,
            ..CellTimes::default()
        };
        if let Some(figures) = &mut result.figures {
            figures.throughput_tps = tps;
        }
        result
    }

    /// Cells 0 to `n` - 1 on one set of servers, a minute each.
    fn after(n: u32) -> References {
        let mut references = References::new(Some(RULE));
        for i in 0..n {
            references.finished(&result(i, 8, 100.0), 1, 60.0 * f64::from(i + 1));
        }
        references
    }

    #[test]
    fn the_first_cell_comes_again_before_ten_minutes_are_over() {
        let next = testing::cell(12, Some(8), 4);
        let elsewhere = testing::cell(12, Some(16), 4);
        let cells = after(8);
        assert_eq!(cells.due(480.0, Some(&next)), None);
        // Other servers follow: nothing could be compared for two more cells.
        assert_eq!(cells.due(480.0, Some(&elsewhere)).unwrap().index, 0);
        assert_eq!(after(9).due(540.0, Some(&next)).unwrap().index, 0);
        // A run that ends before has none.
        assert_eq!(cells.due(480.0, None), None);
        assert_eq!(after(10).due(600.0, None).unwrap().index, 0);
        assert!(References::new(None).due(1e9, None).is_none());
        // Of one cell alone there is nothing between the two measurements.
        assert_eq!(after(1).due(1e9, None), None);
    }

    #[test]
    fn drift_flags_what_was_measured_since_the_reference_last_agreed() {
        let mut cells = after(4);
        let good = cells.again(102.9, 700.0).unwrap();
        assert!(!good.is_drift() && good.drifted.is_empty(), "{good:?}");
        assert!((good.change - 0.029).abs() < 1e-9);
        assert!((good.after_s - 640.0).abs() < 1e-9);
        assert_eq!(cells.due(1e9, None), None, "nothing is new since");
        cells.finished(&result(4, 8, 90.0), 1, 760.0);
        cells.finished(&result(5, 8, 90.0), 1, 820.0);
        let mut failed = testing::failed(&testing::cell(6, Some(8), 64));
        failed.figures = None;
        cells.finished(&failed, 1, 830.0);
        // Against the first measurement, not against the last.
        let slower = cells.again(96.9, 900.0).unwrap();
        assert!(slower.is_drift());
        assert_eq!(slower.drifted, [4, 5]);
        assert!(
            slower.sentence().contains("-3.1 %"),
            "{}",
            slower.sentence()
        );
        cells.finished(&result(7, 8, 90.0), 1, 960.0);
        assert_eq!(cells.again(103.1, 1500.0).unwrap().drifted, [7]);
    }

    #[test]
    fn other_processes_have_a_reference_of_their_own() {
        let mut cells = after(3);
        // The same point, but a server had to be started anew.
        cells.finished(&result(3, 8, 50.0), 2, 700.0);
        assert_eq!(cells.due(1e9, None), None);
        cells.finished(&result(4, 8, 50.0), 2, 760.0);
        assert_eq!(cells.due(1e9, None).unwrap().index, 3);
        // Another point. What is not sound is no reference.
        let mut invalid = result(5, 16, 70.0);
        invalid.status = CellStatus::Invalid;
        cells.finished(&invalid, 3, 820.0);
        cells.finished(&result(6, 16, 60.0), 3, 880.0);
        cells.finished(&result(7, 16, 60.0), 3, 940.0);
        assert_eq!(cells.due(1e9, None).unwrap().index, 6);
        cells.lost(950.0);
        assert_eq!(cells.due(1_400.0, None), None);
        assert!(
            !cells.again(60.5, 1_600.0).unwrap().is_drift(),
            "against 60"
        );
    }
}
