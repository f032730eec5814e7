use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use super::super::testing::{cell, failed, finished, plan, result};
use super::*;
use crate::engine::event::{NoticeLevel, Reference, RunEnd, RunTimes};
use crate::measure::figures::FlagKind;
use crate::measure::sample::{RequestSample, Usage};
use crate::monitor::sample::MachineSample;

fn now() -> jiff::ZonedDateTime {
    "2026-02-11T15:09:13[Europe/Berlin]".parse().unwrap()
}

fn provenance() -> Provenance {
    Provenance {
        machine: json!({"chip": "M9"}),
        software: json!({"mlx_lm": "0.32.2"}),
        model: json!({"bits": 4}),
    }
}

/// A run of four cells with the first two recorded, as `kill -9` leaves it.
fn interrupted(dir: &Path) -> RunFiles {
    let plan = plan(dir, 4);
    let mut recorder = Recorder::create(&plan, provenance(), &now()).unwrap();
    for cell in &plan.cells[..2] {
        recorder.record(&finished(result(cell))).unwrap();
    }
    let files = recorder.files().clone();
    // Nothing of the recorder's own end happens; only the lock goes, as with the process.
    recorder.unsaved = false;
    drop(recorder);
    files
}

fn json_of(files: &RunFiles) -> Value {
    serde_json::from_str(&fs::read_to_string(files.json()).unwrap()).unwrap()
}

fn resume_error(path: &Path) -> String {
    resume::open(path)
        .expect_err("cannot be resumed")
        .to_string()
}

#[test]
fn a_row_is_in_the_file_as_soon_as_its_cell_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), 2);
    let mut recorder = Recorder::create(&plan, provenance(), &now()).unwrap();
    let csv = recorder.files().csv().to_owned();
    let lines = || fs::read_to_string(&csv).unwrap().matches("\r\n").count();
    assert_eq!(lines(), 1, "the header stands from the start");
    recorder.record(&finished(result(&plan.cells[0]))).unwrap();
    assert_eq!(lines(), 2);
    recorder.record(&finished(failed(&plan.cells[1]))).unwrap();
    assert_eq!(lines(), 3);
    let json = json_of(recorder.files());
    assert_eq!(json["plan"]["cells"].as_array().unwrap().len(), 2);
    assert_eq!(json["machine"]["chip"], "M9");
    assert_eq!(json["model"]["bits"], 4);
    assert_eq!(json["servers"][0]["servers"][0]["pid"], 4242);
    assert_eq!(json["end"], Value::Null);
}

#[test]
fn the_end_of_a_run_is_in_its_json() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), 3);
    let mut recorder = Recorder::create(&plan, provenance(), &now()).unwrap();
    let mut slower = result(&plan.cells[0]);
    slower.figures.as_mut().unwrap().throughput_tps = 1.0;
    let mut invalid = result(&plan.cells[2]);
    invalid.status = crate::engine::event::CellStatus::Invalid;
    invalid.figures.as_mut().unwrap().throughput_tps = 1e6;
    for result in [slower, result(&plan.cells[1]), invalid] {
        recorder.record(&finished(result)).unwrap();
    }
    recorder
        .record(&EngineEvent::Notice {
            level: NoticeLevel::Warning,
            text: "flags were stripped".to_owned(),
        })
        .unwrap();
    recorder
        .record(&EngineEvent::RunFinished {
            end: RunEnd::Completed,
            best: None,
            times: RunTimes {
                total_s: 12.5,
                server_starts: 2,
                ..RunTimes::default()
            },
        })
        .unwrap();
    let json = json_of(recorder.files());
    assert_eq!(json["end"]["reason"], "completed");
    assert_eq!(json["best_cell"], 1, "an invalid cell is never best");
    assert_eq!(json["times"]["total_s"], 12.5);
    assert_eq!(json["notices"][0]["text"], "flags were stripped");
    assert_eq!(json["servers"][0]["cells"], json!([0, 1, 2]));
    assert!(json["ended_at"].is_string());
}

#[test]
fn the_best_cell_is_of_the_highest_mean_over_repeats() {
    let repeats = [(8, 120.0), (4, 99.0), (8, 70.0), (4, 101.0)];
    let cells = (0..).zip(repeats).map(|(index, (concurrency, _))| Cell {
        repeat: 1 + index / 2,
        ..cell(index, Some(8), concurrency)
    });
    let cells: Vec<Cell> = cells.collect();
    let valid: Vec<(u32, f64)> = (0..).zip(repeats.map(|(_, tps)| tps)).collect();
    assert_eq!(best_cell(&cells, &valid), Some(3));
    assert_eq!(best_cell(&cells, &valid[..2]), Some(0));
    assert_eq!(best_cell(&cells, &[]), None);
}

#[test]
fn samples_and_requests_go_beside_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(dir.path(), 1);
    let mut recorder = Recorder::create(&plan, provenance(), &now())
        .unwrap()
        .with_requests(true);
    assert!(!recorder.files().machine().exists());
    let started_at = now().timestamp();
    for event in [
        EngineEvent::RunStarted {
            plan: Box::new(plan.clone()),
            already_done: 0,
            started_at,
        },
        EngineEvent::Machine(Box::new(MachineSample {
            at_s: 2.0,
            gpu: Some(0.5),
            ..MachineSample::default()
        })),
        finished(crate::engine::event::CellResult {
            requests: vec![request(0), request(1)],
            ..result(&plan.cells[0])
        }),
    ] {
        recorder.record(&event).unwrap();
    }
    let machine = fs::read_to_string(recorder.files().machine()).unwrap();
    let line = machine.lines().nth(1).unwrap();
    assert!(line.starts_with("2026-02-11T14:09:15Z,2.0,,"), "{line}");
    assert!(line.contains(",50.0,"), "{line}");
    let requests = fs::read_to_string(recorder.files().requests()).unwrap();
    assert_eq!(requests.lines().count(), 3);
    assert!(
        requests
            .lines()
            .nth(2)
            .unwrap()
            .starts_with("0,1,1,,0.0,0.00025,")
    );
}

fn request(index: u32) -> RequestSample {
    RequestSample {
        index,
        instance: None,
        due_s: 0.0,
        dispatched_s: 0.000_250_4,
        connected_s: Some(0.001),
        headers_s: Some(0.002),
        prefill_start_s: None,
        prefill_end_s: None,
        first_token_s: Some(0.1),
        last_token_s: Some(0.9),
        end_s: 1.0,
        connect_retries: 0,
        connect_wait_s: 0.001,
        chunks: Vec::new(),
        usage: Usage::default(),
        finish_reason: Some("length".to_owned()),
        error: None,
    }
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let files = interrupted(dir.path());
    let before = fs::read(files.csv()).unwrap();
    let resumed = resume::open(files.csv()).unwrap();
    assert_eq!(resumed.done, [0, 1].into());
    assert_eq!(resumed.torn_bytes, 0);
    assert_eq!(resumed.plan, plan(dir.path(), 4));
    let open = resumed.remaining();
    assert_eq!(open, plan(dir.path(), 4).cells[2..]);

    let mut recorder = Recorder::resume(resumed, Provenance::default(), &now()).unwrap();
    for cell in &open {
        recorder.record(&finished(result(cell))).unwrap();
    }
    drop(recorder);
    let after = fs::read(files.csv()).unwrap();
    assert!(after.starts_with(&before), "finished rows stay as they are");
    let done = resume::open(&files.json()).expect("by its .json too");
    assert_eq!(done.done, [0, 1, 2, 3].into());
    assert_eq!(done.rows.len(), 4);
    assert!(done.remaining().is_empty());
    assert_eq!(json_of(&files)["resumed"].as_array().unwrap().len(), 1);
}

fn measured_again(change: f64, drifted: Vec<u32>) -> EngineEvent {
    EngineEvent::ReferenceMeasured {
        reference: Box::new(Reference {
            cell: 0,
            first_tps: 100.0,
            again_tps: 100.0 * (1.0 + change),
            change,
            after_s: 600.0,
            limit: 0.03,
            drifted,
            at: now().timestamp(),
        }),
    }
}

#[test]
fn drift_flags_rows_that_are_written_already_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let files = interrupted(dir.path());
    let resumed = resume::open(files.csv()).unwrap();
    let open = resumed.remaining();
    let mut recorder = Recorder::resume(resumed, Provenance::default(), &now()).unwrap();
    recorder.record(&finished(result(&open[0]))).unwrap();
    let before = fs::read_to_string(files.csv()).unwrap();

    recorder.record(&measured_again(0.02, vec![])).unwrap();
    assert_eq!(fs::read_to_string(files.csv()).unwrap(), before);
    recorder.record(&measured_again(-0.05, vec![1, 2])).unwrap();
    // The new file is held like the old one, and grows like it.
    assert!(resume_error(files.csv()).contains("in use") || cfg!(not(unix)));
    recorder.record(&finished(result(&open[1]))).unwrap();
    drop(recorder);

    let resumed = resume::open(files.csv()).unwrap();
    assert_eq!(resumed.rows.len(), 4, "a reference is no row");
    assert!(resumed.remaining().is_empty());
    let drifted: Vec<bool> = resumed
        .rows
        .iter()
        .map(|row| row.flag_kinds().contains(&FlagKind::Drift))
        .collect();
    assert_eq!(drifted, [false, true, true, false]);
    assert!(
        resumed.rows.iter().all(CellRow::is_valid),
        "it does not invalidate"
    );
    let row = &resumed.rows[1];
    assert_eq!(row.flags.as_deref(), Some("cached_prompts;drift"));
    let details = row.flag_details.as_deref().unwrap();
    assert!(
        details.contains(" | drift: the reference cell gave 95.0 tokens/s"),
        "{details}"
    );
    let after = fs::read_to_string(files.csv()).unwrap();
    let lines = |text: &str| {
        text.split_inclusive("\r\n")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (was, is) = (lines(&before), lines(&after));
    assert_eq!((&was[..2], was.len(), is.len()), (&is[..2], 4, 5));
    let references = &json_of(&files)["references"];
    assert_eq!(references.as_array().unwrap().len(), 2);
    assert_eq!(references[1]["drifted"], json!([1, 2]));
    let left: Vec<_> = fs::read_dir(files.csv().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_torn_last_line_is_cut_off_and_kept_and_its_cell_runs_again() {
    let dir = tempfile::tempdir().unwrap();
    for torn in [&b"2,8,4,4,35"[..], b"2,8,4,4,\0\0\0\0\0\0", b"\0\0\0\r\n"] {
        let files = interrupted(dir.path());
        let whole = fs::read(files.csv()).unwrap();
        append(files.csv(), torn);
        let resumed = resume::open(files.csv()).unwrap();
        assert_eq!(resumed.torn_bytes, torn.len() as u64);
        assert_eq!(resumed.done, [0, 1].into());
        assert_eq!(fs::read(files.csv()).unwrap(), whole);
        let kept = files.csv().with_extension("torn");
        assert_eq!(fs::read(kept).unwrap(), torn);
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_run_killed_before_its_header_was_whole_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    for header in ["", "instances,dec"] {
        let files = interrupted(dir.path());
        fs::write(files.csv(), header).unwrap();
        let resumed = resume::open(files.csv()).unwrap();
        assert!(resumed.done.is_empty());
        let mut recorder = Recorder::resume(resumed, Provenance::default(), &now()).unwrap();
        recorder
            .record(&finished(result(&plan(dir.path(), 1).cells[0])))
            .unwrap();
        drop(recorder);
        assert_eq!(resume::open(files.csv()).unwrap().done, [0].into());
    }
}

#[test]
fn two_processes_never_write_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(&plan(dir.path(), 2), provenance(), &now()).unwrap();
    let files = recorder.files().clone();
    assert!(resume_error(files.csv()).contains("in use by another run"));
    drop(recorder);
    let held = resume::open(files.csv()).unwrap();
    assert!(resume_error(files.csv()).contains("in use by another run"));
    drop(held);
    resume::open(files.csv()).expect("free again");
}

#[test]
fn what_a_newer_version_added_survives() {
    let dir = tempfile::tempdir().unwrap();
    let files = interrupted(dir.path());
    let mut json = json_of(&files);
    json["signature"] = json!("abc");
    json["plan"]["cells"][1]["colour"] = json!("blue");
    json["plan"]["workload"]["think"] = json!({"deep": true});
    fs::write(files.json(), json.to_string()).unwrap();
    let resumed = resume::open(files.csv()).unwrap();
    drop(Recorder::resume(resumed, Provenance::default(), &now()).unwrap());
    let json = json_of(&files);
    assert_eq!(json["signature"], "abc");
    assert_eq!(json["plan"]["cells"][1]["colour"], "blue");
    assert_eq!(json["plan"]["workload"]["think"]["deep"], true);
    assert_eq!(json["resumed"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_resumed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let files = interrupted(dir.path());
    let json = fs::read_to_string(files.json()).unwrap();
    let with = |text: &str| {
        fs::write(files.json(), text).unwrap();
        resume_error(files.csv())
    };
    assert!(with("{\"a\":").contains("it is not JSON"));
    assert!(with("{\"a\":1}").contains("its \"format\" is not"));
    let newer = json.replace("\"format_version\": 1", "\"format_version\": 2");
    assert!(with(&newer).contains("this version knows formats up to 1"));
    let planless = json.replace("\"plan\"", "\"plans\"");
    assert!(with(&planless).contains("missing field `plan`"));
    let other = json.replace("\"concurrency\": 2", "\"concurrency\": 3");
    assert!(with(&other).contains("line 3: its cell 1 is not in the plan"));
    fs::remove_file(files.json()).unwrap();
    assert!(resume_error(files.csv()).contains("Put the .json file"));
    fs::write(files.csv(), "instances,throughput_tps\r\n1,2.0\r\n").unwrap();
    assert!(resume_error(files.csv()).contains("is not a results file of this app"));
    assert!(resume_error(&dir.path().join("no.csv")).contains("Check the path"));
}

#[test]
fn a_damaged_row_in_the_middle_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = interrupted(dir.path());
    append(files.csv(), b"what is this\r\n");
    let text = resume_error(files.csv());
    assert!(text.contains("line 4: it is no row"), "{text}");
}

#[test]
fn a_cell_that_is_not_measured_has_no_servers_to_note() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::create(&plan(dir.path(), 1), provenance(), &now()).unwrap();
    recorder
        .record(&finished(failed(&cell(0, Some(8), 1))))
        .unwrap();
    assert!(recorder.metadata().servers.is_empty());
}
