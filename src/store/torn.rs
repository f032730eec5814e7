//! The end of a file whose writer was killed, or lost power, in the middle of a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// Read backwards in steps of this many bytes.
const STEP: u64 = 64 * 1024;

/// Cuts a torn end off a file that is open for reading and appending, and keeps it beside the
/// file. Returns the number of bytes cut, 0 for a whole file.
///
/// Torn is what follows the last line end, and before it the last lines if they hold NUL bytes: a
/// power loss can leave a file at its new length before its contents arrive.
pub(super) fn cut(file: &File, path: &Path) -> Result<u64, StoreError> {
    let len = file
        .metadata()
        .map_err(StoreError::io("look at", path))?
        .len();
    let whole = whole_len(file, len).map_err(StoreError::io("read", path))?;
    if whole == len {
        return Ok(0);
    }
    let kept = kept_path(path);
    keep(file, whole, &kept).map_err(StoreError::io("write", &kept))?;
    file.set_len(whole)
        .and_then(|()| file.sync_data())
        .map_err(StoreError::io("cut the torn end off", path))?;
    Ok(len - whole)
}

/// Where [`cut`] keeps what it cuts.
pub(super) fn kept_path(path: &Path) -> PathBuf {
    path.with_extension("torn")
}

/// Length up to the end of the last line that is whole and free of NULs.
fn whole_len(mut file: &File, len: u64) -> io::Result<u64> {
    // `end` is the end of the last line that may still be whole; bytes are looked at backwards.
    let mut end = None;
    let mut position = len;
    let mut step = Vec::new();
    while position > 0 {
        let from = position.saturating_sub(STEP);
        file.seek(SeekFrom::Start(from))?;
        step.clear();
        file.take(position - from).read_to_end(&mut step)?;
        for (i, byte) in step.iter().enumerate().rev() {
            match byte {
                // The line before this end was seen whole, without a NUL.
                b'\n' if end.is_some() => return Ok(end.unwrap_or(0)),
                b'\n' => end = Some(from + i as u64 + 1),
                0 => end = None,
                _ => {}
            }
        }
        position = from;
    }
    Ok(end.unwrap_or(0))
}

fn keep(mut file: &File, from: u64, kept: &Path) -> io::Result<()> {
    let mut out = OpenOptions::new().create(true).append(true).open(kept)?;
    file.seek(SeekFrom::Start(from))?;
    io::copy(&mut file, &mut out)?;
    out.flush()?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_of(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.csv");
        std::fs::write(&path, bytes).unwrap();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .unwrap();
        let n = cut(&file, &path).unwrap();
        let kept = std::fs::read(kept_path(&path)).unwrap_or_default();
        assert_eq!(n, kept.len() as u64);
        (std::fs::read(&path).unwrap(), kept)
    }

    #[test]
    fn only_what_is_torn_is_cut_and_it_is_kept() {
        let zeros = vec![0u8; 2 * STEP as usize];
        let long = vec![b'x'; 3 * STEP as usize];
        let line = |parts: &[&[u8]]| parts.concat();
        for (bytes, whole) in [
            (line(&[b"a,b\r\n1,2\r\n"]), 10),
            (line(&[b"a,b\r\n1,2\r\n3,"]), 10),
            (line(&[b"a,b\r\n1,2\r\n3,4\r"]), 10),
            (line(&[b"a,b\n1,2\n3,4"]), 8),
            (line(&[b"a,b\r\n1,2\r\n", &zeros]), 10),
            (line(&[b"a,b\r\n1,2\r\n3", &zeros, b"\r\n"]), 10),
            (
                line(&[b"a,b\r\n1,2\r\n3", &zeros, b"\r\n4,5\r\n"]),
                2 * STEP as usize + 18,
            ),
            (line(&[b"a,b\r\n", &long]), 5),
            (line(&[b"a,", &long, b"\r\n1"]), 3 * STEP as usize + 4),
            (line(&[b"a,"]), 0),
            (line(&[]), 0),
        ] {
            let (left, kept) = cut_of(&bytes);
            assert_eq!(left.len(), whole, "of {} bytes", bytes.len());
            assert_eq!([left, kept].concat(), bytes);
        }
    }
}
