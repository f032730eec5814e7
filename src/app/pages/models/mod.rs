//! The Models page: what can be measured on the left, the chosen model on the right, and a form for
//! synthetic models of any shape.
//!
//! Everything shown is prepared in [`ModelsPage`]'s functions when something changes; drawing only
//! reads it. What needs the disk comes back as [`ModelsAction`]s.

mod demand;
mod detail;
mod detail_view;
mod lines;
mod list_view;
mod maker;
mod maker_view;
mod making;
mod memory_view;
mod page;
mod parts;
#[cfg(test)]
mod tests;
mod view;

pub use page::{ModelsAction, ModelsPage};
pub use view::show;
