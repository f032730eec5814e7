//! Has the machine throttled under a cell (measurement rule 10)? A GPU that grew hot lowers its
//! clock, and a figure measured then is one of the machine's temperature. Pure functions over
//! samples; who waits and repeats is in the engine.
//!
//! **Under load** are the samples within the measured span in which the GPU was busy at least a quarter
//! of the time, and each counts for the time in which it was: between prompts a GPU idles at a fraction
//! of its clock, which is no sign of heat. (A small model on a large card keeps it busy for a third.)
//!
//! **The cold reference** of a cell is the highest clock that a sound cell of the run kept under a
//! load like its own. The highest and not the first: no cell runs faster for being hot, while the
//! first may have met a machine that was warm already. And like its own, since clocks have other
//! causes than heat:
//! - a GPU at its power limit lowers its clock the more each cycle has to do, and draws as much as
//!   before. Where heat lowers the clock, power falls with it, so a cell whose power did not fall by
//!   at least half as much as its clock is not compared;
//! - a GPU that waits for its work is clocked down by its governor. Heat makes the same work take
//!   longer, so the GPU is never less busy for it; a cell that kept it less busy is not compared.
//!
//! What is compared with nothing yet becomes a reference itself.

use serde::{Deserialize, Serialize};

use super::sample::MachineSample;
use crate::units::grouped;

/// Busy for a smaller share than this, a GPU is not under load.
const BUSY: f64 = 0.25;
/// Fewer samples under load than half of the shortest usual window say nothing.
const FEWEST_SAMPLES: u32 = 5;
/// By how much (of the whole) a cell may keep the GPU less busy than what it is compared with.
const BUSY_SLACK: f64 = 0.1;
/// As cool as before is within this.
const NEAR_C: f64 = 3.0;
/// A temperature that fell by less than this much in that time falls no further.
const LEVEL_C: f64 = 1.0;
const LEVEL_S: f64 = 15.0;
/// Where no temperature can be read.
const REST_S: f64 = 30.0;

/// The GPU while it was busy with a cell: means over the samples under load, that of the clock over the
/// busy time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UnderLoad {
    pub samples: u32,
    pub clock_mhz: f64,
    /// Share of the time in which it was busy, 0 to 1.
    pub busy: f64,
    pub power_w: Option<f64>,
}

/// What the thermal gate saw of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CellThermal {
    /// `None` where no clock was read, or too few samples were under load.
    pub under_load: Option<UnderLoad>,
    /// The clock under load over the cold reference's; `None` where there was none to compare with.
    pub clock_of_cold: Option<f64>,
    /// How often the machine was cooled down and the cell measured again.
    pub repeats: u32,
}

/// The samples of `span_s` (from, to; on the run's clock) that were under load. `None` where they
/// are too few to tell, as on a machine without such a sensor.
pub fn under_load(samples: &[MachineSample], span_s: (f64, f64)) -> Option<UnderLoad> {
    let loaded: Vec<(f64, f64, Option<f64>)> = samples
        .iter()
        .filter(|sample| sample.at_s > span_s.0 && sample.at_s <= span_s.1)
        .filter_map(|s| Some((s.gpu_clock_mhz?, s.gpu?, s.gpu_power_w)))
        .filter(|(clock_mhz, busy, _)| *clock_mhz > 0.0 && *busy >= BUSY)
        .collect();
    let mean = |values: Vec<f64>| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let samples = u32::try_from(loaded.len()).unwrap_or(u32::MAX);
    if samples < FEWEST_SAMPLES {
        return None;
    }
    let busy = mean(loaded.iter().map(|(_, busy, _)| *busy).collect())?;
    let clocks = loaded.iter().map(|(clock_mhz, busy, _)| clock_mhz * busy);
    Some(UnderLoad {
        samples,
        clock_mhz: mean(clocks.collect())? / busy,
        busy,
        power_w: mean(loaded.iter().filter_map(|(.., power_w)| *power_w).collect()),
    })
}

/// A cell's clock against the cold one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockShare {
    pub clock_mhz: f64,
    pub cold_mhz: f64,
}

impl ClockShare {
    /// Above 1 where the cell is the coldest so far.
    pub fn ratio(self) -> f64 {
        self.clock_mhz / self.cold_mhz
    }

    /// `GPU clock 91.0 % of cold (1,775 of 1,950 MHz)`
    pub fn sentence(self) -> String {
        format!(
            "GPU clock {:.1} % of cold ({} of {} MHz)",
            self.ratio() * 100.0,
            grouped(self.clock_mhz, 0),
            grouped(self.cold_mhz, 0)
        )
    }
}

/// What sound cells of the run have shown of the GPU.
#[derive(Debug, Clone, Default)]
pub struct ColdClocks {
    seen: Vec<UnderLoad>,
}

impl ColdClocks {
    /// Takes a cell that is sound and was not throttled.
    pub fn take(&mut self, load: UnderLoad) {
        self.seen.push(load);
    }

    /// `load` against the highest clock under a load like it; `None` before there was one.
    pub fn compare(&self, load: &UnderLoad) -> Option<ClockShare> {
        let alike = self.seen.iter().filter(|cold| is_alike(load, cold));
        let cold_mhz = alike.map(|cold| cold.clock_mhz).reduce(f64::max)?;
        Some(ClockShare {
            clock_mhz: load.clock_mhz,
            cold_mhz,
        })
    }
}

/// Whether nothing but heat would explain that `load` is clocked lower than `cold`.
fn is_alike(load: &UnderLoad, cold: &UnderLoad) -> bool {
    let clock = load.clock_mhz / cold.clock_mhz;
    let power_fell = match (load.power_w, cold.power_w) {
        // Half-way between a power that falls with the clock and one that does not fall at all.
        (Some(load_w), Some(cold_w)) => load_w <= cold_w * f64::midpoint(1.0, clock),
        _ => true,
    };
    load.busy >= cold.busy - BUSY_SLACK && (clock >= 1.0 || power_fell)
}

/// Whether the machine has come to rest, by the samples since it was left alone. `coolest_c` is the
/// lowest GPU temperature of the run.
pub fn is_rested(since: &[MachineSample], coolest_c: Option<f64>) -> bool {
    let (Some(first), Some(last)) = (since.first(), since.last()) else {
        return false;
    };
    if last.thermal.as_deref().is_some_and(|t| t != "nominal") {
        return false;
    }
    let Some(now_c) = last.gpu_temperature_c else {
        return last.at_s - first.at_s >= REST_S;
    };
    let earlier = since
        .iter()
        .rev()
        .find(|sample| sample.at_s <= last.at_s - LEVEL_S);
    let level = earlier
        .and_then(|sample| sample.gpu_temperature_c)
        .is_some_and(|then_c| then_c - now_c < LEVEL_C);
    level || coolest_c.is_some_and(|coolest_c| now_c <= coolest_c + NEAR_C)
}

/// What the system itself says against a figure measured over `samples`: its thermal pressure was
/// serious, or how it is powered changed meanwhile. One phrase each.
pub fn disturbances(samples: &[MachineSample]) -> Vec<String> {
    let mut found = Vec::new();
    for state in ["critical", "serious"] {
        if samples.iter().any(|s| s.thermal.as_deref() == Some(state)) {
            found.push(format!("the system's thermal pressure was {state}"));
            break;
        }
    }
    if let Some((from, to)) = change(samples.iter().filter_map(|s| s.low_power_mode)) {
        let word = |on| if on { "on" } else { "off" };
        found.push(format!(
            "low-power mode went from {} to {}",
            word(from),
            word(to)
        ));
    }
    let sources = samples.iter().filter_map(|s| s.power_source.as_deref());
    if let Some((from, to)) = change(sources) {
        found.push(format!("the power source went from {from} to {to}"));
    }
    found
}

/// The first two values that differ.
fn change<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let mut values = values;
    let first = values.next()?;
    let other = values.find(|value| *value != first)?;
    Some((first, other))
}

#[cfg(test)]
mod tests;
