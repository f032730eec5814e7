//! What to run, as pure data without I/O: every cell and every option, checked before anything
//! starts. A plan is stored whole in the run's JSON, so that `--resume` needs nothing else.

pub mod arg_split;
pub mod attached;
pub mod axis;
pub mod build;
pub mod cell;
pub mod commands;
pub mod context;
pub mod delivery;
mod dimensions;
pub mod error;
pub mod estimate;
pub mod finalists;
pub mod grid;
pub mod known_flags;
pub mod notices;
pub mod open_loop;
pub mod order;
pub mod quick;
pub mod rate_search;
pub mod server_args;
#[cfg(test)]
mod tests;
pub mod tune;
pub mod warm_up;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use attached::Attached;
pub use axis::{Axis, AxisValues, SweepAxis};
pub use build::{Inputs, build};
pub use cell::{Cell, FlagValue, LoadPoint, ServerPoint};
pub use delivery::Delivery;
pub use error::PlanError;
pub use known_flags::KnownFlags;
pub use open_loop::{Arrivals, OpenLoop};
pub use order::Order;
pub use tune::TuneRule;

use crate::measure::figures::Mode;
use crate::measure::flow::Limits;
use crate::prompts::PromptFile;

/// What a run is called on the command line and in file names.
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
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunKind {
    Single,
    Concurrent,
    RoundRobin,
    ConcurrencySweep,
    RoundRobinSweep,
    FullSweep,
    CustomSweep,
    Quick,
    RateSweep,
    ControlSweep,
    /// Near the best cell of a grid, from a fraction of its cells.
    Tune,
}

impl RunKind {
    /// Checks pass or fail; everything else explores.
    pub fn is_check(self) -> bool {
        matches!(self, Self::Single | Self::Concurrent | Self::RoundRobin)
    }

    /// The axes that the kind sweeps by itself; others can be added to any sweep.
    pub fn axes(self) -> &'static [Axis] {
        dimensions::axes_of(self)
    }

    /// The same where servers are attached, whose own settings are fixed.
    pub fn axes_attached(self) -> &'static [Axis] {
        attached::axes_of(self)
    }
}

/// The model as the server is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// What `--model` gets: a local folder or a Hugging Face repo.
    pub path: String,
    /// What people read: the repo's or the folder's name, or `synthetic:NAME`.
    pub label: String,
    pub synthetic: bool,
}

/// Who spreads requests over the instances.
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
pub enum Balancer {
    Nginx,
    Direct,
}

/// What every request asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub prompt: String,
    /// Its prompts are asked instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_file: Option<PromptFile>,
    pub temperature: f64,
    pub stream: bool,
    pub mode: Mode,
    /// Ask the same prompt each time. The prompt cache then answers for the GPU: labelled.
    pub identical_prompts: bool,
    /// The server loads the model without its end-of-sequence tokens; see
    /// [`crate::models::exact_output`]. Off where there are none, or the server is attached.
    #[serde(default)]
    pub exact_output: bool,
    pub window: WindowRule,
    /// Warm-up requests per server before a cell.
    pub warmup_requests: u32,
    pub request_timeout_s: f64,
    /// Retries of transient HTTP errors, outside the measured window only.
    pub retry_attempts: u32,
    pub retry_sleep_s: f64,
    /// How cells with a request rate are loaded; `None` where none has one (closed loop).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenLoop>,
    /// Answers within them count as goodput.
    #[serde(default)]
    pub limits: Limits,
}

/// When a sustained window is long enough (measurement rule 5).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowRule {
    pub min_s: f64,
    /// The window lasts at least this many times the median E2E.
    pub min_e2e: f64,
    pub min_completions: u32,
    /// The window ends here in any case, and says so.
    pub max_s: f64,
}

/// When a reference cell is measured again, and what its figure may differ by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRule {
    pub every_s: f64,
    /// A share: 0.03 is 3 %.
    pub drift: f64,
}

/// When a cell counts as throttled, and how long the machine may rest before it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThermalRule {
    /// A share of the cold GPU clock: 0.97 is 97 %.
    pub clock_limit: f64,
    pub cool_down_max_s: f64,
    /// The user asked for it by name: where no clock can be read, that is said.
    pub asked_for: bool,
}

/// How servers are started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerOptions {
    pub host: String,
    /// The port of a single server; `None` picks free ports from `base_port` on.
    pub port: Option<u16>,
    pub base_port: u16,
    pub nginx_port: u16,
    pub balancer: Balancer,
    /// Extra arguments, after stripping what the cells set; one argument each, never a shell's.
    pub args: Vec<String>,
    /// Raise the listen backlog through a shim; `None` is the stock server.
    pub backlog: Option<u32>,
    pub ready_timeout_s: f64,
    pub bind_timeout_s: f64,
    /// Start servers one after another with this pause; `None` starts them together.
    pub startup_delay_s: Option<f64>,
    /// No token for this long while requests are in flight: the server is wedged and restarted.
    pub watchdog_s: f64,
    /// Variables for the servers beside the inherited ones, from the env overrides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// These are measured instead, and none of the above has an effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
}

/// One effective setting, for the metadata: what it was and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveSetting {
    pub name: String,
    pub value: String,
    pub source: String,
}

/// A whole run, ready to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub kind: RunKind,
    pub model: ModelRef,
    pub workload: Workload,
    pub servers: ServerOptions,
    /// In the order of the grid: cells of one server point stand together.
    pub cells: Vec<Cell>,
    /// In which of them run.
    #[serde(default)]
    pub order: Order,
    /// `None` for checks and `quick`, which are short, and for runs from before there was one.
    #[serde(default)]
    pub reference: Option<ReferenceRule>,
    /// `None` where it is off, for checks and `quick`, which have too little to compare, and for runs
    /// from before there was one.
    #[serde(default)]
    pub thermal: Option<ThermalRule>,
    /// How many combinations are measured to three repeats before the best is named; 0 where none
    /// are: checks, `quick`, compatible mode, attached servers, runs from before there were any.
    #[serde(default)]
    pub finalists: u32,
    /// What `tune` keeps to; its cells are then the whole grid, of which most are not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tune: Option<TuneRule>,
    pub continue_on_error: bool,
    pub cell_pause_s: f64,
    pub settings: Vec<EffectiveSetting>,
    /// What the user should know before the run: stripped flags, duplicate cells, memory.
    pub notices: Vec<String>,
    pub results_dir: PathBuf,
}
