//! Text of an exact length in tokens.

use super::counter::Counter;
use super::prefix::Symbols;
use crate::scatter::scatter;

/// Prefixes with which a fitted text is counted before its length is believed.
const TRIED: u64 = 8;

/// What follows the prefix, and what both come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    pub text: String,
    /// Of prefix and text together, without the chat template. Not what was asked where that is
    /// less than the prefix, or no text of that length was found.
    pub tokens: u32,
}

/// How prefix and text stand in a message.
pub fn joined(prefix: &str, text: &str) -> String {
    match (prefix, text) {
        ("", text) => text.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, text) => format!("{prefix} {text}"),
    }
}

/// Words of `base`, over and over, so many that they come to `tokens`: with any prefix of `symbols`
/// before them, or `without_prefix`. What words leave is filled up with single tokens. `None` where
/// the tokenizer cannot count them.
pub fn fit(
    counter: &Counter,
    symbols: &Symbols,
    without_prefix: bool,
    base: &str,
    tokens: u32,
) -> Option<Fitted> {
    let prefix = |n: u64| {
        if without_prefix {
            String::new()
        } else {
            symbols.prefix(scatter(n))
        }
    };
    let first = prefix(0);
    let count = |text: &str| counter.count(&joined(&first, text));
    let words: Vec<&str> = base.split_whitespace().collect();
    let text_of = |n: usize| -> String {
        let words: Vec<&str> = words.iter().copied().cycle().take(n).collect();
        words.join(" ")
    };
    // A word is a token at least, so there are never more words than tokens.
    let (mut fewest, mut most) = (0, if words.is_empty() { 0 } else { tokens as usize });
    while fewest < most {
        let middle = (fewest + most).div_ceil(2);
        if count(&text_of(middle))? <= tokens {
            fewest = middle;
        } else {
            most = middle - 1;
        }
    }
    let mut text = text_of(fewest);
    let mut come_to = count(&text)?;
    let missing = tokens.saturating_sub(come_to) as usize;
    // The space before a text that was empty so far may be a token of its own.
    for fillers in [missing, missing.saturating_sub(1)] {
        let longer = text.clone() + &symbols.filler().repeat(fillers);
        let longer = longer.trim_start();
        if count(longer)? == tokens {
            (text, come_to) = (longer.to_owned(), tokens);
            break;
        }
    }
    let equal = (1..TRIED).all(|n| counter.count(&joined(&prefix(n), &text)) == Some(come_to));
    equal.then_some(Fitted {
        text,
        tokens: come_to,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prompts::counter::tests::{byte_level, of_characters};

    const BASE: &str =
        "Explain in a few sentences how batching lets one server answer many people.";

    fn lengths(counter: &Counter, without_prefix: bool, asked: &[u32]) {
        let symbols = Symbols::of_equal_tokens(counter).unwrap();
        for tokens in asked {
            let fitted = fit(counter, &symbols, without_prefix, BASE, *tokens).unwrap();
            assert_eq!(fitted.tokens, *tokens);
            for n in 100..120 {
                let prefix = if without_prefix {
                    String::new()
                } else {
                    symbols.prefix(scatter(n))
                };
                let all = joined(&prefix, &fitted.text);
                assert_eq!(counter.count(&all), Some(*tokens), "{all}");
            }
        }
    }

    #[test]
    fn one_character_a_token_gives_every_length() {
        let counter = of_characters();
        lengths(&counter, false, &[13, 15, 16, 40, 41, 64, 256, 1000]);
        lengths(&counter, true, &[1, 2, 16, 64, 1000]);
    }

    #[test]
    fn so_do_words_with_merges() {
        let letters = |n: usize| char::from(b'a' + (n % 26) as u8);
        let words: Vec<String> = (0..80)
            .map(|n| [letters(n / 8), letters(n), letters(n * 3)])
            .map(|letters| letters.iter().collect())
            .collect();
        let mut all: Vec<&str> = words.iter().map(String::as_str).collect();
        all.extend(["few", "sentences", "batching", "server", "many", "people"]);
        let counter = byte_level(&all);
        let symbols = Symbols::of_equal_tokens(&counter).unwrap();
        let least = symbols.tokens().unwrap();
        let asked: Vec<u32> = (least..least + 40).chain([256, 1000]).collect();
        lengths(&counter, false, &asked);
        lengths(&counter, true, &[1, 2, 3, 16, 64]);
    }

    #[test]
    fn what_is_shorter_than_a_prefix_gets_the_prefix_alone() {
        let counter = of_characters();
        let symbols = Symbols::of_equal_tokens(&counter).unwrap();
        let fitted = fit(&counter, &symbols, false, BASE, 5).unwrap();
        assert_eq!((fitted.text.as_str(), fitted.tokens), ("", 13));
    }

    proptest! {
        #[test]
        fn any_text_can_be_fitted(base in "\\PC{0,60}", tokens in 20u32..300) {
            let ascii: String = base.chars().filter(char::is_ascii).collect();
            let counter = of_characters();
            let symbols = Symbols::of_equal_tokens(&counter).unwrap();
            let fitted = fit(&counter, &symbols, false, &ascii, tokens).unwrap();
            prop_assert_eq!(fitted.tokens, tokens);
        }
    }
}
