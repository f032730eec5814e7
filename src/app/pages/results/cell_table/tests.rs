use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use egui::{Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use strum::IntoEnumIterator as _;

use super::*;
use crate::engine::event::CellStatus;
use crate::report::analyze::{self, Order};
use crate::store::library::{self, LoadedRun};
use crate::store::row::CellRow;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    let files = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "csv"));
    paths.sort();
    paths
}

fn sample(name: &str) -> (LoadedRun, Board) {
    let path = samples().into_iter().find(|path| path.ends_with(name));
    let run = library::load(&path.expect("the sample")).expect("a run");
    let board = Board::of_run(&run);
    (run, board)
}

/// What `analyze` prints of a file: its rows' cells, in its order.
fn analyzed(run: &LoadedRun, field: &str, order: Order) -> Vec<Vec<String>> {
    let options = analyze::Options {
        field,
        order,
        count: i64::MAX,
        all_columns: true,
    };
    let mut out = Vec::new();
    analyze::write_table(&mut out, &run.path, &options).expect("written");
    let text = String::from_utf8(out).expect("text");
    let cells = |line: &str| {
        line.split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    text.lines().skip(2).map(cells).collect()
}

#[test]
fn a_column_of_the_file_sorts_as_analyze_does() {
    let mut compared = 0;
    for path in samples() {
        let Ok(run) = library::load(&path) else {
            continue;
        };
        let board = Board::of_run(&run);
        // Where a line was left out, `analyze` has rows that are no cells.
        if run.rows.is_empty() || run.damaged_lines > 0 || board.len() != run.rows.len() {
            continue;
        }
        for (column, field) in run.rows.table().header().iter().enumerate() {
            for (ascending, order) in [(true, Order::Asc), (false, Order::Desc)] {
                let asked = Asked {
                    sort: Some((Content::File(column), ascending)),
                    ..Asked::default()
                };
                let table = CellTable::of_run(&board, asked);
                let file = table.file.as_ref().expect("the file's rows");
                let shown = |text: &str| match crate::report::python_float::parse(text) {
                    Some(value) => crate::report::python_float::repr(value),
                    None => text.trim().to_owned(),
                };
                let ours: Vec<Vec<String>> = table
                    .order()
                    .iter()
                    .map(|entry| {
                        let columns = 0..run.rows.table().header().len();
                        let cells = columns.map(|c| shown(file.get(*entry, c).unwrap_or("None")));
                        cells.collect()
                    })
                    .collect();
                assert_eq!(
                    ours,
                    analyzed(&run, field, order),
                    "{} by {field}",
                    path.display()
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 40, "only {compared} orders were compared");
}

#[test]
fn our_throughput_sorts_as_the_files_column_does() {
    let (run, board) = sample("round_robin_sweep_20261124_013825.csv");
    let mut table = CellTable::of_run(&board, Asked::default());
    table.sort_by(&Content::Layer(Layer::Throughput), &board);
    let of_layer = table.order();
    let column = run
        .rows
        .table()
        .column("throughput_tps")
        .expect("the column");
    table.sort_by(&Content::File(column), &board);
    assert_eq!(table.order(), of_layer);
    // The column is shown beside ours, as it stands in the file.
    let copied = table.copy_all(&board);
    let header: Vec<&str> = copied.lines().next().unwrap().split('\t').collect();
    assert!(header.contains(&"throughput_tps"), "{header:?}");
    assert_eq!(copied.lines().count(), of_layer.len() + 1);
}

#[test]
fn the_filter_and_the_count_leave_what_was_asked_and_outlive_a_change_of_the_board() {
    let (_, board) = sample("full_sweep_20261124_012945.csv");
    let asked = Asked {
        filter: "CONCURRENCY done".to_owned(),
        sort: Some((Content::Layer(Layer::Throughput), false)),
        count: Some(3),
    };
    let mut table = CellTable::of_run(&board, asked);
    let best = board.best().expect("a best cell").entry;
    assert_eq!((table.order().len(), table.order()[0]), (3, best));
    table.asked.count = None;
    table.update(&board);
    assert_eq!(table.order().len(), board.len());
    table.asked.filter = "no such words".to_owned();
    table.update(&board);
    assert!(table.order().is_empty());
    // The same run read anew; a column that is no more is not asked for.
    let asked = Asked {
        sort: Some((Content::File(999), true)),
        ..table.into_asked()
    };
    let table = CellTable::of_run(&board, asked);
    assert!(table.asked.sort.is_none() && table.order().is_empty());
}

#[test]
fn ten_thousand_cells_are_sorted_and_filtered_within_a_moment() {
    let rows = (0..10_000_u32)
        .map(|i| CellRow {
            cell: i,
            status: Some(CellStatus::Ok),
            instances: 1,
            concurrency: 1 + i % 100,
            decode_concurrency: Some(1 + i / 100),
            throughput_tps: f64::from(i.wrapping_mul(2_654_435_761) % 10_007),
            ..CellRow::default()
        })
        .collect();
    let board = Board::of_rows(&rows);
    let mut table = CellTable::new(&board);
    let started = Instant::now();
    for layer in Layer::iter() {
        table.sort_by(&Content::Layer(layer), &board);
    }
    "decode 100".clone_into(&mut table.asked.filter);
    table.update(&board);
    // A debug build on a busy machine; a release build takes a thirtieth.
    assert!(
        started.elapsed().as_secs_f64() < 10.0,
        "{:?}",
        started.elapsed()
    );
    assert!(!table.order().is_empty() && table.order().len() < 10_000);
}

struct State {
    table: CellTable,
    board: Board,
    selected: Option<usize>,
    copied: Option<String>,
}

#[test]
fn the_bar_sorts_filters_cuts_and_copies() {
    let (_, board) = sample("full_sweep_20261124_012945.csv");
    let state = State {
        table: CellTable::of_run(&board, Asked::default()),
        board,
        selected: Some(0),
        copied: None,
    };
    let mut harness = Harness::builder()
        .with_size(vec2(1000.0, 600.0))
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, state: &mut State| {
                let copied = state.table.show(ui, &state.board, &mut state.selected);
                state.copied = copied.or(state.copied.take());
            },
            state,
        );
    harness.run();
    let all = harness.state().table.order().len();
    let choose = |harness: &mut Harness<'static, State>, list: &str, item: &str| {
        harness.get_by_role_and_label(Role::ComboBox, list).click();
        harness.run();
        // Through the accessibility bus: it may be scrolled out of the list's sight.
        let item = harness.get_by_role_and_label(Role::Button, item);
        item.click_accesskit();
        harness.run();
    };
    choose(&mut harness, "Sort by", "throughput_tps");
    harness.get_by_label("Descending").click();
    harness.run();
    harness.get_by_label("Ascending");
    let of = |harness: &Harness<'static, State>| -> Vec<Option<f64>> {
        let State { table, board, .. } = harness.state();
        let entries = table.order().into_iter();
        let entries = entries.filter_map(|entry| board.entry(entry));
        entries
            .map(|entry| entry.value(Layer::Throughput))
            .collect()
    };
    assert!(of(&harness).is_sorted(), "{:?}", of(&harness));
    if std::env::var_os("PICTURES").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        let image = harness.render().expect("a picture");
        image
            .save(folder.join("cell_table_by_file_column.png"))
            .expect("a file");
    }
    choose(&mut harness, "Show", "First 5");
    harness.get_by_label(&format!("5 of {all} cells"));
    harness.get_by_label("Copy all rows").click();
    harness.run();
    let copied = harness.state_mut().copied.take().expect("rows");
    assert_eq!(copied.lines().count(), 6);
    let widths = copied.lines().map(|line| line.split('\t').count());
    assert!(widths.collect::<std::collections::HashSet<_>>().len() == 1);
    harness.get_by_label("Copy row").click();
    harness.run();
    let copied = harness.state_mut().copied.take().expect("a row");
    assert_eq!(copied.lines().count(), 2);
    let field = harness.get_by_label("Filter cells");
    field.focus();
    field.type_text("nothing has this");
    harness.run();
    harness.get_by_label("No cell passes the filter.");
}

/// A file of the Python lab with so many rows.
fn long_file(folder: &Path, rows: usize) -> (LoadedRun, Arc<Board>) {
    let mut text = crate::store::row::CLASSIC_COLUMNS.join(",") + "\n";
    for n in 0..rows {
        let concurrency = n % 50 + 1;
        let tps = n + 1;
        writeln!(text, "1,8,8,{concurrency},{tps}.0,6400,2.5,0").expect("it grows");
    }
    let path = folder.join("full_sweep_20261124_012945.csv");
    std::fs::write(&path, text).expect("a file");
    let run = library::load(&path).expect("a run");
    let board = Arc::new(Board::of_run(&run));
    (run, board)
}

#[test]
fn a_long_file_is_ordered_beside_drawing_and_only_as_asked_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, board) = long_file(folder.path(), ordering::AT_ONCE + 1);
    let mut table = CellTable::of_run(&board, Asked::default());
    assert!(
        table.ordering(&run.path, &board).is_none(),
        "nothing is asked"
    );
    let all = table.order();
    assert_eq!(all.len(), board.len());

    table.sort_by(&Content::Layer(Layer::Throughput), &board);
    assert!(table.is_working());
    assert_eq!(table.order(), all, "shown as before until then");
    let sorting = table.ordering(&run.path, &board).expect("work");
    assert!(table.ordering(&run.path, &board).is_none(), "once");
    table.set_ordered(sorting.run().expect("not cancelled"));
    assert!(!table.is_working());
    let best_first: Vec<usize> = all.iter().rev().copied().collect();
    assert_eq!(table.order(), best_first);

    // A letter is typed, and another before the first was looked for.
    "1".clone_into(&mut table.asked.filter);
    table.asked_anew(&board);
    let first = table.ordering(&run.path, &board).expect("work");
    "12,345".clone_into(&mut table.asked.filter);
    table.asked_anew(&board);
    let second = table.ordering(&run.path, &board).expect("work");
    assert!(first.run().is_none(), "it was cancelled");
    assert!(table.is_working());
    let second = second.run().expect("not cancelled");
    assert_eq!(second.csv(), run.path);
    table.set_ordered(second);
    assert_eq!(table.order(), [12_344]);

    // What was finished but is out of date.
    table.asked.filter.clear();
    table.asked_anew(&board);
    let late = table.ordering(&run.path, &board).expect("work");
    let late = late.run().expect("not cancelled");
    "7".clone_into(&mut table.asked.filter);
    table.asked_anew(&board);
    assert!(table.ordering(&run.path, &board).is_some());
    table.set_ordered(late);
    assert_eq!(table.order(), [12_344]);
}

#[test]
fn a_short_file_is_ordered_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, board) = long_file(folder.path(), 100);
    let mut table = CellTable::of_run(&board, Asked::default());
    "42.0".clone_into(&mut table.asked.filter);
    table.asked_anew(&board);
    assert_eq!(table.order(), [41]);
    assert!(table.ordering(&run.path, &board).is_none());
}
