//! Matched cells along two axes, with small multiples over the rest.

use std::collections::BTreeMap;

use super::{AxisValues, Comparison, MatchedCell};
use crate::board::Coordinate;
use crate::plan::Axis;

#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceGrid {
    pub x_name: String,
    pub y_name: String,
    pub columns: Vec<String>,
    pub rows: Vec<String>,
    pub groups: Vec<GridGroup>,
}

/// One small multiple.
#[derive(Debug, Clone, PartialEq)]
pub struct GridGroup {
    /// "Instances 2"; empty where there is but one group.
    pub heading: String,
    /// Row after row, by position in [`Comparison::cells`]; `None` where no run has such a cell.
    pub cells: Vec<Option<usize>>,
}

impl Comparison {
    pub fn axis(&self, axis: &Axis) -> Option<&AxisValues> {
        self.axes.iter().find(|values| values.axis == *axis)
    }

    /// The two axes to show first: across what loads the servers, down what they were started
    /// with. `None` where fewer than two axes identify a cell.
    pub fn default_axes(&self) -> Option<(Axis, Axis)> {
        const ACROSS: [Axis; 4] = [
            Axis::Concurrency,
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::MaxTokens,
        ];
        const DOWN: [Axis; 4] = [
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::Instances,
            Axis::MaxTokens,
        ];
        let pick = |order: &[Axis], taken: Option<&Axis>| {
            let free: Vec<&AxisValues> = self
                .axes
                .iter()
                .filter(|values| Some(&values.axis) != taken)
                .collect();
            let place = |values: &&&AxisValues| {
                let preferred = order.iter().position(|axis| *axis == values.axis);
                (!values.varies(), preferred.unwrap_or(order.len()))
            };
            free.iter()
                .min_by_key(place)
                .map(|values| values.axis.clone())
        };
        let x = pick(&ACROSS, None)?;
        let y = pick(&DOWN, Some(&x))?;
        Some((x, y))
    }

    /// Without groups where an axis is not one of [`Comparison::axes`], or both are the same.
    pub fn grid(&self, x: &Axis, y: &Axis) -> DifferenceGrid {
        let mut grid = DifferenceGrid {
            x_name: String::new(),
            y_name: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            groups: Vec::new(),
        };
        let (Some(across), Some(down)) = (self.axis(x), self.axis(y)) else {
            return grid;
        };
        if x == y {
            return grid;
        }
        grid.x_name = across.dimension().to_string();
        grid.y_name = down.dimension().to_string();
        grid.columns = labels(across);
        grid.rows = labels(down);
        let size = grid.columns.len() * grid.rows.len();
        let mut groups: BTreeMap<Vec<Coordinate>, Vec<Option<usize>>> = BTreeMap::new();
        let rest = self.rest(&[x, y]);
        for (number, cell) in self.cells.iter().enumerate() {
            let at = |axis: &AxisValues| axis.values.binary_search(cell.coordinate(axis));
            let (Ok(column), Ok(row)) = (at(across), at(down)) else {
                continue;
            };
            let cells = groups
                .entry(key(&rest, cell))
                .or_insert_with(|| vec![None; size]);
            cells[row * grid.columns.len() + column] = Some(number);
        }
        let groups = groups.into_iter().map(|(key, cells)| GridGroup {
            heading: heading(&rest, &key),
            cells,
        });
        grid.groups = groups.collect();
        grid
    }

    /// The axes that vary, without these.
    pub(super) fn rest(&self, without: &[&Axis]) -> Vec<&AxisValues> {
        let rest = self.axes.iter().filter(|values| values.varies());
        rest.filter(|values| !without.contains(&&values.axis))
            .collect()
    }
}

fn labels(axis: &AxisValues) -> Vec<String> {
    axis.values.iter().map(ToString::to_string).collect()
}

pub(super) fn key(axes: &[&AxisValues], cell: &MatchedCell) -> Vec<Coordinate> {
    let coordinates = axes.iter().map(|axis| cell.coordinate(axis).clone());
    coordinates.collect()
}

/// "Instances 2 · Decode concurrency 32".
pub(super) fn heading(axes: &[&AxisValues], key: &[Coordinate]) -> String {
    let parts = axes
        .iter()
        .zip(key)
        .map(|(axis, value)| format!("{} {value}", axis.dimension()));
    parts.collect::<Vec<_>>().join(" · ")
}
