//! Env overrides: `KEY=VALUE` words, as typed in the form's field or as arguments of a command.

use std::str::FromStr;

use super::error::SettingError;
use super::table::{self, Var};
use super::value::Kind;

/// What the words set, in order; of a setting given twice the last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub settings: Vec<(Var, String)>,
    /// Not ours (`HF_HOME=...`, mlx's own variables): handed to the servers as they are.
    pub server_environment: Vec<(String, String)>,
}

impl Overrides {
    /// From one line, with quotes as in a shell: `MLX_PROMPT="two words" MLX_MAX_TOKENS=64`.
    pub fn from_line(line: &str) -> Result<Self, Vec<SettingError>> {
        let words = shell_words::split(line).map_err(|_| {
            vec![SettingError::OpenQuote {
                text: line.to_owned(),
            }]
        })?;
        Self::from_words(&words)
    }

    /// From words that a shell has already split. All errors are told, not only the first.
    pub fn from_words<S: AsRef<str>>(words: &[S]) -> Result<Self, Vec<SettingError>> {
        match Self::read(words) {
            (overrides, errors) if errors.is_empty() => Ok(overrides),
            (_, errors) => Err(errors),
        }
    }

    /// What can be read, beside what cannot: so that other mistakes can be told with these.
    pub fn read<S: AsRef<str>>(words: &[S]) -> (Self, Vec<SettingError>) {
        let mut overrides = Self::default();
        let mut errors = Vec::new();
        for word in words {
            if let Err(error) = overrides.add(word.as_ref()) {
                errors.push(error);
            }
        }
        (overrides, errors)
    }

    fn add(&mut self, word: &str) -> Result<(), SettingError> {
        let not_a_pair = || SettingError::NotAPair {
            word: word.to_owned(),
        };
        let (key, value) = word.split_once('=').ok_or_else(not_a_pair)?;
        if !is_variable_name(key) {
            return Err(not_a_pair());
        }
        if let Ok(var) = Var::from_str(key) {
            if var.spec().kind == Kind::Secret {
                return Err(SettingError::Secret {
                    key: key.to_owned(),
                });
            }
            self.settings.push((var, value.to_owned()));
            return Ok(());
        }
        // A name in lower case, or close to one of ours, is a mistake rather than the server's.
        let foreign = table::OF_MLX.contains(&key) || !key.to_ascii_uppercase().starts_with("MLX_");
        if !foreign {
            return Err(SettingError::Unknown {
                key: key.to_owned(),
                nearest: table::nearest(key),
            });
        }
        if ["TOKEN", "SECRET", "PASSWORD", "API_KEY"]
            .iter()
            .any(|part| key.to_ascii_uppercase().contains(part))
        {
            return Err(SettingError::Secret {
                key: key.to_owned(),
            });
        }
        self.server_environment
            .push((key.to_owned(), value.to_owned()));
        Ok(())
    }
}

fn is_variable_name(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with(|c: char| c.is_ascii_digit())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Overrides, Vec<String>> {
        Overrides::from_line(text).map_err(|e| e.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn words_with_quotes_and_equals_signs() {
        let overrides = line(
            r#"MLX_PROMPT="two words" MLX_SERVER_ARGS='--temp=0.5,--top-p=0.9' HF_HOME=/x MLX_METAL_FAST_SYNCH=1"#,
        )
        .expect("four pairs");
        assert_eq!(
            overrides.settings,
            [
                (Var::Prompt, "two words".to_owned()),
                (Var::ServerArgs, "--temp=0.5,--top-p=0.9".to_owned()),
            ]
        );
        assert_eq!(
            overrides.server_environment,
            [
                ("HF_HOME".to_owned(), "/x".to_owned()),
                ("MLX_METAL_FAST_SYNCH".to_owned(), "1".to_owned()),
            ]
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let errors =
            line("MLX_MAX_TOKEN=1 mlx_temperature=2 max HF_TOKEN=x 2X=3").expect_err("mistakes");
        assert_eq!(errors.len(), 5);
        for (error, part) in errors.iter().zip([
            "MLX_MAX_TOKEN: no such setting. Did you mean MLX_MAX_TOKENS?",
            "Did you mean MLX_TEMPERATURE?",
            "\"max\" is not KEY=VALUE",
            "HF_TOKEN looks like a secret",
            "\"2X=3\" is not KEY=VALUE",
        ]) {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(
            line("MLX_PROMPT=\"open").expect_err("quote"),
            [r#""MLX_PROMPT=\"open": a quote is opened and never closed."#]
        );
        assert_eq!(line("  "), Ok(Overrides::default()));
    }
}
