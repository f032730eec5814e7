//! `test`: a quick run that passes or fails.

use std::process::ExitCode;

use super::asked::{self, Asked};
use super::run::{self, Out};
use crate::plan::RunKind;
use crate::session::NoMlx;
use crate::session::cells::{self, Earlier};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckKind {
    /// One server, one request
    Single,
    /// One server, many requests
    Concurrent,
    /// Several servers, behind nginx or directly
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

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    pub kind: CheckKind,
    #[command(flatten)]
    pub asked: Asked,
}

/// # Errors
/// What was asked makes no sense, or the run cannot be started.
pub async fn run(args: &CheckArgs, out: Out) -> anyhow::Result<ExitCode> {
    let session = args.asked.open(NoMlx::Tell).await?;
    let plan = asked::plan(&session, args.kind.into(), &[])?;
    let recorder = session.record(&plan)?;
    let cells = cells::all(&plan);
    run::run(&session, plan, cells, recorder, Earlier::default(), out).await
}
