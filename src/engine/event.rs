//! The ordered stream that the store, the terminal and the window fold over.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::measure::best::Measured;
use crate::measure::client::CellClient;
use crate::measure::figures::{Figures, Flag, FlagKind};
use crate::measure::flow::SaturatedBy;
use crate::measure::sample::RequestSample;
use crate::measure::saturation::RatePoint;
use crate::monitor::sample::{MachineSample, MachineSummary};
use crate::monitor::thermal::CellThermal;
use crate::plan::tune::{Ended, Purpose};
use crate::plan::{Balancer, Cell, LoadPoint, Plan, ServerPoint};
use crate::prompts::LengthSource;
use crate::units::Secs;

/// How a cell ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CellStatus {
    Ok,
    /// Measured, but a flag says that the figure must not be used.
    Invalid,
    /// Not measured: a server did not start, or died.
    Failed,
    Skipped,
}

/// What the process table says of one server of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerProof {
    pub instance: u32,
    pub pid: u32,
    pub port: u16,
    /// The argument list as read back from the process table.
    pub command: Vec<String>,
    /// What is missing from it or different in it; empty when the flags took effect.
    pub differences: Vec<String>,
}

/// Where a cell's time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CellTimes {
    /// Starting and loading servers, charged to the first cell of a server point.
    pub load_s: f64,
    pub warmup_s: f64,
    pub measure_s: f64,
    /// Liveness checks, reading the process table, writing.
    pub rest_s: f64,
    /// Letting a hot machine cool down. What was measured before it, and replaced, is in the
    /// above.
    #[serde(default)]
    pub cool_down_s: f64,
}

/// Everything known of a finished cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    pub cell: Cell,
    pub status: CellStatus,
    /// `None` where nothing could be measured.
    pub figures: Option<Figures>,
    pub flags: Vec<Flag>,
    /// Why the cell failed, in words: what happened, why, what to do.
    pub error: Option<String>,
    /// The end of a failed server's log.
    pub log_tail: Option<String>,
    pub servers: Vec<ServerProof>,
    pub balancer: Balancer,
    pub machine: MachineSummary,
    #[serde(default)]
    pub thermal: CellThermal,
    /// How far the load was from what the client itself can take.
    #[serde(default)]
    pub client: CellClient,
    pub times: CellTimes,
    /// Wall clock at the cell's start and end, for people and file names; durations are above.
    pub started_at: jiff::Timestamp,
    pub ended_at: jiff::Timestamp,
    /// Where the length of its prompts comes from; `None` where they are sent as they are, and
    /// before it is known.
    #[serde(default)]
    pub prompt_length: Option<LengthSource>,
    /// One entry a request; left out of the event stream's JSON, kept in `.requests.csv`.
    #[serde(skip)]
    pub requests: Vec<RequestSample>,
}

impl CellResult {
    /// A cell of which nothing is known yet; whatever happens to it, what is known is kept.
    pub fn begin(cell: Cell, balancer: Balancer) -> Self {
        let now = jiff::Timestamp::now();
        Self {
            cell,
            status: CellStatus::Ok,
            figures: None,
            flags: Vec::new(),
            error: None,
            log_tail: None,
            servers: Vec::new(),
            balancer,
            machine: MachineSummary::default(),
            thermal: CellThermal::default(),
            client: CellClient::default(),
            times: CellTimes::default(),
            started_at: now,
            ended_at: now,
            prompt_length: None,
            requests: Vec::new(),
        }
    }

    /// The figure that cells are ranked by; `None` where nothing was measured.
    pub fn throughput_tps(&self) -> Option<f64> {
        self.figures.as_ref().map(|figures| figures.throughput_tps)
    }

    /// What it tells of its rate; `None` in a closed loop, and where nothing was measured. A rate at
    /// which too many requests fail is too much.
    pub fn rate_point(&self) -> Option<RatePoint> {
        let rate = self.cell.load.request_rate?;
        let flow = self.figures.as_ref()?.flow;
        let saturated = flow.map_or(Some(SaturatedBy::Achieved), |flow| flow.open?.saturated);
        let invalid = self.status == CellStatus::Invalid;
        Some(RatePoint {
            rate,
            saturated: saturated.or(invalid.then_some(SaturatedBy::Achieved)),
            goodput_rps: flow.and_then(|flow| flow.goodput).map(|good| good.rps),
        })
    }

    /// Its TTFT is over the limit that the search keeps to.
    pub fn is_over_limit(&self) -> bool {
        let over = |flag: &Flag| flag.kind == FlagKind::OverTtftLimit;
        self.flags.iter().any(over)
    }

    /// What ranks its combination; `None` unless it is valid, and within the limit of a search.
    pub fn measurement(&self) -> Option<Measured<(&ServerPoint, &LoadPoint)>> {
        let figures = self.figures.as_ref().filter(|_| !self.is_over_limit());
        let figures = figures.filter(|_| self.status == CellStatus::Ok)?;
        (figures.throughput_tps > 0.0).then(|| Measured {
            combination: self.cell.combination(),
            throughput_tps: figures.throughput_tps,
            within: figures.intervals.throughput_tps,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    Info,
    Warning,
    Problem,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason", content = "detail")]
pub enum RunEnd {
    /// Every cell was run.
    Completed,
    /// The user stopped it.
    Stopped,
    /// A cell failed and `MLX_CONTINUE_ON_ERROR` is off, or nothing could be started.
    Failed(String),
}

/// Where a run's time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RunTimes {
    pub total_s: f64,
    pub load_s: f64,
    pub warmup_s: f64,
    pub measure_s: f64,
    pub rest_s: f64,
    #[serde(default)]
    pub cool_down_s: f64,
    pub server_starts: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EngineEvent {
    RunStarted {
        /// The plan whole; `first_cell..` of a resumed run are those still to do.
        plan: Box<Plan>,
        /// Cells that an earlier run of the same file has finished.
        already_done: u32,
        started_at: jiff::Timestamp,
    },
    Notice {
        level: NoticeLevel,
        text: String,
    },
    ServerStarting {
        instance: u32,
        port: u16,
        command: Vec<String>,
        log: PathBuf,
    },
    ServerReady {
        instance: u32,
        pid: u32,
        load_s: f64,
    },
    ServerStopped {
        instance: u32,
        detail: String,
    },
    BalancerStarted {
        balancer: Balancer,
        port: Option<u16>,
        command: Vec<String>,
    },
    CellStarted {
        cell: Cell,
        /// Of all cells of the plan.
        done: u32,
        total: u32,
    },
    CellFinished {
        result: Box<CellResult>,
        done: u32,
        total: u32,
        elapsed_s: f64,
        /// From measured cell and load times; `None` before the first.
        left_s: Option<f64>,
    },
    /// The running cell's GPU clock was under the limit: the machine rests before the cell is
    /// measured again.
    CoolingDown {
        /// Position in the plan.
        cell: u32,
        clock_mhz: f64,
        cold_mhz: f64,
        /// Which repeat follows, from 1, and how many there may be.
        repeat: u32,
        of: u32,
    },
    /// The rest is over, and the cell is measured again.
    CooledDown {
        cell: u32,
        waited_s: f64,
    },
    /// A cell is measured once more on the servers of its first measurement; until
    /// `ReferenceMeasured` or `ReferenceLost`, live snapshots are of it.
    ReferenceStarted {
        cell: Cell,
    },
    /// It was not, or not soundly, measured once more: skipped, or a request failed.
    ReferenceLost {
        /// Position in the plan.
        cell: u32,
        why: String,
    },
    /// A cell was measured once more, to see whether the machine still measures what it did.
    ReferenceMeasured {
        reference: Box<Reference>,
    },
    /// A search added cells to the plan; they are kept with it, so that a resume knows them.
    PlanExtended {
        cells: Vec<Cell>,
    },
    Machine(Box<MachineSample>),
    RunFinished {
        end: RunEnd,
        /// The fastest valid repeat of the best combination, which ranks by the mean of its
        /// repeats.
        best: Option<Box<CellResult>>,
        times: RunTimes,
    },
    /// Before the cell that it is of starts, and before the run finishes.
    Search(SearchNews),
}

/// A reference cell's second measurement, on the servers of its first. It is no cell of the run:
/// it has no row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Position in the plan.
    pub cell: u32,
    pub first_tps: f64,
    pub again_tps: f64,
    /// `again_tps / first_tps - 1`.
    pub change: f64,
    /// Seconds between the ends of the two measurements.
    pub after_s: f64,
    /// What `change` may be, either way.
    pub limit: f64,
    /// Cells (by position in the plan) measured since the reference last agreed, where it does not
    /// any more: each is flagged.
    pub drifted: Vec<u32>,
    pub at: jiff::Timestamp,
}

impl Reference {
    pub fn is_drift(&self) -> bool {
        self.change.abs() > self.limit
    }

    /// What was seen, in words.
    pub fn sentence(&self) -> String {
        let (limit_pct, after) = (self.limit * 100.0, Secs(self.after_s));
        format!(
            "the reference cell gave {:.1} tokens/s after {after} and {:.1} at first: \
             {:+.1} %, {} the {limit_pct:.1} % that it may differ by{}",
            self.again_tps,
            self.first_tps,
            self.change * 100.0,
            if self.is_drift() { "above" } else { "within" },
            if self.is_drift() {
                ". What was measured since it last agreed is flagged; let the machine come to rest \
                 and measure it again"
            } else {
                ""
            }
        )
    }

    /// The flag of each cell that drifted.
    pub fn flag(&self) -> Flag {
        Flag {
            kind: FlagKind::Drift,
            detail: self.sentence(),
        }
    }
}

/// What a search says of its path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum SearchNews {
    /// Why the cell that starts now, by its index, was chosen.
    Next { cell: u32, purpose: Purpose },
    /// There is no next one.
    Ended {
        why: Ended,
        /// Whether the best has as many repeats as it is to have; `None` where there is no best.
        confirmed: Option<bool>,
        /// Measurements in all, and the combinations that they are of.
        measured: u32,
        combinations: u32,
        /// Of the whole grid.
        of_combinations: u32,
    },
}

impl SearchNews {
    /// As a sentence: "28 of 144 cells were measured (30 measurements); no other promises to be
    /// better."
    pub fn sentence(&self) -> Option<String> {
        let Self::Ended {
            why,
            confirmed,
            measured,
            combinations,
            of_combinations,
        } = self
        else {
            return None;
        };
        let doubt = match confirmed {
            Some(false) => {
                " The best has fewer than 3 repeats: a larger budget or share \
                 (MLX_TUNE_BUDGET_MIN, MLX_TUNE_SHARE_PCT) would confirm it."
            }
            _ => "",
        };
        Some(format!(
            "{combinations} of {of_combinations} cells were measured, in {measured} measurements; {}.{doubt}",
            why.words()
        ))
    }
}

/// The latest state of the running cell; only the newest is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveSnapshot {
    pub cell: Option<Cell>,
    pub in_flight: u32,
    pub completed: u32,
    pub failed: u32,
    /// Over the last two seconds, from streamed chunks.
    pub tokens_per_second: Option<f64>,
    pub elapsed_s: f64,
}
