//! Servers that fail, ports that are taken, and ends that no one planned.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Lab, Watched, number};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    (
        "a_broken_model_shows_the_servers_own_error",
        Needs::Nothing,
        broken_model,
    ),
    ("a_taken_port_names_its_holder", Needs::Nothing, taken_port),
    (
        "a_killed_server_fails_its_cell_alone",
        Needs::Nothing,
        killed_server,
    ),
    (
        "a_wedged_server_is_noticed_and_replaced",
        Needs::Nothing,
        wedged_server,
    ),
    (
        "a_silent_server_that_computes_is_waited_for",
        Needs::Nothing,
        silent_server,
    ),
    (
        "a_server_that_pauses_has_no_steady_state",
        Needs::Nothing,
        pausing_server,
    ),
    (
        "a_dead_generation_thread_shows_its_last_error",
        Needs::Nothing,
        dead_thread,
    ),
    (
        "nothing_outlives_a_kill",
        Needs::Nginx,
        kill_at_random_moments,
    ),
];

fn broken_model(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let broken = home.path().join("broken");
    std::fs::create_dir(&broken)?;
    for file in std::fs::read_dir(&lab.tiny)?.flatten() {
        std::fs::copy(file.path(), broken.join(file.file_name()))?;
    }
    let weights = std::fs::read(broken.join("model.safetensors"))?;
    std::fs::write(
        broken.join("model.safetensors"),
        &weights[..weights.len() / 2],
    )?;
    let model = broken.to_string_lossy().into_owned();
    let done = home.run(["test", "single", "--model", &model])?;
    ensure!(
        matches!(done.code, Some(1 | 2)),
        "{:?}\n{}",
        done.code,
        done.err
    );
    ensure!(
        done.err.contains("could not load the model"),
        "{}",
        done.err
    );
    Ok(())
}

fn taken_port(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    home.run(["test", "single", &format!("MLX_SERVER_PORT={port}")])?
        .expect(1)?
        .says(&port.to_string())?
        .says(&format!("pid {}", std::process::id()))?
        .says("MLX_SERVER_PORT")?;
    // A first port that is only a starting point is passed over.
    home.run(["test", "single", &format!("MLX_SERVER_BASE_PORT={port}")])?
        .expect(0)?
        .says("the next free one is used")?;
    Ok(())
}

/// A sweep of three cells on one server. The first is measured in peace, `harm` comes to the
/// server in the second, and the third must be sound again.
fn harmed_in_the_second_cell(
    lab: &Lab,
    more: &[&str],
    expected: &str,
    harm: fn(pid: Pid, port: u16) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let home = lab.home();
    let args = [
        &[
            "--events",
            "sweep",
            "custom",
            "--axis",
            "concurrency=1,2,3",
            "MLX_MAX_TOKENS=64",
            "MLX_REQUESTS_MULTIPLIER=50",
            // Two requests in flight in the cell that is harmed.
            "MLX_ORDER=nested",
        ],
        more,
    ]
    .concat();
    let mut watched = Watched::start(home.command(args))?;
    let port = watched.wait_for("server_starting")?["port"]
        .as_u64()
        .ok_or("no port")?;
    let ready = watched.wait_for("server_ready")?;
    let pid = ready["pid"]
        .as_i64()
        .and_then(|pid| Pid::from_raw(pid as i32));
    watched.wait_for("cell_finished")?;
    watched.wait_for("cell_started")?;
    // A sample a second: with the first of this cell, its load is surely under way.
    watched.wait_for("machine")?;
    watched.wait_for("machine")?;
    harm(pid.ok_or("no pid")?, port as u16)?;
    let failed = watched.wait_for("cell_finished")?;
    ensure!(failed["result"]["status"] == "failed", "{failed}");
    let why = failed["result"]["error"].to_string();
    ensure!(why.contains(expected), "{why} does not say {expected}");
    let next = watched.wait_for("cell_finished")?;
    ensure!(next["result"]["status"] == "ok", "{next}");
    let end = watched.wait_for("run_finished")?;
    ensure!(end["best"].is_object(), "{end}");
    let status = watched.child.wait()?;
    ensure!(status.code() == Some(1), "{status}");
    lab.nothing_left(Duration::from_secs(2))
}

fn killed_server(lab: &Lab) -> Result<(), Failed> {
    harmed_in_the_second_cell(lab, &[], "killed (signal 9)", |pid, _| {
        Ok(kill_process(pid, Signal::KILL)?)
    })
}

fn wedged_server(lab: &Lab) -> Result<(), Failed> {
    harmed_in_the_second_cell(lab, &["MLX_WATCHDOG_S=3"], "wedged", |pid, _| {
        Ok(kill_process(pid, Signal::STOP)?)
    })
}

/// One prompt in one piece: for seconds nothing comes, and no warm-up has told that it would be so.
fn silent_server(lab: &Lab) -> Result<(), Failed> {
    const WATCHDOG_S: u32 = 3;
    let home = lab.home();
    home.run([
        "sweep",
        "custom",
        "--axis",
        "prompt_tokens=8000",
        "--axis",
        "concurrency=1",
        "MLX_SERVER_ARGS=--prefill-step-size=16384",
        "MLX_WARMUP_REQUESTS=0",
        "MLX_MAX_TOKENS=4",
        "MLX_NUM_REQUESTS=1",
        &format!("MLX_WATCHDOG_S={WATCHDOG_S}"),
    ])?
    .expect(0)?;
    let rows = home.csv()?;
    ensure!(rows.len() == 1 && rows[0]["status"] == "ok", "{rows:?}");
    let ttft_s = number(&rows[0], "ttft_mean_s")?;
    ensure!(
        ttft_s > f64::from(WATCHDOG_S) + 1.0,
        "{ttft_s} s: this machine needs a longer prompt for the test to show anything"
    );
    Ok(())
}

/// The first cell runs in peace; in the second the server stands still for three seconds.
fn pausing_server(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let mut watched = Watched::start(home.command([
        "--events",
        "sweep",
        "custom",
        "--axis",
        "concurrency=2,4",
        "MLX_MAX_TOKENS=32",
        "MLX_WINDOW_MIN_S=12",
        "MLX_WINDOW_MAX_S=14",
        "MLX_ORDER=nested",
    ]))?;
    let ready = watched.wait_for("server_ready")?;
    let pid = ready["pid"].as_i64().ok_or("no pid")?;
    let pid = Pid::from_raw(pid as i32).ok_or("no pid")?;
    let in_peace = watched.wait_for("cell_finished")?;
    let stalled = |event: &serde_json::Value| {
        let flags = event["result"]["flags"].to_string();
        flags.contains("no_steady_state") && flags.contains("hardly a token")
    };
    ensure!(!stalled(&in_peace), "{in_peace}");
    watched.wait_for("cell_started")?;
    // One a second: the window is open after two, and this is in its first half.
    let seconds = |n: u32| (0..n).try_for_each(|_| watched.wait_for("machine").map(|_| ()));
    seconds(6)?;
    kill_process(pid, Signal::STOP)?;
    seconds(3)?;
    kill_process(pid, Signal::CONT)?;
    let paused = watched.wait_for("cell_finished")?;
    ensure!(stalled(&paused), "{paused}");
    ensure!(paused["result"]["status"] == "ok", "{paused}");
    watched.wait_for("run_finished")?;
    let status = watched.child.wait()?;
    ensure!(status.success(), "{status}");
    let rows = home.csv()?;
    ensure!(rows[1]["throughput_low_tps"].is_empty(), "{rows:?}");
    Ok(())
}

/// An empty prompt ends the generation thread of 0.32.2 for good; the process stays.
fn dead_thread(lab: &Lab) -> Result<(), Failed> {
    harmed_in_the_second_cell(lab, &[], "generation thread died", |_, port| {
        let body = r#"{"prompt": "", "max_tokens": 1}"#;
        let mut server = TcpStream::connect(("127.0.0.1", port))?;
        write!(
            server,
            "POST /v1/completions HTTP/1.0\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        // Its answer, if any, is of no interest.
        let _ = server.read_to_end(&mut Vec::new());
        Ok(())
    })
}

fn kill_at_random_moments(lab: &Lab) -> Result<(), Failed> {
    for _ in 0..4 {
        let home = lab.home();
        let command = home.command([
            "--events",
            "sweep",
            "full",
            "MLX_INSTANCES_LIST=1,2",
            "MLX_DECODE_CONCURRENCY_LIST=4,8",
            "MLX_PROMPT_CONCURRENCY_LIST=4",
            "MLX_CONCURRENCY_LIST=2,8",
            "MLX_MAX_TOKENS=32",
            "MLX_REQUESTS_MULTIPLIER=2",
        ]);
        let mut watched = Watched::start(command)?;
        watched.wait_for("server_starting")?;
        // Any moment will do: loading, proving, warming up, measuring, changing servers.
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let moment = Duration::from_millis(u64::from(clock.subsec_micros()) % 9_000);
        std::thread::sleep(moment);
        watched.signal(Signal::KILL)?;
        watched.child.wait()?;
        lab.nothing_left(Duration::from_secs(2))
            .map_err(|left| format!("killed after {moment:?}: {left:?}"))?;
        for row in home.csv()? {
            ensure!(
                row["status"] == "ok",
                "a row is whole or not there: {row:?}"
            );
        }
    }
    Ok(())
}
