//! What can be wrong with a setting, in words that say what to type instead.

use super::resolve::Source;
use super::table::Var;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingError {
    #[error("{var}={value:?} ({from}): {problem}. Accepted: {accepted}.")]
    Invalid {
        var: Var,
        value: String,
        from: Source,
        problem: String,
        accepted: String,
    },
    #[error("{key}: no such setting.{}", suggestion(*.nearest))]
    Unknown { key: String, nearest: Option<Var> },
    #[error("{word:?} is not KEY=VALUE. Write, for example, MLX_MAX_TOKENS=256.")]
    NotAPair { word: String },
    #[error("{text:?}: a quote is opened and never closed.")]
    OpenQuote { text: String },
    #[error(
        "{key} looks like a secret, and overrides are written to the run's JSON. \
         Set it in the environment before starting: it is not stored from there, and servers that \
         are started inherit it (MLX_ATTACH_KEY is kept from them)."
    )]
    Secret { key: String },
}

impl SettingError {
    /// The setting to mark in a form, where the error belongs to one.
    pub fn var(&self) -> Option<Var> {
        match self {
            Self::Invalid { var, .. } => Some(*var),
            _ => None,
        }
    }
}

fn suggestion(nearest: Option<Var>) -> String {
    nearest.map_or_else(
        || " `mlx-throughput-lab --help` lists them all.".to_owned(),
        |var| format!(" Did you mean {var}?"),
    )
}
