//! One setting as the form shows it.

use super::relevance::{Section, section};
use super::words;
use crate::plan::Plan;
use crate::settings::table::DefaultValue;
use crate::settings::{Kind, Settings, Source, Value, Var};

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub var: Var,
    /// What the control shows: what was typed, or else the effective value.
    pub text: String,
    /// What stands in an empty control: the computed value, or that it is computed.
    pub hint: String,
    pub edited: bool,
    /// Of the effective value.
    pub source: Source,
    /// `default`, `from the environment`, ...
    pub caption: String,
    /// For switches.
    pub on: bool,
    /// The values that a list stands for.
    pub preview: Option<String>,
    pub error: Option<String>,
    pub tooltip: String,
    pub shown: bool,
    /// Why it cannot be set, where it is shown all the same.
    pub fixed: Option<&'static str>,
    pub(super) section: Section,
}

impl Field {
    pub(super) fn new(var: Var) -> Self {
        Self {
            var,
            text: String::new(),
            hint: String::new(),
            edited: false,
            source: Source::Default,
            caption: String::new(),
            on: false,
            preview: None,
            error: None,
            tooltip: words::tooltip(var),
            shown: false,
            fixed: None,
            section: section(var),
        }
    }

    /// Everything but whether it is shown, without an error.
    pub(super) fn fill(
        &mut self,
        typed: Option<&String>,
        settings: &Settings,
        plan: Option<&Plan>,
    ) {
        let var = self.var;
        let given = settings.get(var);
        let effective = given.map(|setting| setting.text.as_str());
        self.edited = typed.is_some();
        self.text = typed.map_or_else(|| effective.unwrap_or_default().to_owned(), Clone::clone);
        self.source = settings.source(var);
        self.error = None;
        self.hint = match (effective, plan) {
            (Some(text), _) => text.to_owned(),
            (None, plan) => example(var).map_or_else(|| computed(plan, var), str::to_owned),
        };
        self.on = matches!(given.map(|s| &s.value), Some(Value::Switch(true)));
        self.caption = self.caption(settings);
        // Of what is typed, not of what holds instead of it.
        self.preview = match var.spec().kind {
            kind @ Kind::List { .. } => match kind.parse(&self.text) {
                Ok(Value::List(values)) => Some(words::preview(&values)),
                _ => None,
            },
            kind @ Kind::Rates => match kind.parse(&self.text) {
                Ok(Value::Rates(values)) => Some(words::preview(&values)),
                _ => None,
            },
            _ => None,
        };
    }

    fn caption(&self, settings: &Settings) -> String {
        let source = words::source(self.source);
        if !self.edited || self.text.is_empty() {
            source.to_owned()
        } else if self.var == Var::ServerArgs && self.source == Source::Overrides {
            // Of no other setting is anything stronger than what is typed here.
            format!("not used: {} {source}", settings.shown(self.var))
        } else {
            words::source(Source::Edited).to_owned()
        }
    }
}

const AUTOMATIC: &str = "automatic";

/// What a field beside its label has room for, in letters.
const SHORT: usize = 12;

/// What may be written where nothing is unless somebody writes it.
const fn example(var: Var) -> Option<&'static str> {
    match var {
        Var::ModelPath => Some("org/name, folder or synthetic:NAME"),
        Var::ServerArgs => Some("--prefill-step-size=512,--top-p=0.9"),
        Var::PromptsFile => Some("prompts.jsonl"),
        Var::Attach => Some("http://127.0.0.1:1234"),
        Var::RequestRate => Some("none"),
        Var::RequestRateList => Some("searched, or 0.5..16x2"),
        Var::ModelDirs => Some("~/more-models:/Volumes/models"),
        _ => None,
    }
}

fn computed(plan: Option<&Plan>, var: Var) -> String {
    plan.into_iter()
        .flat_map(|plan| &plan.settings)
        .find(|setting| setting.name == var.name())
        .map(|setting| setting.value.clone())
        // An explanation of how it is computed is for the tooltip: here it would be cut off.
        .filter(|value| value.chars().count() <= SHORT)
        .unwrap_or_else(|| match var.spec().default {
            DefaultValue::Computed("none") => "none".to_owned(),
            _ => AUTOMATIC.to_owned(),
        })
}
