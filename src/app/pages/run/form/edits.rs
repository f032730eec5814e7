//! What a user chose and typed: all that a preset holds.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::attach;
use crate::plan::RunKind;
use crate::settings::Var;

/// A row of the axes editor, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisText {
    pub name: String,
    pub values: String,
}

/// Edits of the form. A setting that is not in `fields` was not edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edits {
    pub kind: RunKind,
    pub fields: BTreeMap<Var, String>,
    /// Env overrides, one line.
    pub overrides: String,
    pub axes: Vec<AxisText>,
}

impl Default for Edits {
    fn default() -> Self {
        Self::of(RunKind::Quick)
    }
}

/// As stored: settings by their names, so that those of another version do no harm.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: RunKind,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    overrides: String,
    #[serde(default)]
    axes: Vec<AxisText>,
}

impl Edits {
    /// Nothing edited.
    pub fn of(kind: RunKind) -> Self {
        Self {
            kind,
            fields: BTreeMap::new(),
            overrides: String::new(),
            axes: Vec::new(),
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        let stored = Stored {
            kind: self.kind,
            settings: self
                .fields
                .iter()
                .map(|(var, text)| (var.name().to_owned(), attach::storable(*var, text)))
                .collect(),
            overrides: attach::storable_overrides(&self.overrides),
            axes: self.axes.clone(),
        };
        serde_json::json!(stored)
    }

    /// `None` where the value is not one of ours. Settings that this version does not have are
    /// passed over.
    pub fn from_json(value: &serde_json::Value) -> Option<Self> {
        let stored = Stored::deserialize(value).ok()?;
        Some(Self {
            kind: stored.kind,
            fields: stored
                .settings
                .into_iter()
                .filter_map(|(name, text)| Some((Var::from_str(&name).ok()?, text)))
                .collect(),
            overrides: stored.overrides,
            axes: stored.axes,
        })
    }
}
