//! The columns of what was measured.

use super::{CellRow, micros, pairs, rounded};
use crate::engine::event::CellResult;
use crate::measure::client::CellClient;
use crate::measure::figures::{Figures, Intervals, Percentiles};
use crate::measure::interval::Interval;

impl CellRow {
    pub(super) fn set_figures(&mut self, f: &Figures) {
        self.mode = Some(f.mode);
        self.throughput_tps = rounded(f.throughput_tps, 3).unwrap_or(0.0);
        self.total_tokens = f.total_tokens;
        self.elapsed_s = rounded(f.elapsed_s, 3).unwrap_or(0.0);
        self.errors = f.error_count();
        self.requests = Some(f.requests);
        self.error_classes = pairs::join(
            f.errors
                .iter()
                .map(|(class, n)| (class.to_string(), n.to_string())),
        );
        self.batch_tps = rounded(f.batch_tps, 3);
        self.tps_per_user = rounded(f.tps_per_user, 3);
        self.window_s = micros(f.window_s);
        self.window_tokens = f.window_tokens.and_then(|v| rounded(v, 3));
        self.window_completions = f.window_completions;
        self.window_capped = f.window_s.map(|_| f.window_capped);
        self.window_trimmed_s = f.window_s.and_then(|_| rounded(f.window_trimmed_s, 3));
        self.set_latencies(f);
        self.set_intervals(&f.intervals);
        if let Some(flow) = &f.flow {
            self.set_flow(flow);
        }
        self.connect_retries = Some(f.connect_retries);
        self.connect_retry_s = micros(Some(f.connect_retry_s));
        self.prompt_tokens = Some(f.prompt_tokens);
        self.cached_tokens = f.cached_tokens;
        self.mean_output_tokens = f.mean_output_tokens.and_then(|v| rounded(v, 3));
        self.stopped_early_ratio = micros(f.stopped_early);
        self.per_instance = pairs::join(
            f.per_instance
                .iter()
                .map(|(instance, n)| (instance.to_string(), n.to_string())),
        );
    }

    pub(super) fn set_latencies(&mut self, f: &Figures) {
        (
            self.ttft_n,
            [
                self.ttft_mean_s,
                self.ttft_p50_s,
                self.ttft_p90_s,
                self.ttft_p95_s,
                self.ttft_p99_s,
                self.ttft_max_s,
            ],
        ) = spread(&f.ttft);
        (
            self.tpot_n,
            [
                self.tpot_mean_s,
                self.tpot_p50_s,
                self.tpot_p90_s,
                self.tpot_p95_s,
                self.tpot_p99_s,
                self.tpot_max_s,
            ],
        ) = spread(&f.tpot);
        (
            self.itl_n,
            [
                self.itl_mean_s,
                self.itl_p50_s,
                self.itl_p90_s,
                self.itl_p95_s,
                self.itl_p99_s,
                self.itl_max_s,
            ],
        ) = spread(&f.itl);
        (
            self.e2e_n,
            [
                self.e2e_mean_s,
                self.e2e_p50_s,
                self.e2e_p90_s,
                self.e2e_p95_s,
                self.e2e_p99_s,
                self.e2e_max_s,
            ],
        ) = spread(&f.e2e);
        self.ttft_waiting_mean_s = micros(f.ttft_split.map(|split| split.waiting_mean_s));
        self.ttft_prefill_mean_s = micros(f.ttft_split.map(|split| split.prefill_mean_s));
        self.ttft_first_decode_mean_s = micros(f.ttft_split.map(|split| split.first_decode_mean_s));
        self.connect_p99_s = micros(f.connect.p99_s);
        self.connect_max_s = micros(f.connect.max_s);
        self.dispatch_lag_p99_s = micros(f.dispatch_lag.p99_s);
        self.dispatch_lag_max_s = micros(f.dispatch_lag.max_s);
    }

    pub(super) fn set_intervals(&mut self, i: &Intervals) {
        (self.throughput_low_tps, self.throughput_high_tps) = bounds(i.throughput_tps);
        (self.ttft_p50_low_s, self.ttft_p50_high_s) = bounds(i.ttft_p50_s);
        (self.tpot_p50_low_s, self.tpot_p50_high_s) = bounds(i.tpot_p50_s);
        (self.e2e_p50_low_s, self.e2e_p50_high_s) = bounds(i.e2e_p50_s);
    }

    pub(super) fn set_machine(&mut self, result: &CellResult) {
        let m = &result.machine;
        let tenths = |v: Option<f64>| v.and_then(|v| rounded(v, 1));
        let percent = |v: Option<f64>| tenths(v.map(|share| share * 100.0));
        self.machine_samples = Some(m.samples);
        self.cpu_mean_pct = percent(m.cpu_mean);
        self.gpu_mean_pct = percent(m.gpu_mean);
        self.gpu_clock_mean_mhz = tenths(m.gpu_clock_mean_mhz);
        self.gpu_power_mean_w = m.gpu_power_mean_w.and_then(|v| rounded(v, 3));
        self.system_power_mean_w = m.system_power_mean_w.and_then(|v| rounded(v, 3));
        self.memory_peak_bytes = m.memory_peak.map(|b| b.0);
        self.servers_memory_peak_bytes = m.servers_memory_peak.map(|b| b.0);
        self.gpu_memory_peak_bytes = m.gpu_memory_peak.map(|b| b.0);
        self.gpu_temperature_max_c = tenths(m.gpu_temperature_max_c);
        self.cpu_temperature_max_c = tenths(m.cpu_temperature_max_c);
        self.thermal_worst.clone_from(&m.thermal_worst);
        self.energy_j_per_token = micros(m.energy.map(|e| e.j_per_token));
        self.energy_idle_subtracted_j_per_token =
            micros(m.energy.and_then(|e| e.idle_subtracted_j_per_token));
        self.energy_source = m.energy.map(|e| e.source);
        let thermal = &result.thermal;
        if let Some(load) = thermal.under_load {
            self.gpu_clock_under_load_mhz = rounded(load.clock_mhz, 1);
            self.gpu_clock_of_cold_ratio = thermal.clock_of_cold.and_then(|v| rounded(v, 4));
            self.thermal_repeats = Some(thermal.repeats);
            self.cool_down_s = rounded(result.times.cool_down_s, 3);
        }
    }

    pub(super) fn set_client(&mut self, client: &CellClient) {
        let tenths = |rate: f64| rounded(rate, 1);
        self.client_chunk_rate_per_s = client.chunks_per_s.and_then(tenths);
        if let Some(ceiling) = &client.ceiling {
            self.client_ceiling_chunks_per_s = tenths(ceiling.chunks_per_s);
            self.client_ceiling_streams = Some(ceiling.streams);
            self.client_ttft_error_p50_s = micros(ceiling.ttft_error_p50_s);
            self.client_ttft_error_p99_s = micros(ceiling.ttft_error_p99_s);
            self.client_itl_error_p50_s = micros(ceiling.itl_error_p50_s);
            self.client_itl_error_p99_s = micros(ceiling.itl_error_p99_s);
        }
    }

    pub(super) fn set_times(&mut self, result: &CellResult) {
        let millis = |v: f64| rounded(v, 3);
        self.load_s = millis(result.times.load_s);
        self.warmup_s = millis(result.times.warmup_s);
        self.measure_s = millis(result.times.measure_s);
        self.rest_s = millis(result.times.rest_s);
        self.started_at = Some(result.started_at);
        self.ended_at = Some(result.ended_at);
    }
}

/// Mean, p50, p90, p95, p99 and maximum, as the columns stand; all blank where nothing was timed.
fn spread(p: &Percentiles) -> (Option<u32>, [Option<f64>; 6]) {
    let values = [p.mean_s, p.p50_s, p.p90_s, p.p95_s, p.p99_s, p.max_s];
    ((p.n > 0).then_some(p.n), values.map(micros))
}

fn bounds(interval: Option<Interval>) -> (Option<f64>, Option<f64>) {
    let bound = |of: fn(Interval) -> f64| micros(interval.map(of));
    (bound(|i| i.low), bound(|i| i.high))
}
