//! When a server that answers nothing is given up: a hang known upstream, in which the process lives
//! on at a few percent of a core.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::load::live::Live;
use crate::monitor::sample::MachineSample;
use crate::plan::{Cell, Plan};

/// A sound server may take this many times as long over a prompt as it did while it was alone.
const PATIENCE: f64 = 4.0;

/// A server that uses more than this of a core is at work, though nothing comes of it yet: a GPU's
/// kernels for a batch of a new size are compiled for minutes. One that hangs uses about 0.02.
const AT_WORK_CORES: f64 = 0.25;

/// How long no server may give a sign of work before it counts as wedged, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Patience {
    /// With a server that idles.
    pub idle_s: f64,
    /// With one that is at work: by then its requests have timed out, those of the warm-up too.
    pub at_work_s: f64,
}

impl Patience {
    /// `MLX_WATCHDOG_S`, unless this machine needs longer than that for a prompt: a large model on a
    /// slow one shows nothing until a whole batch of prompts is processed. `alone_s` is what one
    /// liveness check and the warm-up requests took, one after another.
    pub fn of(plan: &Plan, cell: &Cell, alone_s: f64) -> Self {
        let workload = &plan.workload;
        let asked_s = plan.servers.watchdog_s;
        let at_work_s = workload.request_timeout_s.max(plan.servers.ready_timeout_s) + asked_s;
        if !plan.streams(cell) {
            // An answer that is not streamed gives no sign before its end.
            return Self {
                idle_s: at_work_s,
                at_work_s,
            };
        }
        let request_s = alone_s / f64::from(workload.warmup_requests + 1);
        let prefilled_together = cell.point.prompt_concurrency.unwrap_or(1);
        let at_once = cell.load.concurrency.min(prefilled_together).max(1);
        let slow_s = PATIENCE * request_s * f64::from(at_once);
        Self {
            idle_s: slow_s.clamp(asked_s, at_work_s),
            at_work_s,
        }
    }

    /// `at_work` tells of the last so many seconds.
    fn is_over(self, stalled_s: f64, at_work: impl Fn(f64) -> bool) -> bool {
        stalled_s > self.at_work_s || (stalled_s > self.idle_s && !at_work(self.idle_s))
    }
}

/// Resolves when no server has given a sign of work for longer than `patience`, with the seconds.
pub(super) async fn wedged(live: &Live, patience: Patience, at_work: impl Fn(f64) -> bool) -> f64 {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Some(stalled_s) = live.stalled_s().filter(|s| patience.is_over(*s, &at_work)) {
            return stalled_s;
        }
    }
}

/// Has any server used a core, or a good part of one, over the last `span_s` of `samples`? Not known
/// of attached servers: they are given what an idle one is.
pub(super) fn at_work(samples: &[MachineSample], span_s: f64) -> bool {
    let Some(last) = samples.last() else {
        return false;
    };
    let recent = samples.iter().rev();
    let recent = recent.take_while(|sample| sample.at_s > last.at_s - span_s);
    let used = recent.flat_map(|sample| &sample.servers);
    let mut by_server: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (instance, cores) in used.filter_map(|server| Some((server.instance, server.cpu_cores?))) {
        let (sum, count) = by_server.entry(instance).or_default();
        *sum += cores;
        *count += 1.0;
    }
    by_server
        .values()
        .any(|(sum, count)| sum / count > AT_WORK_CORES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::sample::ServerSample;
    use crate::store::testing::plan;

    #[test]
    fn a_slow_machine_is_given_the_time_that_its_warm_up_took() {
        let mut plan = plan(std::path::Path::new("results"), 1);
        plan.servers.watchdog_s = 30.0;
        plan.workload.request_timeout_s = 600.0;
        plan.workload.warmup_requests = 2;
        plan.workload.stream = true;
        let mut cell = plan.cells[0].clone();
        cell.load.concurrency = 16;
        cell.point.prompt_concurrency = Some(4);
        let patience_ms = |plan: &Plan, cell: &Cell, alone_s: f64| {
            (Patience::of(plan, cell, alone_s).idle_s * 1e3).round() as u64
        };
        // A fast one is given what the setting says.
        assert_eq!(patience_ms(&plan, &cell, 3.0), 30_000);
        // 10 s a request, 4 prompts in a batch.
        assert_eq!(patience_ms(&plan, &cell, 30.0), 160_000);
        // Never beyond the requests' own limit.
        assert_eq!(patience_ms(&plan, &cell, 3000.0), 630_000);
        cell.load.concurrency = 1;
        assert_eq!(patience_ms(&plan, &cell, 30.0), 40_000);
        plan.workload.stream = false;
        assert_eq!(patience_ms(&plan, &cell, 0.1), 630_000);
    }

    /// One sample a second; of each, the cores that the servers use.
    fn samples(cores: &[&[Option<f64>]]) -> Vec<MachineSample> {
        let sample = |(at, cores): (u32, &&[Option<f64>])| MachineSample {
            at_s: f64::from(at),
            servers: (0..)
                .zip(*cores)
                .map(|(instance, cpu_cores)| ServerSample {
                    instance,
                    cpu_cores: *cpu_cores,
                    ..ServerSample::default()
                })
                .collect(),
            ..MachineSample::default()
        };
        (0..).zip(cores).map(sample).collect()
    }

    #[test]
    fn a_silent_server_that_computes_is_not_wedged() {
        let patience = Patience {
            idle_s: 3.0,
            at_work_s: 60.0,
        };
        let over = |stalled_s: f64, samples: &[MachineSample]| {
            patience.is_over(stalled_s, |span_s| at_work(samples, span_s))
        };
        let compiling = samples(&[&[None], &[Some(1.0)], &[Some(0.98)], &[Some(1.0)]]);
        assert!(!over(2.0, &compiling));
        assert!(!over(59.0, &compiling));
        assert!(over(61.0, &compiling), "its requests have timed out");
        let hung = samples(&[&[Some(1.0)], &[Some(0.02)], &[Some(0.02)], &[Some(0.03)]]);
        assert!(!over(3.0, &hung));
        assert!(over(3.1, &hung), "it computed only before it hung");
        let one_of_two = [Some(0.02), Some(1.0)];
        assert!(!over(9.0, &samples(&[&one_of_two, &one_of_two])));
        // Servers of others, and a machine that tells nothing.
        assert!(over(3.1, &samples(&[&[], &[]])) && over(3.1, &[]));
        assert!(over(3.1, &samples(&[&[None], &[None]])));
    }
}
