//! How long a run may take. An estimate: loads are guessed until one was measured, and how fast
//! the model answers is not known before it has.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::cell::{Cell, LoadPoint};
use super::commands::Transition;
use super::grid::decoded_together;
use super::rate_search;
use super::warm_up;
use super::{Plan, ServerPoint};
use crate::measure::figures::Mode;

/// What is assumed of the machine before anything was measured on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// From the start of servers, which load together, until all of them answer.
    pub load_s: f64,
    /// Tokens per second of one request while its batch is not full.
    pub stream_tps: f64,
}

impl Default for Pace {
    /// A small model on a laptop.
    fn default() -> Self {
        Self {
            load_s: 6.0,
            stream_tps: 40.0,
        }
    }
}

/// Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    pub cells: u32,
    /// How often servers are started or added: once for each server point that needs it.
    pub server_starts: u32,
    /// Server processes started in all; growing adds only the missing ones.
    pub server_processes: u32,
    pub load_s: f64,
    pub warmup_s: f64,
    pub measure_s: f64,
    pub pause_s: f64,
}

impl Estimate {
    pub fn total_s(&self) -> f64 {
        self.load_s + self.warmup_s + self.measure_s + self.pause_s
    }
}

/// Adds up loads, warm-up, windows (or batches) and pauses.
pub fn estimate(plan: &Plan, pace: Pace) -> Estimate {
    let mut sum = Estimate::default();
    let mut previous = None;
    for cell in &plan.cells {
        let started = if plan.servers.attached.is_some() {
            0..0
        } else {
            Transition::between(previous, cell).started(cell.point.instances)
        };
        if !started.is_empty() {
            sum.server_starts += 1;
            sum.server_processes += started.end - started.start;
            let delays = started.end - started.start - 1;
            sum.load_s +=
                pace.load_s + plan.servers.startup_delay_s.unwrap_or(0.0) * f64::from(delays);
        }
        let request_s = f64::from(cell.load.max_tokens) / pace.stream_tps;
        sum.warmup_s += warmup_s(plan, cell, request_s);
        sum.measure_s += measure_s(plan, cell, request_s);
        if previous.is_some() {
            sum.pause_s += plan.cell_pause_s;
        }
        sum.cells += 1;
        previous = Some(cell);
    }
    if plan.search_sentence().is_some() {
        // All on the same servers.
        let cells = f64::from(rate_search::USUAL_CELLS);
        sum.cells = sum.cells.max(rate_search::USUAL_CELLS);
        sum.warmup_s *= cells;
        sum.measure_s *= cells;
        sum.pause_s = plan.cell_pause_s * (cells - 1.0);
    }
    sum
}

fn warmup_s(plan: &Plan, cell: &Cell, request_s: f64) -> f64 {
    let token_s = request_s / f64::from(cell.load.max_tokens.max(1));
    let alone = plan.workload.warmup_requests * warm_up::tokens_alone(cell);
    let together = warm_up::tokens_together(plan, cell).map_or(0.0, f64::from) * waves(cell);
    (f64::from(alone) + together) * token_s
}

/// Requests beyond the batch wait for their turn.
fn waves(cell: &Cell) -> f64 {
    if cell.load.request_rate.is_some() {
        return 1.0;
    }
    (f64::from(cell.load.concurrency.max(1)) / batch(&cell.point)).max(1.0)
}

/// One cell under load, from the first request to the last answer.
fn measure_s(plan: &Plan, cell: &Cell, request_s: f64) -> f64 {
    let concurrency = f64::from(cell.load.concurrency.max(1));
    let e2e_s = request_s * waves(cell);
    if let (Mode::Compatible, Some(requests)) = (plan.workload.mode, cell.load.requests) {
        return (f64::from(requests) / concurrency).ceil().max(1.0) * e2e_s;
    }
    let rule = &plan.workload.window;
    let per_answer_s = match cell.load.request_rate {
        Some(rate) => 1.0 / rate.rps(),
        None => e2e_s / concurrency,
    };
    let window_s = rule
        .min_s
        .max(rule.min_e2e * e2e_s)
        .max(f64::from(rule.min_completions) * per_answer_s)
        .min(rule.max_s);
    // Ramp-up before the window, and answers that are still on their way after it.
    window_s + 2.0 * e2e_s
}

/// Requests that the servers of a point decode at once.
fn batch(point: &ServerPoint) -> f64 {
    f64::from(decoded_together(point)) * f64::from(point.instances)
}

/// Where a finished cell's time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Index of the cell.
    pub cell: u32,
    /// Zero where running servers were kept.
    pub load_s: f64,
    /// Warm-up, measuring and the rest.
    pub cell_s: f64,
}

/// Time left in seconds, from what finished cells took; `None` before the first. Cells of an equal
/// load take what such cells took on average; others, and loads, the average of all.
pub fn time_left(plan: &Plan, done: &[Spent]) -> Option<f64> {
    let cell_mean_s = mean(done.iter().map(|d| d.cell_s))?;
    let load_mean_s =
        mean(done.iter().map(|d| d.load_s).filter(|&s| s > 0.0)).unwrap_or(Pace::default().load_s);
    let spent_s: HashMap<u32, f64> = done.iter().map(|d| (d.cell, d.cell_s)).collect();
    let mut by_load: HashMap<&LoadPoint, Vec<f64>> = HashMap::new();
    for cell in &plan.cells {
        if let Some(&s) = spent_s.get(&cell.index) {
            by_load.entry(&cell.load).or_default().push(s);
        }
    }
    let by_load: HashMap<&LoadPoint, f64> = by_load
        .into_iter()
        .filter_map(|(load, times)| Some((load, mean(times.into_iter())?)))
        .collect();
    let mut left_s = 0.0;
    let mut previous: Option<&Cell> = None;
    for cell in &plan.cells {
        if !spent_s.contains_key(&cell.index) {
            if plan.servers.attached.is_none()
                && Transition::between(previous, cell) != Transition::Keep
            {
                left_s += load_mean_s;
            }
            left_s += by_load.get(&cell.load).unwrap_or(&cell_mean_s) + plan.cell_pause_s;
        }
        previous = Some(cell);
    }
    Some(left_s)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, n), v| (sum + v, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}
