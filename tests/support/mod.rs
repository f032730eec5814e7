//! A server in this process whose behaviour is known: what it sends, when it really sent it, and
//! what it was asked. It speaks as `mlx_lm.server` does (HTTP/1.0, one connection a request, closed
//! at the end, a listen backlog of 5) on plain TCP, so that queues overflow for real.
//!
//! Used by several test binaries through `#[path]`; each uses a part of it.
#![allow(dead_code, unused_imports)]
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used)]

mod script;
mod server;

pub use script::{Answer, Script, Step, What};
pub use server::{Exchange, Received, Server, ServerOptions};
