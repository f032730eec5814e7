//! Kinds of settings: how a text becomes a typed value, and what is accepted, in words.

use std::path::PathBuf;

use super::base_url::{self, BaseUrl};
use super::list;
use super::rate::{self, Rate};
use super::secret::{HIDDEN, Secret};

/// A typed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Path(PathBuf),
    Paths(Vec<PathBuf>),
    Int(u32),
    /// The word that some whole numbers accept instead of one, such as `max`.
    Word(&'static str),
    Number(f64),
    Switch(bool),
    Choice(&'static str),
    List(Vec<u32>),
    Rates(Vec<Rate>),
    Urls(Vec<BaseUrl>),
    Secret(Secret),
}

/// What a setting accepts. Bounds are inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Text,
    Path,
    /// Folders parted by `:` or `,`.
    Paths,
    Int {
        min: u32,
        max: u32,
        word: Option<&'static str>,
    },
    /// Unit-less, or in the unit given.
    Number {
        min: f64,
        max: f64,
        unit: &'static str,
    },
    Switch,
    Choice(&'static [&'static str]),
    List {
        min: u32,
        max: u32,
    },
    /// Requests per second, with fractions.
    Rates,
    /// Base URLs of servers, or the word `off`.
    Urls,
    /// From the environment only, and never shown or kept.
    Secret,
}

impl Kind {
    /// The error says what is wrong with the text, without its name and without what is accepted.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        if let Some(c) = text.chars().find(|&c| c == '\0') {
            return Err(format!("it holds the control character {c:?}"));
        }
        // A prompt keeps its spaces; everything else is a word or a list of words.
        let word = text.trim();
        match *self {
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Path => Ok(Value::Path(PathBuf::from(word))),
            Self::Paths => Ok(Value::Paths(
                word.split([':', ','])
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(PathBuf::from)
                    .collect(),
            )),
            Self::Int { word: Some(w), .. } if word.eq_ignore_ascii_case(w) => Ok(Value::Word(w)),
            Self::Int { min, max, .. } => parse_int(word, min, max),
            Self::Number { min, max, .. } => parse_number(word, min, max),
            Self::Switch => match word.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Ok(Value::Switch(true)),
                "0" | "false" | "no" | "off" => Ok(Value::Switch(false)),
                _ => Err("it is neither yes nor no".to_owned()),
            },
            Self::Choice(choices) => choices
                .iter()
                .find(|choice| word.eq_ignore_ascii_case(choice))
                .map(|choice| Value::Choice(choice))
                .ok_or_else(|| "it is none of the choices".to_owned()),
            Self::List { min, max } => list::parse(text, min..=max)
                .map(Value::List)
                .map_err(|e| e.to_string()),
            Self::Rates => rate::parse_list(text).map(Value::Rates),
            Self::Urls => base_url::parse_list(text).map(Value::Urls),
            Self::Secret => Secret::parse(text).map(Value::Secret),
        }
    }

    /// A text of this kind as it may be shown and stored.
    pub fn shown(&self, text: &str) -> String {
        match self {
            Self::Urls => base_url::shown(text),
            Self::Secret => HIDDEN.to_owned(),
            _ => text.to_owned(),
        }
    }

    /// What is accepted, as the end of a sentence.
    pub fn accepted(&self) -> String {
        match *self {
            Self::Text => "text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Paths => "folders parted by `:` or `,`".to_owned(),
            Self::Int { min, max, word } => {
                let or = word.map_or_else(String::new, |w| format!(", or `{w}`"));
                format!("a whole number from {min} to {max}{or}")
            }
            Self::Number { min, max, unit } => {
                let unit = if unit.is_empty() {
                    String::new()
                } else {
                    format!(" {unit}")
                };
                format!("a number from {min} to {max}{unit}")
            }
            Self::Urls => {
                "URLs such as `http://127.0.0.1:1234`, parted by commas or spaces, or `off`"
                    .to_owned()
            }
            Self::Rates => rate::accepted(),
            Self::Secret => "a bearer key, from the environment only".to_owned(),
            Self::Switch => "1, true, yes, on, or 0, false, no, off".to_owned(),
            Self::Choice(choices) => choices
                .iter()
                .map(|c| format!("`{c}`"))
                .collect::<Vec<_>>()
                .join(" or "),
            Self::List { min, max } => format!(
                "whole numbers from {min} to {max} parted by commas or spaces, \
                 and ranges such as `1..64x2` or `8..32+8`"
            ),
        }
    }
}

fn parse_int(word: &str, min: u32, max: u32) -> Result<Value, String> {
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it is not a whole number".to_owned());
    }
    match word.parse::<u32>() {
        Ok(value) if (min..=max).contains(&value) => Ok(Value::Int(value)),
        _ => Err(format!("it is outside {min} to {max}")),
    }
}

fn parse_number(word: &str, min: f64, max: f64) -> Result<Value, String> {
    match word.parse::<f64>() {
        // Rust reads `inf` and `nan` too; neither lies in a range.
        Ok(value) if (min..=max).contains(&value) => Ok(Value::Number(value)),
        Ok(_) => Err(format!("it is outside {min} to {max}")),
        Err(_) => Err("it is not a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_reads_its_own_texts_and_refuses_others() {
        let int = Kind::Int {
            min: 1,
            max: 9,
            word: Some("max"),
        };
        assert_eq!(int.parse(" 7 "), Ok(Value::Int(7)));
        assert_eq!(int.parse("MAX"), Ok(Value::Word("max")));
        for bad in ["0", "10", "7.0", "+7", "x", "99999999999"] {
            assert!(int.parse(bad).is_err(), "{bad}");
        }

        let seconds = Kind::Number {
            min: 0.0,
            max: 10.0,
            unit: "seconds",
        };
        assert_eq!(seconds.parse("0.5"), Ok(Value::Number(0.5)));
        for bad in ["-1", "11", "nan", "inf", "1s"] {
            assert!(seconds.parse(bad).is_err(), "{bad}");
        }

        for (text, value) in [("1", true), ("Yes", true), ("off", false), ("FALSE", false)] {
            assert_eq!(Kind::Switch.parse(text), Ok(Value::Switch(value)));
        }
        assert!(Kind::Switch.parse("2").is_err());

        let choice = Kind::Choice(&["nginx", "direct"]);
        assert_eq!(choice.parse("Nginx"), Ok(Value::Choice("nginx")));
        assert!(choice.parse("haproxy").is_err());

        assert_eq!(
            Kind::Paths.parse("/a:/b c, /d,"),
            Ok(Value::Paths(vec!["/a".into(), "/b c".into(), "/d".into()]))
        );
        assert_eq!(
            Kind::Text.parse(" a prompt\n"),
            Ok(Value::Text(" a prompt\n".to_owned()))
        );
        assert!(Kind::Text.parse("a\0b").is_err());
    }
}
