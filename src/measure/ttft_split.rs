//! Where a first token's time went: waiting, prefill, first decode.
//!
//! What `mlx_lm.server` (0.32.2, batched) shows of it, and when, read in its `_next` and seen on the
//! real server:
//!
//! ```text
//! due ── headers ── a place in the prompt batch ── keepalives ── last keepalive ── first text
//!     waiting              (not shown)       prefill                     first decode
//! ```
//!
//! Headers come when a request is admitted to the queue. A keepalive follows each prefill step, so the
//! first one marks the end of the first step, not the start of prefill; the last comes when the request
//! joins the decode batch. When a request got its place is not told. It follows from the others: places
//! are given in the order of admission, as long as fewer than `prompt` requests are in prefill and fewer
//! than `decode` are generating. Both are known of every server that we start.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::{Deserialize, Serialize};

use super::sample::RequestSample;
use super::stats::mean;

/// How many requests a server has in its batches at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Generating: the larger of the server's two flags.
    pub decode: u32,
    /// In prefill.
    pub prompt: u32,
}

/// Means over requests, in seconds; together they are the mean TTFT of these requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TtftSplit {
    /// Requests that showed all of it.
    pub n: u32,
    /// From when it was due to its place in the prompt batch: connecting, admission (the server looks
    /// at its queue every 0.5 s while it decodes) and requests before it.
    pub waiting_mean_s: f64,
    pub prefill_mean_s: f64,
    pub first_decode_mean_s: f64,
}

/// Of the answered requests; `None` where no request showed its prefill, or too little is known to
/// tell when it got its place.
pub fn split(samples: &[RequestSample], batches: Batches) -> Option<TtftSplit> {
    let mut instances: BTreeMap<u32, Vec<&RequestSample>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.headers_s.is_some()) {
        instances.entry(sample.instance?).or_default().push(sample);
    }
    let mut parts: [Vec<f64>; 3] = Default::default();
    for of_one in instances.values_mut() {
        of_one.sort_by(|a, b| admitted_s(a).total_cmp(&admitted_s(b)));
        for (sample, place_s) in of_one.iter().zip(places_s(of_one, batches)) {
            let shown = sample.prefill_end_s.zip(sample.first_token_s);
            let Some((prefill_end_s, first_s)) = shown.filter(|_| sample.ok()) else {
                continue;
            };
            for (part, s) in parts.iter_mut().zip([
                place_s - sample.due_s,
                prefill_end_s - place_s,
                first_s - prefill_end_s,
            ]) {
                part.push(s);
            }
        }
    }
    let [waiting, prefill, first_decode] = &parts;
    Some(TtftSplit {
        n: waiting.len() as u32,
        waiting_mean_s: mean(waiting)?,
        prefill_mean_s: mean(prefill)?,
        first_decode_mean_s: mean(first_decode)?,
    })
}

fn admitted_s(sample: &RequestSample) -> f64 {
    sample.headers_s.unwrap_or(sample.end_s)
}

/// A moment, ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// When each request of one server got its place. `samples` are in the order of their admission.
fn places_s(samples: &[&RequestSample], batches: Batches) -> Vec<f64> {
    let room = |held: usize, most: u32| held < most.max(1) as usize;
    // Until when each holds its place: in the prompt batch (with its end after that), and generating.
    let mut prefilling: BinaryHeap<Reverse<(At, At)>> = BinaryHeap::new();
    let mut generating: BinaryHeap<Reverse<At>> = BinaryHeap::new();
    let mut last_s = f64::NEG_INFINITY;
    let mut places = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut at = At(admitted_s(sample).max(last_s));
        loop {
            while let Some(Reverse((until, end))) = prefilling.peek().copied()
                && until <= at
            {
                prefilling.pop();
                generating.push(Reverse(end));
            }
            while generating.peek().is_some_and(|Reverse(end)| *end <= at) {
                generating.pop();
            }
            let next = if !room(prefilling.len(), batches.prompt) {
                prefilling.peek().map(|Reverse((until, _))| *until)
            } else if !room(generating.len(), batches.decode) {
                generating.peek().map(|Reverse(end)| *end)
            } else {
                None
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        // Its own signs are surer than what others let expect.
        let first_sign = sample.prefill_start_s.or(sample.first_token_s);
        let place_s = first_sign.map_or(at.0, |sign_s| at.0.min(sign_s));
        let end = At(sample.last_token_s.unwrap_or(sample.end_s));
        let until = sample.prefill_end_s.or(sample.first_token_s);
        prefilling.push(Reverse((until.map_or(end, At), end)));
        last_s = place_s;
        places.push(place_s);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Usage;

    /// Due and admitted at `admitted_s`; prefill steps end at `steps_s`, text from `first_s` to `end_s`.
    fn request(admitted_s: f64, steps_s: &[f64], first_s: f64, end_s: f64) -> RequestSample {
        RequestSample {
            index: 0,
            instance: Some(0),
            due_s: admitted_s - 0.25,
            dispatched_s: admitted_s - 0.25,
            connected_s: Some(admitted_s - 0.125),
            headers_s: Some(admitted_s),
            prefill_start_s: steps_s.first().copied(),
            prefill_end_s: steps_s.last().copied(),
            first_token_s: Some(first_s),
            last_token_s: Some(end_s),
            end_s,
            connect_retries: 0,
            connect_wait_s: 0.125,
            chunks: Vec::new(),
            usage: Usage::default(),
            finish_reason: None,
            error: None,
        }
    }

    const ONE: Batches = Batches {
        decode: 1,
        prompt: 1,
    };

    #[test]
    fn a_request_alone_waits_until_it_is_admitted() {
        let split = split(&[request(1.0, &[1.5, 2.0], 2.125, 4.0)], ONE).unwrap();
        let expected = TtftSplit {
            n: 1,
            waiting_mean_s: 0.25,
            prefill_mean_s: 1.0,
            first_decode_mean_s: 0.125,
        };
        assert_eq!(split, expected);
    }

    #[test]
    fn who_is_admitted_to_a_full_batch_waits_for_the_one_before() {
        // Both admitted at once; the first generates until 4.0, then the second takes a second.
        let both = [
            request(1.0, &[2.0], 2.125, 4.0),
            request(1.0, &[5.0], 5.125, 7.0),
        ];
        let places = places_s(&[&both[0], &both[1]], ONE);
        assert_eq!(places, [1.0, 4.0]);
        // With room for two, the second was in prefill all the while.
        let two = Batches {
            decode: 2,
            prompt: 2,
        };
        assert_eq!(places_s(&[&both[0], &both[1]], two), [1.0, 1.0]);
        // With one place in prefill it waits for that one, not for the end.
        let one_prompt = Batches {
            decode: 2,
            prompt: 1,
        };
        assert_eq!(places_s(&[&both[0], &both[1]], one_prompt), [1.0, 2.0]);
    }

    #[test]
    fn its_own_keepalive_is_surer_than_what_others_let_expect() {
        let both = [
            request(1.0, &[2.0], 2.125, 9.0),
            request(1.0, &[3.0, 5.0], 5.125, 7.0),
        ];
        assert_eq!(places_s(&[&both[0], &both[1]], ONE), [1.0, 3.0]);
    }

    #[test]
    fn the_parts_are_the_whole_and_each_server_has_its_own_places() {
        let mut samples: Vec<RequestSample> = (0..12)
            .map(|i| {
                let at = f64::from(i);
                request(at / 8.0, &[at + 1.0, at + 1.5], at + 1.75, at + 3.0)
            })
            .collect();
        for (sample, instance) in samples.iter_mut().zip((0..3).cycle()) {
            sample.instance = Some(instance);
        }
        let split = split(&samples, ONE).unwrap();
        let ttft: Vec<f64> = samples.iter().filter_map(RequestSample::ttft_s).collect();
        let sum = split.waiting_mean_s + split.prefill_mean_s + split.first_decode_mean_s;
        assert!((sum - mean(&ttft).unwrap()).abs() < 1e-12);
        assert_eq!(split.n, 12);
        let alone: Vec<&RequestSample> = samples.iter().step_by(3).collect();
        assert!(places_s(&alone, ONE).is_sorted());
    }

    #[test]
    fn nothing_is_guessed_where_no_prefill_was_shown_or_no_server_is_named() {
        let silent = RequestSample {
            prefill_start_s: None,
            prefill_end_s: None,
            ..request(1.0, &[], 2.0, 3.0)
        };
        assert_eq!(split(&[silent], ONE), None);
        let unnamed = RequestSample {
            instance: None,
            ..request(1.0, &[1.5], 2.0, 3.0)
        };
        assert_eq!(split(&[unnamed], ONE), None);
        assert_eq!(split(&[], ONE), None);
    }
}
