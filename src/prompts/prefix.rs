//! What stands at the start of every prompt, so that no prompt cache can answer it: 64 bits that no
//! other request of any run has, written in symbols.
//!
//! Letters do wherever lengths are not exact. Where they are, each symbol is a word that the model's
//! tokenizer has as one token, so that every prefix comes to the same number of tokens and nothing
//! need be counted while requests are sent.

use super::counter::Counter;
use crate::scatter::scatter;

/// Bits that a prefix writes.
const BITS: u32 = 64;
/// Letters and digits that are one byte each and need no escaping in JSON.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// With fewer words a prefix would be longer than it is worth.
const FEWEST_WORDS: usize = 64;
const MOST_WORDS: usize = 4096;
/// Prefixes that are counted before it is believed that all come to the same.
const TRIED: u64 = 64;

/// Symbols that prefixes are written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbols {
    /// As many as a power of two.
    texts: Vec<String>,
    between: &'static str,
    /// How many a prefix has.
    length: u32,
    tokens: Option<u32>,
}

impl Symbols {
    /// 13 letters and digits, of no certain number of tokens.
    pub fn letters() -> Self {
        let texts = LETTERS.iter().map(|letter| char::from(*letter).to_string());
        Self::new(texts.collect(), "")
    }

    /// Symbols whose prefixes all have the same number of tokens: words if the tokenizer has them,
    /// else letters. `None` where neither are.
    pub fn of_equal_tokens(counter: &Counter) -> Option<Self> {
        Self::words(counter)
            .into_iter()
            .chain([Self::letters()])
            .find_map(|symbols| symbols.counted(counter))
    }

    fn new(texts: Vec<String>, between: &'static str) -> Self {
        let bits = texts.len().ilog2();
        Self {
            texts,
            between,
            length: BITS.div_ceil(bits),
            tokens: None,
        }
    }

    fn words(counter: &Counter) -> Option<Self> {
        // After a line break too, where some tokenizers write a word in another way: that is what
        // often stands before the message in a chat template.
        let opening = "x\n";
        let before = counter.count(opening)?;
        let mut words: Vec<String> = counter
            .words()
            .into_iter()
            .filter(|word| {
                let three = format!("{word} {word} {word}");
                counter.count(&three) == Some(3)
                    && counter.count(&format!("{opening}{three}")) == Some(before + 3)
            })
            .take(MOST_WORDS)
            .collect();
        if words.len() < FEWEST_WORDS {
            return None;
        }
        words.truncate(1 << words.len().ilog2());
        Some(Self::new(words, " "))
    }

    /// With the number of tokens of every prefix, if it is one number.
    fn counted(mut self, counter: &Counter) -> Option<Self> {
        let first = counter.count(&self.prefix(0))?;
        let equal = (1..TRIED).all(|n| counter.count(&self.prefix(scatter(n))) == Some(first));
        self.tokens = Some(first);
        equal.then_some(self)
    }

    /// Tokens of every prefix; `None` of letters that were not counted.
    pub fn tokens(&self) -> Option<u32> {
        self.tokens
    }

    /// One token more, at the end of a text.
    pub(super) fn filler(&self) -> String {
        format!("{}{}", self.between, self.texts[0])
    }

    /// `bits` as symbols, those of the lowest bits first: neighbours of a scattered counter differ
    /// from the first symbol on. All are ASCII letters, digits and spaces.
    pub fn write(&self, mut bits: u64, to: &mut Vec<u8>) {
        let base = self.texts.len() as u64;
        for index in 0..self.length {
            if index > 0 {
                to.extend_from_slice(self.between.as_bytes());
            }
            let symbol = &self.texts[(bits % base) as usize];
            to.extend_from_slice(symbol.as_bytes());
            bits /= base;
        }
    }

    /// The same as a text.
    pub fn prefix(&self, bits: u64) -> String {
        let mut bytes = Vec::new();
        self.write(bits, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::prompts::counter::tests::{byte_level, of_characters};

    /// 70 words of four letters.
    pub(crate) fn words() -> Vec<String> {
        let letters = |n: usize| char::from(b'a' + (n % 26) as u8);
        (0..70)
            .map(|n| [letters(n / 7), letters(n), letters(n * 3), letters(n * 5)])
            .map(|letters| letters.iter().collect())
            .collect()
    }

    #[test]
    fn letters_keep_64_bits_apart() {
        let letters = Symbols::letters();
        assert_eq!(letters.prefix(0), "aaaaaaaaaaaaa");
        assert_eq!(letters.tokens(), None);
        let all = [0, 1, 31, 32, 1 << 63, u64::MAX, u64::MAX - 1];
        let prefixes: HashSet<String> = all.iter().map(|bits| letters.prefix(*bits)).collect();
        assert_eq!(prefixes.len(), all.len());
    }

    #[test]
    fn words_of_the_vocabulary_give_prefixes_of_equal_length() {
        let words = words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let counter = byte_level(&words);
        let symbols = Symbols::of_equal_tokens(&counter).unwrap();
        // At least 64 symbols of 6 bits or more.
        let tokens = symbols.tokens().unwrap();
        assert!((6..=11).contains(&tokens), "{tokens}");
        let mut seen = HashSet::new();
        for n in 0..2_000 {
            let prefix = symbols.prefix(scatter(n));
            assert_eq!(counter.count(&prefix), Some(tokens), "{prefix}");
            assert!(seen.insert(prefix));
        }
        assert_ne!(symbols.prefix(u64::MAX), symbols.prefix(u64::MAX >> 1));
    }

    #[test]
    fn a_tokenizer_without_words_gets_letters_and_one_that_merges_them_nothing() {
        let symbols = Symbols::of_equal_tokens(&of_characters()).unwrap();
        assert_eq!(symbols.tokens(), Some(13));
        // Pairs of letters are merged now and then, and there are too few words.
        let counter = byte_level(&["ab", "cd", "ef", "gh"]);
        assert_eq!(Symbols::of_equal_tokens(&counter), None);
    }
}
