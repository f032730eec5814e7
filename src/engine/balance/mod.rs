//! Spreading requests over instances: through nginx, or directly.

pub mod find;
