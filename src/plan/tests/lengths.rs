//! Prompt lengths: one for a run, lists, and the model's context.

use super::*;
use crate::plan::context;

fn check(run: &Run, context: u64) -> Option<String> {
    let settings = Settings::resolve(&run.sources).expect("valid settings");
    let settings = settings.for_kind(&run.kind.to_string());
    context::check(&run.plan(), &run.axes, &settings, context).map(|error| error.to_string())
}

#[test]
fn one_length_is_of_every_cell_of_checks_and_sweeps() {
    for kind in [RunKind::Single, RunKind::ConcurrencySweep, RunKind::Quick] {
        let plan = Run::of(kind).with("MLX_PROMPT_TOKENS=512").plan();
        assert_eq!(distinct(&plan, |c| c.load.prompt_tokens), [Some(512)]);
        let plan = Run::of(kind).with("MLX_PROMPT_TOKENS=own").plan();
        assert_eq!(distinct(&plan, |c| c.load.prompt_tokens), [None]);
    }
}

#[test]
fn a_list_of_lengths_is_swept_in_any_sweep_and_an_axis_replaces_it() {
    let run = Run::of(RunKind::CustomSweep).with("MLX_PROMPT_TOKENS_LIST=64..256x2");
    let lengths = [Some(64), Some(128), Some(256)];
    assert_eq!(distinct(&run.plan(), |c| c.load.prompt_tokens), lengths);
    let plan = run.axes(&["prompt_tokens=32"]).plan();
    assert_eq!(distinct(&plan, |c| c.load.prompt_tokens), [Some(32)]);

    let full = Run::of(RunKind::FullSweep);
    let cells = full.plan().cells.len();
    let plan = full
        .with("MLX_PROMPT_TOKENS_LIST=64,128 MLX_PROMPT_TOKENS=9")
        .plan();
    assert_eq!(plan.cells.len(), 2 * cells);
    notice(
        &plan,
        "MLX_PROMPT_TOKENS is not used: prompt_tokens is swept",
    );

    let plan = Run::of(RunKind::Single)
        .with("MLX_PROMPT_TOKENS_LIST=64")
        .plan();
    assert_eq!(only(&plan).load.prompt_tokens, None);
    notice(&plan, "MLX_PROMPT_TOKENS_LIST is not used by single");
}

#[test]
fn prompts_of_a_file_have_no_asked_length() {
    let file = "MLX_PROMPTS_FILE=p.jsonl";
    for (run, var) in [
        (
            Run::of(RunKind::Single).with(&format!("{file} MLX_PROMPT_TOKENS=64")),
            "MLX_PROMPT_TOKENS=64",
        ),
        (
            Run::of(RunKind::FullSweep).with(&format!("{file} MLX_PROMPT_TOKENS_LIST=64")),
            "MLX_PROMPT_TOKENS_LIST=64",
        ),
        (
            Run::of(RunKind::CustomSweep)
                .with(file)
                .axes(&["prompt_tokens=64"]),
            "axis prompt_tokens",
        ),
    ] {
        let error = run.error();
        assert!(
            error.starts_with(var) && error.contains("asked as they are"),
            "{error}"
        );
    }
    let plan = Run::of(RunKind::Single)
        .with(&format!("{file} MLX_PROMPT=Hi"))
        .plan();
    notice(&plan, "MLX_PROMPT is not used");
}

#[test]
fn exact_output_is_for_real_models_that_are_started_here() {
    let asked = "MLX_EXACT_OUTPUT=1";
    let plan = Run::of(RunKind::Single).with(asked).plan();
    assert!(!plan.workload.exact_output);
    notice(&plan, "never ends an answer by itself");
    let attached = format!("{asked} MLX_ATTACH=http://127.0.0.1:1");
    let plan = Run::of(RunKind::Single).with(&attached).plan();
    assert!(!plan.workload.exact_output);
    notice(&plan, "has loaded its model as it is");
    let mut run = Run::of(RunKind::Single).with(asked);
    run.synthetic = false;
    let plan = run.plan();
    assert!(plan.workload.exact_output);
    notice(&plan, "results are labelled");
}

#[test]
fn what_the_context_cannot_hold_is_told_where_it_is_mended() {
    let fits = Run::of(RunKind::Single).with("MLX_PROMPT_TOKENS=1920");
    assert_eq!(check(&fits, 2048), None);
    for (run, parts) in [
        (
            Run::of(RunKind::Single).with("MLX_PROMPT_TOKENS=1921"),
            ["MLX_PROMPT_TOKENS=1921: ", "2049 together"],
        ),
        (
            Run::of(RunKind::CustomSweep).with("MLX_PROMPT_TOKENS_LIST=64,4000"),
            ["MLX_PROMPT_TOKENS_LIST=64,4000: ", "context is 2048"],
        ),
        (
            Run::of(RunKind::CustomSweep).axes(&["prompt_tokens=64,4000"]),
            ["axis prompt_tokens: ", "context is 2048"],
        ),
        (
            Run::of(RunKind::Single).with("MLX_MAX_TOKENS=3000"),
            ["MLX_MAX_TOKENS=3000: ", "longer than the model's context"],
        ),
        (
            Run::of(RunKind::RoundRobinSweep).with("MLX_MAX_TOKENS_LIST=8,3000"),
            ["MLX_MAX_TOKENS_LIST=8,3000: ", "context of 2048"],
        ),
    ] {
        let error = check(&run, 2048).expect("too long");
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
    }
}
