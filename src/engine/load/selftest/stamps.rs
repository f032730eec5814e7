//! How far the client's instants are from the server's.

use std::collections::HashMap;

use super::server::Written;
use crate::measure::sample::RequestSample;

/// Absolute errors in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StampErrors {
    /// One a stream: the first token's instant. A request's due time is the client's own
    /// definition, so this is all that can be wrong about its TTFT.
    pub ttft_s: Vec<f64>,
    /// One a chunk after the first: the gap as the client saw it less the gap between two writes.
    pub itl_s: Vec<f64>,
}

/// Compares the answered samples with what was written. `ns` translates a sample's seconds into the
/// server's clock.
///
/// # Errors
/// An answer that the server does not know, or of which other chunks came than were written: then
/// no comparison means anything.
pub fn errors(
    samples: &[RequestSample],
    truth: &[Written],
    ns: impl Fn(f64) -> i64,
) -> Result<StampErrors, String> {
    let truth: HashMap<u32, &[i64]> = truth
        .iter()
        .map(|written| (written.answer, written.at_ns.as_slice()))
        .collect();
    let mut errors = StampErrors::default();
    for sample in samples.iter().filter(|sample| sample.ok()) {
        let answer = sample.usage.prompt_tokens;
        let written = truth
            .get(&answer)
            .ok_or_else(|| format!("the test server does not know of answer {answer}"))?;
        let seen: Vec<i64> = sample.chunks.iter().map(|chunk| ns(chunk.at_s)).collect();
        if seen.len() != written.len() {
            return Err(format!(
                "of answer {answer} the client saw {} chunks, and {} were written",
                seen.len(),
                written.len()
            ));
        }
        let late: Vec<i64> = seen.iter().zip(*written).map(|(s, w)| s - w).collect();
        let seconds = |ns: i64| ns.unsigned_abs() as f64 / 1e9;
        errors.ttft_s.extend(late.first().map(|ns| seconds(*ns)));
        // (s2 - s1) - (w2 - w1) is (s2 - w2) - (s1 - w1).
        let gaps = late.windows(2).map(|two| seconds(two[1] - two[0]));
        errors.itl_s.extend(gaps);
    }
    Ok(errors)
}

/// The most of these spans (start and end) that any instant lies in.
pub fn most_at_once(spans: impl IntoIterator<Item = (f64, f64)>) -> u32 {
    let mut edges: Vec<(f64, i32)> = spans
        .into_iter()
        .flat_map(|(start, end)| [(start, 1), (end, -1)])
        .collect();
    // An end before a start of the same instant: those two are not held together.
    edges.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut open = 0_i32;
    let mut most = 0;
    for (_, step) in edges {
        open += step;
        most = most.max(open);
    }
    most.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::{Chunk, Usage};

    fn sample(answer: u32, at_s: &[f64]) -> RequestSample {
        RequestSample {
            index: 0,
            instance: None,
            due_s: 0.0,
            dispatched_s: 0.0,
            connected_s: Some(0.0),
            headers_s: Some(0.0),
            prefill_start_s: None,
            prefill_end_s: None,
            first_token_s: at_s.first().copied(),
            last_token_s: at_s.last().copied(),
            end_s: 9.0,
            connect_retries: 0,
            connect_wait_s: 0.0,
            chunks: at_s
                .iter()
                .map(|at_s| Chunk {
                    at_s: *at_s,
                    text_len: 5,
                })
                .collect(),
            usage: Usage {
                prompt_tokens: answer,
                completion_tokens: 3,
                cached_tokens: None,
            },
            finish_reason: None,
            error: None,
        }
    }

    fn ns(s: f64) -> i64 {
        (s * 1e9).round() as i64
    }

    fn written(answer: u32, at_s: &[f64]) -> Written {
        Written {
            answer,
            at_ns: at_s.iter().map(|s| ns(*s)).collect(),
        }
    }

    #[test]
    fn the_error_of_a_gap_has_no_part_in_what_both_its_ends_share() {
        let samples = [sample(2, &[1.003, 2.003, 3.001])];
        let truth = [written(1, &[5.0]), written(2, &[1.0, 2.0, 3.0])];
        let errors = errors(&samples, &truth, ns).unwrap();
        assert_eq!(errors.ttft_s, [0.003]);
        assert_eq!(errors.itl_s, [0.0, 0.002]);
    }

    #[test]
    fn what_cannot_be_matched_is_no_figure() {
        let samples = [sample(2, &[1.0, 2.0])];
        let unknown = errors(&samples, &[written(1, &[1.0, 2.0])], ns).unwrap_err();
        assert!(unknown.contains("answer 2"), "{unknown}");
        let lost = errors(&samples, &[written(2, &[1.0, 2.0, 3.0])], ns).unwrap_err();
        assert!(lost.contains("2 chunks, and 3"), "{lost}");
    }

    #[test]
    fn spans_that_only_touch_are_not_held_together() {
        assert_eq!(most_at_once([]), 0);
        assert_eq!(most_at_once([(0.0, 1.0), (1.0, 2.0)]), 1);
        assert_eq!(most_at_once([(0.0, 3.0), (1.0, 2.0), (1.5, 4.0)]), 3);
    }
}
