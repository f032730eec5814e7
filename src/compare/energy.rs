//! Whether the energy of two runs may be compared: only of one machine, by one meter (measurement
//! rule 16).

use std::collections::BTreeSet;

use super::{ComparedRun, Measure, traits};
use crate::board::Layer;
use crate::monitor::energy::EnergySource;

/// Each leaves out other parts of the machine.
const OTHER_METERS: &str = "Energy is not compared: the runs were read by different meters.";
/// Meters of two machines do not tell the same.
const OTHER_MACHINES: &str = "Energy is not compared: the runs are of different machines.";
const UNKNOWN_MACHINE: &str = "Energy is not compared: a run does not say which machine it is of.";

/// What a run's energy was read with.
#[derive(Debug)]
pub(super) struct Metered {
    machine: Option<String>,
    /// None where no cell has a figure.
    sources: BTreeSet<EnergySource>,
}

impl Metered {
    pub fn of(run: &ComparedRun) -> Self {
        // Rows of a long run are read from its text: not for nothing.
        let has_figures = run.board.layers().contains(&Layer::Energy);
        let rows = run.run.rows.iter();
        Self {
            machine: traits::machine(run),
            sources: if has_figures {
                rows.filter_map(|row| row.energy_source).collect()
            } else {
                BTreeSet::new()
            },
        }
    }

    /// Why these two are not compared, as a sentence; `None` where they may be, or where one has no
    /// figure to compare.
    pub fn apart(&self, other: &Self) -> Option<&'static str> {
        if self.sources.is_empty() || other.sources.is_empty() {
            return None;
        }
        if self.sources != other.sources || self.sources.len() > 1 {
            return Some(OTHER_METERS);
        }
        match (&self.machine, &other.machine) {
            (Some(a), Some(b)) if a == b => None,
            (Some(_), Some(_)) => Some(OTHER_MACHINES),
            _ => Some(UNKNOWN_MACHINE),
        }
    }
}

impl Measure {
    pub(super) fn is_energy(&self) -> bool {
        match self {
            Self::Layer(layer) => *layer == Layer::Energy,
            Self::Column(column) => column.starts_with("energy_"),
        }
    }
}
