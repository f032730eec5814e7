//! What a chunk costs the load client outside the system: splitting the stream into events, and
//! making an answer of them. And what a request's body costs.
//!
//! `cargo bench --bench client`

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use mlx_throughput_lab::engine::load::answer::Answer;
use mlx_throughput_lab::engine::load::prompts::{Bodies, PromptSource, PromptText, TokenScale};
use mlx_throughput_lab::engine::load::sse::{SseItem, SseParser};
use mlx_throughput_lab::measure::sample::RequestError;

/// As an answer of 256 tokens arrives.
const CHUNKS: usize = 256;

/// As `mlx_lm.server` writes it; `text` is escaped already.
fn chunk(text: &str) -> String {
    format!(
        "data: {{\"id\": \"chatcmpl-4f1c9a52-7e0b-4a1d-9a57-0d5be6f3a1c2\", \"system_fingerprint\": \
         \"0.32.2-0.32.0-macOS-26.1-arm64-arm-64bit-applegpu_g16s\", \"object\": \
         \"chat.completion.chunk\", \"model\": \"default_model\", \"created\": 1763942400, \"choices\": \
         [{{\"index\": 0, \"finish_reason\": null, \"delta\": {{\"role\": \"assistant\", \"content\": \
         \"{text}\"}}}}]}}\n\n"
    )
}

/// A whole stream, cut into the reads in which it arrives; `texts` are those of its chunks in turn.
fn stream(texts: &[&str]) -> Vec<String> {
    let mut reads = vec![": keepalive 12/12\n\n".to_owned()];
    reads.extend((0..CHUNKS).map(|number| chunk(texts[number % texts.len()])));
    reads.push(format!(
        "{}data: {{\"choices\": [], \"usage\": {{\"prompt_tokens\": 12, \"completion_tokens\": {CHUNKS}, \
         \"total_tokens\": {}}}}}\n\ndata: [DONE]\n\n",
        chunk("").replace("null", "\"length\""),
        CHUNKS + 12,
    ));
    reads
}

/// What the client does between reading and the next read.
fn follow<'a>(reads: impl Iterator<Item = &'a [u8]>) -> Answer {
    let (mut parser, mut answer) = (SseParser::default(), Answer::default());
    for read in reads {
        let at = Instant::now();
        let taken = parser.push(read, &mut |item: SseItem<'_>| {
            answer.take(item, at)?;
            Ok::<(), RequestError>(())
        });
        taken.expect("a stream without errors");
    }
    answer
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("client");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2));

    let plain = stream(&[" word", " and", " another", " one", "."]);
    let escaped = stream(&["\\n", "\\u00e4", "\\\""]);
    let merged = vec![plain.concat()];
    group.throughput(Throughput::Elements(CHUNKS as u64));
    for (name, reads) in [
        ("one chunk a read", &plain),
        ("one chunk a read, each with escapes", &escaped),
        ("a whole answer in one read", &merged),
    ] {
        let answer = follow(reads.iter().map(String::as_bytes));
        assert_eq!((answer.arrivals.len(), answer.done), (CHUNKS, true));
        group.bench_function(format!("events and answer, {name}"), |bencher| {
            bencher.iter(|| follow(black_box(reads).iter().map(String::as_bytes)));
        });
    }

    let prompt = |tokens| PromptText {
        text: "Write a short paragraph about why concurrency helps throughput.".to_owned(),
        tokens,
        scale: TokenScale::PROSE,
        identical: false,
    };
    group.throughput(Throughput::Elements(1));
    for (name, tokens) in [("short prompt", None), ("4,096 tokens", Some(4096))] {
        let bodies = Bodies::new(&PromptSource::new(), &prompt(tokens), 256, 0.3, true);
        group.bench_function(format!("a request's body, {name}"), |bencher| {
            bencher.iter(|| black_box(bodies.next()));
        });
    }
    group.finish();
    criterion.final_summary();
}
