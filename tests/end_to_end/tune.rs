//! `tune` on real servers: its share of a grid, its path after a break, its limits.

use std::collections::BTreeSet;
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::Signal;

use crate::lab::{Home, Lab, Row, Watched, number};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("tune_measures_its_share", Needs::Nothing, share),
    ("an_interrupted_tune_resumes", Needs::Nothing, interrupted),
    ("a_tune_keeps_to_its_limits", Needs::Nothing, limits),
];

/// A grid of 16 cells that takes seconds: short windows, few tokens.
const GRID: &[&str] = &[
    "tune",
    "--axis",
    "decode_concurrency=1,2,4,8",
    "--axis",
    "concurrency=1,2,4,8",
    "MLX_INSTANCES_LIST=1",
    "MLX_PROMPT_CONCURRENCY_LIST=1",
    "MLX_MAX_TOKENS=16",
    "MLX_WARMUP_REQUESTS=1",
    "MLX_WINDOW_MIN_S=0.5",
    "MLX_WINDOW_MIN_COMPLETIONS=8",
    "MLX_WINDOW_MAX_S=1",
    "MLX_SEED=1",
];

fn tune<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [GRID, more].concat()
}

/// Each measurement of the file: what was started and asked, and its repeat.
fn measurements(rows: &[Row]) -> BTreeSet<[String; 3]> {
    let columns = ["decode_concurrency", "concurrency", "repeat"];
    let of = |row: &Row| columns.map(|column| row[column].clone());
    rows.iter().map(of).collect()
}

/// The flags of every server were read back from the process table, and are those of its cells.
fn proven(home: &Home<'_>, rows: &[Row]) -> Result<(), Failed> {
    let json = home.json()?.to_string();
    for row in rows {
        ensure!(row["status"] == "ok", "{row:?}");
        ensure!(!row["flags"].contains("flags_not_applied"), "{row:?}");
        let decode = &row["decode_concurrency"];
        let words = format!(r#""--decode-concurrency","{decode}""#);
        ensure!(json.contains(&words), "{words} in {json}");
    }
    Ok(())
}

fn share(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let done = home.run(tune(&["MLX_TUNE_SHARE_PCT=50"]))?.expect(0)?;
    let rows = home.csv()?;
    ensure!((5..=8).contains(&rows.len()), "{} rows", rows.len());
    let different = measurements(&rows);
    ensure!(different.len() == rows.len(), "{different:?}");
    proven(&home, &rows)?;

    let best = done.out.lines().find(|line| line.starts_with("best "));
    let best = best.ok_or_else(|| Failed::from(&done.out))?;
    let told = done.out.lines().last().unwrap_or_default();
    ensure!(
        told.contains(" of 16 cells were measured, in ") && told.contains(" measurements; "),
        "{}",
        done.out
    );
    // The best is the highest mean over the repeats of a cell.
    let mut highest: f64 = 0.0;
    for row in &rows {
        let alike = rows.iter().filter(|other| {
            let same = |column: &str| other[column] == row[column];
            same("decode_concurrency") && same("concurrency")
        });
        let tps = alike.map(|row| number(row, "throughput_tps"));
        let tps = tps.collect::<Result<Vec<_>, _>>()?;
        highest = highest.max(tps.iter().sum::<f64>() / tps.len() as f64);
    }
    ensure!(
        best.ends_with(&format!("throughput_tps={highest:.1}")),
        "{best} is not {highest}"
    );
    // A repeat has servers of its own: never fewer starts than repeats of a cell.
    let json = home.json()?;
    ensure!(json["end"]["reason"] == "completed", "{}", json["end"]);
    ensure!(
        done.err.contains("exploring") && done.err.contains("progress 1/8 "),
        "{}",
        done.err
    );
    lab.nothing_left(Duration::from_secs(2))
}

fn interrupted(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let mut args = tune(&["MLX_TUNE_SHARE_PCT=50"]);
    args.push("--events");
    let mut watched = Watched::start(home.command(args))?;
    for _ in 0..3 {
        watched.wait_for("cell_finished")?;
    }
    watched.signal(Signal::INT)?;
    let status = watched.child.wait()?;
    ensure!(status.code() == Some(130), "{status}");
    let before = home.csv()?;
    ensure!(before.len() >= 3, "{} rows", before.len());

    let file = home.result_file(".csv")?;
    let file = file.to_string_lossy();
    let done = home.run(["tune", "--resume", &file])?.expect(0)?;
    let rows = home.csv()?;
    ensure!(rows[..before.len()] == before[..], "the first rows stay");
    ensure!(
        rows.len() > before.len() && rows.len() <= 8,
        "{} rows",
        rows.len()
    );
    ensure!(measurements(&rows).len() == rows.len(), "{rows:?}");
    proven(&home, &rows)?;
    ensure!(done.out.contains("best instances=1 "), "{}", done.out);
    let again = home.run(["tune", "--resume", &file])?.expect(0)?;
    ensure!(again.out.contains("nothing is left to do"), "{}", again.out);
    lab.nothing_left(Duration::from_secs(2))
}

fn limits(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    // No answer is so fast; and the time is over after a few cells.
    let args = tune(&["--ttft-p95-under", "0.1", "--within", "0.2"]);
    let done = home.run(args)?.expect(0)?;
    ensure!(done.elapsed < Duration::from_secs(30), "{:?}", done.elapsed);
    let rows = home.csv()?;
    ensure!((1..=6).contains(&rows.len()), "{} rows", rows.len());
    for row in &rows {
        ensure!(row["flags"].contains("over_ttft_limit"), "{row:?}");
    }
    ensure!(!done.out.contains("best "), "{}", done.out);
    ensure!(
        done.out
            .contains("no cell has a TTFT p95 under 0.1 ms; the nearest is instances=1 "),
        "{}",
        done.out
    );
    let dry = home
        .run(tune(&["--within", "30", "--dry-run"]))?
        .expect(0)?;
    ensure!(
        dry.out
            .starts_with("At most 6 of 16 cells are measured, within "),
        "{}",
        dry.out
    );
    lab.nothing_left(Duration::from_secs(2))
}
