//! One request, from its due time to the end of its answer.
//!
//! Every moment is taken as an [`Instant`] before the bytes that came with it are looked at;
//! seconds are derived once the request is over. A chunk is parsed right after its instant was
//! taken (about a microsecond): keeping all chunks to parse them at the end would cost memory
//! without bound and one long pause instead of many short ones.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Answer, Progress, http_error};
use super::connect::{Handshake, Try};
use super::live::Live;
use super::sse::{SseItem, SseParser};
use super::target::{Endpoint, Target, UPSTREAM_CONNECT_HEADER, UPSTREAM_HEADER};
use crate::measure::sample::{Chunk, ErrorClass, RequestError, RequestSample};
use reqwest::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};

/// A refused connection is tried this often in all: a full queue may look like a closed port.
const REFUSED_TRIES: u32 = 3;
/// An answer that is not streamed, or an error's text, may be this long.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// A request to send.
#[derive(Debug)]
pub struct Ask {
    pub index: u32,
    /// Whole, as it goes over the wire.
    pub body: Vec<u8>,
    pub stream: bool,
    /// From dispatch to the end of the answer.
    pub timeout: Duration,
    /// When the schedule wanted it sent.
    pub due: Instant,
    /// Told of each milestone as it happens.
    pub watcher: Option<Watcher>,
}

/// What those who wait for a load to be under way want to know of its first requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// The server has all of the request.
    Sent,
    FirstText,
}

/// Called on the request's path: it must return at once.
#[derive(Clone)]
pub struct Watcher(pub Arc<dyn Fn(Milestone) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

/// A request that has ended.
#[derive(Debug)]
pub struct Sent {
    pub sample: RequestSample,
    /// When it ended: the moment its slot became free.
    pub ended: Instant,
    /// Seconds spent on tries that came to nothing.
    pub connect_retry_s: f64,
}

/// The moments of a request so far; readable even when the exchange was cut off by its timeout.
#[derive(Debug, Default)]
struct Trace {
    last_try: Option<Arc<Try>>,
    retries: u32,
    retrying: Duration,
    headers: Option<Instant>,
    upstream: Option<u32>,
    answer: Answer,
}

/// Sends one request and follows its answer. Dropping the future closes the connection.
/// Times in the sample are seconds since `epoch`.
pub async fn send(target: &Target, ask: Ask, epoch: Instant, live: &Live) -> Sent {
    let dispatched = Instant::now();
    let in_flight = InFlight::new(live);
    let endpoint = target.endpoint(ask.index);
    let (index, due, timeout) = (ask.index, ask.due, ask.timeout);
    let mut trace = Trace::default();
    let exchange = exchange(target, endpoint, ask, live, &mut trace);
    let result = tokio::time::timeout(timeout, exchange).await;
    let ended = Instant::now();
    let result = result.unwrap_or_else(|_| Err(timed_out(&trace, timeout + (dispatched - due))));

    let s = |at: Instant| at.saturating_duration_since(epoch).as_secs_f64();
    let connected = trace.last_try.as_ref().and_then(|t| t.handed_over());
    let answer = trace.answer;
    let sample = RequestSample {
        index,
        instance: endpoint.instance.or(trace.upstream),
        due_s: s(due),
        dispatched_s: s(dispatched),
        connected_s: connected.map(s),
        headers_s: trace.headers.map(s),
        prefill_start_s: answer.prefill_start.map(s),
        prefill_end_s: answer.prefill_end.map(s),
        first_token_s: answer.arrivals.first().map(|arrival| s(arrival.at)),
        last_token_s: answer.arrivals.last().map(|arrival| s(arrival.at)),
        end_s: s(ended),
        connect_retries: trace.retries,
        connect_wait_s: (connected.unwrap_or(ended) - dispatched).as_secs_f64(),
        chunks: answer
            .arrivals
            .iter()
            .map(|arrival| Chunk {
                at_s: s(arrival.at),
                text_len: arrival.text_len,
            })
            .collect(),
        usage: answer.usage.unwrap_or_default(),
        finish_reason: answer.finish_reason,
        error: result.err().map(|error| target.without_key(error)),
    };
    in_flight.ended(&sample);
    Sent {
        sample,
        ended,
        connect_retry_s: trace.retrying.as_secs_f64(),
    }
}

/// Counts a request as in flight until it has ended or is dropped.
struct InFlight<'a>(Option<&'a Live>);

impl<'a> InFlight<'a> {
    fn new(live: &'a Live) -> Self {
        live.dispatched();
        Self(Some(live))
    }

    fn ended(mut self, sample: &RequestSample) {
        if let Some(live) = self.0.take() {
            let answered = sample.ok();
            live.ended(answered.then_some((sample.usage.completion_tokens, sample.chunks.len())));
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.0 {
            live.abandoned();
        }
    }
}

async fn exchange(
    target: &Target,
    endpoint: &Endpoint,
    mut ask: Ask,
    live: &Live,
    trace: &mut Trace,
) -> Result<(), RequestError> {
    let body = std::mem::take(&mut ask.body);
    let watcher = ask.watcher.as_ref();
    let mut response = connect_and_send(target, endpoint, body, watcher, trace).await?;
    trace.headers = Some(Instant::now());
    trace.upstream =
        header(response.headers(), UPSTREAM_HEADER).and_then(|named| target.upstream(named));
    let waited_s = header(response.headers(), UPSTREAM_CONNECT_HEADER)
        .and_then(|s| s.rsplit(',').next()?.trim().parse::<f64>().ok());
    if waited_s.is_some_and(|s| s > 0.2) {
        endpoint.pacer.overflowed_later(false).await;
    }
    let status = response.status();
    if !status.is_success() {
        let said = read_whole(&mut response).await.unwrap_or_default();
        return Err(http_error(status.as_u16(), &said));
    }
    if ask.stream {
        follow(&mut response, &mut trace.answer, live, watcher).await
    } else {
        let body = read_whole(&mut response).await?;
        trace.answer.whole(&body)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Tries until the request was handed over whole; only tries on which it was not are repeated.
async fn connect_and_send(
    target: &Target,
    endpoint: &Endpoint,
    body: Vec<u8>,
    watcher: Option<&Watcher>,
    trace: &mut Trace,
) -> Result<reqwest::Response, RequestError> {
    let mut refused = 0;
    loop {
        let turn = endpoint.pacer.turn().await;
        let started = Instant::now();
        let this = Try::new(turn, watcher.cloned());
        trace.last_try = Some(Arc::clone(&this));
        let sending = target
            .http
            .post(&endpoint.completions_url)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len())
            .header(CONNECTION, "close")
            .body(this.body(body.clone()))
            .send();
        let error = match Arc::clone(&this).within(sending).await {
            Ok(response) => return Ok(response),
            Err(e) => e,
        };
        if this.handed_over().is_some() {
            return Err(cut_off(&error));
        }
        match this.handshake() {
            Some(Handshake::Dropped | Handshake::Reset) => {}
            Some(Handshake::Refused) if refused + 1 < REFUSED_TRIES => refused += 1,
            // It stood and was cut while the last byte was still here.
            Some(Handshake::Stood) => endpoint.pacer.overflowed_later(true).await,
            Some(Handshake::Refused | Handshake::Failed) | None => {
                return Err(RequestError {
                    class: ErrorClass::Connect,
                    detail: format!(
                        "no connection to {}: {}",
                        endpoint.completions_url,
                        causes(&error)
                    ),
                });
            }
        }
        trace.retries += 1;
        trace.retrying += started.elapsed();
    }
}

async fn follow(
    response: &mut reqwest::Response,
    answer: &mut Answer,
    live: &Live,
    watcher: Option<&Watcher>,
) -> Result<(), RequestError> {
    let mut parser = SseParser::default();
    while let Some(bytes) = response.chunk().await.map_err(|e| cut_off(&e))? {
        let at = Instant::now();
        let mut texts = 0;
        let taken = parser.push(&bytes, &mut |item: SseItem<'_>| {
            match answer.take(item, at)? {
                Progress::FirstText => {
                    texts += 1;
                    if let Some(Watcher(tell)) = watcher {
                        tell(Milestone::FirstText);
                    }
                }
                Progress::Text => texts += 1,
                Progress::Prefill => live.progressed(at),
                Progress::Other => {}
            }
            Ok::<(), RequestError>(())
        });
        // Once a read, however many chunks it held.
        live.texts(texts, at);
        taken?;
        if answer.done {
            break;
        }
    }
    answer.streamed_to_end()
}

async fn read_whole(response: &mut reqwest::Response) -> Result<Vec<u8>, RequestError> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|e| cut_off(&e))? {
        if body.len() + bytes.len() > MAX_BODY_BYTES {
            return Err(RequestError {
                class: ErrorClass::Malformed,
                detail: format!("the answer is longer than {MAX_BODY_BYTES} bytes"),
            });
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

/// An error after the request was handed over: cut, or not HTTP at all.
fn cut_off(error: &reqwest::Error) -> RequestError {
    let causes = causes(error);
    // hyper's parse errors have no public type within reqwest's; all their texts say "invalid".
    if causes.contains("invalid") {
        return RequestError {
            class: ErrorClass::Malformed,
            detail: format!("the answer is not proper HTTP: {causes}"),
        };
    }
    RequestError {
        class: ErrorClass::Reset,
        detail: format!("the connection was cut before the answer was complete: {causes}"),
    }
}

/// An error and what caused it, in one line.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text = format!("{text}: {e}");
        cause = e.source();
    }
    text
}

/// `waited` is since the request was due.
fn timed_out(trace: &Trace, waited: Duration) -> RequestError {
    let sent = trace.last_try.as_ref().and_then(|t| t.handed_over());
    let phase = if sent.is_none() {
        "its connection stood"
    } else if trace.headers.is_none() {
        "the server sent response headers"
    } else if trace.answer.arrivals.is_empty() {
        "the first token came"
    } else {
        "the answer was complete"
    };
    RequestError {
        class: ErrorClass::Timeout,
        detail: format!(
            "the request took longer than {} s, before {phase} ({} chunks of text so far)",
            waited.as_millis() as f64 / 1e3,
            trace.answer.arrivals.len()
        ),
    }
}
