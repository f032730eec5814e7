use super::super::{ResolvedModel, words};
use super::*;
use crate::models::memory::{Judgement, Verdict};
use crate::plan::ModelRef;
use crate::settings::{Source, table};

fn shown(form: &FormModel, var: Var) -> (&str, &str) {
    let field = form.field(var);
    (&field.text, &field.caption)
}

#[test]
fn each_source_shows_until_a_stronger_one_takes_its_place() {
    let mut form = with_environment(RunKind::FullSweep, &[], &[]);
    assert_eq!(shown(&form, Var::MaxTokens), ("128", "default"));

    form = with_environment(RunKind::FullSweep, &[], &[(Var::MaxTokens, "200")]);
    assert_eq!(shown(&form, Var::MaxTokens), ("200", "from saved settings"));

    form = with_environment(
        RunKind::FullSweep,
        &[("MLX_MAX_TOKENS", "300")],
        &[(Var::MaxTokens, "200")],
    );
    assert_eq!(
        shown(&form, Var::MaxTokens),
        ("300", "from the environment")
    );

    type_overrides(&mut form, "MLX_MAX_TOKENS=400");
    assert_eq!(shown(&form, Var::MaxTokens), ("400", "from env overrides"));

    type_into(&mut form, Var::MaxTokens, "500");
    assert_eq!(shown(&form, Var::MaxTokens), ("500", "edited here"));
    let plan = form.plan().expect("a plan");
    assert_eq!(plan.cells[0].load.max_tokens, 500);

    form.apply(&FormAction::Revert(Var::MaxTokens));
    assert_eq!(shown(&form, Var::MaxTokens), ("400", "from env overrides"));
}

#[test]
fn server_arguments_of_the_overrides_win_over_their_field() {
    let mut form = form(RunKind::Single);
    type_into(&mut form, Var::ServerArgs, "--top-p=0.9");
    assert_eq!(
        shown(&form, Var::ServerArgs),
        ("--top-p=0.9", "edited here")
    );

    type_overrides(&mut form, "MLX_SERVER_ARGS=--top-k=5 HF_HOME=/models");
    assert_eq!(
        shown(&form, Var::ServerArgs),
        ("--top-p=0.9", "not used: --top-k=5 from env overrides")
    );
    let servers = &form.plan().expect("a plan").servers;
    assert!(servers.args.contains(&"--top-k=5".to_owned()));
    assert!(!servers.args.iter().any(|arg| arg.contains("top-p")));
    assert_eq!(servers.env["HF_HOME"], "/models");

    type_overrides(&mut form, "");
    let servers = &form.plan().expect("a plan").servers;
    assert!(servers.args.contains(&"--top-p=0.9".to_owned()));
}

#[test]
fn every_mistake_stands_at_its_own_control_and_none_hides_another() {
    let mut form = form(RunKind::FullSweep);
    type_into(&mut form, Var::ConcurrencyList, "1,x");
    type_into(&mut form, Var::Temperature, "hot");
    type_into(&mut form, Var::ServerArgs, "--top-q=1,--port=80");
    type_overrides(&mut form, "MLX_MAX_TOKEN=5 MLX_REPEATS=none");
    type_into(&mut form, Var::ServerBasePort, "8086");
    type_into(&mut form, Var::WindowMaxS, "2");

    let error = |var| form.field(var).error.clone().unwrap_or_default();
    assert!(error(Var::ConcurrencyList).contains("`x` is not a whole number"));
    assert!(error(Var::Temperature).contains("Accepted: a number from 0 to 100"));
    let args = error(Var::ServerArgs);
    assert!(
        args.contains("--top-q") && args.contains("--port cannot be given here"),
        "{args}"
    );
    let overrides = form.overrides_error().unwrap_or_default();
    assert!(
        overrides.contains("Did you mean MLX_MAX_TOKENS?"),
        "{overrides}"
    );
    assert!(overrides.contains("MLX_REPEATS=\"none\""), "{overrides}");
    assert!(error(Var::ServerBasePort).contains("overlap"));
    assert!(error(Var::WindowMaxS).contains("shorter than the shortest"));
    assert_eq!(form.problems(), &[] as &[String]);
    assert_eq!(form.plan(), None);
    assert_eq!(form.summary(), None);
    let blocked = form.blocked().expect("a reason");
    assert!(blocked.ends_with("... and 7 more."), "{blocked}");
}

#[test]
fn a_mistake_whose_field_is_not_in_sight_is_listed_with_its_name() {
    let form = with_environment(RunKind::Single, &[("MLX_INSTANCES_LIST", "many")], &[]);
    assert!(!form.field(Var::InstancesList).shown);
    assert_eq!(form.problems().len(), 1);
    assert!(form.problems()[0].starts_with("MLX_INSTANCES_LIST=\"many\" (environment)"));
    assert!(form.blocked().is_some());

    // Where it is in sight, its own text is enough.
    let form = with_environment(RunKind::FullSweep, &[("MLX_INSTANCES_LIST", "many")], &[]);
    assert_eq!(form.problems(), &[] as &[String]);
    let error = form
        .field(Var::InstancesList)
        .error
        .clone()
        .expect("an error");
    assert!(
        error.starts_with("\"many\" from the environment"),
        "{error}"
    );
}

#[test]
fn what_a_kind_does_not_read_is_hidden_and_kept() {
    let mut form = form(RunKind::FullSweep);
    type_into(&mut form, Var::InstancesList, "nonsense");
    assert!(form.blocked().is_some());
    form.apply(&FormAction::ChooseKind(RunKind::Single));
    assert!(!form.field(Var::InstancesList).shown);
    assert_eq!(form.blocked(), None);
    assert!(
        !form.field(Var::DecodeConcurrencyList).shown && form.field(Var::DecodeConcurrency).shown
    );
    form.apply(&FormAction::ChooseKind(RunKind::FullSweep));
    assert_eq!(form.field(Var::InstancesList).text, "nonsense");
    assert!(
        !form.field(Var::DecodeConcurrency).shown,
        "its list is swept"
    );
    assert!(!form.field(Var::ServerInstances).shown);

    // A sustained window has no number of requests, and the other way round.
    assert!(form.field(Var::WindowMinS).shown);
    type_into(&mut form, Var::NumRequests, "64");
    assert!(!form.field(Var::WindowMinS).shown);
}

#[test]
fn every_setting_is_shown_by_some_kind_of_run_and_has_words() {
    use strum::IntoEnumIterator as _;
    let mut labels = std::collections::HashSet::new();
    let mut forms: Vec<FormModel> = RunKind::iter().map(form).collect();
    forms.push(super::attach::attached(RunKind::Quick, &["m"]));
    for spec in table::all() {
        assert!(
            // The key has a control of its own, which holds its text outside the edits.
            spec.var == Var::AttachKey || forms.iter().any(|form| form.field(spec.var).shown),
            "{}",
            spec.name
        );
        assert!(labels.insert(words::label(spec.var)), "{}", spec.name);
        assert!(forms[0].field(spec.var).tooltip.contains(spec.name));
    }
}

#[test]
fn lists_are_previewed_as_they_are_typed() {
    let mut form = form(RunKind::FullSweep);
    type_into(&mut form, Var::ConcurrencyList, "1..64x2");
    assert_eq!(
        form.field(Var::ConcurrencyList).preview.as_deref(),
        Some("1, 2, 4, 8, 16, 32, 64 · 7 values")
    );
    type_into(&mut form, Var::ConcurrencyList, "1..200+1");
    assert_eq!(
        form.field(Var::ConcurrencyList).preview.as_deref(),
        Some("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ... 200 · 200 values")
    );
    type_into(&mut form, Var::ConcurrencyList, "1..64");
    let field = form.field(Var::ConcurrencyList);
    assert_eq!(field.preview, None);
    assert!(
        field
            .error
            .as_deref()
            .unwrap_or_default()
            .contains("has no step")
    );
}

#[test]
fn the_size_of_the_run_follows_the_ranges() {
    let mut form = form(RunKind::FullSweep);
    for (var, list) in [
        (Var::InstancesList, "1,2"),
        (Var::DecodeConcurrencyList, "8,16"),
        (Var::PromptConcurrencyList, "4"),
        (Var::ConcurrencyList, "1,8,32"),
    ] {
        type_into(&mut form, var, list);
    }
    let summary = form.summary().expect("a summary");
    // Two batch sizes; one server grows to two without a restart.
    assert_eq!(
        (summary.cells.as_str(), summary.server_starts.as_str()),
        ("12 to 20", "4"),
        "the best and what is close to it are measured again"
    );
    type_into(&mut form, Var::Finalists, "0");
    let summary = form.summary().expect("a summary");
    assert_eq!(summary.cells, "12");
    assert!(summary.time.ends_with("min"), "{}", summary.time);
    assert!(
        summary
            .details
            .contains("12 cells, 4 server starts (4 processes)"),
        "{}",
        summary.details
    );
}

#[test]
fn computed_values_are_shown_as_hints() {
    let mut form = form(RunKind::RoundRobin);
    assert_eq!(form.field(Var::NumRequests).hint, "64");
    assert_eq!(form.field(Var::Balancer).hint, "nginx");
    type_into(&mut form, Var::ServerInstances, "2");
    assert_eq!(form.field(Var::NumRequests).hint, "32");
    assert_eq!(form.field(Var::NumRequests).source, Source::Default);
}

#[test]
fn memory_and_a_busy_app_keep_start_from_starting() {
    let mut form = form(RunKind::Quick);
    assert_eq!(form.blocked(), None);
    let judgement = |verdict| {
        Some(Judgement {
            verdict,
            text: "does not fit: about 40 GB of 12 GB".to_owned(),
        })
    };
    form.set_memory(judgement(Verdict::DoesNotFit));
    assert!(
        form.blocked()
            .expect("a reason")
            .starts_with("This run does not fit")
    );
    form.set_memory(judgement(Verdict::Tight));
    assert_eq!(form.blocked(), None);
    // Another plan needs another judgement.
    form.set_memory(judgement(Verdict::DoesNotFit));
    type_into(&mut form, Var::MaxTokens, "16");
    assert_eq!((form.memory(), form.blocked()), (None, None));

    form.facts.busy = Some("MLX is being set up.".to_owned());
    form.update();
    assert_eq!(form.blocked(), Some("MLX is being set up."));
    assert!(form.plan().is_some());
}

#[test]
fn the_model_is_as_resolved_while_its_field_still_says_so() {
    let mut form = form(RunKind::Quick);
    assert_eq!(form.model_text(), "synthetic:tiny");
    assert!(form.plan().expect("a plan").model.synthetic);
    let model = ModelRef {
        path: "/data/tiny".to_owned(),
        label: "synthetic:tiny".to_owned(),
        synthetic: true,
    };
    let resolved = |outcome| ResolvedModel {
        text: "synthetic:tiny".to_owned(),
        outcome,
        detail: "llama".to_owned(),
        context: Some(2_048),
    };
    form.set_resolved(resolved(Ok(model.clone())));
    assert_eq!(form.plan().expect("a plan").model, model);
    form.set(Var::PromptTokens, "2040");
    let error = form.field(Var::PromptTokens).error.as_deref();
    assert!(
        error
            .expect("too long")
            .contains("the model's context is 2048"),
        "{error:?}"
    );
    form.set(Var::PromptTokens, "1900");
    assert!(form.plan().is_some());
    form.set_resolved(resolved(Err("There is no such model.".to_owned())));
    assert_eq!(
        form.field(Var::ModelPath).error.as_deref(),
        Some("There is no such model.")
    );
    assert_eq!(form.plan(), None);
    form.set(Var::ModelPath, "org/other");
    assert_eq!(form.plan().expect("a plan").model.path, "org/other");
    form.set(Var::ModelPath, "-x");
    assert!(form.field(Var::ModelPath).error.is_some());
}

#[test]
fn commands_are_those_of_the_plan_and_follow_it_while_they_are_shown() {
    let mut form = form(RunKind::ConcurrencySweep);
    assert_eq!(form.commands(), None);
    form.apply(&FormAction::OpenCommands);
    assert_eq!(form.commands().expect("open").len(), 16);
    type_into(&mut form, Var::DecodeConcurrencyList, "48");
    let commands = form.commands().expect("open");
    assert_eq!(commands.len(), 4);
    assert!(
        commands[0].line.starts_with(
            "/venv/bin/python -m mlx_lm server --model synthetic:tiny --host 127.0.0.1 --port 9000 \
             --decode-concurrency 48 --prompt-concurrency 2"
        ),
        "{}",
        commands[0].line
    );
    type_into(&mut form, Var::DecodeConcurrencyList, "");
    assert_eq!(
        form.commands().expect("open").len(),
        16,
        "an empty field is no edit"
    );
    type_into(&mut form, Var::DecodeConcurrencyList, "x");
    assert_eq!(form.commands(), Some(&[] as &[_]));
}

/// The settings whose fields are shown.
fn in_sight(form: &FormModel) -> Vec<Var> {
    let fields = form.fields.iter().filter(|field| field.shown);
    fields.map(|field| field.var).collect()
}

#[test]
fn what_belongs_to_a_rate_is_shown_where_there_is_one() {
    let of_rates = [Var::Arrivals, Var::MaxInFlight];
    let of_closed_loops = [
        Var::Concurrency,
        Var::Mode,
        Var::NumRequests,
        Var::ReferenceEvery,
    ];
    let mut form = form(RunKind::ConcurrencySweep);
    let closed = in_sight(&form);
    assert!(closed.contains(&Var::RequestRate) && closed.contains(&Var::TtftLimit));
    assert!(of_rates.iter().all(|var| !closed.contains(var)));
    assert!(of_closed_loops.iter().all(|var| closed.contains(var)));

    type_into(&mut form, Var::RequestRate, "2.5");
    let open = in_sight(&form);
    assert!(of_rates.iter().all(|var| open.contains(var)), "{open:?}");
    assert!(
        of_closed_loops.iter().all(|var| !open.contains(var)),
        "{open:?}"
    );

    form.apply(&FormAction::ChooseKind(RunKind::RateSweep));
    let sweep = in_sight(&form);
    assert!(
        sweep.contains(&Var::RequestRateList) && of_rates.iter().all(|var| sweep.contains(var))
    );
    assert!(
        !sweep.contains(&Var::RequestRate),
        "the list stands in its place"
    );
    type_into(&mut form, Var::RequestRateList, "0.5..4x2");
    let list = form.field(Var::RequestRateList);
    assert_eq!(list.preview.as_deref(), Some("0.5, 1, 2, 4 · 4 values"));

    // Checks know no rate.
    form.apply(&FormAction::ChooseKind(RunKind::Concurrent));
    let check = in_sight(&form);
    assert!(!check.contains(&Var::RequestRate) && !check.contains(&Var::TtftLimit));
}
