//! The terminal face: clap types and one file a subcommand.

pub mod analyze;
