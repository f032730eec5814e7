//! The figures of a cell, from its requests.

use std::collections::BTreeMap;

use super::figures::{Figures, Intervals, Mode, Percentiles};
use super::flow::{Limits, flow};
use super::interval::{self, Interval, Statistic};
use super::outcome::{LoadOutcome, Window};
use super::sample::RequestSample;
use super::stats::percentiles;
use super::steady;
use super::ttft_split::{Batches, split};
use super::window::within;

/// What was asked for: needed to tell what came short of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub mode: Mode,
    /// Requests in flight.
    pub concurrency: u32,
    pub max_tokens: u32,
    /// Servers, so that one which answered nothing is counted as zero.
    pub instances: u32,
    /// `None` where a server's are not known, or it does not batch.
    pub batches: Option<Batches>,
    /// What an answer may take to count as goodput.
    pub limits: Limits,
}

/// All figures of a load run. Latencies are of answered requests, counted from when each was due;
/// connect and dispatch lag are of all.
pub fn summarise(outcome: &LoadOutcome, asked: &Asked) -> Figures {
    let samples = outcome.samples.as_slice();
    let answered: Vec<&RequestSample> = samples.iter().filter(|s| s.ok()).collect();
    let counted = outcome.counted();
    let timed: Vec<&RequestSample> = counted.iter().copied().filter(|s| s.ok()).collect();
    let total_tokens = sum(&answered, |s| s.usage.completion_tokens);
    let batch_s = outcome.span_s(Mode::Compatible);
    let elapsed_s = batch_s.map_or(0.0, |(first_s, last_s)| last_s - first_s);
    let batch_tps = rate(total_tokens as f64, elapsed_s);
    let window = outcome.window.filter(|_| asked.mode == Mode::Sustained);
    let in_window = window.map(|window| within(samples, &window));
    let throughput_tps = match asked.mode {
        Mode::Compatible => batch_tps,
        Mode::Sustained => window
            .zip(in_window)
            .map_or(0.0, |(window, (tokens, _))| rate(tokens, window.length_s())),
    };
    let mut errors = BTreeMap::new();
    for error in samples.iter().filter_map(|s| s.error.as_ref()) {
        *errors.entry(error.class).or_default() += 1;
    }
    let said: Vec<u32> = answered
        .iter()
        .filter_map(|s| s.usage.cached_tokens)
        .collect();
    let per_answer = |sum: f64| (!answered.is_empty()).then(|| sum / answered.len() as f64);
    let early = answered
        .iter()
        .filter(|s| s.usage.completion_tokens < asked.max_tokens)
        .count();
    let mut figures = Figures {
        mode: asked.mode,
        requests: count(samples.len()),
        errors,
        throughput_tps,
        total_tokens,
        elapsed_s,
        batch_tps,
        window_s: window.map(|w| w.length_s()),
        window_tokens: in_window.map(|(tokens, _)| tokens),
        window_completions: in_window.map(|(_, completions)| completions),
        // A window that never opened is as short as one can be.
        window_capped: asked.mode == Mode::Sustained && window.is_none_or(|w| w.capped),
        window_trimmed_s: outcome.trimmed_s,
        unsteady: window.and_then(|window| match outcome.open {
            // Random arrivals make rates that rise and fall: what matters is whether they are served.
            Some(_) => steady::queue_grows(samples, &window),
            None => steady::unsteady(samples, &window),
        }),
        ttft: percentiles(timed.iter().filter_map(|s| s.ttft_s())),
        tpot: percentiles(timed.iter().filter_map(|s| s.tpot_s())),
        itl: percentiles(timed.iter().flat_map(|s| gaps_s(s))),
        e2e: percentiles(timed.iter().filter_map(|s| s.e2e_s())),
        connect: percentiles(
            counted
                .iter()
                .filter(|s| s.connected_s.is_some())
                .map(|s| s.connect_wait_s),
        ),
        dispatch_lag: percentiles(counted.iter().map(|s| s.dispatch_lag_s())),
        tps_per_user: throughput_tps / f64::from(asked.concurrency.max(1)),
        prompt_tokens: sum(&answered, |s| s.usage.prompt_tokens),
        cached_tokens: (!said.is_empty()).then(|| said.iter().copied().map(u64::from).sum()),
        mean_output_tokens: per_answer(total_tokens as f64),
        stopped_early: per_answer(early as f64),
        connect_retries: samples.iter().map(|s| s.connect_retries).sum(),
        connect_retry_s: outcome.connect_retry_s,
        per_instance: per_instance(samples, asked.instances),
        intervals: Intervals::default(),
        ttft_split: asked.batches.and_then(|batches| split(samples, batches)),
        flow: None,
    };
    figures.flow = flow(outcome, asked.mode, asked.limits, figures.unsteady);
    let mut users = asked.concurrency;
    if let Some(flow) = figures.flow.filter(|flow| flow.open.is_some()) {
        // Nobody holds a number of requests in flight: those that were, on average.
        figures.tps_per_user = rate(throughput_tps, flow.in_flight_mean);
        users = flow.in_flight_mean.ceil().max(1.0) as u32;
    }
    figures.intervals = intervals(&figures, samples, &timed, window.as_ref(), users);
    figures
}

/// Of what is claimed. A batch of a fixed number of requests has no window: it begins and ends with
/// fewer in flight, so that no part of it stands for the others, and only repeats tell how sure its
/// throughput is.
fn intervals(
    figures: &Figures,
    samples: &[RequestSample],
    timed: &[&RequestSample],
    window: Option<&Window>,
    concurrency: u32,
) -> Intervals {
    type Latency = fn(&RequestSample) -> Option<f64>;
    let of_median = |claimed: &Percentiles, latency: Latency| -> Option<Interval> {
        claimed.p50_s?;
        let latencies: Vec<f64> = timed.iter().filter_map(|s| latency(s)).collect();
        interval::of_latency(&latencies, concurrency, Statistic::Median)
    };
    Intervals {
        // An interval would be of one rate, and there is none.
        throughput_tps: window
            .filter(|_| figures.unsteady.is_none())
            .and_then(|window| interval::of_throughput(samples, window, figures.throughput_tps)),
        ttft_p50_s: of_median(&figures.ttft, RequestSample::ttft_s),
        tpot_p50_s: of_median(&figures.tpot, RequestSample::tpot_s),
        e2e_p50_s: of_median(&figures.e2e, RequestSample::e2e_s),
    }
}

fn sum(samples: &[&RequestSample], of: impl Fn(&RequestSample) -> u32) -> u64 {
    samples.iter().map(|s| u64::from(of(s))).sum()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn rate(tokens: f64, s: f64) -> f64 {
    if s > 0.0 { tokens / s } else { 0.0 }
}

/// The gaps between a request's chunks. Not tokens: a merged chunk makes one longer gap, as a
/// reader of the stream sees it.
fn gaps_s(sample: &RequestSample) -> impl Iterator<Item = f64> {
    sample.chunks.windows(2).map(|w| w[1].at_s - w[0].at_s)
}

/// Requests that each instance answered in any way; empty where no answer names its instance.
fn per_instance(samples: &[RequestSample], instances: u32) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    let named = samples
        .iter()
        .filter(|s| s.headers_s.is_some())
        .filter_map(|s| s.instance);
    for instance in named {
        *counts.entry(instance).or_default() += 1;
    }
    if !counts.is_empty() {
        for instance in 0..instances {
            counts.entry(instance).or_default();
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::Window;
    use crate::measure::sample::{Chunk, ErrorClass, RequestError, Usage};

    /// Due at `due_s`, connected 10 ms later, one token each 100 ms from `due_s + 0.5` on.
    pub(crate) fn answered(index: u32, due_s: f64, tokens: u32) -> RequestSample {
        let chunks: Vec<Chunk> = (0..tokens)
            .map(|k| Chunk {
                at_s: due_s + 0.5 + 0.1 * f64::from(k),
                text_len: 2,
            })
            .collect();
        let last_s = chunks.last().map(|c| c.at_s);
        RequestSample {
            index,
            instance: Some(index % 2),
            due_s,
            dispatched_s: due_s + 0.001,
            connected_s: Some(due_s + 0.011),
            headers_s: Some(due_s + 0.1),
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: chunks.first().map(|c| c.at_s),
            last_token_s: last_s,
            end_s: last_s.unwrap_or(due_s),
            connect_retries: 1,
            connect_wait_s: 0.01,
            chunks,
            usage: Usage {
                prompt_tokens: 50,
                completion_tokens: tokens,
                cached_tokens: Some(5),
            },
            finish_reason: Some("length".to_owned()),
            error: None,
        }
    }

    fn failed(index: u32, class: ErrorClass) -> RequestSample {
        RequestSample {
            connected_s: None,
            headers_s: None,
            usage: Usage::default(),
            error: Some(RequestError {
                class,
                detail: "seen".to_owned(),
            }),
            ..answered(index, 0.0, 1)
        }
    }

    const ASKED: Asked = Asked {
        mode: Mode::Compatible,
        concurrency: 2,
        max_tokens: 11,
        instances: 3,
        batches: None,
        limits: Limits {
            ttft_s: None,
            tpot_s: None,
        },
    };

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn a_batch_is_its_tokens_over_its_wall_time() {
        let outcome = LoadOutcome {
            samples: vec![
                answered(0, 0.0, 11),
                answered(1, 0.5, 6),
                failed(2, ErrorClass::Reset),
                failed(3, ErrorClass::Http5xx),
            ],
            connect_retry_s: 0.25,
            ..LoadOutcome::default()
        };
        let figures = summarise(&outcome, &ASKED);
        assert_eq!((figures.requests, figures.total_tokens), (4, 17));
        assert_eq!(figures.error_count(), 2);
        assert_eq!(figures.errors[&ErrorClass::Http5xx], 1);
        // Due at 0, last end at 1.5.
        close(figures.elapsed_s, 1.5);
        close(figures.throughput_tps, 17.0 / 1.5);
        close(figures.batch_tps, figures.throughput_tps);
        close(figures.tps_per_user, figures.throughput_tps / 2.0);
        close(figures.ttft.max_s.unwrap(), 0.5);
        close(figures.tpot.mean_s.unwrap(), 0.1);
        assert_eq!((figures.itl.n, figures.e2e.n), (15, 2));
        close(figures.itl.max_s.unwrap(), 0.1);
        close(figures.connect.max_s.unwrap(), 0.01);
        assert_eq!(figures.connect.n, 2);
        close(figures.dispatch_lag.max_s.unwrap(), 0.001);
        assert_eq!(
            (figures.prompt_tokens, figures.cached_tokens),
            (100, Some(10))
        );
        close(figures.mean_output_tokens.unwrap(), 8.5);
        close(figures.stopped_early.unwrap(), 0.5);
        assert_eq!(figures.connect_retries, 4);
        close(figures.connect_retry_s, 0.25);
        // Failed connects were answered by nobody; the third server answered none.
        assert_eq!(figures.per_instance, [(0, 1), (1, 1), (2, 0)].into());
        assert_eq!((figures.window_s, figures.window_capped), (None, false));
    }

    #[test]
    fn a_window_counts_what_arrived_within_it() {
        let outcome = LoadOutcome {
            samples: vec![answered(0, 0.0, 11), answered(1, 1.5, 11)],
            window: Some(Window {
                start_s: 0.45,
                end_s: 2.45,
                capped: true,
            }),
            ..LoadOutcome::default()
        };
        let asked = Asked {
            mode: Mode::Sustained,
            ..ASKED
        };
        let figures = summarise(&outcome, &asked);
        // All 11 of the first; of the second those at 2.0, 2.1, 2.2, 2.3, 2.4.
        close(figures.window_tokens.unwrap(), 16.0);
        close(figures.throughput_tps, 8.0);
        assert_eq!(figures.window_completions, Some(1));
        assert!(figures.window_capped);
        close(figures.batch_tps, 22.0 / 3.0);
    }

    #[test]
    fn only_a_window_tells_how_sure_the_throughput_is() {
        // 20 users, whose answers of 11 tokens take between 1.5 and 1.9 s.
        let samples: Vec<RequestSample> = (0..400_u32)
            .map(|index| {
                let due_s = f64::from(index / 20) * 1.5 + 0.05 * f64::from(index % 20);
                let mut sample = answered(index, due_s, 11);
                let late_s = 0.02 * f64::from(index * 7 % 20);
                sample.first_token_s = sample.first_token_s.map(|s| s + late_s);
                sample
            })
            .collect();
        let window = Window {
            start_s: 2.0,
            end_s: 30.0,
            capped: false,
        };
        let outcome = LoadOutcome {
            samples,
            window: Some(window),
            ..LoadOutcome::default()
        };
        let summary = |mode| {
            let asked = Asked {
                mode,
                concurrency: 20,
                ..ASKED
            };
            summarise(&outcome, &asked)
        };
        let sustained = summary(Mode::Sustained);
        let Interval { low, high } = sustained.intervals.throughput_tps.unwrap();
        assert!(low < sustained.throughput_tps && sustained.throughput_tps < high);
        let ttft = sustained.intervals.ttft_p50_s.unwrap();
        let p50_s = sustained.ttft.p50_s.unwrap();
        assert!(ttft.low <= p50_s && p50_s <= ttft.high, "{ttft:?}");
        let batch = summary(Mode::Compatible);
        assert_eq!(batch.intervals.throughput_tps, None);
        assert_eq!(batch.intervals.ttft_p50_s, Some(ttft));
    }

    #[test]
    fn nothing_answered_gives_no_figure_but_no_nonsense_either() {
        let figures = summarise(&LoadOutcome::default(), &ASKED);
        assert_eq!((figures.throughput_tps, figures.elapsed_s), (0.0, 0.0));
        assert_eq!(figures.mean_output_tokens, None);
        assert_eq!(figures.stopped_early, None);
        assert_eq!(figures.cached_tokens, None);
        assert!(figures.per_instance.is_empty());
        let sustained = Asked {
            mode: Mode::Sustained,
            ..ASKED
        };
        assert!(summarise(&LoadOutcome::default(), &sustained).window_capped);
    }
}
