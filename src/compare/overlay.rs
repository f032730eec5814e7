//! One figure of several runs against one axis.

use std::collections::BTreeMap;

use super::grid::key;
use super::{AxisValues, Comparison, Figure, Measure};
use crate::board::Coordinate;
use crate::plan::Axis;

#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    pub x_name: String,
    /// The values across, of all runs, in ascending order; they stand evenly spaced.
    pub ticks: Vec<String>,
    /// What each [`OverlayLine::style`] stands for: "Decode concurrency 32". Empty where lines
    /// differ in nothing but their run.
    pub styles: Vec<String>,
    pub lines: Vec<OverlayLine>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OverlayLine {
    /// Position in [`Comparison::runs`].
    pub run: usize,
    /// Position in [`Overlay::styles`].
    pub style: usize,
    /// In ascending order of `tick`.
    pub points: Vec<OverlayPoint>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverlayPoint {
    /// Position in [`Overlay::ticks`].
    pub tick: usize,
    pub figure: Figure,
    /// Between it and the point before it, the run has a cell without a valid figure.
    pub after_gap: bool,
}

/// A run's cells along one line: where, and what it shows there.
type RunCells = Vec<(usize, Option<Figure>)>;

impl Comparison {
    /// `measure` against `x`: one line for each run and each value of `by`, at the `fixed` values
    /// of other axes. Without lines where an axis is not one of [`Comparison::axes`].
    pub fn overlay(
        &self,
        x: &Axis,
        by: Option<&Axis>,
        fixed: &[(Axis, Coordinate)],
        measure: &Measure,
    ) -> Overlay {
        let mut overlay = Overlay {
            x_name: String::new(),
            ticks: Vec::new(),
            styles: Vec::new(),
            lines: Vec::new(),
        };
        let Some(across) = self.axis(x) else {
            return overlay;
        };
        overlay.x_name = across.dimension().to_string();
        overlay.ticks = across.values.iter().map(ToString::to_string).collect();
        let by: Vec<&AxisValues> = by.and_then(|by| self.axis(by)).into_iter().collect();
        let fixed: Vec<(&AxisValues, &Coordinate)> = fixed
            .iter()
            .filter_map(|(axis, value)| Some((self.axis(axis)?, value)))
            .collect();
        let mut styles: BTreeMap<Vec<Coordinate>, Vec<RunCells>> = BTreeMap::new();
        for cell in &self.cells {
            if fixed.iter().any(|(axis, at)| cell.coordinate(axis) != *at) {
                continue;
            }
            let Ok(tick) = across.values.binary_search(cell.coordinate(across)) else {
                continue;
            };
            let lines = styles
                .entry(key(&by, cell))
                .or_insert_with(|| vec![Vec::new(); self.runs.len()]);
            for (run, points) in lines.iter_mut().enumerate() {
                if cell.sides[run].is_some() {
                    points.push((tick, self.figure(cell, run, measure)));
                }
            }
        }
        for (style, (key, lines)) in styles.into_iter().enumerate() {
            if let (Some(axis), Some(value)) = (by.first(), key.first()) {
                overlay.styles.push(format!("{} {value}", axis.dimension()));
            }
            let lines = lines
                .into_iter()
                .enumerate()
                .map(|(run, cells)| OverlayLine {
                    run,
                    style,
                    points: points(cells),
                });
            overlay
                .lines
                .extend(lines.filter(|line| !line.points.is_empty()));
        }
        overlay
    }
}

fn points(mut cells: RunCells) -> Vec<OverlayPoint> {
    cells.sort_by_key(|(tick, _)| *tick);
    let mut points = Vec::with_capacity(cells.len());
    let mut after_gap = false;
    for (tick, figure) in cells {
        match figure {
            Some(figure) => {
                points.push(OverlayPoint {
                    tick,
                    figure,
                    after_gap,
                });
                after_gap = false;
            }
            None => after_gap = true,
        }
    }
    points
}
