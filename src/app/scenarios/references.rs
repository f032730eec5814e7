//! The first cell measured again, as the window shows it.

use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::testing::picture::picture;
use crate::app::testing::window::click;
use crate::engine::command::EngineCommand;
use crate::engine::event::RunEnd;

const FIRST: &str = "decode concurrency 8, concurrency 1: 354.9 tokens/s";
const AGAIN: &str = "Measuring the reference cell again: is the machine still the same?";

fn is_shown(window: &mut Window, name: &str) -> bool {
    window.run_steps(3);
    window.query_all_by_label(name).next().is_some()
}

#[test]
fn the_cell_is_shown_running_with_the_number_that_it_has() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_ends(0, 354.9).cell_ends(1, 791.4);
    shows(&mut window, FIRST);

    script.reference_starts(0);
    shows(&mut window, AGAIN);
    shows(&mut window, &format!("{FIRST}, measured again"));
    window.get_by_label_contains("2 of 6 cells");
    script.live(340.2, 4.0);
    shows(
        &mut window,
        &format!("{FIRST}, measured again, 340.2 tokens/s so far"),
    );
    picture(&mut window, "reference-light.png");
    // Of another layer, there is no figure of this moment.
    window
        .state_mut()
        .run
        .as_mut()
        .expect("a run")
        .set_layer(crate::board::Layer::TtftP50);
    window.run_steps(3);
    let name = window.get_by_label_contains("concurrency 1: 0.1");
    let name = egui_kittest::kittest::NodeT::accesskit_node(&name).label();
    assert!(name.expect("a name").ends_with(", measured again"));
    let layer = crate::board::Layer::Throughput;
    window
        .state_mut()
        .run
        .as_mut()
        .expect("a run")
        .set_layer(layer);

    script.reference_ends([354.9, 330.0], &[1]);
    shows(&mut window, FIRST);
    shows(&mut window, "Between cells");
    assert!(!is_shown(&mut window, AGAIN));
    script.cell_starts(2).live(640.2, 4.0);
    shows(
        &mut window,
        "decode concurrency 8, concurrency 16: running, 640.2 tokens/s so far",
    );
}

#[test]
fn skip_and_stop_are_of_the_reference_while_it_is_measured() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_ends(0, 354.9).cell_ends(1, 791.4);
    script.reference_starts(0).live(340.2, 4.0);
    shows(&mut window, AGAIN);
    click(&mut window, "Skip cell");
    assert_eq!(script.obeys(), [EngineCommand::SkipCell]);
    shows(&mut window, FIRST);
    assert!(!is_shown(&mut window, AGAIN));
    window.get_by_label_contains("2 of 6 cells");

    script.reference_starts(0);
    shows(&mut window, AGAIN);
    click(&mut window, "Stop");
    shows(&mut window, "Stopping: the servers are being ended");
    assert_eq!(script.heard(), [EngineCommand::Stop]);
    script.ends(RunEnd::Stopped);
    shows(&mut window, "Stopped");
    shows(&mut window, FIRST);
}
