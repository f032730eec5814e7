//! What the window's code costs: one frame of each page and tab with a run of 10,000 cells, without
//! a graphics card, and what a finished cell costs between two frames.
//!
//! `cargo bench --bench window`

use std::path::Path;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use egui::accesskit::Rect as Bounds;
use egui::{Context, Event, FullOutput, Modifiers, PointerButton, Pos2, RawInput, Rect, Ui, vec2};
use mlx_throughput_lab::app::Lab;
use mlx_throughput_lab::app::pages::run::form::{Facts, FormModel, Presets};
use mlx_throughput_lab::app::pages::run::{self, RunView};
use mlx_throughput_lab::app::run_state::RunState;
use mlx_throughput_lab::app::theme;
use mlx_throughput_lab::engine::event::{CellResult, EngineEvent};
use mlx_throughput_lab::measure::figures::{Figures, Intervals, Mode, Percentiles};
use mlx_throughput_lab::measure::interval::Interval;
use mlx_throughput_lab::plan::{self, Balancer, Cell, Inputs, ModelRef, Plan, RunKind};
use mlx_throughput_lab::settings::{Settings, Sources};
use mlx_throughput_lab::store::row::CellRow;

const CELLS: usize = 10_000;

/// 4 × 10 × 10 × 25 cells, as `sweep full` builds them.
fn plan() -> Plan {
    let settings = Settings::resolve(&Sources {
        environment: [
            ("MLX_INSTANCES_LIST", "1..4+1"),
            ("MLX_DECODE_CONCURRENCY_LIST", "1..10+1"),
            ("MLX_PROMPT_CONCURRENCY_LIST", "1..10+1"),
            ("MLX_CONCURRENCY_LIST", "1..25+1"),
        ]
        .map(|(name, list)| (name.to_owned(), list.to_owned()))
        .into(),
        ..Sources::default()
    });
    let plan = plan::build(Inputs {
        kind: RunKind::FullSweep,
        settings: &settings.expect("these are lists"),
        axes: &[],
        model: ModelRef {
            path: "models/tiny".to_owned(),
            label: "synthetic:tiny".to_owned(),
            synthetic: true,
        },
        known_flags: None,
        nginx_found: true,
        cores: 2,
        drawn_seed: None,
    });
    let plan = plan.expect("a sweep of what the server can do");
    assert_eq!(plan.cells.len(), CELLS);
    plan
}

/// Between 0 and 1, other for each `n`.
fn scattered(n: u32) -> f64 {
    f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)
}

fn percentiles(base_s: f64) -> Percentiles {
    Percentiles {
        n: 700,
        mean_s: Some(base_s),
        p50_s: Some(base_s),
        p90_s: Some(base_s * 1.2),
        p95_s: Some(base_s * 1.3),
        p99_s: Some(base_s * 1.5),
        max_s: Some(base_s * 2.0),
    }
}

/// More requests in flight give more tokens per second and longer waits, as on a real machine.
fn figures(cell: &Cell) -> Figures {
    let (n, load) = (cell.index, f64::from(cell.load.concurrency));
    let throughput_tps = (60.0 + 30.0 * scattered(n)) * load.sqrt();
    Figures {
        mode: Mode::Sustained,
        requests: 700,
        errors: [].into(),
        throughput_tps,
        total_tokens: 8_192,
        elapsed_s: 23.6,
        batch_tps: throughput_tps,
        window_s: Some(20.0),
        window_tokens: Some(throughput_tps * 20.0),
        window_completions: Some(110),
        window_capped: false,
        ttft: percentiles(0.02 * load * (1.0 + scattered(n + 1))),
        tpot: percentiles(load / throughput_tps),
        itl: percentiles(load / throughput_tps),
        e2e: percentiles(64.0 * load / throughput_tps),
        connect: percentiles(0.000_1),
        dispatch_lag: Percentiles::default(),
        tps_per_user: throughput_tps / load,
        prompt_tokens: 4_000,
        cached_tokens: None,
        mean_output_tokens: Some(64.0),
        stopped_early: Some(0.0),
        connect_retries: 0,
        connect_retry_s: 0.0,
        per_instance: [(0, 700)].into(),
        intervals: Intervals {
            throughput_tps: Interval::new(throughput_tps * 0.98, throughput_tps * 1.02),
            ..Intervals::default()
        },
    }
}

fn result(cell: &Cell) -> CellResult {
    CellResult {
        figures: Some(figures(cell)),
        ..CellResult::begin(cell.clone(), Balancer::Nginx)
    }
}

fn finished(cell: &Cell) -> EngineEvent {
    let done = cell.index + 1;
    EngineEvent::CellFinished {
        result: Box::new(result(cell)),
        done,
        total: CELLS as u32,
        elapsed_s: f64::from(done) * 30.0,
        left_s: Some((CELLS as f64 - f64::from(done)) * 30.0),
    }
}

/// A run of which all cells but the last have ended.
fn state(plan: &Plan) -> RunState {
    let mut state = RunState::new();
    state.apply(&EngineEvent::RunStarted {
        plan: Box::new(plan.clone()),
        already_done: 0,
        started_at: jiff::Timestamp::now(),
    });
    for cell in &plan.cells[..CELLS - 1] {
        state.apply(&finished(cell));
    }
    state
}

/// A window without a screen.
struct Window {
    context: Context,
    time_s: f64,
}

impl Window {
    fn new(context: Context) -> Self {
        let mut window = Self {
            context,
            time_s: 0.0,
        };
        // Fonts and glyphs are loaded in the first frames.
        window.frame(Vec::new(), &mut |_| {});
        window
    }

    fn frame(&mut self, events: Vec<Event>, draw: &mut dyn FnMut(&mut Ui)) -> FullOutput {
        self.time_s += 0.25;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1440.0, 900.0))),
            time: Some(self.time_s),
            predicted_dt: 0.25,
            focused: true,
            events,
            ..RawInput::default()
        };
        let mut output = self.context.run_ui(input, |ui| draw(ui));
        // There is no screen to bring them to.
        output.textures_delta.clear();
        output
    }

    /// Where that is which a screen reader calls `label`.
    fn find(&mut self, label: &str, draw: &mut dyn FnMut(&mut Ui)) -> Option<Bounds> {
        self.context.enable_accesskit();
        let mut output = self.frame(Vec::new(), draw);
        self.context.disable_accesskit();
        let tree = output.platform_output.accesskit_update.take();
        let nodes = tree.expect("a tree was asked for").nodes;
        let mut named = nodes.iter().filter(|(_, node)| node.label() == Some(label));
        named.find_map(|(_, node)| node.bounds())
    }

    fn click(&mut self, label: &str, draw: &mut dyn FnMut(&mut Ui)) {
        let bounds = self.find(label, draw);
        let bounds = bounds.unwrap_or_else(|| panic!("nothing is called {label:?}"));
        let middle = |a: f64, b: f64| f64::midpoint(a, b) as f32;
        let pos = Pos2::new(middle(bounds.x0, bounds.x1), middle(bounds.y0, bounds.y1));
        let button = |pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.frame(vec![Event::PointerMoved(pos)], draw);
        self.frame(vec![button(true)], draw);
        self.frame(vec![button(false), Event::PointerGone], draw);
        for _ in 0..3 {
            self.frame(Vec::new(), draw);
        }
    }

    fn bench(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        draw: &mut dyn FnMut(&mut Ui),
    ) {
        let output = self.frame(Vec::new(), draw);
        println!("{name}: {} shapes", output.shapes.len());
        group.bench_function(name, |bencher| {
            bencher.iter_with_large_drop(|| self.frame(Vec::new(), draw));
        });
    }
}

fn run_page(group: &mut BenchmarkGroup<'_, WallTime>) {
    let context = Context::default();
    theme::install(&context);
    let mut window = Window::new(context);
    let mut form = FormModel::new(Facts::default(), Presets::default(), None);
    let mut view = RunView::new(state(&plan()));
    let mut draw = |ui: &mut Ui| {
        run::show(ui, &mut form, Some(&mut view), &mut |_| false);
    };
    for tab in ["Heatmap", "Lines", "Pareto", "Cells", "Plots", "Log"] {
        window.click(tab, &mut draw);
        window.bench(group, &format!("run page, {tab}"), &mut draw);
    }
}

/// The run's rows in a file, as the recorder writes them.
fn file(path: &Path) {
    let mut file = csv::Writer::from_path(path).expect("a file");
    let plan = plan();
    for cell in &plan.cells {
        file.serialize(CellRow::new(&result(cell), &plan))
            .expect("a row");
    }
    file.flush().expect("room in the temporary folder");
}

fn pages(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = folder.path().join("full_sweep_bench.csv");
    file(&csv);
    let results = folder.path().join("results").to_string_lossy().into_owned();
    let environment = vec![("MLX_RESULTS_DIR".to_owned(), results)];
    let context = Context::default();
    let data = folder.path().join("data");
    let (ask, asked) = std::sync::mpsc::channel();
    context.set_request_repaint_callback(move |_| {
        // Nobody listens any more once the pages are drawn.
        let _ = ask.send(());
    });
    let lab = Lab::in_folder(&context, Some(&csv), Some(&data), environment);
    let mut lab = lab.expect("a window");
    let mut window = Window::new(context);
    let mut draw = |ui: &mut Ui| {
        lab.drain();
        lab.draw(ui);
    };
    // The file is read in the background, and what is done there asks for a frame.
    while window.find("Heatmap", &mut draw).is_none() {
        let limit = Duration::from_mins(1);
        asked.recv_timeout(limit).expect("the file is read");
    }
    for tab in ["Heatmap", "Lines", "Pareto", "Table", "Machine", "Details"] {
        window.click(tab, &mut draw);
        window.bench(group, &format!("results page, {tab}"), &mut draw);
    }
    for page in ["Compare", "Models", "Environment", "Run"] {
        window.click(page, &mut draw);
        window.bench(group, &format!("window, {page}"), &mut draw);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut frames = criterion.benchmark_group("frame");
    frames
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    run_page(&mut frames);
    pages(&mut frames);
    frames.finish();
    let mut folds = criterion.benchmark_group("between frames");
    folds
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    let plan = plan();
    let last = plan.cells.last().expect("there are cells");
    let mut view = RunView::new(state(&plan));
    folds.bench_function("a finished cell", |bencher| {
        bencher.iter_batched(
            || finished(last),
            |event| {
                view.state.apply(&event);
                view.update();
            },
            BatchSize::SmallInput,
        );
    });
    folds.finish();
    criterion.final_summary();
}
