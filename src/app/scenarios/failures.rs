use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::testing::window::click;
use crate::engine::event::RunEnd;

const WEDGED: &str = "Server 0 is wedged: its generation thread died.";

#[test]
fn a_failed_and_an_invalid_cell_say_why_and_are_never_best() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script
        .cell_ends(0, 354.9)
        .cell_fails(1, "The server ended: Metal is out of memory.")
        .cell_is_invalid(2, 2_000.0, "9 of 131 requests failed: 6.9 %")
        .cell_fails(3, WEDGED);
    shows(
        &mut window,
        "decode concurrency 8, concurrency 1: 354.9 tokens/s, best",
    );
    shows(
        &mut window,
        "decode concurrency 8, concurrency 4: failed: memory",
    );
    let invalid = "decode concurrency 8, concurrency 16: invalid: too many errors";
    shows(&mut window, invalid);
    shows(
        &mut window,
        "decode concurrency 32, concurrency 1: failed: stuck",
    );
    window.get_by_label_contains("best 354.9 tokens/s");

    // The whole reason is in the detail.
    click(
        &mut window,
        "decode concurrency 32, concurrency 1: failed: stuck",
    );
    window.get_by_label(WEDGED);
    click(&mut window, invalid);
    window.get_by_label_contains("9 of 131 requests failed: 6.9 %");

    script.ends(RunEnd::Failed(
        "Every later cell would fail too.".to_owned(),
    ));
    shows(&mut window, "Failed");
    shows(&mut window, "Every later cell would fail too.");
    let best = window.query_all_by_label_contains(", best");
    assert_eq!(best.count(), 1, "only the valid cell");
}
