//! A CSV in memory: its text in one string, in which cells are found when they are asked for, so that
//! a file of a million rows takes little more than its own size.

use csv::StringRecord;

/// Stands behind each cell. A line that holds one in a file is damaged.
pub(super) const CELL_END: char = '\0';

/// The parts of a text between marks. Most are short, where this is faster than `str::split`.
#[derive(Clone)]
pub(super) struct Parts<'a> {
    pub rest: Option<&'a str>,
    /// ASCII.
    pub mark: u8,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let Some(end) = text.bytes().position(|byte| byte == self.mark) else {
            return self.rest.take();
        };
        self.rest = Some(&text[end + 1..]);
        Some(&text[..end])
    }
}

/// Rows may have fewer or more cells than the header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    header: Vec<String>,
    /// The cells of all rows, each with [`CELL_END`] behind it.
    text: String,
    /// Where each row starts in `text`.
    starts: Vec<usize>,
}

impl Table {
    pub fn new(header: Vec<String>) -> Self {
        Self {
            header,
            ..Self::default()
        }
    }

    /// Of rows that are written as [`Table::push`] does it, and where each starts.
    pub(super) fn of(header: Vec<String>, text: String, starts: Vec<usize>) -> Self {
        Self {
            header,
            text,
            starts,
        }
    }

    /// Makes room for a file of so many bytes, judged by the bytes of its first row.
    pub fn reserve(&mut self, file_bytes: usize, row_bytes: usize) {
        self.text.reserve_exact(file_bytes);
        self.starts.reserve_exact(file_bytes / row_bytes.max(1));
    }

    pub fn push(&mut self, record: &StringRecord) {
        self.starts.push(self.text.len());
        for cell in record {
            // As other characters that are none.
            let shown = |c| {
                if c == CELL_END {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            };
            self.text.extend(cell.chars().map(shown));
            self.text.push(CELL_END);
        }
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Position of the column with this name; the last, if the header names it twice.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().rposition(|column| column == name)
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// One cell's text; `None` where the row is shorter than that.
    pub fn get(&self, row: usize, column: usize) -> Option<&str> {
        self.row(row).nth(column)
    }

    /// The cells of a row; none for a row that is not there.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &str> {
        let text = self.starts.get(row).and_then(|from| {
            let to = self.starts.get(row + 1).copied();
            self.text.get(*from..to.unwrap_or(self.text.len()))
        });
        Parts {
            rest: text.and_then(|text| text.strip_suffix(CELL_END)),
            mark: CELL_END as u8,
        }
    }

    /// Bytes of memory that the table holds, room for more rows included.
    pub fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.starts.capacity() * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ragged_rows_come_back_as_they_were() {
        let mut table = Table::new(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]);
        let rows: [&[&str]; 4] = [&["1", "", "é"], &["x"], &[], &["", "2", "3", "four"]];
        for row in rows {
            table.push(&StringRecord::from(row.to_vec()));
        }
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(table.row(i).collect::<Vec<_>>(), *row);
        }
        assert_eq!(table.len(), 4);
        assert_eq!(table.get(1, 1), None);
        assert_eq!(table.get(4, 0), None);
        assert_eq!(table.row(4).count(), 0);
        assert_eq!(table.column("a"), Some(2));
        assert_eq!(table.column("c"), None);
    }
}
