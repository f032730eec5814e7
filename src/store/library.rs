//! The runs of a results folder, and one of them opened, whoever wrote it. Damage is told, never
//! fatal. Reads whole files: call it from a thread of its own, not while drawing.

mod best;
mod facts;
mod rows;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

pub use facts::{Fact, date_text};
pub use rows::Rows;
use rows::Typed;

use super::error::StoreError;
use super::note::RunNote;
use super::read::{self, Damage, Opened, Origin};
use super::run_files::{RunFiles, folder_name};
use super::sidecar::{Metadata, Sidecar};
use crate::engine::event::RunEnd;
use crate::plan::RunKind;
use strum::IntoEnumIterator as _;

const NOT_KNOWN: &str = "Not a results file of a lab that is known here";

/// The combination of a run with the most tokens per second over its valid repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct BestCell {
    /// Its settings: `instances=1 decode_concurrency=8 concurrency=16`.
    pub text: String,
    /// Averaged over the valid repeats.
    pub throughput_tps: f64,
    /// Valid ones.
    pub repeats: u32,
}

/// One line of the library.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    pub path: PathBuf,
    /// The file's name without its extension.
    pub name: String,
    /// From the metadata, else from the file's name.
    pub kind: Option<RunKind>,
    pub model: Option<String>,
    pub chip: Option<String>,
    /// When it started: from the metadata, else the file's name, else when the file was changed.
    pub date: Option<Timestamp>,
    pub best: Option<BestCell>,
    /// Cells with a row.
    pub done: usize,
    /// `None` where there is no plan to count.
    pub total: Option<usize>,
    /// `None` where the file could not be read at all.
    pub origin: Option<Origin>,
    /// Its plan has cells without a row: it can be resumed, unless it is running now.
    pub unfinished: bool,
    /// What is wrong with its files, in words.
    pub problem: Option<String>,
    pub note: RunNote,
}

/// A run opened to be looked at.
#[derive(Debug)]
pub struct LoadedRun {
    pub path: PathBuf,
    pub kind: Option<RunKind>,
    pub origin: Origin,
    /// In the file's order. Other labs' rows are brought to our columns: what their format does
    /// not have is `None`, or 0 where a column cannot be blank.
    pub rows: Rows,
    /// `None` where there is no sidecar, or none that can be read.
    pub metadata: Option<Box<Metadata>>,
    /// Lines that are no rows; at most the first thousand.
    pub damaged: Vec<Damage>,
    pub damaged_lines: u64,
    /// What to know before trusting the file's figures.
    pub caution: Option<&'static str>,
    /// What is wrong with its files.
    pub problems: Vec<String>,
    /// What the run said of itself.
    pub notices: Vec<String>,
    /// What was measured, where and with what, to be shown beside the figures.
    pub facts: Vec<Fact>,
    pub unfinished: bool,
    pub note: RunNote,
}

/// All runs in `results_dir` and one level of folders in it, newest first. A folder that is not
/// there holds no runs.
pub fn scan(results_dir: &Path) -> Vec<RunSummary> {
    let mut files = Vec::new();
    for path in entries(results_dir) {
        if path.is_dir() {
            let inside = entries(&path);
            files.extend(inside.into_iter().filter(|path| is_results_file(path)));
        } else if is_results_file(&path) {
            files.push(path);
        }
    }
    let mut runs: Vec<RunSummary> = files.iter().map(|path| summary(path)).collect();
    runs.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| b.name.cmp(&a.name)));
    runs
}

/// Why there may be no runs in `results_dir`, and what to do; `None` where it can be read, or where
/// the first run will make it.
pub fn folder_problem(results_dir: &Path) -> Option<String> {
    let at = results_dir.display();
    let missing = |path: &Path| matches!(path.try_exists(), Ok(false));
    match fs::read_dir(results_dir) {
        Ok(_) => None,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let parent = results_dir.parent().filter(|p| !p.as_os_str().is_empty())?;
            missing(parent).then(|| {
                format!(
                    "The results folder {at} is not there, and neither is {}. The next run makes \
                     both. If they are on a disk, connect it and refresh.",
                    parent.display()
                )
            })
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Some(format!(
            "{at} is a file, not a folder. Choose another results folder."
        )),
        Err(e) => Some(format!(
            "The results folder {at} cannot be read: {e}. Change its permissions, or choose \
             another folder."
        )),
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// A CSV that is not the companion of another.
fn is_results_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let csv = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let companion = name.ends_with(".requests.csv") || name.ends_with(".machine.csv");
    csv && !companion && !name.starts_with('.') && path.is_file()
}

/// What is known of the run whose CSV this is.
pub fn summary(path: &Path) -> RunSummary {
    let (metadata, sidecar_problem) = metadata(path);
    let opened = read::open(path);
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut summary = RunSummary {
        path: path.to_owned(),
        kind: metadata.as_ref().map(|m| m.plan.kind).or(kind_of(&name)),
        model: metadata.as_ref().map(|m| m.plan.model.label.clone()),
        chip: metadata
            .as_ref()
            .and_then(|m| facts::chip(&m.provenance.machine)),
        date: metadata
            .as_ref()
            .map(|m| m.started_at)
            .or_else(|| date_of(&name))
            .or_else(|| changed_at(path)),
        name,
        best: None,
        done: 0,
        total: metadata.as_ref().map(|m| m.plan.cells.len()),
        origin: None,
        unfinished: false,
        problem: None,
        note: RunNote::read(path),
    };
    match opened {
        Ok(opened) => {
            summary.origin = Some(opened.origin);
            summary.done = opened.table.len();
            summary.best = best::of(&opened);
            summary.unfinished = is_unfinished(metadata.as_deref(), summary.done);
            summary.problem = sidecar_problem.or_else(|| problem(&opened));
        }
        // Killed before its header was written, with its plan safe beside it: nothing is lost.
        Err(StoreError::Empty { .. }) if metadata.is_some() => {
            summary.origin = Some(Origin::Ours);
            summary.unfinished = true;
        }
        Err(error) => summary.problem = Some(told_of(path, &error)),
    }
    summary
}

/// An error in a list that names the file already: the path is left out of it.
fn told_of(csv: &Path, error: &StoreError) -> String {
    let json = RunFiles::of(csv).json();
    let text = error
        .to_string()
        .replace(&json.display().to_string(), "its .json")
        .replace(&csv.display().to_string(), "this file");
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

fn is_unfinished(metadata: Option<&Metadata>, done: usize) -> bool {
    // A search adds its next cell when the last has ended: cut between the two, it has none left.
    metadata.is_some_and(|m| {
        let left = done < m.plan.cells.len() || m.plan.search_sentence().is_some();
        m.end != Some(RunEnd::Completed) && left
    })
}

fn problem(opened: &Opened) -> Option<String> {
    if opened.origin == Origin::Other {
        return Some(NOT_KNOWN.to_owned());
    }
    damage(opened.damaged_lines, opened.table.len())
}

fn damage(lines: u64, rows: usize) -> Option<String> {
    match lines {
        0 => None,
        1 => Some(format!("1 line is damaged; {rows} rows are whole")),
        n => Some(format!("{n} lines are damaged; {rows} rows are whole")),
    }
}

/// The sidecar, and what is wrong with it; a file of another lab has none, which is not wrong.
fn metadata(csv: &Path) -> (Option<Box<Metadata>>, Option<String>) {
    match Sidecar::read(&RunFiles::of(csv).json(), csv) {
        Ok(sidecar) => (Some(Box::new(sidecar.metadata)), None),
        Err(StoreError::NoSidecar { .. }) => (None, None),
        Err(error) => (None, Some(told_of(csv, &error))),
    }
}

/// `full_sweep_20260211_150913` begins with its kind; the longest name that fits counts.
fn kind_of(name: &str) -> Option<RunKind> {
    RunKind::iter()
        .filter(|kind| name.starts_with(&folder_name(*kind)))
        .max_by_key(|kind| folder_name(*kind).len())
}

/// The local time in a name such as `full_sweep_20260211_150913` or `..._150913_2`.
fn date_of(name: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = name.split('_').collect();
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let pair = parts
        .windows(2)
        .rfind(|pair| digits(pair[0], 8) && digits(pair[1], 6))?;
    let text = format!("{}{}", pair[0], pair[1]);
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    let zoned = civil.to_zoned_datetime(jiff::tz::TimeZone::system()).ok()?;
    Some(zoned.timestamp())
}

fn changed_at(path: &Path) -> Option<Timestamp> {
    let changed: SystemTime = fs::metadata(path).ok()?.modified().ok()?;
    Timestamp::try_from(changed).ok()
}

/// Opens a run from its CSV (or its sidecar).
///
/// # Errors
/// The file cannot be read, or is empty and has no sidecar.
pub fn load(path: &Path) -> Result<LoadedRun, StoreError> {
    let path = if path.extension().is_some_and(|e| e == "json") {
        path.with_extension("csv")
    } else {
        path.to_owned()
    };
    let (metadata, sidecar_problem) = metadata(&path);
    let read = match read::open(&path) {
        Ok(opened) => Some(rows::typed(opened)),
        Err(StoreError::Empty { .. }) if metadata.is_some() => None,
        Err(error) => return Err(error),
    };
    let Typed {
        origin,
        rows,
        damaged,
        damaged_lines,
    } = read.unwrap_or_default();
    let mut problems: Vec<String> = sidecar_problem.into_iter().collect();
    if origin == Origin::Other {
        problems.push(NOT_KNOWN.to_owned());
    }
    problems.extend(damage(damaged_lines, rows.len()));
    let said = metadata.iter().flat_map(|metadata| &metadata.notices);
    let notices = said.map(|notice| notice.text.clone()).collect();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let kind = metadata.as_ref().map(|m| m.plan.kind).or(kind_of(&name));
    let date = date_of(&name).or_else(|| changed_at(&path));
    Ok(LoadedRun {
        kind,
        facts: facts::of(metadata.as_deref(), origin, kind, date, &rows),
        unfinished: is_unfinished(metadata.as_deref(), rows.len()),
        caution: origin.caution(),
        note: RunNote::read(&path),
        path,
        origin,
        rows,
        metadata,
        damaged,
        damaged_lines,
        problems,
        notices,
    })
}

/// What people call a kind of run.
pub const fn kind_text(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Single => "Single check",
        RunKind::Concurrent => "Concurrent check",
        RunKind::RoundRobin => "Round-robin check",
        RunKind::ConcurrencySweep => "Concurrency sweep",
        RunKind::RoundRobinSweep => "Round-robin sweep",
        RunKind::FullSweep => "Full sweep",
        RunKind::CustomSweep => "Custom sweep",
        RunKind::Quick => "Quick run",
        RunKind::RateSweep => "Rate sweep",
        RunKind::ControlSweep => "Control cells",
        RunKind::Tune => "Tuning",
    }
}

/// Which lab wrote a file.
pub const fn origin_text(origin: Origin) -> &'static str {
    match origin {
        Origin::Ours => "MLX Throughput Lab",
        Origin::MlxLab | Origin::MlxLabRoundRobin => "Python MLX lab",
        Origin::LlamaLab => "llama-throughput-lab",
        Origin::Other => "Unknown file",
    }
}
