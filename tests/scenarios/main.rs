//! Measurement rules against a server whose behaviour is known.

// Clippy's allowance for tests ends at their helpers.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod common;

mod attached;
mod cancel;
mod errors;
mod latency;
mod layers;
mod open_loop;
mod pacing;
mod probe;
mod requests;
mod selftest;
mod supervised;
mod sustained;
mod thermal;
mod transcripts;
