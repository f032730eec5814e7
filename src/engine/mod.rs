//! Runs a plan: starts real servers, loads them, measures, and tells what happens as one ordered
//! stream of events. Knows nothing of windows or terminals.

pub mod balance;
pub mod command;
pub mod event;
pub mod load;
pub mod server;
