//! Attaching to running servers, in the form.

use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::window::{replace, stage};
use super::*;
use crate::app::pages::run::form::AttachedModels;
use crate::plan::attached::FIXED;

const URL: &str = "http://127.0.0.1:1234";

/// A form attached to [`URL`], which serves these models.
pub(super) fn attached(kind: RunKind, models: &[&str]) -> FormModel {
    let mut form = form(kind);
    form.apply(&FormAction::Attach(true));
    type_into(&mut form, Var::Attach, URL);
    let query = form.attach_query().expect("a whole URL").clone();
    form.set_attached_models(AttachedModels {
        query,
        outcome: Ok(models.iter().map(|&name| name.to_owned()).collect()),
    });
    form
}

fn error(form: &FormModel, var: Var) -> &str {
    form.field(var).error.as_deref().unwrap_or_default()
}

#[test]
fn a_url_is_asked_for_and_then_its_only_model_is_taken() {
    let mut form = form(RunKind::Quick);
    form.apply(&FormAction::Attach(true));
    assert!(error(&form, Var::Attach).contains("Write the base URL"));
    assert_eq!(form.attach_query(), None);
    type_into(&mut form, Var::Attach, "127.0.0.1:1234");
    assert!(error(&form, Var::Attach).contains("no http:// in front"));
    type_into(&mut form, Var::Attach, URL);
    assert_eq!(error(&form, Var::Attach), "");
    assert!(error(&form, Var::AttachModel).contains("being asked"));
    assert_eq!(form.plan(), None);

    let form = attached(RunKind::Quick, &["org/small"]);
    assert_eq!(error(&form, Var::AttachModel), "");
    let plan = form.plan().expect("nothing is wrong");
    let servers = plan.servers.attached.as_ref().expect("attached");
    assert_eq!(
        (servers.names(), servers.model.as_str()),
        (URL.to_owned(), "org/small")
    );
    assert_eq!(form.summary().map(|s| s.server_starts.as_str()), Some("0"));
}

#[test]
fn of_several_models_one_is_chosen_and_none_is_guessed() {
    let mut form = attached(RunKind::Quick, &["org/small", "org/large"]);
    assert!(error(&form, Var::AttachModel).contains("org/small, org/large"));
    form.apply(&FormAction::Set(Var::AttachModel, "org/large".to_owned()));
    let plan = form.plan().expect("a model is chosen");
    assert_eq!(plan.model.label, "org/large");
    // What was said of one server is not believed of another.
    form.apply(&FormAction::Revert(Var::AttachModel));
    type_into(&mut form, Var::Attach, "http://127.0.0.1:1235");
    assert!(error(&form, Var::AttachModel).contains("being asked"));
}

#[test]
fn what_the_server_has_fixed_is_not_handed_on_and_comes_back() {
    let mut form = form(RunKind::FullSweep);
    type_into(&mut form, Var::DecodeConcurrencyList, "4,8");
    form.apply(&FormAction::Attach(true));
    type_into(&mut form, Var::Attach, URL);
    form.apply(&FormAction::Set(Var::AttachModel, "org/small".to_owned()));
    let list = form.field(Var::DecodeConcurrencyList);
    assert!(list.shown);
    assert_eq!(list.fixed, Some(FIXED));
    assert_eq!(form.field(Var::ConcurrencyList).fixed, None);
    let plan = form.plan().expect("the list is not handed on");
    assert!(
        plan.cells
            .iter()
            .all(|cell| cell.point.decode_concurrency.is_none())
    );

    form.apply(&FormAction::Attach(false));
    assert_eq!(form.field(Var::DecodeConcurrencyList).fixed, None);
    let plan = form.plan().expect("as before");
    assert!(
        plan.cells
            .iter()
            .any(|cell| cell.point.decode_concurrency == Some(4))
    );
}

#[test]
fn an_environment_that_attaches_can_be_told_not_to() {
    let pairs = [("MLX_ATTACH", URL), ("MLX_ATTACH_MODEL", "m")];
    let mut form = with_environment(RunKind::Single, &pairs, &[]);
    let is_attached = |form: &FormModel| form.plan().expect("a plan").servers.attached.is_some();
    assert!(is_attached(&form));
    form.apply(&FormAction::Attach(false));
    assert!(!is_attached(&form));
    form.apply(&FormAction::Attach(true));
    assert!(is_attached(&form));
}

#[test]
fn axes_of_the_server_are_not_offered_and_refused_at_their_row() {
    let mut form = attached(RunKind::CustomSweep, &["m"]);
    let names: Vec<&str> = form.suggestions().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "concurrency",
            "max_tokens",
            "prompt_tokens",
            "request_rate",
            "delivery"
        ]
    );
    add_axis(&mut form, "--prefill-step-size", "512|2048");
    let row = form.axis_rows()[0].error.as_deref().unwrap_or_default();
    assert!(row.contains("is attached, not started"), "{row}");
}

#[test]
fn the_key_is_used_and_neither_saved_nor_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut form = FormModel::new(facts(), presets_in(folder.path()), None);
    form.apply(&FormAction::Attach(true));
    type_into(&mut form, Var::Attach, "http://me:hush-hush@host");
    form.apply(&FormAction::SavePreset("wrong".to_owned()));
    type_into(&mut form, Var::Attach, URL);
    form.apply(&FormAction::Set(Var::AttachModel, "m".to_owned()));
    form.attach_key.0 = "sk-hush-hush".to_owned();
    form.apply(&FormAction::EditedKey);
    type_overrides(&mut form, "MLX_ATTACH_KEY=hush-hush");
    form.apply(&FormAction::SavePreset("typed".to_owned()));
    type_overrides(&mut form, "");
    let settings = form.settings().expect("nothing is wrong");
    let key = settings
        .secret(Var::AttachKey)
        .map(crate::settings::Secret::expose);
    assert_eq!(key, Some("sk-hush-hush"));
    form.apply(&FormAction::SavePreset("mine".to_owned()));
    form.apply(&FormAction::Start);
    let saved = std::fs::read_to_string(folder.path().join("presets.json")).expect("saved");
    assert!(saved.contains(URL), "{saved}");
    assert!(!saved.contains("hush"), "{saved}");
    let printed = format!("{:?} {:?}", form.plan(), form.attach_query());
    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn the_controls_have_names_and_the_greyed_ones_say_why() {
    let mut harness = stage(form(RunKind::FullSweep));
    harness.get_by_label("Server").click();
    harness.run();
    harness.get_by_label("Attach to running").click();
    harness.run();
    replace(&mut harness, "Base URLs", "http://127.0.0.1:1234, ftp://b");
    assert!(harness.get_all_by_label_contains("is not http").count() >= 1);
    replace(&mut harness, "Base URLs", URL);
    replace(&mut harness, "Model name", "org/small");
    let plan = harness.state().form.plan().cloned().expect("a plan");
    assert_eq!(plan.model.label, "org/small");
    let key = harness.get_by_role_and_label(Role::PasswordInput, "Key");
    key.click();
    harness.run();
    harness
        .get_by_role_and_label(Role::PasswordInput, "Key")
        .type_text("sk-1");
    harness.run();
    assert!(
        harness
            .state()
            .form
            .attach_query()
            .is_some_and(|q| q.key.is_some())
    );
    for name in ["Decode concurrencies", "First server port"] {
        let field = harness.get_by_role_and_label(Role::TextInput, name);
        let node = field.accesskit_node();
        assert!(node.is_disabled(), "{name}");
        assert_eq!(node.data().description(), Some(FIXED), "{name}");
    }
    let free = harness.get_by_role_and_label(Role::TextInput, "Requests in flight to sweep");
    assert!(!free.accesskit_node().is_disabled());

    // A URL that is deleted does not end the choice.
    harness
        .get_by_role_and_label(Role::TextInput, "Base URLs")
        .click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.key_press(egui::Key::Delete);
    harness.run();
    harness
        .get_by_role_and_label(Role::TextInput, "Model name")
        .click();
    harness.run();
    harness.get_by_role_and_label(Role::TextInput, "Base URLs");
    harness.get_by_label("Start servers").click();
    harness.run();
    assert!(harness.query_by_label("Base URLs").is_none());
}
