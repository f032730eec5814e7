//! Servers that somebody else started: measured as they are, their key kept to ourselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mlx_throughput_lab::engine::command::EngineCommand;
use mlx_throughput_lab::engine::event::{CellResult, CellStatus, EngineEvent, RunEnd};
use mlx_throughput_lab::engine::source::Grid;
use mlx_throughput_lab::engine::{self, EngineConfig, MachineSource, Run};
use mlx_throughput_lab::measure::figures::FlagKind;
use mlx_throughput_lab::plan::{Inputs, Plan, RunKind, SweepAxis, build};
use mlx_throughput_lab::session::attach;
use mlx_throughput_lab::settings::{BaseUrl, Secret, Settings, Sources, Var};
use mlx_throughput_lab::store::recorder::Recorder;
use mlx_throughput_lab::store::sidecar::Provenance;
use serde_json::json;

use crate::support::{Answer, Received, Script, Server, What};

pub(super) const KEY: &str = "sk-attached-0123456789abcdef";
const MODEL: &str = "org/some-model";

pub(super) fn url(server: &Server) -> String {
    format!("http://{}/v1", server.addr)
}

pub(super) fn settings(urls: &str, key: &str, more: &[(Var, &str)]) -> Settings {
    let edited = more.iter().map(|(var, text)| (*var, (*text).to_owned()));
    let environment = [("MLX_ATTACH", urls), ("MLX_ATTACH_KEY", key)];
    Settings::resolve(&Sources {
        edited: edited.collect(),
        environment: environment
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .to_vec(),
        ..Sources::default()
    })
    .unwrap()
}

/// Everything of a run: what was told, and the folder with all its files.
struct Ran {
    events: Vec<EngineEvent>,
    folder: tempfile::TempDir,
}

impl Ran {
    fn results(&self) -> Vec<&CellResult> {
        let results = self.events.iter().filter_map(|event| match event {
            EngineEvent::CellFinished { result, .. } => Some(&**result),
            _ => None,
        });
        results.collect()
    }

    fn end(&self) -> &RunEnd {
        match self.events.last() {
            Some(EngineEvent::RunFinished { end, .. }) => end,
            other => panic!("{other:?}"),
        }
    }

    /// All that left the process, in files and events.
    fn everything(&self) -> String {
        let told = serde_json::to_string(&self.events).unwrap();
        let mut all = format!("{told}{:?}", self.events);
        let files = files(self.folder.path());
        assert!(files.len() >= 2, "a row and its metadata: {files:?}");
        for file in files {
            all.push_str(&file.to_string_lossy());
            all.push_str(&String::from_utf8_lossy(&std::fs::read(&file).unwrap()));
        }
        all
    }
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

pub(super) fn plan(settings: &Settings, axes: &[&str]) -> Plan {
    build(Inputs {
        kind: RunKind::CustomSweep,
        settings,
        axes: &SweepAxis::parse_all(axes).unwrap(),
        model: attach::model_ref(MODEL),
        known_flags: None,
        nginx_found: true,
        cores: 2,
        drawn_seed: Some(1),
    })
    .unwrap()
}

async fn run(settings: &Settings, axes: &[&str]) -> Ran {
    run_and_ask(settings, axes, |_| None).await
}

/// As [`run`], with what is asked of the engine after each event.
async fn run_and_ask(
    settings: &Settings,
    axes: &[&str],
    mut ask: impl FnMut(&EngineEvent) -> Option<EngineCommand>,
) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan(settings, axes);
    plan.results_dir = folder.path().to_owned();
    let recorder = Recorder::create(&plan, Provenance::default(), &jiff::ZonedDateTime::now())
        .unwrap()
        .with_requests(true);
    let config = EngineConfig {
        supervisor: "/nonexistent/nothing-is-started".into(),
        launcher: None,
        attach_key: settings.secret(Var::AttachKey).cloned(),
        nginx: None,
        logs: folder.path().join("logs"),
        sink: Some(Box::new(recorder)),
        machine: MachineSource::Sensors,
        wake: Arc::new(|| {}),
    };
    let cells = Box::new(Grid::new(plan.cells.clone()));
    let run = Run {
        plan,
        cells,
        already_done: 0,
    };
    let mut handle = engine::spawn(run, config).unwrap();
    let mut events = Vec::new();
    while let Some(event) = handle.events.recv().await {
        if let Some(command) = ask(&event) {
            handle.commands.send(command).await.unwrap();
        }
        events.push(event);
    }
    handle.join();
    Ran { events, folder }
}

/// Refuses other keys as some servers do: by repeating what they were sent.
fn guarded(received: &Received, answer: impl FnOnce() -> Script) -> Script {
    match received.header("authorization") {
        Some(bearer) if bearer == format!("Bearer {KEY}") => answer(),
        other => Script::error(401, &format!("no such key: {other:?}")),
    }
}

/// Two requests a cell and slot.
const COMPATIBLE: (Var, &str) = (Var::RequestsMultiplier, "2");
const SHORT: (Var, &str) = (Var::MaxTokens, "8");

#[tokio::test]
async fn two_servers_take_turns_and_the_key_stays_here() {
    let servers = [0, 1].map(|_| {
        Server::start(|received| {
            guarded(received, || {
                Answer::default().to(&received.body).kept_alive()
            })
        })
    });
    let urls = format!("{} {}", url(&servers[0]), url(&servers[1]));
    for stream in ["1", "0"] {
        let settings = settings(&urls, KEY, &[COMPATIBLE, SHORT, (Var::Stream, stream)]);
        let ran = run(&settings, &["concurrency=1,5"]).await;
        assert_eq!(*ran.end(), RunEnd::Completed);
        for result in ran.results() {
            assert_eq!(result.status, CellStatus::Ok, "{:?}", result.error);
            assert_eq!(result.error, None);
            let figures = result.figures.as_ref().unwrap();
            assert_eq!(figures.total_tokens, u64::from(figures.requests) * 8);
            let counts: Vec<u32> = figures.per_instance.values().copied().collect();
            assert_eq!(counts.len(), 2);
            assert!(counts[0].abs_diff(counts[1]) <= 1, "{counts:?}");
            assert!(result.flags.iter().any(|f| f.kind == FlagKind::Attached));
            assert!(result.servers.is_empty(), "nothing is proven");
            assert_eq!(result.machine.servers_memory_peak, None);
        }
        let everything = ran.everything();
        assert!(!everything.contains(KEY), "{everything}");
        assert!(everything.contains(&servers[1].addr.to_string()));
    }
    for server in &servers {
        let exchanges = server.exchanges();
        assert!(!exchanges.is_empty());
        for exchange in exchanges {
            assert_eq!(exchange.received.body["model"], MODEL);
            assert!(exchange.received.body.get("seed").is_none());
        }
    }
}

/// A server that answers half as fast from the 41st request under load on.
#[tokio::test]
async fn a_machine_that_slows_down_is_seen_in_a_cell_measured_again() {
    let loaded = AtomicU32::new(0);
    let server = Server::start(move |received| {
        let under_load = u32::from(received.body["max_tokens"] == 8);
        let number = loaded.fetch_add(under_load, Ordering::SeqCst);
        let gap = Duration::from_millis(if number < 40 { 10 } else { 20 });
        let answer = Answer {
            gap,
            ..Answer::default()
        };
        answer.to(&received.body).kept_alive()
    });
    let more = [
        (Var::RequestsMultiplier, "10"),
        SHORT,
        (Var::WarmupRequests, "0"),
        (Var::ReferenceEvery, "1"),
        (Var::DriftLimit, "30"),
    ];
    let settings = settings(&url(&server), KEY, &more);
    // 10 + 20 requests, the first cell again, 30 requests, the first cell again.
    let ran = run(&settings, &["concurrency=1,2,3"]).await;
    assert_eq!(*ran.end(), RunEnd::Completed);
    assert_eq!(ran.results().len(), 3, "a reference is no cell of the run");
    let references: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            EngineEvent::ReferenceMeasured { reference } => Some(reference),
            _ => None,
        })
        .collect();
    assert_eq!(references.len(), 2, "{references:?}");
    // Told at its start, too, and only of cells that have ended before.
    let told: Vec<(&str, u32)> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            EngineEvent::CellStarted { cell, .. } => Some(("starts", cell.index)),
            EngineEvent::CellFinished { result, .. } => Some(("ends", result.cell.index)),
            EngineEvent::ReferenceStarted { cell } => Some(("again", cell.index)),
            EngineEvent::ReferenceMeasured { reference } => Some(("compared", reference.cell)),
            _ => None,
        })
        .collect();
    let again = [("again", 0), ("compared", 0)];
    assert!(told.iter().filter(|(what, _)| *what == "again").count() == 2);
    assert_eq!(told.windows(2).filter(|pair| *pair == again).count(), 2);
    assert!(references.iter().all(|reference| reference.cell == 0));
    assert!(!references[0].is_drift(), "{:?}", references[0]);
    assert!(references[0].drifted.is_empty());
    assert!(references[1].is_drift(), "{:?}", references[1]);
    assert_eq!(references[1].drifted, [2], "what stood before it is sound");

    let csv = files(ran.folder.path())
        .into_iter()
        .find(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".csv")
                && !name.ends_with(".requests.csv")
                && !name.ends_with(".machine.csv")
        })
        .unwrap();
    let resumed = mlx_throughput_lab::store::resume::open(&csv).unwrap();
    assert!(resumed.remaining().is_empty());
    let drifted: Vec<(u32, bool)> = resumed
        .rows
        .iter()
        .map(|row| (row.cell, row.flag_kinds().contains(&FlagKind::Drift)))
        .collect();
    assert_eq!(drifted, [(0, false), (1, false), (2, true)]);
    assert!(
        resumed
            .rows
            .iter()
            .all(|row| row.status == Some(CellStatus::Ok))
    );
    assert_eq!(resumed.metadata().references.len(), 2);
    let told = |text: &str| {
        let notices = &resumed.metadata().notices;
        notices.iter().any(|notice| notice.text.contains(text))
    };
    assert!(told("within the 30.0 %") && told("above the 30.0 %"));
    // The references' requests are no requests of a cell.
    assert_eq!(
        server
            .exchanges()
            .iter()
            .filter(|e| e.received.body["max_tokens"] == 8)
            .count(),
        80
    );
}

#[tokio::test]
async fn a_reference_is_skipped_as_a_cell_is_and_the_run_goes_on() {
    let server = Server::start(move |received| {
        let answer = Answer {
            gap: Duration::from_millis(10),
            ..Answer::default()
        };
        answer.to(&received.body).kept_alive()
    });
    let more = [
        (Var::RequestsMultiplier, "10"),
        SHORT,
        (Var::WarmupRequests, "0"),
        (Var::ReferenceEvery, "1"),
    ];
    let settings = settings(&url(&server), KEY, &more);
    let mut skipped = false;
    let ran = run_and_ask(&settings, &["concurrency=1,2,3"], |event| match event {
        EngineEvent::ReferenceStarted { .. } if !skipped => {
            skipped = true;
            Some(EngineCommand::SkipCell)
        }
        _ => None,
    });
    let ran = ran.await;
    assert_eq!(*ran.end(), RunEnd::Completed);
    assert_eq!(ran.results().len(), 3);
    let sound = |result: &&CellResult| result.status == CellStatus::Ok;
    assert!(ran.results().iter().all(sound), "no cell was skipped");
    let json: Vec<serde_json::Value> = ran
        .events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap())
        .filter(|event| event["event"].as_str().unwrap().starts_with("reference_"))
        .collect();
    assert_eq!(json[0]["event"], "reference_started");
    assert_eq!(json[0]["cell"]["index"], 0);
    assert_eq!(
        json[1],
        json!({"event": "reference_lost", "cell": 0, "why": "skipped"})
    );
}

#[tokio::test]
async fn a_refused_key_is_not_told_although_the_server_repeats_it() {
    let server = Server::start(|received| {
        let sent = received.header("authorization").unwrap_or_default();
        Script::error(401, &format!("unknown key {sent}"))
    });
    let settings = settings(&url(&server), KEY, &[COMPATIBLE, SHORT]);
    let ran = run(&settings, &["concurrency=1,2"]).await;
    let RunEnd::Failed(why) = ran.end() else {
        panic!("{:?}", ran.end());
    };
    assert!(
        why.contains("HTTP 401: unknown key Bearer (hidden)"),
        "{why}"
    );
    assert!(why.contains("MLX_ATTACH_KEY"), "{why}");
    assert_eq!(ran.results().len(), 1, "no cell would do better");
    assert!(!ran.everything().contains(KEY));
    // Beside the liveness check nothing was sent.
    assert_eq!(server.exchanges().len(), 1);
}

#[tokio::test]
async fn a_server_that_counts_nothing_is_an_error_with_advice() {
    let server = Server::start(|received| {
        let uncounted = Answer {
            usage: false,
            ..Answer::default()
        };
        uncounted.to(&received.body).kept_alive()
    });
    let settings = settings(&url(&server), KEY, &[COMPATIBLE, SHORT]);
    let ran = run(&settings, &["concurrency=1"]).await;
    let error = ran.results()[0].error.clone().unwrap();
    assert!(error.contains("without a usage count"), "{error}");
    assert!(error.contains("update the server"), "{error}");
}

#[tokio::test]
async fn a_server_that_dies_midway_makes_its_cell_invalid() {
    let server = Server::start(|received| {
        if received.number < 12 {
            Answer::default().to(&received.body).kept_alive()
        } else {
            // As of a process that is killed: streams break off, then nothing answers.
            Answer::default()
                .to(&received.body)
                .through_text(2)
                .then(crate::support::Step::Reset)
        }
    });
    let more = [(Var::NumRequests, "24"), SHORT, (Var::WarmupRequests, "1")];
    let settings = settings(&url(&server), KEY, &more);
    let ran = run(&settings, &["concurrency=4,5"]).await;
    let results = ran.results();
    assert_eq!(results.len(), 2);
    let first = results[0];
    assert_eq!(first.status, CellStatus::Invalid);
    let kinds: Vec<FlagKind> = first.flags.iter().map(|flag| flag.kind).collect();
    assert!(kinds.contains(&FlagKind::ServerNotAlive), "{kinds:?}");
    assert!(kinds.contains(&FlagKind::TooManyErrors), "{kinds:?}");
    // The next cell asks it again, since it may have come back.
    assert_eq!(results[1].status, CellStatus::Failed);
    let error = results[1].error.as_deref().unwrap();
    assert!(error.contains("does not start or stop it"), "{error}");
    assert_eq!(*ran.end(), RunEnd::Completed);
}

#[tokio::test]
async fn a_server_that_goes_silent_is_given_up_and_left_alone() {
    let server = Server::start(|received| {
        let answer = Answer::default().to(&received.body);
        if received.number < 2 {
            answer.kept_alive()
        } else {
            answer.through_text(1).then(crate::support::Step::Hang)
        }
    });
    let more = [
        COMPATIBLE,
        SHORT,
        (Var::WarmupRequests, "1"),
        (Var::Watchdog, "1"),
    ];
    let settings = settings(&url(&server), KEY, &more);
    let ran = tokio::time::timeout(Duration::from_secs(20), run(&settings, &["concurrency=1"]))
        .await
        .unwrap();
    let error = ran.results()[0].error.clone().unwrap();
    assert!(
        error.contains("is not ours, so it is not restarted"),
        "{error}"
    );
}

/// The answer to `GET /v1/models`.
fn models(names: &[&str]) -> Script {
    let data: Vec<_> = names
        .iter()
        .map(|id| json!({"id": id, "object": "model"}))
        .collect();
    let body = json!({"object": "list", "data": data}).to_string();
    let head = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Script(vec![crate::support::Step::Send(
        What::End,
        format!("{head}{body}").into_bytes(),
    )])
    .kept_alive()
}

#[tokio::test]
async fn the_models_of_all_servers_are_asked_for_with_the_key() {
    let one = Server::start(|received| guarded(received, || models(&["a", "b", "c"])));
    let two = Server::start(|received| guarded(received, || models(&["c", "b"])));
    let urls: Vec<BaseUrl> = [&one, &two].map(|s| url(s).parse().unwrap()).to_vec();
    let key = Secret::parse(KEY).unwrap();
    let common = attach::common_models(&urls, Some(&key)).await.unwrap();
    assert_eq!(common, ["b", "c"]);
    let asked = one.wait_for(1).await.remove(0).received;
    assert!(asked.head.starts_with("GET /v1/models "), "{}", asked.head);

    let refused = attach::list_models(&urls[0], None).await.unwrap_err();
    assert!(refused.to_string().contains("MLX_ATTACH_KEY"), "{refused}");
    let lost = Server::start(|_| Script::error(404, "what?"));
    let error = attach::list_models(&url(&lost).parse().unwrap(), Some(&key)).await;
    assert!(error.unwrap_err().to_string().contains("HTTP 404"));
    let gone: BaseUrl = url(&lost).parse().unwrap();
    drop(lost);
    let error = attach::list_models(&gone, None)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(gone.as_str()), "{error}");
}

#[test]
fn an_older_plan_without_the_field_still_reads() {
    let settings = settings("http://127.0.0.1:9", KEY, &[]);
    let mut plan = serde_json::to_value(plan(&settings, &["concurrency=1"])).unwrap();
    assert_eq!(plan["servers"]["attached"]["urls"][0], "http://127.0.0.1:9");
    assert!(!plan.to_string().contains(KEY));
    plan["servers"].as_object_mut().unwrap().remove("attached");
    let plan: Plan = serde_json::from_value(plan).unwrap();
    assert_eq!(plan.servers.attached, None);
}
