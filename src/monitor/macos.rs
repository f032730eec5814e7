//! Sensors of macOS, through `macmon`: a private interface of Apple's, so any failure is absence.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use macmon::{Metrics, SocInfo};

use super::info::GpuInfo;
use super::sample::MachineSample;

/// What one reading of `macmon` averages over, in milliseconds. Shorter than the sampler's second,
/// so that each sample finds a fresh one.
const INTERVAL_MS: u32 = 900;
/// A reading older than this is no longer shown.
const STALE_AFTER: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_secs(10);

struct Reading {
    at: Instant,
    values: MachineSample,
}

type Latest = Arc<Mutex<Option<Reading>>>;

/// The newest reading of a thread that does nothing else: `macmon` blocks while it measures.
pub(super) struct Sensors {
    latest: Latest,
    /// Never sent on: its end is what stops the thread.
    _stop: mpsc::Sender<Infallible>,
}

impl Sensors {
    pub(super) fn new() -> Self {
        let latest = Latest::default();
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(&latest);
        let thread = std::thread::Builder::new()
            .name("macmon".to_owned())
            .spawn(move || measure(&shared, &stopped));
        if let Err(error) = thread {
            tracing::warn!("no GPU and power figures: their thread did not start: {error}");
        }
        Self {
            latest,
            _stop: stop,
        }
    }

    /// Fills what there is a sensor for, and leaves the rest as it is.
    ///
    /// Thermal state, low-power mode and the power source stay blank: they are `NSProcessInfo`'s
    /// and `IOKit`'s to tell, and come with `platform`'s other calls of macOS.
    pub(super) fn read(&mut self, sample: &mut MachineSample) {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = latest
            .as_ref()
            .filter(|reading| reading.at.elapsed() < STALE_AFTER)
        else {
            return;
        };
        let values = &reading.values;
        sample.gpu = values.gpu;
        sample.gpu_clock_mhz = values.gpu_clock_mhz;
        sample.gpu_temperature_c = values.gpu_temperature_c;
        sample.cpu_temperature_c = values.cpu_temperature_c;
        sample.gpu_power_w = values.gpu_power_w;
        sample.cpu_power_w = values.cpu_power_w;
        sample.system_power_w = values.system_power_w;
    }
}

/// Measures until told to stop, and starts afresh after a failure: `macmon` asserts what it expects
/// of the hardware, and gives up whole where one sensor fails once.
fn measure(latest: &Latest, stopped: &mpsc::Receiver<Infallible>) {
    loop {
        let outcome = catch_unwind(AssertUnwindSafe(|| measure_until_failure(latest, stopped)));
        match outcome {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => tracing::debug!("macmon failed: {reason}"),
            Err(_) => tracing::debug!("macmon panicked"),
        }
        if stopped.recv_timeout(RETRY_AFTER) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn measure_until_failure(
    latest: &Latest,
    stopped: &mpsc::Receiver<Infallible>,
) -> Result<(), String> {
    let mut macmon = macmon::Sampler::new().map_err(|error| error.to_string())?;
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        let metrics = macmon
            .get_metrics(INTERVAL_MS)
            .map_err(|error| error.to_string())?;
        let reading = Reading {
            at: Instant::now(),
            values: convert(&metrics, macmon.get_soc_info()),
        };
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
    Ok(())
}

/// Into our units, with `macmon`'s zeroes for "no such sensor" made blanks.
fn convert(metrics: &Metrics, soc: &SocInfo) -> MachineSample {
    let measured = |value: f32| (value.is_finite() && value > 0.0).then(|| f64::from(value));
    // The first entry is the GPU switched off; a virtual machine has none.
    let gpu_is_measured = soc.gpu_freqs.len() > 1 && metrics.gpu_active_ratio.is_finite();
    MachineSample {
        gpu: gpu_is_measured.then(|| f64::from(metrics.gpu_active_ratio).clamp(0.0, 1.0)),
        // Averaged over the time the GPU was busy: an idle second has no clock.
        gpu_clock_mhz: (metrics.gpu_freq_mhz > 0).then(|| f64::from(metrics.gpu_freq_mhz)),
        gpu_temperature_c: metrics.temp.gpu_temp_avg.map(f64::from),
        cpu_temperature_c: metrics.temp.cpu_temp_avg.map(f64::from),
        gpu_power_w: measured(metrics.gpu_power),
        cpu_power_w: measured(metrics.cpu_power),
        // Where the whole machine's meter gives nothing, macmon puts CPU + GPU + ANE in its place.
        system_power_w: measured(metrics.sys_power)
            .filter(|_| metrics.sys_power > metrics.all_power),
        ..MachineSample::default()
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

/// As in `Mac15,8`.
pub(super) fn machine_model() -> Option<String> {
    soc()
        .map(|soc| soc.mac_model)
        .filter(|model| !model.is_empty())
}

fn soc() -> Option<SocInfo> {
    catch_unwind(|| SocInfo::new().ok()).ok().flatten()
}
