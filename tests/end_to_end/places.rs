//! Odd paths, odd addresses, and readers that leave.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::lab::{Lab, finish};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("any_path_will_do", Needs::Nginx, odd_paths),
    (
        "an_address_of_another_machine_is_refused",
        Needs::Nothing,
        foreign_host,
    ),
    (
        "a_reader_that_leaves_ends_nothing",
        Needs::Nothing,
        reader_leaves,
    ),
];

/// Whatever breaks a configuration file, a shell or a command line.
const ODD: &str = "it's \"odd\"; $HOME {x} \\ ü";

fn odd_paths(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let model = home.path().join(ODD).join("model");
    std::fs::create_dir_all(&model)?;
    for file in std::fs::read_dir(&lab.tiny)?.flatten() {
        std::fs::copy(file.path(), model.join(file.file_name()))?;
    }
    let mut command = home.command([
        "test",
        "round-robin",
        "MLX_SERVER_INSTANCES=2",
        "MLX_NUM_REQUESTS=4",
        "MLX_MAX_TOKENS=8",
        "MLX_BALANCER=nginx",
    ]);
    let results = home.results().join(ODD);
    command
        .env("MLX_MODEL_PATH", &model)
        .env("MLX_RESULTS_DIR", &results);
    let out = finish(command)?.expect(0)?.out;
    ensure!(out.starts_with("round_robin instances=2 "), "{out}");
    ensure!(results.is_dir(), "the results are not where they should be");
    crate::lab::gone(&model.to_string_lossy(), Duration::from_secs(2))
}

fn foreign_host(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    // TEST-NET-1: no machine's own. Every port of it looks taken, which must not be told 56,000
    // times.
    let done = home
        .run(["test", "single", "MLX_SERVER_HOST=192.0.2.1"])?
        .expect(1)?
        .says("MLX_SERVER_HOST")?;
    ensure!(!done.err.contains("is taken"), "{}", done.err);
    Ok(())
}

fn reader_leaves(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let mut command = home.command([
        "sweep",
        "custom",
        "--axis",
        "concurrency=1,2",
        "MLX_MAX_TOKENS=8",
        "MLX_REQUESTS_MULTIPLIER=1",
    ]);
    // Both streams go to a pipe that nobody reads any more.
    let (reader, out) = std::io::pipe()?;
    command.stdout(out.try_clone()?).stderr(out);
    drop(reader);
    let mut child = command.spawn()?;
    drop(command);
    let status = child.wait()?;
    ensure!(status.code() == Some(0), "{status}");
    let rows = home.csv()?;
    ensure!(rows.len() == 2, "{rows:?}");
    Ok(())
}
