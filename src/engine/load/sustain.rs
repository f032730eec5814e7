//! When a sustained window opens, and when it is long enough.

use std::time::{Duration, Instant};

use super::client::Milestone;
use crate::measure::outcome::Window;
use crate::measure::sample::RequestSample;
use crate::plan::WindowRule;

/// Measurement rule 5: at least max(`min_s`, `min_e2e` × median E2E) and `min_completions`, capped.
#[derive(Debug)]
pub(super) struct SustainedWindow {
    rule: WindowRule,
    epoch: Instant,
    slots: u32,
    /// First requests that no server has yet: the ramp that pacing makes.
    unsent: u32,
    /// First requests without text yet.
    cold: u32,
    any_text: bool,
    any_ended: bool,
    opened: Option<Instant>,
    closed: Option<Instant>,
    capped: bool,
    completions: u32,
    /// E2E of all answers so far in seconds, sorted.
    e2e_s: Vec<f64>,
}

impl SustainedWindow {
    pub(super) fn new(rule: WindowRule, slots: u32, epoch: Instant) -> Self {
        Self {
            rule,
            epoch,
            slots,
            unsent: slots,
            cold: slots,
            any_text: false,
            any_ended: false,
            opened: None,
            closed: None,
            capped: false,
            completions: 0,
            e2e_s: Vec::new(),
        }
    }

    /// A request of the first wave has come this far.
    pub(super) fn reached(&mut self, milestone: Milestone, now: Instant) {
        match milestone {
            Milestone::Sent => self.unsent = self.unsent.saturating_sub(1),
            Milestone::FirstText => {
                self.cold = self.cold.saturating_sub(1);
                self.any_text = true;
            }
        }
        self.open_if_under_way(now);
    }

    pub(super) fn ended(&mut self, sample: &RequestSample, ended: Instant) {
        // What a first request never reached is not waited for.
        if sample.index < self.slots {
            self.unsent -= u32::from(sample.connected_s.is_none()).min(self.unsent);
            self.cold -= u32::from(sample.first_token_s.is_none()).min(self.cold);
        }
        if let Some(e2e_s) = sample.e2e_s() {
            let at = self.e2e_s.partition_point(|e| *e < e2e_s);
            self.e2e_s.insert(at, e2e_s);
            self.any_ended = true;
            if self.closed.is_none() && self.opened.is_some_and(|opened| ended > opened) {
                self.completions += 1;
            }
        }
        self.open_if_under_way(ended);
    }

    /// All slots have sent, and each has its first text. Where the server admits only some at a
    /// time, an answer that has ended will do: then it is as busy as it gets. Failures alone open
    /// nothing.
    fn open_if_under_way(&mut self, now: Instant) {
        let busy = self.any_ended || (self.cold == 0 && self.any_text);
        if self.unsent == 0 && busy {
            self.opened.get_or_insert(now);
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
    pub(super) fn look_at(&self) -> Instant {
        let cap = self.cap();
        let met = self
            .opened
            .filter(|_| self.completions >= self.rule.min_completions)
            .zip(self.required_s())
            .map(|(opened, required_s)| opened + seconds(required_s.min(self.rule.max_s)));
        met.map_or(cap, |met| met.min(cap))
    }

    pub(super) fn enough(&mut self, now: Instant) -> bool {
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
    pub(super) fn close(&mut self, now: Instant) {
        if self.closed.is_none() {
            self.closed = Some(now);
            self.capped = true;
        }
    }

    pub(super) fn window(&self) -> Option<Window> {
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
    const FOR_EVER: Duration = Duration::from_hours(100 * 365 * 24);
    Duration::try_from_secs_f64(s).map_or(FOR_EVER, |d| d.min(FOR_EVER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::{ErrorClass, RequestError, Usage};

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

    /// A request that ended at `end_s`, answered or lost on the way to the server.
    fn ended(index: u32, end_s: f64, answered: bool) -> RequestSample {
        RequestSample {
            index,
            instance: None,
            due_s: 0.0,
            dispatched_s: 0.0,
            connected_s: answered.then_some(0.0),
            headers_s: None,
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: answered.then_some(end_s),
            last_token_s: None,
            end_s,
            connect_retries: 0,
            connect_wait_s: 0.0,
            chunks: Vec::new(),
            usage: Usage::default(),
            finish_reason: None,
            error: (!answered).then(|| RequestError {
                class: ErrorClass::Connect,
                detail: String::new(),
            }),
        }
    }

    /// A window over one slot that is open from the start.
    fn open(rule: WindowRule) -> (SustainedWindow, Instant) {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule, 1, epoch);
        window.reached(Milestone::Sent, epoch);
        window.reached(Milestone::FirstText, epoch);
        assert_eq!(window.opened, Some(epoch));
        (window, epoch)
    }

    fn answers(window: &mut SustainedWindow, ends_s: &[f64]) {
        for (index, end_s) in (0..).zip(ends_s) {
            let at = after(window.epoch, *end_s);
            window.ended(&ended(index, *end_s, true), at);
        }
    }

    #[test]
    fn the_window_opens_with_the_last_first_token() {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule(1.0, 0.0, 1, 9.0), 2, epoch);
        window.reached(Milestone::Sent, after(epoch, 0.1));
        window.reached(Milestone::FirstText, after(epoch, 0.2));
        window.reached(Milestone::Sent, after(epoch, 0.3));
        assert_eq!(window.opened, None);
        window.reached(Milestone::FirstText, after(epoch, 0.4));
        assert_eq!(window.opened, Some(after(epoch, 0.4)));
    }

    #[test]
    fn or_with_an_end_but_never_before_all_have_sent() {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule(1.0, 0.0, 1, 9.0), 3, epoch);
        window.reached(Milestone::Sent, epoch);
        window.reached(Milestone::FirstText, after(epoch, 0.2));
        answers(&mut window, &[0.25]);
        window.reached(Milestone::Sent, after(epoch, 0.3));
        assert_eq!(window.opened, None, "pacing still holds one back");
        // That one fails to connect: it is not waited for.
        window.ended(&ended(2, 0.5, false), after(epoch, 0.5));
        assert_eq!(window.opened, Some(after(epoch, 0.5)));
        assert_eq!(
            window.completions, 0,
            "the answer before it is not within it"
        );
    }

    #[test]
    fn each_part_of_the_rule_keeps_it_open() {
        let (mut window, epoch) = open(rule(1.0, 3.0, 2, 9.0));
        for end_s in [1.0, 2.0] {
            window.ended(&ended(9, 1.0, true), after(epoch, end_s));
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

        let (mut few, epoch) = open(rule(1.0, 0.0, 2, 9.0));
        answers(&mut few, &[0.5]);
        assert!(!few.enough(after(epoch, 5.0)));
        assert!(few.enough(after(epoch, 9.0)));
        assert!(few.window().unwrap().capped);
    }

    #[test]
    fn a_run_without_any_token_ends_at_the_cap_without_a_window() {
        let epoch = Instant::now();
        let mut window = SustainedWindow::new(rule(1.0, 3.0, 2, 4.0), 1, epoch);
        window.ended(&ended(0, 0.1, false), after(epoch, 0.1));
        assert!(!window.enough(after(epoch, 3.9)));
        assert!(window.enough(after(epoch, 4.0)));
        assert_eq!(window.window(), None);
    }
}
