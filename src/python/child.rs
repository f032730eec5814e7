//! Child processes that cannot outlive their purpose: each runs in its own process group, which
//! is killed whole when its time is over, when it is cancelled, and when we die.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Split};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// Kills a child's process group when dropped, unless the child was reaped before.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // An error says that the group is gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// The child was reaped: its id may be given to another process from now on.
    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) struct Captured {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no answer within {0} s")]
    TimedOut(u64),
    #[error("cancelled")]
    Cancelled,
}

/// Runs `command` to its end and returns what it wrote.
pub(super) async fn capture(
    command: &mut Command,
    limit: Duration,
) -> Result<Captured, ChildError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut group = Group::of(&child);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let run = async {
        tokio::try_join!(async { read(out.as_mut(), &mut stdout).await }, async {
            read(err.as_mut(), &mut stderr).await
        },)?;
        child.wait().await
    };
    let status = tokio::time::timeout(limit, run)
        .await
        .map_err(|_| ChildError::TimedOut(limit.as_secs()))??;
    group.forget();
    Ok(Captured {
        status,
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

async fn read(
    from: Option<&mut (impl AsyncReadExt + Unpin)>,
    into: &mut Vec<u8>,
) -> io::Result<()> {
    match from {
        Some(from) => from.read_to_end(into).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Runs the program with a watcher in its group that reads a pipe from us: when we end in any way,
/// `kill -9` included, the pipe closes and the watcher kills the group. So no installer goes on
/// writing into a folder that a later run is making anew. (A parent-death signal would need unsafe
/// code, and does not exist on macOS.)
const WATCHED: &str = "exec 3<&0; \
    { cat <&3; kill -KILL 0; } >/dev/null 2>&1 & \
    exec \"$@\" </dev/null 3<&-";

/// Runs a program and passes each line that it writes (standard output and error together) to
/// `on_line`. Cancelling kills its whole process group.
pub(super) async fn stream(
    argv: &[&OsStr],
    adjust: impl FnOnce(&mut Command),
    cancel: &CancellationToken,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus, ChildError> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCHED, "sh"]).args(argv);
    adjust(&mut command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut group = Group::of(&child);
    let mut alive = child.stdin.take();
    let mut out = child
        .stdout
        .take()
        .map(|pipe| BufReader::new(pipe).split(b'\n'));
    let mut err = child
        .stderr
        .take()
        .map(|pipe| BufReader::new(pipe).split(b'\n'));
    let mut status = None;
    while status.is_none() || out.is_some() || err.is_some() {
        tokio::select! {
            () = cancel.cancelled() => {
                group.kill();
                child.wait().await?;
                return Err(ChildError::Cancelled);
            }
            line = next(&mut out), if out.is_some() => pass(line?, &mut out, &mut on_line),
            line = next(&mut err), if err.is_some() => pass(line?, &mut err, &mut on_line),
            ended = child.wait(), if status.is_none() => {
                status = Some(ended?);
                group.forget();
                // The watcher sees the pipe close and ends what is left of the group, itself included.
                alive = None;
            }
        }
    }
    drop(alive);
    status.ok_or_else(|| io::Error::other("the child ended without a status").into())
}

type Lines<T> = Option<Split<BufReader<T>>>;

async fn next<T: AsyncReadExt + Unpin>(lines: &mut Lines<T>) -> io::Result<Option<Vec<u8>>> {
    match lines {
        Some(lines) => lines.next_segment().await,
        None => Ok(None),
    }
}

fn pass<T>(line: Option<Vec<u8>>, lines: &mut Lines<T>, on_line: &mut impl FnMut(&str)) {
    match line {
        Some(line) => {
            let text = String::from_utf8_lossy(&line);
            // Progress bars rewrite one line; only its last state is of interest.
            let text = text.trim_end();
            let text = text.rsplit('\r').next().unwrap_or(text);
            if !text.trim().is_empty() {
                on_line(text);
            }
        }
        None => *lines = None,
    }
}

/// The last `count` lines with something on them.
pub(super) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[tokio::test]
    async fn the_watcher_kills_the_group_when_our_end_of_the_pipe_closes() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", WATCHED, "sh", "sleep", "600"])
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        drop(child.stdin.take());
        let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
        assert_eq!(status.unwrap().unwrap().signal(), Some(9));
    }

    #[tokio::test]
    async fn lines_of_both_outputs_arrive_and_of_a_progress_bar_the_last_state() {
        let program = [
            "sh",
            "-c",
            "printf 'one\\n10 %%\\r20 %%\\n\\n'; echo two >&2; exit 3",
        ];
        let mut lines = Vec::new();
        let argv: Vec<&OsStr> = program.iter().map(OsStr::new).collect();
        let cancel = CancellationToken::new();
        let status = stream(&argv, |_| {}, &cancel, |line| lines.push(line.to_owned())).await;
        assert_eq!(status.unwrap().code(), Some(3));
        lines.sort();
        assert_eq!(lines, ["20 %", "one", "two"]);
    }

    #[tokio::test]
    async fn a_silent_program_is_killed_at_its_limit() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let error = capture(&mut command, Duration::from_secs(1))
            .await
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "no answer within 1 s");
    }

    #[test]
    fn the_tail_is_of_lines_that_say_something() {
        assert_eq!(tail("a\n\nb \n\nc\n\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
