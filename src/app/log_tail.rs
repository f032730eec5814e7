//! Follows a log file that another process writes: every call reads on from where the last ended.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Of a file that is long when it is first read, only the end is.
const FIRST_BYTES: u64 = 256 * 1024;
/// Read at once at most; the rest comes with the next call.
const MOST_BYTES: u64 = 256 * 1024;
/// Lines given at once at most; of more, the last ones.
const MOST_LINES: usize = 400;
/// A longer line is cut here; the file has all of it.
const MOST_LINE_BYTES: usize = 8 * 1024;

/// A file, and how far it was read.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// `None` until the file was there.
    offset: Option<u64>,
    /// The last line, as far as it is written.
    partial: Vec<u8>,
    /// The rest of the last line is left out: it was cut, or its start was not read.
    skipping: bool,
    /// The last line was ended by a carriage return alone: a progress bar, drawn over and over.
    redrawn: bool,
}

impl Tail {
    /// Starts at the file's byte `from`: what is before it was written by an earlier run.
    pub fn new(path: PathBuf, from: u64) -> Self {
        Self {
            path,
            offset: (from > 0).then_some(from),
            partial: Vec::new(),
            skipping: false,
            redrawn: false,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines that were finished since the last call, without their ends. Of a line that is
    /// redrawn with carriage returns, the newest state. A file that is not there yet has none; one
    /// that has become shorter is read anew.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let length = file.metadata()?.len();
        let start = match self.offset {
            Some(offset) if offset <= length => offset,
            Some(_) => {
                (self.skipping, self.redrawn) = (false, false);
                self.partial.clear();
                0
            }
            None => {
                let start = length.saturating_sub(FIRST_BYTES);
                self.skipping = start > 0;
                start
            }
        };
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        self.offset = Some(start + bytes.len() as u64);
        Ok(self.lines(&bytes))
    }

    /// What was begun and never ended; call it when nothing more will be written.
    pub fn rest(&mut self) -> Option<String> {
        let rest = text(&std::mem::take(&mut self.partial));
        (!rest.is_empty()).then_some(rest)
    }

    fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        // Lines are split as bytes: a letter that is half written waits with its line.
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let end = piece.last().copied().filter(|b| matches!(b, b'\n' | b'\r'));
            let body = &piece[..piece.len() - usize::from(end.is_some())];
            if !self.skipping {
                let room = MOST_LINE_BYTES.saturating_sub(self.partial.len());
                self.partial
                    .extend_from_slice(&body[..body.len().min(room)]);
                if body.len() > room {
                    self.skipping = true;
                    push(&mut lines, &mut self.partial, "...", self.redrawn);
                }
            }
            if let Some(end) = end {
                let was_cut = std::mem::take(&mut self.skipping);
                let shown = was_cut || push(&mut lines, &mut self.partial, "", self.redrawn);
                // A carriage return before anything was drawn redraws nothing.
                self.redrawn = end == b'\r' && (shown || self.redrawn);
            }
        }
        let surplus = lines.len().saturating_sub(MOST_LINES);
        lines.drain(..surplus);
        lines
    }
}

/// Moves a line over, unless it is empty; in place of the last one where that is the same line,
/// drawn before.
fn push(lines: &mut Vec<String>, line: &mut Vec<u8>, end: &str, redrawn: bool) -> bool {
    let text = text(&std::mem::take(line));
    if text.is_empty() {
        return false;
    }
    if redrawn {
        lines.pop();
    }
    lines.push(text + end);
    true
}

/// Without what a terminal would not show: the half of a letter at a cut, escape sequences.
fn text(bytes: &[u8]) -> String {
    let whole = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(whole.len());
    let mut letters = whole.trim_end_matches('\u{fffd}').chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            if letters.next_if_eq(&'[').is_some() {
                // Up to the letter that ends it.
                while letters.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            }
        } else if letter == '\t' || !letter.is_control() {
            shown.push(letter);
        }
    }
    shown.truncate(shown.trim_end().len());
    shown
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    use super::*;

    struct Log {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("server.log");
            Self {
                _folder: folder,
                path,
            }
        }

        fn write(&self, bytes: &[u8]) {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.path)
                .expect("a file");
            file.write_all(bytes).expect("written");
        }
    }

    #[test]
    fn lines_come_once_they_are_whole() {
        let log = Log::new();
        let mut tail = Tail::new(log.path.clone(), 0);
        assert!(tail.read().unwrap().is_empty(), "not there yet");
        log.write(b"one\ntwo\nthr");
        assert_eq!(tail.read().unwrap(), ["one", "two"]);
        assert!(tail.read().unwrap().is_empty());
        log.write(b"ee\r\nfour");
        assert_eq!(tail.read().unwrap(), ["three"]);
        log.write(b"\n");
        assert_eq!(tail.read().unwrap(), ["four"]);
        log.write(b"Killed");
        assert!(tail.read().unwrap().is_empty());
        assert_eq!(tail.rest().as_deref(), Some("Killed"));
        assert_eq!(tail.rest(), None);
    }

    #[test]
    fn half_a_letter_waits_for_its_other_half() {
        let log = Log::new();
        let mut tail = Tail::new(log.path.clone(), 0);
        let bytes = "größe 模型\n".as_bytes();
        for cut in 1..bytes.len() {
            log.write(&bytes[..cut]);
            assert!(tail.read().unwrap().is_empty(), "cut at {cut}");
            log.write(&bytes[cut..]);
            assert_eq!(tail.read().unwrap(), ["größe 模型"], "cut at {cut}");
        }
    }

    #[test]
    fn a_file_that_starts_anew_is_read_anew() {
        let log = Log::new();
        let mut tail = Tail::new(log.path.clone(), 0);
        log.write(b"a first long line\nand the start of");
        assert_eq!(tail.read().unwrap(), ["a first long line"]);
        fs::write(&log.path, "new\n").unwrap();
        assert_eq!(tail.read().unwrap(), ["new"]);
        // Moved away by a rotation, and made again later.
        fs::remove_file(&log.path).unwrap();
        assert!(tail.read().unwrap().is_empty());
        log.write(b"b\n");
        assert_eq!(tail.read().unwrap(), ["b"]);
    }

    #[test]
    fn a_line_of_ten_megabytes_is_cut_and_the_next_is_whole() {
        let log = Log::new();
        let mut tail = Tail::new(log.path.clone(), 0);
        log.write(b"before\n");
        assert_eq!(tail.read().unwrap(), ["before"]);
        log.write(&vec![b'x'; 10_000_000]);
        log.write(b"\nafter\n");
        let mut lines = Vec::new();
        for _ in 0..100 {
            lines.extend(tail.read().unwrap());
            assert!(tail.partial.len() <= MOST_LINE_BYTES);
        }
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0].len(), MOST_LINE_BYTES + 3);
        assert!(lines[0].ends_with("x..."));
        assert_eq!(lines[1], "after");
    }

    #[test]
    fn of_a_flood_the_last_lines_are_given() {
        let log = Log::new();
        let mut tail = Tail::new(log.path.clone(), 0);
        let flood: Vec<String> = (0..20_000).map(|i| format!("line {i}")).collect();
        log.write((flood.join("\n") + "\n").as_bytes());
        let lines = tail.read().unwrap();
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines[MOST_LINES - 1], "line 19999");
    }

    #[test]
    fn a_progress_bar_is_its_newest_state() {
        let log = Log::new();
        let mut tail = Tail::new(log.path.clone(), 0);
        log.write(b"Fetching\n\r 0%\r 10%\r\x1b[A 20%\r 3");
        assert_eq!(tail.read().unwrap(), ["Fetching", " 20%"]);
        log.write(b"0%\r100%\nready\n");
        assert_eq!(tail.read().unwrap(), ["100%", "ready"]);
    }

    #[test]
    fn what_an_earlier_run_wrote_is_left_out() {
        let log = Log::new();
        log.write(b"earlier\n");
        let mut tail = Tail::new(log.path.clone(), 8);
        log.write(b"now\n");
        assert_eq!(tail.read().unwrap(), ["now"]);
    }
}
