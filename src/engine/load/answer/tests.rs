use proptest::prelude::*;

use super::*;

const BEFORE: &str = r#"{"id":"1","choices":[{"index":0,"finish_reason":null,"delta":{"role":"assistant","content":""#;
const AFTER: &str = r#""}}]}"#;

fn chunk(text: &str) -> String {
    format!("{BEFORE}{text}{AFTER}")
}

/// What an item was and what the answer holds after it; an error in its words.
fn seen(answer: &mut Answer, data: &str) -> (Result<Progress, String>, Vec<u32>, Option<String>) {
    let progress = answer
        .take(SseItem::Data(data), Instant::now())
        .map_err(|error| error.to_string());
    let lengths = answer.arrivals.iter().map(|a| a.text_len).collect();
    (progress, lengths, answer.finish_reason.clone())
}

/// An answer that has parsed one chunk, and one that has but forgot how it looked.
fn pair() -> (Answer, Answer) {
    let (mut quick, mut strict) = (Answer::default(), Answer::default());
    for answer in [&mut quick, &mut strict] {
        assert!(seen(answer, &chunk("first")).0.is_ok());
    }
    assert_eq!(quick.pattern.text_len(&chunk("other")), Some(5));
    strict.pattern = Pattern::default();
    (quick, strict)
}

fn alike(data: &str) {
    let (mut quick, mut strict) = pair();
    assert_eq!(seen(&mut quick, data), seen(&mut strict, data), "{data}");
}

#[test]
fn a_known_pattern_hides_nothing() {
    let cases = [
        chunk(" word"),
        chunk(""),
        chunk("grüße 🦀"),
        chunk(r"a\nb\u00e4"),
        chunk(r"\ud83e"),
        chunk(r"\x"),
        chunk("\\"),
        chunk("a\tb"),
        chunk("\u{0}"),
        chunk("\u{7f}"),
        chunk(r#"a","reasoning":"bc"#),
        chunk(r#"a"}}],"usage":{"completion_tokens":3},"x":[{"y":{"z":"b"#),
        chunk(r#"a"}}],"error":"out of memory","x":[{"y":{"z":"b"#),
        chunk(r#"a"b"#),
        format!("{BEFORE}cut"),
        format!("cut{AFTER}"),
        format!("{BEFORE}{}", &AFTER[1..]),
        format!(" {}", chunk("shifted")),
        format!("{} ", chunk("shifted")),
        chunk("x").replace("null", r#""length""#),
        chunk("x").replace("null", "[]"),
        "[DONE]".to_owned(),
        "{}".to_owned(),
        String::new(),
    ];
    for data in &cases {
        alike(data);
    }
}

#[test]
fn what_a_pattern_must_not_stand_for_is_not_learned() {
    for data in [
        chunk("x").replace("null", r#""length""#),
        chunk(""),
        chunk(r"a\n"),
        chunk("x").replace(r#""content""#, r#""reasoning":"r","content""#),
        chunk("x").replacen('{', r#"{"usage":{"completion_tokens":1},"#, 1),
        chunk("x").replace("}}]", r#"}},{"delta":{"content":"b"}}]"#),
    ] {
        let mut answer = Answer::default();
        assert!(seen(&mut answer, &data).0.is_ok(), "{data}");
        for text in ["y", "longer"] {
            assert_eq!(answer.pattern.text_len(&data.replace('x', text)), None);
        }
    }
}

#[test]
fn a_stream_that_changes_its_words_is_learned_anew() {
    let mut answer = Answer::default();
    let later = |text: &str| chunk(text).replace(r#""id":"1""#, r#""id":"2""#);
    for data in [
        chunk("a"),
        chunk("bb"),
        later("ccc"),
        later("dddd"),
        chunk("e"),
    ] {
        assert!(seen(&mut answer, &data).0.is_ok());
    }
    let lengths: Vec<u32> = answer.arrivals.iter().map(|a| a.text_len).collect();
    assert_eq!(lengths, [1, 2, 3, 4, 1]);
}

proptest! {
    /// Any text, raw between the quotes: most of it is no proper JSON.
    #[test]
    fn any_text_is_taken_as_the_parser_takes_it(text in "\\PC*|[a-z\"\\\\\\x00-\\x1f{}:,]{0,12}") {
        alike(&chunk(&text));
    }

    /// Proper texts, as servers write them.
    #[test]
    fn any_escaped_text_is_taken_as_the_parser_takes_it(text in any::<String>()) {
        let escaped = serde_json::to_string(&text).unwrap();
        let data = chunk(&escaped[1..escaped.len() - 1]);
        alike(&data);
        let (mut quick, _) = pair();
        let (_, lengths, _) = seen(&mut quick, &data);
        let expected = if text.is_empty() { vec![5] } else { vec![5, text.len() as u32] };
        prop_assert_eq!(lengths, expected);
    }
}
