//! Every measured cell as a row: what it was asked, its figures, and how far to trust them.

use std::fmt::Write as _;

use strum::IntoEnumIterator as _;

use super::parts::{Page, text};
use crate::board::{CellState, Dimension, DimensionValues, Entry, Layer};
use crate::report::document::Document;
use crate::store::row::CellRow;

pub fn write(page: &mut Page, document: &Document<'_>) {
    let board = &document.board;
    let all = board.dimensions();
    let dimensions: Vec<&DimensionValues> = all
        .into_iter()
        .filter(|values| values.varies() || values.dimension != Dimension::Repeat)
        .collect();
    let layers = board.layers();
    let best = board.best().map(|best| best.entry);
    page.raw("<section>\n");
    page.element("h2", "", "Cells");
    page.raw("<div class=\"wide\"><table class=\"cells\">\n<thead><tr>");
    for values in &dimensions {
        page.element("th", "", &values.dimension.to_string());
    }
    for layer in &layers {
        page.raw("<th class=\"figure\">");
        let unit = format!(
            "{} <small>{}</small>",
            text(layer.name()),
            text(layer.unit())
        );
        page.raw(&unit);
        page.raw("</th>\n");
    }
    page.raw("<th>State</th><th>Notes</th></tr></thead>\n<tbody>\n");
    for (position, entry) in board.entries().iter().enumerate() {
        let Some(row) = entry.row.as_deref() else {
            continue;
        };
        let is_best = best == Some(position);
        page.raw(if is_best {
            "<tr class=\"is-best\">"
        } else {
            "<tr>"
        });
        for values in &dimensions {
            let value = board.coordinate(position, &values.dimension);
            let value = value.map(ToString::to_string).unwrap_or_default();
            page.raw(&format!("<td>{}</td>", text(&value)));
        }
        for layer in &layers {
            page.raw(&figure(entry, *layer));
        }
        let state = state(entry, is_best);
        let class = match &entry.state {
            CellState::Failed(_) => " class=\"failed\"",
            CellState::Invalid(_) => " class=\"invalid\"",
            _ => "",
        };
        page.raw(&format!("<td{class}>{}</td>", text(&state)));
        page.raw(&format!(
            "<td class=\"notes\">{}</td></tr>\n",
            text(&notes(row))
        ));
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

/// The unrounded figure stands in `data-v`, for sorting.
fn figure(entry: &Entry, layer: Layer) -> String {
    match entry.value(layer) {
        Some(value) => format!(
            "<td class=\"figure\" data-v=\"{value}\">{}</td>",
            text(&layer.precise(value))
        ),
        None => "<td class=\"figure\"></td>".to_owned(),
    }
}

fn state(entry: &Entry, best: bool) -> String {
    let mut state = entry.state.text();
    if best {
        state.push_str(", best");
    }
    state
}

/// Flags and errors in words.
fn notes(row: &CellRow) -> String {
    let mut notes = String::new();
    let mut add = |note: &str| {
        if !notes.is_empty() {
            notes.push('\n');
        }
        let _ = notes.write_str(note);
    };
    if let Some(error) = &row.error {
        add(error);
    }
    match &row.flag_details {
        Some(details) => {
            for detail in details.split(" | ") {
                match detail.split_once(": ") {
                    Some((kind, seen)) => add(&format!("{}: {seen}", in_words(kind))),
                    None => add(detail),
                }
            }
        }
        None => {
            for kind in row.flags.as_deref().unwrap_or_default().split(';') {
                if !kind.is_empty() {
                    add(&in_words(kind));
                }
            }
        }
    }
    if let Some(classes) = &row.error_classes {
        add(&format!(
            "Failed requests by class: {}",
            classes.replace(';', ", ")
        ));
    }
    notes
}

/// `cached_prompts` as "Cached prompts"; what is no kind of flag stays as it is.
fn in_words(kind: &str) -> String {
    use crate::measure::figures::FlagKind;
    if !FlagKind::iter().any(|known| known.to_string() == kind) {
        return kind.to_owned();
    }
    let words = kind.replace('_', " ");
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
