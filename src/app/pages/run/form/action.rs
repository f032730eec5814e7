//! What a user does in the form.

use crate::plan::RunKind;
use crate::settings::Var;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormAction {
    ChooseKind(RunKind),
    /// The text of the field was changed, in [`super::Field::text`].
    Edited(Var),
    /// Attach to running servers, or start them.
    Attach(bool),
    /// The key of attached servers was typed.
    EditedKey,
    /// Leave the setting to its other sources.
    Revert(Var),
    /// A switch or a choice.
    Set(Var, String),
    EditedOverrides,
    AddAxis,
    /// The texts of the row were changed.
    EditedAxis(usize),
    NameAxis(usize, String),
    RemoveAxis(usize),
    SavePreset(String),
    LoadPreset(String),
    DeletePreset(String),
    LoadLastUsed,
    Reset,
    /// Brings back what was there before the reset, or before a preset was loaded.
    Undo,
    OpenCommands,
    CloseCommands,
    /// For the app: a native dialog, then [`super::FormModel::set`] of the model.
    PickModelFolder,
    /// For the app: a native dialog, then [`super::FormModel::set`] of the prompt file.
    PickPrompts,
    /// For the app: run [`super::FormModel::plan`].
    Start,
}
