//! How fast a long results file opens, and how much memory that takes: files of 1,000,000 rows as
//! the Python lab writes them, and of 100,000 rows as this program does.
//!
//! `cargo bench --bench csv`

mod support;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use mlx_throughput_lab::board::{Board, GridView, Layer};
use mlx_throughput_lab::engine::event::CellStatus;
use mlx_throughput_lab::measure::figures::Mode;
use mlx_throughput_lab::plan::Balancer;
use mlx_throughput_lab::store::library::{self, LoadedRun};
use mlx_throughput_lab::store::row::CellRow;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use self::support::{classic, combination, scattered};

const OWN_ROWS: u32 = 100_000;

fn own_row(n: u32) -> CellRow {
    let [instances, decode, prompt, concurrency] = combination(n);
    let at = |scale: f64| Some(scale * (1.0 + scattered(n)));
    CellRow {
        instances,
        decode_concurrency: Some(decode),
        prompt_concurrency: Some(prompt),
        concurrency,
        throughput_tps: 40.0 + 600.0 * scattered(n),
        total_tokens: u64::from(concurrency) * 4_096,
        elapsed_s: 20.0 + scattered(n),
        cell: n,
        repeat: 1,
        status: Some(CellStatus::Ok),
        mode: Some(Mode::Sustained),
        streaming: Some(true),
        balancer: Some(Balancer::Nginx),
        max_tokens: Some(64),
        requests: Some(concurrency * 64),
        tps_per_user: at(20.0),
        window_s: at(10.0),
        window_tokens: at(4_000.0),
        window_completions: Some(64),
        ttft_n: Some(64),
        ttft_mean_s: at(0.1),
        ttft_p50_s: at(0.1),
        ttft_p95_s: at(0.2),
        tpot_n: Some(64),
        tpot_mean_s: at(0.02),
        tpot_p50_s: at(0.02),
        tpot_p95_s: at(0.04),
        e2e_n: Some(64),
        e2e_mean_s: at(2.0),
        e2e_p50_s: at(2.0),
        e2e_p95_s: at(4.0),
        prompt_tokens: Some(9_000),
        mean_output_tokens: Some(64.0),
        machine_samples: Some(20),
        cpu_mean_pct: at(30.0),
        gpu_mean_pct: at(45.0),
        memory_peak_bytes: Some(9_000_000_000),
        servers_memory_peak_bytes: Some(4_000_000_000 + u64::from(n)),
        load_s: at(2.0),
        warmup_s: at(0.3),
        measure_s: at(20.0),
        started_at: "2026-02-11T15:09:13.25Z".parse().ok(),
        ended_at: "2026-02-11T15:09:40Z".parse().ok(),
        ..CellRow::default()
    }
}

fn own(path: &Path) -> csv::Result<()> {
    let mut file = csv::Writer::from_path(path)?;
    for n in 0..OWN_ROWS {
        file.serialize(own_row(n))?;
    }
    Ok(file.flush()?)
}

/// All that is prepared before the Results page can draw its heatmap.
fn open(path: &Path) -> (LoadedRun, Board, GridView) {
    let run = library::load(path).expect("the bench wrote it");
    let board = Board::of_run(&run);
    let (x, y) = board.default_axes().expect("there are axes");
    let grid = board.grid(&x, &y, Layer::Throughput);
    (run, board, grid)
}

/// The process's memory in bytes.
fn memory_bytes(system: &mut System) -> u64 {
    let own = sysinfo::get_current_pid().expect("a process has an id");
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, what);
    system.process(own).map_or(0, sysinfo::Process::memory)
}

/// Opens the file once, while another thread looks at the memory every few milliseconds.
fn print_memory(name: &str, path: &Path) {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    let done = AtomicBool::new(false);
    let mut system = System::new().expect("the process table can be read");
    let before = memory_bytes(&mut system);
    let (held, peak) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut system = System::new().expect("the process table can be read");
            let mut peak = before;
            while !done.load(Relaxed) {
                peak = peak.max(memory_bytes(&mut system));
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let opened = black_box(open(path));
        let held = memory_bytes(&mut system);
        done.store(true, Relaxed);
        drop(opened);
        (held, watching.join().expect("the watcher ends"))
    });
    let file = fs::metadata(path).map_or(0, |about| about.len());
    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "memory of {name}: file {:.1} MB, peak {:.1} MB ({:.1} times the file), held {:.1} MB",
        mb(file),
        mb(peak.max(held).saturating_sub(before)),
        peak.max(held).saturating_sub(before) as f64 / file as f64,
        mb(held.saturating_sub(before)),
    );
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let files = [
        ("classic, 1,000,000 rows", at("full_sweep_classic.csv")),
        ("own, 100,000 rows", at("full_sweep_own.csv")),
    ];
    classic(&files[0].1).expect("room for 40 MB in the temporary folder");
    own(&files[1].1).expect("room for 60 MB in the temporary folder");
    // The smaller first: what the allocator keeps of one must not be taken for the other's.
    for (name, path) in files.iter().rev() {
        print_memory(name, path);
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("open");
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    for (name, path) in &files {
        let bytes = fs::metadata(path).map_or(0, |about| about.len());
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(format!("load, {name}"), |bencher| {
            bencher.iter_with_large_drop(|| library::load(path).expect("the bench wrote it"));
        });
        group.bench_function(format!("load, board and grid, {name}"), |bencher| {
            bencher.iter_with_large_drop(|| open(path));
        });
        group.bench_function(format!("line of the library, {name}"), |bencher| {
            bencher.iter(|| library::summary(path));
        });
    }
    group.finish();
    criterion.final_summary();
}
