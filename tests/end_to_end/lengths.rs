//! Prompts of an asked length, as the real server counts them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use mlx_throughput_lab::models::synthetic::{self, Shape};
use tokio_util::sync::CancellationToken;

use crate::lab::{Home, Lab, Row, finish, number, read_csv};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    (
        "prompts_have_exactly_the_asked_tokens",
        Needs::Nothing,
        exact,
    ),
    (
        "prompts_are_exact_with_merges_and_with_sentencepiece",
        Needs::Nothing,
        trained,
    ),
    (
        "prompts_are_calibrated_where_there_is_no_tokenizer",
        Needs::Nothing,
        calibrated,
    ),
];

const LOAD: [&str; 5] = [
    "MLX_NUM_REQUESTS=24",
    "MLX_CONCURRENCY=4",
    "MLX_MAX_TOKENS=4",
    "MLX_WARMUP_REQUESTS=1",
    "MLX_ORDER=nested",
];

/// Prompt tokens of every request, by the asked length.
fn counted(home: &Home<'_>, rows: &[Row]) -> Result<Vec<(u32, Vec<u32>)>, Failed> {
    let requests = read_csv(&home.result_file(".requests.csv")?)?;
    let of_cell = |row: &Row| -> Result<(u32, Vec<u32>), Failed> {
        let asked = number(row, "asked_prompt_tokens")? as u32;
        let own = requests.iter().filter(|r| r["cell"] == row["cell"]);
        let tokens = own.map(|request| Ok(number(request, "prompt_tokens")? as u32));
        Ok((asked, tokens.collect::<Result<_, Failed>>()?))
    };
    rows.iter().map(of_cell).collect()
}

/// Every request of every cell must have the asked tokens.
fn all_exact(home: &Home<'_>) -> Result<(), Failed> {
    let rows = home.csv()?;
    for (asked, tokens) in counted(home, &rows)? {
        ensure!(tokens.len() == 24, "{asked}: {tokens:?}");
        ensure!(
            tokens.iter().all(|n| *n == asked),
            "{asked} were asked: {tokens:?}"
        );
    }
    for row in &rows {
        ensure!(row["prompt_length_source"] == "exact", "{row:?}");
        ensure!(row["status"] == "ok", "{row:?}");
        ensure!(!row["flags"].contains("prompt_length"), "{row:?}");
        ensure!(!row["flags"].contains("cached_prompts"), "{row:?}");
    }
    Ok(())
}

fn exact(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let list = "MLX_PROMPT_TOKENS_LIST=64,256,1000";
    home.run(["sweep", "custom", list].into_iter().chain(LOAD))?
        .expect(0)?;
    all_exact(&home)?;

    // Shorter than the chat template and the prefix: said, not hidden.
    let home = lab.home();
    let short = "MLX_PROMPT_TOKENS=16";
    home.run(["test", "concurrent", short].into_iter().chain(LOAD))?
        .expect(0)?;
    let row = &home.csv()?[0];
    ensure!(row["flags"].contains("prompt_length"), "{row:?}");
    ensure!(row["flag_details"].contains("instead of 16"), "{row:?}");

    // Nor is a prompt that the model cannot hold started.
    let home = lab.home();
    home.run(["test", "single", "MLX_PROMPT_TOKENS=200000"])?
        .expect(2)?
        .says("MLX_PROMPT_TOKENS=200000: a prompt of 200000 tokens")?;
    lab.nothing_left(Duration::from_secs(2))
}

/// Weights of a model as small as `synthetic:tiny` under a tokenizer that was trained like those of real models.
fn with_tokenizer(lab: &Lab, home: &Home<'_>, kind: &str) -> Result<PathBuf, Failed> {
    let folder = home.path().join(kind);
    let shape = Shape {
        vocab: 2_048,
        ..Shape::named("tiny")?
    };
    let cancel = CancellationToken::new();
    synthetic::ensure_shape(kind, &shape, &folder, &mut |_| {}, &cancel)?;
    // It is not quite as it was made, from here on.
    std::fs::remove_file(folder.join("synthetic.json"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/train_tokenizer.py");
    let mut train = Command::new(&lab.python);
    train
        .arg(script)
        .arg(kind)
        .arg(folder.join("tokenizer.json"));
    finish(train)?.expect(0)?;
    Ok(folder)
}

fn trained(lab: &Lab) -> Result<(), Failed> {
    for kind in ["byte-level", "sentencepiece"] {
        let home = lab.home();
        let folder = with_tokenizer(lab, &home, kind)?;
        let model = folder.to_string_lossy().into_owned();
        let list = "MLX_PROMPT_TOKENS_LIST=64,127,1000";
        home.run(
            ["sweep", "custom", list, "--model", &model]
                .into_iter()
                .chain(LOAD),
        )?
        .expect(0)?;
        all_exact(&home).map_err(|error| format!("{kind}: {error:?}"))?;
    }
    lab.nothing_left(Duration::from_secs(2))
}

fn calibrated(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let mut server = crate::attached::ByHand::start(lab, &home)?;
    let mut sweep = home.bare_command(["sweep", "custom", "--attach", &server.url]);
    sweep.arg("MLX_PROMPT_TOKENS_LIST=64,256,1000").args(LOAD);
    finish(sweep)?.expect(0)?;
    let rows = home.csv()?;
    for (asked, tokens) in counted(&home, &rows)? {
        let mean = f64::from(tokens.iter().sum::<u32>()) / tokens.len() as f64;
        let off = (mean / f64::from(asked) - 1.0).abs();
        ensure!(off < 0.02, "{asked} were asked: {tokens:?}");
    }
    for row in &rows {
        ensure!(row["prompt_length_source"] == "calibrated", "{row:?}");
    }
    ensure!(server.lives()?, "the server was ended");
    Ok(())
}
