//! The app does not disturb (measurement rule 9): a window that shows a run measures what the terminal
//! does.

use std::time::Duration;

use libtest_mimic::Failed;
use mlx_throughput_lab::measure::best::{Difference, Repeats, difference};

use super::desktop::{Desktop, await_some};
use super::reader::Reader;
use super::{SIZE, Window, pictures};
use crate::ensure;
use crate::lab::{Home, Lab, finish, number};

/// One cell, three times.
const SWEEP: &[(&str, &str)] = &[
    ("MLX_INSTANCES_LIST", "1"),
    ("MLX_DECODE_CONCURRENCY_LIST", "4"),
    ("MLX_PROMPT_CONCURRENCY_LIST", "2"),
    ("MLX_CONCURRENCY_LIST", "4"),
    ("MLX_MAX_TOKENS", "32"),
    ("MLX_REPEATS", "3"),
    ("MLX_FINALISTS", "0"),
    ("MLX_WARMUP_REQUESTS", "1"),
    ("MLX_WINDOW_MIN_S", "3"),
    ("MLX_WINDOW_MIN_E2E", "1"),
    ("MLX_WINDOW_MIN_COMPLETIONS", "8"),
    ("MLX_WINDOW_MAX_S", "6"),
];
const REPEATS: usize = 3;
/// What else a shared machine does in half a minute parts two figures by more than a window should:
/// a difference that is shown, and is larger than this, is the window's.
const MOST: f64 = 0.2;

/// In turn, so that a machine which drifts does it to both.
pub(super) fn agree(lab: &Lab) -> Result<(), Failed> {
    let (mut terminal, mut window) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        terminal.extend(in_terminal(lab)?);
        window.extend(in_window(lab)?);
    }
    let repeats = |tps: &[f64]| Repeats::of(tps.iter().copied()).ok_or("nothing was measured");
    let (without, with) = (repeats(&terminal)?, repeats(&window)?);
    let shown = difference((&without, || None), (&with, || None)) == Difference::Shown;
    let apart = (with.mean / without.mean - 1.0).abs();
    ensure!(
        !(shown && apart > MOST),
        "terminal {terminal:?}, window {window:?} tokens/s"
    );
    lab.nothing_left(Duration::from_secs(5))
}

fn in_terminal(lab: &Lab) -> Result<Vec<f64>, Failed> {
    let home = lab.home();
    let mut command = home.command(["sweep", "full"]);
    command.envs(SWEEP.iter().copied());
    finish(command)?.expect(0)?;
    measured(&home)
}

fn in_window(lab: &Lab) -> Result<Vec<f64>, Failed> {
    let home = lab.home();
    let desktop = Desktop::start(SIZE, pictures())?;
    let reader = Reader::start(&desktop)?;
    let mut command = home.command::<&str>([]);
    command.envs(SWEEP.iter().copied());
    let window = Window::open(&home, command, &desktop, &reader, "Kind of run")?;
    reader.click("Kind of run")?;
    reader.click("Full sweep")?;
    reader.find("the number of cells", |node| node.name == "3")?;
    reader.click("Start")?;
    // The file is watched, and not the window: who reads its tree makes it work.
    await_some("all rows", Duration::from_mins(2), || {
        Ok(home.csv().ok().filter(|rows| rows.len() == REPEATS))
    })?;
    drop(window);
    measured(&home)
}

fn measured(home: &Home<'_>) -> Result<Vec<f64>, Failed> {
    let rows = home.csv()?;
    ensure!(
        rows.len() == REPEATS && rows.iter().all(|row| row["status"] == "ok"),
        "{rows:?}"
    );
    let tps = rows.iter().map(|row| number(row, "throughput_tps"));
    tps.collect()
}
