//! Sweeps of real servers: grids, proof of the flags, servers shared and kept, resume.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::Signal;
use serde_json::Value;

use crate::lab::{Home, Lab, Watched, number, read_csv};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("sweep_full_proves_its_flags", Needs::Nginx, full),
    (
        "sweep_round_robin_over_max_tokens",
        Needs::Nothing,
        round_robin,
    ),
    ("sweep_custom_takes_any_flag", Needs::Nothing, custom),
    (
        "a_stripped_flag_makes_the_cell_invalid",
        Needs::Nothing,
        stripped,
    ),
    (
        "a_version_without_the_flags_is_refused",
        Needs::Nothing,
        old_version,
    ),
    (
        "the_best_is_measured_three_times",
        Needs::Nothing,
        finalists,
    ),
    ("dry_run_shows_every_command", Needs::Nothing, dry_run),
    ("an_interrupted_sweep_resumes", Needs::Nothing, interrupted),
    ("a_killed_sweep_resumes", Needs::Nothing, killed),
];

/// A sweep that takes seconds: short windows, few tokens.
const SHORT: &[&str] = &[
    "MLX_MAX_TOKENS=16",
    "MLX_REQUESTS_MULTIPLIER=2",
    "MLX_WARMUP_REQUESTS=1",
];

fn with_short<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, SHORT].concat()
}

fn full(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let args = with_short(&[
        "sweep",
        "full",
        "MLX_INSTANCES_LIST=1,2",
        "MLX_DECODE_CONCURRENCY_LIST=2,8",
        "MLX_PROMPT_CONCURRENCY_LIST=2",
        "MLX_CONCURRENCY_LIST=1..4x4",
        "MLX_SERVER_ARGS=--decode-concurrency=99,--prefill-step-size=512",
    ]);
    let done = home.run(args)?.expect(0)?;
    ensure!(
        done.err.contains("--decode-concurrency"),
        "a notice of the stripped flag: {}",
        done.err
    );
    ensure!(done.err.contains("progress 8/8 (100.0%)"), "{}", done.err);
    // Below it stands what it is tied with, if anything.
    let mut lines = done.out.lines();
    let best = lines.find(|line| line.starts_with("best instances="));
    let best = best.unwrap_or_default();
    let below: Vec<&str> = lines.collect();
    ensure!(
        !best.is_empty() && below.iter().all(|line| line.starts_with("tied with ")),
        "{}",
        done.out
    );

    let rows = home.csv()?;
    let cells: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            [
                "instances",
                "decode_concurrency",
                "prompt_concurrency",
                "concurrency",
            ]
            .map(|column| row[column].clone())
        })
        .collect();
    ensure!(
        cells.len() == 8 && rows.len() == 8,
        "eight different cells: {cells:?}"
    );
    for row in &rows {
        ensure!(row["status"] == "ok" && row["errors"] == "0", "{row:?}");
        // 2 requests for each in flight, 16 tokens each: exact, since synthetic models never stop.
        let expected = number(row, "concurrency")? * 2.0 * 16.0;
        ensure!(number(row, "total_tokens")? == expected, "{row:?}");
    }
    let best_tps = rows
        .iter()
        .map(|row| number(row, "throughput_tps"))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .fold(0.0, f64::max);
    ensure!(
        best.contains(&format!("throughput_tps={best_tps:.1}")),
        "{best} is not {best_tps}"
    );

    let text = std::fs::read_to_string(home.result_file(".csv")?)?;
    ensure!(
        text.starts_with(
            "instances,decode_concurrency,prompt_concurrency,concurrency,throughput_tps,\
             total_tokens,elapsed_s,errors,"
        ),
        "{text}"
    );
    // One start a point, and where only the instances grow, one server is added: 2 x (1 + 1).
    let json = home.json()?;
    ensure!(json["times"]["server_starts"] == 4, "{}", json["times"]);
    // The real command lines, read back from the process table, are in the JSON.
    let json = json.to_string();
    for flags in ["2", "8"] {
        let words = format!(r#""--decode-concurrency","{flags}""#);
        let joined = format!(r#""--decode-concurrency={flags}""#);
        ensure!(
            json.contains(&words) || json.contains(&joined),
            "{flags} in {json}"
        );
    }
    ensure!(
        json.contains("512") && !json.contains("--decode-concurrency=99\""),
        "{json}"
    );
    lab.nothing_left(Duration::from_secs(2))
}

fn round_robin(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let done = home
        .run(with_short(&[
            "sweep",
            "round-robin",
            "MLX_SERVER_INSTANCES=2",
            "MLX_MAX_TOKENS_LIST=8,16",
            "MLX_CONCURRENCY_LIST=2,4",
            "MLX_BALANCER=direct",
        ]))?
        .expect(0)?;
    let rows = home.csv()?;
    let tokens: BTreeSet<_> = rows.iter().map(|row| row["total_tokens"].clone()).collect();
    let expected = ["32", "64", "128"].map(str::to_owned).into();
    ensure!(tokens == expected, "{tokens:?} {}", done.out);
    Ok(())
}

fn custom(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    home.run(with_short(&[
        "sweep",
        "custom",
        "--axis",
        "prefill-step-size=64|512",
        "--axis",
        "concurrency=1,2",
    ]))?
    .expect(0)?;
    let rows = home.csv()?;
    ensure!(rows.len() == 4, "{rows:?}");
    let json = home.json()?.to_string();
    for size in ["64", "512"] {
        let words = format!(r#""--prefill-step-size","{size}""#);
        let joined = format!(r#""--prefill-step-size={size}""#);
        ensure!(
            json.contains(&words) || json.contains(&joined),
            "{size} in {json}"
        );
    }
    Ok(())
}

fn finalists(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let done = home
        .run([
            "sweep",
            "custom",
            "--axis",
            "concurrency=1,8",
            "MLX_DECODE_CONCURRENCY=8",
            "MLX_MAX_TOKENS=8",
            "MLX_WARMUP_REQUESTS=1",
            "MLX_WINDOW_MIN_S=1",
            "MLX_WINDOW_MIN_E2E=0",
            "MLX_WINDOW_MIN_COMPLETIONS=1",
            "MLX_WINDOW_MAX_S=2",
            "MLX_FINALISTS=1",
        ])?
        .expect(0)?
        .says("up to 4 cells more")?;
    // A batch of eight is several times as fast as one request, whatever else the machine does.
    let rows = home.csv()?;
    let of_best = || rows.iter().filter(|row| row["concurrency"] == "8");
    let repeats: BTreeSet<_> = of_best().map(|row| row["repeat"].clone()).collect();
    ensure!(
        repeats == ["1", "2", "3"].map(str::to_owned).into(),
        "{rows:?}"
    );
    let tps = of_best().map(|row| number(row, "throughput_tps"));
    let mean = tps.sum::<Result<f64, _>>()? / 3.0;
    let best = format!("concurrency=8 throughput_tps={mean:.1}");
    ensure!(done.out.contains(&best), "{best} in {}", done.out);
    let starts = &home.json()?["times"]["server_starts"];
    ensure!(*starts == 3, "each repeat starts a server: {starts}");
    Ok(())
}

/// An interpreter that runs the real server, but drops a flag on the way, as the Python lab did.
fn script(home: &Home<'_>, lab: &Lab, body: &str) -> Result<String, Failed> {
    let path = home.path().join("python");
    let python = lab.python.display();
    std::fs::write(&path, format!("#!/bin/bash\nreal='{python}'\n{body}\n"))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path.to_string_lossy().into_owned())
}

fn stripped(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let python = script(
        &home,
        lab,
        r#"kept=()
while [ $# -gt 0 ]; do
  case "$1" in
    --decode-concurrency) shift ;;
    --decode-concurrency=*) ;;
    *) kept+=("$1") ;;
  esac
  shift
done
exec "$real" "${kept[@]}""#,
    )?;
    let mut command = home.command(with_short(&[
        "sweep",
        "concurrency",
        "MLX_DECODE_CONCURRENCY_LIST=4",
        "MLX_PROMPT_CONCURRENCY_LIST=2",
    ]));
    command.env("MLX_PYTHON", python);
    let done = crate::lab::finish(command)?.expect(1)?;
    let row = &home.csv()?[0];
    ensure!(row["status"] == "invalid", "{row:?}");
    ensure!(row["flags"].contains("flags_not_applied"), "{row:?}");
    ensure!(!done.out.contains("best instances="), "{}", done.out);
    Ok(())
}

fn old_version(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let python = script(
        &home,
        lab,
        r#"for word in "$@"; do
  if [ "$word" = --help ]; then
    "$real" "$@" | sed -E 's/--(decode|prompt)-concurrency/--gone/g'
    exit
  fi
done
exec "$real" "$@""#,
    )?;
    let mut command = home.command(["sweep", "concurrency"]);
    command.env("MLX_PYTHON", python);
    crate::lab::finish(command)?
        .expect(2)?
        .says("--decode-concurrency")?
        .says("setup")?;
    Ok(())
}

fn dry_run(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let out = home
        .run([
            "sweep",
            "full",
            "--dry-run",
            "MLX_INSTANCES_LIST=1,2",
            "MLX_DECODE_CONCURRENCY_LIST=8,16",
            "MLX_PROMPT_CONCURRENCY_LIST=4",
            "MLX_CONCURRENCY_LIST=1,2,4",
        ])?
        .expect(0)?
        .out;
    ensure!(out.contains("12 cells"), "{out}");
    ensure!(
        out.contains("--decode-concurrency") && out.contains("--port"),
        "{out}"
    );
    ensure!(!home.results().exists(), "a dry run writes nothing");
    let words = ["sweep", "custom", "--axis", "concurrency=1..128x2"];
    let words = [&words[..], &["MLX_SEED=20261124", "--dry-run"]].concat();
    let listed = cells_of(&home.run(words)?.expect(0)?.out);
    ensure!(
        listed == ["2", "5", "0", "4", "3", "6", "1", "7"],
        "{listed:?}"
    );
    Ok(())
}

/// The numbers of the cells that a dry run lists, in its order.
fn cells_of(out: &str) -> Vec<String> {
    let lines = out.lines().filter_map(|line| line.strip_prefix("cell "));
    lines
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect()
}

const LONG: &[&str] = &[
    "--events",
    "sweep",
    "custom",
    "--axis",
    "concurrency=1,2,3,4",
    "--axis",
    "decode_concurrency=4,8",
    "MLX_MAX_TOKENS=32",
    "MLX_REQUESTS_MULTIPLIER=4",
    "MLX_WARMUP_REQUESTS=1",
];

/// Every server's log of a run, by its name.
fn logs_of(csv: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let mut logs = BTreeMap::new();
    for entry in std::fs::read_dir(csv.with_extension("logs"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("server-") {
            logs.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(logs)
}

/// Ends a sweep with `signal` in the middle of a cell, then resumes it.
fn cut_and_resume(lab: &Lab, signal: Signal) -> Result<(), Failed> {
    let home = lab.home();
    let mut watched = Watched::start(home.command(LONG))?;
    watched.wait_for("cell_finished")?;
    watched.wait_for("cell_finished")?;
    watched.wait_for("cell_started")?;
    watched.signal(signal)?;
    let status = watched.child.wait()?;
    if signal == Signal::INT {
        ensure!(status.code() == Some(130), "{status}");
    }
    lab.nothing_left(Duration::from_secs(2))?;
    let csv = home.result_file(".csv")?;
    let before = std::fs::read_to_string(&csv)?;
    let kept = before.lines().count() - 1;
    ensure!((2..8).contains(&kept), "{kept} rows in\n{before}");

    let logs = logs_of(&csv)?;
    ensure!(!logs.is_empty(), "the first start has no log");

    let path = csv.to_string_lossy().into_owned();
    home.run(["sweep", "custom", "--resume", &path])?
        .expect(0)?;
    let later = logs_of(&csv)?;
    for (name, text) in &logs {
        ensure!(later.get(name) == Some(text), "{name} was written over");
    }
    let after = std::fs::read_to_string(&csv)?;
    ensure!(
        after.starts_with(before.as_str()),
        "finished rows stay as they were:\n{after}"
    );
    let cells: BTreeSet<_> = read_csv(&csv)?
        .iter()
        .map(|row| {
            (
                row["decode_concurrency"].clone(),
                row["concurrency"].clone(),
            )
        })
        .collect();
    ensure!(
        cells.len() == 8 && after.lines().count() == 9,
        "each cell once:\n{after}"
    );
    // The seed that was drawn decides the rest too: an uncut run would have had the same order.
    let seed = home.json()?["plan"]["order"]["seed"].clone();
    let words = LONG.iter().skip(1).copied().map(str::to_owned);
    let words = words.chain([format!("MLX_SEED={seed}"), "--dry-run".to_owned()]);
    let uncut = cells_of(&home.run(words)?.expect(0)?.out);
    let rows = read_csv(&csv)?;
    let run: Vec<_> = rows.iter().map(|row| row["cell"].clone()).collect();
    ensure!(run == uncut, "{run:?} instead of {uncut:?}");
    let end: Value = home.json()?["end"].clone();
    ensure!(end.to_string().contains("completed"), "{end}");
    // A finished run has nothing to resume, and says so.
    home.run(["sweep", "custom", "--resume", &path])?
        .expect(0)?;
    ensure!(
        std::fs::read_to_string(&csv)? == after,
        "nothing is repeated"
    );
    Ok(())
}

fn interrupted(lab: &Lab) -> Result<(), Failed> {
    cut_and_resume(lab, Signal::INT)
}

fn killed(lab: &Lab) -> Result<(), Failed> {
    cut_and_resume(lab, Signal::KILL)
}
