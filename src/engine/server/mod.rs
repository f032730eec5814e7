//! One `mlx_lm.server` process, from its command line to its end.
//!
//! ```text
//! ports ─▶ launch ─▶ supervisor (kills the server when we die) ─▶ readiness ─▶ proof
//!                                   pool keeps the instances of a server point
//! ```

pub mod launch;
pub mod log;
pub mod pool;
pub mod ports;
pub mod process;
pub mod proof;
pub mod readiness;
pub mod supervisor;
