//! Rows of any lab as rows of ours.

use std::sync::Arc;

use csv::StringRecord;

use super::BestCell;
use crate::engine::event::CellStatus;
use crate::measure::figures::FlagKind;
use crate::store::pairs;
use crate::store::read::{Damage, LegacyRow, Opened, Origin};
use crate::store::row::CellRow;

#[derive(Default)]
pub(super) struct Typed {
    pub rows: Vec<Arc<CellRow>>,
    /// Of each row, its position in the table.
    pub table_rows: Vec<usize>,
    /// Rows whose values are not of their columns' types.
    pub damaged: Vec<Damage>,
}

/// All rows by their meaning.
pub(super) fn typed(opened: &Opened) -> Typed {
    let header: StringRecord = opened.table.header().into();
    let mut rows = Vec::with_capacity(opened.table.len());
    let (mut table_rows, mut damaged) = (Vec::new(), Vec::new());
    for number in 0..opened.table.len() {
        match row(opened, &header, number) {
            Some(Ok(row)) => {
                rows.push(Arc::new(row));
                table_rows.push(number);
            }
            Some(Err(what)) => damaged.push(Damage {
                // Exact as long as nothing before it is damaged or spans lines.
                line: number as u64 + 2,
                what,
            }),
            None => {}
        }
    }
    Typed {
        rows,
        table_rows,
        damaged,
    }
}

fn row(opened: &Opened, header: &StringRecord, number: usize) -> Option<Result<CellRow, String>> {
    let record: StringRecord = opened.table.row(number).collect();
    let row = match opened.origin {
        Origin::Other => return None,
        Origin::Ours => record.deserialize::<CellRow>(Some(header)),
        _ => record.deserialize::<LegacyRow>(Some(header)).map(of_legacy),
    };
    Some(row.map_err(|e| e.to_string()))
}

/// Another lab says how a cell ended only by its figures: zeros and as many errors as requests
/// where it failed.
fn of_legacy(row: LegacyRow) -> CellRow {
    let errors = row.errors.unwrap_or(0);
    let throughput_tps = row.throughput_tps.unwrap_or(0.0);
    let requests = row.concurrency.unwrap_or(0);
    let measured = throughput_tps > 0.0;
    // Measurement rule: more than 1 % of the requests. It sent at least as many as were in flight.
    let too_many = u64::from(errors) * 100 > u64::from(requests);
    let (status, flags) = match (measured, too_many) {
        (false, _) => (CellStatus::Failed, None),
        (true, true) => (
            CellStatus::Invalid,
            Some(FlagKind::TooManyErrors.to_string()),
        ),
        (true, false) => (CellStatus::Ok, None),
    };
    // The names that these have on llama-server's command line.
    let flags_of_llama = [
        ("--parallel", row.parallel.map(|n| n.to_string())),
        ("--batch-size", row.batch),
        ("--ubatch-size", row.ubatch),
    ];
    let axes = flags_of_llama
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value.filter(|v| !v.is_empty())?)));
    CellRow {
        instances: row.instances.unwrap_or(0),
        decode_concurrency: row.decode_concurrency,
        prompt_concurrency: row.prompt_concurrency,
        concurrency: requests,
        throughput_tps,
        total_tokens: row.total_tokens.unwrap_or(0),
        elapsed_s: row.elapsed_s.unwrap_or(0.0),
        errors,
        status: Some(status),
        flags,
        extra_axes: pairs::join(
            axes.map(|(f, v)| (f, if v == "default" { String::new() } else { v })),
        ),
        max_tokens: row.max_tokens,
        ..CellRow::default()
    }
}

/// The fastest valid row, found by two columns, so that a long file is looked through quickly.
pub(super) fn best(opened: &Opened) -> Option<BestCell> {
    let table = &opened.table;
    let throughput = table.column("throughput_tps")?;
    let errors = table.column("errors");
    let status = table
        .column("status")
        .filter(|_| opened.origin == Origin::Ours);
    let header: StringRecord = table.header().into();
    let number = |row: usize, column: usize| table.get(row, column)?.trim().parse::<f64>().ok();
    let mut ranked: Option<(f64, usize)> = None;
    for row in 0..table.len() {
        let Some(tps) = number(row, throughput).filter(|tps| *tps > 0.0) else {
            continue;
        };
        if ranked.is_some_and(|(best, _)| best >= tps) {
            continue;
        }
        let valid = match status {
            Some(status) => table.get(row, status) == Some("ok"),
            // Few rows have errors, so that whole rows are looked at rarely.
            None => {
                errors.and_then(|column| number(row, column)) == Some(0.0)
                    || self::row(opened, &header, row)
                        .and_then(Result::ok)
                        .is_some_and(|row| row.is_valid())
            }
        };
        if valid {
            ranked = Some((tps, row));
        }
    }
    let (throughput_tps, position) = ranked?;
    let found = row(opened, &header, position)?.ok()?;
    Some(BestCell {
        text: settings(&found),
        throughput_tps,
    })
}

/// `instances=1 decode_concurrency=8 concurrency=16`, with what the row knows.
fn settings(row: &CellRow) -> String {
    let known = |value: u32| Some(value).filter(|&value| value > 0);
    let mut parts: Vec<String> = [
        ("instances", known(row.instances)),
        ("decode_concurrency", row.decode_concurrency),
        ("prompt_concurrency", row.prompt_concurrency),
        ("concurrency", known(row.concurrency)),
        ("max_tokens", row.max_tokens),
        ("prompt_tokens", row.asked_prompt_tokens),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
    .collect();
    parts.extend(row.axes().iter().map(|f| format!("{}={}", f.flag, f.value)));
    parts.join(" ")
}
