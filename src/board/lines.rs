//! A board as lines: one figure against one dimension.

use std::collections::BTreeMap;

use super::figures::Figures;
use super::{Board, CellState, Dimension, Estimate, Layer, mean};

/// What a line chart draws.
#[derive(Debug, Clone, PartialEq)]
pub struct LinesView {
    pub layer: Layer,
    pub x_name: String,
    /// The values of the dimension across, in ascending order. They stand evenly spaced, so that
    /// 1, 2, 4, ... 256 is as easy to read as 8, 16, 24.
    pub ticks: Vec<String>,
    /// One for each combination of the other dimensions that vary, in their order.
    pub lines: Vec<RunLine>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RunLine {
    /// "Instances 2 · Decode concurrency 32"; empty where there is but one line.
    pub label: String,
    /// In ascending order of `tick`; a combination without a valid figure is a gap.
    pub points: Vec<LinePoint>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinePoint {
    /// Position in [`LinesView::ticks`].
    pub tick: usize,
    /// Averaged over the valid repeats, in the layer's unit, with its interval.
    pub estimate: Estimate,
    /// Position in [`Board::entries`] of the first of them.
    pub entry: usize,
}

impl Board {
    /// `layer` against `x`, valid cells only. Without lines where the board lacks the dimension.
    pub fn lines(&self, x: &Dimension, layer: Layer) -> LinesView {
        let mut view = LinesView {
            layer,
            x_name: x.to_string(),
            ticks: Vec::new(),
            lines: Vec::new(),
        };
        let Some((x, values)) = self.dimension(x) else {
            return view;
        };
        view.ticks = values.values.iter().map(ToString::to_string).collect();
        let rest: Vec<usize> = (0..self.dimensions.len() - 1)
            .filter(|&d| d != x && self.dimensions[d].varies())
            .collect();
        let figures = self.figures(layer);
        let mut lines: BTreeMap<Vec<u32>, BTreeMap<usize, LinePoint>> = BTreeMap::new();
        for members in self.combinations.iter() {
            let Some(&first) = members.first() else {
                continue;
            };
            let place = |dimension| self.place(first as usize, dimension);
            let key: Vec<u32> = rest.iter().map(|&d| place(d)).collect();
            let points = lines.entry(key).or_default();
            let valid = self.valid(members, &figures);
            let entry = valid.first().map(|(entry, _)| *entry);
            if let Some((entry, estimate)) = entry.zip(self.of_valid(&valid, layer)) {
                let tick = place(x) as usize;
                points.insert(
                    tick,
                    LinePoint {
                        tick,
                        estimate,
                        entry,
                    },
                );
            }
        }
        view.lines = lines
            .into_iter()
            .filter(|(_, points)| !points.is_empty())
            .map(|(key, points)| RunLine {
                label: self.heading(&rest, &key),
                points: points.into_values().collect(),
            })
            .collect();
        view
    }

    /// The first valid repeat, and the mean figure over all valid ones.
    pub(super) fn valid_figure(&self, members: &[u32], figures: &Figures) -> Option<(usize, f64)> {
        let valid = self.valid(members, figures);
        let (entry, _) = *valid.first()?;
        Some((entry, mean(valid.iter().map(|(_, value)| *value))?))
    }

    /// The valid ones among these repeats, with their figures.
    fn valid(&self, members: &[u32], figures: &Figures) -> Vec<(usize, f64)> {
        let members = members.iter().map(|member| *member as usize);
        members
            .filter(|&member| self.states[member] == CellState::Done)
            .filter_map(|member| Some((member, figures.get(member)?)))
            .collect()
    }
}

impl LinesView {
    /// What the bars at its points are, in words; `None` where no point has one.
    pub fn bars(&self) -> Option<String> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let mut with_interval = points.filter(|point| point.estimate.interval.is_some());
        let first = with_interval.next()?.estimate.basis();
        let alike = with_interval.all(|point| point.estimate.basis() == first);
        let stands_on = if alike {
            first.text()
        } else {
            "over repeats, or within one window".to_owned()
        };
        Some(format!("bars: 95 % intervals, {stands_on}"))
    }
}
