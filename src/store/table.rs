//! A CSV in memory: all text in one string, with offsets, so that a file of a million rows takes a
//! small multiple of its size.

use csv::StringRecord;

/// Where a row starts in [`Table::text`] and [`Table::ends`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowStart {
    text: usize,
    cell: usize,
}

/// Rows may have fewer or more cells than the header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    header: Vec<String>,
    text: String,
    /// Per cell, where its text ends, from the start of its row's text.
    ends: Vec<u32>,
    rows: Vec<RowStart>,
}

/// One row holds more than 4 GiB of text.
#[derive(Debug, thiserror::Error)]
#[error("one line holds more than 4 GiB")]
pub struct RowTooLong;

impl Table {
    pub fn new(header: Vec<String>) -> Self {
        Self {
            header,
            ..Self::default()
        }
    }

    /// Makes room for a file of so many bytes, judged by the bytes of its first row.
    pub fn reserve(&mut self, file_bytes: usize, row_bytes: usize) {
        let rows = file_bytes / row_bytes.max(1);
        self.text.reserve_exact(file_bytes);
        self.rows.reserve_exact(rows);
        self.ends
            .reserve_exact(rows.saturating_mul(self.header.len()));
    }

    pub fn push(&mut self, record: &StringRecord) -> Result<(), RowTooLong> {
        let start = RowStart {
            text: self.text.len(),
            cell: self.ends.len(),
        };
        u32::try_from(record.as_slice().len()).map_err(|_| RowTooLong)?;
        self.text.push_str(record.as_slice());
        let mut end = 0;
        for field in record {
            end += field.len() as u32;
            self.ends.push(end);
        }
        self.rows.push(start);
        Ok(())
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Position of the column with this name; the last, if the header names it twice.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().rposition(|column| column == name)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One cell's text; `None` where the row is shorter than that.
    pub fn get(&self, row: usize, column: usize) -> Option<&str> {
        let ends = self.row_ends(row)?;
        let start = self.rows.get(row)?.text;
        let to = *ends.get(column)? as usize;
        let from = match column {
            0 => 0,
            _ => *ends.get(column - 1)? as usize,
        };
        self.text.get(start + from..start + to)
    }

    /// The cells of a row; none for a row that is not there.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &str> {
        let width = self.row_ends(row).map_or(0, <[u32]>::len);
        (0..width).filter_map(move |column| self.get(row, column))
    }

    /// Bytes of memory that the table holds, room for more rows included.
    pub fn memory_bytes(&self) -> usize {
        self.text.capacity()
            + self.ends.capacity() * size_of::<u32>()
            + self.rows.capacity() * size_of::<RowStart>()
    }

    fn row_ends(&self, row: usize) -> Option<&[u32]> {
        let from = self.rows.get(row)?.cell;
        let to = self.rows.get(row + 1).map_or(self.ends.len(), |r| r.cell);
        self.ends.get(from..to)
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
            table.push(&StringRecord::from(row.to_vec())).unwrap();
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
