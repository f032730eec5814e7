//! What a load run hands over to be judged.

use std::time::Instant;

use super::figures::Mode;
use super::flow::{OpenLoad, due_within};
use super::sample::RequestSample;

/// The part of a sustained run that its throughput covers, in seconds since the run's clock
/// started. It opens when all slots have sent and each has had its first token (or, where the
/// server admits only some at a time, a request has ended), and closes when sending stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub start_s: f64,
    pub end_s: f64,
    /// It is not as long as the rule asks: closed by its cap, by giving up, or cut down.
    pub capped: bool,
}

impl Window {
    pub fn length_s(&self) -> f64 {
        self.end_s - self.start_s
    }
}

/// All requests of one load run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadOutcome {
    /// When the run's clock started: the zero of all seconds here.
    pub epoch: Option<Instant>,
    /// In order of dispatch; those still in flight when a run was cancelled are not among them.
    pub samples: Vec<RequestSample>,
    /// `None` in compatible mode, and where no window ever opened.
    pub window: Option<Window>,
    /// What was cut off the window's ends, in seconds: the rest of a ramp, the begin of a drain.
    pub trimmed_s: f64,
    /// Time spent on handshakes that had to be repeated, summed over requests, in seconds.
    pub connect_retry_s: f64,
    /// The run was cancelled: its samples are not a measurement.
    pub cancelled: bool,
    /// Requests that were in flight when it was cancelled, or when an open loop gave up.
    pub abandoned: u32,
    /// Why sending stopped early although nobody asked for it: every request failed.
    pub gave_up: Option<String>,
    /// Requests came at a rate of their own; `None` in a closed loop.
    pub open: Option<OpenLoad>,
}

impl LoadOutcome {
    /// The requests that latencies are of: all, or in an open loop those that were due within the
    /// window, whenever they were answered.
    pub fn counted(&self) -> Vec<&RequestSample> {
        match (self.open, &self.window) {
            (Some(_), Some(window)) => due_within(&self.samples, window).collect(),
            _ => self.samples.iter().collect(),
        }
    }

    /// What the throughput covers, in seconds since the run's clock started: the window, or in
    /// compatible mode the batch from the first due time to the last end.
    pub fn span_s(&self, mode: Mode) -> Option<(f64, f64)> {
        match mode {
            Mode::Sustained => self.window.map(|window| (window.start_s, window.end_s)),
            Mode::Compatible => {
                let first_s = self.samples.iter().map(|s| s.due_s).min_by(f64::total_cmp);
                let last_s = self.samples.iter().map(|s| s.end_s).max_by(f64::total_cmp);
                first_s.zip(last_s)
            }
        }
    }
}
