//! What only a Mac has: `AppKit`, Foundation, and what the system tells of itself.

mod activity;
mod application;
mod dock;
mod menu_bar;
pub mod telemetry;

pub use activity::begin_activity;
pub use application::run;
pub use dock::{set_dock_badge, set_document};
pub use menu_bar::{set_menu_bar, update_menu_bar};

/// There is a menu bar outside of the window.
pub const HAS_MENU_BAR: bool = true;

/// File panels hang on the window they belong to.
pub const HAS_SHEETS: bool = true;
