//! Raw answers of the real `mlx_lm.server` 0.32.2, replayed.

use std::path::Path;

use mlx_throughput_lab::measure::sample::{ErrorClass, RequestSample, Usage};

use crate::common::{ms, one, one_with};
use crate::support::{Script, Server, Step, What};

fn transcript(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcripts");
    std::fs::read(folder.join(format!("{name}.raw"))).unwrap()
}

async fn replay(name: &str) -> RequestSample {
    let script = Script::raw(transcript(name));
    let server = Server::start(move |_| script.clone());
    let stream = !name.starts_with("nonstream");
    one_with(&server, |spec| spec.stream = stream).await
}

#[tokio::test]
async fn answers_are_understood() {
    for (name, chunks, prompt_tokens, cached) in [
        ("stream_chat_usage", 13, 30, 6),
        ("stream_chat_usage_clean", 16, 30, 0),
        ("stream_text_usage", 14, 11, 0),
        ("nonstream_chat", 0, 30, 29),
    ] {
        let sample = replay(name).await;
        assert!(sample.ok(), "{name}: {:?}", sample.error);
        assert_eq!(sample.chunks.len(), chunks, "{name}");
        let usage = Usage {
            prompt_tokens,
            completion_tokens: 16,
            cached_tokens: Some(cached),
        };
        assert_eq!(sample.usage, usage, "{name}");
        assert_eq!(sample.finish_reason.as_deref(), Some("length"));
        assert_eq!(sample.prefill_start_s.is_some(), chunks > 0, "{name}");
    }
}

#[tokio::test]
async fn failures_have_their_class() {
    use ErrorClass::{Http4xx, Http5xx, Malformed, Reset};
    for (name, class, words) in [
        ("error_404_post", Http4xx, "Not Found"),
        ("error_badjson", Http4xx, "Invalid JSON"),
        (
            "error_generation_thread_died",
            Http4xx,
            "generation thread died",
        ),
        ("error_maxtokens0", Http4xx, "max_tokens must be at least 1"),
        ("health_503", Http5xx, "HTTP 503"),
        ("stream_chat_nousage", Malformed, "usage"),
        ("stream_cut_generation_thread_died", Reset, "0 chunks"),
        ("stream_options_missing_key_truncated", Malformed, "usage"),
        ("models", Reset, "0 chunks"),
    ] {
        let error = replay(name).await.error.expect(name);
        assert_eq!(error.class, class, "{name}: {error}");
        assert!(error.detail.contains(words), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_stream_in_small_pieces_is_the_same_stream() {
    let whole = replay("stream_chat_usage").await;
    let steps = transcript("stream_chat_usage")
        .chunks(97)
        .enumerate()
        .flat_map(|(k, piece)| {
            let wait = (k % 8 == 0).then_some(Step::Wait(ms(1)));
            wait.into_iter()
                .chain([Step::Send(What::Other, piece.to_vec())])
        })
        .collect();
    let script = Script(steps);
    let server = Server::start(move |_| script.clone());
    let pieces = one(&server).await;
    assert!(pieces.ok(), "{:?}", pieces.error);
    let lengths = |s: &RequestSample| s.chunks.iter().map(|c| c.text_len).collect::<Vec<_>>();
    assert_eq!(lengths(&pieces), lengths(&whole));
    assert_eq!(pieces.usage, whole.usage);
}
