//! The form over facts of an invented machine: what it computes, and what it shows.

mod attach;
mod axes;
mod model;
mod presets;
mod prompts;
mod screenshots;
mod window;

use std::path::Path;

use super::{Facts, FormAction, FormModel, ModelChoice, Presets};
use crate::plan::{KnownFlags, RunKind};
use crate::settings::{SavedSettings, Var};

fn facts() -> Facts {
    Facts {
        known_flags: Some(KnownFlags::bundled()),
        nginx_found: true,
        cores: 10,
        launcher: Some(
            ["/venv/bin/python", "-m", "mlx_lm", "server"]
                .map(str::to_owned)
                .to_vec(),
        ),
        found_models: vec![ModelChoice {
            text: "/models/mine-4bit".to_owned(),
            label: "mine-4bit".to_owned(),
            detail: "mistral · 7.25 B parameters · 4.08 GB".to_owned(),
        }],
        ..Facts::default()
    }
}

/// A form of the kind, with nothing edited.
fn form(kind: RunKind) -> FormModel {
    with_facts(kind, facts())
}

fn with_facts(kind: RunKind, facts: Facts) -> FormModel {
    let mut form = FormModel::new(facts, Presets::default(), None);
    form.apply(&FormAction::ChooseKind(kind));
    form
}

fn with_environment(kind: RunKind, pairs: &[(&str, &str)], saved: &[(Var, &str)]) -> FormModel {
    let mut settings = SavedSettings::default();
    for (var, text) in saved {
        settings.set(*var, Some(text));
    }
    let environment = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    with_facts(
        kind,
        Facts {
            environment,
            saved: settings,
            ..facts()
        },
    )
}

/// As if typed into the field.
fn type_into(form: &mut FormModel, var: Var, text: &str) {
    text.clone_into(&mut form.fields[var as usize].text);
    form.apply(&FormAction::Edited(var));
}

fn type_overrides(form: &mut FormModel, text: &str) {
    text.clone_into(&mut form.overrides_text);
    form.apply(&FormAction::EditedOverrides);
}

fn add_axis(form: &mut FormModel, name: &str, values: &str) {
    form.apply(&FormAction::AddAxis);
    let index = form.axis_rows.len() - 1;
    edit_axis(form, index, name, values);
}

fn edit_axis(form: &mut FormModel, index: usize, name: &str, values: &str) {
    name.clone_into(&mut form.axis_rows[index].name);
    values.clone_into(&mut form.axis_rows[index].values);
    form.apply(&FormAction::EditedAxis(index));
}

fn presets_in(folder: &Path) -> Presets {
    let (presets, problem) = Presets::load(&folder.join("presets.json"));
    assert_eq!(problem, None);
    presets
}
