//! Several `key=value` pairs in one CSV column: `--a=1;--b=2`. A backslash takes the meaning from
//! a `;`, `=` or backslash that belongs to a key or a value.

/// Joins pairs; `None` when there are none, so that the column stays blank.
pub fn join<K: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Option<String> {
    let mut joined = String::new();
    for (i, (key, value)) in pairs.into_iter().enumerate() {
        if i > 0 {
            joined.push(';');
        }
        push_escaped(&mut joined, key.as_ref());
        joined.push('=');
        push_escaped(&mut joined, value.as_ref());
    }
    (!joined.is_empty()).then_some(joined)
}

/// The pairs of a column that [`join`] wrote; a part without `=` is a key with an empty value.
pub fn split(joined: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    if joined.is_empty() {
        return pairs;
    }
    let (mut key, mut value) = (String::new(), None::<String>);
    let mut chars = joined.chars();
    while let Some(c) = chars.next() {
        match c {
            ';' => pairs.push((std::mem::take(&mut key), value.take().unwrap_or_default())),
            '=' if value.is_none() => value = Some(String::new()),
            c => {
                let literal = if c == '\\' { chars.next() } else { Some(c) };
                let part = value.as_mut().unwrap_or(&mut key);
                part.extend(literal);
            }
        }
    }
    pairs.push((key, value.unwrap_or_default()));
    pairs
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, ';' | '=' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn flags_read_as_they_are_typed() {
        assert_eq!(
            join([("--prefill-step-size", "512"), ("--top-k", "4")]).as_deref(),
            Some("--prefill-step-size=512;--top-k=4")
        );
        assert_eq!(join::<&str, &str>([]), None);
        assert_eq!(split(""), []);
        assert_eq!(
            split("--trust-remote-code"),
            [("--trust-remote-code".to_owned(), String::new())]
        );
    }

    proptest! {
        #[test]
        fn whatever_is_joined_comes_apart_again(
            pairs in proptest::collection::vec(("[-a-z;=\\\\é]{0,6}", "[-a-z;=\\\\\"{},é]{0,6}"), 1..4)
        ) {
            let joined = join(pairs.clone()).expect("there are pairs");
            prop_assert_eq!(split(&joined), pairs);
        }
    }
}
