//! The sustained window: as long as the rule asks, and credited by arrival.

use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::load::Amount;
use mlx_throughput_lab::measure::figures::{Figures, FlagKind, Mode};
use mlx_throughput_lab::measure::flow::Limits;
use mlx_throughput_lab::measure::sample::{ErrorClass, RequestSample};
use mlx_throughput_lab::measure::{Asked, Context, LoadOutcome, summarise, verdict};
use mlx_throughput_lab::plan::WindowRule;

use crate::common::{direct, fixed, ms, run};
use crate::support::{Answer, Script, Server, Step, What};

fn rule(min_s: f64, min_e2e: f64, min_completions: u32, max_s: f64) -> Amount {
    Amount::Sustained(WindowRule {
        min_s,
        min_e2e,
        min_completions,
        max_s,
    })
}

/// 20 tokens in about 200 ms.
fn steady() -> Server {
    let answer = Answer {
        to_headers: ms(10),
        gap: ms(10),
        chunks: 20,
        ..Answer::default()
    };
    Server::start(move |r| answer.to(&r.body))
}

async fn sustain(server: &Server, amount: Amount, stream: bool) -> (LoadOutcome, Figures) {
    let mut spec = fixed(0, 4);
    spec.amount = amount;
    spec.max_tokens = 20;
    spec.stream = stream;
    let outcome = run(&spec, &direct(&[server])).await;
    let asked = Asked {
        mode: Mode::Sustained,
        concurrency: 4,
        max_tokens: 20,
        instances: 1,
        batches: None,
        limits: Limits::default(),
    };
    let figures = summarise(&outcome, &asked);
    (outcome, figures)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_is_as_long_as_asked_and_holds_what_the_server_sent_in_it() {
    let server = steady();
    let started = Instant::now();
    let (outcome, figures) = sustain(&server, rule(1.0, 3.0, 4, 20.0), true).await;
    let window = outcome.window.unwrap();
    assert!(!window.capped);
    assert!(
        window.length_s() >= 1.0 && window.length_s() < 1.5,
        "{window:?}"
    );
    assert!(figures.window_completions.unwrap() >= 4);
    // All were let to end, so all are known.
    assert!(
        outcome.samples.iter().all(RequestSample::ok),
        "{:?}",
        figures.errors
    );
    assert_eq!(outcome.abandoned, 0);
    // It opens once the first wave has its first tokens, after 10 ms and some.
    assert!(window.start_s >= 0.01 && window.start_s < 0.3, "{window:?}");

    let sent: Vec<Instant> = server
        .wait_for(outcome.samples.len())
        .await
        .iter()
        .flat_map(|e| e.at(What::Text))
        .collect();
    assert_eq!(sent.len() as u64, figures.total_tokens);
    // The server's clock against the run's, to within a few milliseconds.
    let within = sent
        .iter()
        .map(|at| (*at - started).as_secs_f64())
        .filter(|s| *s > window.start_s && *s <= window.end_s)
        .count() as f64;
    let credited = figures.window_tokens.unwrap();
    assert!(
        (credited / within - 1.0).abs() < 0.05,
        "{credited} credited, {within} sent"
    );
    let tps = credited / window.length_s();
    assert!((figures.throughput_tps - tps).abs() < 1e-9);
    // The whole batch is stored beside it.
    let batch_tps = figures.total_tokens as f64 / figures.elapsed_s;
    assert!((figures.batch_tps - batch_tps).abs() < 1e-9);
}

#[tokio::test]
async fn merged_chunks_are_credited_like_single_ones() {
    let answer = Answer {
        gap: ms(50),
        chunks: 4,
        tokens_per_chunk: 5,
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let (outcome, figures) = sustain(&server, rule(0.8, 0.0, 1, 20.0), true).await;
    assert_eq!(figures.total_tokens, 20 * outcome.samples.len() as u64);
    // Four slots, each 20 tokens in its E2E: the window's rate has to come near that.
    let expected = 4.0 * 20.0 / figures.e2e.mean_s.unwrap();
    let ratio = figures.throughput_tps / expected;
    assert!(
        (0.85..1.15).contains(&ratio),
        "{} of {expected}",
        figures.throughput_tps
    );
}

#[tokio::test]
async fn without_a_stream_tokens_are_spread_over_each_request() {
    let server = steady();
    let (outcome, figures) = sustain(&server, rule(0.8, 0.0, 1, 20.0), false).await;
    assert!(outcome.samples.iter().all(RequestSample::ok));
    let expected = 4.0 * 20.0 / figures.e2e.mean_s.unwrap();
    let ratio = figures.throughput_tps / expected;
    assert!(
        (0.85..1.15).contains(&ratio),
        "{} of {expected}",
        figures.throughput_tps
    );
    assert_eq!(figures.ttft.n, 0);
}

#[tokio::test]
async fn a_window_that_ends_at_its_cap_says_so() {
    let server = steady();
    let (outcome, figures) = sustain(&server, rule(0.1, 0.0, 100_000, 0.6), true).await;
    let window = outcome.window.unwrap();
    assert!(
        window.capped && (0.6..0.9).contains(&window.length_s()),
        "{window:?}"
    );
    let flags = verdict(&figures, &Context::default());
    assert!(
        flags.iter().any(|f| f.kind == FlagKind::ShortWindow),
        "{flags:?}"
    );
}

#[tokio::test]
async fn a_window_lasts_several_times_the_median_request() {
    let server = steady();
    let (outcome, figures) = sustain(&server, rule(0.1, 4.0, 1, 20.0), true).await;
    let asked_s = 4.0 * figures.e2e.mean_s.unwrap();
    assert!(outcome.window.unwrap().length_s() > 0.8 * asked_s);
}

#[tokio::test]
async fn errors_in_the_window_are_counted_and_nothing_is_repeated() {
    let answer = Answer {
        to_headers: ms(10),
        ..Answer::default()
    };
    let server = Server::start(move |r| match r.number % 10 {
        3 => Script::error(500, "no"),
        6 => answer.to(&r.body).through_text(2).then(Step::Reset),
        _ => answer.to(&r.body),
    });
    let (outcome, figures) = sustain(&server, rule(0.5, 0.0, 30, 20.0), true).await;
    let sent = outcome.samples.len();
    assert_eq!(server.wait_for(sent).await.len(), sent);
    assert!(figures.errors[&ErrorClass::Http5xx] > 0 && figures.errors[&ErrorClass::Reset] > 0);
    let flags = verdict(&figures, &Context::default());
    assert_eq!(flags[0].kind, FlagKind::TooManyErrors);
}

#[tokio::test]
async fn a_server_that_fails_every_request_is_given_up_soon() {
    let server = Server::start(|_| Script::error(404, "generation thread died"));
    let started = Instant::now();
    let (outcome, figures) = sustain(&server, rule(30.0, 3.0, 64, 60.0), true).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(outcome.gave_up.unwrap().contains("generation thread died"));
    assert!(figures.window_capped && figures.window_s.is_none());
    assert!(figures.throughput_tps.abs() < 1e-9);
}
