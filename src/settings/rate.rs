//! Requests per second, exact to a thousandth: a rate names a cell, so two of them are equal or not.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::{self, MAX_VALUES};

/// The least and the greatest rate, in requests per second.
pub const MIN_RPS: f64 = 0.001;
pub const MAX_RPS: f64 = 100_000.0;

const THOUSANDTHS: f64 = 1000.0;

/// Requests per second. Kept in thousandths, so that it can be compared and hashed; written as a
/// number of requests per second everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate(u32);

impl Rate {
    /// To the nearest thousandth; `None` outside [`MIN_RPS`] to [`MAX_RPS`].
    pub fn from_rps(rps: f64) -> Option<Self> {
        let thousandths = (rps * THOUSANDTHS).round();
        let range = MIN_RPS * THOUSANDTHS..=MAX_RPS * THOUSANDTHS;
        // Within the range it fits.
        range
            .contains(&thousandths)
            .then_some(Self(thousandths as u32))
    }

    /// To three digits that count: rates that a search comes upon need no more, and read better.
    pub fn about(rps: f64) -> Option<Self> {
        let magnitude = 10f64.powf(rps.abs().log10().floor() - 2.0);
        Self::from_rps((rps / magnitude).round() * magnitude)
    }

    pub fn rps(self) -> f64 {
        f64::from(self.0) / THOUSANDTHS
    }
}

/// `0.5`, `12`: without a unit.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rps().fmt(f)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.rps())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rps = f64::deserialize(from)?;
        let outside = || serde::de::Error::custom(format!("{rps} is no rate of requests"));
        Self::from_rps(rps).ok_or_else(outside)
    }
}

/// What a list of rates accepts, as the end of a sentence.
pub fn accepted() -> String {
    format!(
        "requests per second from {MIN_RPS} to {MAX_RPS}, such as 0.5, parted by commas or spaces, \
         and ranges such as `0.5..16x2` or `1..3+0.5`"
    )
}

/// Rates in the order written: `0.5,1,2`, `0.5..16x2` (0.5, 1, 2, ... 16), `1..3+0.5`.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_list(text: &str) -> Result<Vec<Rate>, String> {
    let mut rates = Vec::new();
    for token in list::tokens(text) {
        match token.split_once("..") {
            Some((first, rest)) => rates.extend(range(token, first, rest)?),
            None => rates.push(parse(token)?),
        }
        if rates.len() > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} values"));
        }
    }
    if rates.is_empty() {
        return Err("there is no value in the list".to_owned());
    }
    Ok(rates)
}

fn parse(word: &str) -> Result<Rate, String> {
    // Rust reads `inf` and `1e3` too; neither is how people write a rate.
    let plain = word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let rps = word.parse::<f64>().ok().filter(|_| plain);
    let rps = rps.ok_or_else(|| format!("`{word}` is not a number"))?;
    Rate::from_rps(rps).ok_or_else(|| format!("`{word}` is outside {MIN_RPS} to {MAX_RPS}"))
}

/// In thousandths, rates are whole numbers, and ranges of those are read elsewhere.
fn range(token: &str, first: &str, rest: &str) -> Result<Vec<Rate>, String> {
    let no_step =
        || format!("`{token}` has no step: write `{token}x2` to double each time or `{token}+1`");
    let at = rest.find(['x', 'X', '+']).ok_or_else(no_step)?;
    let (last, step) = rest.split_at(at);
    let (first, last) = (parse(first)?, parse(last)?);
    let step = match step.strip_prefix('+') {
        Some(by) => format!("+{}", parse(by)?.0),
        None => format!("x{}", &step[1..]),
    };
    let whole = format!("{}..{}{step}", first.0, last.0);
    let values = list::parse(&whole, 1..=u32::MAX).map_err(|error| match error {
        list::ListError::Descending { .. } => {
            format!("`{token}` runs downwards: write the smaller number first")
        }
        list::ListError::TooMany => error.to_string(),
        _ => format!("`{token}` is no range: its factor must be a whole number of 2 or more"),
    })?;
    Ok(values.into_iter().map(Rate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rps: &[f64]) -> Vec<Rate> {
        rps.iter()
            .map(|rps| Rate::from_rps(*rps).unwrap())
            .collect()
    }

    #[test]
    fn fractions_and_ranges_of_them_are_read() {
        for (text, expected) in [
            ("0.5,1 2", &[0.5, 1.0, 2.0][..]),
            ("0.5..4x2", &[0.5, 1.0, 2.0, 4.0]),
            ("1..2+0.25", &[1.0, 1.25, 1.5, 1.75, 2.0]),
            ("12.345", &[12.345]),
        ] {
            assert_eq!(parse_list(text), Ok(rates(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_says_why() {
        for (text, part) in [
            ("", "no value"),
            ("0", "outside 0.001"),
            ("fast", "not a number"),
            ("1e3", "not a number"),
            ("-1", "not a number"),
            ("1..8", "`1..8x2`"),
            ("1..8x1", "factor"),
            ("8..1x2", "downwards"),
            ("0.001..100000+0.001", "more than 10000"),
            ("100001", "outside"),
        ] {
            let error = parse_list(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_rate_is_a_number_in_files_and_comes_back_the_same() {
        for thousandths in [1, 333, 500, 1000, 12_345, 100_000_000] {
            let rate = Rate(thousandths);
            let json = serde_json::to_string(&rate).unwrap();
            assert_eq!(serde_json::from_str::<Rate>(&json).unwrap(), rate, "{json}");
            assert_eq!(parse_list(&rate.to_string()), Ok(vec![rate]));
        }
        assert_eq!(Rate(500).to_string(), "0.5");
        assert_eq!(Rate(12_000).to_string(), "12");
        assert!(serde_json::from_str::<Rate>("0").is_err());
        assert_eq!(Rate::about(1372.4).map(Rate::rps), Some(1370.0));
        assert_eq!(Rate::about(0.337_4).map(Rate::rps), Some(0.337));
    }
}
