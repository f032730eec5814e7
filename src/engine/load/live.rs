//! What can be seen of a cell while it runs. Counters only: the request path never waits here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::event::LiveSnapshot;

/// Snapshots are not published more often (measurement rule 9).
pub const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// The tokens per second of a snapshot cover this long.
const RATE_OVER: Duration = Duration::from_secs(2);

/// Shared by the load and those who watch it; one a cell.
#[derive(Debug)]
pub struct Live {
    started: Instant,
    in_flight: AtomicU32,
    completed: AtomicU32,
    failed: AtomicU32,
    /// Chunks of text seen.
    chunks: AtomicU64,
    /// Tokens, and chunks, of requests that have ended: how many tokens a chunk stands for.
    ended_tokens: AtomicU64,
    ended_chunks: AtomicU64,
    /// Milliseconds from `started` to the last sign that a server works.
    progress_ms: AtomicU64,
    snapshots: Option<watch::Sender<LiveSnapshot>>,
}

impl Live {
    /// Publishes to `snapshots`, at most four times a second, leaving their `cell` as it is.
    pub fn new(snapshots: watch::Sender<LiveSnapshot>) -> Arc<Self> {
        Arc::new(Self::with(Some(snapshots)))
    }

    /// For warm-ups and tests that nobody watches.
    pub fn unwatched() -> Arc<Self> {
        Arc::new(Self::with(None))
    }

    fn with(snapshots: Option<watch::Sender<LiveSnapshot>>) -> Self {
        Self {
            started: Instant::now(),
            in_flight: AtomicU32::new(0),
            completed: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            chunks: AtomicU64::new(0),
            ended_tokens: AtomicU64::new(0),
            ended_chunks: AtomicU64::new(0),
            progress_ms: AtomicU64::new(0),
            snapshots,
        }
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Seconds since any server last gave a sign of work (a token, a prefill keepalive, an end)
    /// while requests are in flight; `None` while nothing is in flight. Answers that are not
    /// streamed give no sign before their end: allow for their whole length.
    pub fn stalled_s(&self) -> Option<f64> {
        (self.in_flight() > 0).then(|| {
            let progress = Duration::from_millis(self.progress_ms.load(Relaxed));
            self.started
                .elapsed()
                .saturating_sub(progress)
                .as_secs_f64()
        })
    }

    pub(super) fn dispatched(&self) {
        if self.in_flight.fetch_add(1, Relaxed) == 0 {
            self.progressed(Instant::now());
        }
    }

    /// A server gave a sign of work at `at`.
    pub(super) fn progressed(&self, at: Instant) {
        let since = at.saturating_duration_since(self.started);
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // Most signs come within the millisecond of the last one: nothing to write then.
        if self.progress_ms.load(Relaxed) < at_ms {
            self.progress_ms.fetch_max(at_ms, Relaxed);
        }
    }

    /// Chunks of text that came at `at`.
    pub(super) fn texts(&self, chunks: u64, at: Instant) {
        if chunks > 0 {
            self.chunks.fetch_add(chunks, Relaxed);
            self.progressed(at);
        }
    }

    /// A request has ended; `answered` are its tokens and chunks if it succeeded. A failure is no
    /// sign of work.
    pub(super) fn ended(&self, answered: Option<(u32, usize)>) {
        if let Some((tokens, chunks)) = answered {
            self.progressed(Instant::now());
            self.completed.fetch_add(1, Relaxed);
            self.ended_tokens.fetch_add(u64::from(tokens), Relaxed);
            self.ended_chunks.fetch_add(chunks as u64, Relaxed);
        } else {
            self.failed.fetch_add(1, Relaxed);
        }
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// A request was dropped before its end.
    pub(super) fn abandoned(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    fn tokens_per_chunk(&self) -> f64 {
        match self.ended_chunks.load(Relaxed) {
            0 => 1.0,
            chunks => self.ended_tokens.load(Relaxed) as f64 / chunks as f64,
        }
    }
}

/// Publishes snapshots; owned by the one loop that runs the cell.
#[derive(Debug)]
pub(super) struct Publisher {
    live: Arc<Live>,
    begun: Instant,
    /// Chunk counts of the last two seconds, oldest first.
    counts: VecDeque<(Instant, u64)>,
}

impl Publisher {
    pub(super) fn new(live: &Arc<Live>, begun: Instant) -> Self {
        Self {
            live: Arc::clone(live),
            begun,
            counts: VecDeque::from([(begun, live.chunks.load(Relaxed))]),
        }
    }

    pub(super) fn publish(&mut self) {
        let live = &self.live;
        let Some(snapshots) = &live.snapshots else {
            return;
        };
        let now = Instant::now();
        let chunks = live.chunks.load(Relaxed);
        self.counts.push_back((now, chunks));
        while self.counts.len() > 2 && now - self.counts[1].0 >= RATE_OVER {
            self.counts.pop_front();
        }
        let (since, before) = self.counts[0];
        let span_s = (now - since).as_secs_f64();
        let streamed = chunks > 0 && span_s > 0.0;
        let tokens_per_second =
            streamed.then(|| (chunks - before) as f64 * live.tokens_per_chunk() / span_s);
        snapshots.send_modify(|snapshot| {
            *snapshot = LiveSnapshot {
                cell: snapshot.cell.take(),
                in_flight: live.in_flight(),
                completed: live.completed.load(Relaxed),
                failed: live.failed.load(Relaxed),
                tokens_per_second,
                elapsed_s: (now - self.begun).as_secs_f64(),
            };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_only_seen_while_something_is_in_flight() {
        let live = Live::unwatched();
        assert_eq!(live.stalled_s(), None);
        live.dispatched();
        std::thread::sleep(Duration::from_millis(30));
        assert!(live.stalled_s().unwrap() >= 0.028);
        live.texts(1, Instant::now());
        assert!(live.stalled_s().unwrap() < 0.028);
        live.ended(Some((4, 1)));
        assert_eq!(live.stalled_s(), None);
    }

    #[test]
    fn a_snapshot_keeps_its_cell_and_counts_tokens_not_chunks() {
        let (snapshots, seen) = watch::channel(LiveSnapshot::default());
        let live = Live::new(snapshots);
        let mut publisher = Publisher::new(&live, Instant::now());
        live.dispatched();
        publisher.publish();
        assert_eq!(seen.borrow().tokens_per_second, None);
        live.dispatched();
        live.texts(1, Instant::now());
        live.ended(Some((8, 1)));
        std::thread::sleep(Duration::from_millis(5));
        publisher.publish();
        let snapshot = seen.borrow();
        assert_eq!((snapshot.in_flight, snapshot.completed), (1, 1));
        let rate = snapshot.tokens_per_second.unwrap() * snapshot.elapsed_s;
        assert!((rate - 8.0).abs() < 0.5, "{rate} tokens so far");
    }
}
