//! What the pictures' runs measured: made up, but as a machine behaves.

use std::path::{Path, PathBuf};

use jiff::ZonedDateTime;

use super::stage::provenance;
use crate::engine::event::{CellResult, EngineEvent};
use crate::measure::figures::Percentiles;
use crate::measure::sample::{Chunk, RequestSample, Usage};
use crate::monitor::energy::{Energy, EnergySource};
use crate::monitor::sample::MachineSample;
use crate::plan::{Cell, ModelRef, Plan};
use crate::store::recorder::Recorder;
use crate::store::testing;
use crate::units::Bytes;

/// Tokens per second: more requests at once give more, until the server's batch is full.
pub fn throughput_tps(cell: &Cell) -> f64 {
    let users = f64::from(cell.load.concurrency);
    let batch = f64::from(cell.point.decode_concurrency.unwrap_or(32));
    let crowding = if users > batch { 0.94 } else { 1.0 };
    71.3 * users.min(batch).powf(0.72) * crowding * (1.0 - batch / 2_000.0)
}

/// Puts into `result` what the cell measures.
pub fn measure(result: &mut CellResult) {
    let tps = throughput_tps(&result.cell);
    let users = result.cell.load.concurrency;
    result.flags.clear();
    result.requests = requests(users, tps);
    let Some(figures) = &mut result.figures else {
        return;
    };
    let per_user = tps / f64::from(users);
    figures.errors.clear();
    figures.requests = result.requests.len() as u32;
    figures.throughput_tps = tps;
    figures.batch_tps = tps;
    figures.tps_per_user = per_user;
    figures.total_tokens = u64::from(figures.requests) * 128;
    figures.window_tokens = Some(tps * 20.0);
    figures.window_completions = Some(figures.requests);
    let count = figures.requests;
    let spread = |base: f64| Percentiles {
        n: count,
        ..testing::percentiles(base)
    };
    figures.ttft = spread(0.041 + 0.012 * f64::from(users));
    figures.tpot = spread(1.0 / per_user);
    figures.itl = spread(1.0 / per_user);
    figures.e2e = spread(128.0 / per_user);
    figures.connect_retries = 0;
    figures.connect_retry_s = 0.0;
    result.machine.gpu_mean = Some(0.97);
    result.machine.system_power_mean_w = Some(52.4);
    result.machine.energy = Some(Energy {
        j_per_token: 52.4 / tps,
        idle_subtracted_j_per_token: Some(46.5 / tps),
        source: EnergySource::System,
    });
    result.machine.memory_peak = Some(Bytes(9_400_000_000));
}

/// As it is seen `at_s` seconds into the cell: it starts with prompts, which give no tokens.
pub fn live_tps(cell: &Cell, at_s: f64) -> f64 {
    throughput_tps(cell) * (1.0 - (-at_s / 1.5).exp())
}

/// Between 0 and 1, other for each `n`.
fn scattered(n: u32) -> f64 {
    f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
}

/// `users` at once, three one after the other each.
fn requests(users: u32, tps: f64) -> Vec<RequestSample> {
    let answer_s = 128.0 * f64::from(users) / tps;
    let all = (0..3).flat_map(|round| (0..users).map(move |user| (round, user)));
    all.map(|(round, user)| {
        let index = round * users + user;
        let due_s = f64::from(round) * answer_s * 1.04 + 0.02 * scattered(index);
        let first_s = due_s + 0.041 + 0.012 * f64::from(users) * (0.6 + scattered(index + 977));
        let last_s = first_s + answer_s * (0.92 + 0.08 * scattered(index + 31));
        RequestSample {
            index,
            instance: Some(0),
            due_s,
            dispatched_s: due_s,
            connected_s: Some(due_s + 0.000_4),
            headers_s: Some(due_s + 0.004),
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: Some(first_s),
            last_token_s: Some(last_s),
            end_s: last_s + 0.000_2,
            connect_retries: 0,
            connect_wait_s: 0.000_4,
            chunks: vec![
                Chunk {
                    at_s: first_s,
                    text_len: 4,
                },
                Chunk {
                    at_s: last_s,
                    text_len: 500,
                },
            ],
            usage: Usage {
                prompt_tokens: 58,
                completion_tokens: 128,
                cached_tokens: None,
            },
            finish_reason: Some("length".to_owned()),
            error: None,
        }
    })
    .collect()
}

/// What the sensors of a Mac say `at_s` seconds into a cell.
pub fn machine(at_s: f64, sample: &mut MachineSample) {
    let n = (sample.at_s * 10.0) as u32;
    let wave = (at_s / 3.0).sin() * 0.02;
    sample.cpu = Some(0.21 + 0.05 * scattered(n));
    sample.gpu = Some((0.95 + wave + 0.02 * scattered(n + 7)).min(1.0));
    sample.gpu_clock_mhz = Some(1_380.0 - 60.0 * scattered(n + 3));
    sample.gpu_power_w = Some(38.0 + 4.0 * scattered(n + 5));
    sample.system_power_w = Some(52.0 + 5.0 * scattered(n + 5));
    sample.gpu_temperature_c = Some(61.0 + sample.at_s / 20.0);
    sample.memory_total = Some(Bytes(64_000_000_000));
    sample.memory_used = Some(Bytes(22_600_000_000 + u64::from(n) * 3_000_000));
}

/// A finished run on disk, with the figures times `factor`.
pub fn recorded(
    dir: &Path,
    model: &str,
    moment: &ZonedDateTime,
    mlx: &str,
    factor: impl Fn(&Cell) -> f64,
) -> PathBuf {
    let mut plan: Plan = testing::plan(dir, 0);
    plan.model = ModelRef {
        path: model.to_owned(),
        label: model.to_owned(),
        synthetic: false,
    };
    for decode in [8, 32, 64] {
        for concurrency in [1, 4, 16, 32, 64] {
            let mut cell = testing::cell(plan.cells.len() as u32, Some(decode), concurrency);
            cell.point.instances = 1;
            cell.point.flags.clear();
            plan.cells.push(cell);
        }
    }
    let mut provenance = provenance(model);
    provenance.software["mlx"] = mlx.into();
    let mut recorder = Recorder::create(&plan, provenance, moment).expect("a new run");
    for cell in &plan.cells {
        let mut result = testing::result(cell);
        measure(&mut result);
        if let Some(figures) = &mut result.figures {
            figures.throughput_tps *= factor(cell);
        }
        let finished = EngineEvent::CellFinished {
            result: Box::new(result),
            done: cell.index + 1,
            total: plan.cells.len() as u32,
            elapsed_s: f64::from(cell.index + 1) * 12.0,
            left_s: None,
        };
        recorder.record(&finished).expect("a row");
    }
    recorder.files().csv().to_owned()
}
