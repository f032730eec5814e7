//! Lists of whole numbers: `1,2,4`, `1 2 4`, `1..64x2` (1, 2, 4, ... 64), `8..32+8` (8, 16, 24, 32).

use std::ops::RangeInclusive;

/// More values than anyone would wait for; also what keeps `1..4000000000+1` from filling memory.
pub const MAX_VALUES: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("there is no value in the list")]
    Empty,
    #[error("`{0}` is not a whole number")]
    NotANumber(String),
    #[error("`{0}` is too large")]
    TooLarge(String),
    #[error("{value} (in `{token}`) is outside {min} to {max}")]
    OutOfRange {
        token: String,
        value: u64,
        min: u32,
        max: u32,
    },
    #[error("`{token}` has no step: write `{token}x2` to double each time or `{token}+1` to count")]
    NoStep { token: String },
    #[error("`{token}` never ends: a factor must be 2 or more, a step 1 or more")]
    NoProgress { token: String },
    #[error("`{token}` multiplies 0, which stays 0: start at 1 or more, or use `+`")]
    MultipliesZero { token: String },
    #[error("`{token}` runs downwards: write the smaller number first")]
    Descending { token: String },
    #[error("more than {MAX_VALUES} values")]
    TooMany,
}

/// Values in the order written. Every value, also those that a range yields, must lie in `range`.
pub fn parse(text: &str, range: RangeInclusive<u32>) -> Result<Vec<u32>, ListError> {
    let mut values = Vec::new();
    for token in tokens(text) {
        if let Some((first, rest)) = token.split_once("..") {
            expand(token, first, rest, &range, &mut values)?;
        } else {
            push(token, number(token)?, &range, &mut values)?;
        }
    }
    if values.is_empty() {
        return Err(ListError::Empty);
    }
    Ok(values)
}

/// The words of a list; commas and white space part them.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|token| !token.is_empty())
}

enum Step {
    Times(u64),
    Plus(u64),
}

fn expand(
    token: &str,
    first: &str,
    rest: &str,
    range: &RangeInclusive<u32>,
    values: &mut Vec<u32>,
) -> Result<(), ListError> {
    let Some(at) = rest.find(['x', 'X', '+']) else {
        // Says first whether the numbers are numbers at all.
        number(first)?;
        number(rest)?;
        return Err(ListError::NoStep {
            token: token.to_owned(),
        });
    };
    let (last, step) = rest.split_at(at);
    let (first, last) = (number(first)?, number(last)?);
    let amount = number(&step[1..])?;
    let step = if step.starts_with('+') {
        Step::Plus(amount)
    } else {
        Step::Times(amount)
    };
    let token_owned = || token.to_owned();
    if last < first {
        return Err(ListError::Descending {
            token: token_owned(),
        });
    }
    match step {
        Step::Times(0 | 1) | Step::Plus(0) => {
            return Err(ListError::NoProgress {
                token: token_owned(),
            });
        }
        Step::Times(_) if first == 0 => {
            return Err(ListError::MultipliesZero {
                token: token_owned(),
            });
        }
        _ => {}
    }
    let mut value = first;
    while value <= last {
        push(token, value, range, values)?;
        let next = match step {
            Step::Times(by) => value.checked_mul(by),
            Step::Plus(by) => value.checked_add(by),
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    Ok(())
}

fn push(
    token: &str,
    value: u64,
    range: &RangeInclusive<u32>,
    values: &mut Vec<u32>,
) -> Result<(), ListError> {
    let fits = u32::try_from(value).ok().filter(|v| range.contains(v));
    let Some(fits) = fits else {
        return Err(ListError::OutOfRange {
            token: token.to_owned(),
            value,
            min: *range.start(),
            max: *range.end(),
        });
    };
    if values.len() == MAX_VALUES {
        return Err(ListError::TooMany);
    }
    values.push(fits);
    Ok(())
}

fn number(text: &str) -> Result<u64, ListError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ListError::NotANumber(text.to_owned()));
    }
    text.parse()
        .map_err(|_| ListError::TooLarge(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<Vec<u32>, String> {
        parse(text, 1..=1024).map_err(|e| e.to_string())
    }

    #[test]
    fn lists_and_ranges_read_as_written() {
        for (text, values) in [
            ("8", vec![8]),
            ("8,16,32", vec![8, 16, 32]),
            ("8 16\t32", vec![8, 16, 32]),
            (" 8, 16 ,32, ", vec![8, 16, 32]),
            ("1..64x2", vec![1, 2, 4, 8, 16, 32, 64]),
            ("1..64X2", vec![1, 2, 4, 8, 16, 32, 64]),
            ("1..63x2", vec![1, 2, 4, 8, 16, 32]),
            ("8..32+8", vec![8, 16, 24, 32]),
            ("8..33+8", vec![8, 16, 24, 32]),
            ("5..5x3", vec![5]),
            ("512 1..3+1", vec![512, 1, 2, 3]),
            ("3,1,2", vec![3, 1, 2]),
        ] {
            assert_eq!(parsed(text), Ok(values), "{text}");
        }
    }

    #[test]
    fn errors_say_what_to_write() {
        for (text, part) in [
            ("", "no value"),
            (" , ", "no value"),
            ("abc", "`abc` is not a whole number"),
            ("1,2.5", "`2.5` is not a whole number"),
            ("-1", "`-1` is not a whole number"),
            ("1..64", "`1..64x2` to double"),
            ("1..64", "`1..64+1` to count"),
            ("..64x2", "`` is not a whole number"),
            ("1..x2", "`` is not a whole number"),
            ("1..8x", "`` is not a whole number"),
            ("1..8x2x2", "`2x2` is not a whole number"),
            ("1..8x1", "never ends"),
            ("1..8x0", "never ends"),
            ("1..8+0", "never ends"),
            ("0..8x2", "multiplies 0"),
            ("8..1x2", "smaller number first"),
            ("0", "0 (in `0`) is outside 1 to 1024"),
            ("1,2000", "2000 (in `2000`) is outside 1 to 1024"),
            (
                "512..4096x2",
                "2048 (in `512..4096x2`) is outside 1 to 1024",
            ),
            ("99999999999999999999999", "too large"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn long_lists_end_in_an_error_rather_than_in_memory() {
        assert_eq!(
            parse("1..4000000000+1", 1..=u32::MAX),
            Err(ListError::TooMany)
        );
        assert_eq!(
            parse("1..10000+1", 1..=u32::MAX).map(|v| v.len()),
            Ok(MAX_VALUES)
        );
        assert_eq!(
            parse("1..9223372036854775808x9223372036854775808", 1..=u32::MAX).map(|v| v.len()),
            Err(ListError::OutOfRange {
                token: "1..9223372036854775808x9223372036854775808".to_owned(),
                value: 1 << 63,
                min: 1,
                max: u32::MAX,
            })
        );
    }

    proptest! {
        #[test]
        fn any_text_gives_values_in_range_or_an_error(text in "[0-9a-z.x+, -]{0,40}") {
            if let Ok(values) = parse(&text, 1..=500) {
                prop_assert!(!values.is_empty() && values.len() <= MAX_VALUES);
                prop_assert!(values.iter().all(|v| (1..=500).contains(v)));
            }
        }

        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec(1_u32..100_000, 1..50)) {
            for separator in [",", " ", ", "] {
                let text = values.iter().map(u32::to_string).collect::<Vec<_>>().join(separator);
                prop_assert_eq!(parse(&text, 1..=100_000), Ok(values.clone()));
            }
        }

        #[test]
        fn a_counted_range_is_rusts_own(first in 0_u32..1000, length in 0_u32..1000, step in 1_u32..50) {
            let last = first + length;
            let expected: Vec<u32> = (first..=last).step_by(step as usize).collect();
            prop_assert_eq!(parse(&format!("{first}..{last}+{step}"), 0..=5000), Ok(expected));
        }
    }
}
