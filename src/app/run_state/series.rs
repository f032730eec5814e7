//! Readings over time, ready to be drawn: a missing reading is a gap, never a zero.

use std::collections::BTreeMap;

use egui_plot::PlotPoint;

use crate::engine::event::LiveSnapshot;
use crate::monitor::sample::MachineSample;

/// Readings further apart are not joined: samples come once a second, snapshots four times.
const MAX_GAP_S: f64 = 3.5;

/// What is read over time, with its unit in the name or below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    TokensPerSecond,
    InFlight,
    GpuPct,
    GpuClockMhz,
    GpuPowerW,
    CpuPowerW,
    SystemPowerW,
    CpuPct,
    MemoryGb,
    SwapGb,
    GpuMemoryGb,
    /// Of one server, by its instance.
    ServerMemoryGb(u32),
    GpuTemperatureC,
    CpuTemperatureC,
}

impl Metric {
    pub fn name(self) -> String {
        match self {
            Self::TokensPerSecond => "Tokens per second".to_owned(),
            Self::InFlight => "In flight".to_owned(),
            Self::GpuPct => "GPU".to_owned(),
            Self::GpuClockMhz => "GPU clock".to_owned(),
            Self::GpuPowerW => "GPU power".to_owned(),
            Self::CpuPowerW => "CPU power".to_owned(),
            Self::SystemPowerW => "System power".to_owned(),
            Self::CpuPct => "CPU".to_owned(),
            Self::MemoryGb => "Memory".to_owned(),
            Self::SwapGb => "Swap".to_owned(),
            Self::GpuMemoryGb => "GPU memory".to_owned(),
            Self::ServerMemoryGb(instance) => format!("Server {instance}"),
            Self::GpuTemperatureC => "GPU temperature".to_owned(),
            Self::CpuTemperatureC => "CPU temperature".to_owned(),
        }
    }

    pub const fn unit(self) -> &'static str {
        match self {
            Self::TokensPerSecond => "tokens/s",
            Self::InFlight => "requests",
            Self::GpuPct | Self::CpuPct => "%",
            Self::GpuClockMhz => "MHz",
            Self::GpuPowerW | Self::CpuPowerW | Self::SystemPowerW => "W",
            Self::MemoryGb | Self::SwapGb | Self::GpuMemoryGb | Self::ServerMemoryGb(_) => "GB",
            Self::GpuTemperatureC | Self::CpuTemperatureC => "°C",
        }
    }
}

/// Readings in order of time, x in seconds on the run's clock.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Each without a gap.
    segments: Vec<Vec<PlotPoint>>,
    /// The next reading starts a segment.
    broken: bool,
}

impl Series {
    /// Lines to draw, to be borrowed by the plot.
    pub fn segments(&self) -> &[Vec<PlotPoint>] {
        &self.segments
    }

    pub fn last(&self) -> Option<PlotPoint> {
        self.segments.last()?.last().copied()
    }

    fn take(&mut self, at_s: f64, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            self.broken = true;
            return;
        };
        let last_s = self.last().map(|point| point.x);
        // Plots need x to grow.
        if last_s.is_some_and(|last_s| at_s <= last_s) {
            return;
        }
        let far = last_s.is_none_or(|last_s| at_s - last_s > MAX_GAP_S);
        let point = PlotPoint::new(at_s, value);
        match self.segments.last_mut() {
            Some(segment) if !far && !self.broken => segment.push(point),
            _ => self.segments.push(vec![point]),
        }
        self.broken = false;
    }
}

/// Adds a reading of the machine.
pub fn take(all: &mut BTreeMap<Metric, Series>, sample: &MachineSample) {
    let percent = |share: Option<f64>| share.map(|share| share * 100.0);
    let gb = |bytes: Option<crate::units::Bytes>| bytes.map(|bytes| bytes.0 as f64 / 1e9);
    let readings = [
        (Metric::GpuPct, percent(sample.gpu)),
        (Metric::GpuClockMhz, sample.gpu_clock_mhz),
        (Metric::GpuPowerW, sample.gpu_power_w),
        (Metric::CpuPowerW, sample.cpu_power_w),
        (Metric::SystemPowerW, sample.system_power_w),
        (Metric::CpuPct, percent(sample.cpu)),
        (Metric::MemoryGb, gb(sample.memory_used)),
        (Metric::SwapGb, gb(sample.swap_used)),
        (Metric::GpuMemoryGb, gb(sample.gpu_memory_used)),
        (Metric::GpuTemperatureC, sample.gpu_temperature_c),
        (Metric::CpuTemperatureC, sample.cpu_temperature_c),
    ];
    for (metric, value) in readings {
        push(all, metric, sample.at_s, value);
    }
    let known: Vec<u32> = all
        .keys()
        .filter_map(|metric| match metric {
            Metric::ServerMemoryGb(instance) => Some(*instance),
            _ => None,
        })
        .collect();
    // A server that has ended leaves a gap.
    for instance in known {
        if !sample.servers.iter().any(|s| s.instance == instance) {
            push(all, Metric::ServerMemoryGb(instance), sample.at_s, None);
        }
    }
    for server in &sample.servers {
        let metric = Metric::ServerMemoryGb(server.instance);
        push(all, metric, sample.at_s, gb(server.memory));
    }
}

pub(super) fn take_live(all: &mut BTreeMap<Metric, Series>, at_s: f64, live: &LiveSnapshot) {
    push(all, Metric::TokensPerSecond, at_s, live.tokens_per_second);
    push(all, Metric::InFlight, at_s, Some(f64::from(live.in_flight)));
}

/// A series begins with its first reading.
fn push(all: &mut BTreeMap<Metric, Series>, metric: Metric, at_s: f64, value: Option<f64>) {
    match value {
        None => {
            if let Some(series) = all.get_mut(&metric) {
                series.take(at_s, None);
            }
        }
        value => all.entry(metric).or_default().take(at_s, value),
    }
}
