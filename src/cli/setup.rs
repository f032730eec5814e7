//! `setup`: makes the managed environment, or reuses it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::failure::Interrupted;
use super::interrupt::cancellable;
use crate::platform::dirs;
use crate::python::Interpreter;
use crate::python::managed::{Options, Progress, SetupError, ensure_with};

/// Make a Python environment with mlx and mlx-lm for this app, or check the one that is there.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SetupArgs {
    /// Make it anew even if it is whole
    #[arg(long)]
    pub force: bool,
    /// The Python (3.11 or newer) to make it from
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
}

/// Prints the environment's Python on standard output.
pub async fn run(args: &SetupArgs) -> anyhow::Result<ExitCode> {
    let made = cancellable(async |cancel| make(args, &cancel).await).await?;
    show!("{}", made?);
    Ok(ExitCode::SUCCESS)
}

/// The managed environment's Python, made if need be with progress on stderr. A cancel leaves
/// nothing behind.
pub async fn make(args: &SetupArgs, cancel: &CancellationToken) -> anyhow::Result<Interpreter> {
    let dir = dirs::environment_dir()
        .context("this user has no home folder (HOME), so there is no place for an environment")?;
    let options = Options {
        dir,
        force: args.force,
        base: args.python.clone(),
    };
    let show = Show::new();
    let made = ensure_with(&options, &|step| show.step(step), cancel).await;
    drop(show);
    match made {
        Err(SetupError::Cancelled) => Err(Interrupted.into()),
        made => Ok(made?),
    }
}

/// Progress on stderr: a spinner with the latest line on a terminal, every line in a pipe.
pub(super) struct Show(Option<ProgressBar>);

impl Show {
    pub(super) fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        }))
    }

    pub(super) fn step(&self, step: Progress) {
        // A step stays on the screen; the lines of an installer replace one another.
        let passing = matches!(step, Progress::Installing { .. });
        let Some(text) = words(step) else { return };
        match &self.0 {
            None => say!("setup: {text}"),
            Some(bar) if passing => bar.set_message(text),
            Some(bar) => {
                bar.println(format!("setup: {text}"));
                bar.set_message(text);
            }
        }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn words(step: Progress) -> Option<String> {
    Some(match step {
        Progress::Waiting => "waiting for another process that is making it".to_owned(),
        Progress::Finding => "looking for a Python to make it from".to_owned(),
        Progress::CreatingVenv { python } => format!("making a virtual environment from {python}"),
        Progress::Installing { line } => line,
        Progress::Retrying { reason } => format!("trying once more after: {reason}"),
        Progress::Checking => "starting the server once to check it".to_owned(),
        Progress::Done { reused: false } => "done".to_owned(),
        // Nothing to wait for, nothing to say.
        Progress::Done { reused: true } => return None,
    })
}
