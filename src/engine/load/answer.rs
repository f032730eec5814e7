//! From events to an answer: what counts as text, as the end, as a success.

use std::borrow::Cow;
use std::time::Instant;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::pattern::Pattern;
use super::sse::{SseError, SseItem};
use crate::measure::sample::{ErrorClass, RequestError, Usage};

/// As much of a server's own words as an error keeps.
const MAX_DETAIL_CHARS: usize = 600;

/// One arrival of text, still as an [`Instant`].
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub at: Instant,
    pub text_len: u32,
}

/// What arrived so far.
#[derive(Debug, Default)]
pub struct Answer {
    pub prefill_start: Option<Instant>,
    pub prefill_end: Option<Instant>,
    pub arrivals: Vec<Arrival>,
    pub usage: Option<Usage>,
    pub finish_reason: Option<String>,
    /// `[DONE]` was seen.
    pub done: bool,
    pattern: Pattern,
}

/// What an item of the stream was, for those who watch progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Prefill,
    FirstText,
    Text,
    Other,
}

impl From<SseError> for RequestError {
    fn from(e: SseError) -> Self {
        malformed(e.to_string())
    }
}

impl Answer {
    /// Takes in one item of the stream, which arrived at `at`.
    pub fn take(&mut self, item: SseItem<'_>, at: Instant) -> Result<Progress, RequestError> {
        if let SseItem::Data(data) = item
            && let Some(text_len) = self.pattern.text_len(data)
        {
            return Ok(self.text(text_len, at));
        }
        match item {
            // Only comments before the first text tell of the prompt.
            SseItem::Comment(_) if self.arrivals.is_empty() => {
                self.prefill_start.get_or_insert(at);
                self.prefill_end = Some(at);
                Ok(Progress::Prefill)
            }
            SseItem::Comment(_) => Ok(Progress::Other),
            SseItem::Data(data) if data.trim() == "[DONE]" => {
                self.done = true;
                Ok(Progress::Other)
            }
            SseItem::Data(data) => {
                let chunk: ChunkJson<'_> = serde_json::from_str(data).map_err(|e| {
                    malformed(format!(
                        "an event of the stream is not the expected JSON ({e}): {}",
                        shorten(data)
                    ))
                })?;
                if let Some(text) = chunk.only_text() {
                    self.pattern.learn(data, text);
                }
                self.chunk(chunk, at)
            }
        }
    }

    fn chunk(&mut self, chunk: ChunkJson<'_>, at: Instant) -> Result<Progress, RequestError> {
        if let Some(error) = chunk.error {
            return Err(malformed(format!(
                "the server broke off the stream with an error: {}",
                error_text(&error)
            )));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.into());
        }
        let mut text_len = 0;
        for choice in chunk.choices {
            text_len += choice.text_len();
            if let Some(reason) = choice.finish_reason {
                self.finish_reason = Some(reason.into_owned());
            }
        }
        Ok(self.text(text_len, at))
    }

    fn text(&mut self, text_len: u32, at: Instant) -> Progress {
        if text_len == 0 {
            return Progress::Other;
        }
        let first = self.arrivals.is_empty();
        self.arrivals.push(Arrival { at, text_len });
        if first {
            Progress::FirstText
        } else {
            Progress::Text
        }
    }

    /// The stream has ended. A success has said why it finished, counted its tokens and sent its
    /// end mark; the status code alone proves nothing.
    pub fn streamed_to_end(&self) -> Result<(), RequestError> {
        if self.finish_reason.is_none() {
            // HTTP/1.0 has no other end than closing, so a dying server looks like this.
            let seen = self.arrivals.len();
            return Err(RequestError {
                class: ErrorClass::Reset,
                detail: format!(
                    "the server closed the stream after {seen} chunks of text without saying that \
                     it had finished; its generation thread may have died (see its log)"
                ),
            });
        }
        let usage = self.usage.ok_or_else(|| {
            malformed(
                "the stream ended without a usage count, so its tokens are not known; the server \
                 ignores stream_options.include_usage. Chunks are no tokens, so nothing is guessed: \
                 update the server, or set MLX_STREAM=0 if it counts whole answers"
                    .to_owned(),
            )
        })?;
        if !self.done {
            return Err(malformed(
                "the stream ended without its [DONE] mark".to_owned(),
            ));
        }
        has_tokens(usage)
    }

    /// Takes in an answer that came whole.
    pub fn whole(&mut self, body: &[u8]) -> Result<(), RequestError> {
        if body.is_empty() {
            return Err(RequestError {
                class: ErrorClass::Empty,
                detail: "the answer has no content at all".to_owned(),
            });
        }
        let answer: ChunkJson<'_> = serde_json::from_slice(body).map_err(|e| {
            malformed(format!(
                "the answer is not the expected JSON ({e}): {}",
                shorten(&String::from_utf8_lossy(body))
            ))
        })?;
        if let Some(error) = answer.error {
            return Err(malformed(format!(
                "the answer is an error in spite of its status: {}",
                error_text(&error)
            )));
        }
        self.finish_reason = answer
            .choices
            .into_iter()
            .find_map(|choice| choice.finish_reason)
            .map(Cow::into_owned);
        let usage: Usage = answer
            .usage
            .ok_or_else(|| malformed("the answer has no usage count".to_owned()))?
            .into();
        self.usage = Some(usage);
        if self.finish_reason.is_none() {
            return Err(malformed(
                "the answer does not say why it finished".to_owned(),
            ));
        }
        has_tokens(usage)
    }
}

fn has_tokens(usage: Usage) -> Result<(), RequestError> {
    if usage.completion_tokens > 0 {
        return Ok(());
    }
    Err(RequestError {
        class: ErrorClass::Empty,
        detail: "the answer is complete but holds no token".to_owned(),
    })
}

fn malformed(detail: String) -> RequestError {
    RequestError {
        class: ErrorClass::Malformed,
        detail,
    }
}

/// The class and words of an answer whose status is an error.
pub fn http_error(status: u16, body: &[u8]) -> RequestError {
    let class = match status {
        400..=499 => ErrorClass::Http4xx,
        500.. => ErrorClass::Http5xx,
        _ => ErrorClass::Malformed,
    };
    let said = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|json| json.get("error").map(error_text))
        .unwrap_or_else(|| shorten(&String::from_utf8_lossy(body)));
    RequestError {
        class,
        detail: if said.is_empty() {
            format!("HTTP {status} without a word")
        } else {
            format!("HTTP {status}: {said}")
        },
    }
}

/// `mlx_lm.server` gives a string; others an object with a `message`.
fn error_text(error: &serde_json::Value) -> String {
    match error.as_str().or_else(|| error["message"].as_str()) {
        Some(text) => shorten(text),
        None => shorten(&error.to_string()),
    }
}

fn shorten(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_DETAIL_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A chunk of a stream or a whole answer: as much of either as matters, without copying text.
#[derive(Deserialize)]
struct ChunkJson<'a> {
    #[serde(default, borrow)]
    choices: Vec<ChoiceJson<'a>>,
    usage: Option<UsageJson>,
    error: Option<serde_json::Value>,
}

impl<'a> ChunkJson<'a> {
    /// The text, as it stands in the JSON, of a chunk that holds one and nothing else that matters.
    fn only_text(&self) -> Option<&'a str> {
        let [choice] = self.choices.as_slice() else {
            return None;
        };
        if self.error.is_some() || self.usage.is_some() || choice.finish_reason.is_some() {
            return None;
        }
        let mut texts = choice.texts();
        let only = texts.next().filter(|_| texts.next().is_none())?;
        only.as_it_stands.filter(|text| !text.is_empty())
    }
}

#[derive(Deserialize)]
struct ChoiceJson<'a> {
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    delta: Option<DeltaJson<'a>>,
    /// Of `/v1/completions`.
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

impl<'a> ChoiceJson<'a> {
    fn texts(&self) -> impl Iterator<Item = Text<'a>> {
        let delta = self.delta.as_ref();
        [
            delta.and_then(|d| d.content),
            delta.and_then(|d| d.reasoning),
            delta.and_then(|d| d.reasoning_content),
            self.text,
        ]
        .into_iter()
        .flatten()
    }

    fn text_len(&self) -> u32 {
        self.texts()
            .fold(0, |sum, text| sum.saturating_add(text.len))
    }
}

#[derive(Deserialize)]
struct DeltaJson<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    /// The same under other servers' name.
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct UsageJson {
    #[serde(default)]
    prompt_tokens: u32,
    completion_tokens: u32,
    prompt_tokens_details: Option<DetailsJson>,
}

#[derive(Deserialize)]
struct DetailsJson {
    cached_tokens: Option<u32>,
}

impl From<UsageJson> for Usage {
    fn from(json: UsageJson) -> Self {
        Self {
            prompt_tokens: json.prompt_tokens,
            completion_tokens: json.completion_tokens,
            cached_tokens: json.prompt_tokens_details.and_then(|d| d.cached_tokens),
        }
    }
}

/// A JSON string, read without copying it.
#[derive(Clone, Copy)]
struct Text<'a> {
    /// In bytes, its escapes undone.
    len: u32,
    /// Its place in the JSON; `None` where it has escapes.
    as_it_stands: Option<&'a str>,
}

impl<'a> Text<'a> {
    fn new(text: &str, as_it_stands: Option<&'a str>) -> Self {
        Self {
            len: u32::try_from(text.len()).unwrap_or(u32::MAX),
            as_it_stands,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace;
        impl<'de> Visitor<'de> for InPlace {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text::new(text, Some(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text::new(text, None))
            }
        }
        deserializer.deserialize_str(InPlace)
    }
}

#[cfg(test)]
mod tests;
