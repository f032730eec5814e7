use egui::{Event, Key, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::app::testing::window::click;
use crate::engine::command::EngineCommand;
use crate::engine::event::RunEnd;
use crate::plan::RunKind;

#[test]
fn a_sweep_is_started_in_the_form_and_its_heatmap_fills() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    let plan = script.plan();
    assert_eq!((plan.kind, plan.cells.len()), (RunKind::FullSweep, 6));
    let loads: Vec<_> = plan
        .cells
        .iter()
        .map(|cell| cell.load.concurrency)
        .collect();
    assert_eq!(loads, [1, 4, 16, 1, 4, 16]);
    shows(&mut window, "decode concurrency 8, concurrency 1: waiting");

    script.cell_starts(0);
    shows(&mut window, "decode concurrency 8, concurrency 1: running");
    shows(&mut window, "Warming up");
    script.live(312.0, 4.0).machine(0.4, 0.9);
    shows(
        &mut window,
        "decode concurrency 8, concurrency 1: running, 312.0 tokens/s so far",
    );
    script.cell_ends(0, 354.9);
    shows(
        &mut window,
        "decode concurrency 8, concurrency 1: 354.9 tokens/s, best",
    );
    window.get_by_label_contains("1 of 6 cells  ·  12.0 s elapsed  ·  about 1 min 00 s left");

    script.cell_ends(1, 791.4).cell_ends(2, 640.2);
    shows(
        &mut window,
        "decode concurrency 8, concurrency 4: 791.4 tokens/s, best",
    );
    // The star has moved on.
    shows(
        &mut window,
        "decode concurrency 8, concurrency 1: 354.9 tokens/s",
    );
    window.get_by_label_contains("3 of 6 cells");
    window.get_by_label_contains("best 791.4 tokens/s at decode concurrency 8, concurrency 4");
    shows(
        &mut window,
        "decode concurrency 32, concurrency 16: waiting",
    );

    script
        .cell_ends(3, 341.0)
        .cell_ends(4, 802.7)
        .cell_ends(5, 1_169.6);
    script.ends(RunEnd::Completed);
    shows(&mut window, "Complete");
    assert!(window.query_by_label("Stop").is_none());
    // Its file is read back into the library.
    until(&mut window, |done| matches!(done, Done::Opened(..)));
    let opened = window.state().results.selected().map(Path::to_owned);
    assert_eq!(opened, Some(script.csv()));
}

#[test]
fn a_cell_is_selected_by_click_and_by_arrows_and_its_figures_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script
        .cell_ends(0, 354.9)
        .cell_ends(1, 791.4)
        .cell_ends(2, 640.2);
    script.cell_ends(3, 341.0);
    window.run_steps(3);
    let first = "decode concurrency 8, concurrency 1: 354.9 tokens/s";
    click(&mut window, first);
    let node = window.get_by_label(first);
    assert_eq!(node.accesskit_node().is_selected(), Some(true));
    assert!(window.query_all_by_label_contains("354.9 tokens/s").count() >= 2);
    window.get_by_label("p50");

    let right = "decode concurrency 8, concurrency 4: 791.4 tokens/s, best";
    window.key_press(Key::ArrowRight);
    window.run_steps(3);
    let node = window.get_by_label(right);
    assert_eq!(node.accesskit_node().is_selected(), Some(true));
    let node = window.get_by_label(first);
    assert_ne!(node.accesskit_node().is_selected(), Some(true));
    assert!(window.query_all_by_label_contains("791.4 tokens/s").count() >= 3);
}

#[test]
fn pause_turns_into_resume_and_skip_and_stop_are_sent() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_ends(0, 354.9).cell_starts(1);
    window.run_steps(3);
    click(&mut window, "Pause");
    assert_eq!(script.obeys(), [EngineCommand::Pause]);
    assert!(window.query_by_label("Pause").is_none());
    window.get_by_label("Pausing: warming up");
    click(&mut window, "Resume");
    assert_eq!(script.obeys(), [EngineCommand::Resume]);
    window.get_by_label("Pause");

    click(&mut window, "Skip cell");
    assert_eq!(script.obeys(), [EngineCommand::SkipCell]);
    shows(&mut window, "decode concurrency 8, concurrency 4: skipped");

    script.cell_starts(2);
    window.run_steps(2);
    click(&mut window, "Stop");
    assert_eq!(script.obeys(), [EngineCommand::Stop]);
    shows(&mut window, "Stopped");
    shows(
        &mut window,
        "decode concurrency 8, concurrency 1: 354.9 tokens/s, best",
    );
}

#[test]
fn stop_is_sent_in_its_own_frame_and_told_in_the_next() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_starts(0).live(300.0, 2.0);
    window.run_steps(3);
    let _ = script.heard();
    // One event, thus one frame: a pointer's click has several.
    window.get_by_label("Stop").click_accesskit();
    window.step();
    assert_eq!(script.heard(), [EngineCommand::Stop]);
    window.step();
    window.get_by_label("Stopping: the servers are being ended");
    for name in ["Stop", "Pause", "Skip cell"] {
        let node = window.get_by_label(name);
        assert!(node.accesskit_node().is_disabled(), "{name}");
    }
    script.ends(RunEnd::Stopped);
    window.step();
    window.step();
    window.get_by_label("Stopped");
}

fn ask_to_close(window: &mut Window) {
    let viewport = window.input_mut().viewports.entry(ViewportId::ROOT);
    viewport.or_default().events.push(ViewportEvent::Close);
    window.step();
}

fn forget_close(window: &mut Window) {
    for viewport in window.input_mut().viewports.values_mut() {
        viewport.events.clear();
    }
}

fn told_to_close(window: &Window, command: &ViewportCommand) -> bool {
    let outputs = window.output().viewport_output.values();
    outputs
        .flat_map(|output| &output.commands)
        .any(|c| c == command)
}

#[test]
fn closing_the_window_during_a_run_asks_and_stops_the_servers_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_starts(0);
    window.run_steps(2);
    ask_to_close(&mut window);
    assert!(told_to_close(&window, &ViewportCommand::CancelClose));
    forget_close(&mut window);
    shows(&mut window, "A run is going on");
    click(&mut window, "Keep running");
    assert!(window.query_by_label("Stop and quit").is_none());
    assert_eq!(script.heard(), []);

    ask_to_close(&mut window);
    forget_close(&mut window);
    window.run_steps(2);
    click(&mut window, "Stop and quit");
    assert_eq!(script.obeys(), [EngineCommand::Stop]);
    let mut closed = false;
    for _ in 0..4 {
        window.step();
        closed |= told_to_close(&window, &ViewportCommand::Close);
    }
    assert!(closed, "the run has ended: nothing is left to ask");
}

#[test]
fn keys_ask_for_the_same_as_the_buttons() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_ends(0, 354.9).cell_starts(1);
    window.run_steps(3);
    click(
        &mut window,
        "decode concurrency 8, concurrency 1: 354.9 tokens/s, best",
    );
    window.event(Event::Copy);
    window.step();
    window.key_press_modifiers(egui::Modifiers::COMMAND, Key::Period);
    window.run_steps(3);
    assert_eq!(script.heard(), [EngineCommand::Stop]);
}
