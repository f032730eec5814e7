//! One reading of the machine. A sensor that is missing is `None`, never zero.

use serde::{Deserialize, Serialize};

use super::energy::Energy;
use crate::units::Bytes;

/// One reading, taken about once a second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineSample {
    /// Seconds since the run's clock started.
    pub at_s: f64,
    /// Whole machine, 0 to 1.
    pub cpu: Option<f64>,
    pub memory_used: Option<Bytes>,
    pub memory_total: Option<Bytes>,
    pub memory_wired: Option<Bytes>,
    pub swap_used: Option<Bytes>,
    /// GPU busy share, 0 to 1.
    pub gpu: Option<f64>,
    pub gpu_clock_mhz: Option<f64>,
    pub gpu_memory_used: Option<Bytes>,
    pub gpu_temperature_c: Option<f64>,
    pub cpu_temperature_c: Option<f64>,
    pub gpu_power_w: Option<f64>,
    pub cpu_power_w: Option<f64>,
    pub system_power_w: Option<f64>,
    /// `nominal`, `fair`, `serious` or `critical`.
    pub thermal: Option<String>,
    pub low_power_mode: Option<bool>,
    /// `ac` or `battery`.
    pub power_source: Option<String>,
    pub servers: Vec<ServerSample>,
}

/// Power alone, read several times a second. Kept in memory only: a window of 10 s needs at least 20
/// of them, and telemetry files one row a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PowerReading {
    /// Seconds since the run's clock started.
    pub at_s: f64,
    pub system_w: Option<f64>,
    pub gpu_w: Option<f64>,
    pub cpu_w: Option<f64>,
}

/// One server process within a [`MachineSample`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerSample {
    /// The instance's number, from 0.
    pub instance: u32,
    pub pid: u32,
    /// In cores: 1.0 is one core fully used.
    pub cpu_cores: Option<f64>,
    /// Physical footprint on macOS (it counts Metal buffers), resident memory elsewhere.
    pub memory: Option<Bytes>,
}

/// A cell's telemetry in figures; blank where no sample had the sensor.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineSummary {
    pub samples: u32,
    pub cpu_mean: Option<f64>,
    pub gpu_mean: Option<f64>,
    pub gpu_clock_mean_mhz: Option<f64>,
    pub gpu_power_mean_w: Option<f64>,
    pub system_power_mean_w: Option<f64>,
    pub memory_peak: Option<Bytes>,
    /// Peak of the servers' memory, summed over the instances.
    pub servers_memory_peak: Option<Bytes>,
    pub gpu_memory_peak: Option<Bytes>,
    pub gpu_temperature_max_c: Option<f64>,
    pub cpu_temperature_max_c: Option<f64>,
    /// The worst state seen.
    pub thermal_worst: Option<String>,
    /// Of the measured window; `None` where the power readings do not carry it.
    #[serde(default)]
    pub energy: Option<Energy>,
}
