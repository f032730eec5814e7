use super::*;
use crate::plan::estimate::{Pace, Spent, estimate, time_left};
use crate::plan::quick::refine;

const PACE: Pace = Pace {
    load_s: 10.0,
    stream_tps: 64.0,
};

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

fn grown() -> Run {
    Run::of(RunKind::FullSweep).axes(&[
        "instances=1,2,4",
        "decode-concurrency=8,16",
        "prompt-concurrency=4",
        "concurrency=1,8",
        "max-tokens=64",
    ])
}

#[test]
fn growing_starts_only_the_missing_servers() {
    let estimate = estimate(&grown().plan(), PACE);
    assert_eq!(estimate.cells, 12);
    assert_eq!(estimate.server_starts, 6);
    assert_eq!(estimate.server_processes, 8);
    close(estimate.load_s, 60.0);
    // Two requests of 16 tokens for each cell, and for each second one all 8 requests at once: two
    // lots of 4 and two tokens more on one server, one lot and two tokens on each of several.
    let tokens = 12 * 2 * 16 + 2 * (4 + 3 + 3);
    close(estimate.warmup_s, f64::from(tokens) / PACE.stream_tps);
}

#[test]
fn a_pause_lies_between_cells_and_a_delay_between_servers() {
    let plan = grown()
        .with("MLX_CELL_PAUSE_S=2 MLX_STARTUP_DELAY_S=3")
        .plan();
    let estimate = estimate(&plan, PACE);
    close(estimate.pause_s, 11.0 * 2.0);
    // Of 1, then 1 more, then 2 more servers only the last two wait for each other.
    close(estimate.load_s, 60.0 + 2.0 * 3.0);
    close(
        estimate.total_s(),
        estimate.load_s + estimate.warmup_s + estimate.measure_s + 22.0,
    );
}

#[test]
fn windows_follow_their_rule() {
    let measured = |pairs: &str, axis: &str| {
        let plan = Run::of(RunKind::CustomSweep)
            .axes(&[axis])
            .with(pairs)
            .plan();
        estimate(&plan, PACE).measure_s
    };
    // One request of a second at a time: 64 completions take 64 s, capped at 60; and ramp and drain.
    close(measured("MLX_MAX_TOKENS=64", "concurrency=1"), 60.0 + 2.0);
    // 32 at a time: 10 s are enough.
    close(measured("MLX_MAX_TOKENS=64", "concurrency=32"), 10.0 + 2.0);
    // Twice the batch: each request waits for another, 2 s.
    close(measured("MLX_MAX_TOKENS=64", "concurrency=64"), 10.0 + 4.0);
    // Three times E2E of 8 s.
    close(
        measured("MLX_MAX_TOKENS=512", "concurrency=32"),
        24.0 + 16.0,
    );
    // Compatible: 96 requests, 32 at a time.
    close(
        measured("MLX_MAX_TOKENS=64 MLX_NUM_REQUESTS=96", "concurrency=32"),
        3.0,
    );
}

#[test]
fn quick_takes_less_than_a_minute_where_a_start_takes_four_seconds() {
    // A small model on two slow cores, over all batch sizes.
    let pace = Pace {
        load_s: 4.0,
        stream_tps: 40.0,
    };
    let coarse = Run::of(RunKind::Quick).plan();
    // Whichever cell is best, what is added around it must fit too.
    for best in 0..coarse.cells.len() {
        let mut plan = coarse.clone();
        let results: Vec<_> = coarse
            .cells
            .iter()
            .map(|cell| (cell.clone(), f64::from(cell.index == best as u32)))
            .collect();
        plan.cells.extend(refine(&coarse, &results));
        let estimate = estimate(&plan, pace);
        assert!(estimate.server_starts <= 3, "{best}: {estimate:?}");
        assert!(estimate.total_s() < 60.0, "{best}: {estimate:?}");
    }
}

#[test]
fn time_left_comes_from_what_was_measured() {
    let plan = grown().plan();
    assert_eq!(time_left(&plan, &[]), None);
    let spent = |cell, load_s, cell_s| Spent {
        cell,
        load_s,
        cell_s,
    };
    // One cell known: five starts of 8 s and eleven cells of 3 s.
    close(
        time_left(&plan, &[spent(0, 8.0, 3.0)]).expect("one is done"),
        5.0 * 8.0 + 11.0 * 3.0,
    );
    // Both loads known (concurrency 1 takes 3 s, 8 takes 5 s): each is its own, 5 of either left.
    close(
        time_left(&plan, &[spent(0, 8.0, 3.0), spent(1, 0.0, 5.0)]).expect("two are done"),
        5.0 * 8.0 + 5.0 * 3.0 + 5.0 * 5.0,
    );
    let all: Vec<Spent> = (0..12).map(|cell| spent(cell, 1.0, 1.0)).collect();
    close(time_left(&plan, &all).expect("all are done"), 0.0);
}
