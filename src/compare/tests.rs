use std::path::PathBuf;

use proptest::prelude::*;

use super::testing::{Recorded, tps};
use super::*;
use crate::board::{Coordinate, Layer};
use crate::engine::event::CellStatus;
use crate::plan::{Axis, Balancer};
use crate::prompts::{FileFormat, PromptFile};
use crate::store::note::RunNote;
use crate::store::row::CellRow;

mod energy;
mod intervals;

const FIRST: &str = "2026-11-24T15:09:13[UTC]";
const SECOND: &str = "2026-11-25T15:09:13[UTC]";
const THROUGHPUT: Measure = Measure::Layer(Layer::Throughput);

fn compared(paths: &[PathBuf]) -> Comparison {
    let load = |path: &PathBuf| Arc::new(ComparedRun::load(path).expect("a run"));
    Comparison::new(paths.iter().map(load).collect())
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/csv")
        .join(name)
}

fn of_rows(name: &str, origin: Origin, rows: Vec<CellRow>) -> Arc<ComparedRun> {
    Arc::new(ComparedRun::new(LoadedRun {
        path: PathBuf::from(format!("{name}.csv")),
        kind: None,
        origin,
        rows: rows.into_iter().collect(),
        metadata: None,
        damaged: Vec::new(),
        damaged_lines: 0,
        caution: origin.caution(),
        problems: Vec::new(),
        notices: Vec::new(),
        facts: Vec::new(),
        unfinished: false,
        note: RunNote::default(),
    }))
}

fn row(decode: u32, concurrency: u32, repeat: u32, tps: f64) -> CellRow {
    CellRow {
        instances: 1,
        decode_concurrency: Some(decode),
        prompt_concurrency: Some(4),
        concurrency,
        repeat,
        throughput_tps: tps,
        status: Some(CellStatus::Ok),
        max_tokens: Some(64),
        ..CellRow::default()
    }
}

fn find<'a>(comparison: &'a Comparison, what: &str) -> Option<&'a Difference> {
    let mut differences = comparison.differences().iter();
    differences.find(|difference| difference.what == what)
}

#[test]
fn a_run_beside_itself_is_equal_in_everything() {
    let dir = tempfile::tempdir().expect("a folder");
    let ours = Recorded::new(dir.path(), FIRST, 2).measure(|_, _| {});
    for path in [ours, sample("full_sweep_highconc.csv")] {
        let comparison = compared(&[path.clone(), path]);
        assert!(comparison.shared() > 5);
        assert_eq!(comparison.shared(), comparison.cells().len());
        for cell in comparison.cells() {
            let delta = comparison.delta(cell, 0, 1, &THROUGHPUT);
            assert_eq!(delta.percent, Some(0.0), "{}", comparison.label(cell));
        }
        assert!(comparison.differences().is_empty());
    }
}

#[test]
fn equal_settings_in_two_files_differ_in_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = Recorded::new(dir.path(), FIRST, 1).measure(|_, _| {});
    let b = Recorded::new(dir.path(), SECOND, 1).measure(|_, f| f.throughput_tps *= 1.1);
    let comparison = compared(&[a, b]);
    assert_eq!(comparison.differences(), []);
    for cell in comparison.cells() {
        let delta = comparison.delta(cell, 0, 1, &THROUGHPUT);
        assert_eq!(delta.percent_text(), "+10.0");
        // One repeat says nothing of how far a figure spreads.
        assert_eq!(delta.overlap, Overlap::Unknown);
    }
}

#[test]
fn another_prompt_file_is_told_by_its_hash() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |digit: &str| PromptFile {
        path: "/data/prompts.jsonl".into(),
        sha256: digit.repeat(64),
        format: FileFormat::Jsonl,
        count: 1_000,
        used: 1_000,
        damaged: 0,
        mean_chars: 300,
    };
    let mut first = Recorded::new(dir.path(), FIRST, 1);
    first.plan.workload.prompt_file = Some(file("a"));
    let mut second = Recorded::new(dir.path(), SECOND, 1);
    second.plan.workload.prompt_file = Some(file("b"));
    let comparison = compared(&[first.measure(|_, _| {}), second.measure(|_, _| {})]);
    let found = find(&comparison, "Prompt").expect("they differ");
    assert_eq!(found.level, Level::Warning);
    assert_eq!(
        found.values,
        ["a", "b"].map(|digit| format!(
            "prompts.jsonl, 1000 of 1000 prompts (SHA-256 {})",
            digit.repeat(12)
        ))
    );
}

#[test]
fn everything_that_could_explain_a_delta_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = Recorded::new(dir.path(), FIRST, 1).measure(|_, _| {});
    let mut other = Recorded::new(dir.path(), SECOND, 1);
    other.provenance.machine["chip"] = "Apple M4 Max".into();
    other.provenance.machine["os_version"] = "26.2".into();
    other.provenance.software["mlx"] = "0.33.0".into();
    other.provenance.software["python"] = "3.13.1".into();
    other.provenance.model["description"]["quantisation"]["bits"] = 8.into();
    other.provenance.model["description"]["hash"] = "fedcba9876543210".into();
    let plan = &mut other.plan;
    plan.workload.prompt = "Another prompt.".to_owned();
    plan.workload.temperature = 0.0;
    plan.workload.stream = false;
    plan.servers.balancer = Balancer::Direct;
    plan.servers.args = Vec::new();
    for cell in &mut plan.cells {
        cell.load.max_tokens = 128;
    }
    let b = other.measure(|_, figures| figures.mean_output_tokens = Some(70.0));
    let comparison = compared(&[a, b]);
    // Other lengths are still compared, with a warning.
    assert_eq!((comparison.shared(), comparison.cells().len()), (6, 6));
    for (what, values) in [
        (
            "Machine",
            [
                "Apple M3 Max, 16 cores, 64.0 GB",
                "Apple M4 Max, 16 cores, 64.0 GB",
            ],
        ),
        ("System", ["macOS 26.1", "macOS 26.2"]),
        ("Model hash", ["0123456789ab", "fedcba987654"]),
        (
            "Quantisation",
            ["4 bit, groups of 64", "8 bit, groups of 64"],
        ),
        ("mlx", ["0.32.4", "0.33.0"]),
        ("Temperature", ["0.3", "0"]),
        ("Streaming", ["on", "off"]),
        ("Server arguments", ["--top-k=4", "none"]),
        ("Max tokens", ["64", "128"]),
        ("Mean output length", ["64.0 tokens", "70.0 tokens"]),
    ] {
        let found = find(&comparison, what).unwrap_or_else(|| panic!("{what} differs"));
        assert_eq!(found.values, values);
        assert_eq!(found.level, Level::Warning, "{what}");
    }
    let prompts = &find(&comparison, "Prompt").expect("they differ").values;
    assert!(prompts[1].starts_with("\"Another prompt.\" (15 characters, SHA-256 "));
    let python = find(&comparison, "Python").expect("it differs");
    assert_eq!(python.level, Level::Info);
    // What could explain a delta stands first.
    let levels = comparison.differences().iter().map(|d| d.level);
    assert!(levels.is_sorted());
    for equal in ["Model", "mlx-lm", "Mode", "Written by", "Metadata"] {
        assert_eq!(find(&comparison, equal), None, "{equal}");
    }
}

#[test]
fn mean_lengths_within_five_percent_are_compared_silently() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = Recorded::new(dir.path(), FIRST, 1).measure(|_, _| {});
    let b = Recorded::new(dir.path(), SECOND, 1)
        .measure(|_, figures| figures.mean_output_tokens = Some(64.0 * 1.049));
    assert_eq!(compared(&[a, b]).differences(), []);
}

#[test]
fn how_the_machine_was_powered_is_read_from_its_telemetry() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = Recorded::new(dir.path(), FIRST, 1).measure(|_, _| {});
    let b = Recorded::new(dir.path(), SECOND, 1).measure(|_, _| {});
    for (path, source, low_power) in [(&a, "ac", "false"), (&b, "battery", "true")] {
        let text = format!("at_s,low_power_mode,power_source\n0.0,{low_power},{source}\n1.0,,\n");
        std::fs::write(path.with_extension("machine.csv"), text).expect("a file");
    }
    let comparison = compared(&[a, b]);
    let values = |what| &find(&comparison, what).expect("it differs").values;
    assert_eq!(values("Power source"), &["ac", "battery"]);
    assert_eq!(values("Low-power mode"), &["off", "on"]);
}

#[test]
fn old_files_are_compared_with_warnings() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ours = Recorded::new(dir.path(), FIRST, 1);
    for cell in &mut ours.plan.cells {
        cell.point.prompt_concurrency = Some(8);
    }
    let ours = ours.measure(|_, _| {});
    let old = sample("full_sweep_highconc.csv");
    let again = dir.path().join("full_sweep_highconc.csv");
    std::fs::copy(&old, &again).expect("a copy");
    let comparison = compared(&[old, again, ours]);
    let applied = find(&comparison, "Decode and prompt axes").expect("a warning");
    assert_eq!(applied.values, ["not applied", "not applied", "applied"]);
    let metadata = find(&comparison, "Metadata").expect("a warning");
    assert_eq!(metadata.values, ["none", "none", "stored"]);
    // Old files have neither lengths nor other flags, which must not keep cells apart.
    assert!(comparison.axis(&Axis::MaxTokens).is_none());
    let of_all = |cell: &&MatchedCell| cell.sides.iter().all(Option::is_some);
    let found: Vec<String> = comparison
        .cells()
        .iter()
        .filter(of_all)
        .map(|cell| comparison.label(cell))
        .collect();
    assert_eq!(found, ["instances 2, decode concurrency 32, concurrency 1"]);
    // Two files of one name are told apart by their folders.
    assert_ne!(comparison.names()[0], comparison.names()[1]);
}

#[test]
fn cells_of_one_run_alone_are_listed_as_such() {
    let a = of_rows(
        "a",
        Origin::Ours,
        vec![row(8, 1, 1, 50.0), row(8, 4, 1, 90.0)],
    );
    let b = of_rows(
        "b",
        Origin::Ours,
        vec![row(8, 4, 1, 99.0), row(8, 16, 1, 200.0)],
    );
    let comparison = Comparison::new(vec![a, b]);
    assert_eq!((comparison.shared(), comparison.cells().len()), (1, 3));
    let notes: Vec<String> = comparison.cells().iter().map(render::note).collect();
    assert_eq!(notes, ["only A", "", "only B"]);
    let alone = comparison.delta(&comparison.cells()[0], 0, 1, &THROUGHPUT);
    assert_eq!((alone.percent, alone.overlap), (None, Overlap::Unknown));
    assert_eq!(comparison.label(&comparison.cells()[2]), "concurrency 16");
}

#[test]
fn throttled_cells_are_told_where_a_clock_was_looked_at() {
    let of = |name: &str, flags: &[Option<&str>], looked: bool| {
        let rows = (1..).zip(flags).map(|(concurrency, flag)| CellRow {
            flags: flag.map(str::to_owned),
            thermal_repeats: looked.then_some(0),
            ..row(8, concurrency, 1, 50.0)
        });
        of_rows(name, Origin::Ours, rows.collect())
    };
    let cool = of("a", &[None, Some("short_window")], true);
    let hot = of("b", &[None, Some("short_window;throttled")], true);
    let comparison = Comparison::new(vec![Arc::clone(&cool), hot]);
    let told = find(&comparison, "Throttled cells").expect("a warning");
    assert_eq!(told.values, ["none", "1"]);
    let comparison = Comparison::new(vec![Arc::clone(&cool), cool]);
    assert!(find(&comparison, "Throttled cells").is_none());
}

#[test]
fn swept_flags_tell_cells_apart() {
    let flagged = |value: &str, tps| CellRow {
        extra_axes: Some(format!("--prefill-step-size={value}")),
        ..row(8, 4, 1, tps)
    };
    let a = of_rows(
        "a",
        Origin::Ours,
        vec![flagged("512", 50.0), flagged("2048", 60.0)],
    );
    let b = of_rows("b", Origin::Ours, vec![flagged("2048", 66.0)]);
    let stock = of_rows("c", Origin::Ours, vec![row(8, 4, 1, 70.0)]);
    let comparison = Comparison::new(vec![a, b, stock]);
    assert_eq!((comparison.shared(), comparison.cells().len()), (1, 3));
    let shared = comparison.cells().iter().find(|cell| cell.is_shared());
    let shared = shared.expect("one is shared");
    assert_eq!(
        comparison.delta(shared, 0, 1, &THROUGHPUT).percent_text(),
        "+10.0"
    );
    // The third run has no cell in common: that is a reason to tell.
    let flag = find(&comparison, "--prefill-step-size").expect("a warning");
    assert_eq!(flag.values, ["512, 2048", "2048", "default"]);
}

#[test]
fn the_grid_and_the_lines_hold_each_cell_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let a = Recorded::new(dir.path(), FIRST, 1).measure(|_, _| {});
    let b = Recorded::new(dir.path(), SECOND, 1).measure(|_, _| {});
    let comparison = compared(&[a, b]);
    let (x, y) = comparison.default_axes().expect("two axes");
    assert_eq!((&x, &y), (&Axis::Concurrency, &Axis::DecodeConcurrency));
    let grid = comparison.grid(&x, &y);
    assert_eq!((grid.columns.len(), grid.rows.len()), (3, 2));
    assert_eq!(grid.groups.len(), 1);
    let mut cells: Vec<usize> = grid.groups[0].cells.iter().copied().flatten().collect();
    cells.sort_unstable();
    assert_eq!(cells, [0, 1, 2, 3, 4, 5]);
    assert!(comparison.grid(&x, &x).groups.is_empty());

    let all = comparison.overlay(&x, Some(&y), &[], &THROUGHPUT);
    assert_eq!(all.ticks, ["1", "4", "16"]);
    assert_eq!(
        all.styles,
        ["Decode concurrency 8", "Decode concurrency 32"]
    );
    assert_eq!(all.lines.len(), 4);
    assert!(all.lines.iter().all(|line| line.points.len() == 3));
    let at = [(y, Coordinate::Number(32))];
    let one = comparison.overlay(&x, None, &at, &THROUGHPUT);
    assert_eq!((one.lines.len(), one.styles.len()), (2, 0));
    let expected = Recorded::new(dir.path(), FIRST, 1).plan.cells[5].clone();
    let last = one.lines[0].points[2].figure.mean;
    assert!((last - tps(&expected)).abs() < 1e-3, "{last}");
}

#[test]
fn columns_are_named_as_in_the_file() {
    for name in [
        "throughput_tps",
        "ttft_p50_s",
        "errors",
        "total_tokens",
        "e2e_max_s",
    ] {
        assert_eq!(Measure::column(name), Ok(Measure::Column(name.to_owned())));
    }
    for (asked, nearest) in [
        ("ttft_p50", "ttft_p50_s"),
        ("troughput_tps", "throughput_tps"),
    ] {
        assert_eq!(
            Measure::column(asked).expect_err("unknown").nearest,
            nearest
        );
    }
    assert!(Measure::column("balancer").is_err());
    let row = row(8, 4, 1, 123.5);
    let column = Measure::Column("throughput_tps".to_owned());
    assert_eq!(column.value(&row), Some(123.5));
    assert_eq!(
        Measure::Column("max_tokens".to_owned()).value(&row),
        Some(64.0)
    );
    assert_eq!(Measure::Column("ttft_p50_s".to_owned()).value(&row), None);
}

#[test]
fn what_is_told_in_words_is_told_in_every_format() {
    let a = of_rows(
        "a",
        Origin::Ours,
        vec![row(8, 1, 1, 50.0), row(32, 4, 1, 100.0)],
    );
    let b = of_rows("b", Origin::Ours, vec![row(8, 1, 1, 60.0)]);
    let comparison = Comparison::new(vec![a, b]);
    let measure = Measure::column("throughput_tps").expect("a column");
    let text = render::text(&comparison, &measure);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        &lines[..8],
        [
            "A  a (base)",
            "B  b",
            "",
            "throughput_tps: 1 of 2 cells are in more than one run",
            "",
            "decode_concurrency  concurrency      A     B  B vs A %  note",
            "------------------  -----------  -----  ----  --------  ------",
            "                 8            1   50.0  60.0     +20.0",
        ]
    );
    assert!(lines[8].ends_with("only A"), "{}", lines[8]);
    assert!(lines[10].starts_with("No interval: "), "{}", lines[10]);
    assert!(text.contains("warning  Metadata: "), "{text}");
    let markdown = render::markdown(&comparison, &measure);
    assert!(
        markdown.contains("\n| 8 | 1 | 50.0 | 60.0 | +20.0 |  |\n"),
        "{markdown}"
    );
    assert!(markdown.contains("**Warning:** Metadata"), "{markdown}");
    let json = render::json(&comparison, &measure);
    let second = &json["cells"][0]["runs"][1];
    assert!((second["delta_percent"].as_f64().expect("a number") - 20.0).abs() < 1e-9);
    assert_eq!(json["cells"][1]["runs"][1], serde_json::Value::Null);
    assert_eq!(json["cells"][0]["settings"]["decode_concurrency"], 8);
    assert_eq!(json["differences"][0]["level"], "warning");
}

fn rows() -> impl Strategy<Value = Vec<CellRow>> {
    let cell = (1_u32..3, 1_u32..4, 1_u32..3, 1_u32..1000, any::<bool>());
    prop::collection::vec(cell, 1..12).prop_map(|cells| {
        cells
            .into_iter()
            .map(|(decode, concurrency, repeat, tps, ok)| CellRow {
                status: Some(if ok {
                    CellStatus::Ok
                } else {
                    CellStatus::Failed
                }),
                ..row(decode, concurrency, repeat, f64::from(tps))
            })
            .collect()
    })
}

fn deltas(comparison: &Comparison, base: usize, other: usize) -> Vec<(String, Option<f64>)> {
    let cells = comparison.cells().iter();
    cells
        .map(|cell| {
            let at = comparison.axes().iter().map(|axis| cell.coordinate(axis));
            let at: Vec<String> = at.map(ToString::to_string).collect();
            let delta = comparison.delta(cell, base, other, &THROUGHPUT);
            (at.join(" "), delta.percent)
        })
        .collect()
}

proptest! {
    #[test]
    fn the_order_of_rows_and_of_runs_does_not_matter(a in rows(), b in rows()) {
        let reversed = |rows: &[CellRow]| rows.iter().rev().cloned().collect::<Vec<_>>();
        let run = |name, rows: &[CellRow]| of_rows(name, Origin::Ours, rows.to_vec());
        let there = Comparison::new(vec![run("a", &a), run("b", &b)]);
        let back = Comparison::new(vec![run("b", &reversed(&b)), run("a", &reversed(&a))]);
        let close = |x: &Option<f64>, y: &Option<f64>| match (x, y) {
            (Some(x), Some(y)) => (x - y).abs() < 1e-9,
            (x, y) => x == y,
        };
        let (first, second) = (deltas(&there, 0, 1), deltas(&back, 1, 0));
        prop_assert_eq!(first.len(), second.len());
        for ((at, x), (at_back, y)) in first.iter().zip(&second) {
            prop_assert_eq!(at, at_back);
            prop_assert!(close(x, y), "{}: {:?} {:?}", at, x, y);
        }
        prop_assert_eq!(there.shared(), back.shared());
        prop_assert_eq!(there.warnings(), back.warnings());
        // There and back again is where one was.
        for ((_, gain), (_, loss)) in first.iter().zip(deltas(&there, 1, 0)) {
            if let (Some(gain), Some(loss)) = (gain, loss) {
                let product = (1.0 + gain / 100.0) * (1.0 + loss / 100.0);
                prop_assert!((product - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn no_cell_is_lost_or_made_up(a in rows(), b in rows()) {
        let combinations = |rows: &[CellRow]| -> BTreeSet<(Option<u32>, u32)> {
            rows.iter().map(|row| (row.decode_concurrency, row.concurrency)).collect()
        };
        let (in_a, in_b) = (combinations(&a), combinations(&b));
        let comparison = Comparison::new(vec![
            of_rows("a", Origin::Ours, a),
            of_rows("b", Origin::Ours, b),
        ]);
        prop_assert_eq!(comparison.cells().len(), in_a.union(&in_b).count());
        prop_assert_eq!(comparison.shared(), in_a.intersection(&in_b).count());
    }
}
