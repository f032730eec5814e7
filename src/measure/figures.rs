//! The figures of one cell, and the flags that say how far to trust them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::flow::Flow;
use super::interval::Interval;
use super::sample::ErrorClass;
use super::steady::Unsteady;
use super::ttft_split::TtftSplit;

/// Percentiles of one latency in seconds. Each is `None` where there are too few samples to
/// claim it (measurement rule 13); the maximum and the count are always there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Percentiles {
    pub n: u32,
    pub mean_s: Option<f64>,
    pub p50_s: Option<f64>,
    pub p90_s: Option<f64>,
    pub p95_s: Option<f64>,
    pub p99_s: Option<f64>,
    pub max_s: Option<f64>,
}

impl Percentiles {
    /// The 95th percentile, or where there are too few samples to claim it, the maximum, which
    /// bounds it; and whether it is the maximum.
    pub fn p95_or_max_s(&self) -> Option<(f64, bool)> {
        let bound = self.max_s.map(|max_s| (max_s, true));
        self.p95_s.map(|p95_s| (p95_s, false)).or(bound)
    }
}

/// 95 % intervals of a cell's figures, each within its one window; `None` where there were too few
/// samples to tell, or where the figure itself is not claimed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Intervals {
    pub throughput_tps: Option<Interval>,
    pub ttft_p50_s: Option<Interval>,
    pub tpot_p50_s: Option<Interval>,
    pub e2e_p50_s: Option<Interval>,
}

/// How the load was applied.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// Hold a number of requests in flight until the window ends.
    Sustained,
    /// Send a fixed number of requests; throughput is tokens over the batch's wall time.
    Compatible,
}

/// Everything measured in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub mode: Mode,
    pub requests: u32,
    pub errors: BTreeMap<ErrorClass, u32>,
    /// The cell's throughput: of the window in sustained mode, of the batch in compatible mode.
    pub throughput_tps: f64,
    /// Completion tokens of all answered requests, as counted by the server.
    pub total_tokens: u64,
    /// Wall time from the first due time to the end of the last answer.
    pub elapsed_s: f64,
    /// Whole batch: `total_tokens / elapsed_s`. Equal to `throughput_tps` in compatible mode.
    pub batch_tps: f64,
    /// The window that `throughput_tps` covers (sustained mode).
    pub window_s: Option<f64>,
    pub window_tokens: Option<f64>,
    pub window_completions: Option<u32>,
    /// The window ended at its cap before it was as long as the rule asks.
    pub window_capped: bool,
    /// What was cut off it before, in seconds: the rest of a ramp or a drain.
    #[serde(default)]
    pub window_trimmed_s: f64,
    /// Why one rate does not stand for the window.
    #[serde(default)]
    pub unsteady: Option<Unsteady>,
    pub ttft: Percentiles,
    pub tpot: Percentiles,
    pub itl: Percentiles,
    pub e2e: Percentiles,
    pub connect: Percentiles,
    pub dispatch_lag: Percentiles,
    /// Throughput divided by the requests in flight.
    pub tps_per_user: f64,
    pub prompt_tokens: u64,
    /// `None` if no server said how much its prompt cache answered.
    pub cached_tokens: Option<u64>,
    pub mean_output_tokens: Option<f64>,
    /// Share of answers that ended before `max_tokens`, 0 to 1.
    pub stopped_early: Option<f64>,
    pub connect_retries: u32,
    /// Time spent on handshakes that had to be repeated, summed over requests.
    pub connect_retry_s: f64,
    /// Requests answered by each instance, by its number; empty where a balancer does not say.
    pub per_instance: BTreeMap<u32, u32>,
    #[serde(default)]
    pub intervals: Intervals,
    /// Where the mean TTFT went; `None` where a server does not show it.
    #[serde(default)]
    pub ttft_split: Option<TtftSplit>,
    #[serde(default)]
    pub flow: Option<Flow>,
}

impl Figures {
    pub fn error_count(&self) -> u32 {
        self.errors.values().sum()
    }

    /// Of the answered requests, with the chat template; `None` where none was answered, or the
    /// server does not count prompts.
    pub fn mean_prompt_tokens(&self) -> Option<f64> {
        let answered = self.requests.saturating_sub(self.error_count());
        (answered > 0 && self.prompt_tokens > 0)
            .then(|| self.prompt_tokens as f64 / f64::from(answered))
    }
}

/// Something that bears on how far a figure can be trusted.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FlagKind {
    /// The server's real arguments differ from the asked ones. Invalid.
    FlagsNotApplied,
    /// More than 1 % of the requests failed. Invalid.
    TooManyErrors,
    /// A server did not answer a one-token completion before or after the cell. Invalid.
    ServerNotAlive,
    /// Answers came, and not a token of them within the window. Invalid.
    EmptyWindow,
    /// The prompt cache answered more than 1 % of the prompt tokens.
    CachedPrompts,
    /// Dispatch lag p99 above 5 ms, or above 1 % of the median TTFT.
    ClientLimited,
    /// Connect p99 above 100 ms.
    SlowConnects,
    /// Requests were not spread evenly (within one) over the instances.
    Unbalanced,
    /// The window ended at its cap, shorter than the rule asks.
    ShortWindow,
    /// The rate drifted, stepped or stalled within the window: no one number stands for it.
    NoSteadyState,
    /// The server cannot batch these requests.
    NotBatched,
    /// Answers ended before `max_tokens`.
    StoppedEarly,
    /// Identical prompts were asked for.
    IdenticalPrompts,
    /// decode < prompt: the server decodes with max(decode, prompt), as another cell does.
    DuplicateOf,
    /// A reference cell, measured again after it, differed from its first measurement.
    Drift,
    /// The GPU's clock under load had fallen under the limit, and stayed there after two cool-downs.
    Throttled,
    /// The system reported thermal pressure, or changed how it is powered, while it was measured.
    Disturbed,
    /// The server was started by somebody else: what it runs with cannot be proven.
    Attached,
    /// Requests that were due had to wait in this program: as many as allowed were in flight.
    InFlightCapped,
    /// Prompts were longer or shorter than asked.
    PromptLength,
    /// The model was loaded without its end-of-sequence tokens, as asked.
    ExactOutput,
    /// More chunks per second than a tenth of what this program's load client can take.
    NearClientCeiling,

    /// Its TTFT is over the limit that the search keeps to: never the best.
    OverTtftLimit,
}

impl FlagKind {
    /// A cell with such a flag can never be best.
    pub fn invalidates(self) -> bool {
        matches!(
            self,
            Self::FlagsNotApplied | Self::TooManyErrors | Self::ServerNotAlive | Self::EmptyWindow
        )
    }
}

/// A flag with what was seen, and what to do about it, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    pub kind: FlagKind,
    pub detail: String,
}
