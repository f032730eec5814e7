//! One row of `.machine.csv`: a reading of the machine, with its servers in one column.

use serde::{Deserialize, Serialize};

use crate::monitor::sample::MachineSample;

/// A missing sensor is a blank column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineRow {
    pub time: Option<jiff::Timestamp>,
    /// Seconds since this start of the run; a resumed run starts again at 0.
    pub at_s: f64,
    pub cpu_pct: Option<f64>,
    pub memory_used_bytes: Option<u64>,
    pub memory_total_bytes: Option<u64>,
    pub memory_wired_bytes: Option<u64>,
    pub swap_used_bytes: Option<u64>,
    pub gpu_pct: Option<f64>,
    pub gpu_clock_mhz: Option<f64>,
    pub gpu_memory_used_bytes: Option<u64>,
    pub gpu_temperature_c: Option<f64>,
    pub cpu_temperature_c: Option<f64>,
    pub gpu_power_w: Option<f64>,
    pub cpu_power_w: Option<f64>,
    pub system_power_w: Option<f64>,
    pub thermal: Option<String>,
    pub low_power_mode: Option<bool>,
    pub power_source: Option<String>,
    /// Summed over the servers that could be read.
    pub servers_cpu_cores: Option<f64>,
    pub servers_memory_bytes: Option<u64>,
    /// `instance:pid:cores:bytes`, several apart by `|`.
    pub servers: Option<String>,
}

impl MachineRow {
    /// `run_started_at` is the moment that the sample's clock counts from.
    pub fn new(sample: &MachineSample, run_started_at: Option<jiff::Timestamp>) -> Self {
        let servers = &sample.servers;
        let cores: Vec<f64> = servers.iter().filter_map(|s| s.cpu_cores).collect();
        let memory: Vec<u64> = servers
            .iter()
            .filter_map(|s| s.memory.map(|b| b.0))
            .collect();
        Self {
            time: run_started_at.and_then(|start| after(start, sample.at_s)),
            at_s: rounded(sample.at_s),
            cpu_pct: sample.cpu.map(percent),
            memory_used_bytes: sample.memory_used.map(|b| b.0),
            memory_total_bytes: sample.memory_total.map(|b| b.0),
            memory_wired_bytes: sample.memory_wired.map(|b| b.0),
            swap_used_bytes: sample.swap_used.map(|b| b.0),
            gpu_pct: sample.gpu.map(percent),
            gpu_clock_mhz: sample.gpu_clock_mhz.map(rounded),
            gpu_memory_used_bytes: sample.gpu_memory_used.map(|b| b.0),
            gpu_temperature_c: sample.gpu_temperature_c.map(rounded),
            cpu_temperature_c: sample.cpu_temperature_c.map(rounded),
            gpu_power_w: sample.gpu_power_w.map(rounded),
            cpu_power_w: sample.cpu_power_w.map(rounded),
            system_power_w: sample.system_power_w.map(rounded),
            thermal: sample.thermal.clone(),
            low_power_mode: sample.low_power_mode,
            power_source: sample.power_source.clone(),
            servers_cpu_cores: (!cores.is_empty()).then(|| rounded(cores.iter().sum())),
            servers_memory_bytes: (!memory.is_empty()).then(|| memory.iter().sum()),
            servers: (!servers.is_empty()).then(|| {
                let each = servers.iter().map(|s| {
                    let cores = s.cpu_cores.map(|c| rounded(c).to_string());
                    let bytes = s.memory.map(|b| b.0.to_string());
                    format!(
                        "{}:{}:{}:{}",
                        s.instance,
                        s.pid,
                        cores.unwrap_or_default(),
                        bytes.unwrap_or_default()
                    )
                });
                each.collect::<Vec<_>>().join("|")
            }),
        }
    }
}

fn after(start: jiff::Timestamp, seconds: f64) -> Option<jiff::Timestamp> {
    let span = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    // Milliseconds say enough of a reading once a second, and keep rows short.
    start
        .checked_add(span)
        .and_then(|t| t.round(jiff::Unit::Millisecond))
        .ok()
}

/// To a thousandth, which keeps rows short.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn percent(share: f64) -> f64 {
    (share * 1e3).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::sample::ServerSample;
    use crate::units::Bytes;

    #[test]
    fn missing_sensors_and_servers_stay_blank() {
        let row = MachineRow::new(&MachineSample::default(), None);
        assert_eq!(row, MachineRow::default());
    }

    #[test]
    fn servers_are_summed_and_listed() {
        let server = |instance, cpu_cores, memory| ServerSample {
            instance,
            pid: 100 + instance,
            cpu_cores,
            memory,
        };
        let sample = MachineSample {
            at_s: 1.5,
            cpu: Some(0.5),
            servers: vec![
                server(0, Some(1.25), Some(Bytes(1_000))),
                server(1, None, Some(Bytes(500))),
            ],
            ..MachineSample::default()
        };
        let start: jiff::Timestamp = "2026-02-11T15:09:13Z".parse().unwrap();
        let row = MachineRow::new(&sample, Some(start));
        assert_eq!(row.time.unwrap().to_string(), "2026-02-11T15:09:14.5Z");
        assert_eq!(row.cpu_pct, Some(50.0));
        assert_eq!(row.gpu_pct, None);
        assert_eq!(row.servers_cpu_cores, Some(1.25));
        assert_eq!(row.servers_memory_bytes, Some(1_500));
        assert_eq!(row.servers.as_deref(), Some("0:100:1.25:1000|1:101::500"));
    }
}
