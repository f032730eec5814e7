//! What the window's code costs: one frame of each page and tab with a run of 10,000 cells, without
//! a graphics card, and what a finished cell costs between two frames.
//!
//! `cargo bench --bench window`

use std::path::Path;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use egui::{Context, Event, FullOutput, Modifiers, PointerButton, Pos2, RawInput, Rect, Ui, vec2};
use mlx_throughput_lab::app::Lab;
use mlx_throughput_lab::app::pages::run::form::{Facts, FormModel, Presets};
use mlx_throughput_lab::app::pages::run::{self, RunView};
use mlx_throughput_lab::app::run_state::RunState;
use mlx_throughput_lab::app::theme;
use mlx_throughput_lab::engine::event::{CellResult, EngineEvent};
use mlx_throughput_lab::measure::figures::{Figures, Mode, Percentiles};
use mlx_throughput_lab::plan::{
    Balancer, Cell, LoadPoint, ModelRef, Plan, RunKind, ServerOptions, ServerPoint, WindowRule,
    Workload,
};
use mlx_throughput_lab::store::row::CellRow;

const CELLS: u32 = 10_000;

fn cell(n: u32) -> Cell {
    Cell {
        index: n,
        point: ServerPoint {
            instances: n / 2_500 + 1,
            decode_concurrency: Some(n / 25 % 10 + 1),
            prompt_concurrency: Some(n / 250 % 10 + 1),
            flags: Vec::new(),
        },
        load: LoadPoint {
            concurrency: n % 25 + 1,
            requests: None,
            max_tokens: 64,
            prompt_tokens: None,
        },
        repeat: 1,
    }
}

fn plan() -> Plan {
    Plan {
        kind: RunKind::FullSweep,
        model: ModelRef {
            path: "models/tiny".to_owned(),
            label: "synthetic:tiny".to_owned(),
            synthetic: true,
        },
        workload: Workload {
            prompt: "Say hello.".to_owned(),
            temperature: 0.3,
            stream: true,
            mode: Mode::Sustained,
            identical_prompts: false,
            window: WindowRule {
                min_s: 10.0,
                min_e2e: 3.0,
                min_completions: 64,
                max_s: 60.0,
            },
            warmup_requests: 2,
            request_timeout_s: 120.0,
            retry_attempts: 8,
            retry_sleep_s: 0.5,
        },
        servers: ServerOptions {
            env: std::collections::BTreeMap::new(),
            host: "127.0.0.1".to_owned(),
            port: None,
            base_port: 9000,
            nginx_port: 8088,
            balancer: Balancer::Nginx,
            args: Vec::new(),
            backlog: None,
            ready_timeout_s: 180.0,
            bind_timeout_s: 180.0,
            startup_delay_s: None,
            watchdog_s: 60.0,
            attached: None,
        },
        cells: (0..CELLS).map(cell).collect(),
        continue_on_error: true,
        cell_pause_s: 0.0,
        settings: Vec::new(),
        notices: Vec::new(),
        results_dir: "results".into(),
    }
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
fn figures(n: u32) -> Figures {
    let load = f64::from(n % 25 + 1);
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
    }
}

fn result(n: u32) -> CellResult {
    CellResult {
        figures: Some(figures(n)),
        ..CellResult::begin(cell(n), Balancer::Nginx)
    }
}

fn finished(n: u32) -> EngineEvent {
    EngineEvent::CellFinished {
        result: Box::new(result(n)),
        done: n + 1,
        total: CELLS,
        elapsed_s: f64::from(n) * 30.0,
        left_s: Some(f64::from(CELLS - n) * 30.0),
    }
}

/// A run of which all cells but the last have ended.
fn state() -> RunState {
    let mut state = RunState::new();
    state.apply(&EngineEvent::RunStarted {
        plan: Box::new(plan()),
        already_done: 0,
        started_at: jiff::Timestamp::now(),
    });
    for n in 0..CELLS - 1 {
        state.apply(&finished(n));
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

    /// Clicks what a screen reader calls `label`.
    fn click(&mut self, label: &str, draw: &mut dyn FnMut(&mut Ui)) {
        self.context.enable_accesskit();
        let mut output = self.frame(Vec::new(), draw);
        self.context.disable_accesskit();
        let nodes = output.platform_output.accesskit_update.take();
        let nodes = nodes.expect("a tree was asked for").nodes;
        let named = nodes
            .iter()
            .find(|(_, node)| node.label() == Some(label) && node.bounds().is_some());
        let (_, node) = named.unwrap_or_else(|| panic!("nothing is called {label:?}"));
        let bounds = node.bounds().expect("it was looked for");
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
    let mut view = RunView::new(state());
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
    for n in 0..CELLS {
        file.serialize(CellRow::new(&result(n), &plan))
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
    let lab = Lab::in_folder(&context, Some(&csv), Some(&data), environment);
    let mut lab = lab.expect("a window");
    let mut window = Window::new(context);
    let mut draw = |ui: &mut Ui| {
        lab.drain();
        lab.draw(ui);
    };
    // The file is read, and the machine looked at, in the background.
    for _ in 0..50 {
        window.frame(Vec::new(), &mut draw);
        std::thread::sleep(Duration::from_millis(100));
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
    let mut view = RunView::new(state());
    folds.bench_function("a finished cell", |bencher| {
        bencher.iter_batched(
            || finished(CELLS - 1),
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
