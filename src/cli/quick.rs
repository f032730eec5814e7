//! `quick`: an answer in about a minute, on a machine where nothing was set up.

use std::process::ExitCode;

use super::asked::{self, Asked};
use super::run::{self, Out};
use crate::plan::RunKind;
use crate::session::NoMlx;
use crate::session::cells::{self, Earlier};

#[derive(Debug, clap::Args)]
pub struct QuickArgs {
    #[command(flatten)]
    pub asked: Asked,
}

/// # Errors
/// What was asked makes no sense, or the run cannot be started.
pub async fn run(args: &QuickArgs, out: Out) -> anyhow::Result<ExitCode> {
    let session = args.asked.open(NoMlx::SetUp).await?;
    let plan = asked::plan(&session, RunKind::Quick, &[])?;
    let recorder = session.record(&plan)?;
    say!("a short look: windows of a few seconds; `sweep` measures longer and says more surely");
    let cells = cells::all(&plan);
    run::run(&session, plan, cells, recorder, Earlier::default(), out).await
}
