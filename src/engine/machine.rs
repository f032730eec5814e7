//! The machine's samples while a run goes on: kept for the running cell, told, and waited for.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::event::EngineEvent;
use super::run::Runner;
use crate::monitor::sample::MachineSample;
use crate::monitor::sampler::{self, SamplerHandle};

/// The machine is looked at once a second (product.md section 6).
const SAMPLE_PERIOD: Duration = Duration::from_secs(1);

/// Where a run's samples of the machine come from.
#[derive(Debug, Default)]
pub enum MachineSource {
    /// This machine's sensors, once a second.
    #[default]
    Sensors,
    /// Somebody else's, as those of a recording. Each counts as read when it comes: its `at_s` is
    /// set to the run's clock. There are no power readings, so no energy.
    Samples(UnboundedReceiver<MachineSample>),
}

/// What was heard of the machine, for whoever waits for it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub latest: Option<MachineSample>,
    /// The lowest GPU temperature of the run so far.
    pub coolest_c: Option<f64>,
    /// Whether a GPU clock was ever read.
    pub has_clock: bool,
}

impl Seen {
    fn take(&mut self, sample: &MachineSample) {
        if let Some(now_c) = sample.gpu_temperature_c {
            self.coolest_c = Some(self.coolest_c.map_or(now_c, |known_c| known_c.min(now_c)));
        }
        self.has_clock |= sample.gpu_clock_mhz.is_some();
        self.latest = Some(sample.clone());
    }
}

enum Samples {
    Sensors(SamplerHandle),
    Others(UnboundedReceiver<MachineSample>),
}

impl Runner {
    /// Keeps the machine's samples for the running cell and tells of them.
    pub(super) fn watch_machine(&mut self) -> tokio::task::JoinHandle<()> {
        let started = self.started;
        let mut from = match std::mem::take(&mut self.machine) {
            MachineSource::Samples(samples) => Samples::Others(samples),
            MachineSource::Sensors => Samples::Sensors(sampler::spawn(
                started,
                SAMPLE_PERIOD,
                self.pids.clone(),
                self.power.clone(),
            )),
        };
        let samples = Arc::clone(&self.samples);
        let seen = self.seen.clone();
        let emitter = self.emitter.clone();
        tokio::spawn(async move {
            loop {
                let next = match &mut from {
                    Samples::Sensors(handle) => handle.next().await,
                    Samples::Others(samples) => samples.recv().await.map(|sample| MachineSample {
                        at_s: started.elapsed().as_secs_f64(),
                        ..sample
                    }),
                };
                let Some(sample) = next else {
                    return;
                };
                samples
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(sample.clone());
                seen.send_modify(|seen| seen.take(&sample));
                if let Err(error) = emitter.emit(EngineEvent::Machine(Box::new(sample))).await {
                    // The next row will fail alike, and ends the run.
                    tracing::warn!("{error}");
                }
            }
        })
    }

    pub(super) fn lock_samples(&self) -> MutexGuard<'_, Vec<MachineSample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
