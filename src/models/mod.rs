//! Models on disk: found, described, made.
