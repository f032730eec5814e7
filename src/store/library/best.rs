//! The best combination of a file, without reading its rows.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use csv::StringRecord;

use super::{BestCell, rows};
use crate::measure::best::Repeats;
use crate::measure::figures::FlagKind;
use crate::store::read::{Opened, Origin};
use crate::store::row::CellRow;
use crate::store::threads::in_ranges;

/// Columns that tell combinations apart, of any lab.
const AXES: [&str; 12] = [
    "instances",
    "decode_concurrency",
    "prompt_concurrency",
    "parallel",
    "batch",
    "ubatch",
    "concurrency",
    "max_tokens",
    "asked_prompt_tokens",
    "extra_axes",
    "request_rate_rps",
    "delivery",
];

/// A valid row: which combination it is of, and its tokens per second.
struct ValidRow {
    combination: u64,
    row: usize,
    tps: f64,
}

/// The combination with the most tokens per second over its valid rows, found by a few columns, so
/// that a long file is looked through quickly.
pub(super) fn of(opened: &Opened) -> Option<BestCell> {
    let mut valid = valid_rows(opened)?;
    valid.sort_unstable_by_key(|valid| (valid.combination, valid.row));
    let mut best: Option<(Repeats, usize)> = None;
    for repeats in valid.chunk_by(|a, b| a.combination == b.combination) {
        let (Some(found), Some(first)) = (
            Repeats::of(repeats.iter().map(|valid| valid.tps)),
            repeats.first(),
        ) else {
            continue;
        };
        // Of equal means, the first in the file.
        let better = best.is_none_or(|(best, row)| {
            found.mean > best.mean || (found.mean >= best.mean && first.row < row)
        });
        if better {
            best = Some((found, first.row));
        }
    }
    let (repeats, row) = best?;
    let header: StringRecord = opened.table.header().into();
    let found = rows::row(opened, &header, row)?.ok()?;
    Some(BestCell {
        text: settings(&found),
        throughput_tps: repeats.mean,
        repeats: repeats.n,
    })
}

fn valid_rows(opened: &Opened) -> Option<Vec<ValidRow>> {
    let table = &opened.table;
    let throughput = table.column("throughput_tps")?;
    let errors = table.column("errors");
    let status = table
        .column("status")
        .filter(|_| opened.origin == Origin::Ours);
    let flags = table
        .column("flags")
        .filter(|_| opened.origin == Origin::Ours);
    let over = FlagKind::OverTtftLimit.to_string();
    let axes = AXES.map(|axis| table.column(axis));
    let header: StringRecord = table.header().into();
    let is_valid = |row: usize, status: Option<&str>, errors: Option<f64>| match status {
        Some(status) => status == "ok",
        // Few rows have errors, so that whole rows are looked at rarely.
        None => {
            errors == Some(0.0)
                || rows::row(opened, &header, row)
                    .and_then(Result::ok)
                    .is_some_and(|row| row.is_valid())
        }
    };
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let parts = in_ranges(table.len(), |rows| {
        let mut valid = Vec::new();
        for row in rows {
            let mut tps = None;
            let (mut seen_status, mut seen_errors) = (status.map(|_| ""), None);
            let mut is_over = false;
            let mut combination = DefaultHasher::new();
            for (column, text) in table.row(row).enumerate() {
                if axes.contains(&Some(column)) {
                    (column, text.trim()).hash(&mut combination);
                } else if column == throughput {
                    tps = number(text).filter(|tps| *tps > 0.0);
                } else if errors == Some(column) {
                    seen_errors = number(text);
                } else if flags == Some(column) {
                    is_over = text.split(';').any(|flag| flag == over);
                } else if status == Some(column) {
                    seen_status = Some(text);
                }
            }
            let within = tps.filter(|_| !is_over);
            if let Some(tps) = within.filter(|_| is_valid(row, seen_status, seen_errors)) {
                valid.push(ValidRow {
                    combination: combination.finish(),
                    row,
                    tps,
                });
            }
        }
        valid
    });
    Some(parts.into_iter().flatten().collect())
}

/// `instances=1 decode_concurrency=8 concurrency=16`, with what the row knows.
pub(super) fn settings(row: &CellRow) -> String {
    let known = |value: u32| Some(value).filter(|&value| value > 0);
    let in_flight = known(row.concurrency).filter(|_| row.request_rate_rps.is_none());
    let mut parts: Vec<String> = [
        ("instances", known(row.instances)),
        ("decode_concurrency", row.decode_concurrency),
        ("prompt_concurrency", row.prompt_concurrency),
        ("concurrency", in_flight),
        ("max_tokens", row.max_tokens),
        ("prompt_tokens", row.asked_prompt_tokens),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
    .collect();
    parts.extend(
        row.request_rate_rps
            .map(|rate| format!("request_rate={rate}")),
    );
    parts.extend(row.delivery.map(|delivery| format!("delivery={delivery}")));
    parts.extend(row.axes().iter().map(|f| format!("{}={}", f.flag, f.value)));
    parts.join(" ")
}
