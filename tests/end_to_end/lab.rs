//! What every end-to-end test works with: the binary, a Python with MLX, a tiny model, a home of
//! its own, and the means to see which processes are left.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use libtest_mimic::Failed;
use mlx_throughput_lab::{models, python};
use serde_json::Value;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const BINARY: &str = env!("CARGO_BIN_EXE_mlx-throughput-lab");

pub struct Lab {
    pub python: PathBuf,
    pub tiny: PathBuf,
    pub nginx: Option<PathBuf>,
    /// Temporary files of all tests: MLX keeps its compiled kernels there, a second each.
    pub temporary: PathBuf,
}

impl Lab {
    /// Makes, once, what the tests need under `target/`.
    pub fn open() -> anyhow::Result<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .context("the target folder")?;
        let runtime = tokio::runtime::Runtime::new()?;
        let cancel = CancellationToken::new();
        let environment = target.join("mlx-env");
        eprintln!("MLX environment: {}", environment.display());
        let interpreter = runtime.block_on(python::managed::ensure(
            &environment,
            &|step| {
                // The installer's own lines are in the log beside the environment.
                if !matches!(step, python::managed::Progress::Installing { .. }) {
                    eprintln!("  {step:?}");
                }
            },
            &cancel,
        ))?;
        let tiny = models::synthetic::ensure("tiny", &target.join("models"), &mut |_| {}, &cancel)?;
        let temporary = target.join("end-to-end-tmp");
        std::fs::create_dir_all(&temporary)?;
        Ok(Self {
            temporary,
            python: interpreter.exe,
            tiny,
            nginx: mlx_throughput_lab::engine::balance::find::find_nginx(None),
        })
    }

    /// Waits until nothing that a run starts is left: no server, no nginx, no supervisor.
    pub fn nothing_left(&self, limit: Duration) -> Result<(), Failed> {
        gone(&self.tiny.to_string_lossy(), limit)?;
        gone(&self.temporary.to_string_lossy(), limit)
    }

    /// A fresh home with its results folder.
    pub fn home(&self) -> Home<'_> {
        Home {
            lab: self,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }
}

/// An empty home folder; what is run in it knows nothing of the machine's own settings.
pub struct Home<'a> {
    lab: &'a Lab,
    folder: TempDir,
}

impl Home<'_> {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn results(&self) -> PathBuf {
        self.path().join("results")
    }

    /// Our binary with the tiny model and the tests' Python, in this home.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.bare_command(args);
        command
            .env("MLX_PYTHON", &self.lab.python)
            .env("MLX_MODEL_PATH", &self.lab.tiny);
        command
    }

    /// Our binary in this home, with nothing set.
    pub fn bare_command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("TMPDIR", &self.lab.temporary)
            .env("MLX_RESULTS_DIR", self.results())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("XDG_") || name == "VIRTUAL_ENV" {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs to the end.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Finished, Failed> {
        finish(self.command(args))
    }

    /// The one file with this ending in the results folder.
    pub fn result_file(&self, ending: &str) -> Result<PathBuf, Failed> {
        let mut found = Vec::new();
        for folder in std::fs::read_dir(self.results())?.flatten() {
            for file in std::fs::read_dir(folder.path())?.flatten() {
                let path = file.path();
                let name = path.to_string_lossy().into_owned();
                let side = [".requests.csv", ".machine.csv"]
                    .iter()
                    .any(|side| name.ends_with(side) && *side != ending);
                if name.ends_with(ending) && !side {
                    found.push(path);
                }
            }
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            other => Err(format!("one *{ending} was expected: {other:?}").into()),
        }
    }

    pub fn csv(&self) -> Result<Vec<Row>, Failed> {
        read_csv(&self.result_file(".csv")?)
    }

    pub fn json(&self) -> Result<Value, Failed> {
        let text = std::fs::read_to_string(self.result_file(".json")?)?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// A row of a result CSV, by column.
pub type Row = std::collections::HashMap<String, String>;

pub fn read_csv(path: &Path) -> Result<Vec<Row>, Failed> {
    let mut reader = csv::Reader::from_path(path)?;
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}

pub fn number(row: &Row, column: &str) -> Result<f64, Failed> {
    let text = row.get(column).ok_or(format!("no column {column}"))?;
    text.parse()
        .map_err(|_| format!("{column} is {text:?}").into())
}

/// A program's end.
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub elapsed: Duration,
}

impl Finished {
    /// The program must have ended with `code`.
    pub fn expect(self, code: i32) -> Result<Self, Failed> {
        if self.code == Some(code) {
            return Ok(self);
        }
        Err(format!(
            "exit status {:?} instead of {code}\n--- out\n{}\n--- err\n{}",
            self.code, self.out, self.err
        )
        .into())
    }

    /// Standard error must say `text`.
    pub fn says(self, text: &str) -> Result<Self, Failed> {
        if self.err.contains(text) {
            return Ok(self);
        }
        Err(format!("standard error does not say {text:?}:\n{}", self.err).into())
    }
}

pub fn finish(mut command: Command) -> Result<Finished, Failed> {
    let begun = Instant::now();
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    Ok(Finished {
        code: status.code(),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
        elapsed: begun.elapsed(),
    })
}

/// A run that is watched through `--events`.
pub struct Watched {
    pub child: Child,
    events: mpsc::Receiver<Value>,
}

impl Watched {
    pub fn start(mut command: Command) -> Result<Self, Failed> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        let (tell, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else {
                    continue;
                };
                if tell.send(event).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, events })
    }

    /// The next event of this name; fails when the run ends, or a minute passes, without one.
    pub fn wait_for(&self, name: &str) -> Result<Value, Failed> {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let event = self
                .events
                .recv_timeout(left)
                .map_err(|_| format!("no event {name} came"))?;
            if event["event"] == name {
                return Ok(event);
            }
        }
    }

    pub fn signal(&self, signal: rustix::process::Signal) -> Result<(), Failed> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, signal)?)
    }
}

/// Command lines of running processes that mention `text`, other than our own.
pub fn processes_with(text: &str) -> Vec<String> {
    let mut system = System::new().expect("a process table");
    system.refresh_processes_specifics(
        ProcessesToUpdate::All,
        true,
        ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always),
    );
    let own = sysinfo::get_current_pid().ok();
    system
        .processes()
        .values()
        .filter(|process| Some(process.pid()) != own && process.thread_kind().is_none())
        .map(|process| {
            let words: Vec<_> = process.cmd().iter().map(|w| w.to_string_lossy()).collect();
            words.join(" ")
        })
        .filter(|line| line.contains(text))
        .collect()
}

/// Waits until no process mentions `text`, at most `limit`.
pub fn gone(text: &str, limit: Duration) -> Result<(), Failed> {
    let until = Instant::now() + limit;
    loop {
        let left = processes_with(text);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("still running after {limit:?}: {left:#?}").into());
        }
        // The end of another's child is no event that we could wait for.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Fails with the text unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err(format!($($text)+).into());
        }
    };
}
