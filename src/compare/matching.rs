//! Which cells of several runs are the same combination.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ComparedRun;
use crate::board::{CellState, Coordinate, Dimension};
use crate::plan::Axis;
use crate::store::read::Origin;

/// An axis with every value that it takes in any of the runs, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisValues {
    pub axis: Axis,
    pub values: Vec<Coordinate>,
    /// Its place in [`MatchedCell::coordinates`].
    pub(super) position: usize,
}

impl AxisValues {
    pub fn varies(&self) -> bool {
        self.values.len() > 1
    }

    pub fn dimension(&self) -> Dimension {
        Dimension::Axis(self.axis.clone())
    }
}

/// One combination, and what each run has of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedCell {
    coordinates: Vec<Coordinate>,
    /// One a run, in the runs' order; `None` where the run has no such cell.
    pub sides: Vec<Option<Side>>,
}

impl MatchedCell {
    pub fn coordinate(&self, axis: &AxisValues) -> &Coordinate {
        self.coordinates
            .get(axis.position)
            .unwrap_or(&Coordinate::Default)
    }

    pub fn is_shared(&self) -> bool {
        self.sides.iter().flatten().count() > 1
    }
}

/// A run's part in a combination.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The finished repeats, by position in the board's entries.
    pub members: Vec<usize>,
    /// Done where any repeat is valid, else what became of the first.
    pub state: CellState,
}

/// The value of each cell of a run on each of its axes.
struct Placed {
    /// By axis; one that is absent has the default.
    coordinates: BTreeMap<Axis, Coordinate>,
    side: Side,
}

fn placed(run: &ComparedRun) -> Vec<Placed> {
    let board = &run.board;
    let dimensions = board.dimensions();
    let axes: Vec<(&Dimension, &Axis)> = dimensions
        .iter()
        .filter_map(|values| match &values.dimension {
            Dimension::Axis(axis) => Some((&values.dimension, axis)),
            Dimension::Repeat => None,
        })
        .collect();
    let combinations = board.combinations();
    combinations
        .filter_map(|members| {
            let state = |member: usize| board.state(member).unwrap_or(CellState::Waiting);
            let over = |member: &usize| state(*member).is_over();
            let members = members.iter().map(|member| *member as usize);
            let members: Vec<usize> = members.filter(over).collect();
            let first = *members.first()?;
            let done = members.iter().find(|m| state(**m) == CellState::Done);
            let coordinates = axes.iter().filter_map(|(dimension, axis)| {
                let coordinate = board.coordinate(first, dimension)?;
                Some(((*axis).clone(), coordinate.clone()))
            });
            Some(Placed {
                coordinates: coordinates.collect(),
                side: Side {
                    state: state(*done.unwrap_or(&first)),
                    members,
                },
            })
        })
        .collect()
}

/// The values that a run's cells take on an axis; `None` where its file cannot know them: another
/// lab's format without such a column.
fn values(run: &ComparedRun, placed: &[Placed], axis: &Axis) -> Option<BTreeSet<Coordinate>> {
    let of = |cell: &Placed| cell.coordinates.get(axis).cloned();
    let known = run.run.origin == Origin::Ours || placed.iter().any(|cell| of(cell).is_some());
    let all = placed
        .iter()
        .map(|cell| of(cell).unwrap_or(Coordinate::Default));
    known.then(|| all.collect())
}

/// Whether an axis tells cells apart. Lengths that no run varies do not: a run of other lengths is
/// worth comparing, with a warning. Nor does what some run cannot know, unless another varies it.
fn identifies(axis: &Axis, values: &[Option<BTreeSet<Coordinate>>]) -> bool {
    let varies = values.iter().flatten().any(|values| values.len() > 1);
    let is_length = matches!(axis, Axis::MaxTokens | Axis::PromptTokens);
    varies || !(is_length || values.iter().any(Option::is_none))
}

/// The axes that identify a cell, and every combination that a run has finished.
pub(super) fn matched(runs: &[Arc<ComparedRun>]) -> (Vec<AxisValues>, Vec<MatchedCell>) {
    let placed: Vec<Vec<Placed>> = runs.iter().map(|run| placed(run)).collect();
    let all: BTreeSet<&Axis> = placed
        .iter()
        .flatten()
        .flat_map(|cell| cell.coordinates.keys())
        .collect();
    let mut axes = Vec::new();
    for axis in all {
        let values: Vec<_> = runs
            .iter()
            .zip(&placed)
            .map(|(run, cells)| values(run, cells, axis))
            .collect();
        if identifies(axis, &values) {
            let union: BTreeSet<Coordinate> = values.into_iter().flatten().flatten().collect();
            axes.push(AxisValues {
                axis: axis.clone(),
                values: union.into_iter().collect(),
                position: axes.len(),
            });
        }
    }
    let mut cells: BTreeMap<Vec<Coordinate>, Vec<Option<Side>>> = BTreeMap::new();
    for (number, run) in placed.iter().enumerate() {
        for cell in run {
            let coordinate = |axis: &AxisValues| {
                let found = cell.coordinates.get(&axis.axis);
                found.cloned().unwrap_or(Coordinate::Default)
            };
            let key = axes.iter().map(coordinate).collect();
            let sides = cells.entry(key).or_insert_with(|| vec![None; runs.len()]);
            sides[number] = Some(cell.side.clone());
        }
    }
    let cells = cells
        .into_iter()
        .map(|(coordinates, sides)| MatchedCell { coordinates, sides });
    (axes, cells.collect())
}
