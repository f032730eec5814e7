//! Turning a reason that goes on after a colon into a sentence of its own.

/// `text` with a capital first letter. A URL keeps its small letters: it is there to be copied.
pub fn capitalised(text: &str) -> String {
    let first_word = text.split_whitespace().next().unwrap_or_default();
    if first_word.contains("://") {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// `it is not a whole number` as a sentence, ended as it is or by a full stop.
pub fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '?']) { "" } else { "." };
    capitalised(text) + stop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_a_sentence() {
        assert_eq!(sentence("it is not a number"), "It is not a number.");
        assert_eq!(sentence("is it running?"), "Is it running?");
        assert_eq!(capitalised("élan"), "Élan");
        assert_eq!(capitalised(""), "");
    }

    #[test]
    fn a_url_is_left_as_it_can_be_copied() {
        assert_eq!(
            sentence("http://127.0.0.1:9000: connection refused"),
            "http://127.0.0.1:9000: connection refused."
        );
    }
}
