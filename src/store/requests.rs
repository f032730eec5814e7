//! One row of `.requests.csv`: what the client saw of one request. Moments are seconds since the
//! cell's clock started.

use serde::{Deserialize, Serialize};

use crate::measure::sample::{ErrorClass, RequestSample};
use crate::plan::Cell;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestRow {
    /// Position of the cell in the plan, from 0.
    pub cell: u32,
    pub repeat: u32,
    /// Position in the cell, from 0.
    pub request: u32,
    pub instance: Option<u32>,
    pub due_s: f64,
    pub dispatched_s: f64,
    pub connected_s: Option<f64>,
    pub headers_s: Option<f64>,
    pub prefill_start_s: Option<f64>,
    pub prefill_end_s: Option<f64>,
    pub first_token_s: Option<f64>,
    pub last_token_s: Option<f64>,
    pub end_s: f64,
    pub ttft_s: Option<f64>,
    pub tpot_s: Option<f64>,
    pub e2e_s: Option<f64>,
    pub connect_retries: u32,
    pub connect_wait_s: f64,
    pub chunks: u32,
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub cached_tokens: Option<u32>,
    pub finish_reason: Option<String>,
    pub error_class: Option<ErrorClass>,
    pub error: Option<String>,
}

impl RequestRow {
    pub fn new(cell: &Cell, sample: &RequestSample) -> Self {
        Self {
            cell: cell.index,
            repeat: cell.repeat,
            request: sample.index,
            instance: sample.instance,
            due_s: micros(sample.due_s),
            dispatched_s: micros(sample.dispatched_s),
            connected_s: sample.connected_s.map(micros),
            headers_s: sample.headers_s.map(micros),
            prefill_start_s: sample.prefill_start_s.map(micros),
            prefill_end_s: sample.prefill_end_s.map(micros),
            first_token_s: sample.first_token_s.map(micros),
            last_token_s: sample.last_token_s.map(micros),
            end_s: micros(sample.end_s),
            ttft_s: sample.ttft_s().map(micros),
            tpot_s: sample.tpot_s().map(micros),
            e2e_s: sample.e2e_s().map(micros),
            connect_retries: sample.connect_retries,
            connect_wait_s: micros(sample.connect_wait_s),
            chunks: u32::try_from(sample.chunks.len()).unwrap_or(u32::MAX),
            prompt_tokens: sample.usage.prompt_tokens,
            completion_tokens: sample.usage.completion_tokens,
            cached_tokens: sample.usage.cached_tokens,
            finish_reason: sample.finish_reason.clone(),
            error_class: sample.error.as_ref().map(|e| e.class),
            // One row is one line, as in the results file.
            error: sample
                .error
                .as_ref()
                .map(|e| e.detail.replace(['\r', '\n', '\0'], " ")),
        }
    }
}

fn micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
