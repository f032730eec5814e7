//! Which tokens belong to a window.
//!
//! The server counts a request's tokens (`usage`), the client sees when text arrived. A chunk of a
//! request stands for `tokens / chunks` tokens:
//!
//! - with at most one token a chunk, they are credited when the chunk arrived;
//! - with more (the server or a proxy merged chunks), they were made one after another before it,
//!   so they are spread evenly over the gap to the chunk before (for the first chunk, to the end of
//!   the prefill where it is known);
//! - of an answer that was not streamed only its end is known: its tokens are spread evenly from
//!   when the server could read the request to the end. That is approximate: the queue and the
//!   prefill are part of it.

use super::outcome::Window;
use super::sample::RequestSample;

/// The tokens of `sample` that arrived within (start, end] of `window`; none of a failed request,
/// whose count is not known.
pub fn credited_tokens(sample: &RequestSample, window: &Window) -> f64 {
    if !sample.ok() {
        return 0.0;
    }
    let tokens = f64::from(sample.usage.completion_tokens);
    if sample.chunks.is_empty() {
        let start_s = sample.connected_s.unwrap_or(sample.dispatched_s);
        return tokens * overlap(start_s, sample.end_s, window);
    }
    let per_chunk = tokens / sample.chunks.len() as f64;
    let merged = per_chunk > 1.0;
    let mut before_s = sample.prefill_end_s;
    let mut credited = 0.0;
    for chunk in &sample.chunks {
        let from_s = before_s.filter(|_| merged).unwrap_or(chunk.at_s);
        credited += per_chunk * overlap(from_s, chunk.at_s, window);
        before_s = Some(chunk.at_s);
    }
    credited
}

/// The share of the span (from, to] that lies within the window; for a span without length, whether
/// its moment does.
fn overlap(from_s: f64, to_s: f64, window: &Window) -> f64 {
    let Window { start_s, end_s, .. } = *window;
    if to_s <= from_s {
        return if to_s > start_s && to_s <= end_s {
            1.0
        } else {
            0.0
        };
    }
    let within_s = to_s.min(end_s) - from_s.max(start_s);
    within_s.max(0.0) / (to_s - from_s)
}

/// All tokens of the window, and the requests that ended within it.
pub fn within(samples: &[RequestSample], window: &Window) -> (f64, u32) {
    let tokens = samples.iter().map(|s| credited_tokens(s, window)).sum();
    let completions = samples
        .iter()
        .filter(|s| s.ok() && s.end_s > window.start_s && s.end_s <= window.end_s)
        .count();
    (tokens, u32::try_from(completions).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::sample::{Chunk, ErrorClass, RequestError, Usage};

    fn window(start_s: f64, end_s: f64) -> Window {
        Window {
            start_s,
            end_s,
            capped: false,
        }
    }

    /// Prefill ends at 1 s, chunks at the given times, the end with the last.
    fn sample(chunks_s: &[f64], tokens: u32) -> RequestSample {
        RequestSample {
            index: 0,
            instance: None,
            due_s: 0.0,
            dispatched_s: 0.0,
            connected_s: Some(0.5),
            headers_s: Some(0.6),
            prefill_start_s: Some(0.7),
            prefill_end_s: Some(1.0),
            first_token_s: chunks_s.first().copied(),
            last_token_s: chunks_s.last().copied(),
            end_s: chunks_s.last().copied().unwrap_or(2.5),
            connect_retries: 0,
            connect_wait_s: 0.5,
            chunks: chunks_s
                .iter()
                .map(|&at_s| Chunk { at_s, text_len: 1 })
                .collect(),
            usage: Usage {
                prompt_tokens: 10,
                completion_tokens: tokens,
                cached_tokens: None,
            },
            finish_reason: Some("length".to_owned()),
            error: None,
        }
    }

    fn credited(sample: &RequestSample, start_s: f64, end_s: f64) -> f64 {
        credited_tokens(sample, &window(start_s, end_s))
    }

    #[test]
    fn single_tokens_count_when_they_arrive() {
        let sample = sample(&[2.0, 3.0, 4.0], 3);
        for (start, end, tokens) in [
            (0.0, 9.0, 3.0),
            (2.0, 4.0, 2.0),
            (2.5, 2.9, 0.0),
            (1.9, 2.0, 1.0),
        ] {
            assert!((credited(&sample, start, end) - tokens).abs() < 1e-12);
        }
    }

    #[test]
    fn merged_tokens_are_spread_over_the_gap_before() {
        // Four tokens a chunk; the window covers half the second gap.
        let merged = sample(&[2.0, 4.0], 8);
        assert!((credited(&merged, 3.0, 9.0) - 2.0).abs() < 1e-12);
        // The first chunk's tokens were made since the prefill ended.
        assert!((credited(&merged, 0.0, 1.5) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn fewer_tokens_than_chunks_are_shares_of_a_token() {
        let sample = sample(&[2.0, 3.0, 4.0, 5.0], 2);
        assert!((credited(&sample, 0.0, 3.5) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_answer_that_came_whole_is_spread_from_its_sending_to_its_end() {
        let whole = sample(&[], 20);
        assert!((credited(&whole, 1.5, 9.0) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn failed_requests_count_for_nothing() {
        let mut failed = sample(&[2.0], 4);
        failed.error = Some(RequestError {
            class: ErrorClass::Reset,
            detail: String::new(),
        });
        assert_eq!(within(&[failed], &window(0.0, 9.0)), (0.0, 0));
    }

    proptest! {
        /// Cutting time into windows neither loses nor doubles a token.
        #[test]
        fn windows_that_cover_all_time_share_all_tokens(
            gaps in prop::collection::vec(0.0f64..0.5, 0..40),
            tokens in 1u32..100,
            mut cuts in prop::collection::vec(0.0f64..20.0, 0..6),
        ) {
            let mut at = 1.0;
            let chunks: Vec<f64> = gaps.iter().map(|gap| { at += gap; at }).collect();
            let sample = sample(&chunks, tokens);
            cuts.extend([-1.0, 100.0]);
            cuts.sort_unstable_by(f64::total_cmp);
            let sum: f64 = cuts.windows(2).map(|w| credited(&sample, w[0], w[1])).sum();
            prop_assert!((sum - f64::from(tokens)).abs() < 1e-6, "{} of {}", sum, tokens);
        }
    }
}
