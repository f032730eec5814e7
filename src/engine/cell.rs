//! Measuring one cell: servers, proof, warm-up, load, liveness, figures.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::error::EngineError;
use super::event::{CellResult, CellStatus, NoticeLevel};
use super::lengths::{Asking, OfLength};
use super::load::limits;
use super::load::live::Live;
use super::load::open::OpenRate;
use super::load::probe::{self, Retry, WarmUp};
use super::load::prompts::PromptText;
use super::load::schedule::{self, Amount, LoadSpec};
use super::load::target::Target;
use super::run::Runner;
use super::server::log;
use super::watchdog::{self, Patience};
use crate::measure;
use crate::measure::client::CellClient;
use crate::measure::figures::FlagKind;
use crate::measure::outcome::LoadOutcome;
use crate::measure::steady;
use crate::measure::summary::Asked;
use crate::measure::ttft_split::Batches;
use crate::measure::verdict::{Context, Thresholds, verdict};
use crate::plan::grid::{duplicate_of, effective_decode};
use crate::plan::{Attached, Balancer, Cell, ServerPoint, notices, warm_up};
use crate::prompts::Cursor;

/// Lines of a failed server's log that are kept with the cell.
const LOG_LINES: usize = 30;

impl Runner {
    /// Measures `result.cell` and fills `result` in as far as it gets.
    ///
    /// # Errors
    /// The cell could not be measured; `result` holds what is known all the same.
    pub(super) async fn measure(
        &mut self,
        result: &mut CellResult,
        token: &CancellationToken,
    ) -> Result<(), EngineError> {
        let cell = result.cell.clone();
        limits::allow_open_files(cell.load.concurrency)?;
        // Beside the first servers' start.
        self.begin_ceiling();
        let begun = Instant::now();
        let provided = tokio::select! {
            biased;
            () = token.cancelled() => Err(EngineError::Cancelled),
            provided = self.provide(&cell) => provided,
        };
        result.times.load_s = begun.elapsed().as_secs_f64();
        let started = provided.is_ok();
        let measured = match provided {
            Ok(()) => self.with_servers(&cell, result, token).await,
            Err(error) => Err(error),
        };
        match &measured {
            Ok(()) | Err(EngineError::Store { .. } | EngineError::PointFailed { .. }) => {}
            Err(EngineError::Cancelled) => {
                // Servers that were left half-started are of no use, and still hold their ports.
                // And a server goes on with an answer that is not streamed after we have left.
                if !started || !self.plan.streams(&cell) {
                    self.pool.discard(&self.emitter).await?;
                }
            }
            Err(error) => {
                if error.concerns_a_server() {
                    result.log_tail = self.suspect_log_tail();
                }
                // Whatever broke it, the next cell gets servers that are known to be sound.
                self.pool.discard(&self.emitter).await?;
            }
        }
        measured
    }

    async fn with_servers(
        &mut self,
        cell: &Cell,
        result: &mut CellResult,
        token: &CancellationToken,
    ) -> Result<(), EngineError> {
        tokio::select! {
            biased;
            () = token.cancelled() => return Err(EngineError::Cancelled),
            known = self.await_ceiling() => known?,
        }
        result.servers = self.pool.proofs(&self.plan, cell);
        let target = self.target(cell)?;

        let begun = Instant::now();
        let (prompt, length) = self.guarded(token, self.warm_up(cell, &target)).await?;
        result.prompt_length = length;
        let patience = Patience::of(&self.plan, cell, begun.elapsed().as_secs_f64());
        let spec = self.spec(cell, &prompt);
        if let Some(together) = self.warm_up_together(cell, &spec) {
            // How it ends is not judged: an error that stays is found and counted in the window.
            self.load(&together, &target, &Live::unwatched(), patience, token)
                .await?;
        }
        result.times.warmup_s = begun.elapsed().as_secs_f64();

        let live = Live::new(self.live.clone());
        self.live
            .send_modify(|snapshot| snapshot.cell = Some(cell.clone()));
        self.lock_samples().clear();
        let begun = Instant::now();
        let outcome = self.load(&spec, &target, &live, patience, token).await;
        result.times.measure_s = begun.elapsed().as_secs_f64();
        let mut outcome = outcome?;
        self.tell_of_repeated_prompts(&spec.prompt).await?;
        // Before anything is said of the window: all figures of it are of the same span.
        steady::trim(&mut outcome, self.plan.workload.window.min_s);

        let dead = match self.guarded(token, self.alive(&target)).await {
            Ok(()) => None,
            // A stop says nothing of the servers, and a cell without this check is not finished.
            Err(EngineError::Cancelled) => return Err(EngineError::Cancelled),
            Err(error) => Some(error),
        };
        let span_s = outcome.span_s(self.plan.workload.mode);
        self.judge(cell, result, outcome, dead);
        result.machine.energy = self.energy(result, begun, span_s);
        result.thermal.under_load = self.under_load(begun, span_s);
        if result
            .flags
            .iter()
            .any(|flag| flag.kind == FlagKind::ServerNotAlive)
        {
            result.log_tail = self.suspect_log_tail();
            self.pool.discard(&self.emitter).await?;
        }
        Ok(())
    }

    /// Runs `spec` to its end, unless a server is lost or hangs meanwhile.
    async fn load(
        &self,
        spec: &LoadSpec,
        target: &Target,
        live: &Arc<Live>,
        patience: Patience,
        token: &CancellationToken,
    ) -> Result<LoadOutcome, EngineError> {
        let at_work = |span_s| watchdog::at_work(&self.lock_samples(), span_s);
        let load = schedule::run(spec, target, live, token);
        let outcome = tokio::select! {
            biased;
            waited_s = watchdog::wedged(live, patience, at_work) => {
                return Err(self.wedged_error(waited_s, live.in_flight()));
            }
            outcome = self.guarded(token, async { Ok(load.await) }) => outcome?,
        };
        if outcome.cancelled {
            return Err(EngineError::Cancelled);
        }
        Ok(outcome)
    }

    fn suspect_log_tail(&self) -> Option<String> {
        let log = self.pool.suspect_log()?;
        Some(log::tail(log, LOG_LINES))
    }

    /// `work`, unless the cell is cut short, or a server or the balancer is lost meanwhile.
    async fn guarded<T>(
        &self,
        token: &CancellationToken,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let balancer_ended = async {
            match &self.nginx {
                Some(nginx) => nginx.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = token.cancelled() => Err(EngineError::Cancelled),
            (error, _) = self.pool.lost() => Err(error),
            how = balancer_ended => Err(EngineError::NginxEnded { how }),
            done = work => done,
        }
    }

    /// Where this cell's requests go. Kept over the cells of a point, since it learns the pace of
    /// handshakes that its servers bear.
    fn target(&mut self, cell: &Cell) -> Result<Target, EngineError> {
        let addresses = self.pool.addresses();
        let through_nginx = self.plan.balancer_of(cell) == Balancer::Nginx;
        let nginx = self.nginx.as_ref().filter(|_| through_nginx);
        let balancer = nginx.iter().map(|nginx| nginx.address);
        let reached: Vec<SocketAddr> = balancer.chain(addresses.iter().copied()).collect();
        if let Some((known, target)) = &self.known_target
            && (*known == reached || self.plan.servers.attached.is_some())
        {
            return Ok(target.clone());
        }
        let backlog = self
            .plan
            .servers
            .backlog
            .unwrap_or(super::load::pacing::STOCK_BACKLOG);
        let target = match nginx {
            Some(nginx) => Target::balanced(nginx.address, &addresses, backlog),
            None => Target::direct_with_backlog(&addresses, backlog),
        };
        let target = target.map_err(|error| EngineError::NotAlive {
            why: error.to_string(),
        })?;
        self.known_target = Some((reached, target.clone()));
        Ok(target)
    }

    /// The cell's prompt, of the length that it asks for.
    async fn prompt(&self, cell: &Cell, target: &Target) -> Result<OfLength, EngineError> {
        let workload = &self.plan.workload;
        let base = PromptText {
            text: workload.prompt.clone(),
            identical: workload.identical_prompts,
            from: self.prompt_set.as_ref().map(Cursor::new),
        };
        let asking = Asking {
            target,
            prompts: &self.prompts,
            temperature: workload.temperature,
            timeout: self.warm_up_timeout(),
        };
        let found = self.lengths.prompt(cell, base, &asking).await;
        found.map_err(|error| EngineError::NotAlive {
            why: format!("a prompt that was to show how it counts tokens failed: {error}"),
        })
    }

    /// Once a run: its figures are of fewer prompts than requests.
    async fn tell_of_repeated_prompts(&mut self, sent: &PromptText) -> Result<(), EngineError> {
        let came_round = sent.from.as_ref().is_some_and(|cursor| cursor.came_round());
        let Some(file) = &self.plan.workload.prompt_file else {
            return Ok(());
        };
        if !came_round || self.told_of_repeated_prompts {
            return Ok(());
        }
        self.told_of_repeated_prompts = true;
        let text = format!(
            "{} gives {} prompts, and more requests than that were sent: the prompts came again, \
             each time with another prefix.",
            file.name(),
            file.used
        );
        self.emitter.notice(NoticeLevel::Info, text).await
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.plan.workload.request_timeout_s)
    }

    /// Compiling what a request needs is part of getting ready, and may take as long.
    fn warm_up_timeout(&self) -> Duration {
        let ready = Duration::from_secs_f64(self.plan.servers.ready_timeout_s);
        self.timeout().max(ready)
    }

    /// Proves each server alive, then warms all up with the very sampling that is measured. Gives
    /// the prompts that the cell asks.
    async fn warm_up(&self, cell: &Cell, target: &Target) -> Result<OfLength, EngineError> {
        self.alive(target).await?;
        let prompt = self.prompt(cell, target).await?;
        let workload = &self.plan.workload;
        let warm_up = WarmUp {
            requests: workload.warmup_requests,
            max_tokens: warm_up::tokens_alone(cell),
            temperature: workload.temperature,
            stream: self.plan.streams(cell),
            prompt: prompt.0.clone(),
            prompts: Arc::clone(&self.prompts),
            timeout: self.warm_up_timeout(),
            retry: Retry {
                attempts: workload.retry_attempts,
                sleep: Duration::from_secs_f64(workload.retry_sleep_s),
            },
        };
        probe::warm_up(target, &warm_up)
            .await
            .map_err(|error| EngineError::NotAlive {
                why: format!("the warm-up failed: {error}"),
            })?;
        Ok(prompt)
    }

    /// The cell's own load, once and short.
    fn warm_up_together(&self, cell: &Cell, spec: &LoadSpec) -> Option<LoadSpec> {
        Some(LoadSpec {
            amount: Amount::Fixed(warm_up::together(cell)),
            max_tokens: warm_up::tokens_together(&self.plan, cell)?,
            prompt: spec.prompt.from_start(),
            timeout: self.warm_up_timeout(),
            ..spec.clone()
        })
    }

    /// A one-token completion from each server, past the balancer.
    async fn alive(&self, target: &Target) -> Result<(), EngineError> {
        let temperature = self.plan.workload.temperature;
        if let Some(attached) = &self.plan.servers.attached {
            let each = (0..).zip(&attached.urls).map(|(index, url)| async move {
                let (prompts, limit) = (&self.prompts, self.timeout());
                probe::one_token_of(target, index, prompts, temperature, limit)
                    .await
                    .map_err(|error| EngineError::AttachedNotAlive {
                        url: url.to_string(),
                        why: error.to_string(),
                    })
            });
            return try_join_all(each).await.map(|_| ());
        }
        let each = self.pool.servers().iter().map(|server| async move {
            probe::one_token(server.address, temperature, self.timeout())
                .await
                .map_err(|error| EngineError::NotAlive {
                    why: format!("server {}: {error}", server.instance),
                })
        });
        try_join_all(each).await.map(|_| ())
    }

    fn spec(&self, cell: &Cell, prompt: &PromptText) -> LoadSpec {
        let workload = &self.plan.workload;
        LoadSpec {
            concurrency: cell.load.concurrency,
            amount: match (cell.load.requests, self.open_rate(cell)) {
                (Some(requests), _) => Amount::Fixed(requests),
                (None, Some(rate)) => Amount::Open(rate),
                (None, None) => Amount::Sustained(workload.window),
            },
            max_tokens: cell.load.max_tokens,
            temperature: workload.temperature,
            stream: self.plan.streams(cell),
            prompt: prompt.from_start(),
            prompts: Arc::clone(&self.prompts),
            timeout: self.timeout(),
        }
    }

    /// Each cell of a run draws due times of its own, and the same ones whenever it is measured.
    fn open_rate(&self, cell: &Cell) -> Option<OpenRate> {
        let rate = cell.load.request_rate?;
        let open = self.plan.workload.open?;
        Some(OpenRate {
            rate,
            arrivals: open.arrivals,
            seed: u64::from(open.seed) << 32 | u64::from(cell.index),
            rule: self.plan.workload.window,
        })
    }

    fn wedged_error(&self, waited_s: f64, in_flight: u32) -> EngineError {
        if self.plan.servers.attached.is_some() {
            return EngineError::AttachedWedged {
                waited_s,
                in_flight,
            };
        }
        let cause = self.pool.suspect_log().and_then(log::cause);
        EngineError::Wedged {
            waited_s,
            in_flight,
            why: cause.map(|cause| cause.text().to_owned()),
        }
    }

    /// `None` where a point leaves one of them to the user's own arguments, or the server cannot
    /// batch. What attached servers were started with is not known.
    fn batches(&self, point: &ServerPoint) -> Option<Batches> {
        let known = self.plan.servers.attached.is_none()
            && notices::not_batched(&self.plan, point).is_none();
        let batches = Batches {
            decode: effective_decode(point)?,
            prompt: point.prompt_concurrency?,
        };
        known.then_some(batches)
    }

    fn judge(
        &self,
        cell: &Cell,
        result: &mut CellResult,
        outcome: LoadOutcome,
        dead: Option<EngineError>,
    ) {
        let workload = &self.plan.workload;
        let figures = measure::summarise(
            &outcome,
            &Asked {
                mode: workload.mode,
                concurrency: cell.load.concurrency,
                max_tokens: cell.load.max_tokens,
                instances: cell.point.instances,
                batches: self.batches(&cell.point),
                limits: workload.limits,
            },
        );
        result.client = CellClient::of(&outcome, workload.mode, self.known_ceiling());
        let context = Context {
            thresholds: Thresholds::default(),
            client: result.client,
            identical_prompts: workload.identical_prompts,
            exact_output: workload.exact_output,
            flag_differences: result
                .servers
                .iter()
                .flat_map(|server| server.differences.clone())
                .collect(),
            not_alive: dead.map(|error| format!("after the cell: {error}")),
            not_batched: notices::not_batched(&self.plan, &cell.point),
            duplicate_of: duplicate_of(&self.plan.cells, cell).map(ToString::to_string),
            gave_up: outcome.gave_up.clone(),
            attached: self.plan.servers.attached.as_ref().map(Attached::names),
            prompt_length: cell.load.prompt_tokens.zip(result.prompt_length),
            ttft_limit_ms: self.plan.tune.and_then(|tune| tune.ttft_limit_ms),
        };
        result.flags = verdict(&figures, &context);
        if result.flags.iter().any(|flag| flag.kind.invalidates()) {
            result.status = CellStatus::Invalid;
        }
        result.figures = Some(figures);
        result.requests = outcome.samples;
    }
}
