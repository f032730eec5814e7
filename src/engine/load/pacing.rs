//! When a handshake may start, so that a server's short listen queue does not overflow.
//!
//! `mlx_lm.server` listens with Python's default backlog of 5 and accepts under the interpreter's
//! lock. A burst of connects overflows the queue: SYNs are dropped (the kernel repeats them after
//! 1, 3, 7 s), or, worse, the *last* step of the handshake is dropped and the client holds a
//! connection that the server does not know and later resets.
//!
//! The second case needs two handshakes under way at once: on both BSD and Linux the queue is
//! checked when the SYN comes and again when the handshake's last packet comes, and only another
//! client's handshake can fill it in between. So the first rule here is that **handshakes with one
//! server never overlap**: each ends before the next starts. What stands then holds a place in the
//! queue. The second rule is a pace: as many handshakes as the queue is long go straight through,
//! then one per `spacing`, which doubles when a SYN was dropped and narrows slowly after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::sleep;

/// Python's `socketserver.TCPServer.request_queue_size`.
pub const STOCK_BACKLOG: u32 = 5;

/// How handshakes with one address are paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceRules {
    /// Handshakes that go straight through after a quiet moment: the length of the queue.
    pub burst: u32,
    /// Between two handshakes after that, when nothing overflows. At 5 ms a wave of 256 on the real
    /// server, on a busy machine, saw 0 to 3 dropped.
    pub spacing_min: Duration,
    /// The widest it gets: against servers that accept one in 8, 15 and 40 ms, 200 connects took
    /// 1 to 18 % longer than the server's own pace.
    pub spacing_max: Duration,
    /// A handshake that takes longer was dropped by the server's kernel, whose next try is a
    /// second away: giving it up and trying again in turn is sooner. Nothing was sent on it.
    pub handshake_limit: Duration,
    /// Hold the last byte of a request back for a moment while a burst is going on.
    pub hold: bool,
}

impl PaceRules {
    /// For one server with a listen backlog of `backlog`, reached directly.
    pub fn direct(backlog: u32, loopback: bool) -> Self {
        Self {
            burst: backlog.max(1),
            spacing_min: Duration::from_millis(5),
            spacing_max: Duration::from_millis(50),
            // On loopback the kernel completes a handshake within the connect call itself.
            handshake_limit: Duration::from_millis(if loopback { 50 } else { 250 }),
            hold: true,
        }
    }

    /// For a server that is not ours, whose listen queue is not known: as for Python's short one.
    /// Its host may be across a room, with a radio that sleeps between packets.
    pub fn attached(loopback: bool, encrypted: bool) -> Self {
        Self {
            // TLS shakes hands as well, and takes a busy server longer.
            handshake_limit: if loopback && !encrypted {
                Duration::from_millis(250)
            } else {
                Duration::from_secs(3)
            },
            ..Self::direct(STOCK_BACKLOG, loopback)
        }
    }

    /// For a proxy that opens one connection to one of `upstreams` servers for each of ours: their
    /// queues are the short ones. It reads requests whole before it connects, so holding a byte
    /// back proves nothing.
    pub fn proxied(backlog: u32, upstreams: u32) -> Self {
        let upstreams = upstreams.max(1);
        let direct = Self::direct(backlog, false);
        Self {
            // Its connects follow ours loosely, and several at once after it had to wait for a
            // CPU: half the pace leaves room for that.
            burst: direct.burst.div_ceil(2) * upstreams,
            spacing_min: direct.spacing_min * 2 / upstreams,
            spacing_max: direct.spacing_max / upstreams,
            hold: false,
            ..direct
        }
    }
}

/// How long evidence of an overflow keeps a burst "going on".
const BURST_MEMORY: Duration = Duration::from_secs(1);
/// How long, after a standing connection was reset, each request is held for [`DISTRUST_HOLD`].
const DISTRUST_MEMORY: Duration = Duration::from_secs(10);
/// Above Linux's least retransmission time of 200 ms: an answer to the first bytes must have come.
const DISTRUST_HOLD: Duration = Duration::from_millis(250);
/// A handshake this slow is evidence of a full queue even though it stood.
const SLOW_HANDSHAKE: Duration = Duration::from_millis(200);
/// How much narrower the spacing gets with each handshake that stood.
const NARROWING: f64 = 0.95;

/// The queue to one address.
#[derive(Debug)]
pub struct Pacer {
    pace: Arc<Mutex<Pace>>,
}

/// Leave to shake hands. The next one waits until this is settled or dropped.
#[derive(Debug)]
pub struct Turn {
    pace: OwnedMutexGuard<Pace>,
    waited: bool,
}

impl Pacer {
    pub fn new(rules: PaceRules) -> Self {
        Self {
            pace: Arc::new(Mutex::new(Pace::new(rules, Instant::now()))),
        }
    }

    /// Waits, in order of arrival, until a handshake may start.
    pub async fn turn(&self) -> Turn {
        let mut pace = Arc::clone(&self.pace).lock_owned().await;
        let mut waited = false;
        while let Some(wait) = pace.start(Instant::now()) {
            waited = true;
            sleep(wait).await;
        }
        Turn { pace, waited }
    }

    /// Evidence that came later than the handshake: a connection that stood was reset before the
    /// server can have read it (`stood`), or a proxy waited long for its own.
    pub async fn overflowed_later(&self, stood: bool) {
        self.pace
            .lock()
            .await
            .overflowed_later(stood, Instant::now());
    }
}

impl Turn {
    pub fn handshake_limit(&self) -> Duration {
        self.pace.rules.handshake_limit
    }

    /// The handshake took `took` and stands. Returns how long the last byte of the request must be
    /// held back: not at all when nothing is going on.
    pub fn stood(mut self, took: Duration) -> Duration {
        let waited = self.waited;
        self.pace.stood(took, waited, Instant::now())
    }

    /// The handshake was dropped or reset: the queue is full.
    pub fn overflowed(mut self) {
        self.pace.overflowed(Instant::now());
    }
}

/// The rules' state, without a clock of its own.
#[derive(Debug)]
struct Pace {
    rules: PaceRules,
    spacing: Duration,
    /// Handshakes that may start now; refilled by one per `spacing`, up to the burst.
    credit: f64,
    refilled: Instant,
    overflow_at: Option<Instant>,
    distrust_at: Option<Instant>,
}

impl Pace {
    fn new(rules: PaceRules, now: Instant) -> Self {
        Self {
            rules,
            spacing: rules.spacing_min,
            credit: f64::from(rules.burst),
            refilled: now,
            overflow_at: None,
            distrust_at: None,
        }
    }

    /// Takes the credit for one handshake, or says how long to wait for it.
    fn start(&mut self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.refilled);
        let earned = since.as_secs_f64() / self.spacing.as_secs_f64();
        self.credit = (self.credit + earned).min(f64::from(self.rules.burst));
        self.refilled = now;
        // A nanosecond's rounding must not cost a round of the timer.
        if self.credit > 1.0 - 1e-6 {
            self.credit -= 1.0;
            return None;
        }
        Some(self.spacing.mul_f64(1.0 - self.credit))
    }

    fn stood(&mut self, took: Duration, waited: bool, now: Instant) -> Duration {
        let recently = |at: Option<Instant>, memory| at.is_some_and(|at| now < at + memory);
        let hold = if !self.rules.hold {
            Duration::ZERO
        } else if recently(self.distrust_at, DISTRUST_MEMORY) {
            DISTRUST_HOLD
        } else if waited || recently(self.overflow_at, BURST_MEMORY) {
            self.spacing
        } else {
            Duration::ZERO
        };
        if took > SLOW_HANDSHAKE {
            self.overflowed(now);
        } else {
            let narrower = self.spacing.mul_f64(NARROWING);
            self.spacing = narrower.max(self.rules.spacing_min);
        }
        hold
    }

    fn overflowed_later(&mut self, stood: bool, now: Instant) {
        // One burst is told of by many requests, all late: it widens the spacing once.
        if self.overflow_at.is_none_or(|at| now >= at + BURST_MEMORY) {
            self.overflowed(now);
        }
        if stood {
            self.distrust_at = Some(now);
        }
    }

    fn overflowed(&mut self, now: Instant) {
        self.spacing = (self.spacing * 2).min(self.rules.spacing_max);
        self.credit = 0.0;
        self.refilled = now;
        self.overflow_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(80);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pace(rules: PaceRules) -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(rules, now), now)
    }

    fn stock() -> (Pace, Instant) {
        pace(PaceRules::direct(STOCK_BACKLOG, true))
    }

    /// Starts `n` handshakes that stand at once, moving the clock as they wait. Returns when each
    /// started after the first, and its hold.
    fn burst(pace: &mut Pace, now: &mut Instant, n: usize) -> Vec<(Duration, Duration)> {
        let start = *now;
        let mut seen = Vec::new();
        for _ in 0..n {
            let mut waited = false;
            while let Some(wait) = pace.start(*now) {
                waited = true;
                *now += wait;
            }
            seen.push((*now - start, pace.stood(QUICK, waited, *now)));
        }
        seen
    }

    #[test]
    fn the_first_few_go_straight_through_and_are_not_held() {
        let (mut pace, mut now) = stock();
        for (at, hold) in burst(&mut pace, &mut now, 5) {
            assert_eq!((at, hold), (ms(0), ms(0)));
        }
    }

    #[test]
    fn a_burst_is_spaced_and_held_for_one_space() {
        let (mut pace, mut now) = stock();
        let seen = burst(&mut pace, &mut now, 105);
        let (last, hold) = seen[104];
        assert!(last >= ms(499) && last <= ms(501), "100 spaces: {last:?}");
        assert_eq!(hold, ms(5));
        // A quiet moment later the queue is empty again.
        now += ms(25);
        assert_eq!(burst(&mut pace, &mut now, 5)[4], (ms(0), ms(0)));
    }

    #[test]
    fn overflow_widens_the_spacing_and_success_narrows_it_slowly() {
        let (mut pace, mut now) = stock();
        for expected_ms in [10, 20, 40, 50, 50] {
            pace.overflowed(now);
            assert_eq!(pace.spacing, ms(expected_ms));
        }
        assert!(pace.start(now).is_some(), "nothing goes right after it");
        burst(&mut pace, &mut now, 10);
        assert!(pace.spacing > ms(25) && pace.spacing < ms(35));
        burst(&mut pace, &mut now, 100);
        assert_eq!(pace.spacing, ms(5));
    }

    #[test]
    fn a_slow_handshake_is_evidence_although_it_stood() {
        let (mut pace, now) = stock();
        pace.stood(ms(201), false, now);
        assert_eq!(pace.spacing, ms(10));
    }

    #[test]
    fn a_reset_of_a_standing_connection_makes_requests_be_held_longer() {
        let (mut pace, now) = stock();
        for _ in 0..9 {
            pace.overflowed_later(true, now);
        }
        assert_eq!(pace.spacing, ms(10), "one burst, told of nine times");
        assert_eq!(pace.stood(QUICK, false, now), DISTRUST_HOLD);
        assert_eq!(pace.stood(QUICK, false, now + DISTRUST_MEMORY), ms(0));
    }

    #[test]
    fn behind_a_proxy_the_pace_is_that_of_all_its_servers() {
        let (mut pace, mut now) = pace(PaceRules::proxied(STOCK_BACKLOG, 4));
        let seen = burst(&mut pace, &mut now, 112);
        assert_eq!(seen[11].0, ms(0));
        let last = seen[111].0;
        assert!(last >= ms(249) && last <= ms(251), "100 spaces: {last:?}");
        assert!(seen.iter().all(|(_, hold)| hold.is_zero()));
    }

    #[tokio::test]
    async fn handshakes_never_overlap() {
        let pacer = Arc::new(Pacer::new(PaceRules::direct(STOCK_BACKLOG, true)));
        let turn = pacer.turn().await;
        let next = tokio::spawn({
            let pacer = Arc::clone(&pacer);
            async move {
                let _turn = pacer.turn().await;
                Instant::now()
            }
        });
        sleep(ms(30)).await;
        let freed = Instant::now();
        turn.stood(ms(30));
        assert!(next.await.unwrap() >= freed);
    }
}
