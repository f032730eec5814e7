//! A window whose files lie in a test's folder, and what a user does in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Key, Modifiers, Theme, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use crate::app::backend::Done;
use crate::app::lab::Lab;
use crate::store::trash::fake::FolderTrash;

/// The window of a test: made in the first pass, which has the context that it needs.
#[derive(Default)]
pub(in crate::app) struct Holder(Option<Lab>);

impl Holder {
    pub(in crate::app) fn get(&mut self) -> Option<&mut Lab> {
        self.0.as_mut()
    }

    pub(in crate::app) fn set(&mut self, lab: Lab) {
        self.0 = Some(lab);
    }
}

impl std::ops::Deref for Holder {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        self.0.as_ref().expect("made in the first pass")
    }
}

impl std::ops::DerefMut for Holder {
    fn deref_mut(&mut self) -> &mut Lab {
        self.0.as_mut().expect("made in the first pass")
    }
}

pub(in crate::app) type Window = Harness<'static, Holder>;

/// A window with its files in `dir`, drawn as the app does it.
pub(in crate::app) fn window_of(dir: &Path, size: Vec2, theme: Option<Theme>) -> Window {
    window_with(dir, size, theme, &[])
}

/// As [`window_of`], with these environment variables as well.
pub(in crate::app) fn window_with(
    dir: &Path,
    size: Vec2,
    theme: Option<Theme>,
    variables: &[(&str, &str)],
) -> Window {
    let results = dir.join("results").to_string_lossy().into_owned();
    let mut environment = vec![("MLX_RESULTS_DIR".to_owned(), results)];
    let variables = variables.iter().copied();
    environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let data = dir.join("data");
    let builder = Harness::builder().with_size(size).with_step_dt(0.2);
    let mut harness = builder.build_ui_state(
        move |ui, holder: &mut Holder| {
            let context = ui.ctx().clone();
            if let Holder(Some(lab)) = holder {
                lab.drain_engine();
                lab.keep(&context);
                lab.hear_system(&context);
                lab.tell_system(&context);
                lab.draw(ui);
                return;
            }
            let environment = environment.clone();
            let lab = Lab::in_folder(&context, None, Some(&data), environment);
            let mut lab = lab.expect("a window");
            lab.backend.trash = Arc::new(FolderTrash::default());
            if let Some(theme) = theme {
                context.set_theme(theme);
            }
            holder.0 = Some(lab);
        },
        Holder::default(),
    );
    listed(&mut harness);
    harness
}

pub(in crate::app) fn window(dir: &Path) -> Window {
    window_of(dir, vec2(1180.0, 760.0), None)
}

/// Until the folder was looked through again.
pub(in crate::app) fn listed(harness: &mut Window) {
    until(harness, |done| matches!(done, Done::Runs(..)));
}

pub(in crate::app) fn until(harness: &mut Window, last: impl Fn(&Done) -> bool) {
    loop {
        let done = harness.state().backend.wait();
        let is_last = last(&done);
        harness.state_mut().take(done);
        if is_last {
            break;
        }
    }
    harness.run_steps(3);
}

pub(in crate::app) fn sample(dir: &Path, name: &str) -> PathBuf {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    fs::create_dir_all(dir).expect("a folder");
    let to = dir.join(name);
    fs::copy(samples.join("full_sweep_20261124_012945.csv"), &to).expect("a copy");
    to
}

pub(in crate::app) fn press(harness: &mut Window, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(5);
}

pub(in crate::app) fn click(harness: &mut Window, name: &str) {
    harness.get_by_label(name).click();
    harness.run_steps(3);
}
