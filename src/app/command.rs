//! Everything a user can ask of the window. Buttons, menus, shortcuts and tests all send one of
//! these, so that what a click does and what a key does cannot drift apart.

use egui::text_selection::LabelSelectionState;
use egui::{Event, Key, KeyboardShortcut, Modifiers};
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
    CopySelection,
    Filter,
    ShowSettings,
    ShowWelcome,
    ShortcutSheet,
    CloseSheet,
}

/// What a command is about; the shortcut sheet has a group for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::Display)]
pub enum Section {
    Run,
    #[strum(to_string = "Files and figures")]
    Figures,
    Pages,
    Window,
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
                "Save the chart that is shown, as PNG at twice its size or as SVG",
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
            Self::CopySelection => (
                "Copy",
                "The selected cell's figures, for a spreadsheet",
                Some(command_key(Key::C)),
            ),
            Self::Filter => (
                "Filter",
                "Write into the page's filter",
                Some(command_key(Key::F)),
            ),
            Self::ShowSettings => (
                "Settings...",
                "Appearance, folders and programs",
                Some(command_key(Key::Comma)),
            ),
            Self::ShowWelcome => ("Show welcome", "A first heatmap in a minute", None),
            Self::ShortcutSheet => (
                "Shortcuts",
                "Every shortcut",
                Some(KeyboardShortcut::new(Modifiers::NONE, Key::Questionmark)),
            ),
            Self::CloseSheet => (
                "Close",
                "Close what stands over the page",
                Some(KeyboardShortcut::new(Modifiers::NONE, Key::Escape)),
            ),
        };
        About {
            text,
            tooltip,
            shortcut,
        }
    }

    /// A second key for the same.
    pub const fn other_shortcut(self) -> Option<KeyboardShortcut> {
        match self {
            Self::ShortcutSheet => Some(KeyboardShortcut::new(Modifiers::NONE, Key::F1)),
            _ => None,
        }
    }

    pub const fn section(self) -> Section {
        match self {
            Self::NewRun
            | Self::Start
            | Self::Pause
            | Self::SkipCell
            | Self::Stop
            | Self::ShowCommand
            | Self::ResetForm => Section::Run,
            Self::OpenCsv
            | Self::Export
            | Self::SavePicture
            | Self::CopyMarkdown
            | Self::CopySelection
            | Self::Filter => Section::Figures,
            Self::ShowRun
            | Self::ShowResults
            | Self::ShowCompare
            | Self::ShowModels
            | Self::ShowEnvironment => Section::Pages,
            Self::ShowSettings | Self::ShowWelcome | Self::ShortcutSheet | Self::CloseSheet => {
                Section::Window
            }
        }
    }

    /// The command of a key pressed in this frame, if any; the key is consumed. While a text is
    /// written, its letters and the text's own keys are left to it; Escape closes only where a
    /// sheet is open.
    pub fn pressed(context: &egui::Context, sheet_open: bool) -> Option<Self> {
        let typing = context.text_edit_focused();
        let copies_text = has_text_to_copy(context);
        context.input_mut(|input| {
            Self::iter().find(|command| match command {
                // The window system makes this key an event of its own.
                Self::CopySelection => {
                    let copy = |event: &Event| *event == Event::Copy;
                    let asked = !copies_text && input.events.iter().any(copy);
                    if asked {
                        input.events.retain(|event| !copy(event));
                    }
                    asked
                }
                Self::CloseSheet if !sheet_open => false,
                command => [command.about().shortcut, command.other_shortcut()]
                    .into_iter()
                    .flatten()
                    .filter(|shortcut| !typing || !writes(*shortcut))
                    .any(|shortcut| input.consume_shortcut(&shortcut)),
            })
        })
    }
}

/// Whether Copy is for a text: one that is written into, or one that is selected where it stands.
pub fn has_text_to_copy(context: &egui::Context) -> bool {
    let selected = context.plugin_opt::<LabelSelectionState>();
    context.text_edit_focused() || selected.is_some_and(|texts| texts.lock().has_selection())
}

/// True of a key that puts a letter into a text.
const fn writes(shortcut: KeyboardShortcut) -> bool {
    matches!(shortcut.logical_key, Key::Questionmark) && !shortcut.modifiers.command
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn all() -> impl Iterator<Item = (AppCommand, KeyboardShortcut)> {
        AppCommand::iter().flat_map(|command| {
            let both = [command.about().shortcut, command.other_shortcut()];
            both.into_iter().flatten().map(move |key| (command, key))
        })
    }

    /// The keys that are down on that system, as the window system tells them.
    fn held(shortcut: KeyboardShortcut, mac: bool) -> Modifiers {
        let asked = shortcut.modifiers;
        Modifiers {
            alt: asked.alt,
            shift: asked.shift,
            ctrl: asked.ctrl || (asked.command && !mac),
            mac_cmd: mac && (asked.command || asked.mac_cmd),
            command: asked.command || (asked.ctrl && !mac) || (asked.mac_cmd && mac),
        }
    }

    #[test]
    fn no_two_commands_share_a_shortcut_on_a_mac_or_elsewhere() {
        for mac in [true, false] {
            let mut taken: HashMap<(Modifiers, Key), AppCommand> = HashMap::new();
            for (command, shortcut) in all() {
                let keys = (held(shortcut, mac), shortcut.logical_key);
                if let Some(other) = taken.insert(keys, command) {
                    panic!("{command:?} and {other:?} share {keys:?} (on a Mac: {mac})");
                }
                for (other, pattern) in all().filter(|(other, _)| *other != command) {
                    let same_key = pattern.logical_key == shortcut.logical_key;
                    assert!(
                        !(same_key && held(shortcut, mac).matches_logically(pattern.modifiers)),
                        "{other:?} would take the keys of {command:?} (on a Mac: {mac})"
                    );
                }
            }
        }
    }

    #[test]
    fn no_shortcut_takes_a_key_of_texts_or_of_the_system() {
        let texts = [Key::A, Key::X, Key::V, Key::Z, Key::Y, Key::C];
        // Zoom, and what a Mac's own menu has.
        let zoom = [Key::Plus, Key::Equals, Key::Minus, Key::Num0];
        let system = [Key::Q, Key::W, Key::H, Key::M, Key::Tab, Key::Space];
        for (command, shortcut) in all() {
            let key = shortcut.logical_key;
            if command == AppCommand::CopySelection {
                // The same key for the same thing; a text that is written comes first.
                continue;
            }
            let with_command = shortcut.modifiers.command || shortcut.modifiers.ctrl;
            let taken = texts.iter().chain(&zoom).chain(&system).any(|k| *k == key);
            assert!(!(with_command && taken), "{command:?} takes {key:?}");
            let bare = !with_command && !shortcut.modifiers.alt;
            let letter = key.symbol_or_name().chars().count() == 1;
            assert!(
                !(bare && letter) || writes(shortcut) || key == Key::Escape,
                "{command:?} would take {key:?} from texts"
            );
        }
    }

    fn with_events(events: Vec<Event>, sheet_open: bool, typing: bool) -> Option<AppCommand> {
        let context = egui::Context::default();
        let mut text = String::new();
        let id = egui::Id::unique("text");
        let mut draw = |events: Vec<Event>, pressed: &mut Option<AppCommand>| {
            let input = egui::RawInput {
                events,
                ..Default::default()
            };
            let mut output = context.run_ui(input, |ui| {
                *pressed = pressed.or(AppCommand::pressed(ui.ctx(), sheet_open));
                let field = ui.add(egui::TextEdit::singleline(&mut text).id(id));
                if typing {
                    field.request_focus();
                }
            });
            output.textures_delta.clear();
        };
        let mut pressed = None;
        draw(Vec::new(), &mut pressed);
        draw(Vec::new(), &mut pressed);
        draw(events, &mut pressed);
        pressed
    }

    fn key(key: Key, modifiers: Modifiers) -> Vec<Event> {
        vec![Event::Key {
            key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers,
        }]
    }

    #[test]
    fn a_text_that_is_written_keeps_its_own_keys() {
        use AppCommand as C;
        let shift = Modifiers::SHIFT;
        let question = || key(Key::Questionmark, shift);
        assert_eq!(
            with_events(question(), false, false),
            Some(C::ShortcutSheet)
        );
        assert_eq!(with_events(question(), false, true), None);
        let copy = || vec![Event::Copy];
        assert_eq!(with_events(copy(), false, false), Some(C::CopySelection));
        assert_eq!(with_events(copy(), false, true), None);
        let find = || key(Key::F, Modifiers::COMMAND);
        assert_eq!(with_events(find(), false, true), Some(C::Filter));
        let help = || key(Key::F1, Modifiers::NONE);
        assert_eq!(with_events(help(), false, true), Some(C::ShortcutSheet));
    }

    #[test]
    fn a_text_that_is_selected_where_it_stands_is_copied_before_a_cell() {
        use egui_kittest::Harness;
        use egui_kittest::kittest::Queryable as _;

        let draw = |ui: &mut egui::Ui, pressed: &mut Option<AppCommand>| {
            *pressed = pressed.or(AppCommand::pressed(ui.ctx(), false));
            ui.label("out of memory");
        };
        let mut harness = Harness::new_ui_state(draw, None);
        harness.event(Event::Copy);
        harness.run_steps(2);
        let pressed = harness.state_mut().take();
        assert_eq!(pressed, Some(AppCommand::CopySelection));
        let text = harness.get_by_label("out of memory").rect();
        harness.drag_at(text.left_center());
        harness.hover_at(text.right_center());
        harness.drop_at(text.right_center());
        harness.run_steps(2);
        assert!(has_text_to_copy(&harness.ctx));
        harness.event(Event::Copy);
        harness.step();
        assert_eq!(*harness.state(), None);
        let copied = &harness.output().platform_output.commands;
        let whole = egui::OutputCommand::CopyText("out of memory".to_owned());
        assert!(copied.contains(&whole), "{copied:?}");
    }

    #[test]
    fn escape_closes_a_sheet_and_is_left_alone_without_one() {
        let escape = || key(Key::Escape, Modifiers::NONE);
        let closes = Some(AppCommand::CloseSheet);
        assert_eq!(with_events(escape(), true, false), closes);
        assert_eq!(with_events(escape(), false, false), None);
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
