//! Prompts that no prompt cache can answer, and request bodies made of them.
//!
//! The server reuses the longest known beginning of a prompt, so what makes a prompt unique has to
//! stand at its very start. Each request gets 13 characters there that no other request of any run
//! has. (The chat template's own opening comes before the message and stays shared.)

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::scatter::scatter;

/// What all requests of a run share: the model's name, and what keeps their prompts apart. One a
/// run, for all its cells, warm-ups and probes.
#[derive(Debug)]
pub struct PromptSource {
    model: String,
    nonce: u64,
    next: AtomicU64,
}

/// The name by which `mlx_lm.server` knows the model that it was started with.
pub const DEFAULT_MODEL: &str = "default_model";

/// Letters and digits that are one byte each and need no escaping in JSON.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PREFIX_CHARS: usize = 13;

impl PromptSource {
    /// With a random start, so that two runs against the same servers differ.
    pub fn new() -> Arc<Self> {
        Self::of_model(DEFAULT_MODEL)
    }

    /// The same, for a model that the server knows by another name.
    pub fn of_model(model: &str) -> Arc<Self> {
        // A fresh hasher is seeded by the operating system.
        Self::made(model, RandomState::new().hash_one(std::process::id()))
    }

    /// With a given start: the same prompts again, in the same order.
    pub fn with_nonce(nonce: u64) -> Arc<Self> {
        Self::made(DEFAULT_MODEL, nonce)
    }

    fn made(model: &str, nonce: u64) -> Arc<Self> {
        Arc::new(Self {
            model: model.to_owned(),
            nonce,
            next: AtomicU64::new(0),
        })
    }

    /// 13 characters. Unique within a source because [`scatter`] is a bijection of the counter;
    /// neighbours differ from the first characters on because it is a mixing one.
    fn prefix(&self) -> [u8; PREFIX_CHARS] {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut bits = scatter(self.nonce.wrapping_add(count));
        std::array::from_fn(|_| {
            let symbol = ALPHABET[(bits % 32) as usize];
            bits /= 32;
            symbol
        })
    }
}

/// How characters relate to tokens, to pad a prompt to a length without a tokenizer. Approximate:
/// `usage.prompt_tokens` says what it came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScale {
    pub chars_per_token: f64,
    /// What the chat template adds to each message.
    pub template_tokens: u32,
}

impl TokenScale {
    /// Our synthetic models have no merges: one ASCII character is one token.
    pub const SYNTHETIC: Self = Self {
        chars_per_token: 1.0,
        template_tokens: 19,
    };
    /// English prose under the tokenizers of Llama 3, Qwen and Mistral, roughly.
    pub const PROSE: Self = Self {
        chars_per_token: 4.2,
        template_tokens: 25,
    };
}

/// What each request of a cell asks.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptText {
    pub text: String,
    /// Pad or cut to about this many tokens; `None` leaves the text as it is.
    pub tokens: Option<u32>,
    pub scale: TokenScale,
    /// The same prompt each time, without a prefix: an explicit, labelled choice.
    pub identical: bool,
}

impl PromptText {
    /// What follows the prefix of `prefix_chars` characters.
    fn after_prefix(&self, prefix_chars: usize) -> String {
        let Some(tokens) = self.tokens else {
            return self.text.clone();
        };
        let wanted = tokens.saturating_sub(self.scale.template_tokens);
        let chars = (f64::from(wanted) * self.scale.chars_per_token).round() as usize;
        let chars = chars.saturating_sub(prefix_chars);
        let sentence = if self.text.is_empty() {
            "Go on."
        } else {
            &self.text
        };
        sentence
            .chars()
            .chain(std::iter::once(' '))
            .cycle()
            .take(chars)
            .collect()
    }
}

/// Bodies of one cell's requests. All but the prefix is written once.
#[derive(Debug)]
pub struct Bodies {
    source: Arc<PromptSource>,
    before: Vec<u8>,
    after: Vec<u8>,
    identical: bool,
}

impl Bodies {
    pub fn new(
        source: &Arc<PromptSource>,
        prompt: &PromptText,
        max_tokens: u32,
        temperature: f64,
        stream: bool,
    ) -> Self {
        let content = if prompt.identical {
            prompt.after_prefix(0)
        } else {
            format!("{MARK} {}", prompt.after_prefix(PREFIX_CHARS + 1))
        };
        // One model name in all requests: another spelling of the same model splits the batch.
        // No `seed`: it takes a request out of the batch.
        let mut body = json!({
            "model": source.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": stream,
        });
        if stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        let body = body.to_string();
        // The model's name stands before the prompt, and might hold the mark.
        let content_at = body.find("\"messages\"").unwrap_or(0);
        let mark_at = body[content_at..].find(MARK).map(|at| content_at + at);
        let (before, after) = match mark_at {
            Some(at) if !prompt.identical => (&body[..at], &body[at + MARK.len()..]),
            _ => (body.as_str(), ""),
        };
        Self {
            source: Arc::clone(source),
            before: before.into(),
            after: after.into(),
            identical: prompt.identical,
        }
    }

    /// The next request's body: a copy of a few hundred bytes, nothing is formatted.
    pub fn next(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.before.len() + PREFIX_CHARS + self.after.len());
        body.extend_from_slice(&self.before);
        if !self.identical {
            body.extend_from_slice(&self.source.prefix());
        }
        body.extend_from_slice(&self.after);
        body
    }
}

/// Stands for the prefix while a body is written; the first one in the body is ours.
const MARK: &str = "<prefix>";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn prompt(text: &str, tokens: Option<u32>, identical: bool) -> PromptText {
        PromptText {
            text: text.to_owned(),
            tokens,
            scale: TokenScale::SYNTHETIC,
            identical,
        }
    }

    fn content(body: &[u8]) -> String {
        let json: Value = serde_json::from_slice(body).unwrap();
        json["messages"][0]["content"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_prompt_is_new_within_a_run_and_across_runs() {
        let text = prompt("Why?", None, false);
        let mut seen = HashSet::new();
        for nonce in [1, u64::MAX / 3] {
            let source = PromptSource::with_nonce(nonce);
            // Two cells of one run.
            for _ in 0..2 {
                let bodies = Bodies::new(&source, &text, 8, 0.3, true);
                for _ in 0..5_000 {
                    assert!(seen.insert(content(&bodies.next())));
                }
            }
        }
        assert_eq!(seen.len(), 20_000);
    }

    #[test]
    fn prompts_part_within_their_first_characters() {
        let source = PromptSource::with_nonce(7);
        let bodies = Bodies::new(&source, &prompt("Why?", None, false), 8, 0.3, true);
        let starts: HashSet<String> = (0..1_000)
            .map(|_| content(&bodies.next())[..5].to_owned())
            .collect();
        // 32^5 starts: two equal ones among 1,000 are a 1.5 % chance, and this nonce has none.
        assert_eq!(starts.len(), 1_000);
    }

    #[test]
    fn a_text_that_needs_escapes_or_holds_the_mark_stays_whole() {
        let text = "Say \"<prefix>\"\n\\ü🦀";
        let source = PromptSource::with_nonce(1);
        let bodies = Bodies::new(&source, &prompt(text, None, false), 8, 0.3, true);
        let sent = content(&bodies.next());
        assert_eq!(&sent[PREFIX_CHARS + 1..], text);
        let same = Bodies::new(&source, &prompt(text, None, true), 8, 0.3, true);
        assert_eq!(content(&same.next()), text);
        assert_eq!(same.next(), same.next());
    }

    #[test]
    fn padding_reaches_the_asked_length_with_one_token_a_character() {
        let source = PromptSource::with_nonce(1);
        for tokens in [40, 200, 4096] {
            for identical in [false, true] {
                let text = prompt("Why does it help?", Some(tokens), identical);
                let bodies = Bodies::new(&source, &text, 8, 0.3, true);
                assert_eq!(content(&bodies.next()).len() as u32 + 19, tokens);
            }
        }
    }

    #[test]
    fn the_body_is_what_the_server_batches() {
        let source = PromptSource::with_nonce(1);
        let text = prompt("Why?", None, false);
        let body: Value =
            serde_json::from_slice(&Bodies::new(&source, &text, 96, 0.3, true).next()).unwrap();
        assert_eq!(body["model"], "default_model");
        assert_eq!(body["max_tokens"], 96);
        assert_eq!(body["temperature"], 0.3);
        assert_eq!(body["stream_options"]["include_usage"], true);
        assert!(body.get("seed").is_none());
        let whole: Value =
            serde_json::from_slice(&Bodies::new(&source, &text, 96, 0.3, false).next()).unwrap();
        assert_eq!(whole["stream"], false);
        assert!(whole.get("stream_options").is_none());
    }
}
