//! From a board's grid to what the heatmap draws.

use strum::IntoEnumIterator as _;

use super::widgets::heatmap::{
    CellId, CellInput, CellState, GridInput, HeatmapInput, HeatmapModel,
};
use crate::board::{Board, CellState as BoardState, GridCell, GridView, Layer};

/// The heatmap of `view`; made when the view changes, not when it is drawn.
pub fn model(board: &Board, view: &GridView) -> HeatmapModel {
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
                    .map(|cell| cell.as_ref().map(|cell| input(board, view.layer, cell)))
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
        Layer::TpotP50 => |figure| Layer::TpotP50.precise(figure),
        Layer::Errors => |figure| Layer::Errors.precise(figure),
        Layer::GpuBusy => |figure| Layer::GpuBusy.precise(figure),
        Layer::PeakMemory => |figure| Layer::PeakMemory.precise(figure),
    }
}

/// The entry of a cell, as the widget numbers it.
pub fn id(entry: usize) -> CellId {
    CellId(u32::try_from(entry).unwrap_or(u32::MAX))
}

pub fn input(board: &Board, layer: Layer, cell: &GridCell) -> CellInput {
    let state = match &cell.state {
        BoardState::Waiting => CellState::Waiting,
        BoardState::Running => CellState::Running {
            figure: cell.live_tps.filter(|_| layer == Layer::Throughput),
        },
        BoardState::Done => match cell.value {
            Some(value) => CellState::Done { value },
            // Measured, but this layer's sensor or percentile is missing.
            None => CellState::Skipped,
        },
        BoardState::Invalid(reason) => CellState::Invalid {
            reason: reason.clone(),
        },
        BoardState::Failed(word) => CellState::Failed { word: word.clone() },
        BoardState::Skipped => CellState::Skipped,
    };
    let details = Layer::iter().filter_map(|layer| {
        let row = board.entries().get(cell.entry)?.row.as_deref()?;
        let value = layer.value(row)?;
        let text = layer.with_interval(value, layer.interval(row));
        Some((layer.name().to_owned(), text))
    });
    let over_repeats = over_repeats(board, layer, cell);
    let details = over_repeats.into_iter().chain(details).collect();
    CellInput {
        id: id(cell.entry),
        settings: board.label(cell.entry),
        state,
        best: cell.best,
        details,
    }
}

/// Where the cell stands for several: their mean with its interval.
fn over_repeats(board: &Board, layer: Layer, cell: &GridCell) -> Option<(String, String)> {
    if cell.repeats.len() < 2 {
        return None;
    }
    let estimate = board.estimate(&cell.repeats, layer)?;
    let name = format!("{}, 95 % over {}", layer.name(), estimate.basis().text());
    let text = layer.with_interval(estimate.mean, estimate.interval);
    (estimate.repeats > 1).then_some((name, text))
}
