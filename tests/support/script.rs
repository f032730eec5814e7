//! What a server does with one request, step by step.

use std::time::Duration;

use serde_json::{Value, json};

/// What a piece of an answer is, so that tests find the instant it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Headers,
    Keepalive,
    Text,
    End,
    /// Anything else: raw bytes, parts of a piece.
    Other,
}

#[derive(Debug, Clone)]
pub enum Step {
    Wait(Duration),
    Send(What, Vec<u8>),
    /// Cut the connection with a TCP reset.
    Reset,
    /// Say nothing more and keep the connection open until the client goes.
    Hang,
}

/// The steps of one answer; the connection is closed after the last.
#[derive(Debug, Clone, Default)]
pub struct Script(pub Vec<Step>);

impl Script {
    /// These bytes and no others, in one write.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self(vec![Step::Send(What::Other, bytes.into())])
    }

    /// An error as `mlx_lm.server` words it.
    pub fn error(status: u16, text: &str) -> Self {
        let body = json!({ "error": text }).to_string();
        Self::raw(format!(
            "HTTP/1.0 {status} Said So\r\nContent-type: application/json\r\n\r\n{body}"
        ))
    }

    /// The same answer as most other servers send it: HTTP/1.1, a stream in chunks, and the
    /// connection kept open at its end, whatever the client asked for.
    pub fn kept_alive(self) -> Self {
        let mut chunked = false;
        let mut steps: Vec<Step> = Vec::new();
        for step in self.0 {
            steps.push(match step {
                Step::Send(What::Headers, bytes) => {
                    chunked = true;
                    let head = String::from_utf8(bytes).unwrap().replace(
                        "HTTP/1.0 200 OK\r\n",
                        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
                    );
                    Step::Send(What::Headers, head.into_bytes())
                }
                Step::Send(what, bytes) if chunked => {
                    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                    chunk.extend(bytes);
                    chunk.extend(b"\r\n");
                    Step::Send(what, chunk)
                }
                Step::Send(what, bytes) => {
                    let whole = String::from_utf8(bytes).unwrap();
                    Step::Send(what, whole.replace("HTTP/1.0", "HTTP/1.1").into_bytes())
                }
                other => other,
            });
        }
        if chunked {
            steps.push(Step::Send(What::Other, b"0\r\n\r\n".to_vec()));
        }
        steps.push(Step::Hang);
        Self(steps)
    }

    pub fn reset() -> Self {
        Self(vec![Step::Reset])
    }

    pub fn hang() -> Self {
        Self(vec![Step::Hang])
    }

    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// The first `n` steps, for streams that break off.
    pub fn first(mut self, n: usize) -> Self {
        self.0.truncate(n);
        self
    }

    /// The steps up to and with the `n`th piece of text (from 1).
    pub fn through_text(mut self, n: usize) -> Self {
        let mut seen = 0;
        let end = self.0.iter().position(|step| {
            seen += usize::from(matches!(step, Step::Send(What::Text, _)));
            seen == n
        });
        self.0.truncate(end.map_or(0, |at| at + 1));
        self
    }
}

/// A well-behaved answer, streamed or whole as the request asks, with times and counts to set.
#[derive(Debug, Clone)]
pub struct Answer {
    pub to_headers: Duration,
    /// Between the headers and each of the keepalive comments.
    pub keepalive_gap: Duration,
    pub keepalives: u32,
    /// From the last keepalive to the first text.
    pub first_text: Duration,
    /// Between two chunks of text.
    pub gap: Duration,
    pub chunks: u32,
    /// `usage` counts this many for each chunk: above one, the server merged.
    pub tokens_per_chunk: u32,
    pub text: String,
    pub finish_reason: Option<&'static str>,
    pub prompt_tokens: u32,
    pub cached_tokens: Option<u32>,
    pub usage: bool,
    pub done: bool,
    /// Extra response header lines, each with its line end.
    pub headers: String,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            to_headers: Duration::ZERO,
            keepalive_gap: Duration::ZERO,
            keepalives: 2,
            first_text: Duration::ZERO,
            gap: Duration::ZERO,
            chunks: 8,
            tokens_per_chunk: 1,
            text: " bajo".to_owned(),
            finish_reason: Some("length"),
            prompt_tokens: 50,
            cached_tokens: Some(0),
            usage: true,
            done: true,
            headers: String::new(),
        }
    }
}

impl Answer {
    /// To a request with this body.
    pub fn to(&self, body: &Value) -> Script {
        if body["stream"] == true {
            self.streamed()
        } else {
            self.whole()
        }
    }

    pub fn tokens(&self) -> u32 {
        self.chunks * self.tokens_per_chunk
    }

    fn usage_json(&self) -> Value {
        let mut usage = json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.tokens(),
            "total_tokens": self.prompt_tokens + self.tokens(),
        });
        if let Some(cached) = self.cached_tokens {
            usage["prompt_tokens_details"] = json!({ "cached_tokens": cached });
        }
        usage
    }

    pub fn streamed(&self) -> Script {
        let mut steps = Vec::new();
        let mut send = |after: Duration, what, text: String| {
            if !after.is_zero() {
                steps.push(Step::Wait(after));
            }
            steps.push(Step::Send(what, text.into_bytes()));
        };
        let now = Duration::ZERO;
        send(
            self.to_headers,
            What::Headers,
            format!(
                "HTTP/1.0 200 OK\r\nContent-type: text/event-stream\r\nCache-Control: no-cache\r\n{}\r\n",
                self.headers
            ),
        );
        for k in 1..=self.keepalives {
            let comment = format!(": keepalive {k}/{}\n\n", self.keepalives);
            send(self.keepalive_gap, What::Keepalive, comment);
        }
        for k in 0..self.chunks {
            let after = if k == 0 { self.first_text } else { self.gap };
            let delta = json!({"role": "assistant", "content": self.text});
            send(after, What::Text, event(&delta, None));
        }
        if let Some(reason) = self.finish_reason {
            send(
                now,
                What::Other,
                event(&json!({"role": "assistant"}), Some(reason)),
            );
        }
        if self.usage {
            let chunk =
                json!({"object": "chat.completion", "choices": [], "usage": self.usage_json()});
            send(now, What::Other, format!("data: {chunk}\n\n"));
        }
        if self.done {
            send(now, What::End, "data: [DONE]\n\n".to_owned());
        }
        Script(steps)
    }

    /// Takes as long as the stream would.
    pub fn whole(&self) -> Script {
        let mut answer = json!({
            "object": "chat.completion",
            "choices": [{
                "index": 0,
                "finish_reason": self.finish_reason,
                "message": {"role": "assistant", "content": self.text.repeat(self.chunks as usize)},
            }],
        });
        if self.usage {
            answer["usage"] = self.usage_json();
        }
        let body = answer.to_string();
        let rest = self.keepalive_gap * self.keepalives
            + self.first_text
            + self.gap * self.chunks.saturating_sub(1);
        Script(vec![
            Step::Wait(self.to_headers + rest),
            Step::Send(
                What::End,
                format!(
                    "HTTP/1.0 200 OK\r\nContent-type: application/json\r\n{}Content-Length: {}\r\n\r\n{body}",
                    self.headers,
                    body.len()
                )
                .into_bytes(),
            ),
        ])
    }
}

fn event(delta: &Value, finish_reason: Option<&str>) -> String {
    let chunk = json!({
        "id": "chatcmpl-test",
        "object": "chat.completion.chunk",
        "model": "default_model",
        "choices": [{"index": 0, "finish_reason": finish_reason, "delta": delta}],
    });
    format!("data: {chunk}\n\n")
}
