use std::str::FromStr;

use super::*;
use crate::measure::figures::Mode;
use crate::plan::Balancer;
use crate::settings::table::{self, DefaultValue};

#[test]
fn kinds_of_the_settings_table_are_kinds_of_runs() {
    for spec in table::all() {
        if let DefaultValue::PerKind { kinds, .. } = spec.default {
            for (kind, _) in kinds {
                assert!(RunKind::from_str(kind).is_ok(), "{}: {kind}", spec.name);
            }
        }
    }
}

#[test]
fn a_single_check_is_one_request_to_one_server() {
    let plan = Run::of(RunKind::Single).plan();
    let cell = only(&plan);
    assert_eq!(cell.point.instances, 1);
    assert_eq!((cell.load.requests, cell.load.concurrency), (Some(1), 1));
    assert_eq!(cell.load.max_tokens, 128);
    assert_eq!(
        plan.workload.prompt,
        "Write a short paragraph about why concurrency helps throughput."
    );
    assert!((plan.workload.temperature - 0.2).abs() < 1e-12);
    assert_eq!(plan.workload.mode, Mode::Compatible);
    assert_eq!(plan.servers.balancer, Balancer::Direct);
    assert_eq!(plan.notices, Vec::<String>::new());
    assert_eq!(effective(&plan, Var::Temperature), ("0.2", "default"));
    assert_eq!(effective(&plan, Var::ModelPath).0, "/models/tiny");

    let plan = Run::of(RunKind::Single).with("MLX_NUM_REQUESTS=5").plan();
    assert_eq!(only(&plan).load.requests, Some(1));
    notice(&plan, "the single check sends one request");
}

#[test]
fn checks_count_their_requests_from_cores_and_instances() {
    for (kind, cores, pairs, requests, in_flight, instances) in [
        (RunKind::Concurrent, 1, "", 8, 8, 1),
        (RunKind::Concurrent, 10, "", 40, 40, 1),
        (RunKind::Concurrent, 10, "MLX_CONCURRENCY=4", 40, 4, 1),
        (RunKind::Concurrent, 10, "MLX_CONCURRENCY=max", 40, 40, 1),
        (RunKind::Concurrent, 10, "MLX_NUM_REQUESTS=3", 3, 3, 1),
        (RunKind::RoundRobin, 10, "", 64, 64, 4),
        (
            RunKind::RoundRobin,
            10,
            "MLX_SERVER_INSTANCES=2 MLX_CONCURRENCY=8",
            32,
            8,
            2,
        ),
    ] {
        let mut run = Run::of(kind).with(pairs);
        run.cores = cores;
        let plan = run.plan();
        let cell = only(&plan);
        assert_eq!(cell.load.requests, Some(requests), "{kind} {pairs}");
        assert_eq!(cell.load.concurrency, in_flight, "{kind} {pairs}");
        assert_eq!(cell.point.instances, instances);
        assert_eq!(
            effective(&plan, Var::NumRequests).0,
            requests.to_string(),
            "computed values are listed too"
        );
    }
    let plan = Run::of(RunKind::Concurrent)
        .with("MLX_NUM_REQUESTS=4 MLX_CONCURRENCY=9")
        .plan();
    assert_eq!(only(&plan).load.concurrency, 4);
    notice(&plan, "4 requests cannot keep 9 in flight");
}

#[test]
fn sweeps_have_the_lists_of_the_manual() {
    let plan = Run::of(RunKind::ConcurrencySweep).plan();
    assert_eq!(plan.cells.len(), 16);
    // Enough in flight to fill the largest batch.
    assert_eq!(distinct(&plan, |c| c.load.concurrency), [64]);
    assert_eq!(plan.servers.balancer, Balancer::Direct);
    assert_eq!(effective(&plan, Var::Concurrency), ("64", "default"));

    let plan = Run::of(RunKind::RoundRobinSweep).plan();
    assert_eq!(plan.cells.len(), 4 * 9);
    assert_eq!(distinct(&plan, |c| c.point.instances), [4]);
    assert_eq!(
        distinct(&plan, |c| c.load.max_tokens),
        [128, 256, 512, 1024]
    );
    assert_eq!(plan.servers.balancer, Balancer::Nginx);

    let plan = Run::of(RunKind::FullSweep).plan();
    assert_eq!(plan.cells.len(), 3 * 4 * 4 * 9);
    assert_eq!(distinct(&plan, |c| c.point.instances), [1, 2, 4]);
    assert_eq!(
        distinct(&plan, |c| c.load.concurrency),
        [1, 2, 4, 8, 16, 32, 64, 128, 256]
    );
    assert_eq!(plan.workload.mode, Mode::Sustained);
    assert_eq!(plan.cells[0].load.requests, None);
    assert!((plan.workload.window.min_s - 10.0).abs() < 1e-12);

    let plan = Run::of(RunKind::Quick).plan();
    assert_eq!(plan.cells.len(), 6);
    assert!(plan.workload.window.max_s <= 3.0);
}

#[test]
fn counts_of_requests_mean_compatible_mode() {
    let sweep = || Run::of(RunKind::FullSweep).axes(&["concurrency=1,8"]);
    let requests = |plan: &Plan| distinct(plan, |c| (c.load.concurrency, c.load.requests));

    let plan = sweep().with("MLX_REQUESTS_MULTIPLIER=3").plan();
    assert_eq!(plan.workload.mode, Mode::Compatible);
    assert_eq!(requests(&plan), [(1, Some(3)), (8, Some(24))]);

    let plan = sweep().with("MLX_MODE=compatible").plan();
    assert_eq!(requests(&plan), [(1, Some(1)), (8, Some(8))]);

    let plan = sweep().with("MLX_NUM_REQUESTS=4").plan();
    assert_eq!(requests(&plan), [(1, Some(4)), (8, Some(4))]);
    notice(&plan, "4 requests cannot keep 8 in flight");

    let plan = sweep().with("MLX_NUM_REQUESTS=4 MLX_MODE=sustained").plan();
    assert_eq!(plan.workload.mode, Mode::Sustained);
    assert_eq!(requests(&plan), [(1, None), (8, None)]);
    notice(&plan, "MLX_NUM_REQUESTS is not used");
}

#[test]
fn axes_replace_lists_and_add_to_them() {
    let plan = Run::of(RunKind::FullSweep)
        .axes(&[
            "instances=2,1",
            "decode-concurrency=8",
            "prompt-concurrency=8",
            "concurrency=1..4x2",
            "prompt-tokens=64,128",
            "prefill-step-size=512|",
        ])
        .plan();
    assert_eq!(plan.cells.len(), 2 * 3 * 2 * 2);
    assert_eq!(
        distinct(&plan, |c| c.load.prompt_tokens),
        [Some(64), Some(128)]
    );
    assert_eq!(
        distinct(&plan, |c| c.point.flags[0].value.clone()),
        ["", "512"]
    );
    // Equal flags stand together, instances ascending.
    let order: Vec<(String, u32)> = plan
        .cells
        .chunks(6)
        .map(|c| (c[0].point.flags[0].value.clone(), c[0].point.instances))
        .collect();
    assert_eq!(
        order,
        [
            ("512".to_owned(), 1),
            ("512".to_owned(), 2),
            (String::new(), 1),
            (String::new(), 2)
        ]
    );
}

#[test]
fn custom_sweeps_fix_what_they_do_not_vary() {
    let run = Run::of(RunKind::CustomSweep);
    assert_eq!(
        run.error(),
        "a custom sweep needs an axis: --axis concurrency=1..64x2, or any flag of the server."
    );
    let plan = run.axes(&["max-tokens=16,32,16"]).plan();
    assert_eq!(distinct(&plan, |c| c.load.max_tokens), [16, 32]);
    notice(&plan, "max_tokens: 16 is listed more than once");
    let cell = &plan.cells[0];
    assert_eq!(cell.point.decode_concurrency, Some(32));
    assert_eq!(cell.point.prompt_concurrency, Some(8));
    assert_eq!((cell.point.instances, cell.load.concurrency), (1, 32));
    assert_eq!(plan.servers.balancer, Balancer::Direct);

    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["instances=1,2"])
        .with("MLX_DECODE_CONCURRENCY=16")
        .plan();
    assert_eq!(distinct(&plan, |c| c.load.concurrency), [32]);
    assert_eq!(plan.servers.balancer, Balancer::Nginx);
}

#[test]
fn the_balancer_is_nginx_where_it_is_found() {
    let plan = Run::of(RunKind::RoundRobin).without_nginx().plan();
    assert_eq!(plan.servers.balancer, Balancer::Direct);
    notice(&plan, "nginx was not found");
    assert_eq!(effective(&plan, Var::Balancer), ("direct", "default"));

    let plan = Run::of(RunKind::RoundRobin)
        .with("MLX_BALANCER=direct")
        .plan();
    assert_eq!(plan.servers.balancer, Balancer::Direct);
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);

    let run = Run::of(RunKind::RoundRobin)
        .without_nginx()
        .with("MLX_BALANCER=nginx");
    assert!(run.error().contains("nginx was not found"));
    // One server needs none.
    let single = Run::of(RunKind::Single)
        .without_nginx()
        .with("MLX_BALANCER=nginx");
    assert_eq!(single.plan().servers.balancer, Balancer::Direct);
}

#[test]
fn ports_are_checked() {
    let plan = Run::of(RunKind::Single).with("MLX_SERVER_PORT=9123").plan();
    assert_eq!(plan.servers.port, Some(9123));
    let plan = Run::of(RunKind::Single).with("MLX_SERVER_PORT=0").plan();
    assert_eq!(plan.servers.port, None);
    let plan = Run::of(RunKind::RoundRobin)
        .with("MLX_SERVER_PORT=9123")
        .plan();
    assert_eq!(plan.servers.port, None);
    notice(&plan, "MLX_SERVER_PORT is not used");
    let run = Run::of(RunKind::RoundRobin).with("MLX_SERVER_BASE_PORT=65534");
    assert!(run.error().contains("4 servers need ports up to 65537"));
    let run = Run::of(RunKind::RoundRobin).with("MLX_NGINX_PORT=9003");
    assert!(run.error().contains("overlap"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut run = Run::of(RunKind::FullSweep)
        .with("MLX_SERVER_HOST='a b' MLX_WINDOW_MAX_S=1")
        .with_args("--port=1,--nonsense");
    run.model = "-x";
    let errors = run.errors();
    for part in [
        "a b",
        "MLX_WINDOW_MIN_S=10",
        "--port",
        "--nonsense",
        "\"-x\"",
    ] {
        assert!(
            errors.iter().any(|e| e.contains(part)),
            "{part}: {errors:?}"
        );
    }
    let many = Run::of(RunKind::FullSweep).axes(&["max-tokens=1..1000+1"]);
    assert!(many.error().contains("432000 cells are more than 50000"));
}

#[test]
fn notices_name_what_surprises() {
    let plan = Run::of(RunKind::ConcurrencySweep)
        .with("MLX_SERVER_HOST=0.0.0.0 MLX_CONCURRENCY=4 MLX_INSTANCES_LIST=1,2 MLX_DECODE_CONCURRENCY=8")
        .with_args("--temp=0.5,--kv-bits=8")
        .plan();
    notice(&plan, "without a password");
    notice(
        &plan,
        "MLX_CONCURRENCY=4 requests in flight cannot fill batches of 64",
    );
    notice(&plan, "MLX_INSTANCES_LIST is not used by concurrency_sweep");
    notice(
        &plan,
        "MLX_DECODE_CONCURRENCY is not used: decode_concurrency is swept",
    );
    notice(&plan, "--temp=0.5 has no effect");
    assert!(notice(&plan, "cannot batch").starts_with("With --kv-bits=8 the server"));
    assert_eq!(
        notice(&plan, "decode_concurrency=8 prompt_concurrency=16:"),
        "decode_concurrency=8 prompt_concurrency=16: the server decodes max(decode, prompt) = 16 \
         at once, so its cells repeat those of decode_concurrency=16 prompt_concurrency=16."
    );
    // What lies in saved settings was not chosen for this run.
    let plan = Run::of(RunKind::ConcurrencySweep)
        .saved(Var::InstancesList, "1,2")
        .plan();
    assert!(!plan.notices.iter().any(|n| n.contains("INSTANCES_LIST")));

    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["--draft-model=|/m/draft"])
        .plan();
    notice(&plan, "With --draft-model=/m/draft the server cannot batch");
}

#[test]
fn repeats_and_foreign_variables_reach_the_plan() {
    let plan = Run::of(RunKind::Quick)
        .with("MLX_REPEATS=2 HF_HOME=/x MLX_SERVER_BACKLOG=1024 MLX_STARTUP_DELAY_S=1.5")
        .plan();
    assert_eq!(plan.cells.len(), 12);
    assert_eq!(plan.cells[6].repeat, 2);
    assert_eq!(plan.servers.env["HF_HOME"], "/x");
    assert_eq!(plan.servers.backlog, Some(1024));
    assert_eq!(plan.servers.startup_delay_s, Some(1.5));
    let stored = serde_json::to_string(&plan).expect("json");
    let read: Plan = serde_json::from_str(&stored).expect("plan");
    assert_eq!(read, plan, "a plan is stored whole");
}

#[test]
fn sweeps_have_a_thermal_gate_unless_it_is_turned_off() {
    let of = |kind, overrides: &str| Run::of(kind).with(overrides).plan().thermal;
    let rule = of(RunKind::FullSweep, "").unwrap();
    assert!((rule.clock_limit - 0.97).abs() < 1e-9);
    assert!((rule.cool_down_max_s - 120.0).abs() < 1e-9);
    assert!(!rule.asked_for);
    let asked = "MLX_THERMAL_GATE=1\nMLX_CLOCK_LIMIT_PCT=95";
    let rule = of(RunKind::RoundRobinSweep, asked).unwrap();
    assert!(rule.asked_for && (rule.clock_limit - 0.95).abs() < 1e-9);
    assert_eq!(of(RunKind::FullSweep, "MLX_THERMAL_GATE=0"), None);
    for kind in [RunKind::Single, RunKind::Concurrent, RunKind::Quick] {
        assert_eq!(of(kind, ""), None, "{kind}: nothing to compare with");
    }
}
