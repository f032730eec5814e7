//! From sources to effective values, each with the source it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use strum::IntoEnumIterator;

use super::base_url::BaseUrl;
use super::error::SettingError;
use super::overrides::Overrides;
use super::rate::Rate;
use super::saved::SavedSettings;
use super::secret::Secret;
use super::table::{self, DefaultValue, Var};
use super::value::{Kind, Value};

/// Where an effective value comes from, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Source {
    /// A field edited in the form, or a command-line flag.
    #[strum(to_string = "command line or form")]
    Edited,
    #[strum(to_string = "env overrides")]
    Overrides,
    #[strum(to_string = "environment")]
    Environment,
    #[strum(to_string = "saved settings")]
    Saved,
    #[strum(to_string = "default")]
    Default,
}

/// All that can set a value. An empty text anywhere counts as not given.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub edited: Vec<(Var, String)>,
    pub overrides: Overrides,
    /// The process environment, as data.
    pub environment: Vec<(String, String)>,
    pub saved: SavedSettings,
}

/// One effective value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub value: Value,
    /// As it was written; of a secret, that it is hidden.
    pub text: String,
    pub source: Source,
}

/// Effective settings. Getters are typed by the setting's [`Kind`](super::Kind).
#[derive(Debug, Clone, Default)]
pub struct Settings {
    given: BTreeMap<Var, Setting>,
    defaults: BTreeMap<Var, Setting>,
    /// For the servers, from the overrides.
    pub server_environment: BTreeMap<String, String>,
    /// Told to the user, but no reason to stop.
    pub warnings: Vec<String>,
}

impl Settings {
    /// All values that are not accepted are told, not only the first. Saved ones are passed over
    /// with a warning instead: a file from another version must not keep the app from starting.
    pub fn resolve(sources: &Sources) -> Result<Self, Vec<SettingError>> {
        let mut settings = Self::default().for_kind_name(None);
        let mut errors = Vec::new();
        for var in Var::iter() {
            for (source, text) in candidates(sources, var) {
                match var.spec().kind.parse(&text) {
                    Ok(value) => {
                        let setting = Setting {
                            value,
                            text: var.spec().kind.shown(&text),
                            source,
                        };
                        settings.given.insert(var, setting);
                        break;
                    }
                    Err(problem) => {
                        let error = SettingError::Invalid {
                            var,
                            value: var.spec().kind.shown(&text),
                            from: source,
                            problem,
                            accepted: var.spec().kind.accepted(),
                        };
                        if source == Source::Saved {
                            settings.warnings.push(format!("{error} It is not used."));
                            continue;
                        }
                        errors.push(error);
                        break;
                    }
                }
            }
        }
        settings.server_environment = sources
            .overrides
            .server_environment
            .iter()
            .cloned()
            .collect();
        settings.warnings.extend(unknown(&sources.environment));
        if errors.is_empty() {
            Ok(settings)
        } else {
            Err(errors)
        }
    }

    /// The same settings with the defaults of a kind of run, named as in file names.
    #[must_use]
    pub fn for_kind(&self, kind: &str) -> Self {
        self.clone().for_kind_name(Some(kind))
    }

    fn for_kind_name(mut self, kind: Option<&str>) -> Self {
        self.defaults = table::all()
            .iter()
            .filter_map(|spec| {
                let text = spec.default.text(kind)?;
                let value = spec
                    .kind
                    .parse(text)
                    .expect("a test parses every default of the table");
                let setting = Setting {
                    value,
                    text: text.to_owned(),
                    source: Source::Default,
                };
                Some((spec.var, setting))
            })
            .collect();
        self
    }

    /// `None` where nothing gives the value and its default is computed.
    pub fn get(&self, var: Var) -> Option<&Setting> {
        self.given.get(&var).or_else(|| self.defaults.get(&var))
    }

    pub fn source(&self, var: Var) -> Source {
        self.given.get(&var).map_or(Source::Default, |s| s.source)
    }

    /// Somebody chose it: it does not come from the table.
    pub fn is_given(&self, var: Var) -> bool {
        self.given.contains_key(&var)
    }

    /// The effective value for people; how it is computed where it is.
    pub fn shown(&self, var: Var) -> String {
        match (self.get(var), var.spec().default) {
            (Some(setting), _) => setting.text.clone(),
            (None, DefaultValue::Computed(how)) => how.to_owned(),
            (None, _) => String::new(),
        }
    }

    pub fn text(&self, var: Var) -> Option<&str> {
        match &self.get(var)?.value {
            Value::Text(text) => Some(text),
            Value::Choice(choice) => Some(choice),
            other => wrong_type(var, other),
        }
    }

    pub fn path(&self, var: Var) -> Option<&Path> {
        match &self.get(var)?.value {
            Value::Path(path) => Some(path),
            other => wrong_type(var, other),
        }
    }

    pub fn paths(&self, var: Var) -> &[PathBuf] {
        match self.get(var).map(|s| &s.value) {
            Some(Value::Paths(paths)) => paths,
            Some(other) => wrong_type(var, other),
            None => &[],
        }
    }

    /// Sets a value as if its field had been edited.
    ///
    /// # Errors
    /// The text is not accepted.
    pub fn edit(&mut self, var: Var, text: &str) -> Result<(), SettingError> {
        let kind = var.spec().kind;
        let value = kind.parse(text).map_err(|problem| SettingError::Invalid {
            var,
            value: kind.shown(text),
            from: Source::Edited,
            problem,
            accepted: kind.accepted(),
        })?;
        let setting = Setting {
            value,
            text: kind.shown(text),
            source: Source::Edited,
        };
        self.given.insert(var, setting);
        Ok(())
    }

    /// Empty where nothing is attached.
    pub fn urls(&self, var: Var) -> &[BaseUrl] {
        match self.get(var).map(|s| &s.value) {
            Some(Value::Urls(urls)) => urls,
            Some(other) => wrong_type(var, other),
            None => &[],
        }
    }

    pub fn secret(&self, var: Var) -> Option<&Secret> {
        match &self.get(var)?.value {
            Value::Secret(secret) => Some(secret),
            other => wrong_type(var, other),
        }
    }

    /// `None` also for the word that a setting accepts instead of a number (`max`, `stock`).
    pub fn int(&self, var: Var) -> Option<u32> {
        match self.get(var)?.value {
            Value::Int(value) => Some(value),
            Value::Word(_) => None,
            ref other => wrong_type(var, other),
        }
    }

    pub fn number(&self, var: Var) -> Option<f64> {
        match self.get(var)?.value {
            Value::Number(value) => Some(value),
            ref other => wrong_type(var, other),
        }
    }

    /// Off where there is no default; the table gives every switch one.
    pub fn is_on(&self, var: Var) -> bool {
        match self.get(var).map(|s| &s.value) {
            Some(Value::Switch(on)) => *on,
            Some(other) => wrong_type(var, other),
            None => false,
        }
    }

    pub fn list(&self, var: Var) -> &[u32] {
        match self.get(var).map(|s| &s.value) {
            Some(Value::List(values)) => values,
            Some(other) => wrong_type(var, other),
            None => &[],
        }
    }

    /// Empty where none is given.
    pub fn rates(&self, var: Var) -> &[Rate] {
        match self.get(var).map(|s| &s.value) {
            Some(Value::Rates(values)) => values,
            Some(other) => wrong_type(var, other),
            None => &[],
        }
    }
}

/// A mistake in our code, never in what a user typed: the kind stands in the table.
fn wrong_type(var: Var, value: &Value) -> ! {
    unreachable!("{var} holds {value:?}, which this getter does not read")
}

/// Texts that are given for a setting, strongest first.
fn candidates(sources: &Sources, var: Var) -> Vec<(Source, String)> {
    let last = |pairs: &[(Var, String)]| {
        pairs
            .iter()
            .rev()
            .find(|(v, text)| *v == var && !text.is_empty())
            .map(|(_, text)| text.clone())
    };
    let mut texts = vec![
        (Source::Edited, last(&sources.edited)),
        (Source::Overrides, last(&sources.overrides.settings)),
        (
            Source::Environment,
            sources
                .environment
                .iter()
                .rev()
                .find(|(key, text)| key == var.name() && !text.is_empty())
                .map(|(_, text)| text.clone()),
        ),
        (Source::Saved, sources.saved.get(var)),
    ];
    if var.spec().kind == Kind::Secret {
        // Neither written down in overrides nor kept between runs.
        texts.retain(|(source, _)| matches!(source, Source::Edited | Source::Environment));
    }
    if var == Var::ServerArgs {
        // The one exception: overrides beat the Advanced arguments field.
        texts.swap(0, 1);
    }
    texts
        .into_iter()
        .filter_map(|(source, text)| Some((source, text?)))
        .collect()
}

/// `MLX_...` variables of the environment that nobody reads.
fn unknown(environment: &[(String, String)]) -> Vec<String> {
    environment
        .iter()
        .filter(|(key, _)| {
            key.starts_with("MLX_")
                && Var::from_str(key).is_err()
                && !table::OF_MLX.contains(&key.as_str())
        })
        .map(|(key, _)| {
            let error = SettingError::Unknown {
                key: key.clone(),
                nearest: table::nearest(key),
            };
            format!("environment: {error}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn saved(pairs: &[(Var, &str)]) -> SavedSettings {
        let mut saved = SavedSettings::default();
        for (var, text) in pairs {
            saved.set(*var, Some(text));
        }
        saved
    }

    /// One setting given by every source; then the strongest is taken away, one by one.
    #[test]
    fn the_strongest_source_wins_and_is_named() {
        let mut sources = Sources {
            edited: vec![(Var::MaxTokens, "1".to_owned())],
            overrides: Overrides::from_line("MLX_MAX_TOKENS=2").expect("pair"),
            environment: pairs(&[("MLX_MAX_TOKENS", "3")]),
            saved: saved(&[(Var::MaxTokens, "4")]),
        };
        let seen = |sources: &Sources| {
            let settings = Settings::resolve(sources).expect("valid");
            (
                settings.int(Var::MaxTokens),
                settings.source(Var::MaxTokens).to_string(),
            )
        };
        assert_eq!(seen(&sources), (Some(1), "command line or form".to_owned()));
        sources.edited[0].1.clear();
        assert_eq!(seen(&sources), (Some(2), "env overrides".to_owned()));
        sources.overrides = Overrides::from_line("MLX_MAX_TOKENS=").expect("pair");
        assert_eq!(seen(&sources), (Some(3), "environment".to_owned()));
        sources.environment = pairs(&[("MLX_MAX_TOKENS", "")]);
        assert_eq!(seen(&sources), (Some(4), "saved settings".to_owned()));
        sources.saved = saved(&[(Var::MaxTokens, "")]);
        assert_eq!(seen(&sources), (Some(128), "default".to_owned()));
    }

    #[test]
    fn server_args_of_the_overrides_beat_the_field() {
        let mut sources = Sources {
            edited: vec![(Var::ServerArgs, "--temp=1".to_owned())],
            overrides: Overrides::from_line("MLX_SERVER_ARGS=--temp=2").expect("pair"),
            environment: pairs(&[("MLX_SERVER_ARGS", "--temp=3")]),
            ..Sources::default()
        };
        let settings = Settings::resolve(&sources).expect("valid");
        assert_eq!(settings.text(Var::ServerArgs), Some("--temp=2"));
        sources.overrides = Overrides::default();
        let settings = Settings::resolve(&sources).expect("valid");
        assert_eq!(settings.text(Var::ServerArgs), Some("--temp=1"));
    }

    #[test]
    fn all_values_that_are_not_accepted_are_told_with_what_is() {
        let sources = Sources {
            edited: vec![(Var::ServerPort, "70000".to_owned())],
            overrides: Overrides::from_line("MLX_CONCURRENCY_LIST=1..64").expect("pair"),
            environment: pairs(&[("MLX_STREAM", "maybe")]),
            saved: saved(&[(Var::Repeats, "0")]),
        };
        let errors = Settings::resolve(&sources).expect_err("three");
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "MLX_STREAM=\"maybe\" (environment): it is neither yes nor no. \
                 Accepted: 1, true, yes, on, or 0, false, no, off.",
                "MLX_SERVER_PORT=\"70000\" (command line or form): it is outside 0 to 65535. \
                 Accepted: a whole number from 0 to 65535.",
                "MLX_CONCURRENCY_LIST=\"1..64\" (env overrides): `1..64` has no step: write \
                 `1..64x2` to double each time or `1..64+1` to count. Accepted: whole numbers \
                 from 1 to 65536 parted by commas or spaces, and ranges such as `1..64x2` or \
                 `8..32+8`.",
            ]
        );
        assert_eq!(errors[1].var(), Some(Var::ServerPort));
    }

    #[test]
    fn a_bad_saved_value_is_passed_over_with_a_warning() {
        let sources = Sources {
            saved: saved(&[(Var::Repeats, "0"), (Var::MaxTokens, "64")]),
            ..Sources::default()
        };
        let settings = Settings::resolve(&sources).expect("never fatal");
        assert_eq!(settings.int(Var::Repeats), Some(1));
        assert_eq!(settings.int(Var::MaxTokens), Some(64));
        assert_eq!(settings.warnings.len(), 1);
        assert!(settings.warnings[0].starts_with("MLX_REPEATS=\"0\" (saved settings)"));
    }

    #[test]
    fn unknown_variables_of_the_environment_are_warnings_but_mlxs_own_are_not() {
        let sources = Sources {
            environment: pairs(&[
                ("MLX_TEMPRATURE", "1"),
                ("MLX_METAL_JIT", "1"),
                ("HOME", "/home/me"),
            ]),
            ..Sources::default()
        };
        let settings = Settings::resolve(&sources).expect("valid");
        assert_eq!(
            settings.warnings,
            ["environment: MLX_TEMPRATURE: no such setting. Did you mean MLX_TEMPERATURE?"]
        );
    }

    #[test]
    fn defaults_follow_the_kind_and_chosen_values_do_not() {
        let sources = Sources {
            overrides: Overrides::from_line("MLX_MAX_TOKENS=7 NGINX_BIN=/opt/nginx HF_HOME=/x")
                .expect("pairs"),
            ..Sources::default()
        };
        let settings = Settings::resolve(&sources).expect("valid");
        assert_eq!(settings.number(Var::Temperature), Some(0.3));
        let single = settings.for_kind("single");
        assert_eq!(single.number(Var::Temperature), Some(0.2));
        assert_eq!(single.int(Var::MaxTokens), Some(7));
        assert_eq!(single.path(Var::NginxBin), Some(Path::new("/opt/nginx")));
        assert_eq!(single.server_environment["HF_HOME"], "/x");
        let round_robin = settings.for_kind("round_robin");
        assert_eq!(round_robin.int(Var::ServerInstances), Some(4));
        assert_eq!(settings.int(Var::ServerInstances), Some(1));
    }

    #[test]
    fn a_key_comes_from_the_environment_alone_and_is_never_shown() {
        let key = "sk-hush-hush";
        let sources = Sources {
            environment: pairs(&[("MLX_ATTACH_KEY", key)]),
            ..Sources::default()
        };
        let settings = Settings::resolve(&sources).expect("valid");
        let secret = settings.secret(Var::AttachKey).expect("given");
        assert_eq!(secret.expose(), key);
        assert_eq!(settings.shown(Var::AttachKey), "(hidden)");
        assert!(!format!("{settings:?}").contains(key));

        let mut kept = saved(&[(Var::AttachKey, key)]);
        assert_eq!(kept, SavedSettings::default(), "not saved");
        kept.set(Var::Attach, Some("http://me:hush@host"));
        assert_eq!(kept, SavedSettings::default(), "nor is a password");
        let errors = Overrides::from_line(&format!("MLX_ATTACH_KEY={key}")).expect_err("refused");
        assert!(errors[0].to_string().contains("in the environment"));
        assert!(!format!("{errors:?}").contains(key));

        let wrong = Sources {
            environment: pairs(&[
                ("MLX_ATTACH_KEY", "hush\nX: y"),
                ("MLX_ATTACH", "http://me:hush@host"),
            ]),
            ..Sources::default()
        };
        let errors = Settings::resolve(&wrong).expect_err("both are wrong");
        assert_eq!(errors.len(), 2);
        let told = format!("{errors:?} {} {}", errors[0], errors[1]);
        assert!(!told.contains("hush"), "{told}");
    }

    /// Every setting can be read by the getter of its kind.
    #[test]
    fn getters_fit_the_table() {
        use crate::settings::Kind;
        use crate::settings::table::DefaultValue;
        let settings = Settings::resolve(&Sources::default()).expect("valid");
        for var in Var::iter() {
            match var.spec().kind {
                Kind::Text | Kind::Choice(_) => drop(settings.text(var)),
                Kind::Path => drop(settings.path(var)),
                Kind::Paths => assert!(settings.paths(var).is_empty()),
                Kind::Int { .. } => drop(settings.int(var)),
                Kind::Number { .. } => drop(settings.number(var)),
                Kind::Switch => {
                    assert!(settings.get(var).is_some(), "{var} has a default");
                    settings.is_on(var);
                }
                Kind::Rates => assert!(settings.rates(var).is_empty(), "{var}"),
                Kind::List { .. } => {
                    let computed = matches!(var.spec().default, DefaultValue::Computed(_));
                    assert_eq!(settings.list(var).is_empty(), computed, "{var}");
                }
                Kind::Urls => assert!(settings.urls(var).is_empty()),
                Kind::Secret => assert!(settings.secret(var).is_none()),
            }
            assert!(!settings.shown(var).is_empty(), "{var}");
            assert_eq!(settings.source(var), Source::Default);
        }
    }
}
