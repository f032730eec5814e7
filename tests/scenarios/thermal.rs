//! A run whose GPU clock falls, with the machine's samples from a script.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::command::EngineCommand;
use mlx_throughput_lab::engine::event::{CellResult, CellStatus, EngineEvent, NoticeLevel, RunEnd};
use mlx_throughput_lab::engine::source::Grid;
use mlx_throughput_lab::engine::{self, EngineConfig, MachineSource, Run};
use mlx_throughput_lab::measure::figures::FlagKind;
use mlx_throughput_lab::monitor::sample::MachineSample;
use mlx_throughput_lab::settings::Var;
use mlx_throughput_lab::store::recorder::Recorder;
use mlx_throughput_lab::store::resume;
use mlx_throughput_lab::store::row::CellRow;
use mlx_throughput_lab::store::sidecar::Provenance;
use tokio::sync::mpsc::{Sender, unbounded_channel};

use super::attached::{KEY, files, plan, settings, url};
use crate::support::{Answer, Server};

/// What the machine's sensors read from now on.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<MachineSample>>);

impl Room {
    fn set(&self, sample: MachineSample) {
        *self.0.lock().unwrap() = sample;
    }

    fn loaded_at(&self, clock_mhz: f64) {
        self.set(MachineSample {
            gpu: Some(0.98),
            gpu_clock_mhz: Some(clock_mhz),
            gpu_temperature_c: Some(82.0),
            ..MachineSample::default()
        });
    }

    /// As before the run: idle clocks do not count, whatever they are.
    fn at_rest(&self) {
        self.set(MachineSample {
            gpu: Some(0.0),
            gpu_clock_mhz: Some(210.0),
            gpu_temperature_c: Some(41.0),
            ..MachineSample::default()
        });
    }

    /// Idle, and as hot as under load.
    fn stays_hot(&self) {
        self.set(MachineSample {
            gpu: Some(0.0),
            gpu_clock_mhz: Some(210.0),
            gpu_temperature_c: Some(82.0),
            thermal: Some("serious".to_owned()),
            ..MachineSample::default()
        });
    }
}

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

    /// Cell and number of the repeat.
    fn cool_downs(&self) -> Vec<(u32, u32)> {
        let told = self.events.iter().filter_map(|event| match event {
            EngineEvent::CoolingDown { cell, repeat, .. } => Some((*cell, *repeat)),
            _ => None,
        });
        told.collect()
    }

    fn rows(&self) -> Vec<CellRow> {
        let csv = files(self.folder.path()).into_iter().find(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".csv") && !name.ends_with(".machine.csv")
        });
        resume::open(&csv.unwrap()).unwrap().rows
    }

    fn notices(&self) -> Vec<(NoticeLevel, &str)> {
        let notices = self.events.iter().filter_map(|event| match event {
            EngineEvent::Notice { level, text } => Some((*level, text.as_str())),
            _ => None,
        });
        notices.collect()
    }

    fn has_flag(&self, cell: usize, kind: FlagKind) -> bool {
        self.results()[cell].flags.iter().any(|f| f.kind == kind)
    }

    fn ratio(&self, cell: usize) -> f64 {
        self.results()[cell].thermal.clock_of_cold.unwrap()
    }
}

const RATE: Duration = Duration::from_millis(10);

/// Ten requests a cell and slot, of a tenth of a second; a sample of the machine every 10 ms.
async fn run(
    more: &[(Var, &str)],
    axes: &str,
    play: impl FnMut(&EngineEvent, &Room, &Sender<EngineCommand>),
) -> Ran {
    let room = Room::default();
    room.at_rest();
    run_in(&room, more, axes, play).await
}

async fn run_in(
    room: &Room,
    more: &[(Var, &str)],
    axes: &str,
    mut play: impl FnMut(&EngineEvent, &Room, &Sender<EngineCommand>),
) -> Ran {
    let server = Server::start(|received| {
        let answer = Answer {
            gap: RATE,
            ..Answer::default()
        };
        answer.to(&received.body).kept_alive()
    });
    let usual = [
        (Var::RequestsMultiplier, "10"),
        (Var::MaxTokens, "8"),
        (Var::WarmupRequests, "0"),
        (Var::Order, "nested"),
    ];
    let settings = settings(&url(&server), KEY, &[&usual, more].concat());
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan(&settings, &[axes]);
    plan.results_dir = folder.path().to_owned();
    let recorder =
        Recorder::create(&plan, Provenance::default(), &jiff::ZonedDateTime::now()).unwrap();

    let (tell, samples) = unbounded_channel();
    let sensors = std::thread::spawn({
        let room = room.clone();
        move || {
            while tell.send(room.0.lock().unwrap().clone()).is_ok() {
                // The rate of the sensors.
                std::thread::sleep(RATE);
            }
        }
    });
    let config = EngineConfig {
        supervisor: "/nonexistent/nothing-is-started".into(),
        launcher: None,
        attach_key: settings.secret(Var::AttachKey).cloned(),
        nginx: None,
        logs: folder.path().join("logs"),
        sink: Some(Box::new(recorder)),
        machine: MachineSource::Samples(samples),
        wake: Arc::new(|| {}),
    };
    let run = Run {
        cells: Box::new(Grid::new(plan.cells.clone())),
        plan,
        already_done: 0,
    };
    let mut handle = engine::spawn(run, config).unwrap();
    let commands = handle.commands.clone();
    let mut events = Vec::new();
    while let Some(event) = handle.events.recv().await {
        play(&event, room, &commands);
        events.push(event);
    }
    drop(commands);
    handle.join();
    sensors.join().unwrap();
    Ran { events, folder }
}

/// The clock of each cell by its number, cool at first and hot or not later.
fn starts(event: &EngineEvent, room: &Room, clocks_mhz: &[f64]) {
    if let EngineEvent::CellStarted { cell, .. } = event {
        room.loaded_at(clocks_mhz[cell.index as usize]);
    }
}

#[tokio::test]
async fn a_cell_under_the_limit_is_measured_again_when_the_machine_has_cooled_down() {
    let ran = run(&[], "concurrency=1,2", |event, room, _| {
        starts(event, room, &[1_950.0, 1_700.0]);
        match event {
            EngineEvent::CoolingDown { .. } => room.at_rest(),
            EngineEvent::CooledDown { .. } => room.loaded_at(1_945.0),
            _ => {}
        }
    })
    .await;
    assert_eq!(ran.cool_downs(), [(1, 1)]);
    let results = ran.results();
    assert_eq!(results[0].thermal.clock_of_cold, None);
    assert_eq!(results[0].thermal.repeats, 0);
    let again = results[1];
    assert_eq!(again.status, CellStatus::Ok);
    assert_eq!(again.thermal.repeats, 1);
    assert!((ran.ratio(1) - 0.997).abs() < 0.003, "{:?}", again.thermal);
    assert!(!ran.has_flag(1, FlagKind::Throttled));
    let told = ran.notices();
    assert!(
        told.iter()
            .any(|(_, text)| text.contains("of cold (1") && text.contains("repeat 1 of 2")),
        "{told:?}"
    );

    // Both measurements are accounted for, and the figures are of one.
    let figures = again.figures.as_ref().unwrap();
    assert_eq!(figures.requests, 20);
    let times = again.times;
    assert!(times.measure_s > 1.8 * figures.elapsed_s, "{times:?}");
    assert!(times.cool_down_s > 0.0, "{times:?}");
    let Some(EngineEvent::RunFinished { end, times, .. }) = ran.events.last() else {
        panic!("{:?}", ran.events.last());
    };
    assert_eq!(*end, RunEnd::Completed);
    let measured_s: f64 = results.iter().map(|result| result.times.measure_s).sum();
    assert!((times.measure_s - measured_s).abs() < 1e-9);
    assert!((times.cool_down_s - again.times.cool_down_s).abs() < 1e-9);

    let rows = ran.rows();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].thermal_repeats, Some(0));
    assert_eq!(rows[0].gpu_clock_of_cold_ratio, None);
    assert!((rows[0].gpu_clock_under_load_mhz.unwrap() - 1_950.0).abs() < 5.0);
    assert_eq!(rows[1].thermal_repeats, Some(1));
    assert!(rows[1].gpu_clock_of_cold_ratio.unwrap() > 0.99);
}

#[tokio::test]
async fn a_cell_that_stays_under_the_limit_is_flagged_after_two_repeats() {
    let mut repeats = [1_750.0, 1_720.0].into_iter();
    let ran = run(&[], "concurrency=1,2,3", |event, room, _| {
        starts(event, room, &[1_950.0, 1_700.0, 1_930.0]);
        match event {
            EngineEvent::CoolingDown { .. } => room.at_rest(),
            EngineEvent::CooledDown { .. } => room.loaded_at(repeats.next().unwrap()),
            _ => {}
        }
    })
    .await;
    assert_eq!(ran.cool_downs(), [(1, 1), (1, 2)]);
    let hot = ran.results()[1];
    assert_eq!(hot.thermal.repeats, 2);
    assert_eq!(hot.status, CellStatus::Ok, "a flag beside a figure");
    // The coldest of the three.
    assert!((ran.ratio(1) - 1_750.0 / 1_950.0).abs() < 0.005);
    let flag = hot
        .flags
        .iter()
        .find(|f| f.kind == FlagKind::Throttled)
        .unwrap();
    assert!(flag.detail.contains("under the limit of 97.0 %"));
    assert!(flag.detail.contains("after 2 cool-downs"), "{flag:?}");
    // What was flagged is no reference: the next is held against the first.
    assert!(!ran.has_flag(2, FlagKind::Throttled));
    // Its first moments may still have read the cell before.
    assert!((ran.ratio(2) - 1_930.0 / 1_950.0).abs() < 0.012);
    let flagged: Vec<bool> = ran
        .rows()
        .iter()
        .map(|row| row.flag_kinds().contains(&FlagKind::Throttled))
        .collect();
    assert_eq!(flagged, [false, true, false]);
}

#[tokio::test]
async fn a_stop_ends_a_cool_down_at_once() {
    let mut asked = None;
    let mut ended_after = None;
    let long = [(Var::CoolDownMax, "600")];
    let ran = run(&long, "concurrency=1,2", |event, room, commands| {
        starts(event, room, &[1_950.0, 1_700.0]);
        match event {
            EngineEvent::CoolingDown { .. } => {
                room.stays_hot();
                asked = Some(Instant::now());
                commands.try_send(EngineCommand::Stop).unwrap();
            }
            EngineEvent::RunFinished { .. } => ended_after = asked.map(|at| at.elapsed()),
            _ => {}
        }
    })
    .await;
    let ended_after = ended_after.unwrap();
    assert!(ended_after < Duration::from_secs(2), "{ended_after:?}");
    assert_eq!(ran.results().len(), 1, "a resume measures the second");
    let end = ran.events.last();
    assert!(
        matches!(
            end,
            Some(EngineEvent::RunFinished {
                end: RunEnd::Stopped,
                ..
            })
        ),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_skip_ends_a_cool_down_and_keeps_what_was_measured_flagged() {
    let long = [(Var::CoolDownMax, "600")];
    let ran = run(&long, "concurrency=1,2,3", |event, room, commands| {
        starts(event, room, &[1_950.0, 1_700.0, 1_950.0]);
        if let EngineEvent::CoolingDown { .. } = event {
            room.stays_hot();
            commands.try_send(EngineCommand::SkipCell).unwrap();
        }
    })
    .await;
    let results = ran.results();
    assert_eq!(results.len(), 3);
    assert_eq!(results[1].status, CellStatus::Ok);
    assert_eq!(results[1].thermal.repeats, 0);
    let flags = &results[1].flags;
    let flag = flags.iter().find(|f| f.kind == FlagKind::Throttled);
    assert!(
        flag.unwrap().detail.contains("was not measured again"),
        "{flag:?}"
    );
    assert_eq!(ran.cool_downs(), [(1, 1)]);
    assert!(!ran.has_flag(2, FlagKind::Throttled));
}

#[tokio::test]
async fn a_pause_during_a_cool_down_holds_the_repeat() {
    let (mut samples, mut resumed) = (None, false);
    let ran = run(&[], "concurrency=1,2", |event, room, commands| {
        starts(event, room, &[1_950.0, 1_700.0]);
        match event {
            EngineEvent::CoolingDown { .. } => {
                room.stays_hot();
                samples = Some(0);
                commands.try_send(EngineCommand::Pause).unwrap();
            }
            EngineEvent::Machine(_) => {
                let Some(count) = &mut samples else {
                    return;
                };
                *count += 1;
                match *count {
                    20 => room.at_rest(),
                    60 => {
                        resumed = true;
                        commands.try_send(EngineCommand::Resume).unwrap();
                    }
                    _ => {}
                }
            }
            EngineEvent::CooledDown { waited_s, .. } => {
                assert!(resumed, "after {waited_s} s");
                samples = None;
                room.loaded_at(1_950.0);
            }
            _ => {}
        }
    })
    .await;
    assert!(resumed);
    assert_eq!(ran.results()[1].thermal.repeats, 1);
    assert!(!ran.has_flag(1, FlagKind::Throttled));
}

#[tokio::test]
async fn a_cool_down_takes_no_longer_than_it_may() {
    let short = [(Var::CoolDownMax, "1")];
    let mut waited = Vec::new();
    run(&short, "concurrency=1,2", |event, room, _| {
        starts(event, room, &[1_950.0, 1_700.0]);
        match event {
            EngineEvent::CoolingDown { .. } => room.stays_hot(),
            EngineEvent::CooledDown { waited_s, .. } => {
                waited.push(*waited_s);
                room.loaded_at(1_945.0);
            }
            _ => {}
        }
    })
    .await;
    assert_eq!(waited.len(), 1);
    assert!((1.0..3.0).contains(&waited[0]), "{waited:?}");
}

#[tokio::test]
async fn without_a_clock_only_who_asked_for_the_gate_hears_of_it() {
    let blind = Room::default();
    let told = |ran: &Ran| {
        let notices = ran.notices();
        let about = notices
            .iter()
            .filter(|(_, text)| text.contains("no GPU clock"));
        about.count()
    };
    let ran = run_in(&blind, &[], "concurrency=1,2", |_, _, _| {}).await;
    assert_eq!(told(&ran), 0);
    assert_eq!(ran.rows()[1].thermal_repeats, None);
    assert_eq!(ran.rows()[1].cool_down_s, None);
    let asked = [(Var::ThermalGate, "1")];
    let ran = run_in(&blind, &asked, "concurrency=1,2", |_, _, _| {}).await;
    assert_eq!(told(&ran), 1, "once a run");
}

#[tokio::test]
async fn a_gate_that_is_off_changes_nothing() {
    let off = [(Var::ThermalGate, "0")];
    let ran = run(&off, "concurrency=1,2", |event, room, _| {
        starts(event, room, &[1_950.0, 1_700.0]);
    })
    .await;
    assert_eq!(ran.cool_downs(), []);
    assert!(!ran.has_flag(1, FlagKind::Throttled));
    assert_eq!(ran.results()[1].thermal.clock_of_cold, None);
    // Its clock is in the file all the same.
    assert!((ran.rows()[1].gpu_clock_under_load_mhz.unwrap() - 1_700.0).abs() < 60.0);
}

#[tokio::test]
async fn a_power_source_that_changes_under_a_cell_flags_it() {
    let mut samples = None;
    let powered_by = |source: &str| MachineSample {
        power_source: Some(source.to_owned()),
        ..MachineSample::default()
    };
    let ran = run(&[], "concurrency=1,2", |event, room, _| match event {
        EngineEvent::CellStarted { cell, .. } => {
            room.set(powered_by("ac"));
            samples = (cell.index == 1).then_some(0);
        }
        EngineEvent::Machine(_) => {
            if let Some(count) = &mut samples {
                *count += 1;
                if *count == 40 {
                    room.set(powered_by("battery"));
                }
            }
        }
        _ => {}
    })
    .await;
    let flagged = [0, 1].map(|cell| ran.has_flag(cell, FlagKind::Disturbed));
    assert_eq!(flagged, [false, true]);
    let flags = &ran.results()[1].flags;
    let told = flags
        .iter()
        .any(|f| f.detail.contains("went from ac to battery"));
    assert!(told, "{flags:?}");
    assert_eq!(ran.results()[1].status, CellStatus::Ok);
}
