//! The drawn form, by the names that a screen reader reads.

use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::app::pages::run::form::{WIDTH, show};

/// A form and all that was done in it.
pub(super) struct Stage {
    pub form: FormModel,
    pub actions: Vec<FormAction>,
}

pub(super) fn draw(ui: &mut egui::Ui, stage: &mut Stage) {
    egui::Panel::left("form")
        .exact_size(WIDTH)
        .frame(egui::Frame::NONE.fill(ui.visuals().panel_fill))
        .show(ui, |ui| {
            for action in show(ui, &mut stage.form) {
                stage.form.apply(&action);
                stage.actions.push(action);
            }
        });
}

pub(super) fn style(context: &egui::Context) {
    egui_material_icons::initialize(context);
    context.all_styles_mut(|style| {
        style.animation_time = 0.0;
        style.visuals.text_cursor.blink = false;
    });
}

pub(super) fn stage(form: FormModel) -> Harness<'static, Stage> {
    Harness::builder()
        .with_size([1000.0, 2400.0])
        .with_context_setup(style)
        .build_ui_state(
            draw,
            Stage {
                form,
                actions: Vec::new(),
            },
        )
}

pub(super) fn replace(harness: &mut Harness<Stage>, label: &str, text: &str) {
    let field = harness.get_by_role_and_label(Role::TextInput, label);
    field.click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness
        .get_by_role_and_label(Role::TextInput, label)
        .type_text(text);
    harness.run();
}

#[test]
fn a_list_shows_its_values_and_what_is_wrong_with_it() {
    let mut harness = stage(form(RunKind::FullSweep));
    replace(&mut harness, "Numbers of servers", "1..8x2");
    harness.get_by_label("1, 2, 4, 8 · 4 values");
    assert_eq!(
        harness.state().form.field(Var::InstancesList).text,
        "1..8x2"
    );

    replace(&mut harness, "Numbers of servers", "1..8");
    // Below the field, and in the bar as what keeps the run from starting.
    let told = harness.get_all_by_label_contains("`1..8` has no step");
    assert_eq!(told.count(), 2);
    assert!(harness.query_by_label("1, 2, 4, 8 · 4 values").is_none());

    // One click brings the former value back.
    harness.get_by_label("Reset Numbers of servers").click();
    harness.run();
    harness.get_by_label("1, 2, 4 · 3 values");
}

#[test]
fn the_kind_of_run_is_chosen_from_a_menu() {
    let mut harness = stage(form(RunKind::Quick));
    assert!(harness.query_by_label("Numbers of servers").is_none());
    harness
        .get_by_role_and_label(Role::ComboBox, "Kind of run")
        .click();
    harness.run();
    harness.get_by_label("Full sweep").click();
    harness.run();
    assert_eq!(harness.state().form.kind(), RunKind::FullSweep);
    harness.get_by_role_and_label(Role::TextInput, "Numbers of servers");
}

#[test]
fn start_says_why_it_does_nothing() {
    let mut harness = stage(form(RunKind::FullSweep));
    replace(&mut harness, "Max tokens", "many");
    let start = harness.get_by_role_and_label(Role::Button, "Start");
    assert!(start.accesskit_node().is_disabled());
    start.click();
    harness.run();
    assert!(!harness.state().actions.contains(&FormAction::Start));
    // Both above the button and for a screen reader.
    let reason = "Max tokens: It is not a whole number.";
    harness.get_by_label_contains(reason);
    let description = harness
        .get_by_role_and_label(Role::Button, "Start")
        .accesskit_node()
        .data()
        .description()
        .map(str::to_owned);
    assert!(description.unwrap_or_default().starts_with(reason));

    replace(&mut harness, "Max tokens", "64");
    harness.get_by_role_and_label(Role::Button, "Start").click();
    harness.run();
    assert!(harness.state().actions.contains(&FormAction::Start));
}

#[test]
fn the_commands_can_be_read_and_copied() {
    let mut harness = stage(form(RunKind::ConcurrencySweep));
    harness.get_by_label("Show command").click();
    harness.run();
    harness.get_by_label("16 processes");
    harness.get_by_label_contains("--decode-concurrency 8 --prompt-concurrency 2");
    harness.get_by_label("Copy").click();
    harness.step();
    let copied =
        harness
            .output()
            .platform_output
            .commands
            .iter()
            .find_map(|command| match command {
                egui::OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            });
    let copied = copied.expect("copied");
    assert_eq!(
        copied
            .lines()
            .filter(|line| line.contains(" --port "))
            .count(),
        16
    );
    harness.key_press(egui::Key::Escape);
    harness.run();
    assert_eq!(harness.state().form.commands(), None);
}

#[test]
fn axes_are_added_chosen_and_removed() {
    let mut harness = stage(form(RunKind::CustomSweep));
    let told = harness.get_all_by_label_contains("A custom sweep needs an axis");
    assert_eq!(told.count(), 2);
    harness.get_by_label("Add axis").click();
    harness.run();
    // What is typed narrows the menu.
    replace(&mut harness, "Axis 1 name", "prefill");
    harness.get_by_label("Choose axis 1").click();
    harness.run();
    harness.get_by_label("--prefill-step-size").click();
    harness.run();
    replace(&mut harness, "Axis 1 values", "512|2048");
    harness.get_by_label("512, 2048 · 2 values");
    assert_eq!(harness.state().form.plan().expect("a plan").cells.len(), 2);
    harness.get_by_label("Remove axis 1").click();
    harness.run();
    assert_eq!(harness.state().form.axis_rows().len(), 0);
}

#[test]
fn a_model_is_picked_from_the_list_or_by_a_dialog() {
    let mut harness = stage(form(RunKind::Quick));
    harness
        .get_by_role_and_label(Role::ComboBox, "Chosen model")
        .click();
    harness.run();
    harness.get_by_label("mine-4bit").click();
    harness.run();
    assert_eq!(harness.state().form.model_text(), "/models/mine-4bit");
    harness.get_by_label("Choose folder...").click();
    harness.run();
    assert!(
        harness
            .state()
            .actions
            .contains(&FormAction::PickModelFolder)
    );
}

#[test]
fn a_reset_is_undone_with_one_click() {
    let mut harness = stage(form(RunKind::FullSweep));
    replace(&mut harness, "Max tokens", "99");
    harness.get_by_label("Presets").click();
    harness.run();
    harness.get_by_label("Reset to defaults").click();
    harness.run();
    assert_eq!(harness.state().form.field(Var::MaxTokens).text, "128");
    harness.get_by_label("Undo").click();
    harness.run();
    assert_eq!(harness.state().form.field(Var::MaxTokens).text, "99");
}

#[test]
fn an_emptied_field_shows_again_what_holds_without_an_edit() {
    let mut harness = stage(form(RunKind::FullSweep));
    replace(&mut harness, "Max tokens", "99");
    harness
        .get_by_role_and_label(Role::TextInput, "Max tokens")
        .click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.key_press(egui::Key::Backspace);
    harness.run();
    assert_eq!(harness.state().form.field(Var::MaxTokens).text, "");
    harness.key_press(egui::Key::Tab);
    harness.run();
    let field = harness.state().form.field(Var::MaxTokens);
    assert_eq!((field.text.as_str(), field.edited), ("128", false));
}

#[test]
fn tab_goes_from_field_to_field() {
    let mut harness = stage(form(RunKind::FullSweep));
    harness
        .get_by_role_and_label(Role::TextInput, "Max tokens")
        .click();
    harness.run();
    harness.key_press(egui::Key::Tab);
    harness.run();
    assert!(
        harness
            .get_by_role_and_label(Role::TextInput, "Prompt tokens")
            .is_focused()
    );
}
