//! Our side of a supervised process: start, watch, stop.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use crate::settings::Var;

/// A supervisor needs at most its grace period; after this it is stuck itself.
const STUCK: Duration = Duration::from_secs(5);

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
        let named = |what: &Path, error: &io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", what.display()))
        };
        let log = open_log(&spec.log).map_err(|error| named(&spec.log, &error))?;
        let mut supervisor = Command::new(&spec.supervisor)
            .arg("supervise")
            .arg("--")
            .arg(&spec.program)
            .args(&spec.args)
            // A key for somebody else's server, which no process of ours has a use for.
            .env_remove(Var::AttachKey.name())
            .envs(spec.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal goes to our group. The supervisor must outlive it to clean up.
            .process_group(0)
            .spawn()
            .map_err(|error| named(&spec.supervisor, &error))?;
        let leash = supervisor.stdin.take();
        let (tell_started, started) = oneshot::channel();
        let (tell, ended) = watch::channel(None);
        // Tracked before anything is awaited: a start that is given up half-way is waited for too.
        tracker.spawn(watch_it(supervisor, tell_started, tell));
        let pid = started
            .await
            .unwrap_or_else(|_| Err("its supervisor ended before it said anything".to_owned()))
            .map_err(io::Error::other)?;
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
        tokio::time::timeout(STUCK, self.ended())
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

/// Reads what the supervisor tells, to its end.
async fn watch_it(
    mut supervisor: Child,
    started: oneshot::Sender<Result<u32, String>>,
    tell: watch::Sender<Option<Ended>>,
) {
    let mut started = Some(started);
    let mut pid = None;
    let mut ended = Ended::Unseen;
    let out = supervisor.stdout.take();
    let mut lines = out.map(|out| BufReader::new(out).lines());
    while let Some(lines) = &mut lines
        && let Ok(Some(line)) = lines.next_line().await
    {
        let said = line.split_once(' ');
        let begun = match said {
            Some(("pid", number)) => {
                pid = number.parse().ok();
                pid.ok_or_else(|| format!("its supervisor said {line:?}"))
            }
            Some(("failed", why)) => Err(why.to_owned()),
            Some(("exit", code)) => {
                ended = Ended::Exit(code.parse().unwrap_or(1));
                continue;
            }
            Some(("signal", signal)) => {
                ended = Ended::Signal(signal.parse().unwrap_or(0));
                continue;
            }
            _ => {
                tracing::warn!("a supervisor said {line:?}");
                continue;
            }
        };
        if let Some(started) = started.take() {
            // Nobody listens where the start was given up.
            let _ = started.send(begun);
        }
    }
    let _ = supervisor.wait().await;
    if ended == Ended::Unseen
        && let Some(group) = pid.and_then(|pid| Pid::from_raw(u32::cast_signed(pid)))
    {
        // The supervisor was killed, so its work is ours.
        let _ = kill_process_group(group, Signal::KILL);
    }
    tell.send_replace(Some(ended));
}

/// Waits until every process that was started with `tracker` is gone, also those that were dropped.
/// None of them may be meant to stay.
pub async fn all_gone(tracker: &TaskTracker) {
    tracker.close();
    if tokio::time::timeout(STUCK, tracker.wait()).await.is_err() {
        tracing::error!("a supervisor did not end within {} s", STUCK.as_secs());
    }
    tracker.reopen();
}
