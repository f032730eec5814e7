//! Models: finding them on this disk, saying what they are and whether they fit, and making
//! synthetic ones.

pub mod error;
pub mod synthetic;

pub use error::ModelError;
