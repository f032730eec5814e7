//! The real window on a display without a screen, measuring a real server. It is read and worked
//! through the accessibility bus, so what holds here holds for people who cannot see it too.
//! Screenshots of each step go to `target/screenshots/window/`.

pub mod desktop;
mod reader;

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal};

use self::desktop::{Desktop, await_some};
use self::reader::Reader;
use crate::lab::{Home, Lab, Row, number};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[(
    "the_window_shows_what_it_wrote",
    Needs::Display,
    shows_what_it_wrote,
)];

const SIZE: (u32, u32) = (1440, 900);
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
    fn open(home: &Home<'_>, desktop: &Desktop) -> Result<Self, Failed> {
        let mut command = home.command::<&str>([]);
        command.envs(SWEEP.iter().copied());
        let log = std::fs::File::create(home.path().join("window.log"))?;
        command.stdout(Stdio::null()).stderr(log);
        Ok(Self(desktop.show(&mut command).spawn()?))
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
    let window = Window::open(&home, &desktop)?;

    let shown = reader.find_within(Duration::from_secs(60), "the form", |node| {
        node.name == "Kind of run"
    });
    if let Err(error) = shown {
        let log = std::fs::read_to_string(home.path().join("window.log"))?;
        let why = error.message().unwrap_or_default();
        return Err(format!("{why}\nthe window's log:\n{log}").into());
    }
    reader.click("Kind of run")?;
    reader.click("Full sweep")?;
    reader.find("the number of cells", |node| node.name == "4")?;
    desktop.picture("1-form")?;
    reader.click("Start")?;
    reader.find_within(Duration::from_secs(60), "a running cell", |node| {
        node.name.contains("running")
    })?;
    desktop.picture("2-running")?;
    let rows = await_some("all rows", Duration::from_secs(120), || {
        Ok(home.csv().ok().filter(|rows| rows.len() == CELLS))
    })?;
    reader.find("the end", |node| {
        node.name == "Complete" || node.name == "complete"
    })?;
    desktop.picture("3-complete")?;
    shown_as_written(&reader, &rows)?;

    reader.click("Results")?;
    let item = reader.find("the run in the library", |node| {
        node.name.contains("Full sweep") && node.name.contains("4")
    })?;
    reader.press(&item)?;
    shown_as_written(&reader, &rows)?;
    desktop.picture("4-results")?;
    reader.click("Environment")?;
    reader.find("nginx's line", |node| node.name.contains("nginx"))?;
    desktop.picture("5-environment")?;

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
