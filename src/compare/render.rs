//! A comparison as text, Markdown and JSON.

use serde_json::{Value, json};

use super::measure::percent_text;
use super::{Comparison, Figure, Level, MatchedCell, Measure, Overlap};
use crate::board::{CellState, Coordinate};
use crate::wording::sentence;

/// What a run is called in a table: A is the base.
pub fn letter(run: usize) -> char {
    char::from(b'A' + u8::try_from(run).unwrap_or(25).min(25))
}

/// Settings on the left, figures on the right.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The last column holds words.
    has_notes: bool,
}

fn table(comparison: &Comparison, measure: &Measure) -> Table {
    let axes = comparison.shown_axes();
    let others = 1..comparison.runs().len();
    let deltas = |cell| {
        let others = others.clone();
        others.map(move |other| comparison.delta(cell, 0, other, measure))
    };
    let has_overlap = has_intervals(comparison, measure);
    let mut header: Vec<String> = axes.iter().map(|axis| axis.axis.to_string()).collect();
    for run in 0..comparison.runs().len() {
        let letter = letter(run);
        header.push(letter.to_string());
        if has_overlap {
            header.push(format!("{letter} 95 %"));
        }
        if run > 0 {
            header.push(format!("{letter} vs A %"));
        }
        if run > 0 && has_overlap {
            header.push(format!("{letter} is"));
        }
    }
    let mut rows = Vec::with_capacity(comparison.cells().len());
    let mut notes = Vec::with_capacity(rows.capacity());
    for cell in comparison.cells() {
        let text = |value: Option<f64>| match value {
            Some(value) => measure.text(value),
            None => "-".to_owned(),
        };
        let at = axes.iter().map(|axis| cell.coordinate(axis).to_string());
        let mut row: Vec<String> = at.collect();
        let figure = |row: &mut Vec<String>, figure: Option<Figure>| {
            row.push(text(figure.map(|figure| figure.mean)));
            if has_overlap {
                let interval = figure.and_then(|figure| figure.interval);
                let bounds = interval.map(|interval| measure.bounds_text(interval));
                row.push(bounds.unwrap_or_else(|| "-".to_owned()));
            }
        };
        figure(&mut row, comparison.figure(cell, 0, measure));
        for delta in deltas(cell) {
            figure(&mut row, delta.other);
            let percent = delta.percent.map(percent_text);
            row.push(percent.unwrap_or_else(|| "-".to_owned()));
            if has_overlap {
                let verdict = delta.verdict_text(measure);
                row.push(verdict.unwrap_or_else(|| "-".to_owned()));
            }
        }
        rows.push(row);
        notes.push(note(cell));
    }
    let has_notes = notes.iter().any(|note| !note.is_empty());
    if has_notes {
        header.push("note".to_owned());
        for (row, note) in rows.iter_mut().zip(notes) {
            row.push(note);
        }
    }
    Table {
        header,
        rows,
        has_notes,
    }
}

/// "only A", "not in C", "B failed: timeout".
pub fn note(cell: &MatchedCell) -> String {
    let sides = || cell.sides.iter().enumerate();
    let letters = |has: bool| -> Vec<String> {
        let found = sides().filter(|(_, side)| side.is_some() == has);
        found.map(|(run, _)| letter(run).to_string()).collect()
    };
    let (with, without) = (letters(true), letters(false));
    let mut parts = Vec::new();
    if with.len() == 1 && !without.is_empty() {
        parts.push(format!("only {}", with[0]));
    } else if !without.is_empty() {
        parts.push(format!("not in {}", without.join(", ")));
    }
    parts.extend(sides().filter_map(|(run, side)| {
        let state = &side.as_ref()?.state;
        (*state != CellState::Done).then(|| format!("{} {}", letter(run), state.text()))
    }));
    parts.join("; ")
}

/// "24 cells in all runs" or "20 of 24 cells are in more than one run".
pub fn shared_text(comparison: &Comparison) -> String {
    let (shared, all) = (comparison.shared(), comparison.cells().len());
    let cells = if all == 1 { "cell" } else { "cells" };
    match shared {
        0 => "no cell is in more than one run".to_owned(),
        _ if shared == all => format!("{all} {cells}, each in more than one run"),
        _ => format!("{shared} of {all} {cells} are in more than one run"),
    }
}

/// "2 warnings".
fn warnings_text(comparison: &Comparison) -> String {
    match comparison.warnings() {
        1 => "1 warning".to_owned(),
        n => format!("{n} warnings"),
    }
}

/// Aligned columns for a terminal.
pub fn text(comparison: &Comparison, measure: &Measure) -> String {
    let mut lines = Vec::new();
    for (run, name) in comparison.names().iter().enumerate() {
        let base = if run == 0 { " (base)" } else { "" };
        lines.push(format!("{}  {name}{base}", letter(run)));
    }
    lines.push(String::new());
    lines.push(format!("{}: {}", measure.name(), shared_text(comparison)));
    lines.push(String::new());
    lines.extend(aligned(&table(comparison, measure)));
    lines.push(String::new());
    lines.push(about(comparison, measure));
    lines.push(String::new());
    if comparison.differences().is_empty() {
        lines.push("Nothing else differs in what the files hold.".to_owned());
    } else {
        lines.push(format!(
            "What else differs ({}):",
            warnings_text(comparison)
        ));
    }
    for difference in comparison.differences() {
        let level = match difference.level {
            Level::Warning => "warning",
            Level::Info => "info   ",
        };
        lines.push(format!("{level}  {}: {}", difference.what, difference.why));
        for (run, value) in difference.values.iter().enumerate() {
            lines.push(format!("           {} = {value}", letter(run)));
        }
    }
    lines.join("\n") + "\n"
}

fn about(comparison: &Comparison, measure: &Measure) -> String {
    let intervals = comparison.about_intervals(measure);
    if has_intervals(comparison, measure) {
        format!("No difference is shown where two intervals overlap. {intervals}")
    } else {
        intervals.to_owned()
    }
}

/// Whether any cell of another run can be held against the base's.
fn has_intervals(comparison: &Comparison, measure: &Measure) -> bool {
    let others = 1..comparison.runs().len();
    comparison.cells().iter().any(|cell| {
        let mut deltas = others
            .clone()
            .map(|other| comparison.delta(cell, 0, other, measure));
        deltas.any(|delta| delta.overlap != Overlap::Unknown)
    })
}

fn aligned(table: &Table) -> Vec<String> {
    let last = table.header.len() - 1;
    let widths: Vec<usize> = (0..table.header.len())
        .map(|column| {
            let cells = table.rows.iter().map(|row| row[column].chars().count());
            cells
                .chain([table.header[column].chars().count()])
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (text, &width))| {
            if table.has_notes && column == last {
                text.clone()
            } else {
                format!("{text:>width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut lines = vec![line(&table.header), rule.join("  ")];
    lines.extend(table.rows.iter().map(line));
    lines
}

/// For a report or an issue.
pub fn markdown(comparison: &Comparison, measure: &Measure) -> String {
    let mut lines = vec![
        format!("## Comparison of {}", measure.name()),
        String::new(),
        "| run | file |".to_owned(),
        "| --- | --- |".to_owned(),
    ];
    for (run, name) in comparison.names().iter().enumerate() {
        let base = if run == 0 { " (base)" } else { "" };
        lines.push(format!("| {} | {}{base} |", letter(run), escaped(name)));
    }
    let table = table(comparison, measure);
    let row = |cells: &Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|text| escaped(text)).collect();
        format!("| {} |", cells.join(" | "))
    };
    let last = table.header.len() - 1;
    let rule = (0..table.header.len()).map(|column| match column {
        _ if table.has_notes && column == last => "---",
        _ => "---:",
    });
    lines.push(String::new());
    lines.push(sentence(&shared_text(comparison)));
    lines.push(String::new());
    lines.push(row(&table.header));
    lines.push(format!("| {} |", rule.collect::<Vec<_>>().join(" | ")));
    lines.extend(table.rows.iter().map(row));
    lines.push(String::new());
    lines.push(about(comparison, measure));
    lines.push(String::new());
    if comparison.differences().is_empty() {
        lines.push("Nothing else differs in what the files hold.".to_owned());
        return lines.join("\n") + "\n";
    }
    lines.push(format!(
        "### What else differs ({})",
        warnings_text(comparison)
    ));
    lines.push(String::new());
    let mut header = vec!["what".to_owned()];
    header.extend((0..comparison.runs().len()).map(|run| letter(run).to_string()));
    header.push("why it matters".to_owned());
    lines.push(row(&header));
    lines.push(format!("|{}", " --- |".repeat(header.len())));
    for difference in comparison.differences() {
        let what = match difference.level {
            Level::Warning => format!("**Warning:** {}", difference.what),
            Level::Info => difference.what.clone(),
        };
        let mut cells = vec![what];
        cells.extend(difference.values.iter().cloned());
        cells.push(difference.why.clone());
        lines.push(row(&cells));
    }
    lines.join("\n") + "\n"
}

/// A prompt or a path must not end its cell or begin a tag.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
        .replace(['\n', '\r'], " ")
}

/// For other programs: figures unrounded, what is absent is null.
pub fn json(comparison: &Comparison, measure: &Measure) -> Value {
    let runs = comparison.runs().iter().zip(comparison.names());
    let runs: Vec<Value> = runs
        .enumerate()
        .map(|(number, (run, name))| {
            json!({
                "name": name,
                "path": run.run.path,
                "origin": run.run.origin,
                "is_base": number == 0,
            })
        })
        .collect();
    let cells: Vec<Value> = comparison
        .cells()
        .iter()
        .map(|cell| cell_json(comparison, cell, measure))
        .collect();
    json!({
        "format": "mlx-throughput-lab comparison",
        "format_version": 1,
        "field": match measure {
            Measure::Column(column) => column.clone(),
            Measure::Layer(_) => measure.name(),
        },
        "runs": runs,
        "cells": cells,
        "differences": comparison.differences(),
    })
}

fn cell_json(comparison: &Comparison, cell: &MatchedCell, measure: &Measure) -> Value {
    let settings: serde_json::Map<String, Value> = comparison
        .axes()
        .iter()
        .map(|axis| {
            let value = match cell.coordinate(axis) {
                Coordinate::Number(number) => json!(number),
                Coordinate::Rate(rate) => json!(rate.rps()),
                Coordinate::Text(text) => json!(text),
                Coordinate::Default => Value::Null,
            };
            (axis.axis.to_string(), value)
        })
        .collect();
    let sides: Vec<Value> = (0..comparison.runs().len())
        .map(|run| {
            let Some(side) = &cell.sides[run] else {
                return Value::Null;
            };
            let delta = comparison.delta(cell, 0, run, measure);
            json!({
                "state": side.state.text(),
                "figure": delta.other,
                "delta_percent": delta.percent,
                "overlap": delta.overlap,
                "verdict": delta.verdict(measure),
                "not_compared": delta.not_compared,
                "interval_of": delta.other.filter(|f| f.interval.is_some()).map(|f| f.basis()),
            })
        })
        .collect();
    json!({ "settings": settings, "runs": sides })
}
