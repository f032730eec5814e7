//! A CSV that only ever grows by whole rows: each append is one write, and a write that fails
//! half-way is taken back, so that the file holds whole rows after a full disk as well.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::StoreError;

/// What a growing file must offer; a trait so that tests can fill a disk.
pub(super) trait Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    fn sync_data(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// Whether an append returns once the row is with the kernel, or once it is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Written,
    Synced,
}

/// A CSV with CRLF line ends (RFC 4180, and what the Python lab writes), open for appending.
#[derive(Debug)]
pub(super) struct RowFile<S = File> {
    sink: S,
    path: PathBuf,
    /// The file's own header: a row of another version of the app is fitted to it by name.
    header: Vec<String>,
    len: u64,
    durability: Durability,
}

impl RowFile {
    /// Starts an empty file, already open for appending, with the header of `T`.
    pub(super) fn start<T: Serialize + Default>(
        file: File,
        path: &Path,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        Self::start_on::<T>(file, path, durability)
    }

    /// Opens a file that was started earlier, or starts it; a torn end must be cut off before.
    pub(super) fn reopen<T: Serialize + Default>(
        mut file: File,
        path: &Path,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let len = file
            .metadata()
            .map_err(StoreError::io("look at", path))?
            .len();
        if len == 0 {
            return Self::start::<T>(file, path, durability);
        }
        file.seek(SeekFrom::Start(0))
            .map_err(StoreError::io("read", path))?;
        let header = read_header(&mut file, path)?;
        Ok(Self {
            sink: file,
            path: path.to_owned(),
            header,
            len,
            durability,
        })
    }
}

impl<S: Sink> RowFile<S> {
    fn start_on<T: Serialize + Default>(
        sink: S,
        path: &Path,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let header = header_of::<T>(path)?;
        let mut file = Self {
            sink,
            path: path.to_owned(),
            header: Vec::new(),
            len: 0,
            durability,
        };
        let line = line_of(header.iter().map(String::as_str), path)?;
        file.append_bytes(&line)?;
        file.header = header;
        Ok(file)
    }

    /// Appends one row.
    pub(super) fn append<T: Serialize>(&mut self, row: &T) -> Result<(), StoreError> {
        self.append_all(std::slice::from_ref(row))
    }

    /// Appends rows with a single write: all of them, or none.
    pub(super) fn append_all<T: Serialize>(&mut self, rows: &[T]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for row in rows {
            let (columns, values) = named_values(row, &self.path)?;
            let fitted = self.header.iter().map(|name| {
                let column = columns.iter().position(|column| column == name);
                column.and_then(|i| values.get(i)).unwrap_or_default()
            });
            bytes.extend(line_of(fitted, &self.path)?);
        }
        self.append_bytes(&bytes)
    }

    fn append_bytes(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let appended = self.write_once(bytes).and_then(|()| match self.durability {
            Durability::Written => Ok(()),
            Durability::Synced => self.sink.sync_data(),
        });
        match appended {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                // The write's own error is the one to report; if this fails too, the torn line is
                // cut off by the next resume.
                let _ = self.sink.set_len(self.len);
                Err(StoreError::io("write", &self.path)(source))
            }
        }
    }

    fn write_once(&mut self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match self.sink.write(bytes) {
                Ok(n) if n == bytes.len() => return Ok(()),
                // What is missing did not fit: a full disk, or a limit on the file's size.
                Ok(n) => {
                    return Err(io::Error::new(
                        io::ErrorKind::StorageFull,
                        format!("only {n} of {} bytes could be written", bytes.len()),
                    ));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Opens a file for appending and for reading from its start, making it if need be.
pub(super) fn open_to_append(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .map_err(StoreError::io("open", path))
}

/// The columns of a row type, as its serialization names them.
pub(super) fn header_of<T: Serialize + Default>(path: &Path) -> Result<Vec<String>, StoreError> {
    let (columns, _) = named_values(&T::default(), path)?;
    Ok(columns.iter().map(str::to_owned).collect())
}

fn read_header(file: &mut impl Read, path: &Path) -> Result<Vec<String>, StoreError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let header = reader.headers().map_err(|e| StoreError::NotOurs {
        path: path.to_owned(),
        why: format!("its header line cannot be read ({e})"),
    })?;
    Ok(header.iter().map(str::to_owned).collect())
}

/// A row's column names and values.
fn named_values<T: Serialize>(
    row: &T,
    path: &Path,
) -> Result<(csv::StringRecord, csv::StringRecord), StoreError> {
    let encode = |source| StoreError::Encode {
        path: path.to_owned(),
        source,
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(row).map_err(encode)?;
    let bytes = writer
        .into_inner()
        .map_err(|e| StoreError::io("buffer a row for", path)(e.into_error()))?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes.as_slice());
    let (mut columns, mut values) = (csv::StringRecord::new(), csv::StringRecord::new());
    reader.read_record(&mut columns).map_err(encode)?;
    reader.read_record(&mut values).map_err(encode)?;
    Ok((columns, values))
}

pub(super) fn line_of<'a>(
    fields: impl Iterator<Item = &'a str>,
    path: &Path,
) -> Result<Vec<u8>, StoreError> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer
        .write_record(fields)
        .map_err(|source| StoreError::Encode {
            path: path.to_owned(),
            source,
        })?;
    writer
        .into_inner()
        .map_err(|e| StoreError::io("buffer a row for", path)(e.into_error()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Row {
        name: String,
        value: Option<f64>,
    }

    fn row(name: &str) -> Row {
        Row {
            name: name.to_owned(),
            value: Some(1.5),
        }
    }

    /// A disk with room for so many bytes more; `None` has room for all.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        room: Option<usize>,
        syncs: u32,
        writes: u32,
        sync_error: bool,
    }

    impl Sink for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            let n = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend(&bytes[..n]);
            self.room = self.room.map(|room| room - n);
            Ok(n)
        }

        fn set_len(&mut self, len: u64) -> io::Result<()> {
            self.bytes.truncate(len as usize);
            Ok(())
        }

        fn sync_data(&mut self) -> io::Result<()> {
            self.syncs += 1;
            if self.sync_error {
                return Err(io::Error::other("the disk is gone"));
            }
            Ok(())
        }
    }

    fn on(disk: Disk) -> RowFile<Disk> {
        RowFile::start_on::<Row>(disk, Path::new("full.csv"), Durability::Synced).unwrap()
    }

    #[test]
    fn a_row_is_one_write_and_one_sync_with_crlf() {
        let mut file = on(Disk::default());
        file.append(&row("a")).unwrap();
        assert_eq!(file.sink.bytes, b"name,value\r\na,1.5\r\n");
        assert_eq!((file.sink.writes, file.sink.syncs), (2, 2));
    }

    #[test]
    fn a_full_disk_leaves_whole_rows_and_says_what_to_do() {
        let mut file = on(Disk::default());
        file.append(&row("a")).unwrap();
        let whole = file.sink.bytes.clone();
        for room in [3, 0] {
            file.sink.room = Some(room);
            let text = file.append(&row("b")).unwrap_err().to_string();
            assert_eq!(file.sink.bytes, whole, "with room for {room} bytes");
            assert!(text.contains("cannot write full.csv"), "{text}");
            assert!(text.contains("free disk space"), "{text}");
        }
        file.sink.room = None;
        file.append(&row("b")).unwrap();
        assert_eq!(file.sink.bytes, b"name,value\r\na,1.5\r\nb,1.5\r\n");
    }

    #[test]
    fn a_row_that_may_not_be_on_the_disk_is_not_kept() {
        let mut file = on(Disk::default());
        file.sink.sync_error = true;
        let text = file.append(&row("a")).unwrap_err().to_string();
        assert!(text.contains("the disk is gone"), "{text}");
        assert_eq!(file.sink.bytes, b"name,value\r\n");
    }

    #[test]
    fn rows_are_fitted_to_the_columns_that_a_file_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.csv");
        std::fs::write(&path, "value,older,name\r\n").unwrap();
        let mut file =
            RowFile::reopen::<Row>(open_to_append(&path).unwrap(), &path, Durability::Synced)
                .unwrap();
        file.append_all(&[row("a"), row("b,\"c\"")]).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "value,older,name\r\n1.5,,a\r\n1.5,,\"b,\"\"c\"\"\"\r\n"
        );
    }
}
