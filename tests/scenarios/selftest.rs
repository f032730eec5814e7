//! The self-test, small: it finds no error where there is none, and one where there is.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::load::selftest::{Findings, Selftest, SelftestError, quietly, run};
use rustix::process::{Signal, kill_process};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio_util::sync::CancellationToken;

const BINARY: &str = env!("CARGO_BIN_EXE_mlx-throughput-lab");

fn small(concurrencies: &[u32], shift_us: i64) -> Selftest {
    Selftest {
        program: PathBuf::from(BINARY),
        concurrencies: concurrencies.to_vec(),
        paced_s: 0.4,
        python: None,
        shift_us,
    }
}

async fn findings(asked: &Selftest) -> Findings {
    run(asked, &|_| {}, &CancellationToken::new())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_stream_is_complete_and_its_error_known() {
    let findings = findings(&small(&[1, 8], 0)).await;
    assert_eq!(findings.broken(), 0);
    assert_eq!(
        findings
            .rows
            .iter()
            .map(|row| row.streams)
            .collect::<Vec<_>>(),
        [1, 8]
    );
    for row in &findings.rows {
        let (paced, full) = (
            row.paced.as_ref().unwrap(),
            row.full_speed.as_ref().unwrap(),
        );
        assert_eq!(paced.ends.complete, row.streams);
        assert_eq!(paced.ends.held, row.streams, "all of them at once");
        assert_eq!(full.ends.complete, row.streams);
        // 0.4 s at 20 ms a chunk.
        assert_eq!(paced.work.chunks, u64::from(row.streams) * 20);
        assert_eq!(paced.ttft_error.n, row.streams);
        assert_eq!(paced.itl_error.n, row.streams * 19);
        for error in [paced.ttft_error, paced.itl_error] {
            for s in [error.mean_s.unwrap(), error.max_s.unwrap()] {
                assert!(s.is_finite() && s >= 0.0, "{error:?}");
            }
        }
        for work in [paced.work, full.work] {
            assert!(work.cpu_us_per_chunk() > 0.0 && work.chunks_per_s() > 0.0);
        }
    }
    assert!(findings.without_python.unwrap().contains("no Python"));
}

#[tokio::test]
async fn a_server_that_lies_about_its_instants_is_found_out() {
    // The first stamp of each stream is half a second early, and so is every other one.
    let early = findings(&small(&[8], -500_000)).await;
    let paced = early.rows[0].paced.as_ref().unwrap();
    // Well above what a busy machine adds, and nothing can make it smaller than it is.
    assert!(paced.ttft_error.mean_s.unwrap() >= 0.5);
    let itl_s = paced.itl_error.p50_s.unwrap();
    assert!((0.4..1.0).contains(&itl_s), "{itl_s}");

    let honest = findings(&small(&[8], 0)).await;
    let paced = honest.rows[0].paced.as_ref().unwrap();
    assert!(paced.ttft_error.mean_s.unwrap() < 0.25);
    assert!(paced.itl_error.p50_s.unwrap() < 0.25);
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to() {
    let cancel = CancellationToken::new();
    let mut long = small(&[4], 0);
    long.paced_s = 60.0;
    let asked = cancel.clone();
    // The first line of progress comes right before the first load.
    let tell = move |_: &str| asked.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), run(&long, &tell, &cancel)).await;
    assert!(matches!(ended.unwrap(), Err(SelftestError::Cancelled)));
}

#[tokio::test]
async fn the_quiet_measurement_knows_the_ceiling_of_its_streams() {
    let cancel = CancellationToken::new();
    let began = Instant::now();
    let ceiling = quietly(Path::new(BINARY), 16, &cancel).await.unwrap();
    let took = began.elapsed();
    assert_eq!(ceiling.streams, 16);
    assert!(ceiling.chunks_per_s > 100.0, "{ceiling:?}");
    let p50_s = ceiling.itl_error_p50_s.unwrap();
    assert!((0.0..0.5).contains(&p50_s), "{ceiling:?}");
    // 16 requests are enough for a median, and not for a p99.
    assert!(ceiling.ttft_error_p50_s.is_some() && ceiling.ttft_error_p99_s.is_none());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn without_its_server_the_quiet_measurement_says_why() {
    let cancel = CancellationToken::new();
    let nowhere = quietly(Path::new("/nowhere/at/all"), 4, &cancel).await;
    let why = nowhere.unwrap_err().to_string();
    assert!(
        why.starts_with("the test server could not be used"),
        "{why}"
    );
    // A program that starts, and is no test server.
    let other = quietly(Path::new("/bin/echo"), 4, &cancel).await;
    let why = other.unwrap_err().to_string();
    assert!(why.contains("instead of its port"), "{why}");
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("selftest").args(args).stdin(Stdio::null());
    command
}

#[test]
fn its_json_can_be_read() {
    let out = command(&[
        "--quick",
        "--concurrency",
        "2",
        "--python",
        "/bin/false",
        "--json",
    ])
    .output()
    .unwrap();
    assert!(out.status.success(), "{out:?}");
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let row = &json["findings"]["rows"][0];
    assert_eq!(row["streams"], 2);
    assert_eq!(row["paced"]["ends"]["complete"], 2);
    assert!(row["full_speed"]["work"]["cpu_s"].as_f64().unwrap() > 0.0);
    assert!(json["findings"]["without_python"].is_string());
    assert_eq!(json["verdicts"].as_array().unwrap().len(), 5);
}

/// A self-test in the middle of its first load, with the process of its server.
fn under_way() -> (Child, Pid) {
    let mut child = command(&["--concurrency", "4"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let said = child.stderr.take().unwrap();
    // The server stands by then: the load is told right before it begins.
    BufReader::new(said).read_line(&mut line).unwrap();
    assert!(line.contains("4 streams, paced"), "{line:?}");
    let mut system = System::new().unwrap();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing());
    let parent = Pid::from_u32(child.id());
    let server = system
        .processes()
        .values()
        .find(|process| process.parent() == Some(parent) && process.thread_kind().is_none());
    let server = server.expect("a server process").pid();
    (child, server)
}

fn gone(pid: Pid) -> bool {
    let mut system = System::new().unwrap();
    let what = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    let process = system.process(pid);
    process.is_none_or(|process| process.status() == ProcessStatus::Zombie)
}

fn goes_soon(pid: Pid) {
    let until = Instant::now() + Duration::from_secs(10);
    while !gone(pid) {
        assert!(Instant::now() < until, "the server {pid} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

#[test]
fn ctrl_c_ends_both_processes() {
    let (mut child, server) = under_way();
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    goes_soon(server);
}

#[test]
fn a_killed_self_test_leaves_no_server() {
    let (mut child, server) = under_way();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    goes_soon(server);
}
