//! From a board's grid to what the heatmap draws.

use std::borrow::Cow;

use strum::IntoEnumIterator as _;

use super::widgets::heatmap::{
    CellId, CellState, GridInput, HeatCell, HeatmapInput, HeatmapModel, Words,
};
use crate::board::{Board, CellState as BoardState, GridCell, GridView, Layer};

/// The heatmap of `view`; made when the view changes, not when it is drawn.
pub fn model(view: &GridView) -> HeatmapModel {
    let several = view.groups.len() > 1;
    HeatmapModel::new(HeatmapInput {
        layer: view.layer.name().to_owned(),
        unit: view.layer.unit().to_owned(),
        x_title: view.x_name.clone(),
        y_title: view.y_name.clone(),
        lower_is_better: !view.layer.better_is_higher(),
        format: formatter(view.layer),
        grids: view
            .groups
            .iter()
            .map(|group| GridInput {
                heading: several.then(|| group.heading.clone()),
                columns: view.columns.clone(),
                rows: view.rows.clone(),
                cells: group
                    .cells
                    .iter()
                    .map(|cell| cell.as_ref().map(|found| cell_of(view.layer, found)))
                    .collect(),
            })
            .collect(),
    })
}

/// The widget takes a plain function, which cannot hold the layer: one for each number of digits.
fn formatter(layer: Layer) -> fn(f64) -> String {
    match layer {
        Layer::Throughput | Layer::PerUser => |figure| Layer::Throughput.precise(figure),
        Layer::TtftP50 | Layer::TtftP95 | Layer::E2eP50 => |figure| Layer::TtftP50.precise(figure),
        Layer::Goodput => |figure| Layer::Goodput.precise(figure),
        Layer::TpotP50 => |figure| Layer::TpotP50.precise(figure),
        Layer::Errors => |figure| Layer::Errors.precise(figure),
        Layer::Energy => |figure| Layer::Energy.precise(figure),
        Layer::GpuBusy => |figure| Layer::GpuBusy.precise(figure),
        Layer::PeakMemory => |figure| Layer::PeakMemory.precise(figure),
    }
}

/// The entry of a cell, as the widget numbers it.
pub fn id(entry: usize) -> CellId {
    CellId(u32::try_from(entry).unwrap_or(u32::MAX))
}

pub fn cell_of(layer: Layer, cell: &GridCell) -> HeatCell {
    let state = match cell.state {
        BoardState::Waiting => CellState::Waiting,
        BoardState::Running => CellState::Running {
            figure: cell.live_tps.filter(|_| layer == Layer::Throughput),
        },
        BoardState::Done => match cell.value {
            Some(value) => CellState::Done { value },
            // Measured, but this layer's sensor or percentile is missing.
            None => CellState::Skipped,
        },
        BoardState::Invalid(why) => CellState::Invalid {
            reason: Cow::Borrowed(why.text()),
        },
        BoardState::Failed(why) => CellState::Failed {
            word: Cow::Borrowed(why.text()),
        },
        BoardState::Skipped => CellState::Skipped,
        BoardState::NotNeeded => CellState::Open,
        BoardState::OverLimit => match cell.value {
            Some(value) => CellState::Beyond { value },
            None => CellState::Skipped,
        },
    };
    HeatCell {
        id: id(cell.entry),
        state,
        best: cell.best,
    }
}

/// What is said of the cells of a board.
pub struct OfBoard<'a>(pub &'a Board);

impl Words for OfBoard<'_> {
    fn settings(&self, cell: CellId) -> String {
        self.0.label(cell.0 as usize)
    }

    fn details(&self, cell: CellId) -> Vec<(String, String)> {
        let row = self.0.entry(cell.0 as usize).and_then(|entry| entry.row());
        let layers = row.iter().flat_map(|row| {
            Layer::iter().filter_map(|layer| Some((layer.name().to_owned(), layer.text(row)?)))
        });
        over_repeats(self.0, cell)
            .into_iter()
            .chain(layers)
            .collect()
    }
}

/// Where the cell stands for several: the mean of their throughput, with its interval.
fn over_repeats(board: &Board, cell: CellId) -> Option<(String, String)> {
    let repeats = board.repeats(cell.0 as usize);
    let estimate = board.estimate(repeats, Layer::Throughput)?;
    let name = format!("Over {}", estimate.basis().text());
    let text = Layer::Throughput.with_interval(estimate.mean, estimate.interval);
    (estimate.repeats > 1).then_some((name, text))
}
