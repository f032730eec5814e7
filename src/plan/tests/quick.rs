use super::*;
use crate::plan::Cell;
use crate::plan::quick::refine;

/// The coarse grid with a throughput for each of its cells: decode 8 and 32 at 1, 8, 32 in flight.
fn measured(tps: [f64; 6]) -> (Plan, Vec<(Cell, f64)>) {
    let plan = Run::of(RunKind::Quick).plan();
    let results = plan.cells.iter().cloned().zip(tps).collect();
    (plan, results)
}

fn seen(cells: &[Cell]) -> Vec<(u32, Option<u32>, u32)> {
    cells
        .iter()
        .map(|c| (c.index, c.point.decode_concurrency, c.load.concurrency))
        .collect()
}

#[test]
fn a_full_batch_calls_for_a_larger_one() {
    let (plan, results) = measured([1.0, 2.0, 3.0, 1.0, 2.0, 9.0]);
    assert_eq!(
        seen(&refine(&plan, &results)),
        [(6, Some(64), 32), (7, Some(64), 64)]
    );
    let (plan, results) = measured([1.0, 9.0, 3.0, 1.0, 2.0, 3.0]);
    assert_eq!(
        seen(&refine(&plan, &results)),
        [(6, Some(16), 8), (7, Some(16), 16)]
    );
}

#[test]
fn a_batch_with_room_calls_for_other_loads() {
    let (plan, results) = measured([1.0, 2.0, 3.0, 1.0, 9.0, 3.0]);
    assert_eq!(
        seen(&refine(&plan, &results)),
        [(6, Some(32), 16), (7, Some(32), 3)]
    );
    let (plan, results) = measured([1.0, 2.0, 3.0, 9.0, 2.0, 3.0]);
    assert_eq!(seen(&refine(&plan, &results)), [(6, Some(32), 2)]);
}

#[test]
fn nothing_measured_is_nothing_to_refine() {
    let (plan, _) = measured([0.0; 6]);
    assert_eq!(refine(&plan, &[]), []);
}
