//! What is read from a run's files: tables for people.
