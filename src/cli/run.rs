//! Running a plan from a terminal: files, engine, figures, exit status.

use std::cmp::Ordering;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::failure::{FAILED, INTERRUPTED};
use super::figures;
use super::tune;
use super::watch::{self, Outcome};
use crate::engine::event::{CellStatus, RunEnd, SearchNews};
use crate::engine::source::CellSource;
use crate::engine::{self, EngineConfig, MachineSource, Run};
use crate::measure::client::CellClient;
use crate::measure::tax;
use crate::plan::commands::shell_line;
use crate::plan::{Plan, RunKind};
use crate::platform::keep_awake::KeepAwake;
use crate::session::Session;
use crate::session::cells::Earlier;
use crate::store::recorder::Recorder;
use crate::units::{Ratio, Secs};

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
    earlier: Earlier,
    out: Out,
) -> anyhow::Result<ExitCode> {
    let kind = plan.kind;
    let asked = plan.clone();
    let csv = recorder.files().csv().to_owned();
    let logs = recorder.files().logs();
    if out == Out::Figures && !kind.is_check() {
        show!("results_file={}", csv.display());
    }
    let config = EngineConfig {
        supervisor: std::env::current_exe()?,
        launcher: session.launcher(),
        attach_key: session.attach_key(),
        nginx: session.nginx.clone(),
        logs,
        sink: Some(Box::new(recorder)),
        machine: MachineSource::Sensors,
        wake: Arc::new(|| {}),
    };
    let run = Run {
        plan,
        cells,
        already_done: earlier.done,
    };
    if let Some(attached) = &run.plan.servers.attached {
        say!("{}", attached.sentence());
    }
    let awake = KeepAwake::hold("measuring throughput");
    let outcome = watch::follow(engine::spawn(run, config)?, &earlier, out == Out::Events).await?;
    drop(awake);
    if out == Out::Figures {
        if kind.is_check() {
            if let Some(line) = outcome
                .results
                .first()
                .and_then(|r| figures::check_line(kind, r))
            {
                show!("{line}");
            }
        } else {
            let ranking = earlier.ranking(&outcome.results);
            let best = ranking.as_ref().map_or(&[][..], |ranking| &ranking.best);
            let table = figures::table(&outcome.results, best);
            show!("{}", table.trim_end());
            if let Some(lines) = ranking.as_ref().and_then(figures::best_lines) {
                show!("{lines}");
            } else if let Some(text) = tune::no_best(&asked, &earlier, &outcome.results) {
                show!("{text}");
            }
            if let Some(text) = outcome.search.as_ref().and_then(SearchNews::sentence) {
                show!("{text}");
            }
            for line in tax::lines(&earlier.taxes(&outcome.results)) {
                show!("{line}");
            }
            if let Some(lines) = figures::saturation_lines(&earlier.saturation(&outcome.results)) {
                show!("{lines}");
            }
            if let Some(doubt) = ranking.as_ref().and_then(figures::doubt) {
                say!("{doubt}");
            }
            if earlier.done > 0 {
                say!(
                    "{} cells are from an earlier start; `mlx-throughput-lab analyze --file {}` \
                     shows all",
                    earlier.done,
                    shell_line(&[csv.display().to_string()])
                );
            }
        }
    }
    closing(kind, &outcome, &csv);
    Ok(ExitCode::from(status(&outcome)))
}

/// Where the time went, for people.
fn closing(kind: RunKind, outcome: &Outcome, csv: &Path) {
    let times = outcome.times;
    let cooling = match times.cool_down_s {
        none if none <= 0.0 => String::new(),
        cool_down_s => format!(" {} cooling down,", Secs(cool_down_s)),
    };
    say!(
        "{} in all: {} loading {} servers, {} warming up, {} measuring,{cooling} {} else",
        Secs(times.total_s),
        Secs(times.load_s),
        times.server_starts,
        Secs(times.warmup_s),
        Secs(times.measure_s),
        Secs(times.rest_s),
    );
    let busiest = outcome.results.iter().map(|result| result.client);
    let busiest =
        busiest.max_by(|a, b| a.share().partial_cmp(&b.share()).unwrap_or(Ordering::Equal));
    if let Some(line) = busiest.and_then(|client| client_line(&client)) {
        say!("{line}");
    }
    let words = match &outcome.end {
        RunEnd::Completed => return,
        RunEnd::Stopped => "stopped".to_owned(),
        // The last cell has told why already.
        RunEnd::Failed(why) if last_error(outcome) == Some(why) => "the run ended early".to_owned(),
        RunEnd::Failed(why) => format!("error: the run ended early: {why}"),
    };
    if kind.is_check() {
        say!("{words}");
    } else {
        let csv = shell_line(&[csv.display().to_string()]);
        say!("{words}");
        let command = if kind == RunKind::Tune {
            "tune"
        } else {
            "sweep"
        };
        say!("`mlx-throughput-lab {command} --resume {csv}` goes on with the cells that are left");
    }
}

/// What the load client can take, and how much of that the busiest cell was.
fn client_line(busiest: &CellClient) -> Option<String> {
    let ceiling = busiest.ceiling?.sentence();
    let share = busiest.share();
    let share = share.map(|share| format!(". The busiest cell was {} of that", Ratio(share)));
    Some(format!(
        "load client: {ceiling}{}",
        share.unwrap_or_default()
    ))
}

fn last_error(outcome: &Outcome) -> Option<&String> {
    outcome.results.last()?.error.as_ref()
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
