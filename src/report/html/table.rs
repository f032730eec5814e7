//! Every measured cell as a row: what it was asked, its figures, and how far to trust them.

use strum::IntoEnumIterator as _;

use super::parts::{Page, text};
use crate::board::{CellState, Dimension, DimensionValues, Entry, Layer};
use crate::report::document::Document;
use crate::store::row::CellRow;
use crate::wording::capitalised;

pub fn write(page: &mut Page, document: &Document<'_>) {
    let board = &document.board;
    let (dimensions, fixed): (Vec<&DimensionValues>, Vec<_>) = board
        .dimensions()
        .into_iter()
        .partition(|values| values.varies());
    let fixed: Vec<String> = fixed
        .iter()
        .filter(|values| values.dimension != Dimension::Repeat)
        .filter_map(|values| Some(values.dimension.with(values.values.first()?)))
        .collect();
    let layers = board.layers();
    page.raw("<section>\n");
    page.element("h2", "", "Cells");
    if !fixed.is_empty() {
        let everywhere = format!("The same in every cell: {}.", fixed.join(", "));
        page.element("p", "quiet", &everywhere);
    }
    if let Some(about) = document.about_intervals() {
        page.element("p", "quiet", &about);
    }
    if let Some(about) = document.about_energy() {
        page.element("p", "quiet", &about);
    }
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
    for (position, entry) in board.entries().enumerate() {
        let Some(row) = entry.row() else {
            continue;
        };
        let is_best = board.is_best(position);
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
            page.raw(&figure(&entry, *layer));
        }
        let state = state(&entry, is_best);
        let class = match entry.state() {
            CellState::Failed(_) => " class=\"failed\"",
            CellState::Invalid(_) => " class=\"invalid\"",
            _ => "",
        };
        page.raw(&format!("<td{class}>{}</td>", text(&state)));
        page.raw("<td class=\"notes\">");
        for (kind, seen) in notes(&row) {
            page.details(&kind, |page| page.element("p", "", &seen));
        }
        page.raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

/// The unrounded figure stands in `data-v`, for sorting.
fn figure(entry: &Entry<'_>, layer: Layer) -> String {
    let interval = entry.row().and_then(|row| layer.interval(&row));
    match entry.value(layer) {
        Some(value) => format!(
            "<td class=\"figure\" data-v=\"{value}\">{}</td>",
            text(&layer.precise_with(value, interval))
        ),
        None => "<td class=\"figure\"></td>".to_owned(),
    }
}

fn state(entry: &Entry<'_>, best: bool) -> String {
    let mut state = entry.state().text();
    if best {
        state.push_str(", best");
    }
    state
}

/// Flags and errors: each in a few words, and what was seen.
fn notes(row: &CellRow) -> Vec<(String, String)> {
    let mut notes = Vec::new();
    if let Some(error) = &row.error {
        notes.push(("Why it failed".to_owned(), error.clone()));
    }
    let details = row.flag_details.as_deref().unwrap_or_default();
    let details: Vec<(&str, &str)> = details
        .split(" | ")
        .filter_map(|detail| detail.split_once(": "))
        .collect();
    for kind in row.flags.as_deref().unwrap_or_default().split(';') {
        if !kind.is_empty() {
            let seen = details.iter().find(|(of, _)| *of == kind);
            let seen = seen.map_or("No more is known of it.", |(_, seen)| seen);
            notes.push((in_words(kind), seen.to_owned()));
        }
    }
    if let Some(classes) = &row.error_classes {
        notes.push(("Errors by class".to_owned(), classes.replace(';', ", ")));
    }
    notes
}

/// `cached_prompts` as "Cached prompts"; what is no kind of flag stays as it is.
fn in_words(kind: &str) -> String {
    use crate::measure::figures::FlagKind;
    if !FlagKind::iter().any(|known| known.to_string() == kind) {
        return kind.to_owned();
    }
    capitalised(&kind.replace('_', " "))
}
