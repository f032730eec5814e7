//! A run's files: one row per finished cell, flushed.
