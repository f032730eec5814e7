//! Do more and more requests wait? Where they come at a rate of their own, a server that is slower
//! than the rate has no steady state: its latencies depend on how long was measured.

use super::order::{mann_kendall_uncorrected, theil_sen};
use super::{SIGNIFICANT, Unsteady};
use crate::measure::flow::{chance, due_within, mean_level};
use crate::measure::outcome::Window;
use crate::measure::sample::RequestSample;
use crate::measure::stats::mean;

const SLICES: u32 = 20;
/// What is left over of the requests that came, beyond which a queue grows.
const LEFT_OVER: f64 = 0.05;

/// Requests under way (due, and not answered) in equal slices of the window: a trend upwards that
/// chance does not explain, by more than a twentieth of what came and by more than the number under
/// way varies by itself. How often it is wrong is counted in the tests.
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
    let matters = (LEFT_OVER * due).max(chance(middle));
    (change > matters && mann_kendall_uncorrected(&levels) < SIGNIFICANT).then(|| {
        Unsteady::QueueGrows {
            before: (middle - change / 2.0).max(0.0),
            after: middle + change / 2.0,
        }
    })
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;
    use crate::measure::sample::Usage;

    const SLOTS: usize = 4;
    const SERVICE_S: f64 = 0.4;
    const CAPACITY_RPS: f64 = SLOTS as f64 / SERVICE_S;

    fn request(due_s: f64, end_s: f64) -> RequestSample {
        RequestSample {
            index: 0,
            instance: None,
            due_s,
            dispatched_s: due_s,
            connected_s: Some(due_s),
            headers_s: None,
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: None,
            last_token_s: None,
            end_s,
            connect_retries: 0,
            connect_wait_s: 0.0,
            chunks: Vec::new(),
            usage: Usage::default(),
            finish_reason: None,
            error: None,
        }
    }

    /// Requests at random, served in their order by slots that take the same time for each.
    fn served(load: f64, seed: u64) -> Vec<RequestSample> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut free_s = [0.0_f64; SLOTS];
        let mut due_s = 0.0;
        let mut requests = Vec::new();
        while due_s < 60.0 {
            let u: f64 = random.random();
            due_s -= (1.0 - u).ln() / (load * CAPACITY_RPS);
            let slot = free_s.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
            *slot = slot.max(due_s) + SERVICE_S;
            requests.push(request(due_s, *slot));
        }
        requests
    }

    /// Of 300 windows of 40 s, the share in which a queue is seen to grow.
    fn seen(load: f64) -> f64 {
        let window = Window {
            start_s: 10.0,
            end_s: 50.0,
            capped: false,
        };
        let grows = |seed: &u64| queue_grows(&served(load, *seed), &window).is_some();
        (0..300).filter(grows).count() as f64 / 300.0
    }

    #[test]
    fn a_queue_is_seen_to_grow_beyond_the_capacity_and_hardly_ever_below_it() {
        let shares = [0.3, 0.6, 0.8, 1.2, 1.5].map(seen);
        assert!(shares[..3].iter().all(|share| *share <= 0.03), "{shares:?}");
        assert!(shares[3..].iter().all(|share| *share >= 0.95), "{shares:?}");
    }

    #[test]
    fn how_far_it_grew_is_told() {
        let window = Window {
            start_s: 10.0,
            end_s: 50.0,
            capped: false,
        };
        let Some(Unsteady::QueueGrows { before, after }) = queue_grows(&served(1.5, 1), &window)
        else {
            panic!("it grows");
        };
        // Of 15 a second that come, 10 are served.
        assert!(
            (before - 54.0).abs() < 25.0 && (after - 254.0).abs() < 40.0,
            "{before} {after}"
        );
    }
}
