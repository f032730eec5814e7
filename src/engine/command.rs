//! What a face of the engine may ask of a run.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineCommand {
    /// Wait after the running cell.
    Pause,
    Resume,
    /// End the running cell without a figure and go on.
    SkipCell,
    /// End the run; finished cells stay.
    Stop,
}
