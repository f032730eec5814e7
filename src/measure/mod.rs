//! From requests to figures, without I/O: samples, windows, statistics and what makes a figure
//! invalid.

pub mod figures;
pub mod sample;
