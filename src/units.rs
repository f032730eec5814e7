//! Quantities with their units in the type, and the only place that formats numbers for people.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);
    };
}

quantity!(
    /// Completion tokens per second.
    TokensPerSec
);
quantity!(
    /// A duration in seconds.
    Secs
);
quantity!(
    /// A share between 0 and 1, shown as a percentage.
    Ratio
);

/// A size in bytes, shown in decimal units as Finder shows it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl fmt::Display for TokensPerSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} tokens/s", self.0)
    }
}

impl fmt::Display for Secs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0;
        if s < 1.0 {
            write!(f, "{:.0} ms", s * 1e3)
        } else if s < 60.0 {
            write!(f, "{s:.1} s")
        } else if s < 3600.0 {
            write!(f, "{} min {:02.0} s", (s / 60.0) as u64, (s % 60.0).floor())
        } else {
            let minutes = (s / 60.0).round() as u64;
            write!(f, "{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0 * 100.0)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["bytes", "KB", "MB", "GB", "TB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 999.5 && unit < UNITS.len() - 1 {
            value /= 1000.0;
            unit += 1;
        }
        match unit {
            0 => write!(f, "{} bytes", self.0),
            _ if value < 10.0 => write!(f, "{value:.2} {}", UNITS[unit]),
            _ if value < 100.0 => write!(f, "{value:.1} {}", UNITS[unit]),
            _ => write!(f, "{value:.0} {}", UNITS[unit]),
        }
    }
}

/// Fixed decimals, and a comma between thousands.
pub fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = match text.find('.') {
        Some(point) => text.split_at(point),
        None => (text.as_str(), ""),
    };
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut grouped = String::with_capacity(text.len() + 4);
    grouped.push_str(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, text) in [
            (0.0123, "12 ms"),
            (3.12, "3.1 s"),
            (59.96, "60.0 s"),
            (61.0, "1 min 01 s"),
            (119.9, "1 min 59 s"),
            (3600.0, "1 h 00 min"),
            (9_000.0, "2 h 30 min"),
        ] {
            assert_eq!(Secs(seconds).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_decimal_with_three_figures() {
        for (bytes, text) in [
            (999, "999 bytes"),
            (73_000, "73.0 KB"),
            (695_240_000, "695 MB"),
            (4_517_000_000, "4.52 GB"),
            (999_999, "1.00 MB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
