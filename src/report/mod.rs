//! What is read from a run's files: tables for people.

pub mod analyze;
pub mod python_float;
