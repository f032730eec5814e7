//! What the figures of a cell cost once its load is over, and the best of a long run.
//!
//! `cargo bench --bench statistics`

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use mlx_throughput_lab::measure::best::{Measured, rank_measured};
use mlx_throughput_lab::measure::interval::{Interval, Statistic, of_latency, of_throughput};
use mlx_throughput_lab::measure::sample::{Chunk, RequestSample, Usage};
use mlx_throughput_lab::measure::stats::percentiles;
use mlx_throughput_lab::measure::steady::unsteady;
use mlx_throughput_lab::measure::window::within;
use mlx_throughput_lab::measure::{Asked, LoadOutcome, Window, summarise};

/// A cell of twenty seconds: 64 requests in flight, 128 tokens each at 50 tokens/s.
const SLOTS: u32 = 64;
const REQUESTS: u32 = 512;
const TOKENS: u32 = 128;
const GAP_S: f64 = 0.02;
/// Cells of a long run, each measured three times.
const CELLS: u32 = 10_000;
const REPEATS: u32 = 3;

/// Between 0 and 1, other for each `n`.
fn scattered(n: u32) -> f64 {
    f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)
}

fn request(index: u32) -> RequestSample {
    let whole_s = f64::from(TOKENS) * GAP_S;
    let due_s = f64::from(index / SLOTS) * whole_s + 0.3 * scattered(index);
    let first_s = due_s + 0.05 + 0.1 * scattered(index + 7);
    let at_s = |chunk: u32| first_s + f64::from(chunk) * GAP_S + 0.002 * scattered(index ^ chunk);
    let last_s = at_s(TOKENS - 1);
    RequestSample {
        index,
        instance: Some(0),
        due_s,
        dispatched_s: due_s,
        connected_s: Some(due_s + 0.001),
        headers_s: Some(first_s - 0.001),
        prefill_start_s: None,
        prefill_end_s: None,
        first_token_s: Some(at_s(0)),
        last_token_s: Some(last_s),
        end_s: last_s + 0.001,
        connect_retries: 0,
        connect_wait_s: 0.001,
        chunks: (0..TOKENS)
            .map(|chunk| Chunk {
                at_s: at_s(chunk),
                text_len: 5,
            })
            .collect(),
        usage: Usage {
            prompt_tokens: 40,
            completion_tokens: TOKENS,
            cached_tokens: Some(0),
        },
        finish_reason: Some("length".to_owned()),
        error: None,
    }
}

fn main() {
    let samples: Vec<RequestSample> = (0..REQUESTS).map(request).collect();
    let window = Window {
        start_s: 1.0,
        end_s: 19.0,
        capped: false,
    };
    let (tokens, _) = within(&samples, &window);
    let tps = tokens / window.length_s();
    let latencies: Vec<f64> = samples.iter().filter_map(RequestSample::ttft_s).collect();
    let asked = Asked {
        mode: mlx_throughput_lab::measure::figures::Mode::Sustained,
        concurrency: SLOTS,
        max_tokens: TOKENS,
        instances: 1,
    };
    let outcome = LoadOutcome {
        samples: samples.clone(),
        window: Some(window),
        ..LoadOutcome::default()
    };

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("statistics");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2));
    group.bench_function("percentiles, 512 latencies", |bencher| {
        bencher.iter(|| percentiles(black_box(&latencies).iter().copied()));
    });
    group.bench_function("interval of a throughput, batch means", |bencher| {
        bencher.iter(|| of_throughput(black_box(&samples), &window, tps));
    });
    group.bench_function("interval of a latency, bootstrap", |bencher| {
        bencher.iter(|| of_latency(black_box(&latencies), SLOTS, Statistic::Median));
    });
    group.bench_function("steady state or not", |bencher| {
        bencher.iter(|| unsteady(black_box(&samples), &window));
    });
    group.bench_function("all figures of a cell, 65,536 chunks", |bencher| {
        bencher.iter(|| summarise(black_box(&outcome), &asked));
    });

    let measured: Vec<Measured<u32>> = (0..CELLS * REPEATS)
        .map(|n| {
            let throughput_tps = 100.0 + 500.0 * scattered(n / REPEATS) + 5.0 * scattered(n);
            Measured {
                combination: n / REPEATS,
                throughput_tps,
                within: Interval::new(throughput_tps * 0.98, throughput_tps * 1.02),
            }
        })
        .collect();
    group.throughput(Throughput::Elements(u64::from(CELLS)));
    group.bench_function("best and ties of 10,000 cells, 3 repeats", |bencher| {
        bencher.iter(|| rank_measured(black_box(&measured)));
    });
    group.finish();
    criterion.final_summary();
}
