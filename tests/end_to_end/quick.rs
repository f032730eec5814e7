//! The promise of the README: one command on a fresh machine.

use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::Signal;

use crate::lab::{Lab, Watched, finish};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("quick_in_an_empty_home", Needs::Nothing, empty_home),
    (
        "a_cancelled_setup_leaves_nothing",
        Needs::Nothing,
        cancelled_setup,
    ),
];

fn empty_home(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let first = finish(home.bare_command(["quick"]))?.expect(0)?;
    ensure!(first.out.contains("best instances="), "{}", first.out);
    let again = finish(home.bare_command(["quick"]))?.expect(0)?;
    ensure!(again.out.contains("best instances="), "{}", again.out);
    ensure!(
        again.elapsed < Duration::from_mins(1),
        "the second run took {:?}",
        again.elapsed
    );
    gone_from(&home)
}

fn gone_from(home: &crate::lab::Home<'_>) -> Result<(), Failed> {
    crate::lab::gone(&home.path().to_string_lossy(), Duration::from_secs(2))
}

fn cancelled_setup(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let mut watched = Watched::start(home.bare_command(["setup"]))?;
    let data = home.path().join(if cfg!(target_os = "macos") {
        "Library/Application Support/MLX Throughput Lab"
    } else {
        ".local/share/mlx-throughput-lab"
    });
    let environment = data.join("environment");
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while !environment.exists() {
        ensure!(
            std::time::Instant::now() < until,
            "setup began nothing in {}",
            data.display()
        );
        // A folder made by another process is no event that we could wait for.
        std::thread::sleep(Duration::from_millis(20));
    }
    watched.signal(Signal::INT)?;
    let status = watched.child.wait()?;
    ensure!(status.code() == Some(130), "{status}");
    ensure!(!environment.exists(), "half an environment is left");
    gone_from(&home)
}
