//! How a whole environment is told from a half-made or damaged one.
//!
//! A virtual environment cannot be moved, as its scripts hold its path. So it is made where it
//! will stay, and what makes it count is a **record**, written in one step after the last check:
//! however the making ends (`kill -9`, power cut), a folder without the record is not an
//! environment, and the next call makes it anew. The record also holds the size of everything that
//! was installed, so that a later loss is noticed without importing mlx. Deleting starts with a
//! rename out of the way, so that a half-deleted environment never carries a record either.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const RECORD: &str = "mlx-throughput-lab.json";

/// Written first into a new folder, so that it can be told to be ours before anything is in it.
const MARKER: &str = "mlx-throughput-lab.incomplete";

/// Raised when an older program's environments must not be taken over.
const SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    schema: u32,
    /// What pip was asked for, with exact versions.
    pub requirements: Vec<String>,
    /// Python's version.
    pub python: String,
    /// Relative to the environment's folder.
    pub site_packages: PathBuf,
    pub made_at: jiff::Timestamp,
    contents: BTreeMap<String, Size>,
}

/// What lies in one folder or file directly under `site-packages`, without compiled byte code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Size {
    files: u64,
    bytes: u64,
}

impl Record {
    pub fn of(
        dir: &Path,
        requirements: Vec<String>,
        python: String,
        site_packages: &Path,
    ) -> io::Result<Self> {
        // Python may have resolved links in the path to the folder.
        let relative = site_packages
            .strip_prefix(dir)
            .or_else(|_| {
                site_packages
                    .strip_prefix(dir.canonicalize()?)
                    .map_err(io::Error::other)
            })?
            .to_path_buf();
        Ok(Self {
            schema: SCHEMA,
            requirements,
            python,
            contents: contents(&dir.join(&relative))?,
            site_packages: relative,
            made_at: jiff::Timestamp::now(),
        })
    }

    /// The record of the environment in `dir`; `None` where it is not whole.
    pub fn read(dir: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(dir.join(RECORD)).ok()?).ok()?;
        (record.schema == SCHEMA).then_some(record)
    }

    /// Makes the environment count.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let mut temp = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer_pretty(&mut temp, self)?;
        temp.flush()?;
        temp.as_file().sync_all()?;
        temp.persist(dir.join(RECORD))
            .map_err(|error| error.error)?;
        fs::remove_file(dir.join(MARKER))
    }

    /// The first thing that is no longer as it was installed. Packages that were added since do no
    /// harm.
    pub fn damage(&self, dir: &Path) -> Option<String> {
        let now = match contents(&dir.join(&self.site_packages)) {
            Ok(now) => now,
            Err(error) => return Some(format!("{} ({error})", self.site_packages.display())),
        };
        self.contents
            .iter()
            .find(|(name, size)| now.get(*name) != Some(size))
            .map(|(name, _)| name.clone())
    }
}

/// Sets a new, empty folder up as ours.
pub fn start(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(
        dir.join(MARKER),
        "This environment is being made, or its making was cut off.\n",
    )
}

/// Whether a folder may be deleted to make the environment in its place: it is empty, or a virtual
/// environment, or one that we began.
pub fn is_ours(dir: &Path) -> io::Result<bool> {
    let known = [MARKER, RECORD, "pyvenv.cfg"];
    Ok(known.iter().any(|name| dir.join(name).exists()) || fs::read_dir(dir)?.next().is_none())
}

fn contents(site_packages: &Path) -> io::Result<BTreeMap<String, Size>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(site_packages)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Installers may renew themselves; nothing here depends on their version.
        if name == "__pycache__"
            || ["pip", "setuptools", "wheel"]
                .iter()
                .any(|tool| name.starts_with(tool))
        {
            continue;
        }
        let mut size = Size::default();
        measure(&entry, &mut size)?;
        found.insert(name, size);
    }
    Ok(found)
}

fn measure(entry: &fs::DirEntry, size: &mut Size) -> io::Result<()> {
    let name = entry.file_name();
    if name == "__pycache__" || Path::new(&name).extension().is_some_and(|end| end == "pyc") {
        return Ok(());
    }
    let meta = entry.metadata()?;
    if meta.is_dir() {
        for inner in fs::read_dir(entry.path())? {
            measure(&inner?, size)?;
        }
    } else {
        size.files += 1;
        size.bytes += meta.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> (tempfile::TempDir, Record) {
        let temp = tempfile::tempdir().unwrap();
        let packages = temp.path().join("lib/python3.12/site-packages");
        fs::create_dir_all(packages.join("mlx_lm/models")).unwrap();
        fs::write(packages.join("mlx_lm/server.py"), "print()").unwrap();
        fs::write(packages.join("mlx_lm/models/llama.py"), "pass").unwrap();
        fs::write(packages.join("six.py"), "pass").unwrap();
        start(temp.path()).unwrap();
        let record = Record::of(
            temp.path(),
            vec!["mlx-lm==1".into()],
            "3.12.4".into(),
            &packages,
        );
        (temp, record.unwrap())
    }

    #[test]
    fn only_a_written_record_makes_an_environment() {
        let (temp, record) = environment();
        assert_eq!(Record::read(temp.path()), None);
        record.write(temp.path()).unwrap();
        assert_eq!(Record::read(temp.path()), Some(record));
        assert!(!temp.path().join(MARKER).exists());
        fs::write(temp.path().join(RECORD), "{\"schema\": 1, \"requ").unwrap();
        assert_eq!(Record::read(temp.path()), None);
    }

    #[test]
    fn losses_and_changes_are_noticed_and_additions_and_byte_code_are_not() {
        let (temp, record) = environment();
        let packages = temp.path().join(&record.site_packages);
        fs::create_dir_all(packages.join("mlx_lm/__pycache__")).unwrap();
        fs::write(
            packages.join("mlx_lm/__pycache__/server.cpython-312.pyc"),
            "x",
        )
        .unwrap();
        fs::create_dir_all(packages.join("added")).unwrap();
        assert_eq!(record.damage(temp.path()), None);

        fs::write(packages.join("mlx_lm/server.py"), "").unwrap();
        assert_eq!(record.damage(temp.path()).as_deref(), Some("mlx_lm"));
        fs::write(packages.join("mlx_lm/server.py"), "print()").unwrap();
        assert_eq!(record.damage(temp.path()), None);
        fs::remove_file(packages.join("six.py")).unwrap();
        assert_eq!(record.damage(temp.path()).as_deref(), Some("six.py"));
        fs::remove_dir_all(packages).unwrap();
        assert!(
            record
                .damage(temp.path())
                .unwrap()
                .contains("site-packages")
        );
    }

    #[test]
    fn a_strangers_folder_is_never_ours_to_delete() {
        let temp = tempfile::tempdir().unwrap();
        assert!(is_ours(temp.path()).unwrap());
        fs::write(temp.path().join("thesis.txt"), "years of work").unwrap();
        assert!(!is_ours(temp.path()).unwrap());
        start(temp.path()).unwrap();
        assert!(is_ours(temp.path()).unwrap());
    }
}
