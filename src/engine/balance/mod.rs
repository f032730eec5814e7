//! Spreading requests over instances: through nginx, or directly by the client.

pub mod find;
pub mod nginx;
