//! The open loop: requests are sent when they are due, whether or not earlier ones are answered.
//!
//! A slow server does not slow the rate, and every latency counts from the due time, so that nothing
//! is omitted. When the window has closed, nothing more is sent, and what is under way is waited for,
//! until the request timeout has passed since its due time: who never gets an answer is a miss.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::arrivals::{Clock, DueTimes};
use super::client::{Ask, Sent, send};
use super::live::{Live, PUBLISH_EVERY, Publisher};
use super::prompts::Bodies;
use super::schedule::LoadSpec;
use super::target::Target;
use crate::measure::flow::OpenLoad;
use crate::measure::outcome::{LoadOutcome, Window};
use crate::plan::{Arrivals, WindowRule};
use crate::settings::Rate;

/// The window opens when the load has lasted this many times the median E2E so far: by then the
/// server is as full as the rate makes it.
const RAMP_E2E: f64 = 2.0;
/// With this many failures in a row and nothing else, sending ends.
const PATIENCE: u32 = 50;

/// Requests that come at a rate, for as long as the rule asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenRate {
    pub rate: Rate,
    pub arrivals: Arrivals,
    pub seed: u64,
    pub rule: WindowRule,
}

pub(super) async fn run(
    spec: &LoadSpec,
    open: OpenRate,
    target: &Target,
    live: &Arc<Live>,
    cancel: &CancellationToken,
) -> LoadOutcome {
    let bodies = Bodies::new(
        &spec.prompts,
        &spec.prompt,
        spec.max_tokens,
        spec.temperature,
        spec.stream,
    );
    let epoch = Instant::now();
    let (tell, told) = mpsc::unbounded_channel();
    let mut load = Load {
        spec,
        target,
        live,
        epoch,
        next_body: Some(bodies.next()),
        bodies,
        tell,
        tasks: JoinSet::new(),
        waiting: VecDeque::new(),
        next_index: 0,
        in_flight: 0,
        held: 0,
        due: DueTimes::new(open.rate, open.arrivals, open.seed),
        window: OpenWindow::new(open.rule, open.rate, epoch),
        failures_in_a_row: 0,
        outcome: LoadOutcome {
            epoch: Some(epoch),
            ..LoadOutcome::default()
        },
    };
    match Clock::start(load.due.clone(), epoch) {
        Ok((clock, due)) => load.follow(clock, due, told, cancel).await,
        Err(error) => load.outcome.gave_up = Some(format!("no thread could be started: {error}")),
    }
    load.tasks.shutdown().await;
    let mut outcome = load.outcome;
    if outcome.cancelled || outcome.gave_up.is_some() {
        outcome.abandoned = load.in_flight;
    }
    outcome.window = load.window.window();
    outcome.open = Some(OpenLoad {
        rate_rps: open.rate.rps(),
        held: load.held,
    });
    outcome.samples.sort_unstable_by_key(|sample| sample.index);
    outcome
}

struct Load<'a> {
    spec: &'a LoadSpec,
    target: &'a Target,
    live: &'a Arc<Live>,
    epoch: Instant,
    bodies: Bodies,
    /// Written before it is due: building it is no part of a latency.
    next_body: Option<Vec<u8>>,
    tell: mpsc::UnboundedSender<Sent>,
    tasks: JoinSet<()>,
    /// Due, and not sent, since as many as allowed are in flight.
    waiting: VecDeque<(u32, Instant)>,
    next_index: u32,
    in_flight: u32,
    held: u32,
    /// All due times, from the first.
    due: DueTimes,
    window: OpenWindow,
    failures_in_a_row: u32,
    outcome: LoadOutcome,
}

impl Load<'_> {
    async fn follow(
        &mut self,
        clock: Clock,
        mut due: mpsc::UnboundedReceiver<Instant>,
        mut told: mpsc::UnboundedReceiver<Sent>,
        cancel: &CancellationToken,
    ) {
        let mut clock = Some(clock);
        let mut publisher = Publisher::new(self.live, self.epoch);
        let mut publish = interval(PUBLISH_EVERY);
        publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let sending = clock.is_some();
            let look = sending.then(|| self.window.look_at());
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    self.outcome.cancelled = true;
                    self.window.close(Instant::now());
                    break;
                }
                Some(at) = due.recv(), if sending => self.arrived(at),
                Some(sent) = told.recv() => self.ended(sent),
                () = until(look) => {}
                _ = publish.tick() => publisher.publish(),
            }
            let now = Instant::now();
            if self.gave_up(now) {
                break;
            }
            if sending && self.window.is_over(now) {
                self.send_the_rest();
                clock = None;
            }
            if clock.is_none() && self.in_flight == 0 && self.waiting.is_empty() {
                break;
            }
        }
        publisher.publish();
    }

    /// What was due before the close, and was not heard of yet.
    fn send_the_rest(&mut self) {
        let rest = self.due.clone().skip(self.next_index as usize);
        for due_s in rest {
            let at = self.epoch + seconds(due_s);
            if !self.window.holds(at) {
                break;
            }
            self.arrived(at);
        }
    }

    fn arrived(&mut self, due: Instant) {
        let index = self.next_index;
        self.next_index += 1;
        if self.in_flight >= self.spec.concurrency {
            self.held += 1;
            self.waiting.push_back((index, due));
        } else {
            self.dispatch(index, due);
        }
    }

    fn dispatch(&mut self, index: u32, due: Instant) {
        let body = self.next_body.take().unwrap_or_else(|| self.bodies.next());
        let ask = Ask {
            index,
            body,
            stream: self.spec.stream,
            // People wait from when they ask, not from when we got to it. Whoever is in flight asked
            // earlier and gives up earlier, so that nobody waits here for longer than that.
            timeout: (due + self.spec.timeout).saturating_duration_since(Instant::now()),
            due,
            watcher: None,
        };
        let (target, live, tell) = (
            self.target.clone(),
            Arc::clone(self.live),
            self.tell.clone(),
        );
        let epoch = self.epoch;
        self.in_flight += 1;
        self.tasks.spawn(async move {
            let sent = send(&target, ask, epoch, &live).await;
            // Nobody listens any more after a cancel.
            let _ = tell.send(sent);
        });
        self.next_body = Some(self.bodies.next());
    }

    fn ended(&mut self, sent: Sent) {
        self.in_flight -= 1;
        self.failures_in_a_row = if sent.sample.ok() {
            0
        } else {
            self.failures_in_a_row + 1
        };
        if let Some(e2e_s) = sent.sample.e2e_s() {
            self.window.answered(e2e_s, sent.ended);
        }
        self.outcome.connect_retry_s += sent.connect_retry_s;
        self.outcome.samples.push(sent.sample);
        // Ended tasks are collected, so that their set does not grow.
        while self.tasks.try_join_next().is_some() {}
        if let Some((index, due)) = self.waiting.pop_front() {
            self.dispatch(index, due);
        }
    }

    /// A dead server is not asked for a whole window.
    fn gave_up(&mut self, now: Instant) -> bool {
        if self.failures_in_a_row < PATIENCE {
            return false;
        }
        let last = self.outcome.samples.last().and_then(|s| s.error.as_ref());
        self.outcome.gave_up = Some(format!(
            "{} requests in a row failed, the last with {}",
            self.failures_in_a_row,
            last.map_or_else(|| "an unknown error".to_owned(), ToString::to_string),
        ));
        self.window.close(now);
        true
    }
}

/// Opens after the ramp and closes by the clock: how the server does in it does not move its end.
#[derive(Debug)]
struct OpenWindow {
    rule: WindowRule,
    rate: Rate,
    epoch: Instant,
    /// When it opened, and when it is to close.
    span: Option<(Instant, Instant)>,
    capped: bool,
    /// E2E of all answers before it opened, in seconds, sorted.
    e2e_s: Vec<f64>,
}

impl OpenWindow {
    fn new(rule: WindowRule, rate: Rate, epoch: Instant) -> Self {
        Self {
            rule,
            rate,
            epoch,
            span: None,
            capped: false,
            e2e_s: Vec::new(),
        }
    }

    fn answered(&mut self, e2e_s: f64, ended: Instant) {
        if self.span.is_some() {
            return;
        }
        let at = self.e2e_s.partition_point(|e| *e < e2e_s);
        self.e2e_s.insert(at, e2e_s);
        let median_s = self.e2e_s[self.e2e_s.len() / 2];
        if ended >= self.epoch + seconds(RAMP_E2E * median_s) {
            self.open(ended, median_s);
        }
    }

    /// As long as measurement rule 5 has it. It asks for a number of answers: here, for as long as
    /// it takes that many requests to come.
    fn open(&mut self, now: Instant, median_s: f64) {
        let rule = &self.rule;
        let asked_s = rule
            .min_s
            .max(rule.min_e2e * median_s)
            .max(f64::from(rule.min_completions) / self.rate.rps());
        self.capped = asked_s > rule.max_s;
        self.span = Some((now, now + seconds(asked_s.min(rule.max_s))));
    }

    /// Its end, or when to give up waiting for a first answer.
    fn look_at(&self) -> Instant {
        let never = self.epoch + seconds(self.rule.max_s);
        self.span.map_or(never, |(_, end)| end)
    }

    fn is_over(&self, now: Instant) -> bool {
        now >= self.look_at()
    }

    fn holds(&self, due: Instant) -> bool {
        self.span.is_some_and(|(_, end)| due <= end)
    }

    /// Before its time.
    fn close(&mut self, now: Instant) {
        if let Some((_, end)) = &mut self.span
            && now < *end
        {
            *end = now;
            self.capped = true;
        }
    }

    fn window(&self) -> Option<Window> {
        let s = |at: Instant| (at - self.epoch).as_secs_f64();
        let (start, end) = self.span?;
        (end > start).then(|| Window {
            start_s: s(start),
            end_s: s(end),
            capped: self.capped,
        })
    }
}

/// A rule's seconds; what makes no sense as a duration is "for ever".
fn seconds(s: f64) -> Duration {
    const FOR_EVER: Duration = Duration::from_hours(100 * 365 * 24);
    Duration::try_from_secs_f64(s).map_or(FOR_EVER, |d| d.min(FOR_EVER))
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: WindowRule = WindowRule {
        min_s: 1.0,
        min_e2e: 3.0,
        min_completions: 20,
        max_s: 10.0,
    };

    fn window(rps: f64) -> (OpenWindow, Instant) {
        let epoch = Instant::now();
        (
            OpenWindow::new(RULE, Rate::from_rps(rps).unwrap(), epoch),
            epoch,
        )
    }

    fn span(window: &OpenWindow) -> (f64, f64, bool) {
        let window = window.window().unwrap();
        (window.start_s, window.end_s, window.capped)
    }

    #[test]
    fn it_opens_after_two_median_durations() {
        let (mut window, epoch) = window(100.0);
        window.answered(0.5, epoch + seconds(0.5));
        assert_eq!(window.window(), None);
        window.answered(0.5, epoch + seconds(1.0));
        // Three times the median, which is more than a second, and than 20 requests take.
        assert_eq!(span(&window), (1.0, 2.5, false));
        assert!(!window.is_over(epoch + seconds(2.4)));
        assert!(window.is_over(epoch + seconds(2.5)));
        // What is answered within it moves nothing.
        window.answered(9.0, epoch + seconds(2.0));
        assert_eq!(span(&window), (1.0, 2.5, false));
    }

    #[test]
    fn a_low_rate_takes_longer_and_a_very_low_one_meets_the_cap() {
        let (mut slow, epoch) = window(4.0);
        slow.answered(0.1, epoch + seconds(0.5));
        assert_eq!(span(&slow), (0.5, 5.5, false));
        let (mut slower, epoch) = window(1.0);
        slower.answered(0.1, epoch + seconds(0.5));
        assert_eq!(span(&slower), (0.5, 10.5, true));
    }

    #[test]
    fn without_an_answer_it_never_opens_and_sending_ends_at_the_cap() {
        let (window, epoch) = window(10.0);
        assert!(!window.is_over(epoch + seconds(9.9)));
        assert!(window.is_over(epoch + seconds(10.0)));
        assert_eq!(window.window(), None);
        assert!(!window.holds(epoch + seconds(1.0)));
    }

    #[test]
    fn closed_before_its_time_it_is_short() {
        let (mut window, epoch) = window(100.0);
        window.answered(0.1, epoch + seconds(1.0));
        window.close(epoch + seconds(1.25));
        assert_eq!(span(&window), (1.0, 1.25, true));
        assert!(window.holds(epoch + seconds(1.25)) && !window.holds(epoch + seconds(1.3)));
    }
}
