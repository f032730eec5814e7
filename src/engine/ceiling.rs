//! The load client's own ceiling, measured once a run beside the start of its first servers
//! (measurement rule 8), so that it costs a sweep no time; no cell is measured before it is over.
//!
//! The machine loads servers meanwhile, so the ceiling is rather too low than too high, and the flag
//! rather too strict.

use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::error::EngineError;
use super::event::NoticeLevel;
use super::load::selftest;
use super::run::Runner;
use crate::measure::client::ClientCeiling;
use crate::plan::{Plan, RunKind};

/// It takes about a second; a machine that needs this long has none to spare.
const LIMIT: Duration = Duration::from_secs(15);

/// What is known of the client.
#[derive(Debug, Default)]
pub(super) enum Ceiling {
    #[default]
    NotYet,
    /// The words are why there is no figure.
    Measuring(AbortOnDropHandle<Result<ClientCeiling, String>>),
    Known(Option<ClientCeiling>),
}

/// How many streams to measure with; `None` for a run that is not worth it: one request, which is
/// quick, and far from any ceiling.
fn streams(plan: &Plan) -> Option<u32> {
    if plan.kind == RunKind::Single || !plan.workload.stream {
        return None;
    }
    plan.cells.iter().map(|cell| cell.load.concurrency).max()
}

impl Runner {
    /// Begins to measure it, unless that was done.
    pub(super) fn begin_ceiling(&mut self) {
        if !matches!(self.ceiling, Ceiling::NotYet) {
            return;
        }
        let Some(streams) = streams(&self.plan) else {
            self.ceiling = Ceiling::Known(None);
            return;
        };
        let (program, cancel) = (
            self.environment.supervisor.clone(),
            self.control.stop.clone(),
        );
        let measuring = tokio::spawn(async move {
            let measured = selftest::quietly(&program, streams, &cancel);
            match tokio::time::timeout(LIMIT, measured).await {
                Ok(measured) => measured.map_err(|error| error.to_string()),
                Err(_) => Err(format!("it took longer than {} s", LIMIT.as_secs())),
            }
        });
        self.ceiling = Ceiling::Measuring(AbortOnDropHandle::new(measuring));
    }

    /// Waits until it is known, or known not to be. Can be given up and called again.
    ///
    /// # Errors
    /// The notice could not be kept.
    pub(super) async fn await_ceiling(&mut self) -> Result<(), EngineError> {
        let Ceiling::Measuring(measuring) = &mut self.ceiling else {
            return Ok(());
        };
        let measured = measuring
            .await
            .unwrap_or_else(|error| Err(error.to_string()));
        let why = measured.as_ref().err().cloned();
        self.ceiling = Ceiling::Known(measured.ok());
        match why {
            Some(why) if !self.control.stop.is_cancelled() => {
                let text = format!(
                    "how much this program's own load client can take was not measured, so no cell \
                     is compared with it: {why}. `mlx-throughput-lab selftest` shows more"
                );
                self.emitter.notice(NoticeLevel::Warning, text).await
            }
            _ => Ok(()),
        }
    }

    pub(super) fn known_ceiling(&self) -> Option<ClientCeiling> {
        match self.ceiling {
            Ceiling::Known(ceiling) => ceiling,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::testing::plan;

    #[test]
    fn the_largest_load_of_the_plan_is_what_counts() {
        let mut plan = plan(Path::new("results"), 4);
        assert_eq!(streams(&plan), Some(8));
        plan.workload.stream = false;
        assert_eq!(streams(&plan), None);
        plan.workload.stream = true;
        plan.kind = RunKind::Single;
        assert_eq!(streams(&plan), None);
    }
}
