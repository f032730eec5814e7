//! The whole window as a user works it, by accessible names, over a scripted engine.

mod failures;
mod figures;
mod forms;
mod heat;
mod pictures;
mod references;
mod runs;
mod system;

use std::path::Path;

use egui::accesskit::Role;
use egui::{Theme, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;

use super::backend::Done;
use super::testing::script::Script;
use super::testing::window::{Window, until, window_with};

/// A full sweep of two decode by three request concurrencies.
const SWEEP: [(&str, &str); 5] = [
    ("MLX_INSTANCES_LIST", "1"),
    ("MLX_DECODE_CONCURRENCY_LIST", "8,32"),
    ("MLX_PROMPT_CONCURRENCY_LIST", "4"),
    ("MLX_CONCURRENCY_LIST", "1,4,16"),
    ("MODEL_PATH", "synthetic:tiny"),
];

fn sweep_window(dir: &Path, size: Vec2, theme: Option<Theme>) -> (Window, Script) {
    let mut window = window_with(dir, size, theme, &SWEEP);
    let script = Script::of(window.state_mut());
    (window, script)
}

/// A full sweep that was chosen in the form and started there.
fn started(dir: &Path) -> (Window, Script) {
    let (mut window, script) = sweep_window(dir, vec2(1440.0, 900.0), None);
    start(&mut window);
    (window, script)
}

fn start(window: &mut Window) {
    window
        .get_by_role_and_label(Role::ComboBox, "Kind of run")
        .click();
    window.run_steps(3);
    window.get_by_label("Full sweep").click();
    window.run_steps(3);
    window.get_by_role_and_label(Role::Button, "Start").click();
    window.run_steps(3);
    until(window, |done| matches!(done, Done::Started(..)));
}

/// The name of a button or cell, whole.
fn shows(window: &mut Window, name: &str) {
    window.run_steps(3);
    assert!(
        window.query_all_by_label(name).next().is_some(),
        "{name} is not shown"
    );
}

/// Background work goes on until `name` is shown.
fn wait_for(window: &mut Window, name: &str) {
    while window.query_all_by_label_contains(name).next().is_none() {
        let done = window.state().backend.wait();
        window.state_mut().take(done);
        window.run_steps(3);
    }
}
