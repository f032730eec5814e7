//! A value that may be used, and never shown or kept.

use std::fmt;

/// Stands where a secret would be shown.
pub const HIDDEN: &str = "(hidden)";

/// A key. Whatever shows or stores it, by any of the usual ways, gets [`HIDDEN`] instead.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// # Errors
    /// The text cannot be sent in an HTTP header; the words do not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().all(|c| c.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it holds a character that no HTTP header may carry".to_owned())
        }
    }

    /// The key itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the key, for the words of a server that repeats what it was sent.
    pub fn taken_out_of(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.to_owned()
        } else {
            text.replace(&self.0, HIDDEN)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_usual_way_shows_it() {
        let secret = Secret::parse(" sk-123 ").unwrap();
        assert_eq!(secret.expose(), "sk-123");
        for shown in [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{:?}", Some(&secret)),
            serde_json::to_string(&secret).unwrap(),
            secret.taken_out_of("no such key: sk-123!"),
        ] {
            assert!(!shown.contains("123"), "{shown}");
            assert!(shown.contains(HIDDEN), "{shown}");
        }
        let refused = Secret::parse("sk-1\r\nX: y").unwrap_err();
        assert!(!refused.contains("sk-1"), "{refused}");
    }
}
