//! `test single`, `test concurrent`, `test round-robin`, `doctor` and wrong usage.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::lab::{Lab, finish};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("check_single_gives_its_line", Needs::Nothing, single),
    (
        "check_concurrent_gives_its_line",
        Needs::Nothing,
        concurrent,
    ),
    (
        "check_round_robin_through_nginx",
        Needs::Nginx,
        through_nginx,
    ),
    ("check_round_robin_directly", Needs::Nothing, directly),
    ("a_wrong_setting_is_named", Needs::Nothing, wrong_setting),
    ("doctor_tells_what_is_there", Needs::Nothing, doctor),
];

/// The value of `name=value` in a line of figures.
fn figure(line: &str, name: &str) -> Result<f64, Failed> {
    line.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .and_then(|value| value.trim_end_matches('s').parse().ok())
        .ok_or_else(|| format!("no {name} in {line:?}").into())
}

fn single(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let out = home.run(["test", "single"])?.expect(0)?.out;
    ensure!(out.starts_with("single_request "), "{out}");
    ensure!(figure(&out, "tokens")? == 128.0, "{out}");
    let (rate, elapsed_s) = (figure(&out, "tokens_per_second")?, figure(&out, "elapsed")?);
    // The line rounds elapsed to 10 ms.
    ensure!(
        (rate * elapsed_s - 128.0).abs() < 128.0 * 0.01 / elapsed_s + 1.0,
        "{out}"
    );
    lab.nothing_left(Duration::from_secs(2))
}

fn concurrent(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let args = [
        "test",
        "concurrent",
        "MLX_NUM_REQUESTS=12",
        "MLX_MAX_TOKENS=16",
    ];
    let out = home.run(args)?.expect(0)?.out;
    ensure!(
        out.starts_with("concurrent_requests count=12 concurrency=12 "),
        "{out}"
    );
    ensure!(figure(&out, "total_tokens")? == 192.0, "{out}");
    Ok(())
}

fn round_robin(lab: &Lab, balancer: &str) -> Result<(), Failed> {
    let home = lab.home();
    let out = home
        .run([
            "test",
            "round-robin",
            "MLX_SERVER_INSTANCES=2",
            "MLX_NUM_REQUESTS=16",
            "MLX_MAX_TOKENS=16",
            &format!("MLX_BALANCER={balancer}"),
        ])?
        .expect(0)?
        .out;
    ensure!(
        out.starts_with("round_robin instances=2 requests=16 concurrency=16 "),
        "{out}"
    );
    ensure!(figure(&out, "total_tokens")? == 256.0, "{out}");
    let row = &home.csv()?[0];
    ensure!(row["balancer"] == balancer, "{row:?}");
    ensure!(
        row["status"] == "ok" && !row["flags"].contains("unbalanced"),
        "evenly spread: {row:?}"
    );
    lab.nothing_left(Duration::from_secs(2))
}

fn through_nginx(lab: &Lab) -> Result<(), Failed> {
    round_robin(lab, "nginx")
}

fn directly(lab: &Lab) -> Result<(), Failed> {
    round_robin(lab, "direct")
}

fn wrong_setting(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    home.run(["test", "single", "MLX_MAX_TOKENS=many"])?
        .expect(2)?
        .says("MLX_MAX_TOKENS")?
        .says("many")?;
    home.run(["sweep", "full", "MLX_SERVER_ARGS=--prefil-step-size=512"])?
        .expect(2)?
        .says("--prefill-step-size")?;
    home.run(["test", "single", "MLX_SERVER_ARGS=--port=1"])?
        .expect(2)?
        .says("--port")?;
    home.run(["test", "single", "--model", "/nowhere/at/all"])?
        .expect(2)?
        .says("/nowhere/at/all")?;
    ensure!(
        !home.results().exists(),
        "nothing was started, so nothing was written"
    );
    Ok(())
}

fn doctor(lab: &Lab) -> Result<(), Failed> {
    let out = finish(lab.home().command(["doctor"]))?.out;
    for word in ["mlx-lm", "--decode-concurrency", "nginx"] {
        ensure!(out.contains(word), "{word} is not in\n{out}");
    }
    Ok(())
}
