//! The server's flags: the user's own arguments, axes of flags, versions that lack some.

use super::*;
use crate::plan::known_flags::tests::old;

#[test]
fn axes_of_flags_are_checked_against_the_server() {
    for (axis, error) in [
        (
            "prefill-step=1|2",
            None, // an unambiguous beginning
        ),
        (
            "prefil-size=1|2",
            Some(
                "axis --prefil-size: mlx-lm 0.32.2 has no such flag. Did you mean --prefill-step-size?",
            ),
        ),
        (
            "log-level=INFO|debug",
            Some(
                "axis --log-level: the server does not accept `debug`, only DEBUG, INFO, WARNING, ERROR, CRITICAL.",
            ),
        ),
        (
            "pipeline=1|2",
            Some("axis --pipeline: the flag takes no value, so there is nothing to sweep."),
        ),
        (
            "temp=0|1",
            Some(
                "axis --temp would change nothing: every request sends its own value, MLX_TEMPERATURE.",
            ),
        ),
        (
            "mod=a|b",
            Some(
                "axis --model cannot be swept: every server and every request must name the same model; choose it with --model or MLX_MODEL_PATH.",
            ),
        ),
        (
            "decode-c=1|2",
            Some("axis --decode-c could mean --decode-concurrency: write it out"),
        ),
    ] {
        let run = Run::of(RunKind::CustomSweep).axes(&[axis]);
        match error {
            Some(error) => assert_eq!(run.error(), error),
            None => assert_eq!(
                run.plan().cells[0].point.flags[0].flag,
                "--prefill-step-size"
            ),
        }
    }
    let run = Run::of(RunKind::CustomSweep).axes(&["prefill-step=1", "prefill-step-size=2"]);
    assert!(run.error().contains("--prefill-step-size is given twice"));
    let run = Run::of(RunKind::Concurrent).axes(&["concurrency=1,2"]);
    assert!(run.error().contains("sweep custom --axis concurrency="));
}

#[test]
fn in_a_fixed_run_the_users_batch_flags_are_left_alone() {
    for args in [
        "--decode-concurrency=16,--top-p=0.9",
        "--decode-c 16 --top-p=0.9",
    ] {
        let plan = Run::of(RunKind::Concurrent).with_args(args).plan();
        let cell = only(&plan);
        assert_eq!(cell.point.decode_concurrency, None, "{args}");
        assert_eq!(cell.point.prompt_concurrency, Some(8));
        assert!(plan.servers.args.join(" ").contains("16"));
    }
    let plan = Run::of(RunKind::Single)
        .with_args("--prompt-concurrency 4 --decode-concurrency 2")
        .plan();
    let point = &only(&plan).point;
    assert_eq!(
        (point.decode_concurrency, point.prompt_concurrency),
        (None, None)
    );
}

#[test]
fn in_a_sweep_they_are_taken_out_with_a_notice_and_others_stay() {
    let plan = Run::of(RunKind::ConcurrencySweep)
        .with_args("--decode-concurrency=16,--chat-template=/path with spaces/t.txt,--prefill-step-size=512")
        .axes(&["prefill-step-size=256|1024"])
        .plan();
    assert!(
        plan.servers
            .args
            .ends_with(&["--chat-template=/path with spaces/t.txt".to_owned()])
    );
    assert!(!plan.servers.args.iter().any(|a| a.contains("decode")));
    assert_eq!(
        notice(&plan, "--decode-concurrency=16"),
        "--decode-concurrency=16 is taken out of the server arguments: decode_concurrency is swept."
    );
    assert_eq!(
        notice(&plan, "--prefill-step-size=512"),
        "--prefill-step-size=512 is taken out of the server arguments: --prefill-step-size is swept."
    );
    // A sweep over something else: the cells' own value replaces it too, and says where to set it.
    let plan = Run::of(RunKind::RoundRobinSweep)
        .with_args("--decode-concurrency 16")
        .plan();
    assert_eq!(distinct(&plan, |c| c.point.decode_concurrency), [Some(32)]);
    assert_eq!(
        notice(&plan, "taken out"),
        "--decode-concurrency 16 is taken out of the server arguments: in a sweep \
         MLX_DECODE_CONCURRENCY sets it, now 32."
    );
}

#[test]
fn server_arguments_of_the_overrides_win_over_the_field() {
    let plan = Run::of(RunKind::Single)
        .with_args("--top-p=0.1")
        .with("MLX_SERVER_ARGS=--top-k=3")
        .plan();
    assert!(plan.servers.args.contains(&"--top-k=3".to_owned()));
    assert!(!plan.servers.args.contains(&"--top-p=0.1".to_owned()));
    assert_eq!(
        effective(&plan, Var::ServerArgs),
        ("--top-k=3", "env overrides")
    );
}

#[test]
fn a_version_without_the_batch_flags_is_refused_where_they_matter() {
    let refusal = "mlx-lm 0.30.6 has no --decode-concurrency and no --prompt-concurrency, so it \
                   cannot be swept. Install mlx-lm 0.30.7 or newer; run mlx-throughput-lab setup, \
                   or choose another Python with --python.";
    for kind in [
        RunKind::ConcurrencySweep,
        RunKind::FullSweep,
        RunKind::Quick,
    ] {
        assert_eq!(Run::of(kind).server(Some(old())).error(), refusal, "{kind}");
    }
    let set = Run::of(RunKind::Concurrent).server(Some(old()));
    assert!(
        set.with("MLX_DECODE_CONCURRENCY=4")
            .error()
            .contains("so it cannot be set")
    );
    let own = Run::of(RunKind::Concurrent)
        .server(Some(old()))
        .with_args("--decode-concurrency=4,--nonsense=1");
    let errors = own.errors();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("Install mlx-lm 0.30.7"), "{}", errors[0]);
    assert!(errors[1].contains("--nonsense"), "{}", errors[1]);

    // Nothing depends on them: it runs, and says what is measured.
    let plan = Run::of(RunKind::Concurrent).server(Some(old())).plan();
    assert_eq!(only(&plan).point.decode_concurrency, None);
    assert!(plan.servers.args.is_empty(), "no cache flags either");
    notice(&plan, "no flags for its batch sizes");
}

#[test]
fn without_a_server_to_ask_the_plan_says_what_it_assumes() {
    let plan = Run::of(RunKind::ConcurrencySweep).server(None).plan();
    assert_eq!(plan.cells.len(), 16);
    notice(&plan, "those of mlx-lm 0.32.2 are assumed");
}

#[test]
fn no_prompt_is_kept_unless_the_user_says_how_many() {
    let plan = Run::of(RunKind::Single).with_args("--top-k=3").plan();
    assert_eq!(
        plan.servers.args,
        [
            "--prompt-cache-size",
            "0",
            "--prompt-cache-bytes",
            "1GB",
            "--top-k=3"
        ]
    );
    for own in ["--prompt-cache-size=0", "--prompt-cache-bytes=8GB"] {
        let plan = Run::of(RunKind::Single).with_args(own).plan();
        assert_eq!(plan.servers.args, [own]);
    }
    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["prompt-cache-size=0|10"])
        .plan();
    assert!(plan.servers.args.is_empty());
    // Identical prompts are about the cache: a bounded number is kept.
    let plan = Run::of(RunKind::Single)
        .with("MLX_IDENTICAL_PROMPTS=1")
        .plan();
    assert_eq!(plan.servers.args[..2], ["--prompt-cache-size", "10"]);
}
