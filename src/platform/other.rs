//! What macOS has and other systems lack: nothing is done, or what every system can do.

use std::path::Path;

use eframe::{AppCreator, NativeOptions};

use super::inbox::Inbox;
use super::keep_awake::Release;
use super::menu::{Menu, MenuState};

/// There is a menu bar outside of the window.
pub const HAS_MENU_BAR: bool = false;

/// File panels hang on the window they belong to.
pub const HAS_SHEETS: bool = false;

/// Opens the window and returns when it was closed.
///
/// # Errors
/// There is no display or no graphics driver, or `creator` failed.
pub fn run(
    _inbox: &Inbox,
    name: &str,
    options: NativeOptions,
    creator: AppCreator<'_>,
) -> eframe::Result {
    eframe::run_native(name, options, creator)
}

pub fn set_menu_bar(_app: &str, _menus: &[Menu], _inbox: &Inbox) {}

pub fn update_menu_bar(_state: &MenuState) {}

pub fn set_dock_badge(_text: Option<&str>) {}

pub fn set_document(_path: Option<&Path>) {}

/// Sleep is left to the system's settings.
pub fn begin_activity(_reason: &str) -> Release {
    Box::new(|| {})
}
