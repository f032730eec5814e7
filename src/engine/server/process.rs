//! Our side of a supervised process: start, watch, stop.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
    /// The supervisor itself was killed, so nobody saw how.
    Unseen,
}

impl Ended {
    /// What people read, with the likely cause where the number alone says little.
    pub fn describe(self) -> String {
        match self {
            Self::Exit(code) => format!("it exited with status {code}"),
            Self::Signal(9) => "it was killed (signal 9): out of memory, or by someone".to_owned(),
            Self::Signal(11) => "it crashed (segmentation fault, signal 11)".to_owned(),
            Self::Signal(6) => "it aborted (signal 6)".to_owned(),
            Self::Signal(signal) => format!("it was ended by signal {signal}"),
            Self::Unseen => "its supervisor was killed".to_owned(),
        }
    }
}

/// A program to run under a supervisor.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Our own binary, which holds the supervisor.
    pub supervisor: PathBuf,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(String, String)>,
    /// Both output streams go here, appended.
    pub log: PathBuf,
}

/// A running process in its own group. Dropping it ends the process.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// Closing it is what asks the supervisor to end the process.
    leash: Option<ChildStdin>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Process {
    /// Starts `spec` and waits until it has a process id. `tracker` is done once every process
    /// started with it is gone, also those that were dropped rather than stopped.
    ///
    /// # Errors
    /// The log cannot be opened, the supervisor or the program cannot be started.
    pub async fn start(spec: &Spec, tracker: &TaskTracker) -> io::Result<Self> {
        let log = open_log(&spec.log)?;
        let mut supervisor = Command::new(&spec.supervisor)
            .arg("supervise")
            .arg("--")
            .arg(&spec.program)
            .args(&spec.args)
            .envs(spec.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal goes to our group. The supervisor must outlive it to clean up.
            .process_group(0)
            .spawn()?;
        let leash = supervisor.stdin.take();
        let out = supervisor
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("the supervisor has no output"))?;
        let mut lines = BufReader::new(out).lines();
        let first = lines.next_line().await?.unwrap_or_default();
        let pid = match first.split_once(' ') {
            Some(("pid", pid)) => pid.parse().map_err(io::Error::other)?,
            Some(("failed", why)) => return Err(io::Error::other(why.to_owned())),
            _ => {
                return Err(io::Error::other(format!(
                    "the supervisor said {first:?} instead of a process id"
                )));
            }
        };
        let (tell, ended) = watch::channel(None);
        tracker.spawn(watch_end(supervisor, lines, tell));
        Ok(Self { pid, leash, ended })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the end, however it comes.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        let seen = ended.wait_for(Option::is_some).await;
        seen.ok().and_then(|seen| *seen).unwrap_or(Ended::Unseen)
    }

    /// `None` while it runs.
    pub fn has_ended(&self) -> Option<Ended> {
        *self.ended.borrow()
    }

    /// Ends the process and waits until its whole group is gone.
    pub async fn stop(mut self) -> Ended {
        self.leash.take();
        // The supervisor needs at most its grace period; twice that means it is stuck itself.
        tokio::time::timeout(Duration::from_secs(5), self.ended())
            .await
            .unwrap_or(Ended::Unseen)
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).open(path)
}

async fn watch_end(
    mut supervisor: Child,
    mut lines: Lines<BufReader<ChildStdout>>,
    tell: watch::Sender<Option<Ended>>,
) {
    let mut ended = Ended::Unseen;
    while let Ok(Some(line)) = lines.next_line().await {
        match line.split_once(' ') {
            Some(("exit", code)) => ended = Ended::Exit(code.parse().unwrap_or(1)),
            Some(("signal", signal)) => ended = Ended::Signal(signal.parse().unwrap_or(0)),
            _ => tracing::warn!("the supervisor said {line:?}"),
        }
    }
    let _ = supervisor.wait().await;
    tell.send_replace(Some(ended));
}
