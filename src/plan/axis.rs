//! What a sweep varies: `--axis concurrency=1..64x2`, `--axis --draft-model=a|b`.

use std::fmt;

use serde::{Deserialize, Serialize};

use strum::VariantNames as _;

use super::delivery::Delivery;
use super::server_args::reserved;
use crate::settings::rate;
use crate::settings::{Kind, Rate, Var, list};

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    Instances,
    DecodeConcurrency,
    PromptConcurrency,
    Concurrency,
    MaxTokens,
    PromptTokens,
    /// Requests per second (open loop).
    RequestRate,
    /// How requests and answers travel: control cells.
    Delivery,
    /// Any flag of the server, with its dashes.
    Flag(String),
}

/// As written in `--axis` and in CSV columns; flags with their dashes.
impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instances => "instances",
            Self::DecodeConcurrency => "decode_concurrency",
            Self::PromptConcurrency => "prompt_concurrency",
            Self::Concurrency => "concurrency",
            Self::MaxTokens => "max_tokens",
            Self::PromptTokens => "prompt_tokens",
            Self::RequestRate => "request_rate",
            Self::Delivery => "delivery",
            Self::Flag(flag) => flag,
        })
    }
}

impl Axis {
    /// The built-in axes, in the order in which they are shown.
    pub const BUILT_IN: [Self; 8] = [
        Self::Instances,
        Self::DecodeConcurrency,
        Self::PromptConcurrency,
        Self::Concurrency,
        Self::MaxTokens,
        Self::PromptTokens,
        Self::RequestRate,
        Self::Delivery,
    ];

    /// Dashes in front and the difference between `-` and `_` do not count; any name that is
    /// not a built-in axis is a flag.
    pub fn named(name: &str) -> Self {
        let bare = name
            .trim()
            .trim_start_matches('-')
            .replace('_', "-")
            .to_ascii_lowercase();
        Self::BUILT_IN
            .into_iter()
            .find(|axis| axis.to_string().replace('_', "-") == bare)
            .unwrap_or_else(|| Self::Flag(format!("--{bare}")))
    }

    /// The setting that gives this axis its values where it is swept without `--axis`.
    pub fn list_var(&self) -> Option<Var> {
        match self {
            Self::Instances => Some(Var::InstancesList),
            Self::DecodeConcurrency => Some(Var::DecodeConcurrencyList),
            Self::PromptConcurrency => Some(Var::PromptConcurrencyList),
            Self::Concurrency => Some(Var::ConcurrencyList),
            Self::MaxTokens => Some(Var::MaxTokensList),
            Self::RequestRate => Some(Var::RequestRateList),
            Self::PromptTokens => Some(Var::PromptTokensList),
            Self::Delivery | Self::Flag(_) => None,
        }
    }

    /// The setting that gives the one value where this axis is not swept.
    pub fn single_var(&self) -> Option<Var> {
        match self {
            Self::Instances => Some(Var::ServerInstances),
            Self::DecodeConcurrency => Some(Var::DecodeConcurrency),
            Self::PromptConcurrency => Some(Var::PromptConcurrency),
            Self::Concurrency => Some(Var::Concurrency),
            Self::MaxTokens => Some(Var::MaxTokens),
            Self::RequestRate => Some(Var::RequestRate),
            Self::PromptTokens => Some(Var::PromptTokens),
            Self::Delivery | Self::Flag(_) => None,
        }
    }

    /// The server flag that the axis sets, if it is one of the server's.
    pub fn flag(&self) -> Option<&str> {
        match self {
            Self::DecodeConcurrency => Some("--decode-concurrency"),
            Self::PromptConcurrency => Some("--prompt-concurrency"),
            Self::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

/// Values of an axis, in the order written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AxisValues {
    Numbers(Vec<u32>),
    /// Of [`Axis::Delivery`]. Before texts: the first kind that fits is what a preset is read as.
    Deliveries(Vec<Delivery>),
    /// Of a flag. An empty text leaves the flag out: the server's own default.
    Texts(Vec<String>),
    /// Of the request rate. Written with a decimal point, so that they are not read as numbers.
    Rates(Vec<Rate>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepAxis {
    pub axis: Axis,
    pub values: AxisValues,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    #[error(
        "axis `{text}`: write NAME=LIST, as in concurrency=1..64x2 or prefill-step-size=512|2048"
    )]
    NoValues { text: String },
    #[error("axis {axis}: {problem}. Accepted: {accepted}.")]
    Values {
        axis: Axis,
        problem: String,
        accepted: String,
    },
    #[error("axis {flag} cannot be swept: {reason}.")]
    Reserved { flag: String, reason: &'static str },
    #[error("axis {axis} is given twice: write all its values in one list.")]
    Twice { axis: Axis },
}

impl SweepAxis {
    /// Reads `NAME=LIST`. Numbers are lists with ranges; a flag's values are parted by `|`, or by
    /// commas where there is no `|`, and may be any text. Whether the server has the flag is
    /// checked when the plan is made.
    pub fn parse(text: &str) -> Result<Self, AxisError> {
        let no_values = || AxisError::NoValues {
            text: text.to_owned(),
        };
        let (name, values) = text.split_once('=').ok_or_else(no_values)?;
        if name.trim().trim_start_matches('-').is_empty() || values.trim().is_empty() {
            return Err(no_values());
        }
        let axis = Axis::named(name);
        let values = match &axis {
            Axis::Flag(flag) => {
                if let Some(reason) = reserved(flag) {
                    return Err(AxisError::Reserved {
                        flag: flag.clone(),
                        reason,
                    });
                }
                AxisValues::Texts(flag_values(&axis, values)?)
            }
            Axis::RequestRate => AxisValues::Rates(rates(&axis, values)?),
            Axis::Delivery => AxisValues::Deliveries(deliveries(&axis, values)?),
            _ => AxisValues::Numbers(numbers(&axis, values)?),
        };
        Ok(Self { axis, values })
    }

    /// All axes, or everything that is wrong with them.
    pub fn parse_all<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Self>, Vec<AxisError>> {
        let mut parsed: Vec<Self> = Vec::new();
        let mut errors = Vec::new();
        for text in texts {
            match Self::parse(text.as_ref()) {
                Ok(new) if parsed.iter().any(|a| a.axis == new.axis) => {
                    errors.push(AxisError::Twice { axis: new.axis });
                }
                Ok(new) => parsed.push(new),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(parsed)
        } else {
            Err(errors)
        }
    }
}

fn numbers(axis: &Axis, values: &str) -> Result<Vec<u32>, AxisError> {
    let (min, max) = match axis.list_var().map(|var| var.spec().kind) {
        Some(Kind::List { min, max }) => (min, max),
        _ => (1, u32::MAX),
    };
    let kind = Kind::List { min, max };
    list::parse(&values.replace('|', ","), min..=max).map_err(|e| AxisError::Values {
        axis: axis.clone(),
        problem: e.to_string(),
        accepted: kind.accepted(),
    })
}

fn rates(axis: &Axis, values: &str) -> Result<Vec<Rate>, AxisError> {
    rate::parse_list(&values.replace('|', ",")).map_err(|problem| AxisError::Values {
        axis: axis.clone(),
        problem,
        accepted: rate::accepted(),
    })
}

fn deliveries(axis: &Axis, values: &str) -> Result<Vec<Delivery>, AxisError> {
    let each = values.split([',', '|', ' ']).map(str::trim);
    let read = |text: &str| {
        text.replace('-', "_")
            .parse()
            .map_err(|_| AxisError::Values {
                axis: axis.clone(),
                problem: format!("`{text}` is no delivery"),
                accepted: Delivery::VARIANTS.join(", "),
            })
    };
    each.filter(|text| !text.is_empty()).map(read).collect()
}

fn flag_values(axis: &Axis, values: &str) -> Result<Vec<String>, AxisError> {
    let error = |problem: String| AxisError::Values {
        axis: axis.clone(),
        problem,
        accepted: "values parted by `|` (or by commas where there is none); an empty one leaves \
                   the flag out"
            .to_owned(),
    };
    if let Some(c) = values.chars().find(|c| c.is_control()) {
        return Err(error(format!("it holds the control character {c:?}")));
    }
    let bars = values.contains('|');
    let mut texts = Vec::new();
    for value in values.split(if bars { '|' } else { ',' }).map(str::trim) {
        // `512..4096x2` is a range, `../models/x` a path.
        match list::parse(value, 0..=u32::MAX) {
            Ok(numbers) if value.contains("..") => {
                texts.extend(numbers.iter().map(u32::to_string));
            }
            Err(e @ list::ListError::TooMany) => return Err(error(e.to_string())),
            _ if value.is_empty() && !bars => {
                return Err(error("there is an empty value".to_owned()));
            }
            _ => texts.push(value.to_owned()),
        }
    }
    if texts.len() > list::MAX_VALUES {
        return Err(error(list::ListError::TooMany.to_string()));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_or_without_dashes() {
        for (text, axis, values) in [
            ("instances=1,2", Axis::Instances, vec![1, 2]),
            (
                "--decode-concurrency=8|16",
                Axis::DecodeConcurrency,
                vec![8, 16],
            ),
            (
                "prompt_concurrency=8..32+8",
                Axis::PromptConcurrency,
                vec![8, 16, 24, 32],
            ),
            (
                "concurrency=1..64x2",
                Axis::Concurrency,
                vec![1, 2, 4, 8, 16, 32, 64],
            ),
            ("max-tokens=64 128", Axis::MaxTokens, vec![64, 128]),
            ("Prompt_Tokens=512", Axis::PromptTokens, vec![512]),
        ] {
            let values = AxisValues::Numbers(values);
            assert_eq!(SweepAxis::parse(text), Ok(SweepAxis { axis, values }));
        }
    }

    #[test]
    fn rates_take_fractions_and_are_not_taken_for_numbers_in_a_file() {
        let axis = SweepAxis::parse("request-rate=0.5..2x2|4").unwrap();
        assert_eq!(axis.axis, Axis::RequestRate);
        let json = serde_json::to_string(&axis.values).unwrap();
        assert_eq!(json, "[0.5,1.0,2.0,4.0]");
        let back: AxisValues = serde_json::from_str(&json).unwrap();
        assert_eq!(back, axis.values);
        let error = SweepAxis::parse("request_rate=fast").unwrap_err();
        assert!(error.to_string().contains("requests per second"), "{error}");
    }

    #[test]
    fn flags_take_texts() {
        for (text, flag, values) in [
            (
                "prefill-step-size=512|2048|8192",
                "--prefill-step-size",
                &["512", "2048", "8192"][..],
            ),
            (
                "--prefill_step_size=512..2048x2,1",
                "--prefill-step-size",
                &["512", "1024", "2048", "1"],
            ),
            (
                "--draft-model=|a/b,c|../models/x",
                "--draft-model",
                &["", "a/b,c", "../models/x"],
            ),
            (
                r#"--chat-template-args={"a":1,"b":2}|{}"#,
                "--chat-template-args",
                &[r#"{"a":1,"b":2}"#, "{}"],
            ),
            ("--x=a=b", "--x", &["a=b"]),
        ] {
            let axis = SweepAxis::parse(text).expect(text);
            assert_eq!(axis.axis, Axis::Flag(flag.to_owned()));
            let values = values.iter().map(|&v| v.to_owned()).collect();
            assert_eq!(axis.values, AxisValues::Texts(values), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_swept_says_why() {
        for (text, part) in [
            ("concurrency", "write NAME=LIST"),
            ("concurrency=", "write NAME=LIST"),
            ("=1", "write NAME=LIST"),
            ("--=1", "write NAME=LIST"),
            ("concurrency=1..8", "`1..8x2` to double"),
            ("instances=0", "outside 1 to 256"),
            ("port=1|2", "each server gets a port of its own"),
            ("--model=a|b", "the same model"),
            ("--host=a|b", "MLX_SERVER_HOST"),
            ("--x=a,,b", "empty value"),
            ("--x=a\n|b", "control character"),
            ("--x=1..4000000000+1", "more than 10000 values"),
        ] {
            let error = SweepAxis::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let errors = SweepAxis::parse_all(&["concurrency=1", "--concurrency=2", "port=1"])
            .expect_err("two errors");
        assert_eq!(errors.len(), 2);
        assert_eq!(
            errors[0].to_string(),
            "axis concurrency is given twice: write all its values in one list."
        );
    }
}
