//! A JSON object in a file that a user keeps: never half-written, and never thrown away because it
//! was not understood.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

/// Reads the file. A missing one is empty; one that cannot be read or understood is moved aside
/// (never deleted) and told in the second value, and the object is empty. The warning begins with
/// `what` and ends with `instead`, a sentence.
pub(crate) fn load(path: &Path, what: &str, instead: &str) -> (Map<String, Json>, Option<String>) {
    let text = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return (Map::new(), None),
        Err(e) => {
            let warning = format!("{what} were not read: {}: {e}. {instead}", path.display());
            return (Map::new(), Some(warning));
        }
    };
    let why = match serde_json::from_slice::<Json>(&text) {
        Ok(Json::Object(values)) => return (values, None),
        Ok(_) => "it is not a JSON object".to_owned(),
        Err(e) => e.to_string(),
    };
    let kept = put_aside(path);
    let warning = format!(
        "{what} were not understood: {}: {why}. {kept} {instead}",
        path.display()
    );
    (Map::new(), Some(warning))
}

/// Written to a file beside it, then renamed: never half-written.
pub(crate) fn save(path: &Path, values: &Map<String, Json>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, values)?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

/// Moves the file to the first free `NAME.corrupt[-N]`, and says so.
fn put_aside(path: &Path) -> String {
    let free = (1..1000)
        .map(|n| {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(if n == 1 {
                ".corrupt".to_owned()
            } else {
                format!(".corrupt-{n}")
            });
            path.with_file_name(name)
        })
        .find(|aside: &PathBuf| !aside.exists());
    let moved = free.and_then(|aside| std::fs::rename(path, &aside).ok().map(|()| aside));
    moved.map_or_else(
        || "It could not be moved aside.".to_owned(),
        |aside| format!("It is kept as {}.", aside.display()),
    )
}
