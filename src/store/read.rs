//! Reads any CSV, whoever wrote it, as far as it can be read.

mod part;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use part::{Chunk, Lines, NOT_UTF8, NUL_BYTES, UNCLOSED, in_place, part_ends, reader};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::row::{CLASSIC_COLUMNS, CellRow};
use super::table::Table;
use super::threads::threads_for;

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
    lines: Lines,
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

    /// The line of the file on which a row of the table starts.
    pub(super) fn line(&self, row: usize) -> u64 {
        self.lines.of(row)
    }
}

/// Reads a CSV with LF, CRLF or CR line ends, with or without a byte order mark. Lines that make
/// no row are listed, and left out of the table.
///
/// # Errors
/// The file cannot be read, is empty, or is not text.
pub fn open(path: &Path) -> Result<Opened, StoreError> {
    let mut bytes = whole(path)?;
    let length = bytes.len();
    let (header, body) = header(path, &bytes)?;
    let origin = Origin::of(&header);
    let format = Format {
        origin,
        numeric: header.iter().map(|name| origin.numeric(name)).collect(),
        header,
    };
    // Behind the last cell of a file without a last line end, too, a mark is put.
    bytes.push(b'\n');
    let ends = part_ends(&bytes[..length], body.from, threads_for(length));
    let parts = in_place(&mut bytes[body.from..], &ends, body.from, length, &format);

    let mut opened = Opened {
        path: path.to_owned(),
        origin,
        table: Table::default(),
        damaged: Vec::new(),
        damaged_lines: 0,
        lines: Lines::default(),
    };
    let mut starts = Vec::with_capacity(parts.iter().map(|part| part.starts.len()).sum());
    let (mut from, mut text_end, mut line) = (body.from, 0, body.lines_before);
    for (part, end) in parts.into_iter().zip(ends) {
        bytes.copy_within(from..from + part.text_bytes, text_end);
        opened.lines.extend(&part.lines, starts.len(), line);
        starts.extend(part.starts.iter().map(|start| start + text_end));
        let room = MAX_DESCRIBED.saturating_sub(opened.damaged.len());
        let damaged = part.damaged.into_iter().take(room);
        opened.damaged.extend(damaged.map(|damage| Damage {
            line: damage.line + line,
            ..damage
        }));
        opened.damaged_lines += part.damaged_lines;
        line += part.lines_read;
        text_end += part.text_bytes;
        from = end;
    }
    bytes.truncate(text_end);
    let text = String::from_utf8(bytes).map_err(|error| StoreError::NotOurs {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    opened.table = Table::of(format.header, text, starts);
    Ok(opened)
}

/// The file's bytes, with room for one more.
fn whole(path: &Path) -> Result<Vec<u8>, StoreError> {
    let io = || StoreError::io("read", path);
    let mut file = File::open(path).map_err(StoreError::io("open", path))?;
    let about = file.metadata().map_err(io())?;
    if about.is_dir() {
        return Err(io()(io::ErrorKind::IsADirectory.into()));
    }
    let mut bytes = Vec::with_capacity(about.len() as usize + 64);
    file.read_to_end(&mut bytes).map_err(io())?;
    Ok(bytes)
}

/// What comes behind the header.
struct Body {
    from: usize,
    /// Lines that have ended before.
    lines_before: u64,
}

fn header(path: &Path, bytes: &[u8]) -> Result<(Vec<String>, Body), StoreError> {
    let damaged = |what: &str| StoreError::NotOurs {
        path: path.to_owned(),
        why: format!("its header line is damaged: {what}"),
    };
    let mut from = if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let mut lines_before = 0;
    while from < bytes.len() {
        let chunk = Chunk::at(bytes, from);
        let Some(text) = chunk.whole(bytes) else {
            return Err(damaged(UNCLOSED));
        };
        if text.contains(&0) {
            return Err(damaged(NUL_BYTES));
        }
        let mut reader = reader(text);
        let mut fields = StringRecord::new();
        match reader.read_record(&mut fields) {
            Err(_) => return Err(damaged(NOT_UTF8)),
            // Blank lines.
            Ok(false) => (from, lines_before) = (chunk.end, lines_before + chunk.lines),
            Ok(true) => {
                // Where only CR ends lines, all rows are behind it on the same line.
                let to = reader.position().byte() as usize;
                let ended = to == text.len();
                let body = Body {
                    from: from + to,
                    lines_before: lines_before + if ended { chunk.lines } else { 0 },
                };
                return Ok((fields.iter().map(str::to_owned).collect(), body));
            }
        }
    }
    Err(StoreError::Empty {
        path: path.to_owned(),
    })
}

/// What a file's header says of its rows.
#[derive(Debug)]
struct Format {
    origin: Origin,
    header: Vec<String>,
    /// Per column: whether the origin's format has only numbers there.
    numeric: Vec<bool>,
}

impl Format {
    /// Why a record is no row of this file; `None` for a good one.
    fn fault<'a>(
        &self,
        fields: impl Iterator<Item = &'a str> + Clone,
        cut_off: bool,
    ) -> Option<String> {
        let count = fields.clone().count();
        let columns = self.header.len();
        if cut_off && (self.origin == Origin::Ours || count != columns) {
            return Some("cut off: the line has no end".to_owned());
        }
        if count != columns {
            return Some(format!("{count} values for {columns} columns"));
        }
        let columns = self.header.iter().zip(&self.numeric);
        let mut wrong = fields
            .zip(columns)
            .filter(|(value, (_, numeric))| **numeric && !value.is_empty() && !is_number(value));
        let (value, (name, _)) = wrong.next()?;
        Some(format!("{name} is not a number: {value:?}"))
    }
}

fn is_number(text: &str) -> bool {
    // Nearly always, and then nothing need be computed.
    text.bytes().all(|byte| byte.is_ascii_digit()) || text.trim().parse::<f64>().is_ok()
}
