//! The window draws when there is something new to show, and not more often than it may.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use egui::{Context, FullOutput, Pos2, RawInput, Rect, ViewportId, vec2};

use super::command::AppCommand;
use super::lab::{Lab, REPAINT_AFTER};
use super::pages::run::RunView;
use super::run_state::RunState;
use crate::engine::event::{EngineEvent, LiveSnapshot};
use crate::store::testing::{finished, plan, result};

/// Quiet frames in a row that make a quiet window.
const QUIET: u32 = 8;

struct Window {
    context: Context,
    lab: Lab,
    frames: u32,
    _folder: tempfile::TempDir,
}

impl Window {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let results = folder.path().join("results").to_string_lossy().into_owned();
        let environment = vec![("MLX_RESULTS_DIR".to_owned(), results)];
        let context = Context::default();
        let data = folder.path().join("data");
        let lab = Lab::in_folder(&context, None, Some(&data), environment).expect("a window");
        Self {
            context,
            lab,
            frames: 0,
            _folder: folder,
        }
    }

    /// One frame as the app draws it; gives when the next is asked for.
    fn frame(&mut self) -> Duration {
        self.frames += 1;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1180.0, 760.0))),
            time: Some(f64::from(self.frames) * 0.25),
            predicted_dt: 0.25,
            ..RawInput::default()
        };
        let lab = &mut self.lab;
        lab.drain();
        lab.keep(&self.context);
        let mut output: FullOutput = self.context.run_ui(input, |ui| lab.draw(ui));
        // There is no screen to bring them to.
        output.textures_delta.clear();
        output.viewport_output[&ViewportId::ROOT].repaint_delay
    }

    /// Draws until nothing more is asked for, once the work in the background has ended.
    fn settle(&mut self, what: &str) {
        let give_up = Instant::now() + Duration::from_mins(2);
        let mut quiet = 0;
        while quiet < QUIET {
            assert!(Instant::now() < give_up, "{what} is never quiet");
            // Asked before the frame, which takes what was told by then.
            let idle = self.lab.backend.is_idle();
            quiet = match self.frame() {
                Duration::MAX if idle => quiet + 1,
                _ => 0,
            };
        }
    }

    /// Every repaint that is asked for from now on, with its delay.
    fn listen(&self) -> Arc<Mutex<Vec<Duration>>> {
        let heard: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let tell = Arc::clone(&heard);
        self.context.set_request_repaint_callback(move |asked| {
            tell.lock().expect("no panic").push(asked.delay);
        });
        heard
    }
}

#[test]
fn no_page_asks_for_a_repaint_while_nothing_changes() {
    let mut window = Window::new();
    window.lab.run = Some(RunView::new(running(&window)));
    for (page, command) in [
        ("Run", AppCommand::ShowRun),
        ("Results", AppCommand::ShowResults),
        ("Compare", AppCommand::ShowCompare),
        ("Models", AppCommand::ShowModels),
        ("Environment", AppCommand::ShowEnvironment),
    ] {
        window.lab.command(command);
        window.settle(page);
    }
    window.lab.run = None;
    window.lab.command(AppCommand::ShowRun);
    window.settle("the Run page without a run");
}

/// A run whose first cell is measured.
fn running(window: &Window) -> RunState {
    let mut state = RunState::new();
    let plan = plan(&window.lab.results_dir(), 4);
    let cell = plan.cells[0].clone();
    for event in [
        EngineEvent::RunStarted {
            plan: Box::new(plan),
            already_done: 0,
            started_at: jiff::Timestamp::UNIX_EPOCH,
        },
        EngineEvent::CellStarted {
            cell,
            done: 0,
            total: 4,
        },
    ] {
        state.apply(&event);
    }
    state
}

#[test]
fn a_burst_of_events_asks_for_one_repaint_a_quarter_of_a_second_later() {
    let mut window = Window::new();
    window.settle("the Run page");
    let heard = window.listen();
    let wake = window.lab.backend.wake();
    for burst in 1..=3 {
        let wake = Arc::clone(&wake);
        let engine = std::thread::spawn(move || {
            for _ in 0..1000 {
                wake();
            }
        });
        engine.join().expect("the burst ends");
        let asked = heard.lock().expect("no panic").clone();
        assert_eq!(asked, vec![REPAINT_AFTER; burst]);
        assert_eq!(window.frame(), Duration::MAX, "drawn once for all of it");
    }
}

#[test]
fn a_cell_that_is_measured_is_not_drawn_faster_than_its_figures_come() {
    let mut window = Window::new();
    let cells = plan(&window.lab.results_dir(), 4).cells;
    let mut state = running(&window);
    // The first finished cell brings its panel, which finds its size in a frame more.
    state.apply(&finished(result(&cells[0])));
    state.apply(&EngineEvent::CellStarted {
        cell: cells[1].clone(),
        done: 1,
        total: 4,
    });
    window.lab.run = Some(RunView::new(state));
    window.settle("the Run page");
    for step in 1..=40_u32 {
        let view = window.lab.run.as_mut().expect("set above");
        view.state.live(&LiveSnapshot {
            cell: Some(cells[1].clone()),
            elapsed_s: 30.0 + f64::from(step) * 0.25,
            tokens_per_second: Some(100.0 + f64::from(step)),
            ..LiveSnapshot::default()
        });
        view.update();
        let next = window.frame();
        assert!(next >= REPAINT_AFTER, "step {step} asks for {next:?}");
    }
}
