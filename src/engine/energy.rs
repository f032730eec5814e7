//! The energy of a cell's measured window, and the idle power that it stands on.

use std::time::{Duration, Instant};

use super::event::CellResult;
use super::run::Runner;
use crate::measure::figures::Mode;
use crate::monitor::energy::{self, Energy};

/// A meter that has not told enough by then is not waited for.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

impl Runner {
    /// Reads what the machine takes before anything is loaded: three seconds where there is a power
    /// meter, no time where there is none or no window will be long enough to use it.
    pub(super) async fn read_idle_power(&mut self) {
        let workload = &self.plan.workload;
        let too_short =
            workload.mode == Mode::Sustained && !energy::is_long_enough(workload.window.max_s);
        if too_short || self.is_elsewhere() || !self.has_meter {
            return;
        }
        let mut power = self.power.subscribe();
        let settled = async {
            let settled = power.wait_for(|readings| energy::idle_is_settled(readings));
            settled.await.is_ok()
        };
        tokio::select! {
            () = self.control.stop.cancelled() => {}
            _ = tokio::time::timeout(IDLE_LIMIT, settled) => {}
        }
        self.idle.clone_from(&self.power.borrow());
    }

    /// Of the span that the throughput covers, counted from `begun`; `None` where the power readings
    /// do not carry it.
    pub(super) fn energy(
        &self,
        result: &CellResult,
        begun: Instant,
        span_s: Option<(f64, f64)>,
    ) -> Option<Energy> {
        let figures = result.figures.as_ref()?;
        let tokens = match figures.mode {
            Mode::Sustained => figures.window_tokens?,
            Mode::Compatible => figures.total_tokens as f64,
        };
        let begun_s = begun.saturating_duration_since(self.started).as_secs_f64();
        let (start_s, end_s) = span_s?;
        let span_s = (begun_s + start_s, begun_s + end_s);
        energy::energy(&self.power.borrow(), span_s, tokens, &self.idle)
    }
}
