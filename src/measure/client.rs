//! How far a cell's load was from what the load client itself can do (measurement rule 8).

use serde::{Deserialize, Serialize};

use super::figures::{Flag, FlagKind, Mode};
use super::outcome::LoadOutcome;
use crate::units::{Ratio, grouped};

/// What the client did against a server that has nothing to compute, shortly before the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClientCeiling {
    /// Streams at a time.
    pub streams: u32,
    /// At full speed, all streams together, with the connects that they take.
    pub chunks_per_s: f64,
    /// Errors of the client's instants against the server's, in seconds, each either way; `None`
    /// where there were too few for the percentile.
    pub ttft_error_p50_s: Option<f64>,
    pub ttft_error_p99_s: Option<f64>,
    pub itl_error_p50_s: Option<f64>,
    pub itl_error_p99_s: Option<f64>,
}

impl ClientCeiling {
    /// "212,000 chunks/s at 64 streams; ITL off by 0.02 ms (median), 0.31 ms (p99)".
    pub fn sentence(&self) -> String {
        let errors = [
            (self.itl_error_p50_s, "median"),
            (self.itl_error_p99_s, "p99"),
        ];
        let errors: Vec<String> = errors
            .into_iter()
            .filter_map(|(s, name)| Some(format!("{:.2} ms ({name})", s? * 1e3)))
            .collect();
        let off = if errors.is_empty() {
            String::new()
        } else {
            format!("; ITL off by {}", errors.join(", "))
        };
        format!(
            "{} chunks/s at {} streams{off}",
            grouped(self.chunks_per_s, 0),
            self.streams
        )
    }
}

/// A cell's load as the client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CellClient {
    /// `None` where it was not measured.
    pub ceiling: Option<ClientCeiling>,
    /// Chunks of text per second over what the throughput covers; `None` where nothing was streamed.
    pub chunks_per_s: Option<f64>,
}

impl CellClient {
    /// Of `outcome`, trimmed as its throughput is.
    pub fn of(outcome: &LoadOutcome, mode: Mode, ceiling: Option<ClientCeiling>) -> Self {
        let rate = || {
            let (start_s, end_s) = outcome.span_s(mode)?;
            let chunks = outcome.samples.iter().flat_map(|sample| &sample.chunks);
            let within = chunks.filter(|chunk| (start_s..=end_s).contains(&chunk.at_s));
            let n = within.count();
            (n > 0 && end_s > start_s).then(|| n as f64 / (end_s - start_s))
        };
        Self {
            ceiling,
            chunks_per_s: rate(),
        }
    }

    /// The share of the ceiling that the load came to; `None` where either is not known.
    pub fn share(&self) -> Option<f64> {
        let ceiling = self.ceiling?.chunks_per_s;
        (ceiling > 0.0)
            .then(|| Some(self.chunks_per_s? / ceiling))
            .flatten()
    }

    /// What to say of a load above `limit`, a share of the ceiling.
    pub fn flag(&self, limit: f64) -> Option<Flag> {
        let (ceiling, rate) = self.ceiling.zip(self.chunks_per_s)?;
        let share = self.share().filter(|share| *share > limit)?;
        Some(Flag {
            kind: FlagKind::NearClientCeiling,
            detail: format!(
                "{} chunks/s are {} of the {} that this program's load client took at {} streams \
                 before the run, above {}: latencies may be the client's own. Close other programs, \
                 lower the concurrency, or load the servers from another machine (MLX_ATTACH)",
                grouped(rate, 0),
                Ratio(share),
                grouped(ceiling.chunks_per_s, 0),
                ceiling.streams,
                Ratio(limit),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::Window;
    use crate::measure::sample::{Chunk, RequestSample, Usage};

    fn ceiling(chunks_per_s: f64) -> ClientCeiling {
        ClientCeiling {
            streams: 64,
            chunks_per_s,
            ttft_error_p50_s: None,
            ttft_error_p99_s: None,
            itl_error_p50_s: Some(0.000_02),
            itl_error_p99_s: None,
        }
    }

    fn outcome(at_s: &[f64]) -> LoadOutcome {
        LoadOutcome {
            samples: vec![RequestSample {
                index: 0,
                instance: None,
                due_s: 0.0,
                dispatched_s: 0.0,
                connected_s: None,
                headers_s: None,
                prefill_start_s: None,
                prefill_end_s: None,
                first_token_s: None,
                last_token_s: None,
                end_s: 8.0,
                connect_retries: 0,
                connect_wait_s: 0.0,
                chunks: at_s
                    .iter()
                    .map(|at_s| Chunk {
                        at_s: *at_s,
                        text_len: 4,
                    })
                    .collect(),
                usage: Usage::default(),
                finish_reason: None,
                error: None,
            }],
            window: Some(Window {
                start_s: 1.0,
                end_s: 3.0,
                capped: false,
            }),
            ..LoadOutcome::default()
        }
    }

    #[test]
    fn chunks_count_where_the_throughput_does() {
        let outcome = outcome(&[0.5, 1.0, 1.5, 2.0, 3.5]);
        let rate = |mode| CellClient::of(&outcome, mode, None).chunks_per_s;
        assert_eq!(rate(Mode::Sustained), Some(1.5));
        assert_eq!(rate(Mode::Compatible), Some(0.625));
    }

    #[test]
    fn what_was_not_streamed_or_not_measured_is_blank() {
        let none = CellClient::of(&outcome(&[]), Mode::Sustained, Some(ceiling(100.0)));
        assert_eq!((none.chunks_per_s, none.share()), (None, None));
        let some = |ceiling| CellClient::of(&outcome(&[1.5, 2.0]), Mode::Sustained, ceiling);
        assert_eq!(some(None).share(), None);
        assert_eq!(some(Some(ceiling(100.0))).share(), Some(0.01));
    }

    #[test]
    fn a_sentence_claims_only_what_was_measured() {
        let mut ceiling = ceiling(212_345.6);
        let said = "212,346 chunks/s at 64 streams; ITL off by 0.02 ms (median)";
        assert_eq!(ceiling.sentence(), said);
        ceiling.itl_error_p50_s = None;
        assert_eq!(ceiling.sentence(), "212,346 chunks/s at 64 streams");
    }
}
