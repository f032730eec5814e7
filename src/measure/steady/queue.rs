//! Do more and more requests wait? Where they come at a rate of their own, a server that is slower
//! than the rate has no steady state: its latencies depend on how long was measured.

use super::order::{mann_kendall, theil_sen};
use super::{SIGNIFICANT, Unsteady};
use crate::measure::flow::{due_within, mean_level};
use crate::measure::outcome::Window;
use crate::measure::sample::RequestSample;
use crate::measure::stats::mean;

const SLICES: u32 = 20;
/// What is left over of the requests that came, beyond which a queue grows.
const LEFT_OVER: f64 = 0.05;

/// Requests under way (due, and not answered) in equal slices of the window: a trend upwards that
/// chance does not explain, by more than a twentieth of what came and by more than the number under
/// way varies by itself (see `flow::saturated`).
pub fn queue_grows(samples: &[RequestSample], window: &Window) -> Option<Unsteady> {
    let spans: Vec<(f64, f64)> = samples.iter().map(|s| (s.due_s, s.end_s)).collect();
    let slice_s = window.length_s() / f64::from(SLICES);
    let edge = |i: u32| window.start_s + slice_s * f64::from(i);
    let levels: Vec<f64> = (0..SLICES)
        .map(|i| mean_level(&spans, edge(i), edge(i + 1)))
        .collect();
    let middle = mean(&levels)?;
    let change = theil_sen(&levels) * f64::from(SLICES - 1);
    let due = due_within(samples, window).count() as f64;
    let matters = (LEFT_OVER * due).max(2.0 * (2.0 * middle).sqrt());
    (change > matters && mann_kendall(&levels) < SIGNIFICANT).then(|| Unsteady::QueueGrows {
        before: (middle - change / 2.0).max(0.0),
        after: middle + change / 2.0,
    })
}
