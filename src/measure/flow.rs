//! How requests flowed through the servers: how many a second were answered, how many were under
//! way, and how many were answered as fast as somebody wants them to be.

use serde::{Deserialize, Serialize};

use super::figures::Mode;
use super::outcome::{LoadOutcome, Window};
use super::sample::RequestSample;
use super::steady::Unsteady;

/// A server that answers less than this share of what comes is saturated.
const KEEPS_UP: f64 = 0.95;
/// As is one whose goodput is a smaller share of what comes, where limits are set.
const GOOD_ENOUGH: f64 = 0.9;

/// What an answer may take, in seconds. An answer within them counts as goodput, as Y. Zhong et al.,
/// "`DistServe`: disaggregating prefill and decoding for goodput-optimized large language model
/// serving", OSDI 2024, define it: requests per second that meet both limits.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// To the first token, from when the request was due.
    pub ttft_s: Option<f64>,
    /// Each token after it, on average over the answer.
    pub tpot_s: Option<f64>,
}

impl Limits {
    pub fn are_set(&self) -> bool {
        self.ttft_s.is_some() || self.tpot_s.is_some()
    }

    /// Whether the request was answered within them. An answer of one token has no TPOT to exceed.
    fn met_by(&self, sample: &RequestSample) -> bool {
        let ttft = self
            .ttft_s
            .is_none_or(|limit_s| sample.ttft_s().is_some_and(|s| s <= limit_s));
        let tpot = self
            .tpot_s
            .is_none_or(|limit_s| sample.tpot_s().is_none_or(|s| s <= limit_s));
        sample.ok() && ttft && tpot
    }
}

/// Requests that were answered within the limits, of all that were due in the window. One that was
/// never answered is a miss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    pub rps: f64,
    /// Of all that were due, 0 to 1.
    pub ratio: f64,
}

/// What is known of a load with a rate beside its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenLoad {
    /// Requests per second that were offered.
    pub rate_rps: f64,
    /// Requests that waited in this program, since as many as allowed were in flight.
    pub held: u32,
}

/// How it is seen that a server does not keep up with the rate.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SaturatedBy {
    /// More and more requests were under way.
    Queue,
    /// Under 95 % of what came was answered.
    Achieved,
    /// Under 90 % of what came was answered within the limits.
    Goodput,
}

impl SaturatedBy {
    /// What was seen, in the middle of a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Queue => "more and more requests were under way",
            Self::Achieved => "less than 95 % of the requests were answered in time",
            Self::Goodput => "less than 90 % of the answers were within the limits",
        }
    }
}

/// Of requests that came at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OpenFlow {
    pub rate_rps: f64,
    /// Requests that were due within the window: what its percentiles and goodput are of.
    pub due: u32,
    pub held: u32,
    /// `None`: the server kept up.
    pub saturated: Option<SaturatedBy>,
}

/// Of the window, or in compatible mode of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Requests per second whose answer ended there.
    pub achieved_rps: f64,
    /// Requests in flight, from when each was sent: over time, and at most.
    pub in_flight_mean: f64,
    pub in_flight_max: u32,
    pub limits: Limits,
    /// `None` where no limit is set, or where answers were not streamed.
    pub goodput: Option<Goodput>,
    /// `None` in a closed loop.
    pub open: Option<OpenFlow>,
}

/// `None` where there is no span to speak of: no window ever opened.
pub fn flow(
    outcome: &LoadOutcome,
    mode: Mode,
    limits: Limits,
    unsteady: Option<Unsteady>,
) -> Option<Flow> {
    let (start_s, end_s) = outcome.span_s(mode).filter(|(start, end)| end > start)?;
    let window = Window {
        start_s,
        end_s,
        capped: false,
    };
    let samples = outcome.samples.as_slice();
    // A batch begins with the due time of its first request.
    let due: Vec<&RequestSample> = match mode {
        Mode::Sustained => due_within(samples, &window).collect(),
        Mode::Compatible => samples.iter().collect(),
    };
    let ended = |s: &&RequestSample| s.ok() && s.end_s > start_s && s.end_s <= end_s;
    let answered = samples.iter().filter(ended).count();
    let sent = samples.iter().filter(|s| s.connected_s.is_some());
    let spans: Vec<(f64, f64)> = sent.map(|s| (s.dispatched_s, s.end_s)).collect();
    let in_flight_mean = mean_level(&spans, start_s, end_s);
    let goodput = goodput(&due, limits, window.length_s());
    let open = outcome.open.map(|open| OpenFlow {
        rate_rps: open.rate_rps,
        due: count(due.len()),
        held: open.held,
        saturated: saturated(due.len(), answered, in_flight_mean, goodput, unsteady),
    });
    Some(Flow {
        achieved_rps: answered as f64 / window.length_s(),
        in_flight_mean,
        in_flight_max: greatest_level(&spans, start_s, end_s),
        limits,
        goodput,
        open,
    })
}

/// Requests that were due within (start, end] of the window.
pub fn due_within<'a>(
    samples: &'a [RequestSample],
    window: &Window,
) -> impl Iterator<Item = &'a RequestSample> {
    let Window { start_s, end_s, .. } = *window;
    samples
        .iter()
        .filter(move |s| s.due_s > start_s && s.due_s <= end_s)
}

fn goodput(due: &[&RequestSample], limits: Limits, span_s: f64) -> Option<Goodput> {
    let streamed = due.iter().any(|s| s.first_token_s.is_some());
    let unknown = !streamed && due.iter().any(|s| s.ok());
    if !limits.are_set() || due.is_empty() || unknown {
        return None;
    }
    let good = due.iter().filter(|s| limits.met_by(s)).count() as f64;
    Some(Goodput {
        rps: good / span_s,
        ratio: good / due.len() as f64,
    })
}

/// By how much the number of requests under way may differ between two moments of a steady state, of
/// so many on average: where arrivals are random, its standard deviation is about the square root of
/// twice that. Of very few, one more or less at each end shows nothing either.
pub(super) fn chance(under_way_mean: f64) -> f64 {
    (2.0 * (2.0 * under_way_mean).sqrt()).max(2.0)
}

fn saturated(
    due: usize,
    answered: usize,
    in_flight_mean: f64,
    goodput: Option<Goodput>,
    unsteady: Option<Unsteady>,
) -> Option<SaturatedBy> {
    let lag = due as f64 - answered as f64;
    if matches!(unsteady, Some(Unsteady::QueueGrows { .. })) {
        Some(SaturatedBy::Queue)
    } else if lag > (1.0 - KEEPS_UP) * due as f64 && lag > chance(in_flight_mean) {
        Some(SaturatedBy::Achieved)
    } else if goodput.is_some_and(|good| good.ratio < GOOD_ENOUGH) {
        Some(SaturatedBy::Goodput)
    } else {
        None
    }
}

/// How many of the spans hold a moment, over the moments from `start_s` to `end_s`.
pub(super) fn mean_level(spans: &[(f64, f64)], start_s: f64, end_s: f64) -> f64 {
    let within_s = |(from, to): &(f64, f64)| (to.min(end_s) - from.max(start_s)).max(0.0);
    spans.iter().map(within_s).sum::<f64>() / (end_s - start_s)
}

fn greatest_level(spans: &[(f64, f64)], start_s: f64, end_s: f64) -> u32 {
    let seen = spans
        .iter()
        .filter(|(from, to)| *to > start_s && *from <= end_s);
    let mut steps: Vec<(f64, i32)> = seen
        .flat_map(|(from, to)| [(*from, 1), (*to, -1)])
        .collect();
    // An end comes before a begin at the same moment: a slot is free before it is used again.
    steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let levels = steps.iter().scan(0, |level, (at_s, step)| {
        *level += step;
        Some((*at_s, *level))
    });
    let most = levels
        .filter(|(at_s, _)| *at_s <= end_s)
        .map(|(_, level)| level);
    u32::try_from(most.max().unwrap_or(0)).unwrap_or(0)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::{ErrorClass, RequestError, Usage};

    /// Due at `due_s`, first token `ttft_s` later, then ten more, each after `tpot_s`.
    fn answered(due_s: f64, ttft_s: f64, tpot_s: f64) -> RequestSample {
        let (first_s, last_s) = (due_s + ttft_s, due_s + ttft_s + 10.0 * tpot_s);
        RequestSample {
            index: 0,
            instance: None,
            due_s,
            dispatched_s: due_s,
            connected_s: Some(due_s),
            headers_s: None,
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: Some(first_s),
            last_token_s: Some(last_s),
            end_s: last_s,
            connect_retries: 0,
            connect_wait_s: 0.0,
            chunks: Vec::new(),
            usage: Usage {
                prompt_tokens: 1,
                completion_tokens: 11,
                cached_tokens: None,
            },
            finish_reason: None,
            error: None,
        }
    }

    fn lost(due_s: f64) -> RequestSample {
        RequestSample {
            error: Some(RequestError {
                class: ErrorClass::Timeout,
                detail: String::new(),
            }),
            ..answered(due_s, 0.1, 0.01)
        }
    }

    fn outcome(samples: Vec<RequestSample>, end_s: f64) -> LoadOutcome {
        LoadOutcome {
            samples,
            window: Some(Window {
                start_s: 0.0,
                end_s,
                capped: false,
            }),
            open: Some(OpenLoad {
                rate_rps: 1.0,
                held: 0,
            }),
            ..LoadOutcome::default()
        }
    }

    const LIMITS: Limits = Limits {
        ttft_s: Some(0.5),
        tpot_s: Some(0.05),
    };

    #[test]
    fn goodput_counts_what_met_both_limits_of_all_that_was_due_in_the_window() {
        let samples = vec![
            // Due before the window: of no matter, however good.
            answered(0.0, 0.1, 0.01),
            answered(1.0, 0.5, 0.05),
            answered(2.0, 0.6, 0.01),
            answered(3.0, 0.1, 0.06),
            lost(4.0),
            // Due within the window and answered after it.
            answered(9.9, 0.4, 0.04),
        ];
        let flow = flow(&outcome(samples, 10.0), Mode::Sustained, LIMITS, None).unwrap();
        let goodput = flow.goodput.unwrap();
        assert!((goodput.rps - 0.2).abs() < 1e-12 && (goodput.ratio - 0.4).abs() < 1e-12);
        let open = flow.open.unwrap();
        assert_eq!((open.due, open.saturated), (5, Some(SaturatedBy::Goodput)));
        assert!(
            (flow.achieved_rps - 0.4).abs() < 1e-12,
            "four ended within it"
        );
    }

    #[test]
    fn there_is_no_goodput_without_limits_or_where_tokens_were_not_seen() {
        let sample = answered(1.0, 0.1, 0.01);
        let of = |sample: RequestSample, limits| {
            let flow = flow(&outcome(vec![sample], 10.0), Mode::Sustained, limits, None);
            flow.unwrap().goodput
        };
        assert_eq!(of(sample.clone(), Limits::default()), None);
        let whole = RequestSample {
            first_token_s: None,
            last_token_s: None,
            ..sample
        };
        assert_eq!(of(whole, LIMITS), None);
        // Nothing was answered: a miss, and known to be one.
        let none = RequestSample {
            first_token_s: None,
            ..lost(1.0)
        };
        assert_eq!(of(none, LIMITS).map(|good| good.ratio), Some(0.0));
    }

    #[test]
    fn a_closed_loop_and_a_batch_have_goodput_too() {
        let samples = vec![answered(0.0, 0.1, 0.01), answered(0.2, 0.9, 0.01)];
        let mut closed = outcome(samples, 10.0);
        (closed.open, closed.window) = (None, None);
        let flow = flow(&closed, Mode::Compatible, LIMITS, None).unwrap();
        let goodput = flow.goodput.unwrap();
        assert!((goodput.ratio - 0.5).abs() < 1e-12);
        // One in 1.2 s: from the first due time to the last end.
        assert!((goodput.rps - 1.0 / 1.2).abs() < 1e-12);
        assert_eq!(flow.open, None);
    }

    #[test]
    fn in_flight_is_counted_over_time() {
        let samples = vec![
            answered(1.0, 1.0, 0.1),
            answered(2.0, 0.5, 0.05),
            answered(3.0, 0.5, 0.05),
        ];
        let flow = flow(&outcome(samples, 10.0), Mode::Sustained, LIMITS, None).unwrap();
        // 2 s, 1 s and 1 s of 10 s; the third is sent as the other two end.
        assert!((flow.in_flight_mean - 0.4).abs() < 1e-12);
        assert_eq!(flow.in_flight_max, 2);
    }

    #[test]
    fn a_lag_counts_where_it_is_more_than_chance() {
        let seen = |due, answered, in_flight| saturated(due, answered, in_flight, None, None);
        assert_eq!(seen(100, 96, 0.5), None);
        assert_eq!(seen(100, 94, 0.5), Some(SaturatedBy::Achieved));
        // The last of 16 is under way when the window closes.
        assert_eq!(seen(16, 15, 0.1), None);
        // Of 64 that come, 60 are answered, and 4 are always under way: nothing is shown.
        assert_eq!(seen(64, 60, 4.0), None);
        let grows = Some(Unsteady::QueueGrows {
            before: 1.0,
            after: 9.0,
        });
        assert_eq!(
            saturated(100, 100, 4.0, None, grows),
            Some(SaturatedBy::Queue)
        );
    }
}
