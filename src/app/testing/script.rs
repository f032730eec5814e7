//! An engine that measures nothing: a test writes its events, and reads what the window asks of it.
//! What it tells is recorded as the engine's own events are, so that a run has its files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{mpsc, watch};

use crate::app::backend::Started;
use crate::app::lab::Lab;
use crate::engine::Handle;
use crate::engine::command::EngineCommand;
use crate::engine::event::{
    CellResult, CellStatus, EngineEvent, LiveSnapshot, NoticeLevel, Reference, RunEnd, RunTimes,
};
use crate::measure::figures::{Flag, FlagKind};
use crate::monitor::sample::MachineSample;
use crate::plan::Plan;
use crate::platform::keep_awake::KeepAwake;
use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;
use crate::store::testing;

/// How long each scripted cell takes on the run's clock, in seconds.
const CELL_S: f64 = 12.0;
/// As the engine's own queues.
const EVENTS: usize = 1024;
const COMMANDS: usize = 16;

/// The run of a window, played by a test. Each call is a line of the script; the window hears it
/// in its next frame.
#[derive(Clone, Default)]
pub(in crate::app) struct Script {
    run: Arc<Mutex<Option<Run>>>,
    /// How often the machine was let go to sleep.
    released: Arc<AtomicU32>,
}

/// When and where a scripted run is recorded.
#[derive(Clone)]
pub(in crate::app) struct Setting {
    pub moment: jiff::ZonedDateTime,
    /// In place of the plan's.
    pub results_dir: Option<PathBuf>,
    pub provenance: Provenance,
}

struct Run {
    plan: Plan,
    recorder: Recorder,
    events: mpsc::Sender<EngineEvent>,
    live: watch::Sender<LiveSnapshot>,
    commands: mpsc::Receiver<EngineCommand>,
    heard: Vec<EngineCommand>,
    running: Option<usize>,
    /// A finished cell that is measured again.
    reference: Option<usize>,
    done: u32,
    elapsed_s: f64,
    best: Option<CellResult>,
}

impl Script {
    /// The window's next run follows the script.
    pub(in crate::app) fn of(lab: &mut Lab) -> Self {
        Self::set_in(
            lab,
            Setting {
                moment: jiff::ZonedDateTime::now(),
                results_dir: None,
                provenance: Provenance::default(),
            },
        )
    }

    /// As [`Script::of`], at another time and place.
    pub(in crate::app) fn set_in(lab: &mut Lab, setting: Setting) -> Self {
        let script = Self::default();
        let taken = script.clone();
        lab.backend.stand_in = Some(Arc::new(move |plan| taken.take_on(plan, setting.clone())));
        script
    }

    fn take_on(&self, mut plan: Plan, setting: Setting) -> Started {
        let now = setting.moment;
        if let Some(dir) = setting.results_dir {
            plan.results_dir = dir;
        }
        let recorder = Recorder::create(&plan, setting.provenance, &now).expect("a new run");
        let csv = recorder.files().csv().to_owned();
        let (events, hears) = mpsc::channel(EVENTS);
        let (asks, commands) = mpsc::channel(COMMANDS);
        let (live, sees) = watch::channel(LiveSnapshot::default());
        let mut run = Run {
            plan,
            recorder,
            events,
            live,
            commands,
            heard: Vec::new(),
            running: None,
            reference: None,
            done: 0,
            elapsed_s: 0.0,
            best: None,
        };
        run.tell(EngineEvent::RunStarted {
            plan: Box::new(run.plan.clone()),
            already_done: 0,
            started_at: now.timestamp(),
        });
        *self.run.lock().expect("no test has panicked in it") = Some(run);
        Started {
            handle: Handle::scripted(hears, sees, asks),
            csv,
            _awake: Some(self.keeps_awake()),
        }
    }

    fn keeps_awake(&self) -> KeepAwake {
        let released = Arc::clone(&self.released);
        KeepAwake::until(Box::new(move || {
            released.fetch_add(1, Ordering::SeqCst);
        }))
    }

    /// How often what keeps the machine awake was released.
    pub(in crate::app) fn released(&self) -> u32 {
        self.released.load(Ordering::SeqCst)
    }

    /// The engine's thread panics: no more events come, and no end.
    pub(in crate::app) fn vanishes(&self) {
        *self.lock() = None;
    }

    fn line(&self, line: impl FnOnce(&mut Run)) -> &Self {
        let mut run = self.lock();
        line(run.as_mut().expect("a run that was started"));
        drop(run);
        self
    }

    fn lock(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().expect("no test has panicked in it")
    }

    /// What the window wanted to be run.
    pub(in crate::app) fn plan(&self) -> Plan {
        self.lock().as_ref().expect("a run").plan.clone()
    }

    pub(in crate::app) fn csv(&self) -> PathBuf {
        let run = self.lock();
        run.as_ref()
            .expect("a run")
            .recorder
            .files()
            .csv()
            .to_owned()
    }

    /// `cell` is a position in the plan, here and below.
    pub(in crate::app) fn cell_starts(&self, cell: usize) -> &Self {
        self.line(|run| {
            run.running = Some(cell);
            run.tell(EngineEvent::CellStarted {
                cell: run.plan.cells[cell].clone(),
                done: run.done,
                total: run.total(),
            });
        })
    }

    /// The running cell's figure of this moment, `after_s` seconds from its start.
    pub(in crate::app) fn live(&self, throughput_tps: f64, after_s: f64) -> &Self {
        self.line(|run| {
            let running = run.running.or(run.reference).expect("a running cell");
            run.live.send_replace(LiveSnapshot {
                cell: Some(run.plan.cells[running].clone()),
                in_flight: run.plan.cells[running].load.concurrency,
                completed: 7,
                failed: 0,
                tokens_per_second: Some(throughput_tps),
                elapsed_s: after_s,
            });
        })
    }

    /// Any event that no other line is for.
    pub(in crate::app) fn tells(&self, event: EngineEvent) -> &Self {
        self.line(|run| run.tell(event))
    }

    /// A finished cell is measured again.
    pub(in crate::app) fn reference_starts(&self, cell: usize) -> &Self {
        self.line(|run| {
            run.reference = Some(cell);
            let cell = run.plan.cells[cell].clone();
            run.tell(EngineEvent::ReferenceStarted { cell });
        })
    }

    /// It gave `again_tps` instead of `first_tps`; what is `drifted` is flagged.
    pub(in crate::app) fn reference_ends(
        &self,
        [first_tps, again_tps]: [f64; 2],
        drifted: &[u32],
    ) -> &Self {
        self.line(|run| {
            run.live.send_replace(LiveSnapshot::default());
            let reference = Reference {
                cell: run.reference.take().expect("a reference") as u32,
                first_tps,
                again_tps,
                change: again_tps / first_tps - 1.0,
                after_s: run.elapsed_s,
                limit: 0.03,
                drifted: drifted.to_vec(),
                at: jiff::Timestamp::now(),
            };
            let level = NoticeLevel::Warning;
            let text = reference.sentence();
            run.tell(EngineEvent::Notice { level, text });
            let reference = Box::new(reference);
            run.tell(EngineEvent::ReferenceMeasured { reference });
        })
    }

    /// One reading of the machine, at this moment of the run; shares from 0 to 1.
    pub(in crate::app) fn machine(&self, cpu: f64, gpu: f64) -> &Self {
        self.machine_reads(0.0, |sample| {
            sample.cpu = Some(cpu);
            sample.gpu = Some(gpu);
        })
    }

    /// One reading of the machine, `after_s` seconds from the last cell's end; `fill` says what it
    /// has sensors for.
    pub(in crate::app) fn machine_reads(
        &self,
        after_s: f64,
        fill: impl FnOnce(&mut MachineSample),
    ) -> &Self {
        self.line(|run| {
            let mut sample = MachineSample {
                at_s: run.elapsed_s + after_s,
                ..MachineSample::default()
            };
            fill(&mut sample);
            run.tell(EngineEvent::Machine(Box::new(sample)));
        })
    }

    /// Starts and ends a cell.
    pub(in crate::app) fn cell_ends(&self, cell: usize, throughput_tps: f64) -> &Self {
        self.cell_ends_as(cell, |result| {
            if let Some(figures) = &mut result.figures {
                figures.throughput_tps = throughput_tps;
                figures.tps_per_user = throughput_tps / f64::from(result.cell.load.concurrency);
            }
        })
    }

    /// As [`Script::cell_ends`], with all that `measure` puts into its result.
    pub(in crate::app) fn cell_ends_as(
        &self,
        cell: usize,
        measure: impl FnOnce(&mut CellResult),
    ) -> &Self {
        self.start_if_needed(cell).line(|run| {
            let mut result = run.result(cell);
            measure(&mut result);
            run.finish(result);
        })
    }

    /// A figure that must not be used: more requests failed than may.
    pub(in crate::app) fn cell_is_invalid(
        &self,
        cell: usize,
        throughput_tps: f64,
        why: &str,
    ) -> &Self {
        self.start_if_needed(cell).line(|run| {
            let mut result = run.result(cell);
            result.status = CellStatus::Invalid;
            result.flags = vec![Flag {
                kind: FlagKind::TooManyErrors,
                detail: why.to_owned(),
            }];
            if let Some(figures) = &mut result.figures {
                figures.throughput_tps = throughput_tps;
            }
            run.finish(result);
        })
    }

    /// `why` is what the engine would tell of it.
    pub(in crate::app) fn cell_fails(&self, cell: usize, why: &str) -> &Self {
        self.start_if_needed(cell).line(|run| {
            let result = run.result(cell);
            run.finish(CellResult {
                error: Some(why.to_owned()),
                ..testing::failed(&result.cell)
            });
        })
    }

    pub(in crate::app) fn ends(&self, end: RunEnd) -> &Self {
        self.line(|run| run.end(end))
    }

    /// What the window has asked for since the last time.
    pub(in crate::app) fn heard(&self) -> Vec<EngineCommand> {
        let mut heard = Vec::new();
        self.line(|run| {
            run.hear();
            heard = std::mem::take(&mut run.heard);
        });
        heard
    }

    /// Does what the window has asked for, as the engine does, and gives what that was.
    pub(in crate::app) fn obeys(&self) -> Vec<EngineCommand> {
        let heard = self.heard();
        for command in &heard {
            match command {
                EngineCommand::SkipCell => self.skips(),
                EngineCommand::Stop => {
                    self.ends(RunEnd::Stopped);
                }
                // It waits after the running cell: nothing is told of that.
                EngineCommand::Pause | EngineCommand::Resume => {}
            }
        }
        heard
    }

    fn skips(&self) {
        self.line(|run| {
            if let Some(cell) = run.reference.take() {
                run.live.send_replace(LiveSnapshot::default());
                let (cell, why) = (cell as u32, "skipped".to_owned());
                run.tell(EngineEvent::ReferenceLost { cell, why });
                return;
            }
            let cell = run.running.expect("a running cell");
            let result = CellResult {
                status: CellStatus::Skipped,
                figures: None,
                flags: Vec::new(),
                error: Some("skipped".to_owned()),
                ..run.result(cell)
            };
            run.finish(result);
        });
    }

    fn start_if_needed(&self, cell: usize) -> &Self {
        let running = self.lock().as_ref().and_then(|run| run.running);
        if running == Some(cell) {
            self
        } else {
            self.cell_starts(cell)
        }
    }
}

impl Run {
    fn total(&self) -> u32 {
        self.plan.cells.len() as u32
    }

    fn result(&self, cell: usize) -> CellResult {
        CellResult {
            flags: Vec::new(),
            ..testing::result(&self.plan.cells[cell])
        }
    }

    /// On disk first, then told, as the engine does it.
    fn tell(&mut self, event: EngineEvent) {
        self.recorder.record(&event).expect("a disk with space");
        self.events.try_send(event).expect("a window that listens");
    }

    fn finish(&mut self, result: CellResult) {
        self.running = None;
        self.live.send_replace(LiveSnapshot::default());
        self.done += 1;
        self.elapsed_s += CELL_S;
        let left = self.total() - self.done;
        let valid = result.status == CellStatus::Ok;
        let before = self.best.as_ref().and_then(CellResult::throughput_tps);
        if valid && result.throughput_tps() > before {
            self.best = Some(result.clone());
        }
        self.tell(EngineEvent::CellFinished {
            result: Box::new(result),
            done: self.done,
            total: self.total(),
            elapsed_s: self.elapsed_s,
            left_s: Some(f64::from(left) * CELL_S),
        });
    }

    fn end(&mut self, end: RunEnd) {
        let best = self.best.take().map(Box::new);
        let times = RunTimes {
            total_s: self.elapsed_s,
            ..RunTimes::default()
        };
        self.tell(EngineEvent::RunFinished { end, best, times });
    }

    fn hear(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.heard.push(command);
        }
    }
}
