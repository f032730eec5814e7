use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::engine::event::CellStatus;
use crate::plan::{FlagValue, LoadPoint, ServerPoint};
use crate::store::library;

fn cell(index: u32, instances: u32, decode: u32, concurrency: u32, repeat: u32) -> Cell {
    Cell {
        index,
        point: ServerPoint {
            instances,
            decode_concurrency: Some(decode),
            prompt_concurrency: Some(4),
            flags: Vec::new(),
        },
        load: LoadPoint {
            concurrency,
            requests: None,
            max_tokens: 64,
            prompt_tokens: None,
            request_rate: None,
            delivery: None,
        },
        repeat,
    }
}

fn measured(cell: &Cell, tps: f64) -> Arc<CellRow> {
    Arc::new(CellRow {
        instances: cell.point.instances,
        decode_concurrency: cell.point.decode_concurrency,
        concurrency: cell.load.concurrency,
        cell: cell.index,
        repeat: cell.repeat,
        status: Some(CellStatus::Ok),
        throughput_tps: tps,
        ttft_p50_s: Some(1.0 / tps),
        ..CellRow::default()
    })
}

fn axis(axis: Axis) -> Dimension {
    Dimension::Axis(axis)
}

fn fixture(name: &str) -> Board {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/csv")
        .join(name);
    Board::of_run(&library::load(&path).expect("the sample is there"))
}

#[test]
fn a_plan_with_nothing_measured_waits_and_names_what_varies() {
    let mut cells = Vec::new();
    for instances in [1, 2] {
        for decode in [8, 32] {
            for concurrency in [1, 16, 4] {
                cells.push(cell(cells.len() as u32, instances, decode, concurrency, 1));
            }
        }
    }
    let board = Board::of_plan(&cells, |_| (CellState::Waiting, None));
    let names: Vec<String> = board
        .dimensions()
        .iter()
        .map(|values| format!("{}={}", values.dimension, values.values.len()))
        .collect();
    assert_eq!(
        names,
        [
            "Instances=2",
            "Decode concurrency=2",
            "Concurrency=3",
            "Prompt concurrency=1",
            "Max tokens=1",
            "Repeat=1"
        ]
    );
    let (x, y) = board.default_axes().expect("there are axes");
    assert_eq!(x, axis(Axis::Concurrency));
    assert_eq!(y, axis(Axis::DecodeConcurrency));
    let view = board.grid(&x, &y, Layer::Throughput);
    // In order of size, not of the plan.
    assert_eq!(view.columns, ["1", "4", "16"]);
    assert_eq!(view.rows, ["8", "32"]);
    let headings: Vec<&str> = view.groups.iter().map(|g| g.heading.as_str()).collect();
    assert_eq!(headings, ["Instances 1", "Instances 2"]);
    assert_eq!((view.range, board.best()), (None, None));
    let found = view.cell(1, 2, 1).expect("the plan has this cell");
    assert_eq!(
        board.cell_name(&view, found),
        "instances 2, decode concurrency 32, concurrency 16: waiting"
    );
    assert_eq!(
        board.label(found.entry),
        "instances 2, decode concurrency 32, concurrency 16"
    );
    assert_eq!(view.cell(0, 3, 0), None);
    assert!(board.layers().is_empty());
}

#[test]
fn repeats_are_averaged_over_the_valid_ones_and_the_best_is_starred() {
    let cells: Vec<Cell> = [(1, 1), (1, 2), (1, 3), (8, 1), (8, 2), (8, 3)]
        .into_iter()
        .enumerate()
        .map(|(i, (concurrency, repeat))| cell(i as u32, 1, 8, concurrency, repeat))
        .collect();
    let tps = [100.0, 110.0, 120.0, 500.0, 900.0, 0.0];
    let board = Board::of_plan(&cells, |i| {
        let mut row = (*measured(&cells[i], tps[i])).clone();
        if i == 3 {
            row.status = Some(CellStatus::Invalid);
            row.flags = Some("too_many_errors".to_owned());
        }
        if i == 5 {
            row.status = Some(CellStatus::Failed);
        }
        (CellState::of_row(&row), Some(Arc::new(row)))
    });
    let best = board.best().expect("cells are valid");
    assert_eq!((best.entry, best.throughput_tps), (4, 900.0));
    let view = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::DecodeConcurrency),
        Layer::Throughput,
    );
    assert_eq!(view.groups.len(), 1);
    assert_eq!(view.groups[0].heading, "");
    let one = view.cell(0, 0, 0).expect("measured");
    assert_eq!(one.value, Some(110.0));
    assert_eq!(board.repeats_in(&view, one), [0, 1, 2]);
    assert_eq!(
        board.cell_name(&view, one),
        "concurrency 1: 110.0 tokens/s, mean of 3 repeats"
    );
    let eight = view.cell(0, 1, 0).expect("measured");
    assert!(eight.best && !one.best);
    assert_eq!(eight.state, CellState::Done);
    assert_eq!(eight.value, Some(900.0));
    assert_eq!(
        board.cell_name(&view, eight),
        "concurrency 8: 900.0 tokens/s, 1 of 3 repeats, best"
    );
    assert_eq!(view.range, Some((110.0, 900.0)));
    // The star stays where it is in every layer.
    let latency = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::DecodeConcurrency),
        Layer::TtftP50,
    );
    assert!(latency.cell(0, 1, 0).expect("measured").best);
    // Repeats as an axis stand apart.
    let apart = board.grid(
        &axis(Axis::Concurrency),
        &Dimension::Repeat,
        Layer::Throughput,
    );
    assert_eq!(apart.rows, ["1", "2", "3"]);
    let invalid = apart.cell(0, 1, 0).expect("measured");
    assert_eq!(
        board.cell_name(&apart, invalid),
        "concurrency 8, repeat 1: invalid: too many errors, 500.0 tokens/s"
    );
    assert_eq!(invalid.value, Some(500.0));
    assert_eq!(apart.range, Some((100.0, 900.0)));
}

#[test]
fn a_running_cell_shows_its_figure_of_this_moment() {
    let cells = [cell(0, 1, 8, 1, 1), cell(1, 1, 8, 2, 1)];
    let board = Board::of_plan(&cells, |i| match i {
        0 => (CellState::Done, Some(measured(&cells[0], 50.0))),
        _ => (CellState::Running, None),
    });
    let mut view = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::Instances),
        Layer::Throughput,
    );
    view.set_live(Some(77.0));
    let running = view.cell(0, 1, 0).expect("it runs");
    assert_eq!((running.value, running.live_tps), (None, Some(77.0)));
    assert_eq!(view.cell(0, 0, 0).expect("done").live_tps, None);
}

#[test]
fn flags_are_dimensions_with_numbers_in_order_and_the_default_last() {
    let values = ["8192", "", "512", "fast"];
    let cells: Vec<Cell> = values
        .iter()
        .enumerate()
        .map(|(i, value)| {
            let mut cell = cell(i as u32, 1, 8, 4, 1);
            cell.point.flags = vec![FlagValue {
                flag: "--prefill-step-size".to_owned(),
                value: (*value).to_owned(),
            }];
            cell
        })
        .collect();
    let board = Board::of_plan(&cells, |_| (CellState::Waiting, None));
    let first = board.dimensions()[0];
    assert_eq!(first.dimension.to_string(), "--prefill-step-size");
    let shown: Vec<String> = first.values.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["512", "8192", "fast", "default"]);
    assert_eq!(board.label(1), "--prefill-step-size default");
    // One thing varies: it goes across, and a dimension that does not fills the other place.
    let (x, y) = board.default_axes().expect("there are axes");
    assert_eq!(x, axis(Axis::Flag("--prefill-step-size".to_owned())));
    let view = board.grid(&x, &y, Layer::Throughput);
    assert_eq!((view.columns.len(), view.rows.len()), (4, 1));
}

#[test]
fn a_sparse_search_leaves_holes() {
    let cells = [cell(0, 1, 8, 1, 1), cell(1, 1, 16, 2, 1)];
    let board = Board::of_plan(&cells, |_| (CellState::Waiting, None));
    let view = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::DecodeConcurrency),
        Layer::Throughput,
    );
    let holes = view.groups[0].cells.iter().filter(|c| c.is_none()).count();
    assert_eq!(holes, 2);
}

#[test]
fn an_axis_that_the_run_lacks_gives_no_groups() {
    let board = Board::of_plan(&[cell(0, 1, 8, 1, 1)], |_| (CellState::Waiting, None));
    let concurrency = axis(Axis::Concurrency);
    assert!(
        board
            .grid(&concurrency, &axis(Axis::PromptTokens), Layer::Errors)
            .groups
            .is_empty()
    );
    assert!(
        board
            .grid(&concurrency, &concurrency, Layer::Errors)
            .groups
            .is_empty()
    );
    assert_eq!(Board::default().default_axes(), None);
}

#[test]
fn the_python_labs_sweep_is_a_grid_of_its_four_axes() {
    let board = fixture("full_sweep_highconc.csv");
    let view = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::Instances),
        Layer::Throughput,
    );
    assert_eq!(view.columns, ["1", "32", "64", "128", "256"]);
    assert_eq!(view.rows, ["1", "2"]);
    assert_eq!(view.range, Some((343.1, 2672.7)));
    let best = view.cell(0, 4, 1).expect("measured");
    assert_eq!(
        board.cell_name(&view, best),
        "instances 2, concurrency 256: 2,672.7 tokens/s, best"
    );
    let names: Vec<&str> = board.layers().iter().map(|layer| layer.name()).collect();
    assert_eq!(names, ["Throughput", "Per user", "Errors"]);
}

#[test]
fn its_round_robin_sweep_has_two_axes() {
    let board = fixture("round_robin_sweep_20261124_013825.csv");
    let (x, y) = board.default_axes().expect("there are axes");
    assert_eq!(
        (x.clone(), y.clone()),
        (axis(Axis::Concurrency), axis(Axis::MaxTokens))
    );
    assert!(board.coordinate(0, &axis(Axis::Instances)).is_none());
    let view = board.grid(&x, &y, Layer::Throughput);
    assert_eq!(view.groups[0].cells.iter().flatten().count(), 6);
    assert_eq!(view.cell(0, 2, 1).expect("measured").value, Some(1843.6));
}

#[test]
fn rows_of_one_combination_are_its_repeats_and_a_dead_server_has_no_figure() {
    let board = fixture("full_sweep_server_killed.csv");
    let states: Vec<String> = board.entries().map(|e| e.state().text()).collect();
    assert_eq!(states, ["done", "failed: errors", "failed: errors"]);
    let view = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::DecodeConcurrency),
        Layer::Throughput,
    );
    let sixteen = view.cell(0, 1, 0).expect("measured");
    assert_eq!(board.repeats_in(&view, sixteen), [0, 1]);
    assert_eq!(sixteen.value, Some(1016.4));
    let failed = view.cell(0, 0, 0).expect("tried");
    assert_eq!(failed.value, None);
    assert_eq!(
        board.cell_name(&view, failed),
        "concurrency 1, repeat 1: failed: errors"
    );
}

#[test]
fn ten_thousand_cells_are_prepared_within_a_frame_or_two() {
    let mut cells = Vec::new();
    for instances in 1..=10 {
        for decode in 1..=20 {
            for concurrency in 1..=50 {
                cells.push(cell(cells.len() as u32, instances, decode, concurrency, 1));
            }
        }
    }
    assert_eq!(cells.len(), 10_000);
    let rows: Vec<Arc<CellRow>> = cells
        .iter()
        .map(|cell| measured(cell, f64::from(cell.index + 1)))
        .collect();
    let started = Instant::now();
    let board = Board::of_plan(&cells, |i| (CellState::Done, Some(Arc::clone(&rows[i]))));
    let view = board.grid(
        &axis(Axis::Concurrency),
        &axis(Axis::DecodeConcurrency),
        Layer::Throughput,
    );
    let took = started.elapsed();
    println!("10,000 cells took {took:?}");
    assert_eq!(view.groups.len(), 10);
    assert_eq!(view.range, Some((1.0, 10_000.0)));
    assert_eq!(board.best().expect("measured").entry, 9_999);
    // Unoptimised, on a slow machine that others use too; quadratic work would take minutes.
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn lines_average_repeats_and_leave_gaps_for_what_is_not_valid() {
    let cells = [
        cell(0, 1, 8, 1, 1),
        cell(1, 1, 8, 1, 2),
        cell(2, 1, 8, 4, 1),
        cell(3, 1, 32, 1, 1),
        cell(4, 1, 32, 4, 1),
    ];
    let tps = [100.0, 120.0, 300.0, 90.0, 310.0];
    let board = Board::of_plan(&cells, |position| {
        let row = measured(&cells[position], tps[position]);
        let state = match position {
            2 => CellState::Invalid(Why::TooManyErrors),
            _ => CellState::Done,
        };
        (state, Some(row))
    });
    let view = board.lines(&axis(Axis::Concurrency), Layer::Throughput);
    assert_eq!(view.ticks, ["1", "4"]);
    let labels: Vec<&str> = view.lines.iter().map(|line| line.label.as_str()).collect();
    assert_eq!(labels, ["Decode concurrency 8", "Decode concurrency 32"]);
    let first = view.lines[0].points[0];
    assert_eq!((first.estimate.mean, first.estimate.repeats), (110.0, 2));
    let over_both = crate::measure::interval::of_cell(&[100.0, 120.0], None);
    assert!(over_both.is_some());
    assert_eq!(first.estimate.interval, over_both);
    let bars = view.bars();
    assert_eq!(bars.as_deref(), Some("bars: 95 % intervals, 2 repeats"));
    assert_eq!(view.lines[0].points.len(), 1, "the invalid cell is a gap");
    assert!((view.lines[1].points[1].estimate.mean - 310.0).abs() < 1e-9);
    assert!(
        board
            .lines(&axis(Axis::Flag("--x".to_owned())), Layer::Throughput)
            .lines
            .is_empty()
    );
}

/// What may become of a cell, in the order of the engine's events or not.
fn ending(cell: &Cell, kind: u8, tps: f64) -> (CellState, Option<Arc<CellRow>>) {
    let row = |status, flags: Option<&str>| {
        let row = CellRow {
            status: Some(status),
            flags: flags.map(str::to_owned),
            servers_memory_peak_bytes: (tps > 40.0).then_some(4_000_000_000),
            ..(*measured(cell, tps)).clone()
        };
        (CellState::of_row(&row), Some(Arc::new(row)))
    };
    match kind {
        0 => (CellState::Waiting, None),
        1 => (CellState::Running, None),
        2 => row(CellStatus::Invalid, Some("too_many_errors")),
        3 => row(CellStatus::Failed, None),
        4 => row(CellStatus::Skipped, None),
        _ => row(CellStatus::Ok, None),
    }
}

proptest! {
    #[test]
    fn a_board_that_was_changed_cell_by_cell_is_as_one_made_anew(
        endings in prop::collection::vec((0..16_usize, 0..9_u8, 1..6_u8), 1..40)
    ) {
        let cells: Vec<Cell> = (0..16)
            .map(|i| cell(i, 1 + i / 8, 8, 1 << (i / 2 % 4), 1 + i % 2))
            .collect();
        let mut now = vec![(CellState::Waiting, None); cells.len()];
        let mut board = Board::of_plan(&cells, |position| now[position].clone());
        for (position, kind, tps) in endings {
            now[position] = ending(&cells[position], kind, 10.0 * f64::from(tps));
            let (state, row) = now[position].clone();
            board.set(position, state, row);
            let anew = Board::of_plan(&cells, |position| now[position].clone());
            prop_assert_eq!(&board, &anew);
            let (x, y) = anew.default_axes().expect("there are axes");
            for y in [y, Dimension::Repeat] {
                for layer in [Layer::Throughput, Layer::PeakMemory] {
                    prop_assert_eq!(board.grid(&x, &y, layer), anew.grid(&x, &y, layer));
                }
            }
        }
    }
}

#[test]
fn a_long_file_is_the_board_that_its_rows_are() {
    // More than are held, so that they are read from the text, by several threads.
    let count = 30_000_u32;
    let mut text = crate::store::row::CLASSIC_COLUMNS.join(",") + "\n";
    for i in 0..count {
        let (instances, concurrency) = (1 + i % 3, 1 + i / 3 % 50);
        let failed = i % 7 == 0;
        let tps = if failed {
            0.0
        } else {
            f64::from(1 + i % 1_009)
        };
        let errors = if failed { concurrency } else { 0 };
        let line = format!("{instances},8,4,{concurrency},{tps:.1},64,1.50,{errors}\n");
        text.push_str(&line);
        if i == 20_000 {
            text.push_str("1,8\n1,8,4,-1,5.0,64,1.50,0\n");
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("full_sweep_long.csv");
    std::fs::write(&path, text).expect("a file");
    let run = library::load(&path).expect("a run");
    let lines: Vec<u64> = run.damaged.iter().map(|damage| damage.line).collect();
    assert_eq!(lines, [20_003, 20_004], "the header is a line, too");
    assert_eq!(run.rows.len(), count as usize);
    let board = Board::of_run(&run);
    // The same rows in short pieces, which are held.
    let held: Rows = run.rows.iter().map(std::borrow::Cow::into_owned).collect();
    assert_eq!(board, Board::of_rows(&held));
    for entry in [0, 7, 19_999, 20_001, 29_999] {
        let i = entry as u32;
        let row = board
            .entry(entry)
            .and_then(|e| e.shared_row())
            .expect("a row");
        assert_eq!(
            (row.instances, row.concurrency),
            (1 + i % 3, 1 + i / 3 % 50)
        );
        let coordinate = board.coordinate(entry, &axis(Axis::Concurrency));
        assert_eq!(
            coordinate,
            Some(&Coordinate::Number(u64::from(row.concurrency)))
        );
        assert_eq!(
            board.value(entry, Layer::Throughput),
            Layer::Throughput.value(&row)
        );
        // Each combination comes every 150 lines.
        assert_eq!(board.repeats(entry).len(), 200);
        let repeat = board.coordinate(entry, &Dimension::Repeat);
        assert_eq!(repeat, Some(&Coordinate::Number(u64::from(i / 150 + 1))));
        let number = board.rows().table_row(entry).expect("of the file");
        let table = run.rows.table();
        assert_eq!(
            table.get(number, 3),
            Some(row.concurrency.to_string().as_str())
        );
    }
    let expected = (0..count).filter(|i| i % 7 == 0).count();
    let failed = board
        .entries()
        .filter(|e| e.state() == CellState::Failed(Why::Errors));
    assert_eq!(failed.count(), expected);
    let per_user = board.values(Layer::PerUser);
    assert_eq!(per_user[7], None);
    assert_eq!(per_user[8], board.value(8, Layer::PerUser));
}
