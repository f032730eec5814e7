//! The real window on a display without a screen, measuring a real server. It is read and worked
//! through the accessibility bus, so what holds here holds for people who cannot see it too.
//! Screenshots of each step go to `target/screenshots/window/`.

mod agreement;
pub mod desktop;
mod reader;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal};

use self::desktop::{Desktop, await_some};
use self::reader::Reader;
use crate::lab::{Home, Lab, Row, number};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    (
        "the_window_shows_what_it_wrote",
        Needs::Display,
        shows_what_it_wrote,
    ),
    (
        "the_first_start_reaches_a_heatmap",
        Needs::Display,
        first_start,
    ),
    (
        "the_window_measures_what_the_terminal_does",
        Needs::Display,
        agreement::agree,
    ),
];

const SIZE: (u32, u32) = (1440, 900);
/// The least size of the window.
const SMALL: (u32, u32) = (1000, 640);
/// A sweep of four cells, a server start each two.
const SWEEP: &[(&str, &str)] = &[
    ("MLX_DECODE_CONCURRENCY_LIST", "2,8"),
    ("MLX_PROMPT_CONCURRENCY_LIST", "2"),
    ("MLX_CONCURRENCY_LIST", "1,4"),
    ("MLX_INSTANCES_LIST", "1"),
    ("MLX_MAX_TOKENS", "16"),
    ("MLX_REQUESTS_MULTIPLIER", "4"),
    ("MLX_WARMUP_REQUESTS", "1"),
];
const CELLS: usize = 4;

/// The window's process; it is ended with the test.
struct Window(Child);

impl Window {
    /// Opens it, and waits until it shows `first`; what it said on standard error is told if not.
    fn open(
        home: &Home<'_>,
        mut command: Command,
        desktop: &Desktop,
        reader: &Reader,
        first: &str,
    ) -> Result<Self, Failed> {
        let log = home.path().join("window.log");
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        let window = Self(desktop.show(&mut command).spawn()?);
        let shown = reader.find_within(Duration::from_mins(1), first, |node| node.name == first);
        match shown {
            Ok(_) => Ok(window),
            Err(error) => {
                let why = error.message().unwrap_or_default();
                let log = std::fs::read_to_string(log)?;
                Err(format!("{why}\nthe window's log:\n{log}").into())
            }
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

fn pictures() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target
        .unwrap_or(Path::new("target"))
        .join("screenshots/window")
}

fn shows_what_it_wrote(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let desktop = Desktop::start(SIZE, pictures())?;
    let reader = Reader::start(&desktop)?;
    let mut command = home.command::<&str>([]);
    command.envs(SWEEP.iter().copied());
    let window = Window::open(&home, command, &desktop, &reader, "Kind of run")?;

    reader.click("Kind of run")?;
    reader.click("Full sweep")?;
    reader.find("the number of cells", |node| node.name == "4")?;
    desktop.settled_picture("1-form")?;
    reader.click("Start")?;
    reader.find_within(Duration::from_mins(1), "a running cell", |node| {
        node.name.contains("running")
    })?;
    desktop.settled_picture("2-running")?;
    let rows = await_some("all rows", Duration::from_mins(2), || {
        Ok(home.csv().ok().filter(|rows| rows.len() == CELLS))
    })?;
    reader.find("the end", |node| node.name.eq_ignore_ascii_case("complete"))?;
    desktop.settled_picture("3-complete")?;
    shown_as_written(&reader, &rows)?;
    for (tab, sign, picture) in [
        ("Lines", "Against", "4-lines"),
        ("Pareto", "Latency", "5-pareto"),
        ("Cells", "Throughput", "6-cells"),
        ("Plots", "CPU", "7-plots"),
        ("Log", "Follow the end", "8-log"),
    ] {
        reader.click(tab)?;
        reader.find(sign, |node| node.name.starts_with(sign))?;
        desktop.settled_picture(picture)?;
    }

    reader.click("Results")?;
    let item = reader.find("the run in the library", |node| {
        node.name.contains("Full sweep") && node.name.contains('4')
    })?;
    reader.press(&item)?;
    reader.click("Heatmap")?;
    shown_as_written(&reader, &rows)?;
    desktop.settled_picture("9-results")?;
    for (page, sign, picture) in [
        ("Compare", "Open", "10-compare"),
        ("Models", "Filter models", "11-models"),
        ("Environment", "nginx", "12-environment"),
    ] {
        reader.click(page)?;
        reader.find(sign, |node| node.name.contains(sign))?;
        desktop.settled_picture(picture)?;
    }

    drop(window);
    lab.nothing_left(Duration::from_secs(5))
}

/// One click in an empty home ends in a heatmap of the synthetic model. What the environment
/// would add is shown by `quick_in_an_empty_home`; here Python is there already.
fn first_start(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let desktop = Desktop::start(SMALL, pictures())?;
    let reader = Reader::start(&desktop)?;
    let mut command = home.bare_command::<&str>([]);
    command.env("MLX_PYTHON", &lab.python).envs([
        ("MLX_MAX_TOKENS", "16"),
        ("MLX_REQUESTS_MULTIPLIER", "2"),
        ("MLX_WARMUP_REQUESTS", "1"),
    ]);
    let window = Window::open(&home, command, &desktop, &reader, "Measure this machine")?;
    desktop.settled_picture("first-1-welcome")?;
    reader.click("Measure this machine")?;
    reader.find_within(Duration::from_mins(1), "a cell with its figure", |node| {
        node.name.starts_with("decode concurrency")
            && node.name.contains("tokens/s")
            && !node.name.contains("running")
    })?;
    desktop.settled_picture("first-2-heatmap")?;
    reader.click("Stop")?;
    reader.find("the end", |node| {
        ["stopped", "complete"].contains(&node.name.to_lowercase().as_str())
    })?;
    desktop.settled_picture("first-3-stopped")?;
    ensure!(!home.csv()?.is_empty(), "finished cells are on disk");
    // The plan is checked against the server that is there, whenever that was found.
    let json = home.json()?.to_string();
    ensure!(!json.contains("could not be asked"), "{json}");
    drop(window);
    lab.nothing_left(Duration::from_secs(5))
}

/// Each row of the file must stand in the heatmap with its very figure.
fn shown_as_written(reader: &Reader, rows: &[Row]) -> Result<(), Failed> {
    for row in rows {
        ensure!(row["status"] == "ok", "{row:?}");
        let figure = format!("{:.1} tokens/s", number(row, "throughput_tps")?);
        let place = ["concurrency", "decode concurrency"]
            .map(|name| format!("{name} {}", row[&name.replace(' ', "_")]));
        reader.find(&format!("{place:?} at {figure}"), |node| {
            let words: Vec<&str> = node.name.split([',', ':']).map(str::trim).collect();
            place.iter().all(|part| words.contains(&part.as_str()))
                && node.name.replace(',', "").contains(&figure)
        })?;
    }
    Ok(())
}
