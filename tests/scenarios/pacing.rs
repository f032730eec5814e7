//! Bursts of handshakes over a listen queue of five.

use std::collections::HashSet;
use std::time::Duration;

use mlx_throughput_lab::measure::LoadOutcome;
use mlx_throughput_lab::measure::sample::ErrorClass;

use crate::common::{direct, fixed, ms, run};
use crate::support::{Answer, Server, ServerOptions};

fn lost(outcome: &LoadOutcome) -> Vec<&str> {
    let errors = outcome.samples.iter().filter_map(|s| s.error.as_ref());
    errors.map(|e| e.detail.as_str()).collect()
}

fn slow(accept_gap: Duration) -> ServerOptions {
    ServerOptions {
        accept_gap,
        ..ServerOptions::default()
    }
}

fn answer() -> Answer {
    Answer {
        to_headers: ms(50),
        gap: ms(20),
        ..Answer::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_512_at_once_none_is_lost() {
    for stream in [true, false] {
        let server = Server::start(|r| answer().to(&r.body));
        let mut spec = fixed(512, 512);
        spec.stream = stream;
        spec.timeout = Duration::from_mins(1);
        let outcome = run(&spec, &direct(&[&server])).await;
        assert_eq!(outcome.samples.len(), 512);
        assert_eq!(lost(&outcome), [""; 0], "streamed: {stream}");
        assert_eq!(server.wait_for(512).await.len(), 512);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_slower_than_the_pace_overflows_but_loses_none() {
    // One accept every 15 ms, against a pace that starts at 5 ms.
    let server = Server::start_with(slow(ms(15)), |r| answer().to(&r.body));
    let mut spec = fixed(200, 200);
    spec.timeout = Duration::from_mins(1);
    let outcome = run(&spec, &direct(&[&server])).await;
    assert_eq!(lost(&outcome), [""; 0]);
    let retries: u32 = outcome.samples.iter().map(|s| s.connect_retries).sum();
    assert!(retries > 0, "the queue should have overflowed");
    assert!(outcome.connect_retry_s > 0.0);
    // Each request was read exactly once, whatever became of its handshakes.
    let exchanges = server.wait_for(200).await;
    assert_eq!(exchanges.len(), 200);
    let prompts: HashSet<_> = exchanges.iter().map(|e| e.received.prompt()).collect();
    assert_eq!(prompts.len(), 200);
    // Latency counts from the due time, so the wait for a handshake is in TTFT.
    for sample in &outcome.samples {
        assert!(sample.ttft_s().unwrap() >= sample.connect_wait_s);
    }
}

#[tokio::test]
async fn a_few_requests_are_not_delayed() {
    let server = Server::start(|r| Answer::default().to(&r.body));
    let outcome = run(&fixed(5, 5), &direct(&[&server])).await;
    assert_eq!(lost(&outcome), [""; 0]);
    for sample in &outcome.samples {
        assert!(sample.connect_wait_s < 0.02, "{} s", sample.connect_wait_s);
        assert_eq!(sample.connect_retries, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_before_the_last_byte_are_repeated_in_a_burst() {
    // Within the burst some connections stand and are reset at once, as by an overflowed queue.
    let options = ServerOptions {
        reset_accepted: |number| number >= 10 && number % 4 == 0,
        ..ServerOptions::default()
    };
    let server = Server::start_with(options, |r| answer().to(&r.body));
    let outcome = run(&fixed(40, 40), &direct(&[&server])).await;
    let retries: u32 = outcome.samples.iter().map(|s| s.connect_retries).sum();
    let exchanges = server.wait_for(40 - lost(&outcome).len()).await;
    // This server resets when its thread gets to run, not at once as a kernel does: on a busy
    // machine that may be after the last byte, and then it must not be repeated.
    let lost = lost(&outcome).len() as u32;
    assert_eq!(retries + lost, server.accepted() - exchanges.len() as u32);
    assert_eq!(exchanges.len() as u32, 40 - lost);
    assert!(retries >= 5 && lost <= 2, "{retries} repeats, {lost} lost");
    let prompts: HashSet<_> = exchanges.iter().map(|e| e.received.prompt()).collect();
    assert_eq!(prompts.len(), exchanges.len(), "a request was read twice");
}

#[tokio::test]
async fn a_reset_after_the_last_byte_is_an_error() {
    // Alone, a request is not held back: it is out before the reset comes.
    let options = ServerOptions {
        reset_accepted: |_| true,
        accept_gap: ms(30),
        ..ServerOptions::default()
    };
    let server = Server::start_with(options, |r| answer().to(&r.body));
    // The first connection is accepted at once, so its reset may come before its last byte;
    // the second stands in the queue for 30 ms with its whole request.
    let outcome = run(&fixed(2, 2), &direct(&[&server])).await;
    let classes: Vec<_> = outcome
        .samples
        .iter()
        .filter_map(|s| s.error.as_ref().map(|e| e.class))
        .collect();
    assert!(classes.contains(&ErrorClass::Reset), "{classes:?}");
}
