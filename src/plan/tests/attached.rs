//! Plans over servers that somebody else started.

use super::*;
use crate::plan::commands::server_starts;
use crate::plan::estimate::{Pace, estimate};

const TWO: &str = "MLX_ATTACH='http://127.0.0.1:1234/v1 http://mac.local:8080'";

fn attached(kind: RunKind) -> Run {
    Run::of(kind).server(None).with(TWO)
}

#[test]
fn the_server_is_as_it_is_and_nothing_is_started() {
    let plan = attached(RunKind::FullSweep).plan();
    let urls = plan.servers.attached.as_ref().expect("attached").names();
    assert_eq!(urls, "http://127.0.0.1:1234 and http://mac.local:8080");
    assert_eq!(plan.servers.balancer.to_string(), "direct");
    assert_eq!(plan.servers.args, Vec::<String>::new());
    for cell in &plan.cells {
        assert_eq!(cell.point.instances, 2);
        assert_eq!(cell.point.decode_concurrency, None);
        assert_eq!(cell.point.prompt_concurrency, None);
    }
    let launcher = ["python".to_owned()];
    assert_eq!(server_starts(&plan, &plan.cells, &launcher), []);
    let estimate = estimate(&plan, Pace::default());
    assert_eq!((estimate.server_starts, estimate.server_processes), (0, 0));
    assert!(estimate.load_s.abs() < 1e-9);
    assert_eq!(effective(&plan, Var::ServerInstances).0, "2");
    assert!(
        !plan
            .notices
            .iter()
            .any(|n| n.contains("0.32.2 are assumed"))
    );
}

#[test]
fn kinds_about_the_servers_settings_sweep_the_requests_instead() {
    for (kind, in_flight) in [
        (RunKind::Quick, &[1, 8, 32][..]),
        (
            RunKind::ConcurrencySweep,
            &[1, 2, 4, 8, 16, 32, 64, 128, 256],
        ),
        (RunKind::FullSweep, &[1, 2, 4, 8, 16, 32, 64, 128, 256]),
    ] {
        let plan = attached(kind).plan();
        assert_eq!(distinct(&plan, |cell| cell.load.concurrency), in_flight);
        assert_eq!(plan.cells.len(), in_flight.len());
        notice(&plan, "requests in flight are swept");
    }
    let plan = attached(RunKind::RoundRobinSweep).plan();
    assert_eq!(
        distinct(&plan, |cell| cell.load.max_tokens),
        [128, 256, 512, 1024]
    );
    let plan = attached(RunKind::CustomSweep)
        .axes(&["prompt_tokens=64,512", "concurrency=2"])
        .plan();
    assert_eq!(plan.cells.len(), 2);
    let plan = attached(RunKind::Single).plan();
    assert_eq!(only(&plan).load.requests, Some(1));
}

#[test]
fn what_a_server_was_started_with_cannot_be_swept() {
    for axis in [
        "decode_concurrency=1,2",
        "instances=1,2",
        "prefill-step-size=1|2",
    ] {
        let error = attached(RunKind::CustomSweep).axes(&[axis]).error();
        assert!(
            error.contains("is attached, not started by this program"),
            "{error}"
        );
        assert!(error.contains("MLX_ATTACH=off"), "{error}");
    }
    let error = Run::of(RunKind::ConcurrencySweep)
        .with(&format!("{TWO} MLX_DECODE_CONCURRENCY_LIST=1,2"))
        .error();
    assert!(error.contains("cannot be swept"), "{error}");
}

#[test]
fn settings_of_started_servers_are_told_as_unused() {
    let plan = Run::of(RunKind::Quick)
        .with(&format!(
            "{TWO} MLX_SERVER_ARGS=--nonsense MLX_BALANCER=nginx"
        ))
        .without_nginx()
        .plan();
    notice(&plan, "MLX_SERVER_ARGS, MLX_BALANCER are not used");
    let plan = Run::of(RunKind::Single).with("MLX_ATTACH=off").plan();
    assert_eq!(plan.servers.attached, None);
}

#[test]
fn a_key_is_warned_of_where_it_travels_in_the_open() {
    let run = |urls: &str| {
        let mut run = Run::of(RunKind::Single).with(&format!("MLX_ATTACH={urls}"));
        run.sources.environment = vec![("MLX_ATTACH_KEY".to_owned(), "sk-hush".to_owned())];
        run.plan()
    };
    let plan = run("http://mac.local:8080");
    notice(&plan, "without encryption");
    assert!(!format!("{plan:?}").contains("sk-hush"));
    assert!(
        !serde_json::to_string(&plan)
            .expect("JSON")
            .contains("sk-hush")
    );
    assert_eq!(
        effective(&plan, Var::AttachKey),
        ("(hidden)", "environment")
    );
    let plan = run("http://127.0.0.1:8080");
    assert!(!plan.notices.iter().any(|n| n.contains("encryption")));
}
