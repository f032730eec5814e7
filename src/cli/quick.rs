//! `quick`: an answer in about a minute, on a machine where nothing was set up.

use std::process::ExitCode;

use super::run::{self, Out};
use super::session::{Asked, NoMlx, Session};
use crate::engine::event::{CellResult, CellStatus};
use crate::engine::source::{CellSource, Grid};
use crate::plan::{Cell, Plan, RunKind, quick};

#[derive(Debug, clap::Args)]
pub struct QuickArgs {
    #[command(flatten)]
    pub asked: Asked,
}

/// A coarse grid, then a few cells around its best.
struct Refining {
    plan: Plan,
    grid: Grid,
    refined: bool,
}

impl CellSource for Refining {
    fn next(&mut self, done: &[CellResult]) -> Option<Cell> {
        if let Some(cell) = self.grid.next(done) {
            return Some(cell);
        }
        if self.refined {
            return None;
        }
        self.refined = true;
        let valid: Vec<(Cell, f64)> = done
            .iter()
            .filter(|result| result.status == CellStatus::Ok)
            .filter_map(|result| Some((result.cell.clone(), result.throughput_tps()?)))
            .collect();
        self.grid = Grid::new(quick::refine(&self.plan, &valid));
        self.grid.next(done)
    }

    fn known(&self) -> Vec<Cell> {
        self.grid.known()
    }
}

/// # Errors
/// What was asked makes no sense, or the run cannot be started.
pub async fn run(args: &QuickArgs, out: Out) -> anyhow::Result<ExitCode> {
    let session = Session::open(&args.asked, NoMlx::SetUp).await?;
    let plan = session.plan(RunKind::Quick, &[])?;
    let recorder = session.record(&plan)?;
    eprintln!(
        "a short look: windows of a few seconds; `sweep` measures longer and says more surely"
    );
    let cells = Box::new(Refining {
        plan: plan.clone(),
        grid: Grid::new(plan.cells.clone()),
        refined: false,
    });
    run::run(&session, plan, cells, recorder, 0, out).await
}
