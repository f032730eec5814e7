//! Sensors of macOS: clocks, power and temperatures through `macmon`, a private interface of Apple's;
//! the rest through public ones. Each may fail alone and is then absent.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use macmon::{Metrics, SocInfo};
use sysinfo::Gpus;

use super::apple::{self, Macmon};
use super::info::GpuInfo;
use super::sample::{MachineSample, PowerReading};
use crate::platform::macos::telemetry;
use crate::units::Bytes;

/// What one reading of `macmon` averages over, in milliseconds: power is asked for three times a
/// second, and each time there is to be a fresh one.
const INTERVAL_MS: u32 = 300;
/// A reading older than this is no longer shown.
const STALE_AFTER: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_secs(10);

struct Reading {
    at: Instant,
    values: Macmon,
}

/// What the thread has read. Whoever takes readings takes each once.
#[derive(Default)]
struct Readings {
    latest: Option<Reading>,
    /// Since the sample before.
    for_sample: Vec<Macmon>,
    /// Since power was asked for.
    for_power: Vec<(Instant, Macmon)>,
    /// `macmon` gives nothing at the moment.
    failed: bool,
}

type Shared = Arc<Mutex<Readings>>;

/// The readings of a thread that does nothing else: `macmon` blocks while it measures.
pub(super) struct Sensors {
    shared: Shared,
    /// `None` where the system lists no GPU.
    accelerators: Option<Gpus>,
    /// Never sent on: its end is what stops the thread.
    _stop: mpsc::Sender<Infallible>,
}

impl Sensors {
    pub(super) fn new() -> Self {
        let shared = Shared::default();
        let (stop, stopped) = mpsc::channel();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("macmon".to_owned())
            .spawn(move || measure(&of_thread, &stopped));
        if let Err(error) = thread {
            tracing::warn!("no GPU and power figures: their thread did not start: {error}");
        }
        Self {
            shared,
            accelerators: Gpus::new().ok(),
            _stop: stop,
        }
    }

    /// Every reading since the last call, each once; one without any power where `macmon` fails.
    pub(super) fn read_power(&mut self, started: Instant, readings: &mut Vec<PowerReading>) {
        let at_s = |at: Instant| at.saturating_duration_since(started).as_secs_f64();
        let mut shared = lock(&self.shared);
        if shared.failed {
            readings.push(PowerReading {
                at_s: at_s(Instant::now()),
                ..PowerReading::default()
            });
        }
        let new = shared.for_power.drain(..);
        readings.extend(new.map(|(at, macmon)| macmon.power(at_s(at))));
    }

    /// Fills what there is a sensor for, and leaves the rest as it is.
    pub(super) fn read(&mut self, sample: &mut MachineSample) {
        if let Some(macmon) = self.macmon() {
            macmon.fill(sample);
        }
        if sample.gpu.is_none() {
            sample.gpu = self.accelerator_share();
        }
        sample.memory_wired = telemetry::wired_memory().map(Bytes);
        let thermal = apple::thermal(telemetry::thermal_state(), telemetry::thermal_pressure());
        sample.thermal = thermal.map(str::to_owned);
        sample.low_power_mode = Some(telemetry::low_power_mode());
        let source = telemetry::power_source();
        let source = source.as_deref().and_then(apple::power_source);
        sample.power_source = source.map(str::to_owned);
    }

    /// The mean since the sample before; the newest where a slow reading is still under way.
    fn macmon(&self) -> Option<Macmon> {
        let mut shared = lock(&self.shared);
        let since = std::mem::take(&mut shared.for_sample);
        let fresh = shared
            .latest
            .as_ref()
            .filter(|reading| reading.at.elapsed() < STALE_AFTER)?;
        Macmon::mean(&since).or(Some(fresh.values))
    }

    /// The GPU's own count, coarser than `macmon`'s, where that fails.
    fn accelerator_share(&mut self) -> Option<f64> {
        let gpus = self.accelerators.as_mut()?;
        gpus.refresh(false);
        let busy = gpus.iter().find_map(sysinfo::Gpu::usage)?;
        apple::busy_share(busy)
    }
}

/// Measures until told to stop, and starts afresh after a failure: `macmon` asserts what it expects
/// of the hardware, and gives up whole where one sensor fails once.
fn measure(shared: &Shared, stopped: &mpsc::Receiver<Infallible>) {
    loop {
        let outcome = catch_unwind(AssertUnwindSafe(|| measure_until_failure(shared, stopped)));
        match outcome {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => tracing::debug!("macmon failed: {reason}"),
            Err(_) => tracing::debug!("macmon panicked"),
        }
        lock(shared).failed = true;
        if stopped.recv_timeout(RETRY_AFTER) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn measure_until_failure(
    shared: &Shared,
    stopped: &mpsc::Receiver<Infallible>,
) -> Result<(), String> {
    let mut macmon = macmon::Sampler::new().map_err(|error| error.to_string())?;
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        let metrics = macmon
            .get_metrics(INTERVAL_MS)
            .map_err(|error| error.to_string())?;
        let at = Instant::now();
        let values = raw(&metrics, macmon.get_soc_info());
        let mut shared = lock(shared);
        shared.failed = false;
        shared.for_sample.push(values);
        shared.for_power.push((at, values));
        shared.latest = Some(Reading { at, values });
    }
    Ok(())
}

fn lock(shared: &Shared) -> MutexGuard<'_, Readings> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn raw(metrics: &Metrics, soc: &SocInfo) -> Macmon {
    Macmon {
        gpu_active_ratio: metrics.gpu_active_ratio,
        gpu_freq_mhz: metrics.gpu_freq_mhz,
        gpu_clocks: soc.gpu_freqs.len(),
        gpu_power_w: metrics.gpu_power,
        cpu_power_w: metrics.cpu_power,
        chip_power_w: metrics.all_power,
        system_power_w: metrics.sys_power,
        gpu_temperature_c: metrics.temp.gpu_temp_avg,
        cpu_temperature_c: metrics.temp.cpu_temp_avg,
    }
}

/// The GPU of the chip; empty where `macmon` cannot tell.
pub(super) fn gpus() -> Vec<GpuInfo> {
    soc().map_or_else(Vec::new, |soc| {
        vec![GpuInfo {
            name: soc.chip_name,
            // Unified with the machine's own.
            memory: None,
            driver: None,
            cores: (soc.gpu_cores > 0).then(|| u32::from(soc.gpu_cores)),
        }]
    })
}

/// The build of the system, as in `25B78`.
pub(super) fn system_build() -> Option<String> {
    telemetry::system_build()
}

/// As in `Mac15,8`.
pub(super) fn machine_model() -> Option<String> {
    soc()
        .map(|soc| soc.mac_model)
        .filter(|model| !model.is_empty())
}

fn soc() -> Option<SocInfo> {
    catch_unwind(|| SocInfo::new().ok()).ok().flatten()
}
