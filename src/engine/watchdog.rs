//! When a server that answers nothing is given up: a hang known upstream, in which the process lives
//! on at a few percent of a core.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::load::live::Live;
use crate::plan::{Cell, Plan};

/// A sound server may take this many times as long over a prompt as it did while it was alone.
const PATIENCE: f64 = 4.0;

/// How long no server may give a sign of work before it counts as wedged, in seconds.
///
/// `MLX_WATCHDOG_S`, unless this machine needs longer than that for a prompt: a large model on a
/// slow one shows nothing until a whole batch of prompts is processed. `warmup_s` is what the cell's
/// warm-up took: one liveness check and the warm-up requests, one after another.
pub(super) fn patience_s(plan: &Plan, cell: &Cell, warmup_s: f64) -> f64 {
    let workload = &plan.workload;
    let asked_s = plan.servers.watchdog_s;
    let most_s = workload.request_timeout_s + asked_s;
    if !workload.stream {
        // An answer that is not streamed gives no sign before its end.
        return most_s;
    }
    let request_s = warmup_s / f64::from(workload.warmup_requests + 1);
    let prefilled_together = cell.point.prompt_concurrency.unwrap_or(1);
    let at_once = cell.load.concurrency.min(prefilled_together).max(1);
    (PATIENCE * request_s * f64::from(at_once)).clamp(asked_s, most_s)
}

/// Resolves when no server has given a sign of work for `limit_s`.
pub(super) async fn wedged(live: &Live, limit_s: f64) -> f64 {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Some(stalled_s) = live.stalled_s().filter(|s| *s > limit_s) {
            return stalled_s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let patience_ms = |plan: &Plan, cell: &Cell, warmup_s: f64| {
            (patience_s(plan, cell, warmup_s) * 1e3).round() as u64
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
}
