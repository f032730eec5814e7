//! `sweep`: a grid of cells, its dry run, and going on with an interrupted one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::asked::{self, Asked};
use super::failure::Usage;
use super::run::{self, Out};
use crate::plan::estimate::{Pace, estimate};
use crate::plan::{Plan, RunKind, commands};
use crate::session::cells::{self, Earlier};
use crate::session::{NoMlx, Session, model};
use crate::settings::Var;
use crate::store;
use crate::store::recorder::Recorder;
use crate::units::Secs;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SweepKind {
    /// Decode × prompt concurrency, one server a cell
    Concurrency,
    /// Max tokens × request concurrency over several servers
    RoundRobin,
    /// Instances × decode × prompt × request concurrency
    Full,
    /// The axes given with --axis
    Custom,
    /// Requests at a rate of their own: listed rates, or a search for the one that saturates
    Rate,
    /// One load direct and through nginx, streamed and not: what the proxy and streaming cost
    Control,
}

impl From<SweepKind> for RunKind {
    fn from(kind: SweepKind) -> Self {
        match kind {
            SweepKind::Concurrency => Self::ConcurrencySweep,
            SweepKind::RoundRobin => Self::RoundRobinSweep,
            SweepKind::Full => Self::FullSweep,
            SweepKind::Custom => Self::CustomSweep,
            SweepKind::Rate => Self::RateSweep,
            SweepKind::Control => Self::ControlSweep,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    /// What is swept; a resumed run knows
    #[arg(required_unless_present = "resume")]
    pub kind: Option<SweepKind>,
    #[command(flatten)]
    pub asked: Asked,
    /// An axis and its values: concurrency=1..64x2, or any flag: prefill-step-size='512|2048'
    #[arg(long, value_name = "NAME=LIST", allow_hyphen_values = true)]
    pub axis: Vec<String>,
    /// Show the cells, the server starts, the time and every command line; start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Go on with an interrupted run; finished cells are not repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["axis", "dry_run"])]
    pub resume: Option<PathBuf>,
}

/// # Errors
/// What was asked makes no sense, or the run cannot be started.
pub async fn run(args: &SweepArgs, out: Out) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.resume {
        return resume(&args.asked, file, out).await;
    }
    let kind = args.kind.ok_or_else(|| Usage("name a sweep".to_owned()))?;
    let session = args.asked.open(NoMlx::Tell).await?;
    let plan = asked::plan(&session, kind.into(), &args.axis)?;
    if args.dry_run {
        show!("{}", dry_run(&session, &plan).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let recorder = session.record(&plan)?;
    let cells = cells::all(&plan);
    run::run(&session, plan, cells, recorder, Earlier::default(), out).await
}

/// Goes on with a run of any kind.
///
/// # Errors
/// See [`run`].
pub async fn resume(asked: &Asked, file: &Path, out: Out) -> anyhow::Result<ExitCode> {
    let resumed = store::resume::open(file).map_err(|error| Usage::of(&error))?;
    let earlier = Earlier::of(&resumed);
    let done = earlier.done;
    let plan = resumed.plan.clone();
    let left = cells::left(&resumed).known().len();
    if cells::is_complete(&resumed) && plan.tune.is_some() {
        show!(
            "nothing is left to do: the search of {} has come to its end after {done} measurements",
            file.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    if cells::is_complete(&resumed) {
        show!(
            "nothing is left to do: all {done} cells of {} are there",
            file.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    if !asked.overrides.is_empty() || asked.server_args.is_some() {
        say!(
            "warning: a resumed run keeps the settings that it was started with; those given now are not used"
        );
    }
    let mut asked = asked.clone();
    // The model is the run's own: rows of two models do not belong into one file.
    asked.model = Some(plan.model.path.clone()).filter(|_| plan.servers.attached.is_none());
    // So are its servers, or that there were none before it.
    asked.attach_as(&plan);
    let session = asked.open(NoMlx::Tell).await?;
    // The search's clock begins with its cells.
    let cells = cells::left(&resumed);
    let recorder = Recorder::resume(resumed, session.provenance(), &jiff::ZonedDateTime::now())?
        .with_requests(session.settings.is_on(Var::RequestsCsv));
    match plan.tune {
        Some(rule) => say!(
            "{done} measurements are there, {} more are made at most",
            rule.most_cells.saturating_sub(done)
        ),
        None => say!("{done} cells are there, {left} are left"),
    }
    run::run(&session, plan, cells, recorder, earlier, out).await
}

/// Everything that a run would do, without doing it.
pub fn dry_run(session: &Session, plan: &Plan) -> String {
    let estimate = estimate(plan, Pace::default());
    let launcher = session
        .launcher()
        .map(|launcher| launcher.command(plan.servers.backlog, &[]))
        .unwrap_or_default();
    let mut text = String::new();
    if let Some(rule) = plan.tune {
        let _ = writeln!(
            text,
            "{}; all of the grid would be:",
            rule.sentence().trim_end_matches('.')
        );
    }
    let _ = writeln!(
        text,
        "{} cells, {} server starts ({} processes), about {} (an estimate: nothing was measured yet)",
        estimate.cells,
        estimate.server_starts,
        estimate.server_processes,
        Secs(estimate.total_s())
    );
    if let Some(memory) = model::memory_judgement(plan) {
        let _ = writeln!(text, "memory {}", memory.text);
    }
    if let Some(attached) = &plan.servers.attached {
        let _ = writeln!(text, "{}", attached.sentence());
    }
    for notice in &plan.notices {
        let _ = writeln!(text, "note: {notice}");
    }
    let told = [plan.order_sentence(), plan.finalists_sentence()];
    for sentence in told.into_iter().flatten() {
        let _ = writeln!(text, "note: {sentence}");
    }
    if let Some(sentence) = plan.search_sentence() {
        let _ = writeln!(text, "note: {sentence}");
    }
    let cells = plan.cells_as_run();
    let mut starts = commands::server_starts(plan, &cells, &launcher)
        .into_iter()
        .peekable();
    for cell in &cells {
        while let Some(start) = starts.next_if(|start| start.cell == cell.index) {
            let _ = writeln!(text, "  start {}", commands::shell_line(&start.command));
        }
        let _ = writeln!(
            text,
            "cell {} {cell} max_tokens={}",
            cell.index, cell.load.max_tokens
        );
    }
    text
}
