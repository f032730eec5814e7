//! A run as one JSON document: what was run, where and with what, and every row.

use serde_json::{Map, Value, json};

use super::document::{Document, ReportError};
use crate::board::CellState;
use crate::store::row::CellRow;

/// Says what kind of document it is.
const FORMAT: &str = "mlx-throughput-lab report";
const FORMAT_VERSION: u32 = 1;

/// Pretty-printed UTF-8. Durations are in seconds, sizes in bytes, as the names of the columns say;
/// what was not measured is `null`.
///
/// # Errors
/// Encoding fails, which no run is known to cause.
pub fn document(document: &Document<'_>) -> Result<Vec<u8>, ReportError> {
    let encode = |error: serde_json::Error| ReportError::Encode {
        what: "JSON document",
        why: error.to_string(),
    };
    let run = document.run;
    let mut facts = Map::new();
    for fact in &run.facts {
        facts.insert(fact.name.to_owned(), Value::from(fact.value.as_str()));
    }
    let rows = run
        .rows
        .iter()
        .map(|row| self::row(&row))
        .collect::<Result<Vec<_>, _>>()
        .map_err(encode)?;
    let best = document.board.best().map(|best| {
        let estimate = document.best_estimate();
        let interval = estimate.and_then(|estimate| estimate.interval);
        let label = |entry: &usize| document.board.combination_label(*entry);
        let ties = document.board.ranking().map(|ranking| &ranking.ties);
        let ties: Vec<String> = ties.into_iter().flatten().map(label).collect();
        json!({
            "throughput_low_tps": interval.map(|interval| interval.low),
            "throughput_high_tps": interval.map(|interval| interval.high),
            "repeats": estimate.map(|estimate| estimate.repeats),
            "throughput_tps": best.throughput_tps,
            "at": label(&best.entry),
            "tied_with": ties,
        })
    });
    let whole = json!({
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "app_version": env!("CARGO_PKG_VERSION"),
        "file": document.file_name(),
        "title": document.headline(),
        "written_by": run.origin,
        "caution": run.caution,
        "problems": run.problems,
        "notices": run.notices,
        "facts": facts,
        "best": best,
        "cells_planned": document.board.len(),
        "rows": rows,
        "damaged_lines": run.damaged,
        "metadata": run.metadata,
    });
    let mut text = serde_json::to_vec_pretty(&whole).map_err(encode)?;
    text.push(b'\n');
    Ok(text)
}

/// The CSV pads two figures to decimals that older tools know, as text; here they are numbers.
fn row(row: &CellRow) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(row)?;
    if let Some(columns) = value.as_object_mut() {
        columns.insert("throughput_tps".to_owned(), Value::from(row.throughput_tps));
        columns.insert("elapsed_s".to_owned(), Value::from(row.elapsed_s));
        columns.insert("state".to_owned(), CellState::of_row(row).text().into());
    }
    Ok(value)
}
