use std::path::Path;

use super::*;
use crate::board::{Best, Why};
use crate::engine::event::{CellTimes, Reference};
use crate::measure::figures::FlagKind;
use crate::measure::sample::RequestSample;
use crate::measure::sample::Usage;
use crate::monitor::sample::{MachineSample, ServerSample};
use crate::plan::Balancer;
use crate::store::testing;
use crate::units::Bytes;

fn plan(cells: u32) -> Plan {
    testing::plan(Path::new("results"), cells)
}

fn started(plan: &Plan) -> EngineEvent {
    EngineEvent::RunStarted {
        plan: Box::new(plan.clone()),
        already_done: 0,
        started_at: Timestamp::UNIX_EPOCH,
    }
}

fn cell_started(cell: &Cell, done: u32) -> EngineEvent {
    EngineEvent::CellStarted {
        cell: cell.clone(),
        done,
        total: 3,
    }
}

fn cell_finished(result: CellResult, done: u32, elapsed_s: f64) -> EngineEvent {
    EngineEvent::CellFinished {
        result: Box::new(result),
        done,
        total: 3,
        elapsed_s,
        left_s: Some(40.0),
    }
}

fn measured(cell: &Cell, tps: f64) -> CellResult {
    let mut result = testing::result(cell);
    result.times = CellTimes {
        load_s: 2.0,
        warmup_s: 1.0,
        measure_s: 6.5,
        rest_s: 0.5,
        cool_down_s: 0.0,
    };
    if let Some(figures) = &mut result.figures {
        figures.throughput_tps = tps;
    }
    result
}

fn server_starting(instance: u32) -> EngineEvent {
    EngineEvent::ServerStarting {
        instance,
        port: 9000 + instance as u16,
        command: vec!["python".to_owned()],
        log: "logs/server.log".into(),
    }
}

fn server_ready(instance: u32) -> EngineEvent {
    EngineEvent::ServerReady {
        instance,
        pid: 100 + instance,
        load_s: 1.5,
    }
}

fn snapshot(cell: &Cell, elapsed_s: f64, tps: Option<f64>) -> LiveSnapshot {
    LiveSnapshot {
        cell: Some(cell.clone()),
        in_flight: 4,
        completed: 1,
        failed: 0,
        tokens_per_second: tps,
        elapsed_s,
    }
}

fn machine(at_s: f64, gpu: Option<f64>) -> EngineEvent {
    EngineEvent::Machine(Box::new(MachineSample {
        at_s,
        cpu: Some(0.5),
        gpu,
        servers: vec![ServerSample {
            instance: 0,
            pid: 100,
            cpu_cores: None,
            memory: Some(Bytes(2_000_000_000)),
        }],
        ..MachineSample::default()
    }))
}

#[test]
fn a_run_is_told_from_its_first_server_to_its_end() {
    let plan = plan(3);
    let mut state = RunState::new();
    assert_eq!(state.phase(), "preparing");
    assert!(state.board().is_empty());
    state.apply(&started(&plan));
    assert_eq!(state.progress().total, 3);
    assert_eq!(state.progress().elapsed_s, None);
    assert_eq!(state.board().state(0), Some(CellState::Waiting));

    state.apply(&cell_started(&plan.cells[0], 0));
    state.apply(&server_starting(0));
    state.apply(&server_starting(1));
    assert_eq!(state.phase(), "starting 2 servers");
    state.apply(&server_ready(0));
    assert_eq!(state.phase(), "starting a server");
    state.apply(&server_ready(1));
    assert_eq!(state.phase(), "warming up");
    assert_eq!(state.board().state(0), Some(CellState::Running));
    state.live(&snapshot(&plan.cells[0], 0.5, Some(90.0)));
    assert_eq!(state.phase(), "measuring concurrency 1");
    assert_eq!(state.live_snapshot().tokens_per_second, Some(90.0));

    state.apply(&cell_finished(measured(&plan.cells[0], 100.0), 1, 12.0));
    assert_eq!(state.phase(), "between cells");
    let progress = state.progress();
    assert_eq!((progress.done, progress.elapsed_s), (1, Some(12.0)));
    assert_eq!(progress.left_s, Some(40.0));
    // Time goes on, also where no cell ends.
    state.apply(&machine(22.0, None));
    assert_eq!(state.progress().left_s, Some(30.0));
    let span = Span {
        cell: 0,
        start_s: 2.0,
        end_s: Some(12.0),
    };
    assert_eq!(state.spans(), [span]);
    let best = Some(Best {
        entry: 0,
        throughput_tps: 100.0,
    });
    assert_eq!(state.board().best(), best);

    state.apply(&cell_started(&plan.cells[1], 1));
    let failed = testing::failed(&plan.cells[1]);
    state.apply(&cell_finished(failed, 2, 24.0));
    assert_eq!(state.board().state(1), Some(CellState::Failed(Why::Memory)));
    assert_eq!(state.board().best(), best);

    state.apply(&cell_started(&plan.cells[2], 2));
    state.apply(&EngineEvent::RunFinished {
        end: RunEnd::Stopped,
        best: None,
        times: RunTimes {
            total_s: 30.0,
            ..RunTimes::default()
        },
    });
    // A cell cut short is not a finished one.
    assert_eq!(state.board().state(2), Some(CellState::Waiting));
    assert_eq!(state.phase(), "stopped");
    assert_eq!(state.progress().left_s, None);
    assert_eq!(state.spans()[2].end_s, Some(30.0));
    assert!(state.servers().is_empty());
}

#[test]
fn the_board_changes_only_when_a_cell_does() {
    let plan = plan(3);
    let mut state = RunState::new();
    state.apply(&started(&plan));
    let (first, revision) = (state.board().clone(), state.revision());
    state.apply(&machine(1.0, None));
    state.apply(&server_starting(0));
    assert_eq!((state.board(), state.revision()), (&first, revision));
    state.apply(&cell_started(&plan.cells[0], 0));
    assert_ne!((state.board(), state.revision()), (&first, revision));
}

#[test]
fn missing_readings_are_gaps_and_unknown_sensors_have_no_series() {
    let mut state = RunState::new();
    for (at_s, gpu) in [
        (1.0, None),
        (2.0, Some(0.5)),
        (3.0, Some(0.6)),
        (4.0, None),
        (5.0, Some(0.7)),
        (9.0, Some(0.8)),
    ] {
        state.apply(&machine(at_s, gpu));
    }
    let lengths = |metric| -> Vec<usize> {
        let series = &state.series()[&metric];
        series.segments().iter().map(Vec::len).collect()
    };
    assert_eq!(lengths(Metric::GpuPct), [2, 1, 1]);
    // Only the silence between 5 and 9 s is a gap here.
    assert_eq!(lengths(Metric::CpuPct), [5, 1]);
    let gpu = &state.series()[&Metric::GpuPct].segments()[0][1];
    assert_eq!((gpu.x, gpu.y), (3.0, 60.0));
    assert!(!state.series().contains_key(&Metric::GpuPowerW));
    let memory = state.series()[&Metric::ServerMemoryGb(0)].last();
    assert_eq!(memory.map(|point| point.y), Some(2.0));
    // The server is gone.
    state.apply(&EngineEvent::Machine(Box::new(MachineSample {
        at_s: 10.0,
        ..MachineSample::default()
    })));
    state.apply(&machine(11.0, None));
    assert_eq!(
        state.series()[&Metric::ServerMemoryGb(0)].segments().len(),
        3
    );
}

#[test]
fn live_figures_stand_on_the_runs_clock_and_stale_ones_are_left_out() {
    let plan = plan(3);
    let mut state = RunState::new();
    state.apply(&started(&plan));
    state.apply(&machine(10.0, None));
    // Its cell has not started yet.
    state.live(&snapshot(&plan.cells[0], 3.0, Some(1.0)));
    assert!(state.series().get(&Metric::TokensPerSecond).is_none());
    state.apply(&cell_started(&plan.cells[0], 0));
    state.live(&snapshot(&plan.cells[0], 0.25, None));
    state.live(&snapshot(&plan.cells[0], 0.5, Some(80.0)));
    // The same again, and an older one.
    state.live(&snapshot(&plan.cells[0], 0.5, Some(80.0)));
    state.live(&snapshot(&plan.cells[0], 0.3, Some(70.0)));
    let points = |state: &RunState, metric| -> Vec<(f64, f64)> {
        let series = &state.series()[&metric];
        series
            .segments()
            .iter()
            .flatten()
            .map(|p| (p.x, p.y))
            .collect()
    };
    assert_eq!(points(&state, Metric::TokensPerSecond), [(10.25, 80.0)]);
    assert_eq!(
        points(&state, Metric::InFlight),
        [(10.0, 4.0), (10.25, 4.0)]
    );
    // The machine's clock is ahead of what was guessed.
    state.apply(&machine(12.0, None));
    state.live(&snapshot(&plan.cells[0], 0.75, Some(85.0)));
    assert_eq!(points(&state, Metric::InFlight)[2], (12.0, 4.0));
    state.apply(&cell_finished(measured(&plan.cells[0], 100.0), 1, 13.0));
    state.live(&snapshot(&plan.cells[0], 9.0, Some(99.0)));
    assert_eq!(state.live_snapshot(), &LiveSnapshot::default());
}

#[test]
fn a_search_adds_cells_to_the_plan() {
    let mut short = plan(3);
    let extra = short.cells.split_off(1);
    let mut state = RunState::new();
    state.apply(&started(&short));
    state.apply(&EngineEvent::PlanExtended {
        cells: extra.clone(),
    });
    // Told twice, known once.
    state.apply(&EngineEvent::PlanExtended {
        cells: extra.clone(),
    });
    assert_eq!(state.board().entries().len(), 3);
    assert_eq!(state.progress().total, 3);
    state.apply(&cell_finished(measured(&extra[1], 50.0), 1, 10.0));
    assert_eq!(state.board().best().map(|best| best.entry), Some(2));
}

#[test]
fn a_resumed_run_keeps_what_is_done() {
    let plan = plan(3);
    let done = CellRow::new(&measured(&plan.cells[0], 300.0), &plan);
    let mut state = RunState::resuming(&plan, [done]);
    state.apply(&started(&plan));
    assert_eq!(state.board().state(0), Some(CellState::Done));
    state.apply(&cell_finished(measured(&plan.cells[1], 200.0), 2, 10.0));
    assert_eq!(state.board().best().map(|best| best.entry), Some(0));
}

#[test]
fn a_cool_down_is_told_until_the_cell_is_measured_again() {
    let plan = plan(3);
    let cell = &plan.cells[0];
    let mut state = RunState::new();
    state.apply(&started(&plan));
    state.apply(&cell_started(cell, 0));
    state.apply(&machine(20.0, Some(0.9)));
    state.live(&snapshot(cell, 10.0, Some(90.0)));
    assert!(state.phase().starts_with("measuring"));
    let cooling = EngineEvent::CoolingDown {
        cell: cell.index,
        clock_mhz: 1_775.0,
        cold_mhz: 1_950.0,
        repeat: 1,
        of: 2,
    };
    state.apply(&cooling);
    assert_eq!(
        state.phase(),
        "cooling down, repeat 1 of 2: GPU clock at 91 %"
    );
    assert_eq!(state.live_snapshot().tokens_per_second, None);
    let waited_s = 30.0;
    state.apply(&EngineEvent::CooledDown {
        cell: cell.index,
        waited_s,
    });
    assert_eq!(state.phase(), "warming up");
    // The repeat counts from its own start, and is shown from its first moment.
    state.live(&snapshot(cell, 0.5, Some(99.0)));
    assert_eq!(state.live_snapshot().tokens_per_second, Some(99.0));
    state.apply(&cooling);
    state.apply(&cell_finished(measured(cell, 95.0), 1, 80.0));
    assert_eq!(state.phase(), "between cells");
}

#[test]
fn drift_flags_the_rows_that_it_concerns() {
    let plan = plan(3);
    let mut state = RunState::new();
    state.apply(&started(&plan));
    for (i, cell) in plan.cells.iter().enumerate() {
        state.apply(&cell_finished(measured(cell, 100.0), i as u32 + 1, 10.0));
    }
    let before = state.revision();
    let reference = Box::new(Reference {
        cell: 0,
        first_tps: 100.0,
        again_tps: 90.0,
        change: -0.1,
        after_s: 600.0,
        limit: 0.03,
        drifted: vec![1],
        at: Timestamp::UNIX_EPOCH,
    });
    state.apply(&EngineEvent::ReferenceMeasured { reference });
    assert_ne!(state.revision(), before);
    let board = state.board();
    let kinds = |position: usize| {
        board
            .entry(position)
            .unwrap()
            .shared_row()
            .unwrap()
            .flag_kinds()
    };
    let drifted = [0, 1, 2].map(|position| kinds(position).contains(&FlagKind::Drift));
    assert_eq!(drifted, [false, true, false]);
    assert_eq!(board.state(1), Some(CellState::Done), "it stays valid");
}

#[test]
fn the_log_names_its_sources_and_is_bounded() {
    let plan = plan(3);
    let mut state = RunState::new();
    state.apply(&started(&plan));
    state.apply(&EngineEvent::Notice {
        level: NoticeLevel::Warning,
        text: "port 8088 is taken".to_owned(),
    });
    state.apply(&EngineEvent::BalancerStarted {
        balancer: Balancer::Nginx,
        port: Some(8090),
        command: vec!["nginx".to_owned()],
    });
    let mut failed = testing::failed(&plan.cells[0]);
    failed.log_tail = Some("loading\nkilled".to_owned());
    state.apply(&cell_finished(failed, 1, 5.0));
    assert_eq!(state.notices().len(), 1);
    let texts: Vec<String> = state
        .log()
        .lines()
        .iter()
        .map(|line| format!("{}: {}", line.source, line.text))
        .collect();
    assert!(
        texts.contains(&"App: port 8088 is taken".to_owned()),
        "{texts:?}"
    );
    assert!(texts.contains(&"App: Requests go through nginx on port 8090".to_owned()));
    assert!(texts.contains(&"Server 0: killed".to_owned()));
    // Why a cell failed, on lines of their own.
    let mut problems = state
        .log()
        .lines()
        .iter()
        .filter(|l| l.level == NoticeLevel::Problem);
    assert!(problems.any(|line| line.text.contains("out of memory")));
    for i in 0..log::MAX_LINES + 5 {
        state.log_line(LogSource::Nginx, &format!("line {i}"));
    }
    assert_eq!(state.log().lines().len(), log::MAX_LINES);
    assert_eq!(state.log().sources(), [LogSource::Nginx]);
    let counted = state.log().dropped() + state.log().lines().len() as u64;
    assert_eq!(counted, texts.len() as u64 + log::MAX_LINES as u64 + 5);
}

#[test]
fn requests_of_the_oldest_cells_are_let_go() {
    let plan = plan(3);
    let mut state = RunState::new();
    state.apply(&started(&plan));
    let request = RequestSample {
        index: 0,
        instance: None,
        due_s: 0.0,
        dispatched_s: 0.0,
        connected_s: None,
        headers_s: None,
        prefill_start_s: None,
        prefill_end_s: None,
        first_token_s: None,
        last_token_s: None,
        end_s: 1.0,
        connect_retries: 0,
        connect_wait_s: 0.0,
        chunks: Vec::new(),
        usage: Usage::default(),
        finish_reason: None,
        error: None,
    };
    for (i, cell) in plan.cells.iter().enumerate() {
        let mut result = measured(cell, 10.0);
        result.requests = vec![request.clone(); MAX_REQUESTS / 2];
        state.apply(&cell_finished(result, i as u32 + 1, 10.0 * (i + 1) as f64));
    }
    let held = |cell| state.result(cell).map(|result| result.requests.len());
    assert_eq!(held(0), Some(0));
    assert_eq!(held(2), Some(MAX_REQUESTS / 2));
    assert!(
        state
            .result(0)
            .is_some_and(|result| result.figures.is_some())
    );
}

#[test]
fn the_end_of_a_log_that_is_followed_is_not_said_twice() {
    let plan = plan(3);
    let mut state = RunState::new();
    state.apply(&started(&plan));
    state.log_line(LogSource::Server(0), "killed");
    let mut failed = testing::failed(&plan.cells[0]);
    failed.log_tail = Some("loading\nkilled".to_owned());
    state.apply(&cell_finished(failed, 1, 5.0));
    let said = state.log().lines().iter();
    let said = said.filter(|line| line.source == LogSource::Server(0));
    assert_eq!(said.count(), 1);
}
