//! Rows of any lab as rows of ours.

use std::path::Path;
use std::str::FromStr;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock};

use csv::StringRecord;

use super::BestCell;
use crate::engine::event::CellStatus;
use crate::measure::figures::FlagKind;
use crate::store::error::StoreError;
use crate::store::pairs;
use crate::store::read::{self, Damage, Format, LegacyRow, Opened, Origin, Record};
use crate::store::row::CellRow;
use crate::store::row_file::header_of;
use crate::store::table::Table;

/// Shorter files are read by one thread: others would cost more than they save.
const LONG_FILE_BYTES: u64 = 1 << 20;
/// A file whose text is kept beside its rows is no longer than this.
const LONGEST_TEXT_BYTES: u64 = 16 << 20;
/// Records that a thread takes on at once.
const BATCH: usize = 2048;
/// More threads only wait for the one that reads.
const MOST_THREADS: usize = 6;

/// A file's rows by their meaning.
pub(super) struct Typed {
    pub origin: Origin,
    /// In the file's order.
    pub rows: Vec<Arc<CellRow>>,
    /// By line; at most the first thousand.
    pub damaged: Vec<Damage>,
    pub damaged_lines: u64,
}

/// A run that was killed before its header was written.
impl Default for Typed {
    fn default() -> Self {
        Self {
            origin: Origin::Ours,
            rows: Vec::new(),
            damaged: Vec::new(),
            damaged_lines: 0,
        }
    }
}

/// Part of a file, by its number.
struct Batch {
    number: usize,
    rows: Vec<Arc<CellRow>>,
    damaged: Vec<Damage>,
}

/// Reads all rows. The file's text is not kept, so that a long file takes little more memory than
/// its rows; while one thread splits it into records, others find out what these mean.
///
/// # Errors
/// The file cannot be read, is empty, or is not text.
pub(super) fn read(path: &Path) -> Result<Typed, StoreError> {
    let long = std::fs::metadata(path).is_ok_and(|about| about.len() >= LONG_FILE_BYTES);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if long { cores.min(MOST_THREADS) } else { 0 };
    let done: Mutex<Vec<Batch>> = Mutex::new(Vec::new());
    let meaning: OnceLock<Meaning> = OnceLock::new();
    let (hand_over, batches) = sync_channel::<(usize, Vec<Record>)>(2 * threads);
    let batches = Mutex::new(batches);
    let take = |number: usize, records: Vec<Record>| {
        if let Some(meaning) = meaning.get() {
            let batch = meaning.batch(number, &records);
            done.lock().expect("no thread panics with it").push(batch);
        }
    };
    let opened = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    // Let go of before the work begins.
                    let next = batches.lock().expect("no thread panics with it").recv();
                    let Ok((number, records)) = next else { return };
                    take(number, records);
                }
            });
        }
        let mut number = 0;
        let mut records = Vec::with_capacity(BATCH);
        let mut send = |records: Vec<Record>| {
            if threads == 0 {
                take(number, records);
            } else {
                // Fails only where all threads are gone, and then the scope tells of their panic.
                let _ = hand_over.send((number, records));
            }
            number += 1;
        };
        let opened = read::each(path, |opened, record| {
            meaning.get_or_init(|| Meaning::new(opened.format(), path));
            records.push(record);
            if records.len() == BATCH {
                send(std::mem::replace(&mut records, Vec::with_capacity(BATCH)));
            }
        });
        send(records);
        drop(hand_over);
        opened
    })?;
    let mut parts = done.into_inner().expect("no thread panics with it");
    parts.sort_unstable_by_key(|part| part.number);
    let mut damaged = opened.damaged;
    let mut damaged_lines = opened.damaged_lines;
    let mut rows = Vec::with_capacity(parts.iter().map(|part| part.rows.len()).sum());
    for part in parts {
        damaged_lines += part.damaged.len() as u64;
        rows.extend(part.rows);
        damaged.extend(part.damaged);
    }
    damaged.sort_by_key(|damage| damage.line);
    damaged.truncate(read::MAX_DESCRIBED);
    Ok(Typed {
        origin: opened.origin,
        rows,
        damaged,
        damaged_lines,
    })
}

/// How a file's records are read.
struct Meaning {
    format: Format,
    /// The columns are those of today's rows, in their order: names need not be looked at.
    by_position: bool,
    /// Of another lab's file without a column that is named twice.
    legacy: Option<LegacyColumns>,
}

impl Meaning {
    fn new(format: Format, path: &Path) -> Self {
        let own = header_of::<CellRow>(path).unwrap_or_default();
        Self {
            by_position: format.origin == Origin::Ours
                && format.header.iter().eq(own.iter().map(String::as_str)),
            legacy: LegacyColumns::of(&format.header),
            format,
        }
    }

    fn batch(&self, number: usize, records: &[Record]) -> Batch {
        let mut batch = Batch {
            number,
            rows: Vec::with_capacity(records.len()),
            damaged: Vec::new(),
        };
        for record in records {
            let row = match self.format.fault(record) {
                Some(what) => Err(what),
                None => match self.row(&record.fields) {
                    Some(row) => row,
                    None => continue,
                },
            };
            let line = record.line;
            match row {
                Ok(row) => batch.rows.push(Arc::new(row)),
                Err(what) => batch.damaged.push(Damage { line, what }),
            }
        }
        batch
    }

    /// `None` of a file of unknown origin.
    fn row(&self, fields: &StringRecord) -> Option<Result<CellRow, String>> {
        if self.by_position {
            let row = fields.deserialize::<CellRow>(None);
            return Some(row.map_err(|e| e.to_string()));
        }
        let known = !matches!(self.format.origin, Origin::Ours | Origin::Other);
        let legacy = self.legacy.as_ref().filter(|_| known);
        if let Some(row) = legacy.and_then(|columns| columns.row(fields)) {
            return Some(Ok(of_legacy(row)));
        }
        // Slower, but it says in words what is wrong.
        by_name(self.format.origin, &self.format.header, fields)
    }
}

/// Where the values of a [`LegacyRow`] stand.
struct LegacyColumns([Option<usize>; 12]);

impl LegacyColumns {
    const NAMES: [&str; 12] = [
        "instances",
        "decode_concurrency",
        "prompt_concurrency",
        "parallel",
        "batch",
        "ubatch",
        "max_tokens",
        "concurrency",
        "throughput_tps",
        "total_tokens",
        "elapsed_s",
        "errors",
    ];

    /// `None` where a column is named twice.
    fn of(header: &StringRecord) -> Option<Self> {
        let mut columns = [None; 12];
        for (column, name) in header.iter().enumerate() {
            if let Some(known) = Self::NAMES.iter().position(|known| *known == name)
                && columns[known].replace(column).is_some()
            {
                return None;
            }
        }
        Some(Self(columns))
    }

    /// `None` where a value is not of its column's type.
    fn row(&self, fields: &StringRecord) -> Option<LegacyRow> {
        let [
            instances,
            decode,
            prompt,
            parallel,
            batch,
            ubatch,
            max_tokens,
            concurrency,
            tps,
            tokens,
            elapsed,
            errors,
        ] = self.0;
        Some(LegacyRow {
            instances: value(fields, instances)?,
            decode_concurrency: value(fields, decode)?,
            prompt_concurrency: value(fields, prompt)?,
            parallel: value(fields, parallel)?,
            batch: value(fields, batch)?,
            ubatch: value(fields, ubatch)?,
            max_tokens: value(fields, max_tokens)?,
            concurrency: value(fields, concurrency)?,
            throughput_tps: value(fields, tps)?,
            total_tokens: value(fields, tokens)?,
            elapsed_s: value(fields, elapsed)?,
            errors: value(fields, errors)?,
        })
    }
}

/// A blank value, or that of a column that is not there, is `Some(None)`.
fn value<T: FromStr>(fields: &StringRecord, column: Option<usize>) -> Option<Option<T>> {
    match column.and_then(|column| fields.get(column)) {
        None | Some("") => Some(None),
        Some(text) => text.parse().ok().map(Some),
    }
}

/// The file's own text, and the position in it of each row that has a meaning. Empty for a long
/// file: its rows alone must do.
pub(super) fn text(path: &Path) -> (Table, Vec<usize>) {
    let short = std::fs::metadata(path).is_ok_and(|about| about.len() <= LONGEST_TEXT_BYTES);
    let opened = short.then(|| read::open(path).ok()).flatten();
    let Some(opened) = opened else {
        return <_>::default();
    };
    let header: StringRecord = opened.table.header().into();
    let has_meaning = |number: &usize| matches!(row(&opened, &header, *number), Some(Ok(_)));
    let rows = (0..opened.table.len()).filter(has_meaning).collect();
    (opened.table, rows)
}

fn row(opened: &Opened, header: &StringRecord, number: usize) -> Option<Result<CellRow, String>> {
    let record: StringRecord = opened.table.row(number).collect();
    by_name(opened.origin, header, &record)
}

fn by_name(
    origin: Origin,
    header: &StringRecord,
    record: &StringRecord,
) -> Option<Result<CellRow, String>> {
    let row = match origin {
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
