//! Rows of any lab as rows of ours.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use csv::StringRecord;

use crate::engine::event::CellStatus;
use crate::measure::figures::FlagKind;
use crate::store::pairs;
use crate::store::read::{self, Damage, LegacyRow, Opened, Origin};
use crate::store::row::CellRow;
use crate::store::row_file::header_of;
use crate::store::table::Table;
use crate::store::threads::in_ranges;

/// The rows of a file with more are read from its text each time they are asked for: held, each
/// takes a kilobyte.
const MOST_HELD: usize = 20_000;

/// The rows of a run in its file's order. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Rows(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    form: Form,
    len: usize,
    /// The file as it is; empty where rows came from none.
    table: Table,
    /// Per row, its position in `table`; `None` where they are the same.
    numbers: Option<Vec<usize>>,
}

#[derive(Debug)]
enum Form {
    Held(Vec<Arc<CellRow>>),
    /// How they are read from the table.
    Text(Meaning),
}

impl Default for Form {
    fn default() -> Self {
        Self::Held(Vec::new())
    }
}

/// Rows that came from no file.
impl FromIterator<CellRow> for Rows {
    fn from_iter<I: IntoIterator<Item = CellRow>>(rows: I) -> Self {
        let held: Vec<_> = rows.into_iter().map(Arc::new).collect();
        Self(Arc::new(Inner {
            len: held.len(),
            form: Form::Held(held),
            ..Inner::default()
        }))
    }
}

impl Rows {
    pub fn len(&self) -> usize {
        self.0.len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, row: usize) -> Option<Cow<'_, CellRow>> {
        match &self.0.form {
            Form::Held(rows) => Some(Cow::Borrowed(rows.get(row)?.as_ref())),
            Form::Text(meaning) => {
                let mut record = StringRecord::new();
                self.read(meaning, row, &mut record).map(Cow::Owned)
            }
        }
    }

    /// To be kept longer than the rows.
    pub fn shared(&self, row: usize) -> Option<Arc<CellRow>> {
        match &self.0.form {
            Form::Held(rows) => rows.get(row).map(Arc::clone),
            Form::Text(_) => Some(Arc::new(self.get(row)?.into_owned())),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, CellRow>> {
        self.range(0..self.len())
    }

    /// Some of the rows; cheaper than asking for each.
    pub fn range(&self, rows: Range<usize>) -> impl Iterator<Item = Cow<'_, CellRow>> {
        let mut record = StringRecord::new();
        rows.filter_map(move |row| match &self.0.form {
            Form::Held(_) => self.get(row),
            Form::Text(meaning) => self.read(meaning, row, &mut record).map(Cow::Owned),
        })
    }

    fn read(&self, meaning: &Meaning, row: usize, record: &mut StringRecord) -> Option<CellRow> {
        fill(record, &self.0.table, self.table_row(row)?);
        meaning.row(record).and_then(Result::ok)
    }

    /// The file as it is, with columns that are not ours and rows without a meaning; empty where the
    /// rows came from none.
    pub fn table(&self) -> &Table {
        &self.0.table
    }

    /// Where a row stands in the table.
    pub fn table_row(&self, row: usize) -> Option<usize> {
        match &self.0.numbers {
            Some(numbers) => numbers.get(row).copied(),
            None => (row < self.0.table.len()).then_some(row),
        }
    }
}

/// A file's rows by their meaning.
pub(super) struct Typed {
    pub origin: Origin,
    pub rows: Rows,
    /// By line; at most the first thousand.
    pub damaged: Vec<Damage>,
    pub damaged_lines: u64,
}

/// A run that was killed before its header was written.
impl Default for Typed {
    fn default() -> Self {
        Self {
            origin: Origin::Ours,
            rows: Rows::default(),
            damaged: Vec::new(),
            damaged_lines: 0,
        }
    }
}

/// What came of a range of a table's rows.
struct Judged {
    held: Vec<Arc<CellRow>>,
    /// Rows without a meaning, and what is wrong with them; `None` where the file's origin is unknown.
    others: Vec<(usize, Option<String>)>,
}

/// Finds out what the rows of a file mean.
pub(super) fn typed(mut opened: Opened) -> Typed {
    let table = std::mem::take(&mut opened.table);
    let meaning = Meaning::new(opened.origin, &table, &opened);
    let hold = table.len() <= MOST_HELD;
    let parts = in_ranges(table.len(), |rows| {
        let mut judged = Judged {
            held: Vec::new(),
            others: Vec::new(),
        };
        let mut record = StringRecord::new();
        for number in rows {
            fill(&mut record, &table, number);
            match meaning.row(&record) {
                Some(Ok(row)) if hold => judged.held.push(Arc::new(row)),
                Some(Ok(_)) => {}
                Some(Err(what)) => judged.others.push((number, Some(what))),
                None => judged.others.push((number, None)),
            }
        }
        judged
    });
    let (mut held, mut others) = (Vec::new(), Vec::new());
    for part in parts {
        held.extend(part.held);
        others.extend(part.others);
    }
    let numbers = (!others.is_empty()).then(|| {
        let mut others = others.iter().map(|(number, _)| *number).peekable();
        let good = |number: &usize| others.next_if_eq(number).is_none();
        (0..table.len()).filter(good).collect::<Vec<_>>()
    });
    for (number, what) in others {
        let Some(what) = what else { continue };
        opened.damaged_lines += 1;
        let line = opened.line(number);
        opened.damaged.push(Damage { line, what });
    }
    opened.damaged.sort_by_key(|damage| damage.line);
    opened.damaged.truncate(read::MAX_DESCRIBED);
    let rows = Rows(Arc::new(Inner {
        len: numbers.as_ref().map_or(table.len(), Vec::len),
        form: if hold {
            Form::Held(held)
        } else {
            Form::Text(meaning)
        },
        table,
        numbers,
    }));
    Typed {
        origin: opened.origin,
        rows,
        damaged: opened.damaged,
        damaged_lines: opened.damaged_lines,
    }
}

fn fill(record: &mut StringRecord, table: &Table, row: usize) {
    record.clear();
    for cell in table.row(row) {
        record.push_field(cell);
    }
}

/// How a file's records are read.
#[derive(Debug)]
struct Meaning {
    origin: Origin,
    header: StringRecord,
    /// The columns are those of today's rows, in their order: names need not be looked at.
    by_position: bool,
    /// Of another lab's file without a column that is named twice.
    legacy: Option<LegacyColumns>,
}

impl Meaning {
    fn new(origin: Origin, table: &Table, opened: &Opened) -> Self {
        let own = header_of::<CellRow>(&opened.path).unwrap_or_default();
        let header: StringRecord = table.header().into();
        let known = !matches!(origin, Origin::Ours | Origin::Other);
        Self {
            origin,
            by_position: origin == Origin::Ours && table.header() == own,
            legacy: LegacyColumns::of(&header).filter(|_| known),
            header,
        }
    }

    /// `None` of a file of unknown origin.
    fn row(&self, fields: &StringRecord) -> Option<Result<CellRow, String>> {
        if self.by_position {
            let row = fields.deserialize::<CellRow>(None);
            return Some(row.map_err(|e| e.to_string()));
        }
        if let Some(row) = self.legacy.as_ref().and_then(|columns| columns.row(fields)) {
            return Some(Ok(of_legacy(row)));
        }
        // Slower, but it says in words what is wrong.
        by_name(self.origin, &self.header, fields)
    }
}

/// Where the values of a [`LegacyRow`] stand.
#[derive(Debug)]
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

/// A blank value, or that of a column that is not there, is `Some(None)`; a wrong one is `None`.
#[expect(
    clippy::option_option,
    reason = "blank and wrong are two things, and `?` takes the wrong"
)]
fn value<T: FromStr>(fields: &StringRecord, column: Option<usize>) -> Option<Option<T>> {
    match column.and_then(|column| fields.get(column)) {
        None | Some("") => Some(None),
        Some(text) => text.parse().ok().map(Some),
    }
}

/// `None` of a file of unknown origin.
pub(super) fn row(
    opened: &Opened,
    header: &StringRecord,
    number: usize,
) -> Option<Result<CellRow, String>> {
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
