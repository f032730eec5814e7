//! The form of a run: every setting with its effective value and where that comes from, and what
//! the run would be.
//!
//! ```text
//! edits (what was typed) ─┐
//! facts (of this machine) ┴─▶ FormModel::update ─▶ fields, errors, plan, summary ─▶ show
//!          ▲                                                                         │
//!          └──────────────── FormModel::apply ◀── FormAction ◀──────────────────────┘
//! ```
//! Everything is computed in [`FormModel::update`]; [`show`] only draws, and what a user does comes
//! back as [`FormAction`]s. Those that [`FormModel::apply`] cannot do itself are the app's.

mod action;
mod attach;
mod attach_view;
mod axes;
mod axes_view;
mod bottom_bar;
mod command_window;
mod edits;
mod field;
mod field_view;
mod kinds;
mod model;
mod model_picker;
mod parts;
mod presets;
mod presets_view;
mod problems;
mod prompts;
mod prompts_view;
mod relevance;
mod sources;
mod summary;
#[cfg(test)]
mod tests;
mod update;
mod view;
mod words;

pub use action::FormAction;
pub use attach::{AttachQuery, AttachedModels};
pub use axes::{AxisRow, Suggestion};
pub use edits::Edits;
pub use field::Field;
pub use model::{Facts, FormModel, ModelChoice, ResolvedModel};
pub use presets::Presets;
pub use prompts::{FoundPrompts, PromptsQuery};
pub use summary::{CommandLine, Summary};
pub use view::{WIDTH, show};
