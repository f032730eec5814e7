//! Models: finding them on this disk, saying what they are and whether they fit, and making
//! synthetic ones.
//!
//! ```text
//! what was typed ──▶ resolve ──▶ ModelRef, and how the model gets there
//! places on disk ──▶ discover ──▶ describe ──▶ memory: fits, tight, does not fit
//! ```

mod batching;
pub mod catalogue;
mod config;
mod describe;
pub mod discover;
mod error;
pub mod exact_output;
mod header;
pub mod memory;
mod predict;
pub mod recent;
mod recommended;
mod resolve;
pub mod synthetic;

pub use batching::{Batching, CacheKind};
pub use describe::{Description, Parameters, Quantisation, describe};
pub use discover::{Found, Places, discover};
pub use error::ModelError;
pub use predict::predict;
pub use recommended::{Recommended, SizeClass, recommended};
pub use resolve::{Origin, Resolved, check_repo, resolve};
