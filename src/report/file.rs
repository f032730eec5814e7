//! Writing an export: whole or not at all, and never over what must stay.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::store::run_files::RunFiles;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{} is there already. Choose another name", .0.display())]
    Exists(PathBuf),
    #[error(
        "{} belongs to the run itself and is never written over. Choose another name", .0.display()
    )]
    OfTheRun(PathBuf),
    #[error("{} is a folder. Name a file in it", .0.display())]
    Folder(PathBuf),
    #[error("cannot write {}: {source}{}", .path.display(), remedy(source))]
    Io { path: PathBuf, source: io::Error },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ". Its folder is not there: make it, or choose another",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". Choose a folder that can be written"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". Free disk space, then try again"
        }
        _ => "",
    }
}

/// A name for an export of the run in `csv`, in its own words: `full_sweep_20260211_150913`.
pub fn suggested_name(csv: &Path, word: &str, extension: &str) -> String {
    let stem = csv.file_stem().unwrap_or_default().to_string_lossy();
    // `NAME.json` and `NAME.csv` are the run's own.
    format!("{stem}_{word}.{extension}")
}

/// Whether an export of the run in `csv` may be written to `path`; asked before any work is done.
///
/// # Errors
/// It is there and `replace` is not set, or it is one of the run's own files.
pub fn check(path: &Path, csv: &Path, replace: bool) -> Result<(), WriteError> {
    let files = RunFiles::of(csv);
    let own = [
        files.csv().to_owned(),
        files.json(),
        files.requests(),
        files.machine(),
    ];
    if own.iter().any(|own| same_file(own, path)) {
        return Err(WriteError::OfTheRun(path.to_owned()));
    }
    if path.is_dir() {
        return Err(WriteError::Folder(path.to_owned()));
    }
    // A link that leads nowhere is there too.
    if !replace && path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists(path.to_owned()));
    }
    Ok(())
}

/// By where they lie, so that neither links nor `..` nor another case lead around it.
fn same_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| -> Option<PathBuf> {
        if let Ok(found) = path.canonicalize() {
            return Some(found);
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    match (place(a), place(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Writes `bytes` to `path` in one step.
///
/// # Errors
/// As [`check`], or the folder cannot be written.
pub fn write(path: &Path, csv: &Path, bytes: &[u8], replace: bool) -> Result<(), WriteError> {
    check(path, csv, replace)?;
    let io = |source| WriteError::Io {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
    // As any new file: the umask still applies. A temporary file's own default is owner-only.
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    let persisted = if replace {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    match persisted {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(WriteError::Exists(path.to_owned()))
        }
        Err(error) => Err(io(error.error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nothing_is_replaced_unless_asked_and_the_run_never() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("a.csv");
        let sidecar = dir.path().join("a.json");
        fs::write(&csv, "rows").unwrap();
        let out = dir.path().join("report.md");
        write(&out, &csv, b"one", false).unwrap();
        assert!(matches!(
            write(&out, &csv, b"two", false),
            Err(WriteError::Exists(_))
        ));
        assert_eq!(fs::read(&out).unwrap(), b"one");
        write(&out, &csv, b"two", true).unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"two");
        for own in [&csv, &sidecar, &dir.path().join("./x/../a.csv")] {
            fs::create_dir_all(dir.path().join("x")).unwrap();
            let error = write(own, &csv, b"three", true).unwrap_err();
            assert!(matches!(error, WriteError::OfTheRun(_)), "{error}");
        }
        assert_eq!(fs::read(&csv).unwrap(), b"rows");
        assert!(!sidecar.exists());
        let error = write(dir.path(), &csv, b"", true).unwrap_err();
        assert!(matches!(error, WriteError::Folder(_)), "{error}");
        // No half-written files are left.
        let mut left: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["a.csv", "report.md", "x"]);
    }

    #[test]
    fn a_missing_folder_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("no/report.md");
        let error = write(&out, &dir.path().join("a.csv"), b"", false).unwrap_err();
        assert!(
            error.to_string().contains("make it, or choose another"),
            "{error}"
        );
    }

    #[test]
    fn a_suggested_name_is_never_the_runs_own() {
        let csv = Path::new("/r/full_sweep_20260211_150913.csv");
        let name = suggested_name(csv, "report", "json");
        assert_eq!(name, "full_sweep_20260211_150913_report.json");
    }
}
