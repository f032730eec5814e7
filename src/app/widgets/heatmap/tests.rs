//! The heatmap by its accessible names, and how much it draws.

use egui::{Event, Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::layout::{Layout, MAX_CELL, MIN_CELL, OVERHANG};
use super::*;
use crate::app::theme;

fn input(grids: Vec<GridInput>) -> HeatmapInput {
    HeatmapInput {
        layer: "Throughput".to_owned(),
        unit: "tokens/s".to_owned(),
        x_title: "Decode concurrency".to_owned(),
        y_title: "Prompt".to_owned(),
        lower_is_better: false,
        format: |figure| format!("{figure:.1}"),
        grids,
    }
}

fn cell(id: u32, state: CellState) -> HeatCell {
    HeatCell {
        id: CellId(id),
        state,
        best: false,
    }
}

/// The settings of each cell, by its number.
pub(in crate::app::widgets) struct Settings(Vec<String>);

impl Words for Settings {
    fn settings(&self, cell: CellId) -> String {
        self.0[cell.0 as usize].clone()
    }

    fn details(&self, _cell: CellId) -> Vec<(String, String)> {
        vec![
            ("TTFT p50".to_owned(), "82 ms".to_owned()),
            ("Errors".to_owned(), "0".to_owned()),
        ]
    }
}

pub(in crate::app::widgets) type Named = (HeatmapModel, Settings);

/// 4 columns (decode 8 to 64) and 3 rows (prompt 2, 4, 8) with every state; one cell is not planned.
pub(in crate::app::widgets) fn every_state() -> Named {
    let failed = || CellState::Failed {
        word: "out of memory".into(),
    };
    let invalid = || CellState::Invalid {
        reason: "prompt cache hit".into(),
    };
    let done = |value| CellState::Done { value };
    let states = [
        done(118.2),
        done(203.7),
        done(291.4),
        failed(),
        done(131.0),
        done(248.9),
        done(425.3),
        invalid(),
        CellState::Running {
            figure: Some(312.0),
        },
        CellState::Skipped,
        CellState::Waiting,
        CellState::Waiting,
    ];
    let decode = [8, 16, 32, 64];
    let prompt = [2, 4, 8];
    let settings = |i: usize| format!("decode {}, prompt {}", decode[i % 4], prompt[i / 4]);
    let cells = states.into_iter().enumerate().map(|(i, state)| {
        let best = state == CellState::Done { value: 425.3 };
        (i != 11).then(|| HeatCell {
            best,
            ..cell(i as u32, state)
        })
    });
    let model = HeatmapModel::new(input(vec![GridInput {
        heading: None,
        columns: decode.map(|v| v.to_string()).to_vec(),
        rows: prompt.map(|v| v.to_string()).to_vec(),
        cells: cells.collect(),
    }]));
    (model, Settings((0..12).map(settings).collect()))
}

/// Every cell is done; the last one is the best.
pub(in crate::app::widgets) fn full(grids: usize, columns: usize, rows: usize) -> Named {
    let count = columns * rows;
    let grid = |grid: usize| GridInput {
        heading: (grids > 1).then(|| format!("instances {}", grid + 1)),
        columns: (1..=columns).map(|v| v.to_string()).collect(),
        rows: (1..=rows).map(|v| v.to_string()).collect(),
        cells: (0..count)
            .map(|i| {
                let value = 20.0 + (grid * count + i) as f64 * 400.0 / (grids * count) as f64;
                let best = grid + 1 == grids && i + 1 == count;
                Some(HeatCell {
                    best,
                    ..cell((grid * count + i) as u32, CellState::Done { value })
                })
            })
            .collect(),
    };
    let settings = (0..grids * count).map(|cell| {
        let (grid, i) = (cell / count, cell % count);
        format!(
            "decode {}, prompt {}, instances {}",
            i % columns + 1,
            i / columns + 1,
            grid + 1
        )
    });
    let model = HeatmapModel::new(input((0..grids).map(grid).collect()));
    (model, Settings(settings.collect()))
}

struct State {
    model: HeatmapModel,
    settings: Settings,
    selected: Option<CellId>,
    copied: Option<String>,
    visible: usize,
}

fn harness((model, settings): Named, size: egui::Vec2) -> Harness<'static, State> {
    let state = State {
        model,
        settings,
        selected: None,
        copied: None,
        visible: 0,
    };
    Harness::builder()
        .with_size(size)
        .with_context_setup(theme::install)
        .build_ui_state(
            |ui, state: &mut State| {
                let heatmap = Heatmap::new("test", &state.model, &state.settings);
                let output = heatmap.show(ui, &mut state.selected);
                state.visible = output.visible;
                state.copied = output.copied.or(state.copied.take());
            },
            state,
        )
}

fn selected_after(harness: &mut Harness<'_, State>, key: Key) -> u32 {
    harness.key_press(key);
    harness.run();
    harness.state().selected.expect("a key selects").0
}

#[test]
fn every_state_is_named_with_its_word_or_figure() {
    let harness = harness(every_state(), vec2(700.0, 400.0));
    for name in [
        "decode 8, prompt 2: 118.2 tokens/s",
        "decode 32, prompt 4: 425.3 tokens/s, best",
        "decode 64, prompt 2: failed: out of memory",
        "decode 64, prompt 4: invalid: prompt cache hit",
        "decode 8, prompt 8: running, 312.0 tokens/s so far",
        "decode 16, prompt 8: skipped",
        "decode 32, prompt 8: waiting",
        "Heatmap of Throughput in tokens/s: Prompt by Decode concurrency",
    ] {
        harness.get_by_label(name);
    }
    assert!(
        harness
            .query_by_label_contains("decode 64, prompt 8")
            .is_none(),
        "not planned"
    );
}

#[test]
fn a_click_selects_and_the_keyboard_goes_on_from_there() {
    let mut harness = harness(every_state(), vec2(700.0, 400.0));
    harness
        .get_by_label("decode 16, prompt 4: 248.9 tokens/s")
        .click();
    harness.run();
    assert_eq!(harness.state().selected, Some(CellId(5)));
    let node = harness.get_by_label("decode 16, prompt 4: 248.9 tokens/s");
    assert!(
        node.is_focused(),
        "assistive technology follows the selection"
    );
    assert_eq!(node.accesskit_node().is_selected(), Some(true));
    for (key, id) in [
        (Key::ArrowRight, 6),
        (Key::ArrowUp, 2),
        (Key::ArrowUp, 2),
        (Key::ArrowLeft, 1),
        (Key::Home, 0),
        (Key::End, 3),
        (Key::ArrowDown, 7),
        // Where the plan has no cell, the selection stays.
        (Key::ArrowDown, 7),
    ] {
        assert_eq!(selected_after(&mut harness, key), id, "{key:?}");
    }
}

#[test]
fn keys_in_quick_succession_all_count() {
    let mut harness = harness(full(1, 8, 8), vec2(700.0, 600.0));
    harness
        .get_by_label("decode 1, prompt 1, instances 1: 20.0 tokens/s")
        .click();
    harness.run();
    for _ in 0..5 {
        harness.key_press(Key::ArrowRight);
        harness.step();
    }
    assert_eq!(harness.state().selected, Some(CellId(5)));
}

#[test]
fn the_first_key_selects_the_best_cell_and_tab_leaves_in_one_step() {
    let mut harness = harness(every_state(), vec2(700.0, 400.0));
    harness.key_press(Key::Tab);
    harness.run();
    assert_eq!(selected_after(&mut harness, Key::ArrowRight), 6);
    let grid = harness.ctx.memory(egui::Memory::focused);
    assert!(grid.is_some());
    harness.key_press(Key::ArrowRight);
    harness.run();
    assert_eq!(
        harness.ctx.memory(egui::Memory::focused),
        grid,
        "arrows keep the focus"
    );
}

#[test]
fn assistive_technology_can_focus_a_cell() {
    let mut harness = harness(every_state(), vec2(700.0, 400.0));
    harness
        .get_by_label("decode 64, prompt 2: failed: out of memory")
        .focus();
    harness.run();
    assert_eq!(harness.state().selected, Some(CellId(3)));
}

#[test]
fn copy_puts_the_selected_figure_on_the_clipboard() {
    let mut harness = harness(every_state(), vec2(700.0, 400.0));
    harness.event(Event::Copy);
    harness.run();
    assert_eq!(harness.state().copied, None, "nothing is selected");
    harness
        .get_by_label("decode 32, prompt 4: 425.3 tokens/s, best")
        .click();
    harness.run();
    harness.event(Event::Copy);
    harness.run();
    assert_eq!(
        harness.state().copied.as_deref(),
        Some("decode 32, prompt 4: 425.3 tokens/s")
    );
}

#[test]
fn ten_thousand_cells_cost_what_is_visible() {
    let size = vec2(800.0, 500.0);
    let most = ((size.x / MIN_CELL.x).ceil() * (size.y / MIN_CELL.y).ceil()) as usize;
    let shapes = |columns, rows| {
        let harness = harness(full(1, columns, rows), size);
        (harness.output().shapes.len(), harness.state().visible)
    };
    let (fewer, _) = shapes(50, 50);
    let (all, visible) = shapes(100, 100);
    assert!(
        visible > 100 && visible <= most,
        "{visible} of 10,000 are drawn, at most {most} fit"
    );
    // Fill and figure for each cell, and labels: as many as for any heatmap that fills the view.
    assert!(all < 3 * most, "{all} shapes");
    assert!(all.abs_diff(fewer) < fewer / 10, "{all} and {fewer}");
}

#[test]
fn a_key_scrolls_to_what_it_selects() {
    let mut harness = harness(full(1, 100, 100), vec2(800.0, 500.0));
    harness.key_press(Key::Tab);
    harness.run();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::End);
    harness.run_steps(8);
    assert_eq!(harness.state().selected, Some(CellId(9_999)));
    harness.get_by_label("decode 100, prompt 100, instances 1: 420.0 tokens/s, best");
}

#[test]
fn keys_cross_from_one_grid_to_the_next() {
    let (model, _) = full(4, 3, 2);
    let moved = |from, by| model.moved(Some(CellId(from)), by, 2).map(|id| id.0);
    assert_eq!(moved(2, Move::Right), Some(6));
    assert_eq!(moved(6, Move::Left), Some(2));
    assert_eq!(moved(4, Move::Down), Some(13));
    assert_eq!(moved(13, Move::Up), Some(4));
    assert_eq!(moved(0, Move::Left), None);
    assert_eq!(moved(23, Move::Right), None);
}

#[test]
fn cells_stay_between_their_least_and_greatest_size() {
    for (grids, columns, rows) in [(1, 1, 1), (1, 8, 5), (6, 8, 5), (1, 100, 100), (12, 3, 40)] {
        for available in [vec2(300.0, 200.0), vec2(900.0, 500.0), vec2(2200.0, 1100.0)] {
            let layout = Layout::of(&full(grids, columns, rows).0, available);
            let cell = layout.cell;
            assert!(
                cell.x >= MIN_CELL.x && cell.y >= MIN_CELL.y,
                "{grids} {columns}x{rows}: {cell:?}"
            );
            assert!(
                cell.x <= MAX_CELL.x && cell.y <= MAX_CELL.y,
                "{grids} {columns}x{rows}: {cell:?}"
            );
            if cell.x > MIN_CELL.x + 1.0 && cell.y > MIN_CELL.y + 1.0 {
                assert!(
                    layout.size.x <= available.x && layout.size.y <= available.y,
                    "{:?}",
                    layout.size
                );
            }
        }
    }
}

#[test]
fn one_cell_can_change_without_the_others() {
    let (mut model, settings) = every_state();
    model.update(cell(10, CellState::Done { value: 500.0 }));
    model.set_best(Some(CellId(10)));
    let name = |id| model.name(model.cell(CellId(id)).unwrap(), &settings);
    assert_eq!(name(10), "decode 32, prompt 8: 500.0 tokens/s, best");
    assert_eq!(name(6), "decode 32, prompt 4: 425.3 tokens/s");
    assert!((model.scale().unwrap().max - 500.0).abs() < 1e-9);
}

#[test]
fn an_empty_heatmap_says_what_will_be_there() {
    let harness = harness(
        (HeatmapModel::new(input(Vec::new())), Settings(Vec::new())),
        vec2(700.0, 400.0),
    );
    harness.get_by_label("No cells yet");
}

#[test]
fn the_upright_title_of_few_rows_has_room() {
    for rows in 1..=3 {
        let (mut model, _) = full(1, 4, rows);
        "Decode concurrency".clone_into(&mut model.y_title);
        let layout = Layout::of(&model, vec2(900.0, 500.0));
        // It begins two points below the grid's top; a letter is at least 5.2 points wide.
        let room = layout.size.y - OVERHANG - 2.0;
        assert!(room >= 18.0 * 5.2, "{rows} rows: {room}");
        assert!(layout.size.y <= 500.0);
    }
    // Of many rows, nothing is added.
    let layout = Layout::of(&full(1, 4, 20).0, vec2(900.0, 500.0));
    let last = layout.rect(0, 19, 0).bottom();
    assert!((layout.size.y - OVERHANG - last).abs() < 0.5, "{last}");
}
