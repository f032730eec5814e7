//! What the window's code costs: one frame of each page and tab with a run of 10,000 cells, with a
//! file of 1,000,000 rows and with two runs of 10,000 cells compared, without a graphics card; and what a
//! finished cell costs between two frames.
//!
//! `cargo bench --bench window`; `-- million` and `-- compared` for those alone.

mod support;

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use egui::accesskit::Rect as Bounds;
use egui::{
    Context, Event, FullOutput, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton,
    Pos2, RawInput, Rect, TouchPhase, Ui, vec2,
};
use mlx_throughput_lab::app::Lab;
use mlx_throughput_lab::app::heat;
use mlx_throughput_lab::app::pages::run::form::{Facts, FormModel, Presets};
use mlx_throughput_lab::app::pages::run::{self, RunView};
use mlx_throughput_lab::app::run_state::RunState;
use mlx_throughput_lab::app::theme;
use mlx_throughput_lab::app::widgets::heatmap::Layout;
use mlx_throughput_lab::board::Layer;
use mlx_throughput_lab::engine::event::{CellResult, EngineEvent};
use mlx_throughput_lab::measure::figures::{Figures, Intervals, Mode, Percentiles};
use mlx_throughput_lab::measure::interval::Interval;
use mlx_throughput_lab::plan::{self, Balancer, Cell, Inputs, ModelRef, Plan, RunKind};
use mlx_throughput_lab::settings::{Settings, Sources};
use mlx_throughput_lab::store::row::CellRow;

use self::support::scattered;

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
        window_trimmed_s: 0.0,
        unsteady: None,
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
        ttft_split: None,
        flow: None,
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

    /// Where that is whose name to a screen reader is `name`, else begins with it.
    fn find(&mut self, name: &str, draw: &mut dyn FnMut(&mut Ui)) -> Option<Bounds> {
        self.context.enable_accesskit();
        let mut output = self.frame(Vec::new(), draw);
        self.context.disable_accesskit();
        let tree = output.platform_output.accesskit_update.take();
        let nodes = tree.expect("a tree was asked for").nodes;
        let find = |is_named: &dyn Fn(&str) -> bool| {
            let named = |text: Option<&str>| text.is_some_and(is_named);
            let mut nodes = nodes
                .iter()
                .filter(|(_, node)| named(node.label()) || named(node.value()));
            nodes.find_map(|(_, node)| node.bounds())
        };
        find(&|text| text == name).or_else(|| find(&|text| text.starts_with(name)))
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
        self.bench_with(group, name, &mut Vec::new, draw);
    }

    /// As [`Window::bench`], with what the user does in each frame.
    fn bench_with(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        events: &mut dyn FnMut() -> Vec<Event>,
        draw: &mut dyn FnMut(&mut Ui),
    ) {
        let output = self.frame(Vec::new(), draw);
        println!("{name}: {} shapes", output.shapes.len());
        group.bench_function(name, |bencher| {
            bencher.iter_with_large_drop(|| self.frame(events(), draw));
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

/// The run's rows in a file, as the recorder writes them; tokens per second times `factor`.
fn file(path: &Path, factor: f64) {
    let mut file = csv::Writer::from_path(path).expect("a file");
    let plan = plan();
    for cell in &plan.cells {
        let mut row = CellRow::new(&result(cell), &plan);
        row.throughput_tps *= factor;
        file.serialize(row).expect("a row");
    }
    file.flush().expect("room in the temporary folder");
}

/// The app in a window without a screen, with its files in a folder of its own.
struct App {
    window: Window,
    lab: Lab,
    /// Work in the background asks for a frame.
    asked: Receiver<()>,
    /// The longest that what came of such work has held a frame up.
    longest: Duration,
}

impl App {
    fn open(folder: &Path, csv: Option<&Path>) -> Self {
        let results = folder.join("results").to_string_lossy().into_owned();
        let environment = vec![("MLX_RESULTS_DIR".to_owned(), results)];
        let context = Context::default();
        let (ask, asked) = std::sync::mpsc::channel();
        context.set_request_repaint_callback(move |_| {
            // Nobody listens any more once the pages are drawn.
            let _ = ask.send(());
        });
        let data = folder.join("data");
        let lab = Lab::in_folder(&context, csv, Some(&data), environment);
        Self {
            window: Window::new(context),
            lab: lab.expect("a window"),
            asked,
            longest: Duration::ZERO,
        }
    }

    /// Until something is shown whose name begins with `name`.
    fn wait_for(&mut self, name: &str) {
        let Self {
            window,
            lab,
            asked,
            longest,
        } = self;
        let mut draw = |ui: &mut Ui| {
            let begun = Instant::now();
            lab.drain();
            *longest = (*longest).max(begun.elapsed());
            lab.draw(ui);
        };
        while window.find(name, &mut draw).is_none() {
            let limit = Duration::from_mins(1);
            asked.recv_timeout(limit).expect("it comes in the end");
        }
    }

    fn click(&mut self, name: &str) {
        let lab = &mut self.lab;
        self.window.click(name, &mut |ui| {
            lab.drain();
            lab.draw(ui);
        });
    }

    fn bench(&mut self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
        self.bench_with(group, name, &mut Vec::new);
    }

    fn bench_with(
        &mut self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        events: &mut dyn FnMut() -> Vec<Event>,
    ) {
        let lab = &mut self.lab;
        self.window.bench_with(group, name, events, &mut |ui| {
            lab.drain();
            lab.draw(ui);
        });
    }

    /// A turn of the wheel over the middle of the window; the other way every fifth time.
    fn bench_wheel(&mut self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
        let mut turns = 0;
        self.bench_with(group, name, &mut || {
            turns += 1;
            let up = turns % 5 == 0;
            vec![
                Event::PointerMoved(Pos2::new(760.0, 700.0)),
                Event::MouseWheel {
                    unit: MouseWheelUnit::Point,
                    delta: vec2(0.0, if up { 900.0 } else { -9_000.0 }),
                    phase: TouchPhase::Move,
                    source: MouseWheelSource::Wheel,
                    modifiers: Modifiers::NONE,
                },
            ]
        });
    }

    /// A letter typed into what has the keyboard, and taken back in the next frame.
    fn bench_typing(&mut self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
        let mut is_there = false;
        self.bench_with(group, name, &mut || {
            is_there = !is_there;
            if is_there {
                return vec![Event::Text("7".to_owned())];
            }
            let key = |pressed| Event::Key {
                key: Key::Backspace,
                physical_key: None,
                pressed,
                repeat: false,
                modifiers: Modifiers::NONE,
            };
            vec![key(true), key(false)]
        });
    }
}

fn pages(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = folder.path().join("full_sweep_bench.csv");
    file(&csv, 1.0);
    let mut app = App::open(folder.path(), Some(&csv));
    app.wait_for("Heatmap");
    for tab in ["Heatmap", "Lines", "Pareto", "Table", "Machine", "Details"] {
        app.click(tab);
        app.bench(group, &format!("results page, {tab}"));
    }
    for page in ["Compare", "Models", "Environment", "Run"] {
        app.click(page);
        app.bench(group, &format!("window, {page}"));
    }
}

/// The Results page with a file of the Python lab, of a million rows.
fn million_rows(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = folder.path().join("full_sweep_bench.csv");
    support::classic(&csv).expect("room for 40 MB in the temporary folder");
    let begun = Instant::now();
    let mut app = App::open(folder.path(), Some(&csv));
    app.wait_for("Heatmap");
    println!(
        "million rows: open after {:.2} s, of which one frame waited {:.0} ms",
        begun.elapsed().as_secs_f64(),
        app.longest.as_secs_f64() * 1e3
    );
    for tab in ["Heatmap", "Lines", "Pareto", "Table"] {
        app.click(tab);
        app.wait_for(tab);
        app.bench(group, &format!("million rows, {tab}"));
    }
    app.bench_wheel(group, "million rows, Table scrolled");
    app.click("Sort by Throughput");
    app.bench_wheel(group, "million rows, Table sorted and scrolled");
    app.click("Filter cells");
    app.bench_typing(group, "million rows, a letter in the filter");
}

/// Two runs of 10,000 cells each, side by side.
fn compared(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let results = folder.path().join("results");
    std::fs::create_dir_all(&results).expect("a folder");
    let paths = [
        "full_sweep_20261101_101010.csv",
        "full_sweep_20261102_101010.csv",
    ];
    for (name, factor) in paths.into_iter().zip([1.0, 1.05]) {
        file(&results.join(name), factor);
    }
    let mut app = App::open(folder.path(), None);
    app.click("Compare");
    for _ in paths {
        app.wait_for("Add run");
        app.click("Add run");
        app.wait_for("Full sweep, ");
        app.click("Full sweep, ");
    }
    app.wait_for("Difference");
    println!(
        "compared: one frame waited {:.0} ms for what it shows",
        app.longest.as_secs_f64() * 1e3
    );
    for tab in ["Lines", "Difference", "Cells", "Differences"] {
        app.click(tab);
        app.bench(group, &format!("compared, {tab}"));
    }
    app.click("Cells");
    app.bench_wheel(group, "compared, Cells scrolled");
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
    million_rows(&mut frames);
    compared(&mut frames);
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
    folds.bench_function("events of a whole run", |bencher| {
        bencher.iter(|| state(&plan));
    });
    let board = view.state.board();
    let (x, y) = board.default_axes().expect("axes");
    folds.bench_function("heatmap: grid, model and layout", |bencher| {
        bencher.iter(|| {
            let model = heat::model(&board.grid(&x, &y, Layer::Throughput));
            Layout::of(&model, vec2(1200.0, 800.0))
        });
    });
    folds.finish();
    criterion.final_summary();
}
