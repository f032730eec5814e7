//! Start servers, or attach to running ones: what the form knows of the latter.

use std::fmt;

use super::edits::Edits;
use super::model::{Facts, FormModel};
use super::problems::{Place, Problem};
use crate::plan::ModelRef;
use crate::session::attach;
use crate::settings::overrides::Overrides;
use crate::settings::{BaseUrl, Secret, Settings, Var, base_url};
use crate::wording::sentence;

/// The key as typed: held as long as the window is open, and never saved or printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyText(pub(super) String);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "none"
        } else {
            "(hidden)"
        })
    }
}

/// Which servers are asked for their models, with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachQuery {
    pub urls: Vec<BaseUrl>,
    pub key: Option<Secret>,
}

/// What they said: the models that all of them serve, or why that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedModels {
    pub query: AttachQuery,
    pub outcome: Result<Vec<String>, String>,
}

/// Whether requests go to running servers, also while their URL is still to be written.
pub(super) fn is_attaching(edits: &Edits, settings: &Settings) -> bool {
    match edits.fields.get(&Var::Attach) {
        Some(typed) => !typed.trim().eq_ignore_ascii_case(base_url::OFF),
        None => !settings.urls(Var::Attach).is_empty(),
    }
}

/// The edits after the choice was made. An environment that attaches is told `off`.
pub(super) fn choose(edits: &mut Edits, facts: &Facts, attach: bool) {
    let elsewhere = is_given_elsewhere(edits, facts);
    if attach == elsewhere {
        edits.fields.remove(&Var::Attach);
    } else if attach {
        edits.fields.insert(Var::Attach, String::new());
    } else {
        edits.fields.insert(Var::Attach, base_url::OFF.to_owned());
    }
}

fn is_given_elsewhere(edits: &Edits, facts: &Facts) -> bool {
    let name = Var::Attach.name();
    let counts = |text: &str| {
        let text = text.trim();
        !text.is_empty() && !text.eq_ignore_ascii_case(base_url::OFF)
    };
    let overrides = Overrides::from_line(&edits.overrides).unwrap_or_default();
    let mut overrides = overrides.settings.iter().rev();
    let mut environment = facts.environment.iter().rev();
    overrides
        .find(|(var, _)| *var == Var::Attach)
        .map(|(_, text)| text.clone())
        .or_else(|| {
            let found = environment.find(|(key, text)| key == name && !text.is_empty());
            found.map(|(_, text)| text.clone())
        })
        .or_else(|| facts.saved.get(Var::Attach))
        .is_some_and(|text| counts(&text))
}

impl FormModel {
    pub(super) fn is_attaching(&self) -> bool {
        self.attaching
    }

    /// The key typed here, as an edit; nothing where none was.
    pub fn key_edit(&self) -> Option<(Var, String)> {
        let key = self.attach_key.0.trim();
        (!key.is_empty()).then(|| (Var::AttachKey, key.to_owned()))
    }

    /// Whom the app should ask for their models now; `None` where nothing is attached, or a URL is
    /// not whole.
    pub fn attach_query(&self) -> Option<&AttachQuery> {
        self.attach_query.as_ref()
    }

    pub fn set_attached_models(&mut self, models: AttachedModels) {
        self.attached_models = Some(models);
        self.update();
    }

    /// What the servers that are attached now said; `None` until they have.
    pub(super) fn served(&self) -> Option<&Result<Vec<String>, String>> {
        let said = self.attached_models.as_ref()?;
        (Some(&said.query) == self.attach_query.as_ref()).then_some(&said.outcome)
    }

    /// The model that attached servers are asked for, as far as it is known.
    pub(super) fn attached_model(&self, settings: &Settings, found: &mut Vec<Problem>) -> ModelRef {
        let mut wrong = |var: Var, text: &str| {
            let text = sentence(text);
            let full = format!("{var}: {text}");
            found.push(Problem {
                place: Place::Field(var),
                text,
                full,
            });
        };
        if let Some(chosen) = settings.text(Var::AttachModel) {
            return attach::model_ref(chosen.trim());
        }
        let unknown = attach::model_ref("the server's");
        if settings.urls(Var::Attach).is_empty() {
            return unknown;
        }
        match self.served() {
            Some(Ok(models)) => match attach::only(models) {
                Ok(only) => attach::model_ref(only),
                Err(why) => {
                    wrong(Var::AttachModel, &why);
                    unknown
                }
            },
            Some(Err(why)) => {
                let text = format!("{why}. Is it running? A name written here needs no list");
                wrong(Var::AttachModel, &text);
                unknown
            }
            None => {
                wrong(Var::AttachModel, "the server is being asked for its models");
                unknown
            }
        }
    }
}

/// Settings as a preset may hold them: nothing of a URL that may hold a password, no override that
/// names a secret.
pub(super) fn storable(var: Var, text: &str) -> String {
    if var.spec().kind.shown(text) == text {
        text.to_owned()
    } else {
        String::new()
    }
}

/// The line of overrides without its secrets; empty where it cannot be read at all.
pub(super) fn storable_overrides(line: &str) -> String {
    let lower = line.to_ascii_uppercase();
    let name = Var::AttachKey.name();
    let holds_url = lower.contains(Var::Attach.name()) && base_url::shown(line) != line;
    if !lower.contains(name) && !holds_url {
        return line.to_owned();
    }
    let Ok(words) = shell_words::split(line) else {
        return String::new();
    };
    let kept = words.iter().filter(|word| {
        let key = word.split('=').next().unwrap_or_default();
        let key = key.trim().to_ascii_uppercase();
        key != name && (key != Var::Attach.name() || base_url::shown(word) == **word)
    });
    shell_words::join(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_holds_no_secret() {
        for (line, kept) in [
            (
                "MLX_MAX_TOKENS=8 HF_HOME=/x?y",
                "MLX_MAX_TOKENS=8 HF_HOME=/x?y",
            ),
            ("MLX_ATTACH_KEY=hush MLX_MAX_TOKENS=8", "'MLX_MAX_TOKENS=8'"),
            (
                "MLX_ATTACH=http://me:hush@a MLX_MAX_TOKENS=8",
                "'MLX_MAX_TOKENS=8'",
            ),
            ("MLX_ATTACH_KEY='hush", ""),
        ] {
            assert_eq!(storable_overrides(line), kept, "{line}");
        }
        assert_eq!(storable(Var::Attach, "http://me:hush@a"), "");
        assert_eq!(storable(Var::Attach, "http://a"), "http://a");
        assert_eq!(storable(Var::Prompt, "Who is me@home?"), "Who is me@home?");
    }
}
