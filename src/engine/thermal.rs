//! Cells measured while the GPU had throttled are measured again once the machine has cooled down
//! (measurement rule 10). What counts as throttled is in [`crate::monitor::thermal`].

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::error::EngineError;
use super::event::{CellResult, CellStatus, CellTimes, EngineEvent, LiveSnapshot, NoticeLevel};
use super::run::Runner;
use crate::measure::figures::{Flag, FlagKind};
use crate::monitor::sample::MachineSummary;
use crate::monitor::summary;
use crate::monitor::thermal::{self, CellThermal, ClockShare, ColdClocks, UnderLoad};
use crate::plan::ThermalRule;

/// A cell is repeated this often at most, then flagged.
const MOST_REPEATS: u32 = 2;

/// What the gate remembers over the cells of a run.
#[derive(Debug, Default)]
pub(super) struct Gate {
    cold: ColdClocks,
    told_of_no_clock: bool,
}

/// How a cool-down ended.
enum Rest {
    Over,
    /// The cell was skipped, or the run stopped.
    CutShort,
}

impl Runner {
    /// Measures `result.cell`, and again after a cool-down where its GPU clock was under the limit.
    /// `result` is then the measurement with the highest clock; its times are those of all.
    ///
    /// # Errors
    /// As [`Runner::measure`], of the first measurement. A repeat that fails or is skipped leaves
    /// what was measured before it, flagged.
    pub(super) async fn measure_cool(
        &mut self,
        result: &mut CellResult,
        token: &CancellationToken,
    ) -> Result<(), EngineError> {
        let first = self.attempt(result, token).await;
        let rule = self.plan.thermal.filter(|_| !self.is_elsewhere());
        let (Ok(()), Some(rule)) = (&first, rule) else {
            return first;
        };
        self.tell_of_no_clock(rule).await?;
        let mut times = result.times;
        let mut repeats = 0;
        while repeats < MOST_REPEATS
            && let Some(share) = self.too_hot(result, rule)
        {
            let began = Instant::now();
            self.tell_of_cool_down(result, share, repeats + 1).await?;
            let rest = self.cool_down(rule, token).await;
            let waited_s = began.elapsed().as_secs_f64();
            times.cool_down_s += waited_s;
            match rest {
                Rest::CutShort if self.control.stop.is_cancelled() => {
                    return Err(EngineError::Cancelled);
                }
                Rest::CutShort => break,
                Rest::Over => {}
            }
            let cell = result.cell.index;
            self.emitter
                .emit(EngineEvent::CooledDown { cell, waited_s })
                .await?;
            let mut again = CellResult {
                started_at: result.started_at,
                ..CellResult::begin(result.cell.clone(), result.balancer)
            };
            let ended = self.attempt(&mut again, token).await;
            add(&mut times, &again.times);
            match ended {
                Ok(()) => {
                    repeats += 1;
                    if self.is_cooler(&again, result) {
                        *result = again;
                    }
                }
                Err(error @ EngineError::Store { .. }) => return Err(error),
                Err(EngineError::Cancelled) if self.control.stop.is_cancelled() => {
                    return Err(EngineError::Cancelled);
                }
                Err(EngineError::Cancelled) => break,
                Err(error) => {
                    let text = format!(
                        "{} could not be measured again after a cool-down, and keeps its first \
                         measurement: {error}",
                        result.cell
                    );
                    self.emitter.notice(NoticeLevel::Warning, text).await?;
                    break;
                }
            }
        }
        result.times = times;
        result.thermal.repeats = repeats;
        self.conclude(result, rule);
        Ok(())
    }

    /// One measurement with what the machine did meanwhile.
    async fn attempt(
        &mut self,
        result: &mut CellResult,
        token: &CancellationToken,
    ) -> Result<(), EngineError> {
        self.lock_samples().clear();
        self.power.send_modify(Vec::clear);
        let ended = self.measure(result, token).await;
        self.live.send_replace(LiveSnapshot::default());
        if self.is_elsewhere() {
            // What this machine's sensors say is not of the machine that works.
            result.machine = MachineSummary::default();
            result.thermal = CellThermal::default();
            return ended;
        }
        let samples = self.lock_samples().clone();
        result.machine = MachineSummary {
            energy: result.machine.energy,
            ..summary::summarise(&samples)
        };
        if self.plan.thermal.is_some() && result.figures.is_some() {
            let disturbances = thermal::disturbances(&samples);
            if !disturbances.is_empty() {
                result.flags.push(Flag {
                    kind: FlagKind::Disturbed,
                    detail: format!(
                        "{} while the cell was measured. Measure it again with the machine at rest \
                         and on one power setting",
                        disturbances.join(", ")
                    ),
                });
            }
        }
        ended
    }

    /// The GPU under the load that began at `begun`, within the span that the throughput covers
    /// (seconds from `begun`).
    pub(super) fn under_load(
        &self,
        begun: Instant,
        span_s: Option<(f64, f64)>,
    ) -> Option<UnderLoad> {
        let begun_s = begun.saturating_duration_since(self.started).as_secs_f64();
        let (start_s, end_s) = span_s?;
        thermal::under_load(&self.lock_samples(), (begun_s + start_s, begun_s + end_s))
    }

    fn clock_of(&self, result: &CellResult) -> Option<ClockShare> {
        self.gate.cold.compare(&result.thermal.under_load?)
    }

    /// The clock of a cell that is sound but for it.
    fn too_hot(&self, result: &CellResult, rule: ThermalRule) -> Option<ClockShare> {
        self.clock_of(result)
            .filter(|share| result.status == CellStatus::Ok && share.ratio() < rule.clock_limit)
    }

    fn is_cooler(&self, again: &CellResult, before: &CellResult) -> bool {
        let ratio = |result| self.clock_of(result).map(ClockShare::ratio);
        // A clock that cannot be compared is no sign of heat.
        again.status == CellStatus::Ok
            && ratio(again).is_none_or(|again| ratio(before).is_none_or(|before| again >= before))
    }

    async fn tell_of_cool_down(
        &self,
        result: &CellResult,
        share: ClockShare,
        repeat: u32,
    ) -> Result<(), EngineError> {
        let text = format!(
            "{}: cooling down, repeat {repeat} of {MOST_REPEATS} ({})",
            share.sentence(),
            result.cell
        );
        self.emitter.notice(NoticeLevel::Info, text).await?;
        self.emitter
            .emit(EngineEvent::CoolingDown {
                cell: result.cell.index,
                clock_mhz: share.clock_mhz,
                cold_mhz: share.cold_mhz,
                repeat,
                of: MOST_REPEATS,
            })
            .await
    }

    /// Waits until the machine is at rest, for as long as the rule allows; then, while the run is
    /// paused.
    async fn cool_down(&self, rule: ThermalRule, token: &CancellationToken) -> Rest {
        let mut seen = self.seen.subscribe();
        // From now on: what was heard before is of the load.
        seen.mark_unchanged();
        let rested = async {
            let mut since = Vec::new();
            while seen.changed().await.is_ok() {
                let seen = seen.borrow_and_update();
                since.extend(seen.latest.clone());
                if thermal::is_rested(&since, seen.coolest_c) {
                    return;
                }
            }
        };
        let rest = async {
            // A machine that does not come to rest is not waited for longer.
            let most = Duration::from_secs_f64(rule.cool_down_max_s);
            let _ = tokio::time::timeout(most, rested).await;
            self.control.go().await;
        };
        tokio::select! {
            biased;
            () = token.cancelled() => Rest::CutShort,
            () = rest => Rest::Over,
        }
    }

    /// What is said of the cell in the end, and what later ones are held against.
    fn conclude(&mut self, result: &mut CellResult, rule: ThermalRule) {
        let share = self.clock_of(result);
        result.thermal.clock_of_cold = share.map(ClockShare::ratio);
        if let Some(share) = self.too_hot(result, rule) {
            let tries = match result.thermal.repeats {
                0 => "and it was not measured again".to_owned(),
                1 => "also after a cool-down".to_owned(),
                n => format!("also after {n} cool-downs"),
            };
            result.flags.push(Flag {
                kind: FlagKind::Throttled,
                detail: format!(
                    "{}, under the limit of {:.1} %, {tries}: the figure is of a machine \
                     that holds back. Let it cool for longer (MLX_COOL_DOWN_MAX_S, MLX_CELL_PAUSE_S), \
                     give it air or power, and measure again",
                    share.sentence(),
                    rule.clock_limit * 100.0
                ),
            });
            return;
        }
        let sound = result.status == CellStatus::Ok
            && !result.flags.iter().any(|f| f.kind == FlagKind::Disturbed);
        if let Some(load) = result.thermal.under_load.filter(|_| sound) {
            self.gate.cold.take(load);
        }
    }

    /// Once, and only where somebody asked for the gate by name: most machines have no such sensor.
    async fn tell_of_no_clock(&mut self, rule: ThermalRule) -> Result<(), EngineError> {
        if !rule.asked_for || self.gate.told_of_no_clock || self.seen.borrow().has_clock {
            return Ok(());
        }
        self.gate.told_of_no_clock = true;
        let text = "MLX_THERMAL_GATE is on, but no GPU clock can be read on this machine: no cell is \
                    cooled down or flagged for a clock that fell.";
        self.emitter.notice(NoticeLevel::Warning, text).await
    }
}

fn add(sum: &mut CellTimes, times: &CellTimes) {
    sum.load_s += times.load_s;
    sum.warmup_s += times.warmup_s;
    sum.measure_s += times.measure_s;
}
