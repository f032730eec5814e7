//! `NAME.json`: what was run, where, with what, and by which exact command lines. Always replaced
//! as a whole, so that a reader never sees half of it.

use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::StoreError;
use crate::engine::event::{NoticeLevel, Reference, RunEnd, RunTimes, ServerProof};
use crate::measure::client::ClientCeiling;
use crate::plan::{Balancer, Plan};

/// Says whose file it is.
pub const FORMAT: &str = "mlx-throughput-lab run";
/// Raised when an older version of the app could not go on with a file of this one.
pub const FORMAT_VERSION: u32 = 1;

/// What the store cannot know itself: handed in when a run starts or is resumed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// Chip, memory, operating system.
    pub machine: Value,
    /// Python, mlx, mlx-lm, nginx with their versions.
    pub software: Value,
    /// The model with its hash, quantisation and size.
    pub model: Value,
}

/// The server processes of some cells, as the process table showed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellServers {
    /// Cells (by position in the plan) that these very processes served.
    pub cells: Vec<u32>,
    pub servers: Vec<ServerProof>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerCommand {
    pub balancer: Balancer,
    pub port: Option<u16>,
    pub command: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNotice {
    pub level: NoticeLevel,
    pub text: String,
}

/// A later start of the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumption {
    pub started_at: jiff::Timestamp,
    pub app_version: String,
    #[serde(flatten)]
    pub provenance: Provenance,
}

/// The whole sidecar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub format: String,
    pub format_version: u32,
    pub app_version: String,
    pub started_at: jiff::Timestamp,
    /// `None` while the run goes on, and after it was killed.
    pub ended_at: Option<jiff::Timestamp>,
    pub end: Option<RunEnd>,
    #[serde(flatten)]
    pub provenance: Provenance,
    pub plan: Plan,
    #[serde(default)]
    pub servers: Vec<CellServers>,
    #[serde(default)]
    pub balancers: Vec<BalancerCommand>,
    /// Summed over the starts of a resumed run that came to an end.
    pub times: Option<RunTimes>,
    /// The fastest valid repeat of the best combination, by position in the plan.
    pub best_cell: Option<u32>,
    #[serde(default)]
    pub notices: Vec<RunNotice>,
    /// Each time that a cell was measured once more, to see whether the machine had changed. None
    /// of them is a row, and none is a repeat.
    #[serde(default)]
    pub references: Vec<Reference>,
    #[serde(default)]
    pub resumed: Vec<Resumption>,
    /// What the load client could take, measured at the latest start of the run.
    #[serde(default)]
    pub client: Option<ClientCeiling>,
}

impl Metadata {
    pub fn new(plan: &Plan, provenance: Provenance, started_at: jiff::Timestamp) -> Self {
        Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            app_version: app_version(),
            started_at,
            ended_at: None,
            end: None,
            provenance,
            plan: plan.clone(),
            servers: Vec::new(),
            balancers: Vec::new(),
            times: None,
            best_cell: None,
            notices: Vec::new(),
            references: Vec::new(),
            resumed: Vec::new(),
            client: None,
        }
    }

    /// Notes which processes served a cell. `true` if these processes were not known before.
    pub(super) fn note_servers(&mut self, cell: u32, servers: &[ServerProof]) -> bool {
        if servers.is_empty() {
            return false;
        }
        if let Some(last) = self.servers.last_mut()
            && last.servers == servers
        {
            last.cells.push(cell);
            return false;
        }
        self.servers.push(CellServers {
            cells: vec![cell],
            servers: servers.to_vec(),
        });
        true
    }

    pub(super) fn add_times(&mut self, times: RunTimes) {
        let sum = self.times.get_or_insert_default();
        sum.total_s += times.total_s;
        sum.load_s += times.load_s;
        sum.warmup_s += times.warmup_s;
        sum.measure_s += times.measure_s;
        sum.rest_s += times.rest_s;
        sum.cool_down_s += times.cool_down_s;
        sum.server_starts += times.server_starts;
    }
}

pub(super) fn app_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Metadata together with the JSON it was read from, so that what a newer version of the app has
/// added survives being read and written by this one.
#[derive(Debug)]
pub struct Sidecar {
    pub metadata: Metadata,
    original: Value,
}

impl Sidecar {
    pub fn new(metadata: Metadata) -> Self {
        Self {
            metadata,
            original: Value::Null,
        }
    }

    /// Reads `path`, the sidecar of `csv`.
    pub fn read(path: &Path, csv: &Path) -> Result<Self, StoreError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NoSidecar {
                    path: csv.to_owned(),
                    sidecar: path.to_owned(),
                });
            }
            Err(e) => return Err(StoreError::io("read", path)(e)),
        };
        let bad = |detail: String| StoreError::BadSidecar {
            path: path.to_owned(),
            detail,
        };
        let original: Value =
            serde_json::from_str(&text).map_err(|e| bad(format!("it is not JSON ({e})")))?;
        if original.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(bad(format!("its \"format\" is not {FORMAT:?}")));
        }
        let found = original
            .get("format_version")
            .and_then(Value::as_u64)
            .and_then(|version| u32::try_from(version).ok())
            .ok_or_else(|| bad("it has no \"format_version\"".to_owned()))?;
        if found > FORMAT_VERSION {
            let version = original.get("app_version").and_then(Value::as_str);
            return Err(StoreError::NewerFormat {
                path: path.to_owned(),
                found,
                known: FORMAT_VERSION,
                app_version: version.unwrap_or("(not named)").to_owned(),
            });
        }
        let metadata =
            Metadata::deserialize(&original).map_err(|e| bad(format!("{e} in its JSON")))?;
        Ok(Self { metadata, original })
    }

    /// Replaces `path` in one step: a new file, on the disk, renamed over the old one.
    pub fn save(&mut self, path: &Path) -> Result<(), StoreError> {
        let write = || StoreError::io("write", path);
        let mut value =
            serde_json::to_value(&self.metadata).map_err(|e| write()(io::Error::other(e)))?;
        keep_unknown(&mut value, &self.original);
        let mut text = serde_json::to_vec_pretty(&value).map_err(|e| write()(e.into()))?;
        text.push(b'\n');
        write_atomically(path, &text).map_err(write())?;
        self.original = value;
        Ok(())
    }
}

/// Adds to `new` what only `original` holds, at any depth. Lists are matched by position: those of
/// a sidecar only grow.
fn keep_unknown(new: &mut Value, original: &Value) {
    match (new, original) {
        (Value::Object(new), Value::Object(original)) => {
            for (key, value) in original {
                match new.get_mut(key) {
                    Some(known) => keep_unknown(known, value),
                    None => {
                        new.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(new), Value::Array(original)) => {
            for (new, original) in new.iter_mut().zip(original) {
                keep_unknown(new, original);
            }
        }
        _ => {}
    }
}

pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".json.tmp");
    // As any new file: the umask still applies. A temporary file's own default is owner-only.
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666))
    };
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    // The rename itself is durable once its folder is.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}
