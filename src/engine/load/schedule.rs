//! The closed loop: a number of slots, each of which sends its next request when the last one has
//! ended.
//!
//! A request is due when its slot became free, which is the end of its predecessor, or the start.
//! Whatever happens between then and the answer (our own slowness, waiting for a handshake) counts
//! into its latency: nothing is omitted because the client was busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::client::{Ask, Milestone, Sent, Watcher, send};
use super::live::{Live, PUBLISH_EVERY, Publisher};
use super::open::{self, OpenRate};
use super::prompts::{Bodies, PromptSource, PromptText};
use super::sustain::SustainedWindow;
use super::target::Target;
use crate::measure::outcome::LoadOutcome;
use crate::plan::WindowRule;

/// How much to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Compatible mode: this many requests.
    Fixed(u32),
    /// Sustained mode: hold all slots busy until the rule is met.
    Sustained(WindowRule),
    /// Send at a rate of its own until the window closes; at most `concurrency` are in flight.
    Open(OpenRate),
}

/// The load of one cell.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// Requests in flight: the number of slots.
    pub concurrency: u32,
    pub amount: Amount,
    pub max_tokens: u32,
    pub temperature: f64,
    pub stream: bool,
    pub prompt: PromptText,
    /// One a run, so that no two requests of it share a prompt.
    pub prompts: Arc<PromptSource>,
    /// For one whole request.
    pub timeout: Duration,
}

/// Runs a load to its end, or until `cancel`: then requests in flight are dropped at once, which
/// closes their connections, and the outcome says so.
pub async fn run(
    spec: &LoadSpec,
    target: &Target,
    live: &Arc<Live>,
    cancel: &CancellationToken,
) -> LoadOutcome {
    let (slots, limit, rule) = match spec.amount {
        Amount::Open(rate) => return open::run(spec, rate, target, live, cancel).await,
        Amount::Fixed(n) => (spec.concurrency.min(n), n, None),
        Amount::Sustained(rule) => (spec.concurrency, u32::MAX, Some(rule)),
    };
    let (tell, mut told) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        gate: Semaphore::new(0),
        epoch: std::sync::OnceLock::new(),
        next: AtomicU32::new(slots),
        limit,
        stop: AtomicBool::new(false),
    });
    let mut tasks = JoinSet::new();
    for index in 0..slots {
        let slot = Slot {
            bodies: Bodies::new(
                &spec.prompts,
                &spec.prompt,
                spec.max_tokens,
                spec.temperature,
                spec.stream,
            ),
            stream: spec.stream,
            timeout: spec.timeout,
            target: target.clone(),
            live: Arc::clone(live),
            shared: Arc::clone(&shared),
            tell: tell.clone(),
        };
        tasks.spawn(slot.run(index));
    }
    drop(tell);
    // The clock starts when every slot stands ready, so that starting tasks is no dispatch lag.
    let epoch = Instant::now();
    let _ = shared.epoch.set(epoch);
    shared.gate.add_permits(slots as usize);

    let rule = rule.map(|rule| SustainedWindow::new(rule, slots, epoch));
    let mut control = Control {
        outcome: LoadOutcome {
            epoch: Some(epoch),
            ..LoadOutcome::default()
        },
        rule,
        failures_in_a_row: 0,
        patience: 20.max(2 * slots),
    };
    let publisher = Publisher::new(live, epoch);
    control.follow(&mut told, &shared, publisher, cancel).await;
    tasks.shutdown().await;
    // What ended while the rest was being dropped.
    while let Ok(late) = told.try_recv() {
        control.take(late);
    }
    let mut outcome = control.outcome;
    if outcome.cancelled {
        let sent = shared.next.load(Relaxed).min(limit);
        let ended = u32::try_from(outcome.samples.len()).unwrap_or(u32::MAX);
        outcome.abandoned = sent.saturating_sub(ended);
    }
    outcome.window = control.rule.and_then(|rule| rule.window());
    outcome.samples.sort_unstable_by_key(|sample| sample.index);
    outcome
}

/// What all slots share.
struct Shared {
    gate: Semaphore,
    epoch: std::sync::OnceLock<Instant>,
    /// The number of the next request.
    next: AtomicU32,
    limit: u32,
    /// Nothing more is to be sent.
    stop: AtomicBool,
}

enum Told {
    /// Of a request of the first wave.
    Reached(Milestone),
    Ended(Box<Sent>),
}

struct Slot {
    bodies: Bodies,
    stream: bool,
    timeout: Duration,
    target: Target,
    live: Arc<Live>,
    shared: Arc<Shared>,
    tell: mpsc::UnboundedSender<Told>,
}

impl Slot {
    async fn run(self, first: u32) {
        let mut body = self.bodies.next();
        let Ok(_start) = self.shared.gate.acquire().await else {
            return;
        };
        let Some(epoch) = self.shared.epoch.get().copied() else {
            return;
        };
        let (mut index, mut due) = (first, epoch);
        loop {
            let ask = Ask {
                index,
                body,
                stream: self.stream,
                timeout: self.timeout,
                due,
                watcher: (index == first).then(|| self.watcher()),
            };
            let sent = send(&self.target, ask, epoch, &self.live).await;
            due = sent.ended;
            if self.tell.send(Told::Ended(Box::new(sent))).is_err() {
                return;
            }
            if self.shared.stop.load(Relaxed) {
                return;
            }
            index = self.shared.next.fetch_add(1, Relaxed);
            if index >= self.shared.limit {
                return;
            }
            body = self.bodies.next();
        }
    }

    fn watcher(&self) -> Watcher {
        let tell = self.tell.clone();
        Watcher(Arc::new(move |milestone| {
            let _ = tell.send(Told::Reached(milestone));
        }))
    }
}

/// Collects what ends and decides when enough was sent.
struct Control {
    outcome: LoadOutcome,
    rule: Option<SustainedWindow>,
    failures_in_a_row: u32,
    /// With this many failures in a row and nothing else, a sustained run ends: a dead server
    /// refuses thousands of requests a second.
    patience: u32,
}

impl Control {
    async fn follow(
        &mut self,
        told: &mut mpsc::UnboundedReceiver<Told>,
        shared: &Shared,
        mut publisher: Publisher,
        cancel: &CancellationToken,
    ) {
        let mut publish = interval(PUBLISH_EVERY);
        publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // While sending goes on, the rule says when to look again.
            let look = self
                .rule
                .as_ref()
                .filter(|_| !shared.stop.load(Relaxed))
                .map(SustainedWindow::look_at);
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    self.outcome.cancelled = true;
                    shared.stop.store(true, Relaxed);
                    self.close_window(Instant::now());
                    break;
                }
                next = told.recv() => match next {
                    Some(next) => self.take(next),
                    None => break,
                },
                () = until(look) => {}
                _ = publish.tick() => publisher.publish(),
            }
            if !shared.stop.load(Relaxed) && self.enough() {
                shared.stop.store(true, Relaxed);
            }
        }
        publisher.publish();
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Reached(milestone) => {
                if let Some(rule) = &mut self.rule {
                    rule.reached(milestone, Instant::now());
                }
            }
            Told::Ended(sent) => {
                let ok = sent.sample.ok();
                self.failures_in_a_row = if ok { 0 } else { self.failures_in_a_row + 1 };
                if let Some(rule) = &mut self.rule {
                    rule.ended(&sent.sample, sent.ended);
                }
                self.outcome.connect_retry_s += sent.connect_retry_s;
                self.outcome.samples.push(sent.sample);
            }
        }
    }

    fn enough(&mut self) -> bool {
        let Some(rule) = &mut self.rule else {
            return false;
        };
        let now = Instant::now();
        if self.failures_in_a_row >= self.patience {
            let last = self.outcome.samples.last().and_then(|s| s.error.as_ref());
            self.outcome.gave_up = Some(format!(
                "{} requests in a row failed, the last with {}",
                self.failures_in_a_row,
                last.map_or_else(|| "an unknown error".to_owned(), ToString::to_string),
            ));
            rule.close(now);
            return true;
        }
        rule.enough(now)
    }

    fn close_window(&mut self, now: Instant) {
        if let Some(rule) = &mut self.rule {
            rule.close(now);
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
