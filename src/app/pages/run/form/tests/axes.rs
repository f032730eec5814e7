use super::*;

#[test]
fn rows_become_axes_of_the_plan() {
    let mut form = form(RunKind::CustomSweep);
    assert!(
        form.axes_error()
            .unwrap_or_default()
            .contains("needs an axis")
    );
    add_axis(&mut form, "concurrency", "1..8x2");
    add_axis(&mut form, "--prefill-step-size", "512|2048|");
    assert_eq!(form.axes_error(), None);
    assert_eq!(
        form.axis_rows()[0].preview.as_deref(),
        Some("1, 2, 4, 8 · 4 values")
    );
    assert_eq!(
        form.axis_rows()[1].preview.as_deref(),
        Some("512, 2048, without the flag · 3 values")
    );
    let plan = form.plan().expect("a plan");
    assert_eq!(plan.cells.len(), 12);
    assert!(!form.field(Var::Concurrency).shown, "it is swept");

    form.apply(&FormAction::RemoveAxis(0));
    assert_eq!(form.plan().expect("a plan").cells.len(), 3);
    assert!(form.field(Var::Concurrency).shown);
}

#[test]
fn a_wrong_row_says_so_itself() {
    let mut form = form(RunKind::CustomSweep);
    for (name, values, part) in [
        ("concurrency", "", "Write its values"),
        ("", "1,2", "Choose what to vary"),
        ("concurrency=1", "2", "Write the name here"),
        ("concurrency", "0", "outside 1 to"),
        ("--prefil-step", "1", "Did you mean --prefill-step-size?"),
        ("--model", "a|b", "cannot be swept"),
        ("--temp", "1|2", "MLX_TEMPERATURE"),
        ("--trust-remote-code", "1|2", "takes no value"),
        ("--log-level", "LOUD", "does not accept `LOUD`"),
    ] {
        if form.axis_rows().is_empty() {
            add_axis(&mut form, name, values);
        } else {
            edit_axis(&mut form, 0, name, values);
        }
        let error = form.axis_rows()[0].error.clone().unwrap_or_default();
        assert!(error.contains(part), "{name}={values}: {error}");
        assert_eq!(form.problems(), &[] as &[String], "{name}={values}");
        assert_eq!(form.plan(), None, "{name}={values}");
        assert!(form.blocked().is_some());
    }
}

#[test]
fn an_axis_is_given_once() {
    let mut form = form(RunKind::CustomSweep);
    add_axis(&mut form, "concurrency", "1");
    add_axis(&mut form, "Concurrency", "2");
    let error = form.axis_rows()[1].error.clone().unwrap_or_default();
    assert!(error.contains("has a row already"), "{error}");
    assert_eq!(form.axis_rows()[0].error, None);

    form.apply(&FormAction::ChooseKind(RunKind::FullSweep));
    let error = form.axis_rows()[0].error.clone().unwrap_or_default();
    assert!(error.contains("varies concurrency already"), "{error}");

    // An empty row is one that waits, and no mistake.
    form.apply(&FormAction::RemoveAxis(1));
    edit_axis(&mut form, 0, "", "");
    assert_eq!(form.blocked(), None);
    form.apply(&FormAction::ChooseKind(RunKind::Single));
    assert_eq!(form.axis_rows().len(), 0);
    assert_eq!(form.edits().axes.len(), 1, "kept for another kind");
}

#[test]
fn suggestions_are_what_can_be_swept_and_is_not() {
    let form = form(RunKind::ConcurrencySweep);
    let names: Vec<&str> = form.suggestions().iter().map(|s| s.name.as_str()).collect();
    for name in [
        "concurrency",
        "prompt_tokens",
        "--prefill-step-size",
        "--draft-model",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for name in [
        "decode_concurrency",
        "--decode-concurrency",
        "--model",
        "--port",
        "--temp",
        "--trust-remote-code",
    ] {
        assert!(!names.contains(&name), "{name} in {names:?}");
    }
}
