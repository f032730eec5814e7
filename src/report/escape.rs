//! Text that others wrote (names of models, error texts, prompts) put into a format where some
//! characters mean something: it must stay the text that it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// For SVG, and for HTML both in text and in a quoted attribute.
pub fn xml(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || unreadable(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if unreadable(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// XML has no way to write these, and the second group turns text around, so that it reads as
/// something else.
fn unreadable(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}')
}

/// For a cell of a Markdown table, or a line of Markdown: one line, nothing of it markup.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An entity, since GitHub takes `\|` apart before it reads a table's code spans.
            '|' => escaped.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' | '$' => {
                let _ = write!(escaped, "\\{c}");
            }
            // Would tell whoever has that name.
            '@' => escaped.push_str("&#64;"),
            c if c.is_whitespace() => escaped.push(' '),
            c if unreadable(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

/// For a cell of a CSV that a spreadsheet will open: text that it would take for a formula is
/// marked as text. Numbers, negative ones too, stay as they are.
pub fn spreadsheet(text: &str) -> Cow<'_, str> {
    // Programs look past blanks before the sign.
    let first = text
        .trim_start_matches([' ', '\t', '\r', '\n'])
        .chars()
        .next();
    let starts = text.starts_with(['\t', '\r', '\n'])
        || matches!(
            first,
            Some('=' | '+' | '-' | '@' | '\u{FF1D}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF20}')
        );
    if starts && text.parse::<f64>().is_err() {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            xml("<script>alert(\"a\" & 'b')</script>"),
            "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;"
        );
        assert_eq!(
            xml("a\u{0}b\u{1b}[31m\u{202e}c"),
            "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}c"
        );
        assert!(matches!(xml("Qwen2.5-3B, 4 bit"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_cell_of_a_table_stays_one_cell() {
        let text = markdown("a|b`c`\n<b> | @all\r\n# *x* [y](z) \\ _");
        assert!(!text.contains(['|', '\n', '\r', '<', '>', '@']), "{text}");
        assert_eq!(
            text,
            "a&#124;b\\`c\\` &lt;b&gt; &#124; &#64;all  \\# \\*x\\* \\[y\\](z) \\\\ \\_"
        );
    }

    #[test]
    fn a_formula_becomes_text_and_a_number_stays_a_number() {
        for formula in [
            "=cmd|' /C calc'!A0",
            "+1+2",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            " =1",
            "--top-k=4",
        ] {
            assert_eq!(spreadsheet(formula), format!("'{formula}"));
        }
        for plain in [
            "-5",
            "+3.5",
            "-1e-3",
            "1,2",
            "",
            "model=a",
            "2026-11-24T00:00:00Z",
        ] {
            assert_eq!(spreadsheet(plain), plain);
        }
    }
}
