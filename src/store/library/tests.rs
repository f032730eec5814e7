use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::engine::event::CellStatus;
use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;
use crate::store::testing;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv")
}

/// A run of ours with so many of its three cells done; gives the path of its CSV.
fn record(dir: &Path, done: u32, moment: &str) -> PathBuf {
    let plan = testing::plan(dir, 3);
    let provenance = Provenance {
        machine: json!({"chip": "Apple M3 Max", "os": "macOS", "os_version": "26.1",
                        "memory_total": 64_000_000_000_u64}),
        software: json!({"python": "3.12.4", "mlx": "0.32.4", "mlx_lm": "0.32.2", "nginx": null}),
        model: json!({"description": {"quantisation": {"bits": 4, "group_size": 64}}}),
    };
    let now = moment.parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, provenance, &now).expect("a new run");
    for cell in plan.cells.iter().take(done as usize) {
        let mut result = testing::result(cell);
        if let Some(figures) = &mut result.figures {
            figures.throughput_tps = 100.0 * f64::from(cell.load.concurrency);
        }
        recorder.record(&testing::finished(result)).expect("a row");
    }
    recorder.files().csv().to_owned()
}

#[test]
fn runs_of_every_lab_are_listed_newest_first() {
    let dir = tempfile::tempdir().expect("a folder");
    record(dir.path(), 2, "2026-02-11T15:09:13[UTC]");
    fs::copy(
        samples().join("full_sweep_20261124_012945.csv"),
        dir.path().join("full_sweep_20261124_012945.csv"),
    )
    .expect("a copy");
    fs::create_dir(dir.path().join("old")).expect("a folder");
    fs::copy(
        samples().join("round_robin_sweep_20261124_013825.csv"),
        dir.path().join("old/round_robin_sweep_20261124_013825.csv"),
    )
    .expect("a copy");
    fs::write(dir.path().join("notes.txt"), "not a run").expect("a file");

    let runs = scan(dir.path());
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "round_robin_sweep_20261124_013825",
            "full_sweep_20261124_012945",
            "full_sweep_20260211_150913"
        ]
    );
    let ours = &runs[2];
    assert_eq!(ours.kind, Some(RunKind::FullSweep));
    assert_eq!(ours.model.as_deref(), Some("synthetic:tiny"));
    assert_eq!(ours.chip.as_deref(), Some("Apple M3 Max"));
    assert_eq!((ours.done, ours.total, ours.unfinished), (2, Some(3), true));
    let best = ours.best.as_ref().expect("two cells are valid");
    assert!((best.throughput_tps - 200.0).abs() < 1e-9);
    assert_eq!(
        best.text,
        "instances=2 decode_concurrency=8 prompt_concurrency=4 concurrency=2 max_tokens=64 \
         --prefill-step-size=512"
    );
    assert_eq!(ours.problem, None);
    let legacy = &runs[1];
    assert_eq!(legacy.origin, Some(Origin::MlxLab));
    assert_eq!(
        (legacy.done, legacy.total, legacy.unfinished),
        (24, None, false)
    );
    assert_eq!(runs[0].kind, Some(RunKind::RoundRobinSweep));
    assert_eq!(
        runs[0].best.as_ref().map(|b| b.throughput_tps),
        Some(1843.6)
    );
}

#[test]
fn damaged_files_are_listed_with_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = record(dir.path(), 3, "2026-02-11T15:09:13[UTC]");
    let bytes = fs::read(&path).expect("the run");
    fs::write(&path, &bytes[..bytes.len() - 40]).expect("a torn file");
    fs::write(path.with_extension("json"), "{").expect("a torn sidecar");
    fs::write(dir.path().join("empty.csv"), "").expect("a file");
    fs::write(dir.path().join("other.csv"), "a,b\n1,2\n").expect("a file");
    fs::write(dir.path().join("binary.csv"), [0, 159, 146, 150]).expect("a file");
    let runs = scan(dir.path());
    let of = |name: &str| runs.iter().find(|run| run.name == name).expect("listed");
    let torn = of("full_sweep_20260211_150913");
    assert_eq!(torn.done, 2);
    assert!(torn.problem.as_ref().expect("told").contains("not JSON"));
    assert!(!torn.unfinished);
    assert!(
        of("empty")
            .problem
            .as_ref()
            .expect("told")
            .contains("no header")
    );
    assert_eq!(of("other").problem.as_deref(), Some(NOT_KNOWN));
    assert!(of("binary").problem.is_some());

    let loaded = load(&path).expect("what is whole can be read");
    assert_eq!((loaded.rows.len(), loaded.damaged_lines), (2, 1));
    assert_eq!(loaded.problems.len(), 2);
    assert!(loaded.problems[1].contains("1 line is damaged; 2 rows are whole"));
    assert!(load(&dir.path().join("empty.csv")).is_err());
    assert!(load(&dir.path().join("missing.csv")).is_err());
    assert!(scan(&dir.path().join("nowhere")).is_empty());
}

#[test]
fn companions_are_no_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["a.requests.csv", "a.machine.csv", ".hidden.csv"] {
        fs::write(dir.path().join(name), "a,b\n").expect("a file");
    }
    assert!(scan(dir.path()).is_empty());
}

#[test]
fn a_run_of_ours_is_loaded_with_its_facts() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = record(dir.path(), 2, "2026-02-11T15:09:13[UTC]");
    // By its sidecar, as a user may open it.
    let loaded = load(&path.with_extension("json")).expect("a run");
    assert_eq!(loaded.path, path);
    assert_eq!((loaded.rows.len(), loaded.unfinished), (2, true));
    assert_eq!(loaded.caution, None);
    let fact = |name: &str| {
        let found = loaded.facts.iter().find(|fact| fact.name == name);
        found.map(|fact| fact.value.as_str())
    };
    assert_eq!(fact("Model"), Some("synthetic:tiny"));
    assert_eq!(fact("Quantisation"), Some("4 bit, groups of 64"));
    assert_eq!(fact("Chip"), Some("Apple M3 Max"));
    assert_eq!(fact("Memory"), Some("64.0 GB"));
    assert_eq!(fact("System"), Some("macOS 26.1"));
    assert_eq!(fact("mlx-lm"), Some("0.32.2"));
    assert_eq!(fact("Mode"), Some("Sustained"));
    assert_eq!(fact("Ended"), Some("Cut short, 1 cell left"));
    assert_eq!(fact("nginx"), None);
}

#[test]
fn other_labs_rows_say_how_their_cells_ended() {
    let killed = load(&samples().join("full_sweep_server_killed.csv")).expect("a sample");
    let states: Vec<_> = killed.rows.iter().map(|row| row.status).collect();
    let failed = Some(CellStatus::Failed);
    assert_eq!(states, [Some(CellStatus::Ok), failed, failed]);
    assert!(
        killed
            .caution
            .expect("flagged")
            .contains("were not applied")
    );

    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("llama_20260101_000000.csv");
    let text = "instances,parallel,batch,ubatch,concurrency,throughput_tps,total_tokens,elapsed_s,errors\n\
                1,4,default,512,100,50.0,10,1.0,1\n1,4,2048,512,100,60.0,10,1.0,2\n";
    fs::write(&path, text).expect("a file");
    let llama = load(&path).expect("a run");
    assert_eq!(llama.origin, Origin::LlamaLab);
    // One request of a hundred may fail, two may not.
    let row = |number| llama.rows.get(number).expect("a row");
    assert!(row(0).is_valid() && !row(1).is_valid());
    assert_eq!(
        row(1).extra_axes.as_deref(),
        Some("--parallel=4;--batch-size=2048;--ubatch-size=512")
    );
    assert_eq!(
        summary(&path).best.map(|best| best.throughput_tps),
        Some(50.0)
    );
}

#[test]
fn a_run_killed_before_its_header_can_still_be_resumed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = record(dir.path(), 0, "2026-02-11T15:09:13[UTC]");
    fs::write(&path, "").expect("an empty file");
    let listed = summary(&path);
    assert_eq!((listed.unfinished, listed.problem), (true, None));
    let loaded = load(&path).expect("its plan is there");
    assert!(loaded.rows.is_empty() && loaded.unfinished);
}
