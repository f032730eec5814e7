//! A file's lines as rows of a table, rewritten where they lie.

use std::io::BufRead as _;
use std::panic::resume_unwind;

use csv::StringRecord;

use super::{Damage, Format, MAX_DESCRIBED};
use crate::store::table::{CELL_END, Parts};

/// Lines that a quoted field may span. Beyond that, a quote was opened by mistake and would
/// swallow the rest of the file.
const MAX_RECORD_LINES: u64 = 200;

pub(super) const UNCLOSED: &str = "a quote is opened and never closed";
pub(super) const NUL_BYTES: &str = "holds NUL bytes: no text, or a write that a power loss cut off";
pub(super) const NOT_UTF8: &str = "is not UTF-8 text";

/// Ends of the parts that threads take on, each at the end of a record.
pub(super) fn part_ends(bytes: &[u8], from: usize, parts: usize) -> Vec<usize> {
    let quotes = parts > 1 && bytes.contains(&b'"');
    let size = (bytes.len() - from) / parts.max(1);
    let mut ends = Vec::with_capacity(parts);
    let mut end = from;
    for part in 1..parts {
        let target = from + part * size;
        if quotes {
            while end < target {
                end = Chunk::at(bytes, end).end;
            }
        } else {
            end = line_end(bytes, target.max(end));
        }
        ends.push(end);
    }
    ends.push(bytes.len());
    ends
}

/// Each part is rewritten where it lies as a [`Table`] has it, so that the file is never held twice.
/// Behind the last is room for one byte; `offset` is where `bytes` starts in the file.
pub(super) fn in_place(
    bytes: &mut [u8],
    ends: &[usize],
    offset: usize,
    length: usize,
    format: &Format,
) -> Vec<Part> {
    let mut rest = bytes;
    let mut from = offset;
    let mut jobs = Vec::with_capacity(ends.len());
    for &end in ends {
        let room = end - from + usize::from(end == length);
        let room = room.min(rest.len());
        let (part, behind) = std::mem::take(&mut rest).split_at_mut(room);
        jobs.push((part, end - from));
        (rest, from) = (behind, end);
    }
    if let [(part, length)] = &mut jobs[..] {
        return vec![Part::read(part, *length, format)];
    }
    std::thread::scope(|scope| {
        let jobs: Vec<_> = jobs
            .into_iter()
            .map(|(part, length)| scope.spawn(move || Part::read(part, length, format)))
            .collect();
        jobs.into_iter()
            .map(|job| job.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// Which line of the file each row of a table starts on: (row, line) where rows do not follow each
/// other line by line.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<(usize, u64)>);

impl Lines {
    pub fn of(&self, row: usize) -> u64 {
        let after = self.0.partition_point(|(from, _)| *from <= row);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at));
        before.map_or(0, |(from, line)| line + (row - from) as u64)
    }

    fn push(&mut self, row: usize, line: u64) {
        if self.0.is_empty() || self.of(row) != line {
            self.0.push((row, line));
        }
    }

    pub fn extend(&mut self, part: &Self, rows_before: usize, lines_before: u64) {
        for (row, line) in &part.0 {
            self.push(row + rows_before, line + lines_before);
        }
    }
}

/// Whole lines of a file: one, or as many as a quoted field spans.
pub(super) struct Chunk {
    from: usize,
    pub end: usize,
    pub lines: u64,
    /// A quote is opened in it and never closed.
    unclosed: bool,
}

impl Chunk {
    pub fn at(bytes: &[u8], from: usize) -> Self {
        let first = line_end(bytes, from);
        let chunk = |end, lines, unclosed| Self {
            from,
            end,
            lines,
            unclosed,
        };
        let (mut end, mut lines) = (first, 1);
        while ends_in_quotes(&bytes[from..end]) {
            if end == bytes.len() || lines > MAX_RECORD_LINES {
                // The lines behind are lines of their own.
                return chunk(first, 1, true);
            }
            end = line_end(bytes, end);
            lines += 1;
        }
        chunk(end, lines, false)
    }

    /// `None` where a quote is not closed.
    pub fn whole<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        (!self.unclosed).then(|| &bytes[self.from..self.end])
    }
}

/// Behind the end of the line that `from` is on.
fn line_end(bytes: &[u8], from: usize) -> usize {
    let mut rest = &bytes[from..];
    // Of bytes in memory, it cannot fail.
    from + rest.skip_until(b'\n').unwrap_or(rest.len())
}

pub(super) fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(bytes.len().min(64 * 1024))
        .from_reader(bytes)
}

/// Some of a file's lines, read. Lines are counted from the first of them, from 1.
#[derive(Default)]
pub(super) struct Part {
    /// How much of it is left, from its start.
    pub text_bytes: usize,
    pub starts: Vec<usize>,
    pub lines: Lines,
    pub lines_read: u64,
    pub damaged: Vec<Damage>,
    pub damaged_lines: u64,
    /// Rows of the present chunk, not yet in their place.
    rows: Vec<u8>,
}

impl Part {
    /// The first `length` of `bytes` are lines. Rows never take more room than these, but for one
    /// byte where the last line has no end.
    fn read(bytes: &mut [u8], length: usize, format: &Format) -> Self {
        let mut part = Self::default();
        let mut from = 0;
        while from < length {
            let chunk = Chunk::at(&bytes[..length], from);
            part.rows.clear();
            let line = part.lines_read + 1;
            match chunk.whole(&bytes[..length]) {
                Some(text) => part.parse(text, line, format),
                None => part.damage(line, UNCLOSED.to_owned()),
            }
            if part.text_bytes == 0 && !part.rows.is_empty() {
                part.starts.reserve(length / part.rows.len());
            }
            let to = part.text_bytes + part.rows.len();
            bytes[part.text_bytes..to].copy_from_slice(&part.rows);
            part.text_bytes = to;
            part.lines_read += chunk.lines;
            from = chunk.end;
        }
        part
    }

    fn parse(&mut self, text: &[u8], line: u64, format: &Format) {
        if text.contains(&0) {
            self.damage(line, NUL_BYTES.to_owned());
            return;
        }
        let cut_off = !text.ends_with(b"\n") && !text.ends_with(b"\r");
        if let Some(text) = plain_line(text) {
            // Nearly every line of nearly every file: no quotes, so its commas are its columns.
            if !text.is_empty() {
                let parts = Parts {
                    rest: Some(text),
                    mark: b',',
                };
                self.take(parts, line, cut_off, format);
            }
            return;
        }
        // Several records, where only CR ends lines.
        let mut reader = reader(text);
        let mut fields = StringRecord::new();
        loop {
            match reader.read_record(&mut fields) {
                Ok(true) => self.take(fields.iter(), line, cut_off, format),
                Ok(false) => return,
                Err(_) => self.damage(line, NOT_UTF8.to_owned()),
            }
        }
    }

    fn take<'a>(
        &mut self,
        fields: impl Iterator<Item = &'a str> + Clone,
        line: u64,
        cut_off: bool,
        format: &Format,
    ) {
        if let Some(what) = format.fault(fields.clone(), cut_off) {
            self.damage(line, what);
            return;
        }
        self.lines.push(self.starts.len(), line);
        self.starts.push(self.text_bytes + self.rows.len());
        for field in fields {
            self.rows.extend_from_slice(field.as_bytes());
            self.rows.push(CELL_END as u8);
        }
    }

    fn damage(&mut self, line: u64, what: String) {
        self.damaged_lines += 1;
        if self.damaged.len() < MAX_DESCRIBED {
            self.damaged.push(Damage { line, what });
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
