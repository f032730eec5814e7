//! What the load client itself can do, and how exact its instants are (measurement rule 8).
//!
//! ```text
//! this process: schedule ──▶ client ──┐ loopback ┌──▶ test server, a process of its own
//! python_client.py, where there is one ┘          └──▶ GET /truth: when it wrote each chunk
//! ```
//!
//! The client that is measured is [`schedule::run`], the very code that measures servers, unchanged.
//! At each concurrency it takes a paced load, well below what it can do, for streams held and for the
//! error of its instants, and a load at full speed for its ceiling.

mod bare;
pub mod clock;
mod process;
mod python;
mod quiet;
pub mod script;
pub mod server;
pub mod stamps;
pub mod verdicts;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::clock::Bridging;
use self::process::ServerProcess;
pub use self::quiet::quietly;
use self::script::Script;
use super::limits::allow_open_files;
use super::prompts::{PromptSource, PromptText};
use super::schedule::{self, Amount, LoadSpec};
use super::{Live, Target, TargetError};
use crate::measure::LoadOutcome;
use crate::measure::figures::Percentiles;
use crate::measure::stats::{MIN_N_P99, percentiles};

/// All streams of a paced load together, in chunks per second: a fraction of what one slow core can
/// do, so that the error is the client's and not that of a full machine.
const PACED_CHUNKS_PER_S: u64 = 4000;
/// No stream is faster than this, in microseconds between chunks: 50 tokens/s.
const LEAST_GAP_US: u64 = 20_000;
const TTFT_US: u64 = 20_000;
/// Chunks at full speed, for each second that a paced load takes.
const FULL_CHUNKS_PER_S: f64 = 50_000.0;
/// It is compared at the largest concurrency up to this: a thread for each stream.
const PYTHON_STREAMS: u32 = 64;
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);
/// Every handshake goes straight through: the test server's queue is long, and how handshakes are
/// paced for a short one is measured elsewhere.
const UNPACED: u32 = 1_000_000;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Selftest {
    /// Our own binary, which holds the test server.
    pub program: PathBuf,
    /// Streams at a time, one row of figures each.
    pub concurrencies: Vec<u32>,
    /// How long each paced load takes, about.
    pub paced_s: f64,
    /// The Python to compare with.
    pub python: Option<PathBuf>,
    /// By how much the server's stamps lie, in microseconds (see [`Script::shift_us`]); for tests.
    pub shift_us: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum SelftestError {
    #[error("the test server could not be used: {0}")]
    Server(#[from] io::Error),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("the client's answers and the test server's do not match: {0}")]
    Mismatch(String),
    #[error("cancelled")]
    Cancelled,
}

/// All figures of one self-test.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    pub cores: usize,
    /// What else the machine had to do: its load average over the minute before.
    pub load_average_before: Option<f64>,
    pub optimised: bool,
    pub rows: Vec<Row>,
    pub python: Option<Compared>,
    /// Why there is no comparison with Python.
    pub without_python: Option<String>,
}

/// One concurrency.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub streams: u32,
    /// Why it was not measured: the system allows too few open files.
    pub refused: Option<String>,
    pub paced: Option<Paced>,
    pub full_speed: Option<FullSpeed>,
}

/// Chunks, and what they took. The processor time is that of the whole client process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Work {
    pub chunks: u64,
    pub wall_s: f64,
    pub cpu_s: f64,
}

impl Work {
    pub fn chunks_per_s(&self) -> f64 {
        self.chunks as f64 / self.wall_s
    }

    pub fn cpu_us_per_chunk(&self) -> f64 {
        self.cpu_s * 1e6 / self.chunks as f64
    }

    /// Chunks for each second of one core.
    pub fn chunks_per_core_s(&self) -> f64 {
        self.chunks as f64 / self.cpu_s
    }

    /// Cores in use, on average.
    pub fn cores(&self) -> f64 {
        self.cpu_s / self.wall_s
    }
}

/// Requests and how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ends {
    pub requests: u32,
    /// Those whose every chunk came, with usage and end mark.
    pub complete: u32,
    /// The most streams that were open at one instant.
    pub held: u32,
    pub connect_repeats: u32,
    pub first_error: Option<String>,
}

/// A load below saturation.
#[derive(Debug, Clone, Serialize)]
pub struct Paced {
    pub ends: Ends,
    pub work: Work,
    /// Absolute errors against the server's instants.
    pub ttft_error: Percentiles,
    pub itl_error: Percentiles,
}

/// A load as fast as it goes: the test server, on one thread, may be what is in the way.
#[derive(Debug, Clone, Serialize)]
pub struct FullSpeed {
    pub ends: Ends,
    pub work: Work,
}

/// The Python client, and ours at the same loads of the same run.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    pub streams: u32,
    pub paced: Work,
    pub full_speed: Work,
    pub ours_paced: Work,
    pub ours_full_speed: Work,
    /// A loop that reads the same, as soon as it comes, and looks at nothing.
    pub bare_paced: Work,
    pub bare_full_speed: Work,
}

impl Compared {
    /// How many times as many chunks our client takes for a second of one core: paced, full speed.
    pub fn ratios(&self) -> (f64, f64) {
        (
            times(&self.ours_paced, &self.paced),
            times(&self.ours_full_speed, &self.full_speed),
        )
    }

    /// The same of a loop that only reads: about as far as a client can come.
    pub fn most(&self) -> (f64, f64) {
        (
            times(&self.bare_paced, &self.paced),
            times(&self.bare_full_speed, &self.full_speed),
        )
    }
}

fn times(ours: &Work, theirs: &Work) -> f64 {
    theirs.cpu_us_per_chunk() / ours.cpu_us_per_chunk()
}

impl Findings {
    /// Streams that did not come to their end.
    pub fn broken(&self) -> u32 {
        let broken = |ends: &Ends| ends.requests - ends.complete;
        self.rows
            .iter()
            .flat_map(|row| {
                let paced = row.paced.iter().map(|paced| broken(&paced.ends));
                paced.chain(row.full_speed.iter().map(|full| broken(&full.ends)))
            })
            .sum()
    }

    /// The most chunks per second at full speed, and at how many streams.
    pub fn ceiling(&self) -> Option<(f64, u32)> {
        let rates = self.rows.iter().filter_map(|row| {
            let full = row.full_speed.as_ref()?;
            Some((full.work.chunks_per_s(), row.streams))
        });
        rates.max_by(|a, b| a.0.total_cmp(&b.0))
    }

    pub fn row(&self, streams: u32) -> Option<&Row> {
        self.rows.iter().find(|row| row.streams == streams)
    }
}

/// One load: what is asked of the server, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    streams: u32,
    requests: u32,
    chunks: u32,
    script: Script,
}

impl Load {
    fn paced(streams: u32, wanted_s: f64, shift_us: i64) -> Self {
        let gap_us = (u64::from(streams) * 1_000_000 / PACED_CHUNKS_PER_S).max(LEAST_GAP_US);
        // Several waves where that gives a p99 of the TTFT its samples.
        let waves = match streams as usize {
            few if few < MIN_N_P99 / 3 => 1,
            some if some < MIN_N_P99 => MIN_N_P99.div_ceil(some) as u32,
            _ => 1,
        };
        let chunks = (wanted_s * 1e6 / (gap_us * u64::from(waves)) as f64).ceil();
        Self {
            streams,
            requests: streams * waves,
            chunks: (chunks as u32).max(4),
            script: Script {
                ttft_us: TTFT_US,
                gap_us,
                shift_us,
                stamped: true,
            },
        }
    }

    fn full_speed(streams: u32, paced_s: f64) -> Self {
        let chunks = (paced_s * FULL_CHUNKS_PER_S) as u32 / streams;
        Self {
            streams,
            requests: streams,
            chunks: chunks.max(20),
            script: Script::default(),
        }
    }
}

/// What measuring needs.
struct Bench<'a> {
    server: &'a ServerProcess,
    target: Target,
    cancel: &'a CancellationToken,
}

/// Measures everything. `tell` gets a line of progress before each load.
///
/// # Errors
/// The test server cannot be used, its answers are not the client's, or `cancel`.
pub async fn run(
    asked: &Selftest,
    tell: &(dyn Fn(&str) + Send + Sync),
    cancel: &CancellationToken,
) -> Result<Findings, SelftestError> {
    let mut findings = Findings {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        load_average_before: sysinfo::System::load_average().ok().map(|load| load.one),
        optimised: !cfg!(debug_assertions),
        ..Findings::default()
    };
    let allowed: Vec<(u32, Option<String>)> = asked
        .concurrencies
        .iter()
        .map(|n| (*n, allow_open_files(*n).err().map(|e| e.to_string())))
        .collect();
    let most = allowed
        .iter()
        .filter(|(_, refused)| refused.is_none())
        .map(|(n, _)| *n)
        .max();
    let server = ServerProcess::start(&asked.program, most.unwrap_or(1)).await?;
    let bench = Bench {
        server: &server,
        target: Target::direct_with_backlog(&[server.addr], UNPACED)?,
        cancel,
    };
    for (streams, refused) in allowed {
        let mut row = Row {
            streams,
            refused,
            paced: None,
            full_speed: None,
        };
        if row.refused.is_none() {
            tell(&format!("{streams} streams, paced"));
            row.paced = Some(
                bench
                    .paced(Load::paced(streams, asked.paced_s, asked.shift_us))
                    .await?,
            );
            tell(&format!("{streams} streams, at full speed"));
            let load = Load::full_speed(streams, asked.paced_s);
            row.full_speed = Some(bench.full_speed(load).await?);
        }
        findings.rows.push(row);
    }
    match bench.beside_python(asked, &findings, tell).await? {
        Ok(compared) => findings.python = Some(compared),
        Err(why) => findings.without_python = Some(why),
    }
    server.stop().await;
    Ok(findings)
}

impl Bench<'_> {
    async fn load(&self, load: &Load) -> Result<(LoadOutcome, Work), SelftestError> {
        let spec = LoadSpec {
            concurrency: load.streams,
            amount: Amount::Fixed(load.requests),
            max_tokens: load.chunks,
            temperature: 0.0,
            stream: true,
            prompt: PromptText::unique(&load.script.to_string()),
            prompts: PromptSource::new(),
            timeout: REQUEST_TIMEOUT,
        };
        let (cpu, began) = (clock::cpu(), Instant::now());
        let outcome = schedule::run(&spec, &self.target, &Live::unwatched(), self.cancel).await;
        let work = Work {
            chunks: outcome.samples.iter().map(|s| s.chunks.len() as u64).sum(),
            wall_s: began.elapsed().as_secs_f64(),
            cpu_s: clock::cpu().saturating_sub(cpu).as_secs_f64(),
        };
        if outcome.cancelled {
            return Err(SelftestError::Cancelled);
        }
        Ok((outcome, work))
    }

    async fn paced(&self, load: Load) -> Result<Paced, SelftestError> {
        let bridging = Bridging::start();
        let (outcome, work) = self.load(&load).await?;
        let bridge = bridging.end();
        let truth = self.server.truth().await?;
        let epoch = outcome.epoch.unwrap_or_else(Instant::now);
        let ns = |at_s: f64| bridge.ns(epoch + Duration::from_secs_f64(at_s));
        let errors =
            stamps::errors(&outcome.samples, &truth, ns).map_err(SelftestError::Mismatch)?;
        Ok(Paced {
            ends: ends(&load, &outcome),
            work,
            ttft_error: percentiles(errors.ttft_s),
            itl_error: percentiles(errors.itl_s),
        })
    }

    async fn full_speed(&self, load: Load) -> Result<FullSpeed, SelftestError> {
        let (outcome, work) = self.load(&load).await?;
        Ok(FullSpeed {
            ends: ends(&load, &outcome),
            work,
        })
    }

    /// The inner error says why there is nothing to compare with.
    async fn beside_python(
        &self,
        asked: &Selftest,
        findings: &Findings,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Result<Compared, String>, SelftestError> {
        let Some(python) = &asked.python else {
            return Ok(Err("no Python was found".to_owned()));
        };
        let row = findings
            .rows
            .iter()
            .filter(|row| row.streams <= PYTHON_STREAMS)
            .max_by_key(|row| row.streams);
        let ours = row.and_then(|row| {
            let works = row.paced.as_ref()?.work;
            Some((row.streams, works, row.full_speed.as_ref()?.work))
        });
        let Some((streams, ours_paced, ours_full_speed)) = ours else {
            return Ok(Err(format!(
                "it is compared at {PYTHON_STREAMS} streams or fewer, and none such was measured"
            )));
        };
        let url = format!("http://{}/v1/chat/completions", self.server.addr);
        let mut works = Vec::new();
        let mut bare = Vec::new();
        for (what, load) in [
            ("paced", Load::paced(streams, asked.paced_s, 0)),
            ("at full speed", Load::full_speed(streams, asked.paced_s)),
        ] {
            tell(&format!("{streams} streams of a bare read loop, {what}"));
            match bare::measure(self.server.addr, load, self.cancel).await {
                Ok(work) => bare.push(work),
                Err(_) if self.cancel.is_cancelled() => return Err(SelftestError::Cancelled),
                Err(error) => return Err(error.into()),
            }
            tell(&format!("{streams} streams of the Python client, {what}"));
            let prompt = load.script.to_string();
            let measured =
                python::measure(python, &url, streams, load.requests, load.chunks, &prompt);
            let measured = tokio::select! {
                measured = measured => measured,
                () = self.cancel.cancelled() => return Err(SelftestError::Cancelled),
            };
            match measured {
                Ok(work) => works.push(work),
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(Compared {
            streams,
            paced: works[0],
            full_speed: works[1],
            ours_paced,
            ours_full_speed,
            bare_paced: bare[0],
            bare_full_speed: bare[1],
        }))
    }
}

fn ends(load: &Load, outcome: &LoadOutcome) -> Ends {
    let whole = |sample: &&_| {
        let sample: &crate::measure::sample::RequestSample = sample;
        sample.ok() && sample.chunks.len() == load.chunks as usize
    };
    let errors = outcome.samples.iter().filter_map(|s| s.error.as_ref());
    Ends {
        requests: load.requests,
        complete: outcome.samples.iter().filter(whole).count() as u32,
        held: stamps::most_at_once(
            outcome
                .samples
                .iter()
                .filter(whole)
                .filter_map(|s| Some((s.headers_s?, s.end_s))),
        ),
        connect_repeats: outcome.samples.iter().map(|s| s.connect_retries).sum(),
        first_error: errors.map(ToString::to_string).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paced_load_stays_below_its_rate_and_has_the_samples_for_a_p99() {
        for streams in [1, 16, 64, 256, 1024, 4096] {
            let load = Load::paced(streams, 4.0, 0);
            let rate = f64::from(streams) * 1e6 / load.script.gap_us as f64;
            assert!(rate <= PACED_CHUNKS_PER_S as f64 + 1.0, "{streams}: {rate}");
            if streams >= 256 {
                assert!(load.requests as usize >= MIN_N_P99, "{streams}");
            }
            assert!(load.chunks >= 4 && load.requests.is_multiple_of(streams));
        }
        assert_eq!(Load::paced(256, 4.0, 0).requests, 768);
    }

    #[test]
    fn work_is_told_per_chunk_per_second_and_per_core() {
        let work = |cpu_s| Work {
            chunks: 1000,
            wall_s: 2.0,
            cpu_s,
        };
        let ours = work(0.01);
        assert!((ours.chunks_per_s() - 500.0).abs() < 1e-9);
        assert!((ours.cpu_us_per_chunk() - 10.0).abs() < 1e-9);
        assert!((ours.chunks_per_core_s() - 100_000.0).abs() < 1e-6);
        assert!((ours.cores() - 0.005).abs() < 1e-9);
        let compared = Compared {
            streams: 64,
            paced: work(0.05),
            full_speed: work(0.2),
            ours_paced: ours,
            ours_full_speed: ours,
            bare_paced: work(0.005),
            bare_full_speed: ours,
        };
        let (most_paced, most_full) = compared.most();
        assert!((most_paced - 10.0).abs() < 1e-9 && (most_full - 20.0).abs() < 1e-9);
        let (paced, full) = compared.ratios();
        assert!((paced - 5.0).abs() < 1e-9 && (full - 20.0).abs() < 1e-9);
    }
}
