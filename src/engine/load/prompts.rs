//! Prompts that no prompt cache can answer, and request bodies made of them.
//!
//! The server reuses the longest known beginning of a prompt, so what makes a prompt unique has to
//! stand at its very start. Each request gets 64 bits there that no other request of any run has, in
//! letters or in words (see [`crate::prompts::prefix`]). (The chat template's own opening comes before the message and stays shared.)

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::prompts::{Cursor, Messages, Symbols};
use crate::scatter::scatter;

/// What all requests of a run share: the model's name, and what keeps their prompts apart. One a
/// run, for all its cells, warm-ups and probes.
#[derive(Debug)]
pub struct PromptSource {
    model: String,
    nonce: u64,
    next: AtomicU64,
    letters: Symbols,
    symbols: OnceLock<Symbols>,
}

/// The name by which `mlx_lm.server` knows the model that it was started with.
pub const DEFAULT_MODEL: &str = "default_model";

/// What most prefixes fit into, in bytes; a longer one costs a copy.
const PREFIX_ROOM: usize = 64;

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
            letters: Symbols::letters(),
            symbols: OnceLock::new(),
        })
    }

    /// Writes prefixes in `symbols` from now on: done once, before the run's first prompt of an
    /// exact length.
    pub fn use_symbols(&self, symbols: Symbols) {
        // Whoever came first has made prompts of them already.
        let _ = self.symbols.set(symbols);
    }

    pub fn symbols(&self) -> &Symbols {
        self.symbols.get().unwrap_or(&self.letters)
    }

    /// Unique within a source because [`scatter`] is a bijection of the counter; neighbours differ
    /// from the first symbols on because it is a mixing one.
    fn write_prefix(&self, to: &mut Vec<u8>) {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        self.symbols()
            .write(scatter(self.nonce.wrapping_add(count)), to);
    }
}

/// What each request of a cell asks.
#[derive(Debug, Clone)]
pub struct PromptText {
    /// What follows the prefix.
    pub text: String,
    /// The same prompt each time, or those of a file as they are, without a prefix: an explicit,
    /// labelled choice.
    pub identical: bool,
    /// Prompts of a file, instead of `text`.
    pub from: Option<Arc<Cursor>>,
}

impl PromptText {
    /// `text` after a prefix of its own for each request.
    pub fn unique(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            identical: false,
            from: None,
        }
    }

    /// The same for another load, which begins at the start of the file's prompts.
    #[must_use]
    pub fn from_start(&self) -> Self {
        Self {
            from: self.from.as_deref().map(Cursor::from_start),
            ..self.clone()
        }
    }
}

/// Bodies of one cell's requests. All but the prefix is written once.
#[derive(Debug)]
pub struct Bodies {
    source: Arc<PromptSource>,
    before: Vec<u8>,
    messages: Asked,
    after: Vec<u8>,
    identical: bool,
}

#[derive(Debug)]
enum Asked {
    One(Messages),
    File(Arc<Cursor>),
}

impl Bodies {
    pub fn new(
        source: &Arc<PromptSource>,
        prompt: &PromptText,
        max_tokens: u32,
        temperature: f64,
        stream: bool,
    ) -> Self {
        // One model name in all requests: another spelling of the same model splits the batch.
        let before = format!("{{\"model\":{},\"messages\":", json!(source.model));
        // No `seed`: it takes a request out of the batch.
        let mut rest = json!({
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": stream,
        });
        if stream {
            rest["stream_options"] = json!({"include_usage": true});
        }
        let rest = rest.to_string();
        Self {
            source: Arc::clone(source),
            before: before.into_bytes(),
            messages: match &prompt.from {
                Some(cursor) => Asked::File(Arc::clone(cursor)),
                None => Asked::One(Messages::of_user(&prompt.text)),
            },
            after: rest.replacen('{', ",", 1).into_bytes(),
            identical: prompt.identical,
        }
    }

    /// The next request's body: a copy of what was written before, nothing is formatted.
    pub fn next(&self) -> Vec<u8> {
        let (opening, rest) = match &self.messages {
            Asked::One(messages) => messages.parts(),
            Asked::File(cursor) => cursor.next().parts(),
        };
        let parts = [
            self.before.len(),
            opening.len(),
            rest.len(),
            self.after.len(),
        ];
        let mut body = Vec::with_capacity(parts.iter().sum::<usize>() + PREFIX_ROOM);
        body.extend_from_slice(&self.before);
        body.extend_from_slice(opening.as_bytes());
        if !self.identical {
            self.source.write_prefix(&mut body);
            // A text that is empty ends here.
            if !rest.starts_with('"') {
                body.push(b' ');
            }
        }
        body.extend_from_slice(rest.as_bytes());
        body.extend_from_slice(&self.after);
        body
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;
    use crate::prompts::counter::tests::of_characters;
    use crate::prompts::{PromptSet, file, fit};

    fn prompt(text: &str, identical: bool) -> PromptText {
        PromptText {
            identical,
            ..PromptText::unique(text)
        }
    }

    fn content(body: &[u8]) -> String {
        let json: Value = serde_json::from_slice(body).unwrap();
        json["messages"][0]["content"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_prompt_is_new_within_a_run_and_across_runs() {
        let text = prompt("Why?", false);
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
        let bodies = Bodies::new(&source, &prompt("Why?", false), 8, 0.3, true);
        let starts: HashSet<String> = (0..1_000)
            .map(|_| content(&bodies.next())[..5].to_owned())
            .collect();
        // 32^5 starts: two equal ones among 1,000 are a 1.5 % chance, and this nonce has none.
        assert_eq!(starts.len(), 1_000);
    }

    #[test]
    fn a_text_that_needs_escapes_stays_whole() {
        let text = "Say \"{\"\n\\ü🦀";
        let source = PromptSource::with_nonce(1);
        let bodies = Bodies::new(&source, &prompt(text, false), 8, 0.3, true);
        let sent = content(&bodies.next());
        assert_eq!(&sent[13 + 1..], text);
        let same = Bodies::new(&source, &prompt(text, true), 8, 0.3, true);
        assert_eq!(content(&same.next()), text);
        assert_eq!(same.next(), same.next());
    }

    #[test]
    fn prefixes_are_written_in_the_symbols_of_the_run() {
        let counter = of_characters();
        let symbols = Symbols::of_equal_tokens(&counter).unwrap();
        let source = PromptSource::with_nonce(1);
        source.use_symbols(symbols.clone());
        let fitted = fit(&counter, &symbols, false, "Why does it help?", 200).unwrap();
        let bodies = Bodies::new(&source, &PromptText::unique(&fitted.text), 8, 0.3, true);
        for _ in 0..50 {
            let sent = content(&bodies.next());
            assert_eq!(counter.count(&sent), Some(200), "{sent}");
        }
    }

    #[test]
    fn prompts_of_a_file_get_a_prefix_before_their_first_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.jsonl");
        let system = r#"{"messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"Why?"}]}"#;
        std::fs::write(&path, format!("{system}\n\"How?\"\n")).unwrap();
        let set = PromptSet::new(file::read(&path).unwrap(), None);
        let source = PromptSource::with_nonce(1);
        let mut text = PromptText {
            from: Some(Cursor::new(&set)),
            ..PromptText::unique("not this")
        };
        let bodies = Bodies::new(&source, &text, 8, 0.3, true);
        let first: Value = serde_json::from_slice(&bodies.next()).unwrap();
        let opening = first["messages"][0]["content"].as_str().unwrap();
        assert_eq!(&opening[13..], " Be \"brief\".");
        assert_eq!(first["messages"][1]["content"], "Why?");
        assert_eq!(first["stream_options"]["include_usage"], true);
        assert_eq!(&content(&bodies.next())[13..], " How?");
        let third: Value = serde_json::from_slice(&bodies.next()).unwrap();
        assert_ne!(third, first);

        text.identical = true;
        let bodies = Bodies::new(&source, &text.from_start(), 8, 0.3, true);
        bodies.next();
        assert_eq!(content(&bodies.next()), "How?");
    }

    #[test]
    fn the_body_is_what_the_server_batches() {
        let source = PromptSource::with_nonce(1);
        let text = prompt("Why?", false);
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
