//! A menu bar as plain data, and what a Mac shows of it. The bar itself is made in
//! `platform/macos/menu_bar.rs`; everything that can be decided elsewhere is decided here.

use egui::{Key, KeyboardShortcut, Modifiers};

/// Tags of the files that were opened lately count from here.
pub const RECENT_TAG: usize = 10_000;

/// A menu of the bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu {
    pub title: String,
    pub role: Role,
    pub lines: Vec<Line>,
}

/// What the system itself does with a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Plain,
    /// It lists the windows in it.
    Window,
    /// It puts a search field on top.
    Help,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Separator,
    /// Something that the window does: the tag comes back in [`super::inbox::Asked::Menu`].
    Choice {
        tag: usize,
        title: String,
        key: Option<KeyEquivalent>,
    },
    /// A menu of the files that were opened lately, and a last line that forgets them.
    Recent {
        title: String,
        clear_tag: usize,
        clear: String,
    },
    /// Something that the system does.
    System(System),
}

/// What the system does by itself, with its own keys on every Mac.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum System {
    About,
    Services,
    Hide,
    HideOthers,
    ShowAll,
    Quit,
    CloseWindow,
    /// The system turns it into "Exit Full Screen".
    FullScreen,
    Minimize,
    Zoom,
    BringAllToFront,
}

impl System {
    /// `app` is the app's name.
    pub fn title(self, app: &str) -> String {
        match self {
            Self::About => format!("About {app}"),
            Self::Services => "Services".to_owned(),
            Self::Hide => format!("Hide {app}"),
            Self::HideOthers => "Hide Others".to_owned(),
            Self::ShowAll => "Show All".to_owned(),
            Self::Quit => format!("Quit {app}"),
            Self::CloseWindow => "Close Window".to_owned(),
            Self::FullScreen => "Enter Full Screen".to_owned(),
            Self::Minimize => "Minimize".to_owned(),
            Self::Zoom => "Zoom".to_owned(),
            Self::BringAllToFront => "Bring All to Front".to_owned(),
        }
    }

    pub fn key(self) -> Option<KeyEquivalent> {
        let (modifiers, key) = match self {
            Self::Hide => (Modifiers::COMMAND, Key::H),
            Self::HideOthers => (Modifiers::COMMAND | Modifiers::ALT, Key::H),
            Self::Quit => (Modifiers::COMMAND, Key::Q),
            Self::CloseWindow => (Modifiers::COMMAND, Key::W),
            Self::FullScreen => (Modifiers::COMMAND | Modifiers::CTRL, Key::F),
            Self::Minimize => (Modifiers::COMMAND, Key::M),
            Self::About | Self::Services | Self::ShowAll | Self::Zoom | Self::BringAllToFront => {
                return None;
            }
        };
        KeyEquivalent::of(KeyboardShortcut::new(modifiers, key))
    }
}

/// The key of a menu's line, as `AppKit` wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyEquivalent {
    /// In lower case: an upper-case letter would mean Shift.
    pub key: char,
    /// `mac_cmd` is never set: `command` says it.
    pub modifiers: Modifiers,
}

/// `AppKit`'s character for F1; the other function keys follow.
const F1: u32 = 0xF704;

impl KeyEquivalent {
    /// `None` for keys that a menu must leave alone: without Command they write into a text, or
    /// have a meaning of their own there.
    pub fn of(shortcut: KeyboardShortcut) -> Option<Self> {
        let KeyboardShortcut {
            modifiers,
            logical_key,
        } = shortcut;
        let command = modifiers.command || modifiers.mac_cmd;
        let key = match function_key(logical_key) {
            Some(key) => key,
            None if command => character(logical_key)?,
            None => return None,
        };
        let modifiers = Modifiers {
            command,
            mac_cmd: false,
            ..modifiers
        };
        Some(Self { key, modifiers })
    }
}

fn function_key(key: Key) -> Option<char> {
    let number: u32 = key.name().strip_prefix('F')?.parse().ok()?;
    char::from_u32(F1 + number - 1)
}

fn character(key: Key) -> Option<char> {
    let mut symbol = key.symbol_or_name().chars();
    match (symbol.next(), symbol.next()) {
        (Some(one), None) if one.is_ascii_graphic() => Some(one.to_ascii_lowercase()),
        _ => None,
    }
}

/// What a line shows at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineState {
    pub enabled: bool,
    /// It has a check mark.
    pub checked: bool,
    /// In place of its usual title.
    pub title: Option<String>,
}

/// What the whole bar shows at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MenuState {
    /// By tag.
    pub lines: Vec<LineState>,
    /// Names of the files that were opened lately, the newest first; they can always be chosen.
    pub recent: Vec<String>,
}

impl MenuState {
    /// `None` for a line that is always the same and can always be chosen.
    pub fn line(&self, tag: usize) -> Option<&LineState> {
        self.lines.get(tag)
    }
}

/// A name of ours as menus write names: with capitals, and a real ellipsis.
pub fn title_case(text: &str) -> String {
    const SMALL: [&str; 8] = ["a", "an", "and", "as", "of", "or", "the", "to"];
    let words: Vec<String> = text
        .split(' ')
        .enumerate()
        .map(|(position, word)| {
            let mut letters = word.chars();
            match letters.next() {
                Some(first) if position == 0 || !SMALL.contains(&word) => {
                    first.to_uppercase().chain(letters).collect()
                }
                _ => word.to_owned(),
            }
        })
        .collect();
    words.join(" ").replace("...", "\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(modifiers: Modifiers, key: Key) -> Option<(char, Modifiers)> {
        let key = KeyEquivalent::of(KeyboardShortcut::new(modifiers, key))?;
        Some((key.key, key.modifiers))
    }

    #[test]
    fn keys_are_written_as_appkit_wants_them() {
        let command = Modifiers::COMMAND;
        for (key, character) in [
            (Key::N, 'n'),
            (Key::Num1, '1'),
            (Key::Comma, ','),
            (Key::Period, '.'),
            (Key::Slash, '/'),
            (Key::Questionmark, '?'),
        ] {
            assert_eq!(of(command, key), Some((character, command)), "{key:?}");
            let mac = of(Modifiers::MAC_CMD, key);
            assert_eq!(mac, Some((character, command)), "{key:?}");
        }
        let none = Modifiers::NONE;
        assert_eq!(of(none, Key::F1), Some(('\u{F704}', none)));
        assert_eq!(of(none, Key::F12), Some(('\u{F70F}', none)));
        for with in [Modifiers::CTRL, Modifiers::ALT, Modifiers::SHIFT] {
            let both = command.plus(with);
            assert_eq!(of(both, Key::H), Some(('h', both)), "{with:?}");
        }
    }

    #[test]
    fn a_key_that_writes_into_a_text_is_never_a_menus() {
        for key in [Key::A, Key::Questionmark, Key::Space, Key::Escape, Key::F] {
            assert_eq!(of(Modifiers::NONE, key), None, "{key:?}");
            assert_eq!(of(Modifiers::SHIFT, key), None, "{key:?}");
        }
        assert_eq!(of(Modifiers::COMMAND, Key::ArrowUp), None);
    }

    #[test]
    fn names_are_written_with_capitals() {
        for (ours, menus) in [
            ("New run", "New Run"),
            ("Open results...", "Open Results\u{2026}"),
            ("Copy as Markdown", "Copy as Markdown"),
            ("Reset to defaults", "Reset to Defaults"),
            ("Stop", "Stop"),
        ] {
            assert_eq!(title_case(ours), menus);
        }
    }
}
