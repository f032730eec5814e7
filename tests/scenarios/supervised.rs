//! Processes under the supervisor: started, told of, ended with their whole group.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::server::process::{Ended, Process, Spec, all_gone};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio_util::task::TaskTracker;

fn spec(folder: &Path, program: &str, args: &[&str]) -> Spec {
    Spec {
        supervisor: PathBuf::from(env!("CARGO_BIN_EXE_mlx-throughput-lab")),
        program: program.into(),
        args: args.iter().map(OsString::from).collect(),
        env: vec![("GREETING".to_owned(), "from the environment".to_owned())],
        log: folder.join("logs/program.log"),
    }
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw.cast_signed()).unwrap()
}

fn alive(raw: u32) -> bool {
    test_kill_process(pid(raw)).is_ok()
}

/// The number that the program wrote as its log's first line.
async fn logged_pid(log: &Path) -> u32 {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some(pid) = text.lines().next().and_then(|line| line.parse().ok()) {
            return pid;
        }
        assert!(Instant::now() < until, "nothing was logged: {text:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn both_streams_go_to_the_log_and_the_status_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(
        folder.path(),
        "sh",
        &["-c", "echo $GREETING; echo oops >&2; exit 3"],
    );
    let tracker = TaskTracker::new();
    let process = Process::start(&spec, &tracker).await.unwrap();
    assert_eq!(process.ended().await, Ended::Exit(3));
    let log = std::fs::read_to_string(&spec.log).unwrap();
    assert_eq!(log, "from the environment\noops\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "/nonexistent/program", &[]);
    let error = Process::start(&spec, &TaskTracker::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
}

/// A child that outlives its parent, as nginx's workers and the ranks of `mlx.launch` do.
const WITH_CHILD: &str = "sleep 600 & echo $!; wait";

#[tokio::test]
async fn a_stop_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "sh", &["-c", WITH_CHILD]);
    let process = Process::start(&spec, &TaskTracker::new()).await.unwrap();
    let (leader, child) = (process.pid(), logged_pid(&spec.log).await);
    assert!(alive(leader) && alive(child));
    assert_eq!(process.stop().await, Ended::Signal(Signal::TERM.as_raw()));
    assert!(!alive(leader));
    gone(child).await;
}

#[tokio::test]
async fn what_ignores_sigterm_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let body = "trap '' TERM; echo $$; while :; do sleep 1; done";
    let spec = spec(folder.path(), "sh", &["-c", body]);
    let process = Process::start(&spec, &TaskTracker::new()).await.unwrap();
    logged_pid(&spec.log).await;
    assert_eq!(process.stop().await, Ended::Signal(Signal::KILL.as_raw()));
}

#[tokio::test]
async fn a_dropped_process_ends_and_the_tracker_knows() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "sleep", &["600"]);
    let tracker = TaskTracker::new();
    let process = Process::start(&spec, &tracker).await.unwrap();
    let raw = process.pid();
    drop(process);
    tracker.close();
    tokio::time::timeout(Duration::from_secs(5), tracker.wait())
        .await
        .unwrap();
    assert!(!alive(raw));
}

#[tokio::test]
async fn a_child_left_by_a_dead_leader_is_ended_too() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "sh", &["-c", WITH_CHILD]);
    let process = Process::start(&spec, &TaskTracker::new()).await.unwrap();
    let child = logged_pid(&spec.log).await;
    kill_process(pid(process.pid()), Signal::KILL).unwrap();
    assert_eq!(process.ended().await, Ended::Signal(Signal::KILL.as_raw()));
    gone(child).await;
}

/// The supervisor of a program that we started: its parent.
fn supervisor_of(raw: u32) -> Pid {
    let mut system = sysinfo::System::new().unwrap();
    system.refresh_processes(sysinfo::ProcessesToUpdate::All, true);
    let program = system.process(sysinfo::Pid::from_u32(raw)).unwrap();
    pid(program.parent().unwrap().as_u32())
}

#[tokio::test]
async fn a_supervisor_outlives_the_signals_that_mean_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "sh", &["-c", WITH_CHILD]);
    let process = Process::start(&spec, &TaskTracker::new()).await.unwrap();
    let child = logged_pid(&spec.log).await;
    let supervisor = supervisor_of(process.pid());
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(supervisor, signal).unwrap();
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(300), process.ended())
            .await
            .is_err(),
        "it still runs"
    );
    // The server has handlers of its own, or none: nothing was inherited.
    assert_eq!(process.stop().await, Ended::Signal(Signal::TERM.as_raw()));
    gone(child).await;
}

#[tokio::test]
async fn a_killed_supervisor_leaves_no_program_behind() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "sh", &["-c", WITH_CHILD]);
    let process = Process::start(&spec, &TaskTracker::new()).await.unwrap();
    let (leader, child) = (process.pid(), logged_pid(&spec.log).await);
    kill_process(supervisor_of(leader), Signal::KILL).unwrap();
    assert_eq!(process.ended().await, Ended::Unseen);
    gone(leader).await;
    gone(child).await;
}

#[tokio::test]
async fn a_start_that_is_given_up_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(folder.path(), "sh", &["-c", "echo $$; sleep 600"]);
    let tracker = TaskTracker::new();
    // Polled once: the supervisor is started, and has told nothing yet.
    let given_up = tokio::time::timeout(Duration::ZERO, Process::start(&spec, &tracker)).await;
    assert!(given_up.is_err());
    assert_eq!(tracker.len(), 1);
    all_gone(&tracker).await;
    assert!(tracker.is_empty());
    let log = std::fs::read_to_string(&spec.log).unwrap();
    if let Some(raw) = log.lines().next().and_then(|line| line.parse().ok()) {
        assert!(!alive(raw), "{raw} is still there");
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut spec = spec(folder.path(), "sh", &["-c", "exit 0"]);
    spec.log = file.join("program.log");
    let error = Process::start(&spec, &TaskTracker::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("file/program.log"), "{error}");
    spec.log = folder.path().join("program.log");
    spec.supervisor = "/nonexistent/lab".into();
    let error = Process::start(&spec, &TaskTracker::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nonexistent/lab"), "{error}");
}

/// The child of a dead parent is reaped by process 1, soon after.
async fn gone(raw: u32) {
    let until = Instant::now() + Duration::from_secs(5);
    while alive(raw) {
        assert!(Instant::now() < until, "process {raw} is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
