//! The prompt file in the form.

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;

use super::super::{FoundPrompts, PromptsQuery, ResolvedModel};
use super::window::stage;
use super::*;
use crate::plan::ModelRef;
use crate::prompts::{FileFormat, PromptFile};
use crate::session::prompts::Seen;

const PATH: &str = "/data/mixed.jsonl";

fn seen(mean_tokens: Option<f64>) -> Seen {
    Seen {
        file: PromptFile {
            path: PATH.into(),
            sha256: "ab".repeat(32),
            format: FileFormat::Jsonl,
            count: 1_204,
            used: 1_204,
            damaged: 3,
            mean_chars: 1_290,
        },
        notices: vec!["mixed.jsonl: 3 of 1207 entries are no prompts.".to_owned()],
        preview: "Rewrite this letter so that it is shorter, kinder and clearer: Dear".to_owned(),
        mean_tokens,
    }
}

fn found(form: &mut FormModel, outcome: Result<Seen, String>) {
    let query = form.prompts_query().expect("a file to look at").clone();
    form.set_prompts(FoundPrompts { query, outcome });
}

/// Counted by the tokenizer of the form's model where a mean is given.
pub(super) fn with_file(mean_tokens: Option<f64>) -> FormModel {
    let mut form = form(RunKind::ConcurrencySweep);
    if mean_tokens.is_some() {
        form.set_resolved(ResolvedModel {
            text: "synthetic:tiny".to_owned(),
            outcome: Ok(ModelRef {
                path: "/models/tiny".to_owned(),
                label: "synthetic:tiny".to_owned(),
                synthetic: true,
            }),
            detail: String::new(),
            context: Some(4_096),
        });
    }
    form.set(Var::PromptsFile, PATH);
    found(&mut form, Ok(seen(mean_tokens)));
    form
}

pub(super) fn refused(form: &mut FormModel) {
    let why = "/data/mixed.jsonl has no prompts: line 1: it is not JSON".to_owned();
    found(form, Err(why));
}

#[test]
fn a_file_is_looked_at_and_named_in_the_plan() {
    let mut form = with_file(None);
    assert_eq!(
        form.prompts_query(),
        Some(&PromptsQuery {
            path: PATH.into(),
            model: None,
        })
    );
    let plan = form.plan().expect("a plan");
    let file = plan.workload.prompt_file.as_ref().expect("its prompts");
    assert_eq!(file.count, 1_204);
    assert!(form.notices().iter().any(|n| n.contains("3 of 1207")));
    // The one prompt, and its lengths, have no effect.
    for var in [Var::Prompt, Var::PromptTokens, Var::PromptTokensList] {
        assert!(!form.field(var).shown, "{var}");
    }
    // What was found of another file says nothing of this one.
    form.set(Var::PromptsFile, "/data/other.jsonl");
    assert_eq!(form.plan().expect("a plan").workload.prompt_file, None);
    form.apply(&FormAction::Revert(Var::PromptsFile));
    assert_eq!(form.prompts_query(), None);
    assert!(form.field(Var::Prompt).shown);
}

#[test]
fn a_file_that_cannot_be_used_is_told_at_its_field_and_blocks_the_start() {
    let mut form = with_file(None);
    refused(&mut form);
    let error = form.field(Var::PromptsFile).error.as_deref().expect("told");
    assert!(error.contains("line 1: it is not JSON"), "{error}");
    assert!(form.plan().is_none() && form.blocked().is_some());
    form.apply(&FormAction::Revert(Var::PromptsFile));
    assert!(form.plan().is_some());
}

#[test]
fn prompts_of_a_file_cannot_be_of_one_length() {
    let mut form = with_file(None);
    form.set(Var::PromptTokens, "512");
    let error = form
        .field(Var::PromptTokens)
        .error
        .as_deref()
        .expect("told");
    assert!(error.contains("asked as they are"), "{error}");
}

#[test]
fn the_window_shows_what_is_in_it_and_clears_it() {
    let mut harness = stage(with_file(Some(310.4)));
    harness.get_by_label("mixed.jsonl · 1,204 prompts · about 310 tokens each");
    harness.get_by_label_contains("Rewrite this letter");
    harness
        .get_by_role_and_label(Role::Button, "Choose prompt file...")
        .click();
    harness.run();
    assert!(harness.state().actions.contains(&FormAction::PickPrompts));
    harness
        .get_by_role_and_label(Role::Button, "Clear prompt file")
        .click();
    harness.run();
    assert_eq!(harness.state().form.prompts_query(), None);
    assert!(harness.query_by_label_contains("1,204 prompts").is_none());
}
