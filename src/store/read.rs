//! Reads any CSV, whoever wrote it, as far as it can be read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::row::{CLASSIC_COLUMNS, CellRow};
use super::table::Table;

/// Lines that a quoted field may span. Beyond that, a quote was opened by mistake and would
/// swallow the rest of the file.
const MAX_RECORD_LINES: usize = 200;
/// Damaged lines that are described; more are only counted.
pub(super) const MAX_DESCRIBED: usize = 1000;

/// Who wrote a file, told by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Origin {
    Ours,
    /// The Python MLX lab's full sweep: the eight classic columns.
    MlxLab,
    /// Its round-robin sweep: maximum tokens and concurrency.
    MlxLabRoundRobin,
    /// llama-throughput-lab, which has `parallel` (slots of a server) for both concurrencies.
    LlamaLab,
    Other,
}

impl Origin {
    fn of(header: &[String]) -> Self {
        let has = |name: &str| header.iter().any(|column| column == name);
        let classic = header.len() >= 8 && header.iter().zip(CLASSIC_COLUMNS).all(|(a, b)| a == b);
        let figures = ["concurrency", "throughput_tps", "total_tokens", "errors"];
        if classic && has("cell") && has("status") {
            Self::Ours
        } else if classic && header.len() == CLASSIC_COLUMNS.len() {
            Self::MlxLab
        } else if !figures.iter().all(|name| has(name)) {
            Self::Other
        } else if has("parallel") || has("ubatch") {
            Self::LlamaLab
        } else if has("max_tokens") && header.len() == 6 {
            Self::MlxLabRoundRobin
        } else {
            Self::Other
        }
    }

    /// What to know before trusting the file's figures.
    pub fn caution(self) -> Option<&'static str> {
        match self {
            Self::MlxLab => Some(
                "Written by the Python MLX lab: its decode/prompt axes were not applied, all servers ran with the same flags",
            ),
            Self::MlxLabRoundRobin => Some(
                "Written by the Python MLX lab: one identical prompt, so the prompt cache answered part of it",
            ),
            Self::Ours | Self::LlamaLab | Self::Other => None,
        }
    }

    /// Columns that hold nothing but numbers or blanks.
    fn numeric(self, column: &str) -> bool {
        const FIGURES: [&str; 4] = ["throughput_tps", "total_tokens", "elapsed_s", "errors"];
        match self {
            Self::Other => false,
            Self::Ours => CLASSIC_COLUMNS.contains(&column) || matches!(column, "cell" | "repeat"),
            _ => {
                FIGURES.contains(&column)
                    || matches!(
                        column,
                        "instances" | "concurrency" | "parallel" | "max_tokens"
                    )
                    || CLASSIC_COLUMNS.contains(&column)
            }
        }
    }
}

/// A row of another lab; what its format does not have is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LegacyRow {
    pub instances: Option<u32>,
    pub decode_concurrency: Option<u32>,
    pub prompt_concurrency: Option<u32>,
    pub parallel: Option<u32>,
    /// A number, or `default`.
    pub batch: Option<String>,
    pub ubatch: Option<String>,
    pub max_tokens: Option<u32>,
    pub concurrency: Option<u32>,
    pub throughput_tps: Option<f64>,
    pub total_tokens: Option<u64>,
    pub elapsed_s: Option<f64>,
    pub errors: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TypedRow {
    Ours(Box<CellRow>),
    Legacy(LegacyRow),
}

/// A line that could not be taken as a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// From 1, the header being a line too.
    pub line: u64,
    pub what: String,
}

/// A file, read.
#[derive(Debug)]
pub struct Opened {
    pub path: PathBuf,
    pub origin: Origin,
    pub table: Table,
    /// In the file's order; at most the first thousand.
    pub damaged: Vec<Damage>,
    pub damaged_lines: u64,
    /// Per column: whether the origin's format has only numbers there.
    numeric: Vec<bool>,
}

impl Opened {
    /// A row by its meaning; `None` for a file of unknown origin.
    ///
    /// # Errors
    /// A value is not of its column's type, in words.
    pub fn typed(&self, row: usize) -> Option<Result<TypedRow, String>> {
        let header: StringRecord = self.table.header().into();
        let record: StringRecord = self.table.row(row).collect();
        let typed = match self.origin {
            Origin::Other => return None,
            Origin::Ours => record
                .deserialize(Some(&header))
                .map(|row| TypedRow::Ours(Box::new(row))),
            _ => record.deserialize(Some(&header)).map(TypedRow::Legacy),
        };
        Some(typed.map_err(|e| e.to_string()))
    }
}

/// Reads a CSV with LF, CRLF or CR line ends, with or without a byte order mark. Lines that make
/// no row are listed, and left out of the table.
///
/// # Errors
/// The file cannot be read, is empty, or is not text.
pub fn open(path: &Path) -> Result<Opened, StoreError> {
    walk(path, |opened, record, file_bytes| {
        opened.take(&record, file_bytes)
    })
}

/// As [`open`], but hands every record to `take`, which judges it with [`Format::fault`], instead
/// of keeping it in the table.
pub(super) fn each(
    path: &Path,
    mut take: impl FnMut(&Opened, Record),
) -> Result<Opened, StoreError> {
    walk(path, |opened, record, _| {
        take(opened, record);
        Ok(())
    })
}

/// Reads all lines; `take` gets the records with the file's length in bytes.
fn walk(
    path: &Path,
    mut take: impl FnMut(&mut Opened, Record, usize) -> Result<(), Damage>,
) -> Result<Opened, StoreError> {
    let io = || StoreError::io("read", path);
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    let about = file.metadata().map_err(io())?;
    if about.is_dir() {
        return Err(io()(io::ErrorKind::IsADirectory.into()));
    }
    let mut records = Records::new(BufReader::new(file));
    let header: Vec<String> = match records.next().map_err(io())? {
        Some(Parsed::Record(record)) => record.fields.iter().map(str::to_owned).collect(),
        Some(Parsed::Damaged(damage)) => {
            return Err(StoreError::NotOurs {
                path: path.to_owned(),
                why: format!("its header line is damaged: {}", damage.what),
            });
        }
        None => {
            return Err(StoreError::Empty {
                path: path.to_owned(),
            });
        }
    };
    let mut opened = Opened::new(path, header);
    while let Some(parsed) = records.next().map_err(io())? {
        let taken = match parsed {
            Parsed::Record(record) => take(&mut opened, record, about.len() as usize),
            Parsed::Damaged(damage) => Err(damage),
        };
        if let Err(damage) = taken {
            opened.damaged_lines += 1;
            if opened.damaged.len() < MAX_DESCRIBED {
                opened.damaged.push(damage);
            }
        }
    }
    Ok(opened)
}

/// What a file's header says of its rows.
#[derive(Debug, Clone)]
pub(super) struct Format {
    pub origin: Origin,
    pub header: StringRecord,
    numeric: Vec<bool>,
}

impl Format {
    /// Why a record is no row of this file; `None` for a good one.
    pub fn fault(&self, record: &Record) -> Option<String> {
        let columns = self.header.iter();
        fault(self.origin, columns, &self.numeric, record)
    }
}

impl Opened {
    pub(super) fn format(&self) -> Format {
        Format {
            origin: self.origin,
            header: self.table.header().into(),
            numeric: self.numeric.clone(),
        }
    }

    fn new(path: &Path, header: Vec<String>) -> Self {
        let origin = Origin::of(&header);
        Self {
            path: path.to_owned(),
            origin,
            numeric: header.iter().map(|name| origin.numeric(name)).collect(),
            table: Table::new(header),
            damaged: Vec::new(),
            damaged_lines: 0,
        }
    }

    /// Adds a record to the table, or says why it is no row.
    fn take(&mut self, record: &Record, file_bytes: usize) -> Result<(), Damage> {
        let damage = |what| Damage {
            line: record.line,
            what,
        };
        let header = self.table.header().iter().map(String::as_str);
        if let Some(what) = fault(self.origin, header, &self.numeric, record) {
            return Err(damage(what));
        }
        if self.table.is_empty() {
            self.table.reserve(file_bytes, record.bytes);
        }
        let pushed = self.table.push(&record.fields);
        pushed.map_err(|e| damage(e.to_string()))
    }
}

fn fault<'a>(
    origin: Origin,
    mut header: impl Iterator<Item = &'a str>,
    numeric: &[bool],
    record: &Record,
) -> Option<String> {
    let fields = &record.fields;
    let columns = numeric.len();
    if record.cut_off && (origin == Origin::Ours || fields.len() != columns) {
        return Some("cut off: the line has no end".to_owned());
    }
    if fields.len() != columns {
        return Some(format!("{} values for {columns} columns", fields.len()));
    }
    let wrong = fields.iter().zip(numeric).position(|(value, numeric)| {
        *numeric && !value.is_empty() && value.trim().parse::<f64>().is_err()
    })?;
    Some(format!(
        "{} is not a number: {:?}",
        header.nth(wrong).unwrap_or_default(),
        fields.get(wrong).unwrap_or_default()
    ))
}

pub(super) struct Record {
    pub fields: StringRecord,
    /// The line it starts on.
    pub line: u64,
    /// Its length in the file.
    bytes: usize,
    /// The file ends within its last line.
    cut_off: bool,
}

enum Parsed {
    Record(Record),
    Damaged(Damage),
}

/// Splits a file into records, line by line, so that damage stays where it is.
struct Records<R> {
    input: R,
    /// Lines that were read ahead for a quoted field that never ended.
    again: VecDeque<Vec<u8>>,
    /// Records of one physical line (several, where only CR ends lines).
    ready: VecDeque<Parsed>,
    lines_read: u64,
}

impl<R: BufRead> Records<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            again: VecDeque::new(),
            ready: VecDeque::new(),
            lines_read: 0,
        }
    }

    fn next(&mut self) -> io::Result<Option<Parsed>> {
        loop {
            if let Some(parsed) = self.ready.pop_front() {
                return Ok(Some(parsed));
            }
            let Some(mut bytes) = self.next_line()? else {
                return Ok(None);
            };
            let line = self.lines_read;
            if line == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if ends_in_quotes(&bytes) && !self.read_to_closing_quote(&mut bytes)? {
                return Ok(Some(Parsed::Damaged(Damage {
                    line,
                    what: "a quote is opened and never closed".to_owned(),
                })));
            }
            self.parse(&bytes, line);
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = self.again.pop_front().unwrap_or_default();
        if line.is_empty() {
            self.input.read_until(b'\n', &mut line)?;
        }
        if line.is_empty() {
            return Ok(None);
        }
        self.lines_read += 1;
        Ok(Some(line))
    }

    /// Appends lines until the open quote is closed. If it is not, those lines are read again as
    /// lines of their own.
    fn read_to_closing_quote(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let first_line = self.lines_read;
        let mut ahead = Vec::new();
        while ahead.len() < MAX_RECORD_LINES {
            let Some(line) = self.next_line()? else {
                break;
            };
            bytes.extend(&line);
            ahead.push(line);
            if !ends_in_quotes(bytes) {
                return Ok(true);
            }
        }
        self.lines_read = first_line;
        for line in ahead.into_iter().rev() {
            self.again.push_front(line);
        }
        Ok(false)
    }

    fn parse(&mut self, bytes: &[u8], line: u64) {
        if bytes.contains(&0) {
            self.ready.push_back(Parsed::Damaged(Damage {
                line,
                what: "holds NUL bytes: no text, or a write that a power loss cut off".to_owned(),
            }));
            return;
        }
        let cut_off = !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r");
        if let Some(text) = plain_line(bytes) {
            // Nearly every line of nearly every file: no quotes, so its commas are its columns.
            if !text.is_empty() {
                self.ready.push_back(Parsed::Record(Record {
                    fields: text.split(',').collect(),
                    line,
                    bytes: bytes.len(),
                    cut_off,
                }));
            }
            return;
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(bytes.len().min(64 * 1024))
            .from_reader(bytes);
        let mut fields = StringRecord::new();
        loop {
            let parsed = match reader.read_record(&mut fields) {
                Ok(true) => Parsed::Record(Record {
                    fields: fields.clone(),
                    line,
                    bytes: bytes.len(),
                    cut_off,
                }),
                Ok(false) => return,
                Err(_) => Parsed::Damaged(Damage {
                    line,
                    what: "is not UTF-8 text".to_owned(),
                }),
            };
            self.ready.push_back(parsed);
        }
    }
}

/// The text of a single line without quotes; `None` for what needs a closer look.
fn plain_line(bytes: &[u8]) -> Option<&str> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let plain = !text.iter().any(|b| matches!(b, b'"' | b'\r'));
    plain.then(|| std::str::from_utf8(text).ok()).flatten()
}

/// Whether a quoted field is still open at the end of these bytes, by RFC 4180 as Python reads it:
/// a quote opens a field only at the field's start.
fn ends_in_quotes(bytes: &[u8]) -> bool {
    if !bytes.contains(&b'"') {
        return false;
    }
    let (mut quoted, mut at_start) = (false, true);
    let mut bytes = bytes.iter().peekable();
    while let Some(byte) = bytes.next() {
        if quoted {
            if *byte == b'"' && bytes.next_if_eq(&&b'"').is_none() {
                quoted = false;
                at_start = false;
            }
        } else if *byte == b'"' && at_start {
            quoted = true;
        } else {
            at_start = matches!(byte, b',' | b'\n' | b'\r');
        }
    }
    quoted
}

#[cfg(test)]
mod tests;
