//! What a window reads of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Metric, Notice, Progress, RunLog, RunState, Series, ServerState, Span};
use crate::board::Board;
use crate::engine::event::{CellResult, LiveSnapshot, RunEnd, RunTimes};
use crate::plan::Plan;

pub(super) fn conclusion(board: &Board) -> Option<String> {
    board.saturation_text().or_else(|| board.taxes_text())
}

impl RunState {
    /// What a sweep of rates, or control cells, tell so far, without a full stop.
    pub fn conclusion(&self) -> Option<&str> {
        self.conclusion.as_deref()
    }

    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// Wall clock at the start of this start of the run.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at
    }

    /// Raised when a cell's state or figures changed: what is prepared from cells is then stale.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All cells.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Everything known of a finished cell of this start, by position in the plan. The requests of
    /// the oldest cells may be left out.
    pub fn result(&self, cell: usize) -> Option<&Arc<CellResult>> {
        self.results.get(&cell)
    }

    /// Position of the running cell in the plan, and of its entry in the board.
    pub fn running(&self) -> Option<usize> {
        self.running
    }

    /// Position of the finished cell that is measured again now, if one is.
    pub fn reference(&self) -> Option<usize> {
        self.reference
    }

    /// The running (or reference) cell's latest state; empty between cells and while servers start.
    pub fn live_snapshot(&self) -> &LiveSnapshot {
        &self.live
    }

    pub fn progress(&self) -> Progress {
        let left_s = self.left.map(|(left_s, said_s)| {
            let since_s = self.clock_s.unwrap_or(said_s) - said_s;
            (left_s - since_s).max(0.0)
        });
        Progress {
            done: self.done,
            total: self.total,
            elapsed_s: self.clock_s,
            left_s: left_s.filter(|_| self.ended.is_none()),
        }
    }

    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Servers that run or start, by instance.
    pub fn servers(&self) -> &BTreeMap<u32, ServerState> {
        &self.servers
    }

    pub fn balancer_command(&self) -> Option<&[String]> {
        self.balancer_command.as_deref()
    }

    pub fn log(&self) -> &RunLog {
        &self.log
    }

    /// Readings over time; those that never came are not among them.
    pub fn series(&self) -> &BTreeMap<Metric, Series> {
        &self.series
    }

    /// When each cell ran, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// `None` while the run goes on.
    pub fn end(&self) -> Option<&RunEnd> {
        self.ended.as_ref().map(|(end, _)| end)
    }

    pub fn times(&self) -> Option<RunTimes> {
        self.ended.as_ref().map(|(_, times)| *times)
    }

    /// What the run is at, in words: "starting 2 servers", "measuring concurrency 8".
    pub fn phase(&self) -> String {
        match self.end() {
            Some(RunEnd::Completed) => return "complete".to_owned(),
            Some(RunEnd::Stopped) => return "stopped".to_owned(),
            Some(RunEnd::Failed(_)) => return "failed".to_owned(),
            None => {}
        }
        if let Some(phase) = self.cooling_phase() {
            return phase;
        }
        let starting = self.servers.values().filter(|s| s.pid.is_none()).count();
        let again = self.reference.is_some();
        match (starting, self.running) {
            (1, _) => "starting a server".to_owned(),
            (n, _) if n > 1 => format!("starting {n} servers"),
            _ if again => {
                "measuring the reference cell again: is the machine still the same?".to_owned()
            }
            (_, Some(_)) if self.live.cell.is_none() => self.with_purpose("warming up".to_owned()),
            (_, Some(position)) => {
                self.with_purpose(format!("measuring {}", self.cell_label(position)))
            }
            (_, None) if self.plan.is_none() => "preparing".to_owned(),
            (_, None) => "between cells".to_owned(),
        }
    }

    /// "improving: measuring concurrency 8" in a search.
    fn with_purpose(&self, phase: String) -> String {
        match self.purpose() {
            Some(purpose) => format!("{purpose}: {phase}"),
            None => phase,
        }
    }

    /// What sets a cell apart from the others.
    fn cell_label(&self, position: usize) -> String {
        let label = self.board.label(position);
        let plain = || {
            let plan = self.plan.as_ref();
            plan.and_then(|plan| plan.cells.get(position).map(ToString::to_string))
        };
        Some(label)
            .filter(|label| !label.is_empty())
            .or_else(plain)
            .unwrap_or_default()
    }
}
