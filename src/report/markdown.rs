//! A run as a Markdown table, to paste into a forum or an issue.

use std::fmt::Write as _;

use super::document::Document;
use super::escape;
use crate::board::{CellState, Dimension, DimensionValues, Entry, Layer};
use crate::wording::capitalised;

const FIGURES: [Layer; 7] = [
    Layer::Throughput,
    Layer::TtftP50,
    Layer::TpotP50,
    Layer::E2eP50,
    Layer::Goodput,
    Layer::Energy,
    Layer::Errors,
];

/// What varies, then the figures that were measured; the rows of the best combination in bold. Above it what was
/// measured, below it where and with what.
pub fn table(document: &Document<'_>) -> String {
    let board = &document.board;
    let mut text = format!("**{}**\n\n", escape::markdown(&document.headline()));
    let warnings = document.run.caution.into_iter().map(str::to_owned);
    let missing = document.missing().into_iter();
    for warning in warnings
        .chain(document.run.problems.iter().cloned())
        .chain(missing)
    {
        let _ = writeln!(text, "> {}\n", escape::markdown(&warning));
    }
    let dimensions = columns(document);
    let known = board.layers();
    let layers: Vec<Layer> = FIGURES
        .into_iter()
        .filter(|layer| *layer == Layer::Throughput || known.contains(layer))
        .collect();
    let mut head: Vec<String> = dimensions
        .iter()
        .map(|values| escape::markdown(&values.dimension.to_string()))
        .collect();
    head.extend(layers.iter().map(|layer| match layer {
        Layer::Errors => layer.name().to_owned(),
        _ => format!("{} ({})", layer.name(), layer.unit()),
    }));
    line(&mut text, &head);
    line(&mut text, &vec!["---:".to_owned(); head.len()]);
    for (position, entry) in board.entries().enumerate() {
        if !entry.has_row() {
            continue;
        }
        let mut cells: Vec<String> = dimensions
            .iter()
            .map(|values| board.coordinate(position, &values.dimension))
            .map(|value| value.map(ToString::to_string).unwrap_or_default())
            .collect();
        cells.extend(layers.iter().map(|layer| figure(&entry, *layer)));
        let bold = board.is_best(position);
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| escape::markdown(cell))
            .map(|cell| {
                if bold && !cell.is_empty() {
                    format!("**{cell}**")
                } else {
                    cell
                }
            })
            .collect();
        line(&mut text, &cells);
    }
    if let Some(best) = document.best() {
        let _ = writeln!(text, "\n{}", escape::markdown(&format!("Best: {best}")));
    }
    let goodput = document.fact("Most goodput");
    let goodput = goodput.map(|goodput| format!("Most goodput {goodput}"));
    let found = ["Saturation", "Taxes"].map(|name| document.fact(name).map(capitalised));
    for line in found.into_iter().flatten().chain(goodput) {
        let _ = writeln!(text, "\n{}", escape::markdown(&line));
    }
    if let Some(ties) = board.tied_with() {
        let _ = writeln!(text, "\n{}", escape::markdown(&capitalised(&ties)));
    }
    if let Some(about) = document.about_intervals() {
        let _ = writeln!(text, "\n{}", escape::markdown(&about));
    }
    if let Some(about) = document.about_energy() {
        let _ = writeln!(text, "\n{}", escape::markdown(&about));
    }
    if let Some(client) = document.fact("Load client") {
        let about = format!("Load client, without a model: {client}");
        let _ = writeln!(text, "\n{}", escape::markdown(&about));
    }
    let _ = writeln!(text, "\n{}", escape::markdown(&document.origin_line()));
    text
}

/// The dimensions that vary; of a single cell, none does.
fn columns<'a>(document: &'a Document<'_>) -> Vec<&'a DimensionValues> {
    let all = document.board.dimensions();
    all.into_iter()
        .filter(|values| {
            values.varies() || (document.board.len() == 1 && values.dimension != Dimension::Repeat)
        })
        .collect()
}

/// Of a cell without a valid figure, the throughput's column says what became of it.
fn figure(entry: &Entry<'_>, layer: Layer) -> String {
    // Of the others, a forum's table would grow too wide.
    let row = (layer == Layer::Throughput).then(|| entry.row()).flatten();
    let interval = row.and_then(|row| layer.interval(&row));
    let value = entry.value(layer);
    let value = value.map(|value| layer.precise_with(value, interval));
    match (entry.state(), layer) {
        (CellState::Done, _) => value.unwrap_or_default(),
        (state @ CellState::Invalid(_), Layer::Throughput) => match value {
            Some(value) => format!("{value} ({})", state.text()),
            None => state.text(),
        },
        (state, Layer::Throughput) => state.text(),
        _ => value.unwrap_or_default(),
    }
}

fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
