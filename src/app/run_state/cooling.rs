//! The running cell waits for the machine to cool down, and is then measured again.

use super::RunState;
use crate::engine::event::{EngineEvent, LiveSnapshot};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cooling {
    clock_of_cold: f64,
    repeat: u32,
    of: u32,
}

impl RunState {
    /// What was live is of the measurement that is repeated, and the next one counts from its own
    /// start.
    pub(super) fn take_cooling(&mut self, event: &EngineEvent) {
        self.cooling = match *event {
            EngineEvent::CoolingDown {
                clock_mhz,
                cold_mhz,
                repeat,
                of,
                ..
            } => Some(Cooling {
                clock_of_cold: clock_mhz / cold_mhz,
                repeat,
                of,
            }),
            _ => None,
        };
        self.live = LiveSnapshot::default();
        self.live_anchor_s = None;
    }

    pub(super) fn cooling_phase(&self) -> Option<String> {
        let cooling = self.cooling?;
        Some(format!(
            "cooling down, repeat {} of {}: GPU clock at {:.0} %",
            cooling.repeat,
            cooling.of,
            cooling.clock_of_cold * 100.0
        ))
    }
}
