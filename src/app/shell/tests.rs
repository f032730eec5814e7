use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Event, Key, Modifiers, Theme, vec2};
use egui_kittest::kittest::Queryable as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::app::backend::Done;
use crate::app::testing::picture::picture;
use crate::app::testing::window::{Window, click, listed, press, sample, until, window, window_of};
use crate::python::managed::Progress;
use crate::session::SessionError;

const MEASURE: &str = "Measure this machine";

#[test]
fn the_first_start_welcomes_until_there_is_a_run_or_it_is_dismissed() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut first = window(dir.path());
    first.get_by_label(MEASURE);
    click(&mut first, "Choose settings first");
    assert!(first.query_by_label(MEASURE).is_none());
    drop(first);
    let mut second = window(dir.path());
    assert!(second.query_by_label(MEASURE).is_none(), "dismissed once");
    press(&mut second, Modifiers::SHIFT, Key::Questionmark);
    click(&mut second, "Show welcome");
    second.get_by_label(MEASURE);

    let other = tempfile::tempdir().expect("a folder");
    sample(&other.path().join("results"), "a.csv");
    assert!(window(other.path()).query_by_label(MEASURE).is_none());
}

#[test]
fn measuring_at_first_chooses_a_quick_run_of_the_synthetic_model() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut harness = window(dir.path());
    // Nothing may be started from a test: what Start says of it shows that it was pressed.
    harness.state_mut().form.facts.busy = Some("MLX is being set up.".to_owned());
    click(&mut harness, MEASURE);
    let lab = harness.state();
    assert_eq!(lab.form.kind(), RunKind::Quick);
    assert_eq!(lab.form.model_text(), crate::session::DEFAULT_MODEL);
    let told: Vec<&str> = lab.shell.toasts.texts().collect();
    assert_eq!(told, ["MLX is being set up."]);
}

#[test]
fn preparing_is_seen_on_the_welcome_and_can_be_cancelled_and_tried_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut harness = window(dir.path());
    let cancel = CancellationToken::new();
    harness.state_mut().preparing = Some(cancel.clone());
    harness.state_mut().begin_run();
    let line = "Collecting mlx-lm==0.32.2".to_owned();
    let step = Done::Setup(Progress::Installing { line: line.clone() });
    harness.state_mut().take(step);
    harness.run_steps(3);
    harness.get_by_label("Preparing: Installing mlx and mlx-lm");
    harness.get_by_label(&line);
    picture(&mut harness, "welcome-preparing.png");
    click(&mut harness, "Cancel");
    assert!(cancel.is_cancelled());
    harness.get_by_label("Cancelling");

    harness
        .state_mut()
        .take(Done::Started(Err(SessionError::Cancelled)));
    harness.run_steps(3);
    harness.get_by_label("Cancelled");
    assert!(!harness.state().environment.setup.is_running());

    harness.state_mut().begin_run();
    let why = SessionError::Wrong("There is no network.".to_owned());
    harness.state_mut().take(Done::Started(Err(why)));
    harness.run_steps(3);
    harness.get_by_label("There is no network.");
    harness.get_by_label("Try again");
    picture(&mut harness, "welcome-failed.png");
    click(&mut harness, "Back");
    harness.get_by_label(MEASURE);
}

#[test]
fn settings_are_kept_with_their_source_and_a_way_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("data/settings.json");
    fs::create_dir_all(dir.path().join("data")).expect("a folder");
    fs::write(&file, "{\"MLX_NEW\": \"1\"}").expect("a file");
    let mut harness = window(dir.path());
    press(&mut harness, Modifiers::COMMAND, Key::Comma);
    click(&mut harness, "Dark");
    click(&mut harness, "Keep one row for each request");
    let text = fs::read_to_string(&file).expect("settings");
    assert!(text.contains("\"appearance\": \"dark\""), "{text}");
    assert!(text.contains("\"MLX_NEW\": \"1\""), "{text}");
    assert!(text.contains("\"MLX_REQUESTS_CSV\""), "{text}");
    harness.get_by_label("Saved here");
    harness.get_by_label("From MLX_RESULTS_DIR in the environment");
    picture(&mut harness, "settings-dark.png");
    drop(harness);

    let mut again = window(dir.path());
    assert!(again.ctx.global_style().visuals.dark_mode);
    press(&mut again, Modifiers::COMMAND, Key::Comma);
    click(&mut again, "Revert Request rows");
    let text = fs::read_to_string(&file).expect("settings");
    assert!(!text.contains("\"MLX_REQUESTS_CSV\""), "{text}");
    assert!(again.query_by_label("Saved here").is_none());
    press(&mut again, Modifiers::NONE, Key::Escape);
    assert!(again.query_by_label("Appearance").is_none());
}

#[test]
fn files_that_make_no_sense_are_kept_aside_and_told_above_the_page() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    fs::create_dir_all(&data).expect("a folder");
    for name in ["settings.json", "window.json"] {
        fs::write(data.join(name), "{\"half").expect("a file");
    }
    let harness = window(dir.path());
    let trouble = harness.state().trouble.clone().expect("told");
    for name in ["settings.json.corrupt", "window.json.corrupt"] {
        assert!(trouble.contains(name), "{trouble}");
        let kept = fs::read_to_string(data.join(name)).expect("kept");
        assert_eq!(kept, "{\"half");
    }
    harness.get_by_label("Dismiss");
}

#[test]
fn page_form_and_layer_are_as_they_were_left() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut harness = window(dir.path());
    harness.state_mut().form.set(Var::MaxTokens, "77");
    harness.state_mut().shell.layer = Layer::TtftP50;
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    drop(harness);
    let harness = window(dir.path());
    let lab = harness.state();
    assert_eq!(lab.page, Page::Results);
    assert_eq!(lab.form.field(Var::MaxTokens).text, "77");
    assert_eq!(lab.shell.layer, Layer::TtftP50);
}

#[test]
fn a_run_is_named_noted_found_moved_to_the_trash_and_brought_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let csv = sample(&dir.path().join("results"), "sweep_a.csv");
    sample(&dir.path().join("results"), "sweep_b.csv");
    let before = fs::read(&csv).expect("a file");
    let mut harness = window(dir.path());
    harness.state_mut().open(&csv);
    until(&mut harness, |done| matches!(done, Done::Opened(..)));
    click(&mut harness, "Name and note...");
    harness.get_by_label("Name").type_text("Night run");
    harness.run_steps(2);
    harness.get_by_label("Note").focus();
    harness.run_steps(2);
    harness.get_by_label("Note").type_text("window open");
    harness.run_steps(2);
    picture(&mut harness, "results-note.png");
    click(&mut harness, "Save");
    until(&mut harness, |done| matches!(done, Done::Noted(..)));
    until(&mut harness, |done| matches!(done, Done::Opened(..)));
    listed_if_needed(&mut harness, "Night run");
    harness.get_by_label("window open");
    assert_eq!(
        fs::read(&csv).expect("a file"),
        before,
        "the CSV is not ours"
    );

    assert!(harness.query_all_by_label_contains("sweep_b").count() >= 1);
    press(&mut harness, Modifiers::COMMAND, Key::F);
    harness.get_by_label("Filter runs").type_text("window");
    harness.run_steps(3);
    assert_eq!(harness.query_all_by_label_contains("sweep_b").count(), 0);
    assert!(harness.query_all_by_label_contains("Night run, ").count() >= 1);

    click(&mut harness, "Move to trash...");
    picture(&mut harness, "results-trash.png");
    click(&mut harness, "Move to trash");
    until(&mut harness, |done| matches!(done, Done::Trashed(..)));
    listed(&mut harness);
    assert!(!csv.exists() && !csv.with_extension("note.json").exists());
    picture(&mut harness, "results-undo.png");
    click(&mut harness, "Undo");
    until(&mut harness, |done| matches!(done, Done::Restored(..)));
    assert_eq!(fs::read(&csv).expect("it is back"), before);
    assert!(csv.with_extension("note.json").exists());
    assert!(harness.query_by_label("Undo").is_none());
}

/// The list and the run are read side by side: whichever comes last.
fn listed_if_needed(harness: &mut Window, name: &str) {
    if harness.query_all_by_label_contains(name).count() < 2 {
        listed(harness);
    }
    assert!(harness.query_all_by_label_contains(name).count() >= 2);
}

#[derive(Debug)]
struct File(PathBuf);

impl egui::DroppedFile for File {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[test]
fn files_over_the_window_say_what_a_drop_does_and_then_it_does_that() {
    let dir = tempfile::tempdir().expect("a folder");
    let elsewhere = dir.path().join("elsewhere");
    let (a, b) = (sample(&elsewhere, "a.csv"), sample(&elsewhere, "b.csv"));
    let mut harness = window(dir.path());
    for path in [&a, &b] {
        harness.input_mut().hovered_files.push(egui::HoveredFile {
            path: Some(path.clone()),
            ..Default::default()
        });
    }
    harness.run_steps(2);
    harness.get_by_label("Open 2 results files");
    picture(&mut harness, "drop.png");
    harness.input_mut().hovered_files.clear();
    for path in [&a, &b] {
        let file = Arc::new(File(path.clone()));
        harness.input_mut().dropped_files.push(file);
    }
    harness.run_steps(2);
    until(&mut harness, |done| matches!(done, Done::Opened(..)));
    let lab = harness.state();
    assert_eq!(
        (lab.page, lab.results.selected()),
        (Page::Results, Some(a.as_path()))
    );
    assert!(harness.query_by_label("Open 2 results files").is_none());

    let text = elsewhere.join("notes.txt");
    fs::write(&text, "").expect("a file");
    let file = Arc::new(File(text));
    harness.input_mut().dropped_files.push(file);
    harness.run_steps(2);
    harness.get_by_label(
        "notes.txt is neither a results CSV, nor a model folder, nor a .jsonl of prompts.",
    );

    let model = dir.path().join("tiny");
    fs::create_dir(&model).expect("a folder");
    fs::write(model.join("config.json"), "{}").expect("a file");
    let file = Arc::new(File(model.clone()));
    harness.input_mut().dropped_files.push(file);
    harness.run_steps(2);
    assert_eq!(harness.state().page, Page::Run);
    assert_eq!(harness.state().form.model_text(), model.to_string_lossy());
}

#[test]
fn a_command_that_cannot_run_now_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let csv = sample(&dir.path().join("results"), "a.csv");
    let mut harness = window(dir.path());
    press(&mut harness, Modifiers::COMMAND, Key::Period);
    harness.get_by_label("No run is going on.");
    press(&mut harness, Modifiers::COMMAND, Key::F);
    harness.get_by_label("There is no log to filter before a run has started.");
    harness.event(Event::Copy);
    harness.run_steps(2);
    harness.get_by_label("Select a cell to copy first: click one in the heatmap or the table.");

    harness.state_mut().open(&csv);
    until(&mut harness, |done| matches!(done, Done::Opened(..)));
    // The best cell is selected from the start.
    harness.event(Event::Copy);
    harness.run_steps(1);
    let copied = harness.output().platform_output.commands.iter();
    let copied: Vec<_> = copied
        .filter_map(|command| match command {
            egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        copied,
        [harness.state().results.copy_text().expect("a cell")]
    );
    harness.run_steps(1);
    harness.get_by_label("Copied the selected cell");
    press(&mut harness, Modifiers::COMMAND, Key::F);
    assert!(harness.get_by_label("Filter runs").is_focused());
}

#[test]
fn the_sheet_groups_every_shortcut_and_escape_closes_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut harness = window(dir.path());
    press(&mut harness, Modifiers::NONE, Key::F1);
    for section in super::super::command::Section::iter() {
        assert!(harness.query_all_by_label(&section.to_string()).count() >= 1);
    }
    harness.get_by_label("Settings");
    picture(&mut harness, "shortcuts.png");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Files and figures").is_none());
}

#[test]
fn a_results_folder_that_is_no_folder_leads_to_the_settings() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("results"), "").expect("a file");
    let mut harness = window(dir.path());
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    harness.get_by_label("No results folder");
    harness.get_by_label_contains("is a file, not a folder");
    picture(&mut harness, "results-no-folder.png");
    click(&mut harness, "Choose another folder...");
    harness.get_by_label("Appearance");
}

#[test]
fn pictures_of_the_welcome() {
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        for (width, height) in [(1000.0, 640.0), (1440.0, 900.0)] {
            let dir = tempfile::tempdir().expect("a folder");
            let size = vec2(width, height);
            let mut harness = window_of(dir.path(), size, Some(theme));
            harness.run_steps(3);
            harness.get_by_label(MEASURE);
            picture(&mut harness, &format!("welcome-{name}-{width}.png"));
            press(&mut harness, Modifiers::COMMAND, Key::Comma);
            picture(&mut harness, &format!("settings-{name}-{width}.png"));
        }
    }
}
