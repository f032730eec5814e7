//! Prompts of a file, asked of the real server.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::lab::{Lab, number, read_csv};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[(
    "prompts_of_a_file_are_asked_and_named",
    Needs::Nothing,
    asked,
)];

/// The template of our synthetic models, and a prefix of 13 letters with a space.
const AROUND: f64 = 19.0 + 14.0;

fn asked(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    // A character is a token: lengths tell the prompts apart.
    let lengths = [40, 80, 120, 160, 200];
    let mut lines: Vec<String> = lengths
        .iter()
        .map(|n| format!("{{\"prompt\": \"{}\"}}", "x".repeat(*n)))
        .collect();
    lines.extend(vec!["\"as the others\"".to_owned(); 7]);
    lines.push("{\"prompt\": ".to_owned());
    std::fs::write(home.path().join("p.jsonl"), lines.join("\n"))?;
    let done = home
        .run([
            "test",
            "concurrent",
            "--prompts",
            "p.jsonl",
            "MLX_NUM_REQUESTS=24",
            "MLX_CONCURRENCY=4",
            "MLX_MAX_TOKENS=4",
        ])?
        .expect(0)?
        .says("line 13: it is not JSON")?
        .says("p.jsonl gives 12 prompts, and more requests than that were sent")?;
    ensure!(done.out.contains("count=24"), "{}", done.out);
    let requests = read_csv(&home.result_file(".requests.csv")?)?;
    let mut counted = Vec::new();
    for request in &requests {
        counted.push(number(request, "prompt_tokens")? - AROUND);
    }
    // Each of the twelve came twice, and none was answered from the cache.
    for length in lengths {
        let times = counted.iter().filter(|n| **n == length as f64).count();
        ensure!(times == 2, "{length}: {counted:?}");
    }
    let row = &home.csv()?[0];
    ensure!(row["cached_tokens"] == "0", "{row:?}");
    let json = home.json()?;
    let file = &json["plan"]["workload"]["prompt_file"];
    let hash = file["sha256"].as_str().ok_or("no hash")?;
    ensure!(file["count"] == 12 && file["format"] == "jsonl", "{file}");
    ensure!(row["prompt_set"] == hash[..12], "{row:?}");

    // What cannot be used is told before anything is started.
    let other = lab.home();
    std::fs::write(other.path().join("p.jsonl"), "{\"question\": \"?\"}\n")?;
    other
        .run(["quick", "--prompts", "p.jsonl"])?
        .expect(2)?
        .says("MLX_PROMPTS_FILE: ")?
        .says("line 1: it has no `prompt`, `messages` or `conversations`")?;
    ensure!(!other.results().exists(), "something was started");
    lab.nothing_left(Duration::from_secs(2))
}
