//! The hidden subcommand that stands between us and every process we start.
//!
//! A process killed by `kill -9` cannot clean up, so someone else has to. The supervisor is the
//! parent of one server, holds a pipe to us as its standard input, and kills the server's whole
//! process group when that pipe ends, however we ended. It works alike on Linux and macOS.
//!
//! Its standard output tells us `pid N` when the server was started, and `exit N` or `signal N`
//! when it ended; its standard error is the server's log, which the server writes both streams to.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::signal::unix::{SignalKind, signal};

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
/// `mlx_lm.server` ends within 20 ms of SIGTERM, with requests in flight too.
const GRACE: Duration = Duration::from_millis(700);

enum Told {
    /// Our end of the pipe is gone, or asked for the end by closing it.
    Released,
    /// The server has ended, but is not reaped: its process group id is still its own.
    Ended,
}

/// Runs `program` until it ends or standard input does. Never returns before the process group
/// is gone.
///
/// The exit code is the program's own, 128 + N after signal N, or 127 where it could not start.
pub fn supervise(program: &OsString, args: &[OsString]) -> ExitCode {
    match run(program, args) {
        Ok(status) => {
            let code = status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            // Both lines: the first for the person who reads the log, the second for our parent.
            eprintln!("could not start {}: {error}", program.display());
            report(&format!("failed {error}"));
            ExitCode::from(127)
        }
    }
}

fn run(program: &OsString, args: &[OsString]) -> io::Result<ExitStatus> {
    outlive_signals()?;
    let log = io::stderr().as_fd().try_clone_to_owned()?;
    let mut child = Command::new(program)
        .args(args)
        // An open pipe, since some launchers spin on an end-of-file standard input.
        .stdin(Stdio::piped())
        .stdout(Stdio::from(log))
        .process_group(0)
        .spawn()?;
    let group = Pid::from_child(&child);
    report(&format!("pid {}", child.id()));

    let (tell, told) = mpsc::channel();
    let tell_ended = tell.clone();
    std::thread::spawn(move || {
        let ended = loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(group), options) {
                Err(Errno::INTR) => {}
                ended => break ended,
            }
        };
        if let Err(error) = ended {
            eprintln!("supervisor: waiting for {group:?} failed: {error}");
        }
        let _ = tell_ended.send(Told::Ended);
    });
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        loop {
            match io::stdin().read(&mut ignored) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
        let _ = tell.send(Told::Released);
    });

    if let Ok(Told::Released) = told.recv() {
        let _ = kill_process_group(group, Signal::TERM);
        let _ = told.recv_timeout(GRACE);
    }
    // The leader has ended, or ignored SIGTERM. Either way nothing of its group may stay: nginx
    // workers and the ranks of `mlx.launch` outlive their leader.
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait()?;
    report(&match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("exit {}", status.code().unwrap_or(1)),
    });
    Ok(status)
}

/// Someone who ends every process of our name (`killall`) means our parent; were we to end first,
/// nobody would be left to end the server. The pipe tells us soon enough. The handlers stay when
/// the runtime is gone, and are not inherited by the server.
fn outlive_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _entered = runtime.enter();
    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ] {
        // The handler is what counts; nobody asks whether it was called.
        drop(signal(kind)?);
    }
    Ok(())
}

/// Tells our parent; it may be gone, which is no reason to stop half-way.
fn report(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
