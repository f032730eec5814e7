//! `tune`: near the best cell of a grid, from a fraction of its cells.

use std::path::PathBuf;
use std::process::ExitCode;

use super::asked::{self, Asked};
use super::run::{self, Out};
use super::sweep;
use crate::engine::event::CellResult;
use crate::plan::{Plan, RunKind};
use crate::session::NoMlx;
use crate::session::cells::{self, Earlier};
use crate::session::tuning;
use crate::settings::Var;
use crate::units::Secs;

#[derive(Debug, clap::Args)]
pub struct TuneArgs {
    #[command(flatten)]
    pub asked: Asked,
    /// An axis and its values, beside those of the full sweep or in their place: concurrency=1..64x2,
    /// or any flag: prefill-step-size='512|2048'
    #[arg(long, value_name = "NAME=LIST", allow_hyphen_values = true)]
    pub axis: Vec<String>,
    /// Only cells whose TTFT p95 is under so many milliseconds may be the best (`MLX_TTFT_LIMIT_MS`)
    #[arg(long, value_name = "MS")]
    pub ttft_p95_under: Option<String>,
    /// Minutes that all of it may take (`MLX_TUNE_BUDGET_MIN`)
    #[arg(long, value_name = "MINUTES")]
    pub within: Option<String>,
    /// Show the grid, the time and the first command lines; start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Go on with an interrupted run; what it has measured counts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["axis", "dry_run", "ttft_p95_under", "within"])]
    pub resume: Option<PathBuf>,
}

/// # Errors
/// What was asked makes no sense, or the run cannot be started.
pub async fn run(args: &TuneArgs, out: Out) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.resume {
        return sweep::resume(&args.asked, file, out).await;
    }
    let mut asked = args.asked.clone();
    for (var, text) in [
        (Var::TtftLimit, &args.ttft_p95_under),
        (Var::TuneBudget, &args.within),
    ] {
        if let Some(text) = text {
            asked.edited.push((var, text.clone()));
        }
    }
    let session = asked.open(NoMlx::Tell).await?;
    let plan = asked::plan(&session, RunKind::Tune, &args.axis)?;
    if args.dry_run {
        show!("{}", sweep::dry_run(&session, &plan).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let recorder = session.record(&plan)?;
    let cells = cells::all(&plan);
    run::run(&session, plan, cells, recorder, Earlier::default(), out).await
}

/// What is said where no cell is within the limit of a search: the one that is least over it.
pub fn no_best(plan: &Plan, earlier: &Earlier, done: &[CellResult]) -> Option<String> {
    let limit_ms = plan.tune?.ttft_limit_ms?;
    let nearest = tuning::nearest_to_limit(plan, &earlier.rows, done);
    let nearest = nearest.map_or_else(String::new, |(cell, ttft_s, tps)| {
        format!(
            "; the nearest is {cell} with {} at {tps:.1} tokens/s",
            Secs(ttft_s)
        )
    });
    Some(format!(
        "no cell has a TTFT p95 under {limit_ms} ms{nearest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::{Flag, FlagKind};
    use crate::plan::TuneRule;
    use crate::store::testing;

    #[test]
    fn where_nothing_is_within_the_limit_the_nearest_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut plan = testing::plan(dir.path(), 3);
        assert_eq!(no_best(&plan, &Earlier::default(), &[]), None);
        plan.tune = Some(TuneRule {
            most_cells: 6,
            of_cells: 3,
            ttft_limit_ms: Some(20.0),
            budget_s: None,
            seed: 0,
        });
        let done: Vec<CellResult> = [0.9, 0.3, 0.5]
            .into_iter()
            .zip(&plan.cells)
            .map(|(ttft_s, cell)| {
                let mut result = testing::result(cell);
                result.flags = vec![Flag {
                    kind: FlagKind::OverTtftLimit,
                    detail: String::new(),
                }];
                if let Some(figures) = &mut result.figures {
                    figures.ttft.p95_s = Some(ttft_s);
                }
                result
            })
            .collect();
        assert!(Earlier::default().ranking(&done).is_none());
        let text = no_best(&plan, &Earlier::default(), &done).expect("a text");
        let nearest = format!("the nearest is {} with {}", plan.cells[1], Secs(0.3));
        assert!(
            text.contains("under 20 ms") && text.contains(&nearest),
            "{text}"
        );
    }
}
