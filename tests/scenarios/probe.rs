//! Readiness, liveness and warm-up: single tokens outside the measured window.

use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::load::probe::{Retry, WarmUp, one_token, warm_up};
use mlx_throughput_lab::engine::load::{PromptSource, PromptText};
use mlx_throughput_lab::measure::sample::ErrorClass;

use crate::common::{direct, ms};
use crate::support::{Answer, Script, Server};

fn warm(requests: u32, attempts: u32) -> WarmUp {
    WarmUp {
        requests,
        max_tokens: 4,
        temperature: 0.7,
        stream: true,
        prompt: PromptText::unique("Warm up."),
        prompts: PromptSource::new(),
        timeout: Duration::from_secs(5),
        retry: Retry {
            attempts,
            sleep: ms(20),
        },
    }
}

#[tokio::test]
async fn a_live_server_answers_one_token() {
    let answer = Answer {
        chunks: 1,
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let usage = one_token(server.addr, 0.7, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(usage.completion_tokens, 1);
    let asked = server.wait_for(1).await.remove(0).received.body;
    assert_eq!(
        (&asked["max_tokens"], &asked["temperature"]),
        (&1.into(), &0.7.into())
    );
}

#[tokio::test]
async fn a_server_that_hangs_or_has_a_dead_generator_is_not_alive() {
    let hung = Server::start(|_| Script::hang());
    let asked = Instant::now();
    let error = one_token(hung.addr, 0.0, ms(150)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Timeout);
    assert!(asked.elapsed() < Duration::from_secs(1));
    let dead = Server::start(|_| Script::error(404, "generation thread died"));
    let error = one_token(dead.addr, 0.0, Duration::from_secs(5))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Http4xx);
    assert_eq!(dead.wait_for(1).await.len(), 1, "asked once only");
}

#[tokio::test]
async fn every_server_is_warmed_up_with_the_measured_sampling() {
    let servers = [0, 1].map(|_| Server::start(|r| Answer::default().to(&r.body)));
    let target = direct(&[&servers[0], &servers[1]]);
    let usages = warm_up(&target, &warm(3, 0)).await.unwrap();
    assert_eq!(usages.len(), 6);
    for server in &servers {
        let exchanges = server.wait_for(3).await;
        assert_eq!(exchanges.len(), 3);
        assert!(
            exchanges
                .iter()
                .all(|e| e.received.body["temperature"] == 0.7)
        );
    }
}

#[tokio::test]
async fn transient_errors_are_repeated_with_growing_pauses_and_others_are_not() {
    let server = Server::start(|r| match r.number {
        0 => Script::error(503, "busy"),
        1 => Script::reset(),
        _ => Answer::default().to(&r.body),
    });
    let started = Instant::now();
    assert!(warm_up(&direct(&[&server]), &warm(1, 5)).await.is_ok());
    assert!(started.elapsed() >= ms(20 + 40));
    assert_eq!(server.wait_for(3).await.len(), 3);

    let broken = Server::start(|_| Script::error(500, "no"));
    let error = warm_up(&direct(&[&broken]), &warm(1, 2)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Http5xx);
    assert_eq!(
        broken.wait_for(3).await.len(),
        3,
        "the first and two repeats"
    );

    let wrong = Server::start(|_| Script::error(400, "max_tokens must be at least 1"));
    assert!(warm_up(&direct(&[&wrong]), &warm(1, 5)).await.is_err());
    assert_eq!(wrong.wait_for(1).await.len(), 1);
}
