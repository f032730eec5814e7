//! Request rates, and what they make of a plan.

use super::*;
use crate::measure::figures::Mode;
use crate::plan::Arrivals;
use crate::plan::estimate::{Pace, estimate};
use crate::settings::Rate;

fn rates(plan: &Plan) -> Vec<String> {
    let rate = |cell: &Cell| cell.load.request_rate.expect("a rate").to_string();
    plan.cells.iter().map(rate).collect()
}

#[test]
fn without_a_rate_nothing_changes() {
    let plan = Run::of(RunKind::FullSweep).plan();
    assert!(
        plan.cells
            .iter()
            .all(|cell| cell.load.request_rate.is_none())
    );
    assert_eq!(plan.workload.open, None);
    assert!(!plan.workload.limits.are_set());
    assert!(plan.reference.is_some());
    // Files of closed loops stay as they were.
    let json = serde_json::to_string(&plan.cells[0]).expect("json");
    assert!(!json.contains("request_rate"), "{json}");
    let old: Cell = serde_json::from_str(&json).expect("a cell");
    assert_eq!(old, plan.cells[0]);
}

#[test]
fn a_rate_makes_an_open_loop_of_any_sweep() {
    let run = Run::of(RunKind::ConcurrencySweep).with(
        "MLX_REQUEST_RATE=2.5 MLX_ARRIVALS=constant MLX_MAX_IN_FLIGHT=64 MLX_TTFT_LIMIT_MS=500",
    );
    let plan = run.plan();
    let cell = &plan.cells[0];
    assert_eq!(cell.load.request_rate.map(Rate::rps), Some(2.5));
    assert_eq!((cell.load.concurrency, cell.load.requests), (64, None));
    assert_eq!(
        cell.to_string(),
        "instances=1 decode_concurrency=8 prompt_concurrency=2 request_rate=2.5"
    );
    let open = plan.workload.open.expect("open");
    assert_eq!(
        (open.arrivals, open.seed, open.search),
        (Arrivals::Constant, 7, false)
    );
    assert_eq!(plan.workload.limits.ttft_s, Some(0.5));
    assert_eq!(plan.workload.limits.tpot_s, None);
    // Two windows of random arrivals differ by more than a machine drifts.
    assert_eq!(plan.reference, None);
    let back: Plan =
        serde_json::from_str(&serde_json::to_string(&plan).expect("json")).expect("a plan");
    assert_eq!(back, plan);
}

#[test]
fn a_rate_takes_the_place_of_requests_in_flight() {
    let plan = Run::of(RunKind::FullSweep)
        .with("MLX_REQUEST_RATE=2")
        .plan();
    notice(&plan, "concurrency is not swept");
    assert_eq!(distinct(&plan, |cell| cell.load.concurrency), [1024]);
    let error = Run::of(RunKind::CustomSweep)
        .axes(&["concurrency=1,2", "request_rate=1,2"])
        .error();
    assert!(error.contains("together with a request rate"), "{error}");
    let error = Run::of(RunKind::RateSweep)
        .with("MLX_NUM_REQUESTS=10")
        .error();
    assert!(
        error.contains("MLX_NUM_REQUESTS=10") && error.contains("for a window"),
        "{error}"
    );
    let plan = Run::of(RunKind::Quick).with("MLX_REQUEST_RATE=2").plan();
    notice(&plan, "MLX_REQUEST_RATE is not used");
    assert_eq!(plan.workload.open, None);
}

#[test]
fn listed_rates_are_a_grid_with_other_axes() {
    let plan = Run::of(RunKind::RateSweep)
        .with("MLX_REQUEST_RATE_LIST=0.5..2x2,2 MLX_ORDER=nested MLX_SEED=9")
        .axes(&["decode_concurrency=8,16"])
        .plan();
    assert_eq!(rates(&plan), ["0.5", "1", "2", "0.5", "1", "2"]);
    notice(&plan, "request_rate: 2 is listed more than once");
    assert_eq!(plan.workload.mode, Mode::Sustained);
    // In its own order, and yet with a seed: it draws the arrivals.
    assert_eq!(
        plan.workload.open.map(|open| (open.seed, open.search)),
        Some((9, false))
    );
    assert!(plan.search_sentence().is_none());
}

#[test]
fn without_a_list_rates_are_searched_for_one_server_point() {
    let plan = Run::of(RunKind::RateSweep).plan();
    assert_eq!(rates(&plan), ["1"]);
    assert!(plan.workload.open.expect("open").search);
    assert!(
        plan.search_sentence()
            .expect("a search")
            .contains("beginning with 1 requests/s")
    );
    assert!(estimate(&plan, Pace::default()).cells > 1);
    let plan = Run::of(RunKind::RateSweep)
        .with("MLX_REQUEST_RATE=0.25")
        .plan();
    assert_eq!(rates(&plan), ["0.25"]);
    assert!(
        plan.notices
            .iter()
            .all(|n| !n.contains("MLX_REQUEST_RATE is not used"))
    );
    let error = Run::of(RunKind::RateSweep)
        .axes(&["decode_concurrency=8,16"])
        .error();
    assert!(error.contains("MLX_REQUEST_RATE_LIST"), "{error}");
}

#[test]
fn a_window_takes_as_long_as_its_requests_take_to_come() {
    let of = |rate: &str| {
        let run = Run::of(RunKind::RateSweep).with(&format!("MLX_REQUEST_RATE_LIST={rate}"));
        estimate(&run.plan(), Pace::default()).measure_s
    };
    // 150 requests at 2 a second, which is enough for a p95; at 100 a second, 10 s are longer.
    let difference_s = of("2") - of("100");
    assert!(
        (difference_s - (75.0 - 10.0)).abs() < 1e-9,
        "{difference_s}"
    );
}
