//! Everything a user can ask of the window. Buttons, menus, shortcuts and tests all send one of
//! these, so that what a click does and what a key does cannot drift apart.

use egui::{Key, KeyboardShortcut, Modifiers};
use strum::IntoEnumIterator as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum AppCommand {
    NewRun,
    OpenCsv,
    Export,
    SavePicture,
    CopyMarkdown,
    Start,
    Pause,
    SkipCell,
    Stop,
    ShowRun,
    ShowResults,
    ShowCompare,
    ShowModels,
    ShowEnvironment,
    ShowCommand,
    ResetForm,
    ShortcutSheet,
}

/// What is shown of a command wherever it appears.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// In sentence case; "..." at the end where a dialog follows.
    pub text: &'static str,
    pub tooltip: &'static str,
    pub shortcut: Option<KeyboardShortcut>,
}

const fn command_key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

impl AppCommand {
    pub const fn about(self) -> About {
        let (text, tooltip, shortcut) = match self {
            Self::NewRun => ("New run", "Go back to the form", Some(command_key(Key::N))),
            Self::OpenCsv => (
                "Open results...",
                "Open a CSV of this app or of an older lab",
                Some(command_key(Key::O)),
            ),
            Self::Export => (
                "Export...",
                "Save this run as a report, a table or a picture",
                Some(command_key(Key::E)),
            ),
            Self::SavePicture => (
                "Save picture...",
                "Save the heatmap as it is shown, as PNG at twice its size",
                None,
            ),
            Self::CopyMarkdown => (
                "Copy as Markdown",
                "Copy this run as a table, to paste into a forum",
                None,
            ),
            Self::Start => ("Start", "Start measuring", Some(command_key(Key::R))),
            Self::Pause => ("Pause", "Wait after the running cell", None),
            Self::SkipCell => ("Skip cell", "Go on without the running cell", None),
            Self::Stop => (
                "Stop",
                "End the run; finished cells stay",
                Some(command_key(Key::Period)),
            ),
            Self::ShowRun => (
                "Run",
                "Set up and watch a run",
                Some(command_key(Key::Num1)),
            ),
            Self::ShowResults => ("Results", "Earlier runs", Some(command_key(Key::Num2))),
            Self::ShowCompare => (
                "Compare",
                "Runs side by side, and what else differs",
                Some(command_key(Key::Num3)),
            ),
            Self::ShowModels => (
                "Models",
                "Find, judge and make models",
                Some(command_key(Key::Num4)),
            ),
            Self::ShowEnvironment => (
                "Environment",
                "Python, nginx and this machine",
                Some(command_key(Key::Num5)),
            ),
            Self::ShowCommand => (
                "Show command",
                "The exact command line of every process",
                None,
            ),
            Self::ResetForm => ("Reset to defaults", "Undo every edit of the form", None),
            Self::ShortcutSheet => ("Shortcuts", "Every shortcut", None),
        };
        About {
            text,
            tooltip,
            shortcut,
        }
    }

    /// The command of a key pressed in this frame, if any; the key is consumed.
    pub fn pressed(context: &egui::Context) -> Option<Self> {
        context.input_mut(|input| {
            Self::iter().find(|command| {
                let shortcut = command.about().shortcut;
                shortcut.is_some_and(|shortcut| input.consume_shortcut(&shortcut))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_two_commands_share_a_shortcut() {
        let mut taken = HashMap::new();
        for command in AppCommand::iter() {
            // On a Mac, COMMAND is ⌘ and elsewhere Ctrl: one table, so one check covers both.
            if let Some(shortcut) = command.about().shortcut {
                let key = format!("{shortcut:?}");
                if let Some(other) = taken.insert(key.clone(), command) {
                    panic!("{command:?} and {other:?} share {key}");
                }
            }
        }
    }

    #[test]
    fn every_command_is_named_and_explained() {
        for command in AppCommand::iter() {
            let about = command.about();
            assert!(
                !about.text.is_empty() && !about.tooltip.is_empty(),
                "{command:?}"
            );
        }
    }
}
