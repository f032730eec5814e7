//! The user's own `mlx_lm.server` arguments: split ([`arg_split`](super::arg_split)), then each
//! flag recognised as argparse would, checked against the installed version, and kept from
//! setting what is ours.

use super::arg_split::{self, SplitError};
use super::known_flags::{FlagError, KnownFlags};

/// One flag with its value, as one argument (`--a=1`) or two (`--a 1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Written out in full, with its dashes.
    pub flag: String,
    pub value: Option<String>,
    /// What the server gets, one argument each.
    pub tokens: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgError {
    #[error("{0}.")]
    Split(#[from] SplitError),
    #[error("{written} cannot be given here: {reason}.")]
    Reserved {
        /// As typed; argparse takes `--po` for `--port`.
        written: String,
        flag: String,
        reason: &'static str,
    },
    #[error("{0}")]
    Flag(#[from] FlagError),
    #[error(
        "`{token}` is neither a flag nor the value of one. A value with spaces needs quotes, or \
         commas between the arguments: --chat-template=/path with spaces/t.txt,--top-p=0.9"
    )]
    NotAFlag { token: String },
    #[error("`{token}` is one argument here, since commas part them: join flag and value with `=`")]
    SpaceInFlag { token: String },
    #[error("{flag} needs a value: {flag}=...")]
    MissingValue { flag: String },
    #[error("{flag} takes no value, but `{value}` is given")]
    TakesNoValue { flag: String, value: String },
    #[error("{flag}={value}: the server accepts {}", .choices.join(", "))]
    NotAChoice {
        flag: String,
        value: String,
        choices: Vec<String>,
    },
}

/// The user's arguments, recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerArgs {
    pub arguments: Vec<Argument>,
}

impl ServerArgs {
    /// `known` is `None` where no server could be asked: then flags that mlx-lm 0.32.2 does not
    /// have pass unchecked. All errors are told, not only the first.
    pub fn parse(text: &str, known: Option<&KnownFlags>) -> Result<Self, Vec<ArgError>> {
        let tokens = arg_split::split(text).map_err(|e| vec![e.into()])?;
        let bundled;
        let (flags, strict) = if let Some(known) = known {
            (known, true)
        } else {
            bundled = KnownFlags::bundled();
            (&bundled, false)
        };
        let mut args = Self::default();
        let mut errors = Vec::new();
        let mut rest = tokens.into_iter().peekable();
        while let Some(token) = rest.next() {
            match recognise(token, &mut rest, flags, strict) {
                Ok(argument) => args.arguments.push(argument),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(args)
        } else {
            Err(errors)
        }
    }

    pub fn has(&self, flag: &str) -> bool {
        self.arguments.iter().any(|a| a.flag == flag)
    }

    /// What argparse would take: the last one counts.
    pub fn value(&self, flag: &str) -> Option<&str> {
        self.arguments
            .iter()
            .rev()
            .find(|a| a.flag == flag)
            .and_then(|a| a.value.as_deref())
    }

    /// Takes out every argument that sets the flag; the last of them is returned.
    pub fn strip(&mut self, flag: &str) -> Option<Argument> {
        let (stripped, kept) = std::mem::take(&mut self.arguments)
            .into_iter()
            .partition(|a| a.flag == flag);
        self.arguments = kept;
        let stripped: Vec<Argument> = stripped;
        stripped.into_iter().next_back()
    }

    pub fn tokens(&self) -> Vec<String> {
        self.arguments
            .iter()
            .flat_map(|a| a.tokens.iter().cloned())
            .collect()
    }
}

/// Why a flag is ours, for those that are.
pub(super) fn reserved(flag: &str) -> Option<&'static str> {
    match flag {
        "--model" => Some(
            "every server and every request must name the same model; choose it with --model or MLX_MODEL_PATH",
        ),
        "--host" => Some("the bind address is MLX_SERVER_HOST, which nginx follows too"),
        "--port" => Some(
            "each server gets a port of its own; choose it with MLX_SERVER_PORT or MLX_SERVER_BASE_PORT",
        ),
        "--help" => Some("the server would print its help and end"),
        _ => None,
    }
}

fn recognise(
    token: String,
    rest: &mut std::iter::Peekable<impl Iterator<Item = String>>,
    flags: &KnownFlags,
    strict: bool,
) -> Result<Argument, ArgError> {
    if !looks_like_flag(&token) {
        return Err(ArgError::NotAFlag { token });
    }
    let (name, inline) = match token.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (token.as_str(), None),
    };
    if name.contains(char::is_whitespace) {
        return Err(ArgError::SpaceInFlag { token });
    }
    let known = match flags.resolve(name) {
        Ok(known) => Some(known),
        Err(FlagError::Unknown { .. }) if !strict => None,
        Err(error) => return Err(error.into()),
    };
    let flag = known.map_or(name, |k| k.name()).to_owned();
    if let Some(reason) = reserved(&flag) {
        // Its value is no second mistake.
        if inline.is_none() && known.is_some_and(|k| k.takes_value) {
            rest.next_if(|next| !looks_like_flag(next));
        }
        return Err(ArgError::Reserved {
            written: name.to_owned(),
            flag,
            reason,
        });
    }
    let wants_value = known.map(|k| k.takes_value);
    let (value, tokens) = match (inline, wants_value) {
        (Some(value), Some(false)) => return Err(ArgError::TakesNoValue { flag, value }),
        (Some(value), _) => {
            let token = format!("{flag}={value}");
            (Some(value), vec![token])
        }
        (None, Some(false)) => (None, vec![flag.clone()]),
        (None, wants) => match rest.next_if(|next| !looks_like_flag(next)) {
            Some(value) => (Some(value.clone()), vec![flag.clone(), value]),
            None if wants == Some(true) => return Err(ArgError::MissingValue { flag }),
            None => (None, vec![flag.clone()]),
        },
    };
    if let (Some(known), Some(value)) = (known, &value)
        && !known.choices.is_empty()
        && !known.choices.contains(value)
    {
        return Err(ArgError::NotAChoice {
            flag,
            value: value.clone(),
            choices: known.choices.clone(),
        });
    }
    Ok(Argument {
        flag,
        value,
        tokens,
    })
}

/// As argparse sees it: a dash first, and no negative number.
pub(super) fn looks_like_flag(token: &str) -> bool {
    token.len() > 1 && token.starts_with('-') && token.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::known_flags::tests::real;

    fn parsed(text: &str) -> ServerArgs {
        ServerArgs::parse(text, Some(&real())).expect(text)
    }

    fn errors(text: &str) -> Vec<String> {
        ServerArgs::parse(text, Some(&real()))
            .expect_err(text)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn both_spellings_of_a_value_are_recognised() {
        for text in [
            "--decode-concurrency=16,--pipeline,--temp=-1",
            "--decode-concurrency 16 --pipeline --temp -1",
            "--decode-c 16 --pipe --temp=-1",
        ] {
            let args = parsed(text);
            assert_eq!(args.value("--decode-concurrency"), Some("16"), "{text}");
            assert!(args.has("--pipeline") && args.value("--pipeline").is_none());
            assert_eq!(args.value("--temp"), Some("-1"));
        }
        assert_eq!(
            parsed("--decode-c 16 --pipeline").tokens(),
            ["--decode-concurrency", "16", "--pipeline"]
        );
        assert_eq!(
            parsed("--chat-template=/path with spaces/a=b.txt,--top-p=0.9").tokens(),
            ["--chat-template=/path with spaces/a=b.txt", "--top-p=0.9"]
        );
        assert_eq!(
            parsed(r#"--chat-template-args={"enable_thinking":false,"a":1}"#).tokens(),
            [r#"--chat-template-args={"enable_thinking":false,"a":1}"#]
        );
        assert_eq!(parsed("--top-k=1,--top-k=2").value("--top-k"), Some("2"));
    }

    #[test]
    fn what_is_ours_is_refused_with_the_reason_however_it_is_spelled() {
        for (text, reason) in [
            ("--host=0.0.0.0", "MLX_SERVER_HOST"),
            ("--port 9000", "MLX_SERVER_BASE_PORT"),
            ("--po=9000", "MLX_SERVER_BASE_PORT"),
            ("--model=x,--top-p=0.9", "MLX_MODEL_PATH"),
            ("--mod x", "MLX_MODEL_PATH"),
            ("-h", "print its help"),
        ] {
            for known in [Some(&real()), None] {
                let errors = ServerArgs::parse(text, known).expect_err(text);
                assert_eq!(errors.len(), 1, "{text}: {errors:?}");
                assert!(errors[0].to_string().contains(reason), "{}", errors[0]);
            }
        }
    }

    #[test]
    fn unknown_flags_and_misplaced_words_are_told_together() {
        assert_eq!(
            errors("--prefil-step-size=512,--kv-bits,--log-level=info,--pipeline=1,--temp 1,x"),
            [
                "--prefil-step-size: mlx-lm 0.32.2 has no such flag. Did you mean --prefill-step-size?",
                "--kv-bits needs a value: --kv-bits=...",
                "--log-level=info: the server accepts DEBUG, INFO, WARNING, ERROR, CRITICAL",
                "--pipeline takes no value, but `1` is given",
                "`--temp 1` is one argument here, since commas part them: join flag and value with `=`",
                "`x` is neither a flag nor the value of one. A value with spaces needs quotes, or \
                 commas between the arguments: --chat-template=/path with spaces/t.txt,--top-p=0.9",
            ]
        );
        assert_eq!(
            errors("--temp 1\n--top-p 1"),
            [
                "the arguments hold the control character '\\n': write them on one line, without tabs."
            ]
        );
        assert_eq!(errors("--chat-template /a b/t.txt").len(), 1);
    }

    #[test]
    fn without_a_server_to_ask_other_flags_pass() {
        let args = ServerArgs::parse("--new-flag 3 --other --temp=1", None).expect("unchecked");
        assert_eq!(args.value("--new-flag"), Some("3"));
        assert!(args.has("--other"));
    }

    #[test]
    fn stripping_takes_every_spelling_and_keeps_the_rest() {
        let mut args = parsed("--decode-c 16 --temp=1 --decode-concurrency=8");
        let stripped = args.strip("--decode-concurrency").expect("two of them");
        assert_eq!(stripped.value.as_deref(), Some("8"));
        assert_eq!(args.tokens(), ["--temp=1"]);
        assert_eq!(args.strip("--decode-concurrency"), None);
    }

    proptest! {
        /// Whatever is accepted is accepted again, unchanged, from its own tokens.
        #[test]
        fn accepted_arguments_round_trip(text in "(--(temp|top-p|po|kv-bits|pipeline|x)[= ,]?['\"{}a-z0-9., ]{0,6}[, ]){0,4}") {
            if let Ok(args) = ServerArgs::parse(&text, Some(&real())) {
                let again = ServerArgs::parse(&arg_split::join(&args.tokens()), Some(&real()));
                prop_assert_eq!(again, Ok(args));
            }
        }
    }
}
