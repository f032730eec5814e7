//! The test server: streams as `mlx_lm.server` does, with set pauses, and knows when it really wrote
//! each chunk.
//!
//! It runs as a process of its own, so that its work is not counted as the client's, on one thread,
//! so that it takes one core at most. The instants stay here until `GET /truth` asks for them: put
//! into the stream, they would have to be read in the client's timed path, and what is measured
//! would no longer be what measures. An answer says which of the kept lists is its own by its
//! `usage.prompt_tokens`, a number that the client hands on untouched.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::clock::now_ns;
use super::script::Script;
use crate::engine::load::limits::allow_open_files;

/// As long as the system allows: what is measured here is not the listen queue.
const BACKLOG: u32 = 4096;
/// A request that is longer is none of ours.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// The one line that it prints, before its port.
pub(super) const PORT_WORD: &str = "port ";

/// When the chunks of one answer were written, in nanoseconds of `CLOCK_MONOTONIC`, each taken right
/// before its write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// `usage.prompt_tokens` of the answer.
    pub answer: u32,
    pub at_ns: Vec<i64>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: u32,
    written: Vec<Written>,
}

impl Shared {
    fn next_answer(&self) -> u32 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.answers += 1;
        state.answers
    }

    fn keep(&self, written: Written) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.written.push(written);
    }

    fn take(&self) -> Vec<Written> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.written)
    }
}

/// Listens on a free port of the loopback interface, prints `port N`, and answers until standard
/// input ends, which it does when our parent ends in whatever way.
///
/// # Errors
/// No port, no runtime, or no more open files.
pub fn serve(streams: u32) -> io::Result<()> {
    allow_open_files(streams).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (tell, released) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = tell.send(());
    });
    runtime.block_on(async {
        tokio::select! {
            served = accept_all() => served,
            _ = released => Ok(()),
        }
    })
}

async fn accept_all() -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(BACKLOG)?;
    println!("{PORT_WORD}{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    let shared = Arc::new(Shared::default());
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A client that has left is its own affair.
            let _ = answer(stream, &shared).await;
        });
    }
}

#[derive(Deserialize)]
struct Body {
    messages: Vec<Message>,
    max_tokens: u32,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some((head, body)) = read_request(&mut stream).await? else {
        return Ok(());
    };
    if head.starts_with("GET /truth ") {
        let truth = serde_json::to_vec(&shared.take())?;
        stream
            .write_all(head_of("200 OK", "application/json").as_bytes())
            .await?;
        stream.write_all(&truth).await?;
        return stream.shutdown().await;
    }
    let asked = head
        .starts_with("POST /v1/chat/completions ")
        .then(|| serde_json::from_slice::<Body>(&body).ok())
        .flatten();
    let Some(asked) = asked else {
        let head = head_of("400 Bad Request", "application/json");
        stream.write_all(head.as_bytes()).await?;
        return stream.shutdown().await;
    };
    let prompt = asked.messages.first().map_or("", |m| m.content.as_str());
    tell(&mut stream, Script::read(prompt), asked.max_tokens, shared).await?;
    stream.shutdown().await
}

/// Streams `chunks` chunks of text.
async fn tell(
    stream: &mut TcpStream,
    script: Script,
    chunks: u32,
    shared: &Shared,
) -> io::Result<()> {
    let began = Instant::now();
    let answer = shared.next_answer();
    let mut head = head_of("200 OK", "text/event-stream");
    head.push_str(": keepalive 1/1\n\n");
    stream.write_all(head.as_bytes()).await?;
    let chunk = event(
        answer,
        r#""delta":{"role":"assistant","content":" word"}"#,
        "null",
    );
    let first = began + Duration::from_micros(script.ttft_us) + phase(answer, script.gap_us);
    let mut at_ns = Vec::with_capacity(if script.stamped { chunks as usize } else { 0 });
    for number in 0..chunks {
        let due = first + Duration::from_micros(script.gap_us) * number;
        if due > Instant::now() {
            sleep_until(due.into()).await;
        }
        if script.stamped {
            let shift_us = if number % 2 == 0 { script.shift_us } else { 0 };
            at_ns.push(now_ns() + shift_us * 1000);
        }
        stream.write_all(chunk.as_bytes()).await?;
    }
    if script.stamped {
        // Before the end of the answer, after which it may be asked for.
        shared.keep(Written { answer, at_ns });
    }
    let last = event(
        answer,
        r#""delta":{"role":"assistant","content":""}"#,
        r#""length""#,
    );
    let usage = format!(
        r#","usage":{{"prompt_tokens":{answer},"completion_tokens":{chunks},"total_tokens":{}}}"#,
        u64::from(answer) + u64::from(chunks)
    );
    let counted = format!(
        "data: {{\"id\":\"selftest-{answer}\",\"object\":\"chat.completion\",\"choices\":[]{usage}}}\n\n"
    );
    let end = format!("{last}{counted}data: [DONE]\n\n");
    stream.write_all(end.as_bytes()).await
}

/// One event, with the fields and about the length of a real one.
fn event(answer: u32, delta: &str, finish_reason: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-selftest-{answer:08}\",\"system_fingerprint\":\"selftest\",\
         \"object\":\"chat.completion.chunk\",\"model\":\"default_model\",\"created\":1700000000,\
         \"choices\":[{{\"index\":0,\"finish_reason\":{finish_reason},{delta}}}]}}\n\n"
    )
}

/// Spreads the streams over the gap, by the golden ratio: evenly for any number of them. All at one
/// instant would measure how long a burst takes, not how late a chunk is stamped.
fn phase(answer: u32, gap_us: u64) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let share = (f64::from(answer) * GOLDEN).fract();
    Duration::from_micros((share * gap_us as f64) as u64)
}

fn head_of(status: &str, content_type: &str) -> String {
    format!(
        "HTTP/1.0 {status}\r\nServer: selftest\r\nContent-type: {content_type}\r\n\
         Cache-Control: no-cache\r\n\r\n"
    )
}

/// The head and the body of a request; `None` when the client left before it was whole.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::with_capacity(2048);
    loop {
        if let Some((head, body_at, length)) = split(&bytes)
            && bytes.len() >= body_at + length
        {
            return Ok(Some((head, bytes[body_at..body_at + length].to_vec())));
        }
        if bytes.len() > MAX_REQUEST_BYTES || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// The head, where the body starts, and how long it is; `None` before the head is whole.
fn split(bytes: &[u8]) -> Option<(String, usize, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    Some((head, end + 4, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_split_once_its_head_is_whole() {
        assert_eq!(split(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n"), None);
        let whole = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        let (head, body_at, length) = split(whole).unwrap();
        assert!(head.starts_with("POST / "));
        assert_eq!((&whole[body_at..], length), (&b"{}"[..], 2));
    }

    #[test]
    fn phases_spread_over_the_gap() {
        let mut phases: Vec<_> = (0..16).map(|k| phase(k, 16_000).as_micros()).collect();
        phases.sort_unstable();
        let widest = phases.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(phases[15] < 16_000 && widest < 3_000, "{phases:?}");
        assert_eq!(phase(7, 0), Duration::ZERO);
    }
}
