//! Python's `float(text)` and `repr(float)`: what the Python lab's tables are made of.

/// The zeros of every script's decimal digits, each followed by its digits 1 to 9 (Unicode general
/// category Nd): Python reads them all.
#[rustfmt::skip]
const DECIMAL_ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
    0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50,
    0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// `float(text)`: white space around it, underscores between digits, `inf`, `infinity` and `nan`
/// in any case, no hexadecimal; `None` where Python raises `ValueError`.
pub fn parse(text: &str) -> Option<f64> {
    let trimmed = text.trim();
    if trimmed.is_ascii() && !trimmed.contains('_') {
        // Rust's grammar is then the same one.
        return trimmed.parse().ok();
    }
    let ascii: String = trimmed
        .chars()
        .map(ascii_digit)
        .collect::<Option<String>>()?;
    let bytes = ascii.as_bytes();
    let digit_at = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let misplaced = bytes
        .iter()
        .enumerate()
        .any(|(i, b)| *b == b'_' && !(i > 0 && digit_at(i - 1) && digit_at(i + 1)));
    if misplaced {
        return None;
    }
    ascii.replace('_', "").parse().ok()
}

fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    let next = DECIMAL_ZEROS.partition_point(|zero| *zero <= u32::from(c));
    let zero = DECIMAL_ZEROS.get(next.checked_sub(1)?)?;
    char::from_digit(u32::from(c) - zero, 10)
}

/// `repr(value)`: the shortest digits that read back as the same number, with an exponent below
/// 1e-4 and from 1e16 on.
pub fn repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = shortest(value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        positional(mantissa, exponent)
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    }
}

/// The shortest digits that read back as `value`, as `-d.ddde-7`. Where two such numbers are
/// equally near, Python takes the one with an even last digit, and Rust the larger.
fn shortest(value: f64) -> String {
    let rusts = format!("{value:e}");
    let mantissa = rusts.split('e').next().unwrap_or_default();
    let decimals = mantissa
        .split_once('.')
        .map_or(0, |(_, digits)| digits.len());
    // Up to 15 digits, no two decimals read as the same (normal) number: there is no choice.
    if decimals < 15 && value.is_normal() {
        return rusts;
    }
    let nearest = format!("{value:.decimals$e}");
    // Beside a power of two the nearest decimal of that length may belong to a neighbour.
    if nearest.parse() == Ok(value) {
        nearest
    } else {
        rusts
    }
}

/// `-d.ddd` times ten to the `exponent`, written out, with at least one decimal.
fn positional(mantissa: &str, exponent: i32) -> String {
    let (sign, unsigned) = match mantissa.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", mantissa),
    };
    let digits = unsigned.replace('.', "");
    let Ok(whole) = usize::try_from(exponent) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    };
    let digits = format!("{digits:0<width$}", width = whole + 2);
    let (before, after) = digits.split_at(whole + 1);
    format!("{sign}{before}.{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_reads() {
        for (text, value) in [
            ("2", 2.0),
            (" 1.60\r\n", 1.6),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1_000.2_5e1_0", 1_000.25e10),
            ("1e999", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("\u{a0}٣.٥\u{3000}", 3.5),
            ("１２", 12.0),
            ("𝟘𝟙", 1.0),
        ] {
            assert_eq!(parse(text), Some(value), "{text:?}");
        }
        assert!(parse("-NaN").unwrap().is_nan());
    }

    #[test]
    fn refuses_what_python_refuses() {
        for text in [
            "",
            " ",
            ".",
            "e5",
            "1e",
            "0x10",
            "1__0",
            "_1",
            "1_",
            "1_.5",
            "1._5",
            "1e_5",
            "1 2",
            "1,5",
            "in_f",
            "²",
            "½",
            "1\u{1c}",
            "None",
            "true",
            "--1",
            "1_0\u{200b}",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn shows_what_python_shows() {
        for (value, text) in [
            (2.0, "2.0"),
            (-0.0, "-0.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (732_351_209_784_022.0 + 0.25, "732351209784022.2"),
            (9_007_199_254_740_993.0 * 1e-3, "9007199254740.992"),
            (-120.0, "-120.0"),
            (0.0, "0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr(value), text);
        }
    }
}
