//! When requests of an open loop are due, drawn beforehand, and the clock that says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::mpsc;

use crate::plan::Arrivals;
use crate::settings::Rate;

/// Due times in seconds from the load's start, without end. Nothing that happens to a request moves
/// the next: that is what makes the loop open.
#[derive(Debug, Clone)]
pub struct DueTimes {
    gap_s: f64,
    arrivals: Arrivals,
    random: Xoshiro256PlusPlus,
    last_s: f64,
    drawn: u64,
}

impl DueTimes {
    /// The same seed draws the same times, on every machine.
    pub fn new(rate: Rate, arrivals: Arrivals, seed: u64) -> Self {
        Self {
            gap_s: 1.0 / rate.rps(),
            arrivals,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            last_s: 0.0,
            drawn: 0,
        }
    }
}

impl Iterator for DueTimes {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.last_s = match self.arrivals {
            // From the start, so that rounding errors do not add up.
            Arrivals::Constant => self.gap_s * self.drawn as f64,
            // The inverse of the exponential distribution's cumulative one; 1 - u is never zero.
            Arrivals::Poisson => {
                let u: f64 = self.random.random();
                self.last_s - (1.0 - u).ln() * self.gap_s
            }
        };
        self.drawn += 1;
        Some(self.last_s)
    }
}

/// Tells of each request the moment it is due, from a thread of its own: the runtime's timers count
/// in whole milliseconds, which is a good part of a short TTFT.
#[derive(Debug)]
pub(super) struct Clock {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    /// The clock begins at `epoch`; who listens gets the due times.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(super) fn start(
        due: DueTimes,
        epoch: Instant,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Instant>)> {
        let (tell, told) = mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("arrivals".to_owned())
            .spawn(move || tick(due, epoch, &stopped, &tell))?;
        let clock = Self {
            stop,
            thread: Some(thread),
        };
        Ok((clock, told))
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It wakes at once, and ends by itself: nobody waits for it.
            thread.thread().unpark();
        }
    }
}

fn tick(
    due: DueTimes,
    epoch: Instant,
    stopped: &AtomicBool,
    tell: &mpsc::UnboundedSender<Instant>,
) {
    for due_s in due {
        let at = epoch + Duration::from_secs_f64(due_s);
        loop {
            if stopped.load(Relaxed) {
                return;
            }
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        if tell.send(at).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::stats::mean;

    fn rate(rps: f64) -> Rate {
        Rate::from_rps(rps).unwrap()
    }

    fn gaps(rps: f64, arrivals: Arrivals, seed: u64, n: usize) -> Vec<f64> {
        let due: Vec<f64> = DueTimes::new(rate(rps), arrivals, seed).take(n).collect();
        due.windows(2).map(|w| w[1] - w[0]).collect()
    }

    #[test]
    fn constant_gaps_are_equal_and_begin_at_once() {
        let due: Vec<f64> = DueTimes::new(rate(4.0), Arrivals::Constant, 7)
            .take(4)
            .collect();
        assert_eq!(due, [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_an_exponential_distribution() {
        const N: usize = 200_000;
        for seed in [1, 2, u64::MAX] {
            let gaps = gaps(2.5, Arrivals::Poisson, seed, N + 1);
            let average = mean(&gaps).unwrap();
            // Its standard error is 0.4 / sqrt(200,000), under a thousandth.
            assert!((average / 0.4 - 1.0).abs() < 0.01, "mean {average}");
            let squares: Vec<f64> = gaps.iter().map(|gap| (gap - average).powi(2)).collect();
            let variance = mean(&squares).unwrap();
            assert!((variance / 0.16 - 1.0).abs() < 0.03, "variance {variance}");
            // And no memory: one gap says nothing of the next.
            let pairs: Vec<f64> = gaps
                .windows(2)
                .map(|w| (w[0] - average) * (w[1] - average))
                .collect();
            assert!((mean(&pairs).unwrap() / variance).abs() < 0.01);
            // The share above the mean is 1/e.
            let above = gaps.iter().filter(|gap| **gap > 0.4).count() as f64 / N as f64;
            assert!((above - (-1.0_f64).exp()).abs() < 0.005, "{above}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_times_again_and_another_gives_others() {
        let times = |seed| gaps(1.0, Arrivals::Poisson, seed, 50);
        assert_eq!(times(3), times(3));
        assert_ne!(times(3), times(4));
    }

    #[tokio::test]
    async fn the_clock_tells_each_at_its_moment_and_stops_when_dropped() {
        let epoch = Instant::now();
        let due = DueTimes::new(rate(100.0), Arrivals::Constant, 0);
        let (clock, mut told) = Clock::start(due, epoch).unwrap();
        for k in 0..10 {
            let at = told.recv().await.unwrap();
            assert_eq!((at - epoch).as_millis(), 10 * k);
            assert!(Instant::now() >= at);
        }
        drop(clock);
        while told.recv().await.is_some() {}
    }
}
