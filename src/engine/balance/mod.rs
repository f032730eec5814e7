//! Spreading requests over instances: through nginx, or directly.
