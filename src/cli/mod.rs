//! The terminal face: clap types and one file a subcommand.

#[macro_use]
mod terminal;

pub mod analyze;
mod asked;
pub mod check;
pub mod compare;
pub mod doctor;
mod failure;
mod figures;
mod interrupt;
pub mod models;
mod progress;
pub mod quick;
pub mod report;
mod run;
pub mod selftest;
pub mod setup;
pub mod sweep;
pub mod tune;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::failure::Usage;
use self::run::Out;
use crate::engine::{self, server::supervisor};
use crate::settings::reference;

/// Which `mlx_lm.server` settings give the most tokens per second on this machine, provably
#[derive(Debug, Parser)]
#[command(
    version,
    after_long_help = reference::cli_help(),
    override_usage = "mlx-throughput-lab [FILE.csv | MODEL_FOLDER]\n       \
                      mlx-throughput-lab <COMMAND> [OPTIONS]"
)]
struct Arguments {
    /// Print the engine's events as JSON lines instead of figures
    #[arg(long, global = true)]
    events: bool,
    /// Open the window on a results file or a model's folder
    #[arg(value_name = "FILE.csv | MODEL_FOLDER")]
    file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// An answer in about a minute: sets up MLX, makes a model, sweeps, refines around the best
    Quick(quick::QuickArgs),
    /// A check that passes or fails: single, concurrent or round-robin
    Test(check::CheckArgs),
    /// Explore a grid of settings: concurrency, round-robin, full or custom
    Sweep(sweep::SweepArgs),
    /// Near the best cell of a grid, from a fraction of its cells
    Tune(tune::TuneArgs),
    /// Show the rows of a results file, sorted
    Analyze(analyze::AnalyzeArgs),
    /// Compare runs cell by cell, and say what else differs between them
    Compare(compare::CompareArgs),
    /// Write a run as an HTML report, a Markdown table, JSON, CSV or a picture
    Report(report::ReportArgs),
    /// List models, or make a synthetic one
    Models(models::ModelsArgs),
    /// Make the managed Python environment with MLX
    Setup(setup::SetupArgs),
    /// Say whether this machine is ready to measure, and what to mend
    Doctor(doctor::DoctorArgs),
    /// Measure this program's own load client: its ceiling, and how exact its instants are
    Selftest(selftest::SelftestArgs),
    /// Serve the self-test's streams until standard input ends
    #[command(hide = true)]
    SelftestServer { streams: u32 },
    /// Run a program, and end it when standard input ends
    #[command(hide = true)]
    Supervise {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// Runs what the process's arguments ask for; without a subcommand that is `window`.
pub fn main(window: impl FnOnce(Option<PathBuf>) -> ExitCode) -> ExitCode {
    let arguments = Arguments::parse();
    let Some(command) = arguments.command else {
        if let Some(file) = arguments.file.as_ref().filter(|file| !file.exists()) {
            let words = format!(
                "there is neither a file nor a command {}; --help lists the commands",
                file.display()
            );
            return failure::tell(&Usage(words).into());
        }
        return window(arguments.file);
    };
    // Before any runtime: the supervisor must stay as small as it can be.
    if let Command::Supervise { command } = &command {
        return match command.split_first() {
            Some((program, args)) => supervisor::supervise(program, args),
            None => ExitCode::from(failure::USAGE),
        };
    }
    if let Command::SelftestServer { streams } = &command {
        return selftest::serve(*streams);
    }
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("MLX_LAB_LOG"))
        .with_writer(std::io::stderr)
        // Told with `eprintln!`, which panics where standard error is gone.
        .log_internal_errors(false)
        .init();
    let out = if arguments.events {
        Out::Events
    } else {
        Out::Figures
    };
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    if matches!(command, Command::Selftest(_)) {
        // The client is measured as it measures.
        threads.worker_threads(engine::WORKERS);
    }
    let runtime = match threads.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::tell(&error.into()),
    };
    let done = runtime.block_on(async {
        match command {
            Command::Quick(args) => quick::run(&args, out).await,
            Command::Test(args) => check::run(&args, out).await,
            Command::Sweep(args) => sweep::run(&args, out).await,
            Command::Tune(args) => tune::run(&args, out).await,
            Command::Analyze(args) => analyze::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Models(args) => models::run(&args).await,
            Command::Setup(args) => setup::run(&args).await,
            Command::Doctor(args) => doctor::run(&args).await,
            Command::Selftest(args) => selftest::run(&args).await,
            Command::Supervise { .. } | Command::SelftestServer { .. } => Ok(ExitCode::SUCCESS),
        }
    });
    done.unwrap_or_else(|error| failure::tell(&error))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;
    use crate::plan::RunKind;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(["mlx-throughput-lab"].iter().chain(words))
    }

    fn sweep(words: &[&str]) -> sweep::SweepArgs {
        match parse(words).unwrap().command {
            Some(Command::Sweep(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_arguments_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_sweep_takes_flags_axes_and_pairs_in_any_order() {
        let args = sweep(&[
            "sweep",
            "custom",
            "--axis",
            "prefill-step-size=512|2048",
            "MLX_MAX_TOKENS=64",
            "--axis",
            "--draft-model=a|b",
            "--server-args",
            "--top-p=0.9,--pipeline",
            "--dry-run",
            "MLX_PROMPT=two words",
        ]);
        assert_eq!(
            args.axis,
            ["prefill-step-size=512|2048", "--draft-model=a|b"]
        );
        assert!(args.dry_run);
        assert_eq!(
            args.asked.server_args.as_deref(),
            Some("--top-p=0.9,--pipeline")
        );
        assert_eq!(
            args.asked.overrides,
            ["MLX_MAX_TOKENS=64", "MLX_PROMPT=two words"]
        );
    }

    #[test]
    fn events_may_be_asked_for_anywhere() {
        assert!(parse(&["--events", "quick"]).unwrap().events);
        assert!(parse(&["sweep", "full", "--events"]).unwrap().events);
    }

    #[test]
    fn what_is_no_command_is_a_file_for_the_window() {
        let arguments = parse(&["runs/a.csv"]).unwrap();
        assert_eq!(arguments.file, Some(PathBuf::from("runs/a.csv")));
        assert!(arguments.command.is_none());
        let arguments = parse(&["quick"]).unwrap();
        assert!(arguments.file.is_none() && arguments.command.is_some());
    }

    #[test]
    fn kinds_are_named_as_in_the_manual() {
        for (words, kind) in [
            (["test", "single"], RunKind::Single),
            (["test", "concurrent"], RunKind::Concurrent),
            (["test", "round-robin"], RunKind::RoundRobin),
            (["sweep", "concurrency"], RunKind::ConcurrencySweep),
            (["sweep", "round-robin"], RunKind::RoundRobinSweep),
            (["sweep", "full"], RunKind::FullSweep),
            (["sweep", "custom"], RunKind::CustomSweep),
            (["sweep", "rate"], RunKind::RateSweep),
            (["sweep", "control"], RunKind::ControlSweep),
        ] {
            let parsed = match parse(&words).unwrap().command {
                Some(Command::Test(args)) => args.kind.into(),
                Some(Command::Sweep(args)) => args.kind.map_or(RunKind::Quick, RunKind::from),
                other => panic!("{other:?}"),
            };
            assert_eq!(parsed, kind, "{words:?}");
        }
    }

    #[test]
    fn a_resumed_run_needs_no_kind_and_takes_no_axis() {
        assert!(sweep(&["sweep", "--resume", "a.csv"]).kind.is_none());
        for (words, kind) in [
            (&["sweep"][..], ErrorKind::MissingRequiredArgument),
            (
                &["sweep", "--resume", "a.csv", "--axis", "x=1"],
                ErrorKind::ArgumentConflict,
            ),
            (&["sweep", "half"], ErrorKind::InvalidValue),
        ] {
            let error = parse(words).unwrap_err();
            assert_eq!(error.kind(), kind, "{words:?}");
            assert_eq!(error.exit_code(), i32::from(failure::USAGE));
        }
    }
}
