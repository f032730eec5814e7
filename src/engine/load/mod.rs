//! The load client: when to send, one streamed request, and pacing of handshakes.
//!
//! ```text
//! schedule ──▶ client ──▶ target (reqwest) ──▶ connect (one paced handshake) ──▶ server
//!    │            └─ sse ─▶ answer
//!    └─▶ measure::outcome::LoadOutcome
//! ```
//!
//! [`schedule::run`] measures, in a closed loop or (`open`) at a rate; [`probe`] asks single tokens before and after, and is the only
//! place that repeats a request after an HTTP error. [`selftest`] measures the client itself.

pub mod answer;
pub mod arrivals;
pub mod client;
mod connect;
pub mod limits;
pub mod live;
pub mod open;
pub mod pacing;
mod pattern;
pub mod probe;
pub mod prompts;
pub mod schedule;
pub mod selftest;
pub mod sse;
mod sustain;
pub mod target;

pub use live::Live;
pub use open::OpenRate;
pub use prompts::{PromptSource, PromptText};
pub use schedule::{Amount, LoadSpec};
pub use target::{Target, TargetError};
