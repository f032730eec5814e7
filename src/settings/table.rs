//! Every setting, once: name, group, what it accepts, default, help. The environment, the command
//! line's help, form fields and the README's reference all read this table.

use super::rate::{MAX_RPS, MIN_RPS};
use super::value::Kind;

/// Where a setting stands in forms and references.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter,
)]
pub enum Group {
    Model,
    Workload,
    Server,
    #[strum(to_string = "Sweep ranges")]
    Sweep,
    Quality,
    #[strum(to_string = "Running")]
    Run,
    #[strum(to_string = "Tools and files")]
    Tools,
}

/// What a setting is when no source gives it. Kinds of runs are named as in file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// Computed or found when the plan is made; the text says how.
    Computed(&'static str),
    Always(&'static str),
    PerKind {
        kinds: &'static [(&'static str, &'static str)],
        other: &'static str,
    },
}

impl DefaultValue {
    /// The default's text for a kind of run; `None` where it is computed.
    pub fn text(self, kind: Option<&str>) -> Option<&'static str> {
        match self {
            Self::Computed(_) => None,
            Self::Always(text) => Some(text),
            Self::PerKind { kinds, other } => Some(
                kinds
                    .iter()
                    .find(|(name, _)| Some(*name) == kind)
                    .map_or(other, |(_, text)| text),
            ),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub var: Var,
    /// The environment variable.
    pub name: &'static str,
    pub group: Group,
    pub kind: Kind,
    pub default: DefaultValue,
    /// One sentence without a full stop.
    pub help: &'static str,
}

macro_rules! settings {
    ($($var:ident $name:literal $group:ident, $kind:expr, $default:expr, $help:literal;)*) => {
        /// The name of a setting; displayed as its environment variable.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter,
            strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantNames,
        )]
        pub enum Var {
            $(#[doc = $help] #[strum(serialize = $name)] $var,)*
        }

        /// In the order of [`Var`].
        static TABLE: &[Spec] = &[
            $(Spec {
                var: Var::$var,
                name: $name,
                group: Group::$group,
                kind: $kind,
                default: $default,
                help: $help,
            },)*
        ];
    };
}

const fn int(min: u32, max: u32) -> Kind {
    Kind::Int {
        min,
        max,
        word: None,
    }
}

const fn int_or(word: &'static str, min: u32, max: u32) -> Kind {
    Kind::Int {
        min,
        max,
        word: Some(word),
    }
}

const fn seconds(min: f64, max: f64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: "seconds",
    }
}

const fn list(max: u32) -> Kind {
    Kind::List { min: 1, max }
}

/// Larger batches, waves and server counts than any machine holds, so that a typing error shows.
const MAX_BATCH: u32 = 65_536;
const MAX_INSTANCES: u32 = 256;
const MAX_TOKENS: u32 = 1_000_000;
const DAY_S: f64 = 86_400.0;

use DefaultValue::{Always, Computed, PerKind};

settings! {
    ModelPath "MLX_MODEL_PATH" Model, Kind::Text, Computed("none"),
        "Hugging Face repo, local model folder or `synthetic:NAME`";
    ModelDirs "MLX_MODEL_DIRS" Model, Kind::Paths, Computed("none"),
        "Extra folders to search for models";
    ModelSearchDepth "MLX_MODEL_SEARCH_DEPTH" Model, int(1, 32), Always("4"),
        "How many folders deep to search for models";

    Prompt "MLX_PROMPT" Workload, Kind::Text,
        PerKind {
            kinds: &[("single", "Write a short paragraph about why concurrency helps throughput.")],
            other: "Explain in a few sentences how batching lets one server answer many people at once.",
        },
        "Prompt text; each request gets its own prefix unless `MLX_IDENTICAL_PROMPTS` is on";
    PromptsFile "MLX_PROMPTS_FILE" Workload, Kind::Path, Computed("none"),
        "File of prompts to ask instead of `MLX_PROMPT`: JSON lines (a text, `prompt`, `messages`), `ShareGPT`, or a prompt a line; taken in seeded order, each with its own prefix";
    MaxTokens "MLX_MAX_TOKENS" Workload, int(1, MAX_TOKENS),
        PerKind { kinds: &[("quick", "32")], other: "128" },
        "Tokens to generate per request";
    PromptTokens "MLX_PROMPT_TOKENS" Workload, int_or("own", 1, MAX_TOKENS),
        Computed("own: the prompt as it is written"),
        "Length of each prompt in tokens, with the chat template and its unique prefix: the prompt is repeated or cut to it, exactly where the model's tokenizer is on this disk; `own` leaves it as it is";
    Temperature "MLX_TEMPERATURE" Workload, Kind::Number { min: 0.0, max: 100.0, unit: "" },
        PerKind { kinds: &[("single", "0.2")], other: "0.3" },
        "Sampling temperature";
    Concurrency "MLX_CONCURRENCY" Workload, int_or("max", 1, MAX_BATCH),
        Computed("checks: all requests at once; sweeps without that axis: enough to fill the largest batch"),
        "Requests in flight where concurrency is not swept; `max` is all (checks) or the largest batch (sweeps)";
    NumRequests "MLX_NUM_REQUESTS" Workload, int(1, 10_000_000),
        Computed("single: 1; concurrent: max(8, 4 × cores); round_robin: max(16, 16 × instances); \
                  compatible sweeps: concurrency × multiplier"),
        "Requests in all, per check or cell; in a sweep it implies `MLX_MODE=compatible`";
    RequestsMultiplier "MLX_REQUESTS_MULTIPLIER" Workload, int(1, 100_000),
        Computed("1 in compatible mode"),
        "Requests per cell as a multiple of its concurrency, where `MLX_NUM_REQUESTS` is unset; \
         implies `MLX_MODE=compatible`";
    Stream "MLX_STREAM" Workload, Kind::Switch, Always("1"),
        "Stream the answers (TTFT and TPOT need it)";
    IdenticalPrompts "MLX_IDENTICAL_PROMPTS" Workload, Kind::Switch, Always("0"),
        "Send the same prompt each time, so that the server's prompt cache answers part of it; labelled in results";
    ExactOutput "MLX_EXACT_OUTPUT" Workload, Kind::Switch, Always("0"),
        "Let no answer end before its tokens are reached: the server loads the model without its end-of-sequence tokens, through links in a temporary folder; labelled in results";

    RequestRate "MLX_REQUEST_RATE" Workload,
        Kind::Number { min: MIN_RPS, max: MAX_RPS, unit: "requests per second" },
        Computed("closed loop: a number of requests is held in flight"),
        "Open loop: requests are sent at this rate whether or not earlier ones are answered, and latency counts from when each was due (sweeps; a search for the rate that saturates begins with it)";
    Arrivals "MLX_ARRIVALS" Workload, Kind::Choice(&["poisson", "constant"]), Always("poisson"),
        "Open loop: gaps between requests that are random, as of many people who know nothing of each other (poisson), or all equal (constant)";
    MaxInFlight "MLX_MAX_IN_FLIGHT" Workload, int(1, MAX_BATCH), Always("1024"),
        "Open loop: so many requests are in flight at most; more wait in this program, their latency still counts from when they were due, and the cell is flagged";

    Attach "MLX_ATTACH" Server, Kind::Urls, Computed("off: servers are started"),
        "Base URLs of running OpenAI-compatible servers to measure instead of starting any; `off` starts them";
    AttachModel "MLX_ATTACH_MODEL" Server, Kind::Text, Computed("what `/v1/models` of the attached server lists, if that is one"),
        "Model name in requests to attached servers";
    AttachKey "MLX_ATTACH_KEY" Server, Kind::Secret, Computed("none"),
        "Bearer key of attached servers; from the environment only, and never stored or shown";
    DecodeConcurrency "MLX_DECODE_CONCURRENCY" Server, int(1, MAX_BATCH), Always("32"),
        "Requests that the server decodes at once (`--decode-concurrency`)";
    PromptConcurrency "MLX_PROMPT_CONCURRENCY" Server, int(1, MAX_BATCH), Always("8"),
        "Prompts that the server processes at once (`--prompt-concurrency`)";
    ServerInstances "MLX_SERVER_INSTANCES" Server, int(1, MAX_INSTANCES),
        PerKind { kinds: &[("round_robin", "4"), ("round_robin_sweep", "4")], other: "1" },
        "Servers to spread requests over (round robin, and custom sweeps without that axis)";
    ServerArgs "MLX_SERVER_ARGS" Server, Kind::Text, Computed("none"),
        "Extra `mlx_lm.server` arguments, comma-separated: `--prefill-step-size=512,--top-p=0.9`";
    ServerHost "MLX_SERVER_HOST" Server, Kind::Text, Always("127.0.0.1"),
        "Bind address; `0.0.0.0` lets other machines in";
    ServerPort "MLX_SERVER_PORT" Server, int(0, 65_535), Computed("a free port"),
        "Fixed port of a single server; 0 picks a free one";
    ServerBasePort "MLX_SERVER_BASE_PORT" Server, int(1, 65_535), Always("9000"),
        "First server port where there are several servers";
    NginxPort "MLX_NGINX_PORT" Server, int(1, 65_535), Always("8088"),
        "Port of nginx";
    Balancer "MLX_BALANCER" Server, Kind::Choice(&["nginx", "direct"]), Computed("nginx if found, else direct"),
        "Who spreads requests over several servers: nginx, or the client itself";
    ServerBacklog "MLX_SERVER_BACKLOG" Server, int_or("stock", 1, 65_535), Always("stock"),
        "Listen backlog of each server, raised through a small Python shim; labelled in results";
    BindTimeout "MLX_SERVER_BIND_TIMEOUT" Server, seconds(0.1, DAY_S), Always("180"),
        "Seconds until a server's port must answer";
    ReadyTimeout "MLX_READY_TIMEOUT" Server, seconds(0.1, DAY_S), Always("180"),
        "Seconds until the model must answer";
    StartupDelay "MLX_STARTUP_DELAY_S" Server, seconds(0.0, DAY_S), Always("0"),
        "Seconds between server starts; 0 starts them together";

    DecodeConcurrencyList "MLX_DECODE_CONCURRENCY_LIST" Sweep, list(MAX_BATCH),
        PerKind { kinds: &[("quick", "8,32")], other: "8,16,32,64" },
        "Decode concurrencies to sweep";
    PromptConcurrencyList "MLX_PROMPT_CONCURRENCY_LIST" Sweep, list(MAX_BATCH),
        PerKind { kinds: &[("quick", "8")], other: "2,4,8,16" },
        "Prompt concurrencies to sweep";
    ConcurrencyList "MLX_CONCURRENCY_LIST" Sweep, list(MAX_BATCH),
        PerKind { kinds: &[("quick", "1,8,32")], other: "1,2,4,8,16,32,64,128,256" },
        "Requests in flight to sweep";
    InstancesList "MLX_INSTANCES_LIST" Sweep, list(MAX_INSTANCES), Always("1,2,4"),
        "Numbers of servers to sweep";
    MaxTokensList "MLX_MAX_TOKENS_LIST" Sweep, list(MAX_TOKENS), Always("128,256,512,1024"),
        "Tokens per request to sweep (round-robin sweep)";
    PromptTokensList "MLX_PROMPT_TOKENS_LIST" Sweep, list(MAX_TOKENS), Computed("not swept"),
        "Prompt lengths in tokens to sweep, in any sweep";

    RequestRateList "MLX_REQUEST_RATE_LIST" Sweep, Kind::Rates,
        Computed("searched: doubled until the server is saturated, then narrowed to about 10 %"),
        "Request rates to sweep (rate sweep), in requests per second";

    Mode "MLX_MODE" Quality, Kind::Choice(&["sustained", "compatible"]),
        Computed("sustained; compatible where MLX_NUM_REQUESTS or MLX_REQUESTS_MULTIPLIER is set"),
        "Hold the load for a window (sustained), or send a fixed number of requests as the Python lab did (compatible)";
    WindowMinS "MLX_WINDOW_MIN_S" Quality, seconds(0.1, DAY_S),
        PerKind { kinds: &[("quick", "1.5")], other: "10" },
        "A sustained window lasts at least this long";
    WindowMinE2e "MLX_WINDOW_MIN_E2E" Quality, Kind::Number { min: 0.0, max: 1000.0, unit: "" },
        PerKind { kinds: &[("quick", "2")], other: "3" },
        "... and at least this many times the median duration of a request";
    WindowMinCompletions "MLX_WINDOW_MIN_COMPLETIONS" Quality, int(0, 1_000_000),
        PerKind { kinds: &[("quick", "16"), ("rate_sweep", "150")], other: "64" },
        "... and until this many requests are answered, or where they come at a rate, for as long as it takes so many to come";
    WindowMaxS "MLX_WINDOW_MAX_S" Quality, seconds(0.1, DAY_S),
        PerKind { kinds: &[("quick", "2.5"), ("rate_sweep", "150")], other: "60" },
        "... but never longer than this, and a window cut short says so";
    TtftLimit "MLX_TTFT_LIMIT_MS" Quality,
        Kind::Number { min: 0.1, max: 86_400_000.0, unit: "milliseconds" }, Computed("none"),
        "TTFT that an answer may take: `tune` looks for the most tokens per second whose TTFT p95 is under it; answers within it count as goodput";
    TpotLimit "MLX_TPOT_LIMIT_MS" Quality,
        Kind::Number { min: 0.1, max: 86_400_000.0, unit: "milliseconds" }, Computed("none"),
        "TPOT that an answer may take; answers within it, and within the limit of TTFT, count as goodput";
    Repeats "MLX_REPEATS" Quality, int(1, 1000),
        PerKind { kinds: &[("control_sweep", "3")], other: "1" },
        "Times to measure each cell, each from a separate server start";
    Finalists "MLX_FINALISTS" Quality, int(0, 64), Always("3"),
        "At the end of a sustained sweep, the best combination and those close to it, this many together, are measured until each has three repeats from separate server starts; 0 leaves them out";
    Order "MLX_ORDER" Quality, Kind::Choice(&["random", "nested"]), Always("random"),
        "Order of the cells that share servers: random, so that a machine that warms up does not look like an effect of the load, or nested as planned";
    Seed "MLX_SEED" Quality, int(0, u32::MAX), Computed("drawn when a run starts, told, and kept with it"),
        "Decides the random order of cells, so that the same number gives the same order again; never sent to a server";
    ReferenceEvery "MLX_REFERENCE_EVERY_S" Quality, seconds(1.0, DAY_S), Always("600"),
        "In a run that lasts longer than this, the first cell of the running servers is measured again at least so often, to see whether the machine has changed";
    DriftLimit "MLX_DRIFT_LIMIT_PCT" Quality, Kind::Number { min: 0.1, max: 100.0, unit: "percent" }, Always("3"),
        "What such a reference may differ by from its first measurement before the cells since it last agreed are flagged";
    ThermalGate "MLX_THERMAL_GATE" Quality, Kind::Switch, Always("1"),
        "In sweeps, hold each cell's GPU clock under load against the highest that the run has seen under such a load; where it has fallen, let the machine cool down and measure the cell again, twice at most, then flag it";
    ClockLimit "MLX_CLOCK_LIMIT_PCT" Quality, Kind::Number { min: 1.0, max: 100.0, unit: "percent" }, Always("97"),
        "Share of the cold GPU clock under which a cell counts as throttled";
    CoolDownMax "MLX_COOL_DOWN_MAX_S" Quality, seconds(1.0, 3600.0), Always("120"),
        "A cool-down ends when the GPU is as cool as before or cools no further, and after this long at the latest";
    TuneBudget "MLX_TUNE_BUDGET_MIN" Quality, Kind::Number { min: 0.1, max: 100_000.0, unit: "minutes" }, Computed("none"),
        "Minutes that `tune` may take in all";
    TuneShare "MLX_TUNE_SHARE_PCT" Quality, Kind::Number { min: 1.0, max: 100.0, unit: "percent" }, Always("25"),
        "Share of the grid's cells that `tune` may measure, repeats among them; six at least, and 240 at most";
    WarmupRequests "MLX_WARMUP_REQUESTS" Quality, int(0, 10_000),
        PerKind { kinds: &[("quick", "1")], other: "2" },
        "Warm-up requests per server before a cell, with the sampling parameters that are measured; then, unless it is 0, all the requests of the cell at once";
    CellPause "MLX_CELL_PAUSE_S" Quality, seconds(0.0, DAY_S), Always("0"),
        "Pause between cells";

    ContinueOnError "MLX_CONTINUE_ON_ERROR" Run, Kind::Switch, Always("1"),
        "Go on after a failed cell; off stops at the first";
    RequestTimeout "MLX_REQUEST_TIMEOUT" Run, seconds(0.1, DAY_S), Always("120"),
        "Seconds until a request counts as failed";
    RetryAttempts "MLX_RETRY_ATTEMPTS" Run, int(0, 1000), Always("8"),
        "Retries of transient HTTP errors, before and after the measured window only";
    RetrySleep "MLX_RETRY_SLEEP_S" Run, seconds(0.0, 3600.0), Always("0.5"),
        "Pause before such a retry";
    Watchdog "MLX_WATCHDOG_S" Run, seconds(1.0, DAY_S), Always("30"),
        "Seconds without a token, with requests in flight, until a server counts as wedged and is restarted; longer where the warm-up shows that the machine needs longer, and while a server is silent but computes, up to the longer of the request and the ready timeout";

    Python "MLX_PYTHON" Tools, Kind::Path, Computed("found: `mlx-throughput-lab doctor` shows which"),
        "Python interpreter that runs `mlx_lm.server`";
    NginxBin "NGINX_BIN" Tools, Kind::Path, Computed("`nginx` on PATH, then Homebrew's places"),
        "nginx binary";
    ResultsDir "MLX_RESULTS_DIR" Tools, Kind::Path, Always("results"),
        "Folder for results";
    RequestsCsv "MLX_REQUESTS_CSV" Tools, Kind::Switch, Always("1"),
        "Write one row per request to `.requests.csv`";
}

impl Var {
    /// The environment variable.
    pub fn name(self) -> &'static str {
        self.into()
    }

    pub fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }
}

/// All settings, in the order in which they are shown.
pub fn all() -> &'static [Spec] {
    TABLE
}

/// mlx's own variables: known, not ours, and inherited by the servers.
pub(crate) const OF_MLX: &[&str] = &[
    "MLX_BFS_MAX_WIDTH",
    "MLX_CUDA_GRAPH_CACHE_SIZE",
    "MLX_DISABLE_COMPILE",
    "MLX_ENABLE_TF32",
    "MLX_HOSTFILE",
    "MLX_IBV_DEVICES",
    "MLX_JACCL_COORDINATOR",
    "MLX_MAX_MB_PER_BUFFER",
    "MLX_MAX_OPS_PER_BUFFER",
    "MLX_METAL_DEBUG",
    "MLX_METAL_FAST_SYNCH",
    "MLX_METAL_GPU_ARCH",
    "MLX_METAL_JIT",
    "MLX_METAL_PATH",
    "MLX_MPI_LIBNAME",
    "MLX_RANK",
    "MLX_RING_VERBOSE",
];

/// The setting whose name is closest to a mistyped one, if any is close.
pub fn nearest(name: &str) -> Option<Var> {
    let name = name.to_ascii_uppercase();
    TABLE
        .iter()
        .map(|spec| (strsim::jaro_winkler(&name, spec.name), spec.var))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.85)
        .map(|(_, var)| var)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_setting_stands_in_the_table_at_its_own_place() {
        assert_eq!(Var::iter().count(), all().len());
        for var in Var::iter() {
            assert_eq!(var.spec().var, var);
            assert_eq!(var.spec().name, var.to_string());
            assert_eq!(Var::from_str(var.name()), Ok(var));
        }
    }

    #[test]
    fn every_default_is_accepted_by_its_own_kind() {
        for spec in all() {
            let texts: Vec<&str> = match spec.default {
                Computed(_) => vec![],
                Always(text) => vec![text],
                PerKind { kinds, other } => {
                    kinds.iter().map(|(_, text)| *text).chain([other]).collect()
                }
            };
            for text in texts {
                assert!(spec.kind.parse(text).is_ok(), "{} = {text}", spec.name);
            }
        }
    }

    #[test]
    fn settings_of_a_group_stand_together() {
        let mut groups: Vec<Group> = all().iter().map(|spec| spec.group).collect();
        groups.dedup();
        assert_eq!(groups, Group::iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_mistyped_name_finds_its_neighbour() {
        assert_eq!(nearest("MLX_MAX_TOKEN"), Some(Var::MaxTokens));
        assert_eq!(nearest("MLX_CONCURENCY"), Some(Var::Concurrency));
        assert_eq!(nearest("mlx_temperatur"), Some(Var::Temperature));
        assert_eq!(nearest("PATH"), None);
    }
}
