//! What the machine does while a cell runs: one sample a second, and its summary over a cell.

pub mod sample;
