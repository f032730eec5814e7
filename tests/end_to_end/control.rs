//! Commands to a running engine: what is skipped or stopped half-way leaves nothing behind, not
//! even a port.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use mlx_throughput_lab::engine::command::EngineCommand;
use mlx_throughput_lab::engine::event::{CellStatus, EngineEvent, RunEnd};
use mlx_throughput_lab::engine::server::launch::Launcher;
use mlx_throughput_lab::engine::source::Grid;
use mlx_throughput_lab::engine::{self, EngineConfig, Handle, MachineSource, Run};
use mlx_throughput_lab::plan::{Inputs, ModelRef, Plan, RunKind, SweepAxis, build};
use mlx_throughput_lab::settings::overrides::Overrides;
use mlx_throughput_lab::settings::{Settings, Sources};

use crate::lab::{BINARY, Home, Lab};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("a_skipped_load_frees_its_port", Needs::Nothing, skipped),
    (
        "a_cell_stopped_in_its_last_check_is_not_finished",
        Needs::Nothing,
        stopped_in_the_last_check,
    ),
    ("a_pause_is_between_cells_only", Needs::Nothing, pause),
];

fn told<E: std::fmt::Display>(errors: &[E]) -> Failed {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n").into()
}

/// A sweep over `concurrency`, with these settings.
fn plan(lab: &Lab, concurrency: &str, words: &[&str]) -> Result<Plan, Failed> {
    let settings = Settings::resolve(&Sources {
        overrides: Overrides::from_words(words).map_err(|errors| told(&errors))?,
        ..Sources::default()
    })
    .map_err(|errors| told(&errors))?;
    build(Inputs {
        kind: RunKind::CustomSweep,
        settings: &settings,
        axes: &SweepAxis::parse_all(&[format!("concurrency={concurrency}")])
            .map_err(|errors| told(&errors))?,
        model: ModelRef {
            path: lab.tiny.to_string_lossy().into_owned(),
            label: "synthetic:tiny".to_owned(),
            synthetic: true,
        },
        known_flags: None,
        nginx_found: false,
        cores: 2,
        drawn_seed: Some(1),
    })
    .map_err(|errors| told(&errors))
}

fn start(lab: &Lab, home: &Home<'_>, plan: Plan, server: &[&str]) -> Result<Handle, Failed> {
    let run = Run {
        cells: Box::new(Grid::new(plan.cells.clone())),
        plan,
        already_done: 0,
    };
    let config = EngineConfig {
        supervisor: BINARY.into(),
        launcher: Some(Launcher {
            python: lab.python.clone(),
            module_args: server.iter().map(|&word| word.to_owned()).collect(),
        }),
        attach_key: None,
        nginx: None,
        logs: home.path().join("logs"),
        sink: None,
        machine: MachineSource::Sensors,
        wake: Arc::new(|| {}),
    };
    Ok(engine::spawn(run, config)?)
}

/// Waits for `holds`, at most half a minute.
fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), Failed> {
    let limit = Instant::now() + Duration::from_secs(30);
    while !holds() {
        ensure!(Instant::now() < limit, "{what}: not within 30 s");
        // What another process does is no event that we could wait for.
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Every event that is still to come, without the machine's samples.
fn rest(handle: &mut Handle) -> Vec<EngineEvent> {
    std::iter::from_fn(|| handle.events.blocking_recv())
        .filter(|event| !matches!(event, EngineEvent::Machine(_)))
        .collect()
}

/// How each cell ended.
fn ends(events: &[EngineEvent]) -> Vec<CellStatus> {
    events
        .iter()
        .filter_map(|event| match event {
            EngineEvent::CellFinished { result, .. } => Some(result.status),
            _ => None,
        })
        .collect()
}

fn free_port() -> Result<u16, Failed> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn skipped(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let port = free_port()?;
    let words = [
        &format!("MLX_SERVER_PORT={port}"),
        "MLX_MAX_TOKENS=8",
        "MLX_REQUESTS_MULTIPLIER=1",
    ];
    let plan = plan(lab, "1,2", &words)?;
    let mut handle = start(lab, &home, plan, &["-m", "mlx_lm", "server"])?;
    // The server holds its port before the model has answered.
    until("the port is held", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    })?;
    handle.commands.blocking_send(EngineCommand::SkipCell)?;
    let events = rest(&mut handle);
    handle.join();
    let ports: Vec<u16> = events
        .iter()
        .filter_map(|event| match event {
            EngineEvent::ServerStarting { port, .. } => Some(*port),
            _ => None,
        })
        .collect();
    ensure!(ports == [port, port], "{ports:?}");
    ensure!(
        ends(&events) == [CellStatus::Skipped, CellStatus::Ok],
        "{events:#?}"
    );
    let (starts, stops) = events
        .iter()
        .fold((0, 0), |(starts, stops), event| match event {
            EngineEvent::ServerStarting { .. } => (starts + 1, stops),
            EngineEvent::ServerStopped { .. } => (starts, stops + 1),
            _ => (starts, stops),
        });
    ensure!(starts == stops, "{starts} starts are told, {stops} ends");
    lab.nothing_left(Duration::from_secs(2))
}

/// A server that answers everything but the third one-token request, which is the proof of life
/// after the first cell.
const HANGS_AT_THE_THIRD: &str = r#"
import http.server, json, sys, time
port = int(sys.argv[sys.argv.index("--port") + 1])
seen = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global seen
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tokens = body["max_tokens"]
        seen += tokens == 1
        if tokens == 1 and seen == 3:
            print("hanging", flush=True)
            time.sleep(600)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        def chunk(text, finish):
            return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}

        chunks = [chunk("x", None)] * tokens + [chunk("", "length")]
        chunks.append({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": tokens}})
        for one in chunks:
            self.wfile.write(b"data: " + json.dumps(one).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

fn logged(folder: &Path, text: &str) -> bool {
    let Ok(files) = std::fs::read_dir(folder) else {
        return false;
    };
    files
        .flatten()
        .filter_map(|file| std::fs::read_to_string(file.path()).ok())
        .any(|log| log.contains(text))
}

fn stopped_in_the_last_check(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let script = home.path().join("server.py");
    std::fs::write(&script, HANGS_AT_THE_THIRD)?;
    let words = ["MLX_MAX_TOKENS=4", "MLX_REQUESTS_MULTIPLIER=2"];
    let plan = plan(lab, "2,3", &words)?;
    let script = script.to_string_lossy().into_owned();
    let mut handle = start(lab, &home, plan, &["-u", &script])?;
    let logs = home.path().join("logs");
    until("the last check hangs", || logged(&logs, "hanging"))?;
    handle.commands.blocking_send(EngineCommand::Stop)?;
    let events = rest(&mut handle);
    handle.join();
    // Neither a row with half a verdict, nor one that a resume would take for finished.
    ensure!(
        !events
            .iter()
            .any(|event| matches!(event, EngineEvent::CellFinished { .. })),
        "{events:#?}"
    );
    ensure!(
        matches!(
            events.last(),
            Some(EngineEvent::RunFinished {
                end: RunEnd::Stopped,
                ..
            })
        ),
        "{events:#?}"
    );
    lab.nothing_left(Duration::from_secs(2))
}

fn pause(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let script = home.path().join("server.py");
    // The same server without its fault: it starts at once, and so takes no time of its own.
    std::fs::write(&script, HANGS_AT_THE_THIRD.replace("seen == 3", "False"))?;
    let words = [
        "MLX_MAX_TOKENS=4",
        "MLX_REQUESTS_MULTIPLIER=2",
        "MLX_CELL_PAUSE_S=3",
    ];
    let plan = plan(lab, "1,2", &words)?;
    let script = script.to_string_lossy().into_owned();
    let mut handle = start(lab, &home, plan, &["-u", &script])?;
    let begun = Instant::now();
    let events = rest(&mut handle);
    handle.join();
    let took = begun.elapsed();
    ensure!(
        ends(&events).len() == 2 && !ends(&events).contains(&CellStatus::Failed),
        "{events:#?}"
    );
    ensure!(
        (3.0..6.0).contains(&took.as_secs_f64()),
        "one pause of 3 s between two cells: {took:?}"
    );
    Ok(())
}
