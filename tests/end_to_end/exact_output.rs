//! A model that ends its answers early, and the same one without its end-of-sequence tokens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Failed;
use mlx_throughput_lab::models::synthetic::{self, Shape};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::lab::{Home, Lab, Watched, gone, number, read_csv};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[(
    "answers_have_exactly_the_asked_tokens_without_an_end_token",
    Needs::Nothing,
    exact,
)];

/// As `synthetic:tiny`, but every eighth id ends an answer.
fn ending(home: &Home<'_>) -> Result<PathBuf, Failed> {
    let folder = home.path().join("ending");
    let cancel = CancellationToken::new();
    let shape = Shape::named("tiny")?;
    synthetic::ensure_shape("ending", &shape, &folder, &mut |_| {}, &cancel)?;
    // It is none of the synthetic models, which never end an answer.
    std::fs::remove_file(folder.join("synthetic.json"))?;
    let ids: Vec<u64> = (0..shape.vocab).step_by(8).collect();
    set(&folder.join("config.json"), "eos_token_id", json!(ids))?;
    set(
        &folder.join("tokenizer_config.json"),
        "eos_token",
        json!("<|done|>"),
    )?;
    Ok(folder)
}

fn set(file: &Path, key: &str, value: Value) -> Result<(), Failed> {
    let mut content: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    content[key] = value;
    std::fs::write(file, content.to_string())?;
    Ok(())
}

/// Overlays in the folder for temporary files.
fn overlays(lab: &Lab) -> Result<Vec<PathBuf>, Failed> {
    let entries = std::fs::read_dir(&lab.temporary)?.flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().contains("exact-output")
    });
    Ok(ours.map(|entry| entry.path()).collect())
}

const LOAD: [&str; 5] = [
    "test",
    "concurrent",
    "MLX_NUM_REQUESTS=32",
    "MLX_CONCURRENCY=8",
    "MLX_MAX_TOKENS=64",
];

fn exact(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let folder = ending(&home)?.to_string_lossy().into_owned();
    let model = ["--model", &folder];
    home.run(LOAD.into_iter().chain(model))?.expect(0)?;
    let row = &home.csv()?[0];
    ensure!(number(row, "stopped_early_ratio")? > 0.5, "{row:?}");
    ensure!(row["exact_output"] == "false", "{row:?}");

    // A start that is killed leaves its folder ...
    let killed = lab.home();
    let exact = ["MLX_EXACT_OUTPUT=1"];
    let args = LOAD.into_iter().chain(model).chain(exact);
    let mut watched = Watched::start(killed.command(args.chain(["--events"])))?;
    watched.wait_for("server_starting")?;
    watched.signal(Signal::KILL)?;
    watched.child.wait()?;
    let left = overlays(lab)?;
    ensure!(left.len() == 1, "{left:?}");
    gone(&left[0].to_string_lossy(), Duration::from_secs(10))?;

    // ... which the next one removes, and then its own.
    let other = lab.home();
    other
        .run(LOAD.into_iter().chain(model).chain(exact))?
        .expect(0)?
        .says("answers go on past their end")?;
    ensure!(overlays(lab)?.is_empty(), "{:?}", overlays(lab)?);
    let requests = read_csv(&other.result_file(".requests.csv")?)?;
    ensure!(requests.len() == 32, "{}", requests.len());
    for request in &requests {
        ensure!(request["completion_tokens"] == "64", "{request:?}");
    }
    let row = &other.csv()?[0];
    ensure!(number(row, "stopped_early_ratio")? == 0.0, "{row:?}");
    ensure!(row["exact_output"] == "true", "{row:?}");
    ensure!(row["flags"].contains("exact_output"), "{row:?}");
    ensure!(!row["flags"].contains("flags_not_applied"), "{row:?}");
    let json = other.json()?;
    ensure!(json["plan"]["workload"]["exact_output"] == true, "{json}");
    // The plan names the model, the process what it really loaded.
    ensure!(json["plan"]["model"]["path"] == folder, "{json}");
    let command = json["servers"][0]["servers"][0]["command"].to_string();
    ensure!(command.contains("exact-output"), "{command}");
    ensure!(
        Path::new(&folder).join("model.safetensors").is_file(),
        "the model is gone"
    );
    lab.nothing_left(Duration::from_secs(2))
}
