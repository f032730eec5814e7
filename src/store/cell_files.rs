//! What the files beside a results file hold of one cell: its requests, its servers' command lines
//! and the ends of their logs. Reads files: call it from a thread of its own.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::requests::RequestRow;
use super::row::CellRow;
use super::run_files::RunFiles;
use super::sidecar::{Metadata, Sidecar};
use crate::engine::event::ServerProof;
use crate::engine::server::log::tail;

/// Lines of a log that are shown; the file has all.
const LOG_LINES: usize = 80;

/// The end of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// The file's name.
    pub name: String,
    pub text: String,
}

/// Everything that was kept of one cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CellFiles {
    /// Position of the cell in the plan, from 0.
    pub cell: u32,
    /// In order of their due time.
    pub requests: Vec<RequestRow>,
    /// Whether the run wrote its requests at all.
    pub requests_kept: bool,
    pub servers: Vec<ServerProof>,
    pub logs: Vec<LogEnd>,
    /// Why something could not be read, in words.
    pub problems: Vec<String>,
}

/// Reads what stands beside `csv` of the cell that `row` is of. What is missing is left out.
pub fn read(csv: &Path, row: &CellRow) -> CellFiles {
    let files = RunFiles::of(csv);
    let mut found = CellFiles {
        cell: row.cell,
        ..CellFiles::default()
    };
    let requests = files.requests();
    if requests.is_file() {
        found.requests_kept = true;
        match requests_of(&requests, row) {
            Ok(rows) => found.requests = rows,
            Err(error) => found.problems.push(format!(
                "{} cannot be read: {error}",
                requests.file_name().unwrap_or_default().display()
            )),
        }
    }
    if let Ok(sidecar) = Sidecar::read(&files.json(), csv) {
        let metadata = &sidecar.metadata;
        let group = metadata.servers.iter().rev();
        let group = group.into_iter().find(|g| g.cells.contains(&row.cell));
        if let Some(group) = group {
            found.servers.clone_from(&group.servers);
        }
        found.logs = logs(&files.logs(), metadata, &found.servers, row);
    }
    found
}

fn requests_of(path: &Path, row: &CellRow) -> csv::Result<Vec<RequestRow>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path)?;
    let header = reader.byte_headers()?.clone();
    let column = header.iter().position(|name| name == b"cell");
    let wanted = row.cell.to_string();
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let cell = column.and_then(|column| record.get(column));
        if cell != Some(wanted.as_bytes()) {
            continue;
        }
        // A line that was torn by a crash is no request.
        if let Ok(request) = record.deserialize::<RequestRow>(Some(&header)) {
            rows.push(request);
        }
    }
    rows.sort_by(|a, b| a.due_s.total_cmp(&b.due_s).then(a.request.cmp(&b.request)));
    Ok(rows)
}

/// A server's log: `server-003-instance-0-port-9000.log`, numbered over all starts of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ServerLog {
    path: PathBuf,
    number: u32,
    instance: u32,
}

impl ServerLog {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
        let mut parts = name.strip_prefix("server-")?.split('-');
        let number = parts.next()?.parse().ok()?;
        let instance = match (parts.next()?, parts.next()?) {
            ("instance", instance) => instance.parse().ok()?,
            _ => return None,
        };
        Some(Self {
            path: path.to_owned(),
            number,
            instance,
        })
    }
}

fn logs(folder: &Path, metadata: &Metadata, servers: &[ServerProof], row: &CellRow) -> Vec<LogEnd> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let mut all: Vec<ServerLog> = paths.iter().filter_map(|p| ServerLog::of(p)).collect();
    all.sort_by_key(|log| log.number);
    let chosen: Vec<&ServerLog> = if servers.is_empty() {
        // It never came as far as a proof: the logs that were written while the cell was tried.
        all.iter().filter(|log| written_during(log, row)).collect()
    } else {
        servers
            .iter()
            .filter_map(|server| log_of(&all, metadata, server, row))
            .collect()
    };
    let nginx = folder.join("nginx.log");
    let nginx = Some(nginx).filter(|path| path.is_file());
    chosen
        .into_iter()
        .map(|log| log.path.clone())
        .chain(nginx)
        .map(|path| LogEnd {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            text: tail(&path, LOG_LINES),
        })
        .filter(|log| !log.text.is_empty())
        .collect()
}

/// The log does not name its process. Where each start of an instance was proved, their orders
/// agree; else the first log counts that was still written to after the cell had begun.
fn log_of<'a>(
    all: &'a [ServerLog],
    metadata: &Metadata,
    server: &ServerProof,
    row: &CellRow,
) -> Option<&'a ServerLog> {
    let mut starts: Vec<u32> = Vec::new();
    for proof in metadata.servers.iter().flat_map(|group| &group.servers) {
        if proof.instance == server.instance && !starts.contains(&proof.pid) {
            starts.push(proof.pid);
        }
    }
    let of_instance: Vec<&ServerLog> = all
        .iter()
        .filter(|log| log.instance == server.instance)
        .collect();
    if of_instance.len() == starts.len() {
        let position = starts.iter().position(|pid| *pid == server.pid)?;
        return of_instance.get(position).copied();
    }
    of_instance
        .into_iter()
        .find(|log| changed(log).is_some_and(|at| row.started_at.is_none_or(|begun| at >= begun)))
}

fn changed(log: &ServerLog) -> Option<Timestamp> {
    let changed = fs::metadata(&log.path).ok()?.modified().ok()?;
    Timestamp::try_from(changed).ok()
}

fn written_during(log: &ServerLog, row: &CellRow) -> bool {
    /// The last line may come a little after the cell was given up.
    const SLACK: SignedDuration = SignedDuration::from_secs(5);
    let (Some(begun), Some(ended), Some(at)) = (row.started_at, row.ended_at, changed(log)) else {
        return false;
    };
    at >= begun && at.duration_since(ended) <= SLACK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::recorder::Recorder;
    use crate::store::sidecar::Provenance;
    use crate::store::testing;

    /// Two cells on one start of the server, a third on another, with their logs.
    fn run(dir: &Path) -> (PathBuf, Vec<CellRow>) {
        let plan = testing::plan(dir, 3);
        let now = "2026-11-24T15:09:13[UTC]".parse().unwrap();
        let recorder = Recorder::create(&plan, Provenance::default(), &now).unwrap();
        let mut recorder = recorder.with_requests(true);
        let mut rows = Vec::new();
        for (cell, pid) in plan.cells.iter().zip([41, 41, 42]) {
            let mut result = testing::result(cell);
            result.servers[0].pid = pid;
            result.requests = (0..4).map(request).collect();
            rows.push(CellRow::new(&result, &plan));
            recorder.record(&testing::finished(result)).unwrap();
        }
        let csv = recorder.files().csv().to_owned();
        let logs = recorder.files().logs();
        for (number, text) in [(1, "first start"), (2, "second start")] {
            let name = format!("server-00{number}-instance-0-port-9000.log");
            fs::write(logs.join(name), text).unwrap();
        }
        (csv, rows)
    }

    fn request(index: u32) -> crate::measure::sample::RequestSample {
        // Dispatched out of order: the rows come by their due time.
        let due_s = f64::from(3 - index);
        crate::measure::sample::RequestSample {
            index,
            instance: Some(0),
            due_s,
            dispatched_s: due_s,
            connected_s: Some(due_s + 0.01),
            headers_s: None,
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: Some(due_s + 0.5),
            last_token_s: Some(due_s + 0.9),
            end_s: due_s + 1.0,
            connect_retries: 0,
            connect_wait_s: 0.01,
            chunks: Vec::new(),
            usage: crate::measure::sample::Usage::default(),
            finish_reason: None,
            error: None,
        }
    }

    #[test]
    fn a_cell_has_its_own_requests_servers_and_log() {
        let dir = tempfile::tempdir().unwrap();
        let (csv, rows) = run(dir.path());
        let found = read(&csv, &rows[1]);
        assert!(found.requests_kept && found.problems.is_empty());
        let due: Vec<f64> = found.requests.iter().map(|r| r.due_s).collect();
        assert_eq!(due, [0.0, 1.0, 2.0, 3.0]);
        assert!(found.requests.iter().all(|r| r.cell == 1));
        assert_eq!(found.servers[0].pid, 41);
        let logs: Vec<&str> = found.logs.iter().map(|log| log.text.as_str()).collect();
        assert_eq!(logs, ["first start"]);
        assert_eq!(read(&csv, &rows[2]).logs[0].text, "second start");
    }

    #[test]
    fn a_file_alone_has_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("other.csv");
        let found = read(&csv, &CellRow::default());
        assert_eq!(found, CellFiles::default());
    }

    #[test]
    fn names_of_logs_say_which_start_and_instance() {
        let log = |name: &str| ServerLog::of(Path::new(name)).map(|log| (log.number, log.instance));
        assert_eq!(log("server-012-instance-3-port-9003.log"), Some((12, 3)));
        assert_eq!(log("nginx.log"), None);
        assert_eq!(log("server-x-instance-3.log"), None);
    }
}
