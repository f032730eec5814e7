//! One run from its first server to its last row.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::Run;
use super::balance::nginx::Nginx;
use super::ceiling::Ceiling;
use super::control::Control;
use super::emitter::Emitter;
use super::error::EngineError;
use super::event::{
    CellResult, CellStatus, CellTimes, EngineEvent, LiveSnapshot, NoticeLevel, RunEnd, RunTimes,
};
use super::lengths::Lengths;
use super::load::prompts::PromptSource;
use super::load::target::Target;
use super::machine::{MachineSource, Seen};
use super::reference::References;
use super::server::pool::{Environment, Pool};
use super::server::process::all_gone;
use super::source::CellSource;
use super::thermal::Gate;
use crate::measure::best::rank_measured;
use crate::models::exact_output::Overlay;
use crate::monitor::sample::{MachineSample, PowerReading};
use crate::plan::estimate::{self, Spent};
use crate::plan::{Balancer, Cell, Plan, ServerPoint};
use crate::prompts::{PromptSet, file};
use crate::settings::{BaseUrl, Secret};

/// What a run needs from outside.
pub(super) struct Outside {
    pub environment: Environment,
    pub nginx_binary: Option<PathBuf>,
    pub attach_key: Option<Secret>,
    pub machine: MachineSource,
}

pub(super) struct Runner {
    pub(super) plan: Plan,
    pub(super) pool: Pool,
    pub(super) nginx: Option<Nginx>,
    /// Every nginx process, those too that were dropped because their start was given up.
    nginx_processes: TaskTracker,
    pub(super) emitter: Emitter,
    pub(super) live: watch::Sender<LiveSnapshot>,
    pub(super) environment: Environment,
    attach_key: Option<Secret>,
    /// One a run, so that no two requests of it share a prompt.
    pub(super) prompts: Arc<PromptSource>,
    pub(super) lengths: Lengths,
    /// Prompts of a file, read when the run starts.
    pub(super) prompt_set: Option<Arc<PromptSet>>,
    pub(super) told_of_repeated_prompts: bool,
    /// What the servers load where no answer may end by itself.
    overlay: Option<Overlay>,
    /// Where the running servers are reached (the balancer first; no address of attached ones), and
    /// what was learned of them.
    pub(super) known_target: Option<(Vec<SocketAddr>, Target)>,
    nginx_binary: Option<PathBuf>,
    pub(super) cells: Box<dyn CellSource>,
    pub(super) references: References,
    /// What measuring references took; not of any cell.
    pub(super) reference_times: CellTimes,
    already_done: u32,
    pub(super) control: Control,
    /// Samples of the running cell.
    pub(super) samples: Arc<Mutex<Vec<MachineSample>>>,
    /// Power since the running cell began.
    pub(super) power: watch::Sender<Vec<PowerReading>>,
    /// Power from before the run's first load.
    pub(super) idle: Vec<PowerReading>,
    pub(super) pids: watch::Receiver<Vec<(u32, u32)>>,
    /// Taken when the run starts.
    pub(super) machine: MachineSource,
    /// Whether power readings may come: samples from elsewhere have none.
    pub(super) has_meter: bool,
    pub(super) seen: watch::Sender<Seen>,
    pub(super) gate: Gate,
    pub(super) ceiling: Ceiling,
    /// Points whose servers did not start, with the reason: they are not tried for every cell.
    failed_points: HashMap<(ServerPoint, u32), String>,
    results: Vec<CellResult>,
    pub(super) started: Instant,
}

impl Runner {
    pub fn new(
        run: Run,
        outside: Outside,
        emitter: Emitter,
        control: Control,
        live: watch::Sender<LiveSnapshot>,
    ) -> Self {
        let (tell_pids, pids) = watch::channel(Vec::new());
        let prompts = match &run.plan.servers.attached {
            Some(attached) => PromptSource::of_model(&attached.model),
            None => PromptSource::new(),
        };
        let references = References::new(run.plan.reference);
        Self {
            plan: run.plan,
            pool: Pool::new(outside.environment.clone(), tell_pids),
            nginx: None,
            nginx_processes: TaskTracker::new(),
            emitter,
            live,
            environment: outside.environment,
            attach_key: outside.attach_key,
            prompts,
            lengths: Lengths::default(),
            prompt_set: None,
            told_of_repeated_prompts: false,
            overlay: None,
            known_target: None,
            nginx_binary: outside.nginx_binary,
            cells: run.cells,
            references,
            reference_times: CellTimes::default(),
            already_done: run.already_done,
            control,
            samples: Arc::default(),
            power: watch::Sender::default(),
            idle: Vec::new(),
            pids,
            has_meter: matches!(outside.machine, MachineSource::Sensors),
            machine: outside.machine,
            seen: watch::Sender::default(),
            gate: Gate::default(),
            ceiling: Ceiling::default(),
            failed_points: HashMap::new(),
            results: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Runs every cell, then ends every process. Always emits `RunFinished` last.
    pub async fn run(mut self) {
        let machine = self.watch_machine();
        let end = match self.cells().await {
            Ok(end) => end,
            Err(EngineError::Cancelled) => RunEnd::Stopped,
            Err(error) => RunEnd::Failed(error.to_string()),
        };
        let _ = self.pool.discard(&self.emitter).await;
        if let Some(nginx) = self.nginx.take() {
            nginx.stop().await;
        }
        all_gone(&self.nginx_processes).await;
        // No server reads it any more.
        self.overlay = None;
        machine.abort();
        // Nothing may be told after the end.
        let _ = machine.await;
        let finished = EngineEvent::RunFinished {
            end,
            best: best(&self.results).cloned().map(Box::new),
            times: self.times(),
        };
        if let Err(error) = self.emitter.emit(finished).await {
            tracing::error!("{error}");
        }
    }

    async fn cells(&mut self) -> Result<RunEnd, EngineError> {
        self.emitter
            .emit(EngineEvent::RunStarted {
                plan: Box::new(self.plan.clone()),
                already_done: self.already_done,
                started_at: Timestamp::now(),
            })
            .await?;
        for text in self.plan.notices.clone() {
            self.emitter.notice(NoticeLevel::Warning, text).await?;
        }
        let sentences = [
            self.plan.order_sentence(),
            self.plan.search_sentence(),
            self.plan.finalists_sentence(),
        ];
        for text in sentences.into_iter().flatten() {
            self.emitter.notice(NoticeLevel::Info, text).await?;
        }
        if let Err(why) = self.read_prompts().await {
            return Ok(RunEnd::Failed(why));
        }
        if let Err(why) = self.lay_over() {
            return Ok(RunEnd::Failed(why));
        }
        let (lengths, text) = Lengths::of_plan(&self.plan, &self.prompts).await;
        self.lengths = lengths;
        if let Some(text) = text {
            self.emitter.notice(NoticeLevel::Info, text).await?;
        }
        self.read_idle_power().await;
        loop {
            self.control.go().await;
            if self.control.stop.is_cancelled() {
                return Ok(RunEnd::Stopped);
            }
            self.check_reference().await?;
            let next = self.cells.next(&self.results);
            if let Some(news) = self.cells.news() {
                if let Some(text) = news.sentence() {
                    self.emitter.notice(NoticeLevel::Info, text).await?;
                }
                self.emitter.emit(EngineEvent::Search(news)).await?;
            }
            let Some(cell) = next else {
                return Ok(RunEnd::Completed);
            };
            self.extend_plan(&cell).await?;
            if !self.results.is_empty() {
                let pause = Duration::from_secs_f64(self.plan.cell_pause_s);
                tokio::select! {
                    () = self.control.stop.cancelled() => return Ok(RunEnd::Stopped),
                    // The user asked for this pause (MLX_CELL_PAUSE_S).
                    () = tokio::time::sleep(pause) => {}
                }
            }
            if let Some(why) = self.one(cell).await? {
                return Ok(RunEnd::Failed(why));
            }
        }
    }

    /// Reads the prompt file, if there is one; why it cannot be used.
    async fn read_prompts(&mut self) -> Result<(), String> {
        let Some(file) = self.plan.workload.prompt_file.clone() else {
            return Ok(());
        };
        let read = tokio::task::spawn_blocking(move || file::read_again(&file)).await;
        let read = read.map_err(|error| error.to_string())?;
        let read = read.map_err(|error| error.to_string())?;
        self.prompt_set = Some(PromptSet::new(read, self.plan.order.seed()));
        Ok(())
    }

    /// From here on the plan's model is the overlay, as command lines and their proof have it; what
    /// was told of the plan, and is stored, names the model itself.
    fn lay_over(&mut self) -> Result<(), String> {
        if self.plan.workload.exact_output {
            let overlay = Overlay::of(Path::new(&self.plan.model.path));
            let overlay = overlay.map_err(|error| error.to_string())?;
            self.plan.model.path = overlay.path().to_string_lossy().into_owned();
            self.overlay = Some(overlay);
        }
        Ok(())
    }

    fn done(&self) -> u32 {
        self.already_done + self.results.len() as u32
    }

    /// Runs one cell and tells of it; gives the reason why the run cannot go on, if so.
    async fn one(&mut self, cell: Cell) -> Result<Option<String>, EngineError> {
        // This one is no longer among the known ones, but a search counts it still.
        let counted = u32::from(self.cells.outlook(&self.results).is_none());
        let total = self.done() + counted + self.still_to_come();
        // Before anyone hears of the cell: who is told of it may skip it at once.
        let token = self.control.next_cell();
        self.emitter
            .emit(EngineEvent::CellStarted {
                cell: cell.clone(),
                done: self.done(),
                total,
            })
            .await?;
        let begun = Instant::now();
        let mut result = CellResult::begin(cell.clone(), self.plan.balancer_of(&cell));
        let ended = self.measure_cool(&mut result, &token).await;
        let mut fatal = None;
        match ended {
            Ok(()) => {}
            Err(error @ EngineError::Store { .. }) => return Err(error),
            // A cell cut short by the end of the run is not a finished cell: resume repeats it.
            Err(EngineError::Cancelled) if self.control.stop.is_cancelled() => {
                return Err(EngineError::Cancelled);
            }
            Err(EngineError::Cancelled) => {
                result.status = CellStatus::Skipped;
                result.error = Some("skipped".to_owned());
            }
            Err(error) => {
                if error.concerns_every_cell() && !self.results.iter().any(measured) {
                    fatal = Some(error.to_string());
                }
                result.status = CellStatus::Failed;
                result.error = Some(error.to_string());
            }
        }
        result.ended_at = Timestamp::now();
        let times = &result.times;
        let known_s = times.load_s + times.warmup_s + times.measure_s + times.cool_down_s;
        result.times.rest_s = (begun.elapsed().as_secs_f64() - known_s).max(0.0);
        let failed = result.status == CellStatus::Failed;
        let why = result.error.clone();
        let now_s = self.started.elapsed().as_secs_f64();
        self.references.finished(&result, self.pool.starts(), now_s);
        self.results.push(result.clone());
        let left_s = match self.cells.outlook(&self.results) {
            Some(outlook) => outlook.left_s,
            None => self.time_left_s(&self.cells.known()),
        };
        self.emitter
            .emit(EngineEvent::CellFinished {
                result: Box::new(result),
                done: self.done(),
                total: self.done() + self.still_to_come(),
                elapsed_s: self.started.elapsed().as_secs_f64(),
                left_s,
            })
            .await?;
        if failed && !self.plan.continue_on_error {
            fatal = why;
        }
        Ok(fatal)
    }

    /// Cells after those that have ended, as far as they are known; of a search, at most.
    fn still_to_come(&self) -> u32 {
        match self.cells.outlook(&self.results) {
            Some(outlook) => outlook.cells,
            None => self.cells.known().len() as u32,
        }
    }

    /// From what the cells of this start took; an earlier start may have met another machine.
    fn time_left_s(&self, left: &[Cell]) -> Option<f64> {
        let spent: Vec<Spent> = self
            .results
            .iter()
            .map(|result| Spent {
                cell: result.cell.index,
                load_s: result.times.load_s,
                cell_s: result.times.warmup_s
                    + result.times.measure_s
                    + result.times.cool_down_s
                    + result.times.rest_s,
            })
            .collect();
        let measured = self.results.iter().map(|result| result.cell.clone());
        let plan = Plan {
            cells: measured.chain(left.iter().cloned()).collect(),
            ..self.plan.clone()
        };
        estimate::time_left(&plan, &spent)
    }

    /// A search may come upon cells that the plan did not have.
    async fn extend_plan(&mut self, next: &Cell) -> Result<(), EngineError> {
        let known = self.plan.cells.len() as u32;
        let mut cells: Vec<Cell> = std::iter::once(next.clone())
            .chain(self.cells.known())
            .filter(|cell| cell.index >= known)
            .collect();
        if cells.is_empty() {
            return Ok(());
        }
        cells.sort_by_key(|cell| cell.index);
        self.plan.cells.extend(cells.iter().cloned());
        self.emitter.emit(EngineEvent::PlanExtended { cells }).await
    }

    /// An attached server runs on another machine, as far as its URL tells.
    pub(super) fn is_elsewhere(&self) -> bool {
        let attached = self.plan.servers.attached.as_ref();
        attached.is_some_and(|attached| !attached.urls.iter().all(BaseUrl::is_loopback))
    }

    /// Starts what the cell needs, or finds what is attached. A point whose servers failed once is not tried again.
    pub(super) async fn provide(&mut self, cell: &Cell) -> Result<(), EngineError> {
        if let Some(attached) = &self.plan.servers.attached {
            if self.known_target.is_none() {
                let target = Target::attached(&attached.urls, self.attach_key.as_ref()).await;
                let target = target.map_err(|error| EngineError::AttachedUnreachable {
                    why: error.to_string(),
                })?;
                self.known_target = Some((Vec::new(), target));
            }
            return Ok(());
        }
        let key = (cell.point.clone(), cell.repeat);
        if let Some(why) = self.failed_points.get(&key) {
            return Err(EngineError::PointFailed { why: why.clone() });
        }
        if let Err(error) = self.pool.provide(&self.plan, cell, &self.emitter).await {
            if !matches!(error, EngineError::Store { .. } | EngineError::Cancelled) {
                self.failed_points.insert(key, error.to_string());
            }
            return Err(error);
        }
        if self.plan.balancer_of(cell) == Balancer::Nginx {
            self.provide_nginx().await?;
        }
        Ok(())
    }

    async fn provide_nginx(&mut self) -> Result<(), EngineError> {
        let upstreams = self.pool.addresses();
        if self
            .nginx
            .as_ref()
            .is_some_and(|nginx| nginx.serves(&upstreams))
        {
            return Ok(());
        }
        if let Some(old) = self.nginx.take() {
            old.stop().await;
        }
        all_gone(&self.nginx_processes).await;
        let binary = self.nginx_binary.as_deref().ok_or(EngineError::Nginx {
            why: "no nginx was found".to_owned(),
        })?;
        let nginx = Nginx::start(
            binary,
            &self.plan,
            upstreams,
            &self.environment,
            &self.nginx_processes,
        )
        .await?;
        let (asked, port) = (self.plan.servers.nginx_port, nginx.address.port());
        if asked != port {
            let text = format!("port {asked} (MLX_NGINX_PORT) is taken; nginx listens on {port}");
            self.emitter.notice(NoticeLevel::Info, text).await?;
        }
        self.emitter
            .emit(EngineEvent::BalancerStarted {
                balancer: Balancer::Nginx,
                port: Some(port),
                command: nginx.command.clone(),
            })
            .await?;
        self.nginx = Some(nginx);
        Ok(())
    }

    fn times(&self) -> RunTimes {
        let mut times = RunTimes {
            total_s: self.started.elapsed().as_secs_f64(),
            server_starts: self.pool.starts(),
            ..RunTimes::default()
        };
        for result in &self.results {
            times.load_s += result.times.load_s;
            times.warmup_s += result.times.warmup_s;
            times.measure_s += result.times.measure_s;
            times.cool_down_s += result.times.cool_down_s;
        }
        times.load_s += self.reference_times.load_s;
        times.warmup_s += self.reference_times.warmup_s;
        times.measure_s += self.reference_times.measure_s;
        let known_s = times.load_s + times.warmup_s + times.measure_s + times.cool_down_s;
        times.rest_s = times.total_s - known_s;
        times
    }
}

fn measured(result: &CellResult) -> bool {
    result.figures.is_some()
}

/// The fastest valid repeat of the combination with the most tokens per second over its repeats.
pub fn best(results: &[CellResult]) -> Option<&CellResult> {
    let (valid, measured): (Vec<&CellResult>, Vec<_>) = results
        .iter()
        .filter_map(|result| Some((result, result.measurement()?)))
        .unzip();
    let ranking = rank_measured(&measured)?;
    valid.get(*ranking.best.first()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;

    #[test]
    fn the_best_is_of_the_highest_mean_and_not_the_fastest_of_all() {
        let repeats = [(8, 120.0), (4, 99.0), (8, 70.0), (4, 101.0)];
        let mut results: Vec<CellResult> = (0..)
            .zip(repeats)
            .map(|(index, (concurrency, tps))| {
                let mut result = testing::result(&testing::cell(index, Some(8), concurrency));
                result.cell.repeat = 1 + index / 2;
                if let Some(figures) = &mut result.figures {
                    figures.throughput_tps = tps;
                }
                result
            })
            .collect();
        let cell = |results: &[CellResult]| best(results).map(|result| result.cell.index);
        assert_eq!(cell(&results), Some(3));
        // An invalid repeat is none.
        results[2].status = CellStatus::Invalid;
        assert_eq!(cell(&results), Some(0));
        assert_eq!(cell(&[]), None);
    }
}
