//! Each way to fail has its class, and says what was seen.

use std::time::Duration;

use mlx_throughput_lab::engine::load::probe::one_token;
use mlx_throughput_lab::measure::sample::{ErrorClass, RequestSample};

use crate::common::{direct, fixed, ms, one, one_with, run};
use crate::support::{Answer, Script, Server, Step, What};

async fn seen(script: Script) -> RequestSample {
    let server = Server::start(move |_| script.clone());
    one(&server).await
}

#[track_caller]
fn failed(sample: &RequestSample, class: ErrorClass, words: &str) {
    let error = sample.error.as_ref().expect("it should have failed");
    assert_eq!(error.class, class, "{error}");
    assert!(
        error.detail.contains(words),
        "{error} does not say {words:?}"
    );
    assert_eq!((sample.ttft_s(), sample.e2e_s()), (None, None));
}

fn answer() -> Answer {
    Answer::default()
}

#[tokio::test]
async fn http_errors_carry_the_servers_words() {
    failed(
        &seen(Script::error(404, "generation thread died")).await,
        ErrorClass::Http4xx,
        "HTTP 404: generation thread died",
    );
    failed(
        &seen(Script::error(503, &"long ".repeat(100_000))).await,
        ErrorClass::Http5xx,
        "HTTP 503: long",
    );
    let sample = seen(Script::error(500, &"long ".repeat(100_000))).await;
    assert!(sample.error.unwrap().detail.len() < 1_000);
}

#[tokio::test]
async fn a_stream_that_is_cut_is_a_reset() {
    let cut = answer().streamed().through_text(3);
    failed(&seen(cut.clone()).await, ErrorClass::Reset, "3 chunks");
    let reset = cut.then(Step::Wait(ms(50))).then(Step::Reset);
    failed(
        &seen(reset).await,
        ErrorClass::Reset,
        "cut before the answer was complete",
    );
}

#[tokio::test]
async fn a_connection_that_is_cut_before_any_answer_is_a_reset() {
    let silent = Script(vec![Step::Wait(ms(20))]);
    failed(&seen(silent).await, ErrorClass::Reset, "cut");
    let reset = Script(vec![Step::Wait(ms(20)), Step::Reset]);
    failed(&seen(reset).await, ErrorClass::Reset, "cut");
}

#[tokio::test]
async fn an_answer_without_its_end_marks_is_malformed() {
    let without_usage = Answer {
        usage: false,
        ..answer()
    };
    failed(
        &seen(without_usage.streamed()).await,
        ErrorClass::Malformed,
        "usage",
    );
    let without_done = Answer {
        done: false,
        ..answer()
    };
    failed(
        &seen(without_done.streamed()).await,
        ErrorClass::Malformed,
        "[DONE]",
    );
    let without_reason = Answer {
        finish_reason: None,
        ..answer()
    };
    failed(
        &seen(without_reason.streamed()).await,
        ErrorClass::Reset,
        "finished",
    );
}

#[tokio::test]
async fn an_answer_without_tokens_is_empty() {
    let empty = Answer {
        chunks: 0,
        ..answer()
    };
    failed(&seen(empty.streamed()).await, ErrorClass::Empty, "no token");
    let server = Server::start(move |r| empty.to(&r.body));
    let whole = one_with(&server, |spec| spec.stream = false).await;
    failed(&whole, ErrorClass::Empty, "no token");
}

#[tokio::test]
async fn what_is_not_the_protocol_is_malformed() {
    let broken = |bytes: &[u8]| {
        let stream = answer().streamed().through_text(2);
        stream.then(Step::Send(What::Other, bytes.to_vec()))
    };
    failed(
        &seen(broken(b"data: {\"choices\": [\n\n")).await,
        ErrorClass::Malformed,
        "JSON",
    );
    failed(
        &seen(broken(b"data: \xff\xfe\n\n")).await,
        ErrorClass::Malformed,
        "UTF-8",
    );
    failed(
        &seen(broken(
            b"data: {\"error\": {\"message\": \"out of memory\"}}\n\n",
        ))
        .await,
        ErrorClass::Malformed,
        "out of memory",
    );
    let endless = [b"data: ".as_slice(), &vec![b'x'; 10 * 1024 * 1024]].concat();
    failed(
        &seen(broken(&endless)).await,
        ErrorClass::Malformed,
        "longer than",
    );
    let not_http = Script::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    failed(&seen(not_http).await, ErrorClass::Malformed, "HTTP");
}

#[tokio::test]
async fn a_whole_answer_is_held_to_the_same() {
    let whole = |script: Script| async move {
        let server = Server::start(move |_| script.clone());
        one_with(&server, |spec| spec.stream = false).await
    };
    let without_usage = Answer {
        usage: false,
        ..answer()
    }
    .whole();
    failed(&whole(without_usage).await, ErrorClass::Malformed, "usage");
    let cut = Script::raw("HTTP/1.0 200 OK\r\nContent-Length: 900\r\n\r\n{\"choices\"");
    failed(&whole(cut).await, ErrorClass::Reset, "cut");
    let not_json = Script::raw("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    failed(&whole(not_json).await, ErrorClass::Malformed, "hello");
    let nothing = Script::raw("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    failed(&whole(nothing).await, ErrorClass::Empty, "no content");
}

#[tokio::test]
async fn a_character_cut_in_half_by_two_reads_is_whole() {
    let text = Answer {
        text: "ü🦀".to_owned(),
        chunks: 2,
        ..answer()
    };
    let mut steps = Vec::new();
    for step in text.streamed().0 {
        match step {
            Step::Send(What::Text, bytes) => {
                // The crab's four bytes are cut after the second.
                let at = bytes.windows(2).position(|w| w == [0xf0, 0x9f]).unwrap() + 2;
                steps.push(Step::Send(What::Text, bytes[..at].to_vec()));
                steps.push(Step::Wait(ms(15)));
                steps.push(Step::Send(What::Other, bytes[at..].to_vec()));
            }
            other => steps.push(other),
        }
    }
    let sample = seen(Script(steps)).await;
    assert!(sample.ok(), "{:?}", sample.error);
    let lengths: Vec<u32> = sample.chunks.iter().map(|c| c.text_len).collect();
    assert_eq!(lengths, [6, 6]);
}

#[tokio::test]
async fn the_timeout_covers_the_whole_request_and_closes_it() {
    let stalled = answer().streamed().through_text(3).then(Step::Hang);
    let server = Server::start(move |_| stalled.clone());
    let sample = one_with(&server, |spec| spec.timeout = ms(200)).await;
    failed(&sample, ErrorClass::Timeout, "3 chunks");
    assert!(
        sample.end_s >= 0.2 && sample.end_s < 0.5,
        "{}",
        sample.end_s
    );
    // What was seen until then is kept.
    assert_eq!(sample.chunks.len(), 3);
    assert!(server.wait_for(1).await[0].client_gone.is_some());

    let silent = Server::start(|_| Script::hang());
    let sample = one_with(&silent, |spec| spec.timeout = ms(100)).await;
    failed(&sample, ErrorClass::Timeout, "headers");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_connect_error() {
    let server = Server::start(|_| Script::default());
    let target = direct(&[&server]);
    let addr = server.addr;
    drop(server);
    let outcome = run(&fixed(1, 1), &target).await;
    failed(&outcome.samples[0], ErrorClass::Connect, "no connection");
    assert_eq!(outcome.samples[0].connected_s, None);
    let probe = one_token(addr, 0.3, Duration::from_secs(2)).await;
    assert_eq!(probe.unwrap_err().class, ErrorClass::Connect);
}

#[tokio::test]
async fn nothing_is_repeated_once_the_server_has_the_request() {
    let server = Server::start(|_| Script::reset());
    let sample = one(&server).await;
    failed(&sample, ErrorClass::Reset, "cut");
    assert_eq!(sample.connect_retries, 0);
    assert_eq!(server.wait_for(1).await.len(), 1);
}
