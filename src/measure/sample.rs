//! What the client saw of one request. Times are seconds since the cell's clock started, taken
//! from one monotonic clock; a moment that never came is `None`, never zero.

use serde::{Deserialize, Serialize};

/// Why a request gave no usable answer.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ErrorClass {
    /// No connection could be made.
    Connect,
    /// An HTTP status from 400 to 499.
    Http4xx,
    /// An HTTP status of 500 or above.
    Http5xx,
    /// No full answer within the request timeout.
    Timeout,
    /// The connection was cut before the answer was complete.
    Reset,
    /// A complete answer without a single token.
    Empty,
    /// An answer that does not follow the protocol: bad JSON, bad UTF-8, no usage, no end mark.
    Malformed,
}

/// A failed request: its class and what was seen, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{class}: {detail}")]
pub struct RequestError {
    pub class: ErrorClass,
    pub detail: String,
}

/// One arrival of generated text in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    pub at_s: f64,
    /// Length of the text that arrived, in bytes.
    pub text_len: u32,
}

/// Token counts as the server reported them in `usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    /// Prompt tokens answered from the server's prompt cache; `None` if the server does not say.
    pub cached_tokens: Option<u32>,
}

/// One request, from the moment it was due to the end of its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSample {
    /// Position in the cell, from 0, in order of dispatch.
    pub index: u32,
    /// Which server answered, from 0; `None` where a balancer does not say.
    pub instance: Option<u32>,
    /// When the schedule wanted it sent. Latencies count from here.
    pub due_s: f64,
    /// When the client turned to it.
    pub dispatched_s: f64,
    /// When the connection that carried it stood, and the server was free to read it.
    pub connected_s: Option<f64>,
    /// When the response headers came.
    pub headers_s: Option<f64>,
    /// First and last sign that the prompt was being processed (keepalive comments).
    pub prefill_start_s: Option<f64>,
    pub prefill_end_s: Option<f64>,
    pub first_token_s: Option<f64>,
    pub last_token_s: Option<f64>,
    /// When the answer was complete, or had failed.
    pub end_s: f64,
    /// Handshakes that were given up and repeated before any byte of a request could be acted on.
    pub connect_retries: u32,
    /// Time from dispatch until the connection stood: pacing, handshakes and their repeats.
    pub connect_wait_s: f64,
    /// Arrivals of text; empty where the answer was not streamed.
    pub chunks: Vec<Chunk>,
    pub usage: Usage,
    /// `length`, `stop` or `tool_calls`, as the server said.
    pub finish_reason: Option<String>,
    pub error: Option<RequestError>,
}

impl RequestSample {
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// Time to first token in seconds, from the due time; `None` when not streamed or failed.
    pub fn ttft_s(&self) -> Option<f64> {
        self.first_token_s
            .filter(|_| self.ok())
            .map(|t| t - self.due_s)
    }

    /// Time per output token after the first, in seconds:
    /// `(last token - first token) / (tokens - 1)`, as vLLM's and NVIDIA's load testers define it.
    pub fn tpot_s(&self) -> Option<f64> {
        let tokens = self.usage.completion_tokens;
        match (self.first_token_s, self.last_token_s) {
            (Some(first), Some(last)) if self.ok() && tokens > 1 => {
                Some((last - first) / f64::from(tokens - 1))
            }
            _ => None,
        }
    }

    /// Whole request in seconds, from the due time.
    pub fn e2e_s(&self) -> Option<f64> {
        self.ok().then_some(self.end_s - self.due_s)
    }

    /// How late the client was, in seconds.
    pub fn dispatch_lag_s(&self) -> f64 {
        self.dispatched_s - self.due_s
    }
}
