//! The Environment page: is this machine ready, which Python serves, and MLX set up with one
//! button.
//!
//! The page holds data and draws it; what it asks for comes back as [`EnvironmentAction`]s.

mod checks_view;
mod parts;
mod python_view;
mod setup;
mod setup_view;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use setup::{Setup, SetupState};
pub use state::{EnvironmentAction, EnvironmentPage, Loaded};
pub use view::show;
