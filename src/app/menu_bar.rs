//! The menu bar, made from the table of commands: which menu has which, and what can be chosen now.
//! It is shown where the system has one outside of the window.

use egui::{Context, Event, Key, Modifiers, ViewportCommand};
use strum::IntoEnumIterator as _;

use super::command::{AppCommand, has_text_to_copy};
use super::lab::{Lab, Page};
use crate::platform::menu::{
    KeyEquivalent, Line, LineState, Menu, MenuState, Role, System, title_case,
};

/// What a line of ours does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    Command(AppCommand),
    /// Of the text that has the keyboard.
    Text(TextEdit),
    ClearRecent,
}

/// What the table of commands has no part in: every text does it by itself, with its usual keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum TextEdit {
    Undo,
    Redo,
    Cut,
    Paste,
    SelectAll,
}

impl TextEdit {
    const fn title(self) -> &'static str {
        match self {
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::Cut => "Cut",
            Self::Paste => "Paste",
            Self::SelectAll => "Select All",
        }
    }

    const fn keys(self) -> egui::KeyboardShortcut {
        let (modifiers, key) = match self {
            Self::Undo => (Modifiers::COMMAND, Key::Z),
            Self::Redo => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z),
            Self::Cut => (Modifiers::COMMAND, Key::X),
            Self::Paste => (Modifiers::COMMAND, Key::V),
            Self::SelectAll => (Modifiers::COMMAND, Key::A),
        };
        egui::KeyboardShortcut::new(modifiers, key)
    }

    /// What the window does for it: the system's clipboard is asked by the window's maker, the rest
    /// is a key that the text understands.
    pub fn done_by(self) -> Result<ViewportCommand, Event> {
        match self {
            Self::Cut => Ok(ViewportCommand::RequestCut),
            Self::Paste => Ok(ViewportCommand::RequestPaste),
            Self::Undo | Self::Redo | Self::SelectAll => {
                let keys = self.keys();
                Err(Event::Key {
                    key: keys.logical_key,
                    physical_key: None,
                    pressed: true,
                    repeat: false,
                    modifiers: keys.modifiers,
                })
            }
        }
    }
}

impl Choice {
    /// In the order of their tags.
    pub fn all() -> impl Iterator<Item = Self> {
        AppCommand::iter()
            .map(Self::Command)
            .chain(TextEdit::iter().map(Self::Text))
            .chain([Self::ClearRecent])
    }

    pub fn of(tag: usize) -> Option<Self> {
        Self::all().nth(tag)
    }

    fn tag(self) -> usize {
        // `all` has every one of them; there is no line with the tag past its end.
        Self::all()
            .position(|choice| choice == self)
            .unwrap_or(usize::MAX)
    }

    fn line(self) -> Line {
        let (title, key) = match self {
            Self::Command(command) => {
                let keys = [command.about().shortcut, command.other_shortcut()];
                let mut keys = keys.into_iter().flatten();
                let key = keys.find_map(KeyEquivalent::of);
                (title_case(command.about().text), key)
            }
            Self::Text(edit) => (edit.title().to_owned(), KeyEquivalent::of(edit.keys())),
            Self::ClearRecent => (CLEAR.to_owned(), None),
        };
        Line::Choice {
            tag: self.tag(),
            title,
            key,
        }
    }
}

const CLEAR: &str = "Clear Menu";

/// The whole bar; `app` is the app's name.
pub fn bar(app: &str) -> Vec<Menu> {
    use AppCommand as C;
    let command = |command| Choice::Command(command).line();
    let text = |edit| Choice::Text(edit).line();
    let system = Line::System;
    let menu = |title: &str, role, lines| Menu {
        title: title.to_owned(),
        role,
        lines,
    };
    let recent = Line::Recent {
        title: "Open Recent".to_owned(),
        clear_tag: Choice::ClearRecent.tag(),
        clear: CLEAR.to_owned(),
    };
    let own = vec![
        system(System::About),
        Line::Separator,
        command(C::ShowSettings),
        Line::Separator,
        system(System::Services),
        Line::Separator,
        system(System::Hide),
        system(System::HideOthers),
        system(System::ShowAll),
        Line::Separator,
        system(System::Quit),
    ];
    let file = vec![
        command(C::NewRun),
        command(C::OpenCsv),
        recent,
        Line::Separator,
        command(C::Export),
        command(C::SavePicture),
        Line::Separator,
        system(System::CloseWindow),
    ];
    let edit = vec![
        text(TextEdit::Undo),
        text(TextEdit::Redo),
        Line::Separator,
        text(TextEdit::Cut),
        command(C::CopySelection),
        command(C::CopyMarkdown),
        text(TextEdit::Paste),
        text(TextEdit::SelectAll),
        Line::Separator,
        command(C::Filter),
    ];
    let mut view: Vec<Line> = Page::ALL.map(|(_, show, _)| command(show)).into();
    view.extend([Line::Separator, system(System::FullScreen)]);
    let run = vec![
        command(C::Start),
        command(C::Pause),
        command(C::SkipCell),
        command(C::Stop),
        Line::Separator,
        command(C::ShowCommand),
        command(C::ResetForm),
    ];
    let window = vec![
        system(System::Minimize),
        system(System::Zoom),
        Line::Separator,
        system(System::BringAllToFront),
    ];
    let help = vec![command(C::ShortcutSheet), command(C::ShowWelcome)];
    vec![
        menu(app, Role::Plain, own),
        menu("File", Role::Plain, file),
        menu("Edit", Role::Plain, edit),
        menu("View", Role::Plain, view),
        menu("Run", Role::Plain, run),
        menu("Window", Role::Window, window),
        menu("Help", Role::Help, help),
    ]
}

impl Lab {
    /// What the bar shows now: a line can be chosen exactly when its command can run.
    pub(super) fn menu_state(&self, context: &Context) -> MenuState {
        let typing = context.text_edit_focused();
        let lines = Choice::all().map(|choice| match choice {
            // Of the text that is written into, or else of the page.
            Choice::Command(AppCommand::CopySelection) => LineState {
                enabled: has_text_to_copy(context) || self.may(AppCommand::CopySelection).is_ok(),
                ..LineState::default()
            },
            Choice::Command(command) => LineState {
                enabled: self.may(command).is_ok(),
                checked: self.shows(command),
                title: (command == AppCommand::Pause && self.is_paused())
                    .then(|| "Resume".to_owned()),
            },
            Choice::Text(_) => LineState {
                enabled: typing,
                ..LineState::default()
            },
            Choice::ClearRecent => LineState {
                enabled: !self.shell.system.recent.is_empty(),
                ..LineState::default()
            },
        });
        MenuState {
            lines: lines.collect(),
            recent: self.shell.system.recent.names(),
        }
    }

    /// Whether the page that a command shows is shown.
    fn shows(&self, command: AppCommand) -> bool {
        let mut pages = Page::ALL.iter();
        pages.any(|(page, show, _)| *show == command && *page == self.page)
    }

    fn is_paused(&self) -> bool {
        self.engine.is_some() && self.run.as_ref().is_some_and(|run| run.paused)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn lines() -> Vec<Line> {
        bar("Lab").into_iter().flat_map(|menu| menu.lines).collect()
    }

    #[test]
    fn the_menus_stand_in_the_usual_order() {
        let titles: Vec<String> = bar("Lab").into_iter().map(|menu| menu.title).collect();
        assert_eq!(
            titles,
            ["Lab", "File", "Edit", "View", "Run", "Window", "Help"]
        );
        let roles = bar("Lab").into_iter().map(|menu| menu.role).skip(5);
        assert_eq!(roles.collect::<Vec<_>>(), [Role::Window, Role::Help]);
    }

    #[test]
    fn every_command_is_in_the_bar_once_but_the_one_that_closes_sheets() {
        let mut seen: HashMap<Choice, u32> = HashMap::new();
        for line in lines() {
            let tag = match line {
                Line::Choice { tag, .. } | Line::Recent { clear_tag: tag, .. } => tag,
                Line::Separator | Line::System(_) => continue,
            };
            *seen.entry(Choice::of(tag).expect("a choice")).or_default() += 1;
        }
        for choice in Choice::all() {
            let times = u32::from(choice != Choice::Command(AppCommand::CloseSheet));
            let seen = seen.get(&choice).copied().unwrap_or_default();
            assert_eq!(seen, times, "{choice:?}");
        }
        let systems: Vec<System> = lines()
            .into_iter()
            .filter_map(|line| match line {
                Line::System(system) => Some(system),
                _ => None,
            })
            .collect();
        let once: HashSet<System> = systems.iter().copied().collect();
        assert_eq!((systems.len(), once), (11, System::iter().collect()));
    }

    #[test]
    fn no_two_lines_have_one_key() {
        let mut taken: HashMap<KeyEquivalent, String> = HashMap::new();
        for line in lines() {
            let (title, key) = match line {
                Line::Choice { title, key, .. } => (title, key),
                Line::System(system) => (system.title("Lab"), system.key()),
                Line::Separator | Line::Recent { .. } => continue,
            };
            let Some(key) = key else { continue };
            if let Some(other) = taken.insert(key, title.clone()) {
                panic!("{title} and {other} share {key:?}");
            }
        }
        let of = |character, command| {
            let modifiers = if command {
                Modifiers::COMMAND
            } else {
                Modifiers::NONE
            };
            let key = KeyEquivalent {
                key: character,
                modifiers,
            };
            taken.get(&key).map(String::as_str)
        };
        assert_eq!(of('n', true), Some("New Run"));
        assert_eq!(of('o', true), Some("Open Results\u{2026}"));
        assert_eq!(of('r', true), Some("Start"));
        assert_eq!(of('.', true), Some("Stop"));
        assert_eq!(of(',', true), Some("Settings\u{2026}"));
        assert_eq!(of('c', true), Some("Copy"));
        assert_eq!(of('4', true), Some("Models"));
        assert_eq!(of('q', true), Some("Quit Lab"));
        // "?" alone would be taken from every text: F1 is the second key of the same.
        assert_eq!(of('\u{F704}', false), Some("Shortcuts"));
    }

    #[test]
    fn a_command_with_a_key_for_menus_has_it_in_the_bar() {
        for line in lines() {
            let Line::Choice { tag, key, .. } = line else {
                continue;
            };
            let Some(Choice::Command(command)) = Choice::of(tag) else {
                continue;
            };
            let shortcut = command.about().shortcut;
            assert_eq!(key.is_some(), shortcut.is_some(), "{command:?}");
        }
    }

    #[test]
    fn separators_stand_between_lines() {
        for menu in bar("Lab") {
            let separator = |line: Option<&Line>| line == Some(&Line::Separator);
            assert!(!separator(menu.lines.first()) && !separator(menu.lines.last()));
            let mut pairs = menu.lines.windows(2);
            assert!(!pairs.any(|pair| separator(pair.first()) && separator(pair.last())));
        }
    }
}
