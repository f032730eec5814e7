//! The closed loop: a number of slots, each of which sends its next request when the last one has
//! ended.
//!
//! A request is due when its slot became free, which is the end of its predecessor, or the start.
//! Whatever happens between then and the answer (our own slowness, waiting for a handshake) counts
//! into its latency: nothing is omitted because the client was busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::client::{Ask, Sent, send};
use super::live::{Live, PUBLISH_EVERY, Publisher};
use super::prompts::{Bodies, PromptSource, PromptText};
use super::target::Target;
use crate::measure::outcome::{LoadOutcome, Window};
use crate::plan::WindowRule;

/// How much to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Compatible mode: this many requests.
    Fixed(u32),
    /// Sustained mode: hold all slots busy until the rule is met.
    Sustained(WindowRule),
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
    let (slots, limit) = match spec.amount {
        Amount::Fixed(n) => (spec.concurrency.min(n), n),
        Amount::Sustained(_) => (spec.concurrency, u32::MAX),
    };
    let (tell, told) = mpsc::unbounded_channel();
    let line = Arc::new(StartLine {
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
            line: Arc::clone(&line),
            tell: tell.clone(),
        };
        tasks.spawn(slot.run(index));
    }
    drop(tell);
    // The clock starts when every slot stands ready, so that starting tasks is no dispatch lag.
    let epoch = Instant::now();
    let _ = line.epoch.set(epoch);
    line.gate.add_permits(slots as usize);

    let rule = match spec.amount {
        Amount::Fixed(_) => None,
        Amount::Sustained(rule) => Some(SustainedWindow::new(rule, slots, epoch)),
    };
    let mut control = Control {
        outcome: LoadOutcome::default(),
        rule,
        failures_in_a_row: 0,
        patience: 20.max(2 * slots),
    };
    control
        .follow(told, &line, Publisher::new(live, epoch), cancel)
        .await;
    let in_flight = live.in_flight();
    tasks.shutdown().await;
    let mut outcome = control.outcome;
    if outcome.cancelled {
        outcome.abandoned = in_flight;
    }
    outcome.window = control.rule.and_then(|rule| rule.window());
    outcome.samples.sort_unstable_by_key(|sample| sample.index);
    outcome
}

/// What all slots share.
struct StartLine {
    gate: Semaphore,
    epoch: std::sync::OnceLock<Instant>,
    /// The number of the next request.
    next: AtomicU32,
    limit: u32,
    /// Nothing more is to be sent.
    stop: AtomicBool,
}

enum Told {
    /// A request of the first wave has its first text, or has ended.
    Warm,
    Ended(Box<Sent>),
}

struct Slot {
    bodies: Bodies,
    stream: bool,
    timeout: Duration,
    target: Target,
    live: Arc<Live>,
    line: Arc<StartLine>,
    tell: mpsc::UnboundedSender<Told>,
}

impl Slot {
    async fn run(self, first: u32) {
        let mut body = self.bodies.next();
        let Ok(_start) = self.line.gate.acquire().await else {
            return;
        };
        let Some(epoch) = self.line.epoch.get().copied() else {
            return;
        };
        let (mut index, mut due) = (first, epoch);
        loop {
            let (warm, on_first_text) = if index == first {
                let (tx, rx) = oneshot::channel();
                (Some(self.tell_when_warm(rx)), Some(tx))
            } else {
                (None, None)
            };
            let ask = Ask {
                index,
                body,
                stream: self.stream,
                timeout: self.timeout,
                due,
                on_first_text,
            };
            let sending = send(&self.target, ask, epoch, &self.live);
            let sent = match warm {
                Some(warm) => tokio::join!(sending, warm).0,
                None => sending.await,
            };
            due = sent.ended;
            if self.tell.send(Told::Ended(Box::new(sent))).is_err() {
                return;
            }
            if self.line.stop.load(Relaxed) {
                return;
            }
            index = self.line.next.fetch_add(1, Relaxed);
            if index >= self.line.limit {
                return;
            }
            body = self.bodies.next();
        }
    }

    /// Ends with the first text, or with the request, which drops the other end.
    async fn tell_when_warm(&self, first_text: oneshot::Receiver<()>) {
        let _ = first_text.await;
        let _ = self.tell.send(Told::Warm);
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
        mut told: mpsc::UnboundedReceiver<Told>,
        line: &StartLine,
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
                .filter(|_| !line.stop.load(Relaxed))
                .map(SustainedWindow::look_at);
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    self.outcome.cancelled = true;
                    line.stop.store(true, Relaxed);
                    self.close_window(Instant::now());
                    while let Ok(late) = told.try_recv() {
                        self.take(late);
                    }
                    break;
                }
                next = told.recv() => match next {
                    Some(next) => self.take(next),
                    None => break,
                },
                () = until(look) => {}
                _ = publish.tick() => publisher.publish(),
            }
            if !line.stop.load(Relaxed) && self.enough() {
                line.stop.store(true, Relaxed);
            }
        }
        publisher.publish();
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Warm => {
                if let Some(rule) = &mut self.rule {
                    rule.warm(Instant::now());
                }
            }
            Told::Ended(sent) => {
                let ok = sent.sample.ok();
                self.failures_in_a_row = if ok { 0 } else { self.failures_in_a_row + 1 };
                if let (Some(rule), Some(e2e_s)) = (&mut self.rule, sent.sample.e2e_s()) {
                    rule.completed(sent.ended, e2e_s);
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

/// Measurement rule 5: at least max(`min_s`, `min_e2e` × median E2E) and `min_completions`, capped.
#[derive(Debug)]
struct SustainedWindow {
    rule: WindowRule,
    epoch: Instant,
    /// Slots whose first request has no text yet.
    cold: u32,
    opened: Option<Instant>,
    closed: Option<Instant>,
    capped: bool,
    completions: u32,
    /// E2E of all answers so far in seconds, sorted.
    e2e_s: Vec<f64>,
}

impl SustainedWindow {
    fn new(rule: WindowRule, slots: u32, epoch: Instant) -> Self {
        Self {
            rule,
            epoch,
            cold: slots,
            opened: None,
            closed: None,
            capped: false,
            completions: 0,
            e2e_s: Vec::new(),
        }
    }

    fn warm(&mut self, now: Instant) {
        self.cold = self.cold.saturating_sub(1);
        if self.cold == 0 {
            self.opened.get_or_insert(now);
        }
    }

    fn completed(&mut self, ended: Instant, e2e_s: f64) {
        let at = self.e2e_s.partition_point(|e| *e < e2e_s);
        self.e2e_s.insert(at, e2e_s);
        let opened = *self.opened.get_or_insert(ended);
        if self.closed.is_none() && ended > opened {
            self.completions += 1;
        }
    }

    /// How long the window must be by now, in seconds; `None` before the first answer.
    fn required_s(&self) -> Option<f64> {
        let median_s = self.e2e_s.get(self.e2e_s.len() / 2)?;
        Some(self.rule.min_s.max(self.rule.min_e2e * median_s))
    }

    fn cap(&self) -> Instant {
        self.opened.unwrap_or(self.epoch) + seconds(self.rule.max_s)
    }

    /// When the passing of time alone may make it enough.
    fn look_at(&self) -> Instant {
        let cap = self.cap();
        let met = self
            .opened
            .filter(|_| self.completions >= self.rule.min_completions)
            .zip(self.required_s())
            .map(|(opened, required_s)| opened + seconds(required_s.min(self.rule.max_s)));
        met.map_or(cap, |met| met.min(cap))
    }

    fn enough(&mut self, now: Instant) -> bool {
        let long_enough = self
            .opened
            .zip(self.required_s())
            .is_some_and(|(opened, required_s)| now >= opened + seconds(required_s));
        if long_enough && self.completions >= self.rule.min_completions {
            self.closed = Some(now);
            return true;
        }
        if now >= self.cap() {
            self.close(now);
            return true;
        }
        false
    }

    /// Closes a window that is not as long as the rule asks.
    fn close(&mut self, now: Instant) {
        if self.closed.is_none() {
            self.closed = Some(now);
            self.capped = true;
        }
    }

    fn window(&self) -> Option<Window> {
        let s = |at: Instant| (at - self.epoch).as_secs_f64();
        let (opened, closed) = (self.opened?, self.closed.unwrap_or_else(Instant::now));
        (closed > opened).then(|| Window {
            start_s: s(opened),
            end_s: s(closed),
            capped: self.capped,
        })
    }
}

/// A rule's seconds; what makes no sense as a duration is "for ever".
fn seconds(s: f64) -> Duration {
    const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    Duration::try_from_secs_f64(s).map_or(FOR_EVER, |d| d.min(FOR_EVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(min_s: f64, min_e2e: f64, min_completions: u32, max_s: f64) -> WindowRule {
        WindowRule {
            min_s,
            min_e2e,
            min_completions,
            max_s,
        }
    }

    fn after(epoch: Instant, s: f64) -> Instant {
        epoch + seconds(s)
    }

    #[test]
    fn the_window_opens_with_the_last_first_token_or_the_first_end() {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule(1.0, 0.0, 1, 9.0), 2, epoch);
        window.warm(after(epoch, 0.2));
        assert_eq!(window.opened, None);
        window.warm(after(epoch, 0.3));
        assert_eq!(window.opened, Some(after(epoch, 0.3)));

        let mut window = SustainedWindow::new(rule(1.0, 0.0, 1, 9.0), 2, epoch);
        window.warm(after(epoch, 0.2));
        window.completed(after(epoch, 0.25), 0.25);
        assert_eq!(window.opened, Some(after(epoch, 0.25)));
        // The request that opened it is not within it.
        assert_eq!(window.completions, 0);
    }

    #[test]
    fn each_part_of_the_rule_keeps_it_open() {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule(1.0, 3.0, 2, 9.0), 1, epoch);
        window.warm(epoch);
        for end in [1.0, 2.0] {
            window.completed(after(epoch, end), 1.0);
        }
        // Long enough for `min_s`, enough answers, but not yet three times the median.
        assert!(!window.enough(after(epoch, 2.9)));
        assert_eq!(window.look_at(), after(epoch, 3.0));
        assert!(window.enough(after(epoch, 3.0)));
        assert_eq!(
            window.window(),
            Some(Window {
                start_s: 0.0,
                end_s: 3.0,
                capped: false
            })
        );

        let mut few = SustainedWindow::new(rule(1.0, 0.0, 2, 9.0), 1, epoch);
        few.warm(epoch);
        few.completed(after(epoch, 0.5), 0.5);
        assert!(!few.enough(after(epoch, 5.0)));
        assert!(few.enough(after(epoch, 9.0)));
        assert!(few.window().unwrap().capped);
    }

    #[test]
    fn a_run_without_any_token_ends_at_the_cap_without_a_window() {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule(1.0, 3.0, 2, 4.0), 1, epoch);
        assert!(!window.enough(after(epoch, 3.9)));
        assert!(window.enough(after(epoch, 4.0)));
        assert_eq!(window.window(), None);
    }
}
