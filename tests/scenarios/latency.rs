//! What the client says of times and tokens is what the server did.

use mlx_throughput_lab::measure::figures::Mode;
use mlx_throughput_lab::measure::flow::Limits;
use mlx_throughput_lab::measure::{Asked, summarise};

use crate::common::{direct, fixed, ms, one, one_with, run};
use crate::support::{Answer, Script, Server, Step, What};

#[track_caller]
fn near(seen_s: f64, truth_s: f64, what: &str) {
    // Two noisy cores run the server, the client and other tests.
    assert!(
        (seen_s - truth_s).abs() < 0.025,
        "{what}: the client saw {seen_s:.4} s, the server did {truth_s:.4} s"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_instant_is_the_servers() {
    let answer = Answer {
        to_headers: ms(60),
        keepalive_gap: ms(40),
        first_text: ms(50),
        gap: ms(20),
        chunks: 10,
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let sample = one(&server).await;
    let truth = &server.wait_for(1).await[0];
    assert!(sample.ok(), "{:?}", sample.error);
    assert_eq!(sample.usage.completion_tokens, 10);
    assert_eq!(sample.finish_reason.as_deref(), Some("length"));
    assert_eq!(sample.instance, Some(0));

    let connected_s = sample.connected_s.unwrap();
    let received = truth.received.at;
    let since_received = |what| (truth.at(what)[0] - received).as_secs_f64();
    near(
        sample.headers_s.unwrap() - connected_s,
        since_received(What::Headers),
        "headers",
    );
    near(
        sample.prefill_start_s.unwrap() - connected_s,
        since_received(What::Keepalive),
        "prefill",
    );
    near(
        sample.prefill_end_s.unwrap() - sample.prefill_start_s.unwrap(),
        (truth.at(What::Keepalive)[1] - truth.at(What::Keepalive)[0]).as_secs_f64(),
        "the prefill's length",
    );
    near(sample.ttft_s().unwrap(), since_received(What::Text), "TTFT");
    let texts = truth.at(What::Text);
    let stream_s = (texts[9] - texts[0]).as_secs_f64();
    near(sample.tpot_s().unwrap() * 9.0, stream_s, "nine times TPOT");
    for (seen, sent) in sample.chunks.iter().zip(&texts) {
        let truth_s = (*sent - received).as_secs_f64();
        near(seen.at_s - connected_s, truth_s, "a chunk's arrival");
        assert_eq!(seen.text_len, 5);
    }
    near(sample.e2e_s().unwrap(), since_received(What::End), "E2E");
    // In order, whatever the machine's noise.
    let moments = [
        Some(sample.due_s),
        Some(sample.dispatched_s),
        sample.connected_s,
        sample.headers_s,
        sample.prefill_start_s,
        sample.prefill_end_s,
        sample.first_token_s,
        sample.last_token_s,
        Some(sample.end_s),
    ];
    assert!(
        moments.is_sorted() && moments.iter().all(Option::is_some),
        "{moments:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_has_an_end_but_no_first_token() {
    let answer = Answer {
        to_headers: ms(80),
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let sample = one_with(&server, |spec| spec.stream = false).await;
    assert!(sample.ok(), "{:?}", sample.error);
    assert_eq!(sample.usage.completion_tokens, 8);
    assert_eq!(sample.finish_reason.as_deref(), Some("length"));
    assert_eq!((sample.ttft_s(), sample.tpot_s()), (None, None));
    assert!(sample.chunks.is_empty() && sample.first_token_s.is_none());
    near(sample.e2e_s().unwrap(), 0.08, "E2E");
}

#[tokio::test]
async fn merged_chunks_do_not_change_the_tokens() {
    let answer = Answer {
        gap: ms(40),
        chunks: 5,
        tokens_per_chunk: 4,
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let sample = one(&server).await;
    assert_eq!(
        (sample.chunks.len(), sample.usage.completion_tokens),
        (5, 20)
    );
    let truth = &server.wait_for(1).await[0];
    let texts = truth.at(What::Text);
    let stream_s = (texts[4] - texts[0]).as_secs_f64();
    // Twenty tokens, so nineteen steps between the first and the last.
    near(
        sample.tpot_s().unwrap() * 19.0,
        stream_s,
        "nineteen times TPOT",
    );
}

#[tokio::test]
async fn chunks_that_arrive_in_one_read_are_all_counted() {
    // The whole stream in one write.
    let answer = Answer::default();
    let server = Server::start(move |r| {
        let bytes = answer
            .to(&r.body)
            .0
            .into_iter()
            .flat_map(|step| match step {
                Step::Send(_, bytes) => bytes,
                _ => Vec::new(),
            });
        Script::raw(bytes.collect::<Vec<u8>>())
    });
    let sample = one(&server).await;
    assert!(sample.ok(), "{:?}", sample.error);
    assert_eq!(
        (sample.chunks.len(), sample.usage.completion_tokens),
        (8, 8)
    );
}

#[tokio::test]
async fn a_request_is_due_when_its_slot_became_free() {
    let answer = Answer {
        to_headers: ms(20),
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let outcome = run(&fixed(6, 1), &direct(&[&server])).await;
    assert!(outcome.samples[0].due_s.abs() < 1e-9);
    for pair in outcome.samples.windows(2) {
        assert!((pair[1].due_s - pair[0].end_s).abs() < 1e-9);
        assert!(pair[1].dispatch_lag_s() >= 0.0 && pair[1].dispatch_lag_s() < 0.02);
    }
}

#[tokio::test]
async fn a_batch_never_has_more_in_flight_than_asked_and_sends_all() {
    let answer = Answer {
        to_headers: ms(10),
        ..Answer::default()
    };
    let server = Server::start(move |r| answer.to(&r.body));
    let outcome = run(&fixed(40, 4), &direct(&[&server])).await;
    let samples = &outcome.samples;
    assert_eq!(samples.iter().filter(|s| s.ok()).count(), 40);
    let indices: Vec<u32> = samples.iter().map(|s| s.index).collect();
    assert_eq!(indices, (0..40).collect::<Vec<_>>());
    for sample in samples {
        let at = sample.due_s;
        let in_flight = samples.iter().filter(|s| s.due_s <= at && at < s.end_s);
        assert!(in_flight.count() <= 4);
    }
    let asked = Asked {
        mode: Mode::Compatible,
        concurrency: 4,
        max_tokens: 8,
        instances: 1,
        batches: None,
        limits: Limits::default(),
    };
    let figures = summarise(&outcome, &asked);
    assert_eq!((figures.total_tokens, figures.requests), (320, 40));
    assert!((figures.throughput_tps - 320.0 / figures.elapsed_s).abs() < 1e-9);
}
