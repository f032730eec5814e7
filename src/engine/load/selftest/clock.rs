//! One clock for two processes.
//!
//! An [`Instant`] cannot be handed to another process. `CLOCK_MONOTONIC` can: it counts from the same
//! moment for all processes of a machine. On Linux it is what `Instant` reads, on a Mac `Instant`
//! reads another one that is not slewed; so the two are read together before and after a load, and
//! what lies between is interpolated.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn now_ns() -> i64 {
    read_ns(ClockId::Monotonic)
}

/// What this process has used of the processor so far, all threads, in user and in system mode.
pub fn cpu() -> Duration {
    Duration::from_nanos(u64::try_from(read_ns(ClockId::ProcessCPUTime)).unwrap_or_default())
}

fn read_ns(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Pair {
    instant: Instant,
    ns: i64,
}

impl Pair {
    /// The tightest of some readings: being put aside between the two clocks spoils a few.
    fn take() -> Self {
        const READINGS: u32 = 32;
        let mut best = (Duration::MAX, Instant::now(), 0);
        for _ in 0..READINGS {
            let before = Instant::now();
            let ns = now_ns();
            let width = before.elapsed();
            if width < best.0 {
                best = (width, before + width / 2, ns);
            }
        }
        Self {
            instant: best.1,
            ns: best.2,
        }
    }
}

/// The start of a bridge between the clocks: taken before what is to be translated.
#[derive(Debug)]
pub struct Bridging(Pair);

impl Bridging {
    pub fn start() -> Self {
        Self(Pair::take())
    }

    pub fn end(self) -> Bridge {
        Bridge {
            before: self.0,
            after: Pair::take(),
        }
    }
}

/// Translates instants between its ends into nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug)]
pub struct Bridge {
    before: Pair,
    after: Pair,
}

impl Bridge {
    pub fn ns(&self, instant: Instant) -> i64 {
        let length = (self.after.instant - self.before.instant).as_secs_f64();
        let length_ns = (self.after.ns - self.before.ns) as f64;
        let at = signed_s(instant, self.before.instant);
        let rate = if length > 0.0 {
            length_ns / length
        } else {
            1e9
        };
        self.before.ns + (at * rate).round() as i64
    }
}

fn signed_s(instant: Instant, from: Instant) -> f64 {
    match instant.checked_duration_since(from) {
        Some(since) => since.as_secs_f64(),
        None => -(from - instant).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_translated_to_within_microseconds() {
        let bridging = Bridging::start();
        let before_ns = now_ns();
        let instant = Instant::now();
        let after_ns = now_ns();
        let bridge = bridging.end();
        let ns = bridge.ns(instant);
        // Being put aside between the readings only widens what is allowed.
        assert!(
            ns >= before_ns - 20_000 && ns <= after_ns + 20_000,
            "{before_ns} <= {ns} <= {after_ns}"
        );
        let later = bridge.ns(instant + Duration::from_secs(1));
        assert!((later - ns - 1_000_000_000).abs() < 20_000_000);
    }

    #[test]
    fn work_costs_processor_time() {
        let before = cpu();
        let mut sum = 0_u64;
        while cpu() < before + Duration::from_millis(2) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert!(cpu() > before);
    }
}
