//! What differs between runs, beside their figures.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::matching::{AxisValues, MatchedCell, Side};
use super::traits::{TRAITS, Trait};
use super::{ComparedRun, Figure};
use crate::board::Coordinate;
use crate::store::row::CellRow;

/// Mean output lengths further apart than this are not compared silently (measurement rule 4).
const LENGTHS_APART: f64 = 0.05;
const NOT_STORED: &str = "not stored";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It could explain a delta.
    Warning,
    Info,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// "mlx-lm", "Prompt".
    pub what: String,
    /// One a run, in the runs' order, ready to be read.
    pub values: Vec<String>,
    pub level: Level,
    /// Why it could explain a delta, as a sentence.
    pub why: String,
}

/// Everything that differs, warnings first. A run beside itself differs in nothing.
pub(super) fn between(
    runs: &[Arc<ComparedRun>],
    axes: &[AxisValues],
    cells: &[MatchedCell],
) -> Vec<Difference> {
    let files: BTreeSet<&Path> = runs.iter().map(|run| run.run.path.as_path()).collect();
    if files.len() < 2 {
        return Vec::new();
    }
    let mut found: Vec<Difference> = TRAITS
        .iter()
        // Lengths that tell cells apart are compared cell by cell.
        .filter(|which| {
            !axes
                .iter()
                .any(|axis| axis.dimension().to_string() == which.what)
        })
        .filter_map(|which| differs(which, runs))
        .collect();
    found.extend(
        axes.iter()
            .filter_map(|axis| apart(axis, runs.len(), cells)),
    );
    found.extend(output_lengths(runs, cells));
    found.sort_by_key(|difference| difference.level);
    found
}

fn differs(which: &Trait, runs: &[Arc<ComparedRun>]) -> Option<Difference> {
    let values: Vec<Option<String>> = runs.iter().map(|run| (which.of)(run)).collect();
    let known: BTreeSet<&String> = values.iter().flatten().collect();
    // What all lack, or all did wrong, can be a reason too.
    let of_all = match which.what {
        "Metadata" => known.iter().any(|value| *value == "none"),
        "Decode and prompt axes" => known.iter().any(|value| *value == "not applied"),
        _ => false,
    };
    // A run without any metadata is told of once, not again for each thing that it lacks.
    let untold = runs
        .iter()
        .zip(&values)
        .any(|(run, value)| value.is_none() && run.run.metadata.is_some());
    let level = match known.len() {
        _ if of_all => which.level,
        1 if untold => Level::Info,
        0 | 1 => return None,
        _ => which.level,
    };
    Some(Difference {
        what: which.what.to_owned(),
        values: values
            .into_iter()
            .map(|value| value.unwrap_or_else(|| NOT_STORED.to_owned()))
            .collect(),
        level,
        why: which.why.to_owned(),
    })
}

/// An axis on which some run shares no value with any other: none of its cells can be matched.
fn apart(axis: &AxisValues, runs: usize, cells: &[MatchedCell]) -> Option<Difference> {
    let values: Vec<BTreeSet<&Coordinate>> = (0..runs)
        .map(|run| {
            let of_run = cells.iter().filter(|cell| cell.sides[run].is_some());
            of_run.map(|cell| cell.coordinate(axis)).collect()
        })
        .collect();
    let alone = |run: &usize| {
        let mut others = values.iter().enumerate().filter(|(other, _)| other != run);
        others.all(|(_, other)| other.is_disjoint(&values[*run]))
    };
    (0..runs).any(|run| alone(&run)).then(|| Difference {
        what: axis.dimension().to_string(),
        values: values
            .iter()
            .map(|values| {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                values.join(", ")
            })
            .collect(),
        level: Level::Warning,
        why: "No value is shared, so that these cells are not matched.".to_owned(),
    })
}

/// Mean output lengths over the cells that all runs measured, each cell counting as much as any
/// other, where they are too far apart.
fn output_lengths(runs: &[Arc<ComparedRun>], cells: &[MatchedCell]) -> Option<Difference> {
    let figures: Vec<Vec<Option<f64>>> = cells
        .iter()
        .map(|cell| {
            let sides = runs.iter().zip(&cell.sides);
            let mean = |(run, side): (&Arc<ComparedRun>, &Option<Side>)| {
                let members = &side.as_ref()?.members;
                let length = |row: &CellRow| row.mean_output_tokens;
                Figure::of(&run.board, members, length, |_| None).map(|f| f.mean)
            };
            sides.map(mean).collect()
        })
        .collect();
    let tells = |run: usize| figures.iter().any(|cell| cell[run].is_some());
    let telling: Vec<usize> = (0..runs.len()).filter(|&run| tells(run)).collect();
    let mut sums = vec![(0.0, 0_u32); runs.len()];
    for cell in figures {
        if telling.iter().all(|&run| cell[run].is_some()) {
            for (sum, figure) in sums.iter_mut().zip(cell) {
                if let Some(figure) = figure {
                    *sum = (sum.0 + figure, sum.1 + 1);
                }
            }
        }
    }
    let means: Vec<Option<f64>> = sums
        .into_iter()
        .map(|(sum, n)| (n > 0).then(|| sum / f64::from(n)))
        .collect();
    let known = || means.iter().flatten().copied();
    let (least, most) = (
        known().fold(f64::INFINITY, f64::min),
        known().fold(f64::NEG_INFINITY, f64::max),
    );
    (most > least * (1.0 + LENGTHS_APART)).then(|| Difference {
        what: "Mean output length".to_owned(),
        values: means
            .into_iter()
            .map(|mean| {
                mean.map_or_else(|| NOT_STORED.to_owned(), |mean| format!("{mean:.1} tokens"))
            })
            .collect(),
        level: Level::Warning,
        why: "Answers of other lengths are other work: more than 5 % apart.".to_owned(),
    })
}
