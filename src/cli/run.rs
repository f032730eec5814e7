//! Running a plan from a terminal: files, engine, figures, exit status.

use std::process::ExitCode;
use std::sync::Arc;

use super::failure::{FAILED, INTERRUPTED};
use super::figures;
use super::session::Session;
use super::watch::{self, Outcome};
use crate::engine::event::{CellStatus, RunEnd};
use crate::engine::source::CellSource;
use crate::engine::{self, EngineConfig, Run};
use crate::plan::Plan;
use crate::platform::keep_awake::KeepAwake;
use crate::settings::Var;
use crate::store::recorder::Recorder;
use crate::units::Secs;

/// Whether figures or events go to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    Figures,
    Events,
}

/// Runs `cells` of `plan`, recorded by `recorder`, and prints what came of it.
///
/// # Errors
/// The engine cannot be started.
pub async fn run(
    session: &Session,
    plan: Plan,
    cells: Box<dyn CellSource>,
    recorder: Recorder,
    already_done: u32,
    out: Out,
) -> anyhow::Result<ExitCode> {
    let kind = plan.kind;
    let csv = recorder.files().csv().to_owned();
    let logs = recorder.files().logs();
    if out == Out::Figures && !kind.is_check() {
        println!("results_file={}", csv.display());
    }
    let config = EngineConfig {
        supervisor: std::env::current_exe()?,
        launcher: session.launcher(),
        nginx: session.nginx.clone(),
        logs,
        sink: Some(Box::new(recorder)),
        wake: Arc::new(|| {}),
    };
    let run = Run {
        plan,
        cells,
        already_done,
    };
    let awake = KeepAwake::hold("measuring throughput");
    let outcome = watch::follow(engine::spawn(run, config)?, out == Out::Events).await?;
    drop(awake);
    if out == Out::Figures {
        if kind.is_check() {
            if let Some(line) = outcome
                .results
                .first()
                .and_then(|r| figures::check_line(kind, r))
            {
                println!("{line}");
            }
        } else {
            print!(
                "{}",
                figures::table(&outcome.results, outcome.best.as_ref())
            );
            if let Some(best) = &outcome.best {
                println!("{}", figures::best_line(best));
            }
        }
    }
    closing(&outcome, &csv);
    Ok(ExitCode::from(status(&outcome)))
}

/// Where the time went, for people.
fn closing(outcome: &Outcome, csv: &std::path::Path) {
    let times = outcome.times;
    eprintln!(
        "{} in all: {} loading {} servers, {} warming up, {} measuring, {} else",
        Secs(times.total_s),
        Secs(times.load_s),
        times.server_starts,
        Secs(times.warmup_s),
        Secs(times.measure_s),
        Secs(times.rest_s),
    );
    match &outcome.end {
        RunEnd::Completed => {}
        RunEnd::Stopped => eprintln!(
            "stopped; `mlx-throughput-lab sweep custom --resume {}` goes on",
            csv.display()
        ),
        RunEnd::Failed(why) => eprintln!("error: the run ended early: {why}"),
    }
}

fn status(outcome: &Outcome) -> u8 {
    let unsound = |status| !matches!(status, CellStatus::Ok | CellStatus::Skipped);
    match outcome.end {
        RunEnd::Stopped => INTERRUPTED,
        RunEnd::Failed(_) => FAILED,
        RunEnd::Completed if outcome.results.iter().any(|r| unsound(r.status)) => FAILED,
        RunEnd::Completed => 0,
    }
}

impl Session {
    /// The files of a new run.
    ///
    /// # Errors
    /// The results folder cannot be written.
    pub fn record(&self, plan: &Plan) -> anyhow::Result<Recorder> {
        let recorder = Recorder::create(plan, self.provenance(), &jiff::ZonedDateTime::now())?;
        Ok(recorder.with_requests(self.settings.is_on(Var::RequestsCsv)))
    }
}
