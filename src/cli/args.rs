//! What can be typed: subcommands, flags and `KEY=VALUE` words. Parsing only; running is in the
//! file of each subcommand.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plan::RunKind;
use crate::settings::overrides::Overrides;
use crate::settings::{SavedSettings, SettingError, Settings, Sources, Var, reference};

const SHORT_HELP: &str = "`--help` (long) lists every MLX_* setting with its meaning and default.";

/// Which `mlx_lm.server` settings give the most tokens per second on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "mlx-throughput-lab",
    version,
    after_help = SHORT_HELP,
    after_long_help = reference::cli_help(),
)]
pub struct Cli {
    /// Print the engine's event stream to stdout, one JSON object a line
    #[arg(long, global = true)]
    pub events: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// An answer in about a minute: a coarse sweep, then more cells around its best
    Quick(QuickArgs),
    /// A check that passes or fails, with one line of figures
    Test(TestArgs),
    /// Measure a grid of settings, one CSV row per cell
    Sweep(SweepArgs),
    // Subcommands with a file of their own (`cli/<name>.rs`) bring their own `<Name>Args`:
    // Analyze, Models, Setup, Doctor.
    /// Kill processes when the one that started us goes away (used by ourselves)
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

/// What every run takes.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Hugging Face repo, local model folder or `synthetic:NAME` [default: `MLX_MODEL_PATH`, else `synthetic:tiny`]
    #[arg(long, short, value_name = "MODEL")]
    pub model: Option<String>,

    /// Extra server arguments, comma-separated: --prefill-step-size=512,--top-p=0.9
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub server_args: Option<String>,

    /// Python interpreter that runs `mlx_lm.server`
    #[arg(long, value_name = "PATH")]
    pub python: Option<String>,

    /// Show cells, server starts, command lines and estimated time; start nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Settings for this run, as in `MLX_MAX_TOKENS=256`
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

impl RunArgs {
    /// The effective settings, or everything that is wrong with them, here and in the other
    /// sources. The environment and the saved settings come as data.
    pub fn settings(
        &self,
        environment: Vec<(String, String)>,
        saved: SavedSettings,
    ) -> Result<Settings, Vec<SettingError>> {
        let edited = [
            (Var::ModelPath, &self.model),
            (Var::ServerArgs, &self.server_args),
            (Var::Python, &self.python),
        ]
        .into_iter()
        .filter_map(|(var, text)| Some((var, text.clone()?)))
        .collect();
        let (overrides, mut errors) = Overrides::read(&self.overrides);
        let sources = Sources {
            edited,
            overrides,
            environment,
            saved,
        };
        match Settings::resolve(&sources) {
            Ok(settings) if errors.is_empty() => Ok(settings),
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = SHORT_HELP, after_long_help = reference::cli_help())]
pub struct QuickArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = SHORT_HELP, after_long_help = reference::cli_help())]
pub struct TestArgs {
    pub kind: CheckKind,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckKind {
    /// 1 server, 1 request
    Single,
    /// 1 server, many requests at once
    Concurrent,
    /// Several servers behind nginx, or addressed directly
    RoundRobin,
}

impl From<CheckKind> for RunKind {
    fn from(kind: CheckKind) -> Self {
        match kind {
            CheckKind::Single => Self::Single,
            CheckKind::Concurrent => Self::Concurrent,
            CheckKind::RoundRobin => Self::RoundRobin,
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = SHORT_HELP, after_long_help = reference::cli_help())]
pub struct SweepArgs {
    /// What is swept; a resumed run knows
    #[arg(required_unless_present = "resume")]
    pub kind: Option<SweepKind>,

    /// An axis and its values: concurrency=1..64x2, or any server flag: prefill-step-size=512|2048
    #[arg(long = "axis", value_name = "NAME=LIST", allow_hyphen_values = true)]
    pub axes: Vec<String>,

    /// Finish an interrupted run, given its CSV file; its own settings hold, not those given here
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,

    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SweepKind {
    /// decode × prompt concurrency on one server
    Concurrency,
    /// Tokens per request × requests in flight over several servers
    RoundRobin,
    /// Instances × decode × prompt × requests in flight
    Full,
    /// Any axes, given with --axis
    Custom,
}

impl From<SweepKind> for RunKind {
    fn from(kind: SweepKind) -> Self {
        match kind {
            SweepKind::Concurrency => Self::ConcurrencySweep,
            SweepKind::RoundRobin => Self::RoundRobinSweep,
            SweepKind::Full => Self::FullSweep,
            SweepKind::Custom => Self::CustomSweep,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct SuperviseArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// A check failed, or cells failed.
    Failed,
    /// Wrong usage; clap's own errors end so too.
    Usage,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    pub fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// The process environment as data. Names and values that are not UTF-8 are shown with `�`, so
/// that a path in such a value fails by name rather than silently.
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(key, value)| {
            (
                key.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["mlx-throughput-lab"].iter().chain(words))
    }

    fn sweep(words: &[&str]) -> SweepArgs {
        match parse(words).expect("valid").command {
            Some(Command::Sweep(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn claps_own_checks_pass() {
        Cli::command().debug_assert();
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
            "--axis=concurrency=1..64x2",
            "--server-args",
            "--top-p=0.9,--pipeline",
            "--dry-run",
            "MLX_PROMPT=two words",
            "--model",
            "synthetic:tiny",
        ]);
        assert_eq!(args.kind, Some(SweepKind::Custom));
        assert_eq!(
            args.axes,
            [
                "prefill-step-size=512|2048",
                "--draft-model=a|b",
                "concurrency=1..64x2"
            ]
        );
        assert!(args.run.dry_run);
        let settings = args
            .run
            .settings(Vec::new(), SavedSettings::default())
            .expect("valid values");
        assert_eq!(settings.text(Var::ModelPath), Some("synthetic:tiny"));
        assert_eq!(
            settings.text(Var::ServerArgs),
            Some("--top-p=0.9,--pipeline")
        );
        assert_eq!(settings.text(Var::Prompt), Some("two words"));
        assert_eq!(settings.int(Var::MaxTokens), Some(64));
    }

    #[test]
    fn mistakes_of_all_sources_are_told_together() {
        let args = sweep(&["sweep", "full", "MLX_MAX_TOKEN=1", "MLX_STREAM=maybe"]);
        let environment = vec![("MLX_REPEATS".to_owned(), "0".to_owned())];
        let errors = args
            .run
            .settings(environment, SavedSettings::default())
            .expect_err("three mistakes");
        for name in ["MLX_MAX_TOKENS?", "MLX_STREAM", "MLX_REPEATS"] {
            assert!(
                errors.iter().any(|e| e.to_string().contains(name)),
                "{name}: {errors:?}"
            );
        }
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
        ] {
            let parsed = match parse(&words).expect("valid").command {
                Some(Command::Test(args)) => args.kind.into(),
                Some(Command::Sweep(args)) => args.kind.map_or(RunKind::Quick, RunKind::from),
                other => panic!("{other:?}"),
            };
            assert_eq!(parsed, kind, "{words:?}");
        }
    }

    #[test]
    fn a_resumed_run_needs_no_kind() {
        assert!(sweep(&["sweep", "--resume", "a.csv"]).kind.is_none());
        assert_eq!(
            sweep(&["sweep", "full", "--resume", "a.csv"]).kind,
            Some(SweepKind::Full)
        );
        for (words, kind) in [
            (&["sweep"][..], ErrorKind::MissingRequiredArgument),
            (&["sweep", "half"], ErrorKind::InvalidValue),
            (&["test"], ErrorKind::MissingRequiredArgument),
            (&["swep"], ErrorKind::InvalidSubcommand),
        ] {
            let error = parse(words).expect_err("wrong usage");
            assert_eq!(error.kind(), kind, "{words:?}");
            assert_eq!(error.exit_code(), i32::from(Exit::Usage.status()));
        }
    }

    #[test]
    fn events_may_stand_anywhere_and_supervise_is_hidden() {
        assert!(parse(&["--events", "quick"]).expect("valid").events);
        assert!(parse(&["quick", "--events"]).expect("valid").events);
        let supervised = parse(&["supervise", "--x", "1", "-y"]).expect("valid");
        match supervised.command {
            Some(Command::Supervise(args)) => assert_eq!(args.args, ["--x", "1", "-y"]),
            other => panic!("{other:?}"),
        }
        let help = Cli::command().render_long_help().to_string();
        assert!(!help.contains("supervise"));
        assert!(help.contains("MLX_DECODE_CONCURRENCY_LIST"));
    }
}
