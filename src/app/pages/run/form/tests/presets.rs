use super::*;
use crate::app::pages::run::form::Edits;

fn edited(form: &mut FormModel) -> Edits {
    type_into(form, Var::MaxTokens, "77");
    type_overrides(form, "MLX_TEMPERATURE=0.7");
    add_axis(form, "--prefill-step-size", "512|2048");
    form.edits().clone()
}

#[test]
fn a_preset_brings_everything_back_in_another_session() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut form = FormModel::new(facts(), presets_in(folder.path()), None);
    form.apply(&FormAction::ChooseKind(RunKind::CustomSweep));
    let edits = edited(&mut form);
    form.apply(&FormAction::SavePreset(" nightly ".to_owned()));
    form.apply(&FormAction::SavePreset("Another".to_owned()));
    assert_eq!(form.preset_problem, None);

    let mut again = FormModel::new(facts(), presets_in(folder.path()), None);
    assert_eq!(again.presets.names(), ["Another", "nightly"]);
    assert_eq!(again.kind(), RunKind::Quick);
    again.apply(&FormAction::LoadPreset("nightly".to_owned()));
    assert_eq!(again.edits(), &edits);
    assert_eq!(again.field(Var::MaxTokens).text, "77");
    let temperature = again.plan().expect("a plan").workload.temperature;
    assert!((temperature - 0.7).abs() < 1e-9, "{temperature}");
    again.apply(&FormAction::Undo);
    assert_eq!(again.edits(), &Edits::default());

    again.apply(&FormAction::DeletePreset("nightly".to_owned()));
    assert_eq!(presets_in(folder.path()).names(), ["Another"]);
}

#[test]
fn what_was_started_last_is_there_at_the_next_start() {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut form = FormModel::new(facts(), presets_in(folder.path()), None);
    form.apply(&FormAction::ChooseKind(RunKind::FullSweep));
    let edits = edited(&mut form);
    form.apply(&FormAction::Start);
    let again = FormModel::new(facts(), presets_in(folder.path()), None);
    assert_eq!(again.edits(), &edits);
}

#[test]
fn reset_can_be_undone_once() {
    let mut form = form(RunKind::CustomSweep);
    let edits = edited(&mut form);
    form.apply(&FormAction::Reset);
    assert_eq!(form.edits(), &Edits::of(RunKind::CustomSweep));
    assert_eq!(form.field(Var::MaxTokens).text, "128");
    // Edits since do not cost the way back.
    type_into(&mut form, Var::MaxTokens, "5");
    form.apply(&FormAction::Undo);
    assert_eq!(form.edits(), &edits);
    form.apply(&FormAction::Undo);
    assert_eq!(form.edits(), &edits);
}

#[test]
fn a_corrupt_file_is_kept_aside_and_told() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("presets.json");
    std::fs::write(&path, "{\"presets\": ").expect("written");
    let (presets, problem) = Presets::load(&path);
    assert!(presets.names().is_empty());
    let problem = problem.expect("a problem");
    assert!(
        problem.contains("presets were not understood") && problem.contains("presets.json.corrupt")
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("presets.json.corrupt")).expect("kept"),
        "{\"presets\": "
    );
    let mut form = FormModel::new(facts(), presets, Some(problem));
    assert!(form.preset_problem.is_some());
    form.apply(&FormAction::SavePreset("new".to_owned()));
    assert_eq!(presets_in(folder.path()).names(), ["new"]);
}

#[test]
fn settings_and_presets_of_another_version_do_no_harm() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("presets.json");
    let text = r#"{"future": 1, "presets": {
        "good": {"kind": "single", "settings": {"MLX_MAX_TOKENS": "9", "MLX_FUTURE": "1"}},
        "other": {"kind": "telepathy"}}}"#;
    std::fs::write(&path, text).expect("written");
    let mut presets = presets_in(folder.path());
    assert_eq!(presets.names(), ["good"]);
    let edits = presets.get("good").expect("readable");
    assert_eq!(edits.fields.len(), 1);
    assert_eq!(
        (edits.kind, edits.fields[&Var::MaxTokens].as_str()),
        (RunKind::Single, "9")
    );
    presets.save("mine", &edits).expect("saved");
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.contains("future") && text.contains("telepathy") && text.contains("mine"));
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().expect("temp folder");
    let blocker = folder.path().join("file");
    std::fs::write(&blocker, "").expect("written");
    let (presets, _) = Presets::load(&blocker.join("presets.json"));
    let mut form = FormModel::new(facts(), presets, None);
    form.apply(&FormAction::SavePreset("x".to_owned()));
    let problem = form.preset_problem.clone().expect("told");
    assert!(problem.contains("could not be written"), "{problem}");
    assert!(form.presets.names().is_empty());
    form.apply(&FormAction::SavePreset("  ".to_owned()));
    assert_eq!(
        form.preset_problem.as_deref(),
        Some("A preset needs a name.")
    );
}
