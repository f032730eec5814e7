//! What requests ask: text of an exact length in tokens, what makes each prompt unique, and prompts
//! from a file. Pure data: nothing here knows of servers.

pub mod counter;
pub mod file;
pub mod fit;
pub mod messages;
pub mod prefix;
pub mod set;

pub use counter::{Counter, CounterError};
pub use file::{FileFormat, PromptFile, PromptFileError};
pub use fit::{Fitted, fit, joined};
pub use messages::Messages;
pub use prefix::Symbols;
pub use set::{Cursor, PromptSet};

use serde::{Deserialize, Serialize};

/// Where the length of prompts comes from that were asked to be of a length.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LengthSource {
    /// The model's own tokenizer, and what the server said that its chat template adds.
    Exact,
    /// What the server counted in prompts of other lengths.
    Calibrated,
    /// A guess: the server does not count prompts.
    None,
}

impl LengthSource {
    /// By what share the mean length may differ from what was asked.
    pub const fn tolerance(self) -> f64 {
        match self {
            Self::Exact => 0.02,
            Self::Calibrated | Self::None => 0.05,
        }
    }
}
