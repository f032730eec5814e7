//! `quick`: an answer in about a minute. A coarse grid over two server starts (the table's
//! defaults for the kind), then up to three cells around its best, with at most one start more.

use super::Plan;
use super::cell::{Cell, LoadPoint, ServerPoint};

/// Most requests in flight that refining goes to.
const MOST_IN_FLIGHT: u32 = 512;

/// True where cells were added already: only the coarse grid loads every server point alike.
pub fn is_refined(plan: &Plan) -> bool {
    let loads = |point: &ServerPoint| -> Vec<&LoadPoint> {
        let of_point = plan.cells.iter().filter(|cell| cell.point == *point);
        of_point.map(|cell| &cell.load).collect()
    };
    let Some(first) = plan.cells.first() else {
        return false;
    };
    let coarse = loads(&first.point);
    plan.cells
        .iter()
        .any(|cell| loads(&cell.point).len() != coarse.len())
        || plan.cells.iter().any(|cell| !coarse.contains(&&cell.load))
}

/// Cells to add after the coarse grid, from its valid results (cell, tokens per second). Empty
/// where there is no result, or nothing around the best that was not measured.
///
/// Where the best keeps its batch full, a larger batch is tried with as many requests and twice
/// as many; where it does not, only more and fewer requests are.
pub fn refine(plan: &Plan, results: &[(Cell, f64)]) -> Vec<Cell> {
    let Some((best, _)) = results.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Vec::new();
    };
    let in_flight = best.load.concurrency;
    let full = best
        .point
        .decode_concurrency
        .filter(|&batch| in_flight >= batch.saturating_mul(best.point.instances));
    let larger = full.map(|batch| ServerPoint {
        decode_concurrency: Some(batch.saturating_mul(2)),
        ..best.point.clone()
    });
    let tried = |point: &ServerPoint, concurrency: u32| {
        plan.cells.iter().any(|cell| {
            cell.point == *point
                && cell.load
                    == LoadPoint {
                        concurrency,
                        ..best.load.clone()
                    }
        })
    };
    let doubled = in_flight.saturating_mul(2);
    let candidates = match &larger {
        Some(larger) if plan.cells.iter().all(|cell| cell.point != *larger) => {
            vec![(larger, in_flight), (larger, doubled)]
        }
        _ => {
            let below = plan
                .cells
                .iter()
                .map(|cell| cell.load.concurrency)
                .filter(|&c| c < in_flight)
                .max();
            let between = below.map(|below| middle(below, in_flight));
            let mut candidates = vec![(&best.point, doubled)];
            candidates.extend(between.map(|c| (&best.point, c)));
            candidates
        }
    };
    let mut cells: Vec<Cell> = Vec::new();
    for (point, concurrency) in candidates {
        if concurrency > MOST_IN_FLIGHT || tried(point, concurrency) {
            continue;
        }
        cells.push(Cell {
            index: (plan.cells.len() + cells.len()) as u32,
            point: point.clone(),
            load: LoadPoint {
                concurrency,
                ..best.load.clone()
            },
            repeat: best.repeat,
        });
    }
    cells
}

/// The geometric middle of two counts: 16 between 8 and 32.
fn middle(low: u32, high: u32) -> u32 {
    (f64::from(low) * f64::from(high)).sqrt().round() as u32
}
