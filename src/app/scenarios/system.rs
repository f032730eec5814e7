//! What the system asks past the window, and what it is told.

use std::fs;
use std::path::PathBuf;

use egui::{Event, Key, Modifiers, UserAttentionType, ViewportCommand};
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::command::AppCommand;
use crate::app::lab::Page;
use crate::app::menu_bar::{Choice, TextEdit};
use crate::app::testing::window::{click, listed, press, sample, window};
use crate::engine::command::EngineCommand;
use crate::engine::event::RunEnd;
use crate::platform::inbox::Asked;
use crate::platform::menu::{LineState, RECENT_TAG};

fn ask(window: &mut Window, asked: Asked) {
    window.state().shell.system.inbox.put(asked);
    window.step();
}

/// As the menu bar asks, by the choice's tag.
fn choose(window: &mut Window, choice: Choice) {
    let tag = Choice::all().position(|other| other == choice);
    ask(window, Asked::Menu(tag.expect("every choice has a tag")));
}

fn line(window: &Window, choice: Choice) -> LineState {
    let state = window.state().menu_state(&window.ctx);
    let tag = Choice::all().position(|other| other == choice);
    let line = state.line(tag.expect("every choice has a tag"));
    line.expect("every choice has a state").clone()
}

fn command(window: &Window, command: AppCommand) -> LineState {
    line(window, Choice::Command(command))
}

fn told(window: &Window, command: &ViewportCommand) -> bool {
    let outputs = window.output().viewport_output.values();
    let mut commands = outputs.flat_map(|output| &output.commands);
    commands.any(|told| told == command)
}

fn toasts(window: &Window) -> Vec<String> {
    let texts = window.state().shell.toasts.texts();
    texts.map(str::to_owned).collect()
}

#[test]
fn files_from_finder_are_opened_as_if_they_were_dropped_and_are_remembered() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut window = window(dir.path());
    let elsewhere = dir.path().join("else where");
    let files = ["a.csv", "b.csv"].map(|name| sample(&elsewhere, name));
    let model = elsewhere.join("model");
    fs::create_dir(&model).expect("a folder");
    fs::write(model.join("config.json"), "{}").expect("a file");
    let text = elsewhere.join("notes.txt");
    fs::write(&text, "").expect("a file");
    let asked = [&files[0], &files[1], &text].map(PathBuf::clone);
    ask(&mut window, Asked::Open(asked.into()));
    assert_eq!(window.state().results.selected(), Some(files[0].as_path()));
    assert!(window.state().page == Page::Results);
    let told = toasts(&window);
    assert!(
        told.iter().any(|text| text.contains("notes.txt")),
        "{told:?}"
    );
    listed(&mut window);
    let names = window.state().shell.system.recent.names();
    assert_eq!(names, ["a.csv", "b.csv"]);

    ask(&mut window, Asked::Open(vec![model.clone()]));
    assert_eq!(window.state().form.model_text(), model.to_string_lossy());
    ask(&mut window, Asked::Menu(RECENT_TAG + 2));
    assert_eq!(window.state().results.selected(), Some(files[1].as_path()));
    drop(window);
    let mut again = super::super::testing::window::window(dir.path());
    let names = again.state().shell.system.recent.names();
    assert_eq!(names, ["b.csv", "model", "a.csv"]);
    assert!(line(&again, Choice::ClearRecent).enabled);
    choose(&mut again, Choice::ClearRecent);
    assert!(again.state().shell.system.recent.is_empty());
    assert!(!line(&again, Choice::ClearRecent).enabled);
    // A line that is still shown of a file that is forgotten does nothing.
    ask(&mut again, Asked::Menu(RECENT_TAG));
    assert_eq!(again.state().results.selected(), None);
}

#[test]
fn menu_lines_do_what_the_buttons_do_and_can_be_chosen_when_those_can() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = sweep_window(dir.path(), vec2(1440.0, 900.0), None);
    for stopped in [AppCommand::Pause, AppCommand::SkipCell, AppCommand::Stop] {
        assert!(!command(&window, stopped).enabled, "{stopped:?}");
    }
    assert!(command(&window, AppCommand::Start).enabled);
    choose(&mut window, Choice::Command(AppCommand::ShowResults));
    assert!(window.state().page == Page::Results);
    assert!(command(&window, AppCommand::ShowResults).checked);
    assert!(!command(&window, AppCommand::ShowRun).checked);
    choose(&mut window, Choice::Command(AppCommand::ShowRun));

    start(&mut window);
    script.cell_ends(0, 354.9).cell_starts(1);
    window.run_steps(3);
    assert!(!command(&window, AppCommand::Start).enabled);
    assert_eq!(command(&window, AppCommand::Pause).title, None);
    choose(&mut window, Choice::Command(AppCommand::Pause));
    assert_eq!(script.obeys(), [EngineCommand::Pause]);
    let resume = command(&window, AppCommand::Pause);
    assert_eq!(
        (resume.enabled, resume.title.as_deref()),
        (true, Some("Resume"))
    );
    choose(&mut window, Choice::Command(AppCommand::SkipCell));
    assert_eq!(script.obeys(), [EngineCommand::SkipCell]);
    choose(&mut window, Choice::Command(AppCommand::Stop));
    assert_eq!(script.obeys(), [EngineCommand::Stop]);
    // A tag that no line has does nothing.
    ask(&mut window, Asked::Menu(RECENT_TAG - 1));
}

#[test]
fn a_key_that_the_menu_bar_has_taken_does_not_count_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut window = window(dir.path());
    // The command opens and closes: done twice, nothing would be seen of it.
    window.input_mut().events.push(Event::Key {
        key: Key::Comma,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::COMMAND,
    });
    choose(&mut window, Choice::Command(AppCommand::ShowSettings));
    window.run_steps(2);
    assert!(window.state().shell.settings.open);
    // The key alone counts in the next frame.
    press(&mut window, Modifiers::COMMAND, Key::Comma);
    assert!(!window.state().shell.settings.open);
}

#[test]
fn the_edit_menu_works_on_the_text_that_is_written_into() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut window = window(dir.path());
    for edit in [TextEdit::Cut, TextEdit::SelectAll] {
        assert!(!line(&window, Choice::Text(edit)).enabled, "{edit:?}");
    }
    assert!(!command(&window, AppCommand::CopySelection).enabled);
    choose(&mut window, Choice::Command(AppCommand::ShowResults));
    choose(&mut window, Choice::Command(AppCommand::Filter));
    window.run_steps(2);
    window.event(Event::Text("sweep".to_owned()));
    window.run_steps(2);
    for edit in [TextEdit::Cut, TextEdit::Paste, TextEdit::SelectAll] {
        assert!(line(&window, Choice::Text(edit)).enabled, "{edit:?}");
    }
    assert!(command(&window, AppCommand::CopySelection).enabled);
    choose(&mut window, Choice::Text(TextEdit::Paste));
    assert!(told(&window, &ViewportCommand::RequestPaste));
    choose(&mut window, Choice::Text(TextEdit::Cut));
    assert!(told(&window, &ViewportCommand::RequestCut));
    let copy = Choice::Command(AppCommand::CopySelection);
    choose(&mut window, copy);
    assert!(told(&window, &ViewportCommand::RequestCopy));
    let field = |window: &Window| {
        let fields = window.query_all_by_role(Role::TextInput);
        fields.filter_map(|field| field.value()).collect::<Vec<_>>()
    };
    assert!(field(&window).contains(&"sweep".to_owned()));
    choose(&mut window, Choice::Text(TextEdit::SelectAll));
    window.event(Event::Text("full".to_owned()));
    window.run_steps(2);
    assert!(field(&window).contains(&"full".to_owned()));
    choose(&mut window, Choice::Text(TextEdit::Undo));
    window.run_steps(2);
    assert!(!field(&window).contains(&"full".to_owned()));
}

#[test]
fn title_document_and_badge_follow_the_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = sweep_window(dir.path(), vec2(1440.0, 900.0), None);
    assert_eq!(window.state().shell.system.title, "MLX Throughput Lab");
    start(&mut window);
    script.cell_ends(0, 354.9).cell_starts(1);
    window.step();
    let name = "MLX Throughput Lab \u{2014} Full sweep, synthetic:tiny";
    assert_eq!(window.state().shell.system.title, name);
    let badge = |window: &Window| window.state().shell.system.badge.clone();
    assert_eq!(badge(&window).as_deref(), Some("1/6"));
    assert_eq!(window.state().shell.system.document, Some(script.csv()));
    // The run goes on wherever the user looks.
    choose(&mut window, Choice::Command(AppCommand::ShowModels));
    assert_eq!(window.state().shell.system.title, name);
    assert_eq!(window.state().shell.system.document, None);

    script.ends(RunEnd::Failed("The disk is full.".to_owned()));
    let plain = ViewportCommand::Title("MLX Throughput Lab".to_owned());
    window.step();
    assert!(told(&window, &plain));
    assert_eq!(badge(&window), None);
    window.step();
    assert!(!told(&window, &plain), "told once");
    until(&mut window, |done| matches!(done, Done::Opened(..)));
    choose(&mut window, Choice::Command(AppCommand::ShowResults));
    assert_eq!(window.state().shell.system.title, name);
}

#[test]
fn the_end_of_a_run_calls_a_user_who_is_elsewhere() {
    let call = ViewportCommand::RequestUserAttention(UserAttentionType::Informational);
    for (elsewhere, end) in [
        (true, RunEnd::Completed),
        (true, RunEnd::Failed("The disk is full.".to_owned())),
        (false, RunEnd::Completed),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut window, script) = started(dir.path());
        script.cell_ends(0, 354.9);
        window.input_mut().focused = !elsewhere;
        window.step();
        assert!(!told(&window, &call), "the run goes on");
        script.ends(end.clone());
        window.step();
        assert_eq!(told(&window, &call), elsewhere, "{end:?}");
        window.step();
        assert!(!told(&window, &call), "once");
    }
}

#[test]
fn quitting_during_a_run_is_put_off_and_asks_in_the_window() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = sweep_window(dir.path(), vec2(1440.0, 900.0), None);
    window.step();
    assert!(window.state().shell.system.inbox.may_quit());
    start(&mut window);
    script.cell_starts(0);
    window.step();
    let inbox = window.state().shell.system.inbox.clone();
    assert!(!inbox.may_quit());
    window.step();
    // The question is of no use in a window that nobody sees.
    assert!(told(&window, &ViewportCommand::Minimized(false)));
    assert!(told(&window, &ViewportCommand::Focus));
    shows(&mut window, "A run is going on");
    click(&mut window, "Keep running");
    assert_eq!(script.heard(), []);
    assert!(!inbox.may_quit());
    window.run_steps(2);
    click(&mut window, "Stop and quit");
    assert_eq!(script.obeys(), [EngineCommand::Stop]);
    let mut closed = false;
    for _ in 0..4 {
        window.step();
        closed |= told(&window, &ViewportCommand::Close);
    }
    assert!(closed && inbox.may_quit());
}

#[test]
fn however_a_run_ends_the_machine_may_sleep_again_once() {
    type Ending = fn(&mut Window, &Script);
    let endings: [(&str, Ending); 5] = [
        ("complete", |_, script| {
            script.ends(RunEnd::Completed);
        }),
        ("failed", |_, script| {
            script.ends(RunEnd::Failed("The disk is full.".to_owned()));
        }),
        ("stopped", |window, script| {
            click(window, "Stop");
            assert_eq!(script.obeys(), [EngineCommand::Stop]);
        }),
        ("all cells failed", |_, script| {
            script.cell_fails(0, "The server ended.");
            script.ends(RunEnd::Failed("The server ended.".to_owned()));
        }),
        ("panicked", |_, script| script.vanishes()),
    ];
    for (how, ending) in endings {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut window, script) = started(dir.path());
        script.cell_starts(0);
        window.run_steps(2);
        assert_eq!(script.released(), 0, "{how}: held while it runs");
        ending(&mut window, &script);
        window.run_steps(3);
        assert!(window.state().engine.is_none(), "{how}");
        assert_eq!(script.released(), 1, "{how}");
        assert_eq!(window.state().shell.system.badge, None, "{how}");
        drop(window);
        assert_eq!(script.released(), 1, "{how}, after the window");
    }
}

#[test]
fn a_window_that_goes_during_a_run_lets_the_machine_sleep() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_starts(0);
    window.run_steps(2);
    drop(window);
    assert_eq!(script.released(), 1);
}

#[test]
fn an_engine_that_vanishes_is_told_as_a_failure() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut window, script) = started(dir.path());
    script.cell_ends(0, 354.9).cell_starts(1);
    window.run_steps(2);
    script.vanishes();
    shows(&mut window, "Failed");
    window.get_by_label_contains("The engine ended without saying why");
    assert!(window.query_by_label("Stop").is_none());
    assert!(
        window.state().form.facts.busy.is_none(),
        "another run can start"
    );
}
