//! The window's state of a live run: a fold over the engine's events. Nothing here looks at a
//! clock, a file or the engine, so that a run can be replayed from its events.

mod cooling;
mod drift;
mod log;
mod read;
mod search;
mod series;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub use log::{LogLine, LogSource, RunLog};
pub use series::{Metric, Series, take as take_sample};

use self::read::conclusion;
use crate::board::{Board, CellState};
use crate::engine::event::{
    CellResult, CellStatus, EngineEvent, LiveSnapshot, NoticeLevel, RunEnd, RunTimes,
};
use crate::plan::{Cell, Plan};
use crate::store::row::CellRow;

/// Requests that are kept for the detail of cells; those of the oldest cells go first. All of them
/// stay in the run's files where that was asked for.
const MAX_REQUESTS: usize = 50_000;
/// Notices that are kept; a run that has more repeats itself.
const MAX_NOTICES: usize = 500;

/// When a cell ran, in seconds on the run's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Position in the plan's cells.
    pub cell: usize,
    pub start_s: f64,
    /// `None` while it runs.
    pub end_s: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub level: NoticeLevel,
    pub text: String,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    pub done: u32,
    pub total: u32,
    /// On the run's clock; `None` until something was heard of it.
    pub elapsed_s: Option<f64>,
    /// From measured cell and load times; `None` before the first.
    pub left_s: Option<f64>,
}

impl Progress {
    /// From 0 to 1.
    pub fn share(&self) -> f32 {
        self.done as f32 / self.total.max(1) as f32
    }
}

/// One server of the run, as last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    pub port: u16,
    pub command: Vec<String>,
    pub log: PathBuf,
    /// `None` until it answers.
    pub pid: Option<u32>,
}

/// Everything that a window shows of a run.
#[derive(Debug, Default)]
pub struct RunState {
    plan: Option<Arc<Plan>>,
    started_at: Option<Timestamp>,
    /// All cells with their states and rows.
    board: Board,
    /// What the rates that were measured tell, in a sentence.
    conclusion: Option<String>,
    /// By position in the plan.
    results: HashMap<usize, Arc<CellResult>>,
    /// Positions by [`Cell::index`].
    positions: HashMap<u32, usize>,
    /// Cells whose requests are still held, oldest first, and how many requests that is.
    with_requests: std::collections::VecDeque<usize>,
    held_requests: usize,
    running: Option<usize>,
    cooling: Option<cooling::Cooling>,
    /// A finished cell that is measured again.
    reference: Option<usize>,
    live: LiveSnapshot,
    /// When the running cell's snapshots count from, on the run's clock; at least as early.
    live_anchor_s: Option<f64>,
    /// The latest moment on the run's clock that was heard of.
    clock_s: Option<f64>,
    done: u32,
    total: u32,
    /// Time left, and when on the run's clock that was said.
    left: Option<(f64, f64)>,
    notices: Vec<Notice>,
    servers: BTreeMap<u32, ServerState>,
    balancer_command: Option<Vec<String>>,
    log: RunLog,
    series: BTreeMap<Metric, Series>,
    spans: Vec<Span>,
    search: search::Searching,
    ended: Option<(RunEnd, RunTimes)>,
    /// Raised when a cell's state or figures changed.
    revision: u64,
}

/// That there may be in all: of a search, so many as it may measure.
fn most_cells(plan: &Plan) -> u32 {
    plan.tune
        .map_or(plan.cells.len() as u32, |rule| rule.most_cells)
}

impl RunState {
    pub fn new() -> Self {
        Self::default()
    }

    /// Before a resumed run starts: the rows that an earlier start has finished.
    #[must_use]
    pub fn resuming(plan: &Plan, rows: impl IntoIterator<Item = CellRow>) -> Self {
        let mut state = Self::default();
        state.take_plan(plan.clone());
        let mut done = HashMap::new();
        for row in rows {
            if let Some(&position) = state.positions.get(&row.cell) {
                state.search.went_to(position);
                done.insert(position, Arc::new(row));
            }
        }
        state.board = Board::of_plan(&plan.cells, |position| match done.remove(&position) {
            Some(row) => (CellState::of_row(&row), Some(row)),
            None => (CellState::open(plan), None),
        });
        state.conclusion = conclusion(&state.board);
        state
    }

    /// Takes an event that has just come.
    pub fn apply(&mut self, event: &EngineEvent) {
        self.apply_at(event, Timestamp::now());
    }

    /// Takes an event that came at `now`, the wall clock of its line in the log.
    pub fn apply_at(&mut self, event: &EngineEvent, now: Timestamp) {
        match event {
            EngineEvent::RunStarted {
                plan,
                already_done,
                started_at,
            } => {
                self.take_plan((**plan).clone());
                self.started_at = Some(*started_at);
                self.done = *already_done;
                self.total = most_cells(plan);
                self.app_line(now, NoticeLevel::Info, "The run has started");
            }
            EngineEvent::Notice { level, text } => {
                if self.notices.len() < MAX_NOTICES {
                    self.notices.push(Notice {
                        level: *level,
                        text: text.clone(),
                    });
                }
                self.app_line(now, *level, text);
            }
            EngineEvent::PlanExtended { cells } => self.extend(cells),
            EngineEvent::CoolingDown { .. } | EngineEvent::CooledDown { .. } => {
                self.take_cooling(event);
            }
            EngineEvent::ReferenceStarted { cell } => self.start_reference(cell),
            EngineEvent::ReferenceLost { .. } => self.end_reference(),
            EngineEvent::ReferenceMeasured { reference } => self.take_reference(reference),
            EngineEvent::ServerStarting { .. }
            | EngineEvent::ServerReady { .. }
            | EngineEvent::ServerStopped { .. }
            | EngineEvent::BalancerStarted { .. } => self.apply_server(event, now),
            EngineEvent::CellStarted { cell, done, total } => {
                (self.done, self.total) = (*done, *total);
                self.start_cell(cell);
            }
            EngineEvent::CellFinished {
                result,
                done,
                total,
                elapsed_s,
                left_s,
            } => {
                (self.done, self.total) = (*done, *total);
                self.heard(*elapsed_s);
                self.left = left_s.map(|left_s| (left_s, *elapsed_s));
                self.finish_cell(result, *elapsed_s, now);
            }
            EngineEvent::Machine(sample) => {
                self.heard(sample.at_s);
                series::take(&mut self.series, sample);
            }
            EngineEvent::Search(news) => self.search.take(news),
            EngineEvent::RunFinished { end, times, .. } => self.finish(end, *times, now),
        }
    }

    fn take_plan(&mut self, plan: Plan) {
        // A resumed run's cells are known already; their rows stay.
        let before = std::mem::take(&mut self.board);
        self.board = Board::of_plan(&plan.cells, |position| {
            let known = before.entry(position);
            known.map_or((CellState::open(&plan), None), |entry| {
                (entry.state(), entry.shared_row())
            })
        });
        let positions = plan.cells.iter().enumerate();
        self.positions = positions.map(|(p, cell)| (cell.index, p)).collect();
        self.plan = Some(Arc::new(plan));
        self.revision += 1;
    }

    fn extend(&mut self, cells: &[Cell]) {
        let Some(plan) = &self.plan else {
            return;
        };
        let mut plan = (**plan).clone();
        let new = cells
            .iter()
            .filter(|cell| !self.positions.contains_key(&cell.index));
        plan.cells.extend(new.cloned());
        self.total = self.total.max(most_cells(&plan));
        self.take_plan(plan);
    }

    fn apply_server(&mut self, event: &EngineEvent, now: Timestamp) {
        match event {
            EngineEvent::ServerStarting {
                instance,
                port,
                command,
                log,
            } => {
                let server = ServerState {
                    port: *port,
                    command: command.clone(),
                    log: log.clone(),
                    pid: None,
                };
                self.servers.insert(*instance, server);
                let text = format!("Server {instance} starts on port {port}");
                self.app_line(now, NoticeLevel::Info, &text);
            }
            EngineEvent::ServerReady {
                instance,
                pid,
                load_s,
            } => {
                if let Some(server) = self.servers.get_mut(instance) {
                    server.pid = Some(*pid);
                }
                let text = format!("Server {instance} answers after {load_s:.1} s");
                self.app_line(now, NoticeLevel::Info, &text);
            }
            EngineEvent::ServerStopped { instance, detail } => {
                self.servers.remove(instance);
                let text = format!("Server {instance} has ended: {detail}");
                self.app_line(now, NoticeLevel::Info, &text);
            }
            EngineEvent::BalancerStarted {
                balancer,
                port,
                command,
            } => {
                self.balancer_command = Some(command.clone());
                let place = port.map_or_else(String::new, |port| format!(" on port {port}"));
                let text = format!("Requests go through {balancer}{place}");
                self.app_line(now, NoticeLevel::Info, &text);
            }
            _ => {}
        }
    }

    fn start_cell(&mut self, cell: &Cell) {
        if !self.positions.contains_key(&cell.index) {
            self.extend(std::slice::from_ref(cell));
        }
        let Some(&position) = self.positions.get(&cell.index) else {
            return;
        };
        self.board.set(position, CellState::Running, None);
        self.running = Some(position);
        self.search.went_to(position);
        // Corrected at its end, when the engine says how long it took.
        self.begin_span(position);
        self.revision += 1;
    }

    /// What is live from now on is of this cell.
    fn begin_span(&mut self, position: usize) {
        self.live = LiveSnapshot::default();
        self.live_anchor_s = None;
        self.spans.push(Span {
            cell: position,
            start_s: self.clock_s.unwrap_or(0.0),
            end_s: None,
        });
    }

    fn finish_cell(&mut self, result: &CellResult, elapsed_s: f64, now: Timestamp) {
        let (Some(&position), Some(plan)) =
            (self.positions.get(&result.cell.index), self.plan.clone())
        else {
            return;
        };
        let row = Arc::new(CellRow::new(result, &plan));
        let state = CellState::of_row(&row);
        self.tell_of(result, state, now);
        self.board.set(position, state, Some(row));
        self.conclusion = conclusion(&self.board);
        self.hold(position, result);
        let times = &result.times;
        let took_s =
            times.load_s + times.warmup_s + times.measure_s + times.cool_down_s + times.rest_s;
        let span = Span {
            cell: position,
            start_s: (elapsed_s - took_s).max(0.0),
            end_s: Some(elapsed_s),
        };
        match self.spans.last_mut() {
            Some(last) if last.cell == position && last.end_s.is_none() => *last = span,
            _ => self.spans.push(span),
        }
        if self.running == Some(position) {
            self.running = None;
            self.cooling = None;
            self.live = LiveSnapshot::default();
        }
        self.revision += 1;
    }

    /// Keeps the whole result, within the bound on requests.
    fn hold(&mut self, position: usize, result: &CellResult) {
        if !result.requests.is_empty() {
            self.held_requests += result.requests.len();
            self.with_requests.push_back(position);
        }
        self.results.insert(position, Arc::new(result.clone()));
        while self.held_requests > MAX_REQUESTS && self.with_requests.len() > 1 {
            let Some(oldest) = self.with_requests.pop_front() else {
                return;
            };
            if let Some(held) = self.results.get_mut(&oldest) {
                let held = Arc::make_mut(held);
                self.held_requests -= held.requests.len();
                held.requests = Vec::new();
            }
        }
    }

    fn tell_of(&mut self, result: &CellResult, state: CellState, now: Timestamp) {
        let figure = match result.throughput_tps() {
            Some(tps) => format!("{tps:.1} tokens/s"),
            None => state.text(),
        };
        let (level, why) = match (state, &result.error) {
            (CellState::Failed(_), Some(error)) => (NoticeLevel::Problem, format!(": {error}")),
            (CellState::Invalid(reason), _) => (
                NoticeLevel::Warning,
                format!(", invalid: {}", reason.text()),
            ),
            _ => (NoticeLevel::Info, String::new()),
        };
        self.app_line(now, level, &format!("{}: {figure}{why}", result.cell));
        for flag in &result.flags {
            let level = if flag.kind.invalidates() {
                NoticeLevel::Problem
            } else {
                NoticeLevel::Warning
            };
            self.app_line(now, level, &format!("{}: {}", flag.kind, flag.detail));
        }
        if result.status == CellStatus::Failed
            && let Some(tail) = &result.log_tail
        {
            // The engine does not say whose log it is; with one server there is no doubt.
            let source = match result.servers.as_slice() {
                [server] => LogSource::Server(server.instance),
                _ => LogSource::Server(0),
            };
            // Where its log is followed, they are there already.
            let followed = self.log.sources().contains(&source);
            for line in tail.lines().filter(|_| !followed) {
                self.log.push(&LogLine {
                    time: now,
                    source,
                    level: NoticeLevel::Info,
                    text: line.to_owned(),
                });
            }
        }
    }

    fn finish(&mut self, end: &RunEnd, times: RunTimes, now: Timestamp) {
        self.heard(times.total_s);
        if let Some(position) = self.running.take() {
            // Cut short by the end of the run: a resume repeats it.
            let open = self
                .plan
                .as_deref()
                .map_or(CellState::Waiting, CellState::open);
            self.board.set(position, open, None);
            self.search.turned_back(position);
        }
        self.reference = None;
        if let Some(last) = self.spans.last_mut() {
            last.end_s.get_or_insert(times.total_s);
        }
        self.servers.clear();
        self.live = LiveSnapshot::default();
        let (level, text) = match end {
            RunEnd::Completed => (NoticeLevel::Info, "The run is complete".to_owned()),
            RunEnd::Stopped => (NoticeLevel::Info, "The run was stopped".to_owned()),
            RunEnd::Failed(why) => (NoticeLevel::Problem, format!("The run failed: {why}")),
        };
        self.app_line(now, level, &text);
        self.ended = Some((end.clone(), times));
        self.revision += 1;
    }

    /// Nothing more will come of it, though it has not said that it has ended: its engine is gone.
    /// After an end it does nothing.
    pub fn break_off(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let times = RunTimes {
            total_s: self.clock_s.unwrap_or_default(),
            ..RunTimes::default()
        };
        let why = "The engine ended without saying why, which is a fault of this app. Finished cells \
                   are on disk: resume the run on the Results page.";
        self.finish(&RunEnd::Failed(why.to_owned()), times, Timestamp::now());
    }

    fn heard(&mut self, at_s: f64) {
        self.clock_s = Some(self.clock_s.map_or(at_s, |known| known.max(at_s)));
    }

    fn app_line(&mut self, time: Timestamp, level: NoticeLevel, text: &str) {
        self.log.push(&LogLine {
            time,
            source: LogSource::App,
            level,
            text: text.to_owned(),
        });
    }

    /// Takes a line that was read from a server's or nginx's log.
    pub fn log_line(&mut self, source: LogSource, text: &str) {
        self.log.push(&LogLine {
            time: Timestamp::now(),
            source,
            level: NoticeLevel::Info,
            text: text.to_owned(),
        });
    }

    /// Takes the newest state of the running cell.
    pub fn live(&mut self, live: &LiveSnapshot) {
        let cell = live.cell.as_ref();
        let position = cell.and_then(|cell| self.positions.get(&cell.index).copied());
        // A snapshot may be older than the event that ended its cell.
        if self.ended.is_some() || position.is_none() || position != self.running.or(self.reference)
        {
            return;
        }
        if self.live.cell.is_some() && live.elapsed_s <= self.live.elapsed_s {
            return;
        }
        // A snapshot counts from the start of the load. That moment on the run's clock is not
        // told, but no snapshot is older than what was heard before it.
        let heard_s = self.clock_s.unwrap_or(0.0);
        let anchor_s = match self.live_anchor_s {
            Some(anchor_s) => anchor_s.max(heard_s - live.elapsed_s),
            None => heard_s - live.elapsed_s,
        };
        self.live_anchor_s = Some(anchor_s);
        let at_s = anchor_s + live.elapsed_s;
        self.heard(at_s);
        series::take_live(&mut self.series, at_s, live);
        self.live = live.clone();
    }
}
