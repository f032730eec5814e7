use proptest::prelude::*;

use super::*;
use crate::plan::commands::{
    Transition, differences, expected_flags, server_arguments, server_starts, shell_line,
};

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn arguments_come_in_a_fixed_order() {
    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["prefill-step-size=512|", "decode-concurrency=16"])
        .with_args("--chat-template=/path with spaces/t.txt,--top-k=3")
        .plan();
    assert_eq!(
        server_arguments(&plan, &plan.cells[0].point, 9001),
        [
            "--model",
            "/models/tiny",
            "--host",
            "127.0.0.1",
            "--port",
            "9001",
            "--decode-concurrency",
            "16",
            "--prompt-concurrency",
            "8",
            "--prefill-step-size=512",
            "--prompt-cache-size",
            "0",
            "--prompt-cache-bytes",
            "1GB",
            "--chat-template=/path with spaces/t.txt",
            "--top-k=3",
        ]
    );
    let without = server_arguments(&plan, &plan.cells[1].point, 9001);
    assert!(!without.iter().any(|a| a.contains("prefill")));
}

#[test]
fn the_command_of_every_process_can_be_shown() {
    let plan = Run::of(RunKind::FullSweep)
        .axes(&[
            "instances=1,3",
            "decode-concurrency=8,16",
            "prompt-concurrency=4",
            "concurrency=1,2",
        ])
        .with_args("--chat-template=/a b/t.txt,")
        .plan();
    let launcher = words("/opt/py/bin/python -m mlx_lm server");
    let starts = server_starts(&plan, &plan.cells, &launcher);
    let seen: Vec<(u32, u32, u16)> = starts
        .iter()
        .map(|s| (s.cell, s.instance, s.port))
        .collect();
    // Three for each of the two flag points: the second and third are added to the first.
    assert_eq!(
        seen,
        [
            (0, 0, 9000),
            (2, 1, 9001),
            (2, 2, 9002),
            (4, 0, 9000),
            (6, 1, 9001),
            (6, 2, 9002)
        ]
    );
    assert_eq!(
        shell_line(&starts[1].command),
        "/opt/py/bin/python -m mlx_lm server --model /models/tiny --host 127.0.0.1 --port 9001 \
         --decode-concurrency 8 --prompt-concurrency 4 --prompt-cache-size 0 \
         --prompt-cache-bytes 1GB '--chat-template=/a b/t.txt'"
    );
}

#[test]
fn servers_are_kept_grown_or_restarted() {
    let plan = Run::of(RunKind::FullSweep)
        .axes(&[
            "instances=1,2",
            "decode-concurrency=8",
            "prompt-concurrency=4",
            "concurrency=1,2",
        ])
        .with("MLX_REPEATS=2")
        .plan();
    let mut previous = None;
    let transitions: Vec<Transition> = plan
        .cells
        .iter()
        .map(|cell| Transition::between(previous.replace(cell), cell))
        .collect();
    let once = [
        Transition::Restart,
        Transition::Keep,
        Transition::Grow { from: 1 },
        Transition::Keep,
    ];
    assert_eq!(transitions, [once, once].concat());
    assert_eq!(
        Transition::between(Some(&plan.cells[2]), &plan.cells[0]),
        Transition::Restart,
        "fewer instances"
    );
}

#[test]
fn the_proof_finds_what_is_missing_different_or_unasked() {
    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["prefill-step-size=512"])
        .with_args("--top-k 3 --pipeline --temp -1")
        .plan();
    let point = &plan.cells[0].point;
    let expected = expected_flags(&plan, point);
    assert!(expected.contains(&("--pipeline".to_owned(), String::new())));
    assert!(expected.contains(&("--temp".to_owned(), "-1".to_owned())));
    assert!(!expected.iter().any(|(flag, _)| flag == "--port"));

    let mut actual = words("/usr/bin/python3 --unrelated 1 -m mlx_lm server");
    actual.extend(server_arguments(&plan, point, 9000));
    assert_eq!(differences(&expected, &actual), Vec::<String>::new());

    let edited = |from: &str, to: &str| {
        let text = actual.join(" ").replace(from, to);
        differences(&expected, &words(&text))
    };
    assert_eq!(
        edited("--decode-concurrency 32", "--decode-concurrency=32"),
        Vec::<String>::new(),
        "both spellings are one"
    );
    assert_eq!(
        edited(" --decode-concurrency 32", ""),
        ["--decode-concurrency 32 is missing"]
    );
    assert_eq!(edited(" --pipeline", ""), ["--pipeline is missing"]);
    assert_eq!(
        edited("--prompt-concurrency 8", "--prompt-concurrency 4"),
        ["--prompt-concurrency is \"4\", asked was \"8\""]
    );
    assert_eq!(
        edited("--top-k 3", "--top-k 3 --top-k=5"),
        ["--top-k is \"5\", asked was \"3\""],
        "the last one counts"
    );
    assert_eq!(
        edited("--top-k 3", "--top-k 3 --kv-bits 8"),
        ["--kv-bits 8 was not asked for"]
    );
    assert_eq!(
        differences(&expected, &[]).len(),
        expected.len(),
        "an unreadable process proves nothing"
    );
}

proptest! {
    /// Whatever the user's arguments are, a server started with the plan's command line passes.
    #[test]
    fn a_faithful_server_always_passes(text in "(--(top-p|top-k|kv-bits|pipeline|chat-template)[= ]?['\"{}a-z0-9. -]{0,6}[, ]){0,4}") {
        let run = Run::of(RunKind::Single).with_args(&text);
        if let Ok(plan) = run.build() {
            let point = &plan.cells[0].point;
            let actual = server_arguments(&plan, point, 9000);
            prop_assert_eq!(differences(&expected_flags(&plan, point), &actual), Vec::<String>::new());
        }
    }
}
