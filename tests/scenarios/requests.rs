//! What is asked: prompts that no cache can answer, nothing that leaves the batch, and even turns.

use std::collections::HashSet;

use mlx_throughput_lab::engine::load::{PromptSource, Target};
use mlx_throughput_lab::measure::figures::{FlagKind, Mode};
use mlx_throughput_lab::measure::flow::Limits;
use mlx_throughput_lab::measure::{Asked, Context, LoadOutcome, summarise, verdict};

use crate::common::{direct, fixed, run};
use crate::support::{Answer, Server};

fn asked(instances: u32) -> Asked {
    Asked {
        mode: Mode::Compatible,
        concurrency: 4,
        max_tokens: 8,
        instances,
        batches: None,
        limits: Limits::default(),
    }
}

fn flags(outcome: &LoadOutcome, instances: u32) -> Vec<FlagKind> {
    let figures = summarise(outcome, &asked(instances));
    let flags = verdict(&figures, &Context::default());
    flags.into_iter().map(|flag| flag.kind).collect()
}

#[tokio::test]
async fn every_prompt_is_unique_from_its_start_and_no_request_leaves_the_batch() {
    let server = Server::start(|r| Answer::default().to(&r.body));
    let mut spec = fixed(100, 8);
    spec.prompts = PromptSource::with_nonce(42);
    let target = direct(&[&server]);
    run(&spec, &target).await;
    spec.stream = false;
    run(&spec, &target).await;
    let exchanges = server.wait_for(200).await;
    assert_eq!(exchanges.len(), 200);
    let starts: HashSet<&str> = exchanges
        .iter()
        .map(|e| &e.received.prompt()[..6])
        .collect();
    assert_eq!(starts.len(), 200, "prompts share their start");
    for exchange in &exchanges {
        let body = exchange.received.body.as_object().unwrap();
        assert!(!body.contains_key("seed"));
        assert_eq!(body["model"], "default_model");
        assert_eq!(body["temperature"], 0.3);
        assert_eq!(body["max_tokens"], 8);
        assert!(
            exchange
                .received
                .prompt()
                .ends_with("Why does concurrency help?")
        );
        if body["stream"] == true {
            assert_eq!(body["stream_options"]["include_usage"], true);
        }
    }
}

#[tokio::test]
async fn identical_prompts_are_identical() {
    let server = Server::start(|r| Answer::default().to(&r.body));
    let mut spec = fixed(5, 1);
    spec.prompt.identical = true;
    run(&spec, &direct(&[&server])).await;
    for exchange in server.wait_for(5).await {
        assert_eq!(exchange.received.prompt(), "Why does concurrency help?");
    }
}

#[tokio::test]
async fn a_prompt_cache_that_answers_is_flagged() {
    for (cached, flagged) in [(Some(0), false), (Some(20), true), (None, false)] {
        let answer = Answer {
            cached_tokens: cached,
            ..Answer::default()
        };
        let server = Server::start(move |r| answer.to(&r.body));
        let outcome = run(&fixed(4, 4), &direct(&[&server])).await;
        let flags = flags(&outcome, 1);
        assert_eq!(
            flags.contains(&FlagKind::CachedPrompts),
            flagged,
            "{cached:?}: {flags:?}"
        );
    }
}

#[tokio::test]
async fn direct_requests_take_even_turns() {
    let start = || Server::start(|r| Answer::default().to(&r.body));
    let (a, b, c) = (start(), start(), start());
    let outcome = run(&fixed(20, 6), &direct(&[&a, &b, &c])).await;
    let figures = summarise(&outcome, &asked(3));
    assert_eq!(figures.per_instance, [(0, 7), (1, 7), (2, 6)].into());
    for (server, served) in [(&a, 7), (&b, 7), (&c, 6)] {
        assert_eq!(server.wait_for(served).await.len(), served);
    }
    assert!(!flags(&outcome, 3).contains(&FlagKind::Unbalanced));
}

#[tokio::test]
async fn a_balancer_that_is_uneven_is_flagged() {
    let servers = [9000, 9001].map(|port| ([127, 0, 0, 1], port).into());
    for (even, flagged) in [(false, true), (true, false)] {
        // The balancer names the server behind each answer: every other time, or nearly always one.
        let balancer = Server::start(move |r| {
            let second = if even {
                r.number % 2 == 1
            } else {
                r.number == 3
            };
            let port = if second { 9001 } else { 9000 };
            Answer {
                headers: format!("X-Upstream: 127.0.0.1:{port}\r\n"),
                ..Answer::default()
            }
            .to(&r.body)
        });
        let target = Target::balanced(balancer.addr, &servers, 5).unwrap();
        let outcome = run(&fixed(12, 4), &target).await;
        assert!(outcome.samples.iter().all(|s| s.instance.is_some()));
        let flags = flags(&outcome, 2);
        assert_eq!(flags.contains(&FlagKind::Unbalanced), flagged, "{flags:?}");
    }
}
