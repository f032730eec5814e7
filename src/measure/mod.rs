//! From requests to figures, without I/O: samples, windows, statistics and what makes a figure
//! invalid.

pub mod best;
pub mod client;
pub mod figures;
pub mod flow;
pub mod histogram;
pub mod interval;
pub mod outcome;
pub mod sample;
pub mod saturation;
pub mod stats;
pub mod steady;
pub mod summary;
pub mod tax;
pub mod ttft_split;
pub mod verdict;
pub mod window;

pub use outcome::{LoadOutcome, Window};
pub use summary::{Asked, summarise};
pub use verdict::{Context, Thresholds, verdict};
