//! The model's own tokenizer, which counts tokens as the server does.

use std::fs;
use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

/// The file that holds it, in a model's folder.
pub const FILE: &str = "tokenizer.json";

#[derive(Debug, thiserror::Error)]
pub enum CounterError {
    #[error("{} could not be read: {why}", .path.display())]
    Unreadable { path: PathBuf, why: String },
}

/// Counts the tokens of texts. Without the chat template: what that adds depends on the server's
/// arguments, and is learned from what the server counts.
pub struct Counter {
    tokenizer: Tokenizer,
}

impl Counter {
    /// The tokenizer of the model in `folder`; `None` where it has no `tokenizer.json`. Takes up to
    /// a second for a vocabulary of 128,000 words.
    ///
    /// # Errors
    /// The file cannot be read, or this program does not understand it.
    pub fn of_folder(folder: &Path) -> Result<Option<Self>, CounterError> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let unreadable = |why: String| CounterError::Unreadable {
            path: path.clone(),
            why,
        };
        let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let counter = Self::of_bytes(&bytes).map_err(unreadable)?;
        Ok(Some(counter))
    }

    fn of_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
        // Some files still hold the lengths of their training.
        tokenizer
            .with_truncation(None)
            .map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer })
    }

    /// Tokens of `text` by itself; `None` where the tokenizer has no token for a part of it.
    pub fn count(&self, text: &str) -> Option<u32> {
        let encoding = self.tokenizer.encode_fast(text, false).ok()?;
        u32::try_from(encoding.len()).ok()
    }

    /// Lower-case ASCII words of 2 to 8 letters that the vocabulary has with a space before them,
    /// in the order of their ids.
    pub(super) fn words(&self) -> Vec<String> {
        let vocabulary = self.tokenizer.get_vocab(false);
        let mut words: Vec<(u32, &str)> = vocabulary
            .iter()
            .filter_map(|(token, id)| {
                // How byte-level and SentencePiece vocabularies write a space.
                let word = token.strip_prefix(['\u{120}', '\u{2581}'])?;
                let plain = (2..=8).contains(&word.len())
                    && word.bytes().all(|byte| byte.is_ascii_lowercase());
                plain.then_some((*id, word))
            })
            .collect();
        words.sort_unstable();
        words.into_iter().map(|(_, word)| word.to_owned()).collect()
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counter")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::models::synthetic;

    /// A tokenizer in the manner of GPT and Llama 3: bytes, a pattern that parts words, and merges.
    /// Its merges make each of `words` one token, with a space before it and without.
    pub(crate) fn byte_level(words: &[&str]) -> Counter {
        let mut ids = serde_json::Map::new();
        for byte in (b'!'..=b'~').map(char::from).chain(['\u{120}', '\u{10a}']) {
            let id = ids.len();
            ids.insert(byte.to_string(), json!(id));
        }
        let mut merges = Vec::new();
        let mut merge = |left: &str, right: &str| {
            let merged = format!("{left}{right}");
            if !ids.contains_key(&merged) {
                let id = ids.len();
                ids.insert(merged.clone(), json!(id));
                merges.push(json!([left, right]));
            }
            merged
        };
        for word in words {
            let (first, others) = word.split_at(1);
            let whole = others.chars().fold(first.to_owned(), |left, letter| {
                merge(&left, &letter.to_string())
            });
            merge("\u{120}", &whole);
        }
        let pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
        let file = json!({
            "version": "1.0",
            // As some published files have it: must not bound what is counted.
            "truncation": {
                "direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0,
            },
            "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false },
            ]},
            "post_processor": null,
            "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null,
                "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": ids, "merges": merges,
            },
        });
        Counter::of_bytes(file.to_string().as_bytes()).unwrap()
    }

    /// That of our synthetic models: one character is one token.
    pub(crate) fn of_characters() -> Counter {
        Counter::of_bytes(synthetic::tokenizer_file(512).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn words_of_a_byte_level_tokenizer_are_counted_as_its_merges_have_it() {
        let counter = byte_level(&["the", "cat"]);
        for (text, tokens) in [
            ("", 0),
            ("the cat", 2),
            // the, y: no merge makes it one.
            ("they", 2),
            ("the\ncat", 3),
            ("the cat, the cat", 5),
            // Longer than the file's own truncation.
            (&"the ".repeat(40), 41),
        ] {
            assert_eq!(counter.count(text), Some(tokens), "{text:?}");
        }
        assert_eq!(counter.words(), ["the", "cat"]);
    }

    #[test]
    fn a_synthetic_model_has_a_token_for_each_character() {
        let counter = of_characters();
        assert_eq!(counter.count("Why does it help?\n"), Some(18));
    }

    #[test]
    fn a_folder_without_the_file_has_none_and_a_broken_file_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Counter::of_folder(folder.path()).unwrap().is_none());
        fs::write(folder.path().join(FILE), "{\"version\": 1}").unwrap();
        let error = Counter::of_folder(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("tokenizer.json could not be read"),
            "{error}"
        );
    }
}
