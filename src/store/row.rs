//! One row of a results file: the struct is the format. The header line is derived from it, so the
//! columns and the code that fills them cannot drift apart.

mod rates;

use serde::{Deserialize, Serialize, Serializer};
use strum::IntoEnumIterator;

use super::pairs;
use crate::engine::event::{CellResult, CellStatus};
use crate::measure::client::CellClient;
use crate::measure::figures::{Figures, Flag, FlagKind, Intervals, Mode, Percentiles};
use crate::measure::flow::SaturatedBy;
use crate::measure::interval::Interval;
use crate::monitor::energy::EnergySource;
use crate::plan::{Arrivals, Balancer, Cell, Delivery, FlagValue, Plan};
use crate::prompts::LengthSource;
use crate::settings::Rate;

/// The Python lab's columns, by which its files and ours are known; a test holds [`CellRow`] to them.
pub const CLASSIC_COLUMNS: [&str; 8] = [
    "instances",
    "decode_concurrency",
    "prompt_concurrency",
    "concurrency",
    "throughput_tps",
    "total_tokens",
    "elapsed_s",
    "errors",
];

/// A finished cell as it stands in the CSV. A blank column is `None`.
///
/// The first eight columns are those of the Python lab, in its order, so that its tools read ours.
/// There, a cell that could not be measured has zeros; here, `status` says so.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CellRow {
    pub instances: u32,
    /// `None` where the user's own server arguments set it.
    pub decode_concurrency: Option<u32>,
    pub prompt_concurrency: Option<u32>,
    pub concurrency: u32,
    /// 0 where nothing was measured.
    #[serde(serialize_with = "at_least_one_decimal")]
    pub throughput_tps: f64,
    pub total_tokens: u64,
    #[serde(serialize_with = "at_least_two_decimals")]
    pub elapsed_s: f64,
    /// Failed requests; of a cell that could not be run, the requests it would have sent.
    pub errors: u32,

    /// Position in the plan, from 0.
    pub cell: u32,
    /// From 1.
    pub repeat: u32,
    pub status: Option<CellStatus>,
    /// Kinds of flags, `a;b`; see [`CellRow::flag_kinds`].
    pub flags: Option<String>,
    pub mode: Option<Mode>,
    pub streaming: Option<bool>,
    pub balancer: Option<Balancer>,
    /// Swept server flags, `--a=1;--b=2`; see [`CellRow::axes`].
    pub extra_axes: Option<String>,
    pub max_tokens: Option<u32>,
    /// Length that the prompt was padded to.
    pub asked_prompt_tokens: Option<u32>,
    pub requests: Option<u32>,
    /// Failed requests by class, `reset=3;timeout=1`.
    pub error_classes: Option<String>,

    pub batch_tps: Option<f64>,
    pub tps_per_user: Option<f64>,
    pub window_s: Option<f64>,
    pub window_tokens: Option<f64>,
    pub window_completions: Option<u32>,
    pub window_capped: Option<bool>,

    pub ttft_n: Option<u32>,
    pub ttft_mean_s: Option<f64>,
    pub ttft_p50_s: Option<f64>,
    pub ttft_p90_s: Option<f64>,
    pub ttft_p95_s: Option<f64>,
    pub ttft_p99_s: Option<f64>,
    pub ttft_max_s: Option<f64>,
    pub tpot_n: Option<u32>,
    pub tpot_mean_s: Option<f64>,
    pub tpot_p50_s: Option<f64>,
    pub tpot_p90_s: Option<f64>,
    pub tpot_p95_s: Option<f64>,
    pub tpot_p99_s: Option<f64>,
    pub tpot_max_s: Option<f64>,
    pub itl_n: Option<u32>,
    pub itl_mean_s: Option<f64>,
    pub itl_p50_s: Option<f64>,
    pub itl_p90_s: Option<f64>,
    pub itl_p95_s: Option<f64>,
    pub itl_p99_s: Option<f64>,
    pub itl_max_s: Option<f64>,
    pub e2e_n: Option<u32>,
    pub e2e_mean_s: Option<f64>,
    pub e2e_p50_s: Option<f64>,
    pub e2e_p90_s: Option<f64>,
    pub e2e_p95_s: Option<f64>,
    pub e2e_p99_s: Option<f64>,
    pub e2e_max_s: Option<f64>,
    pub connect_p99_s: Option<f64>,
    pub connect_max_s: Option<f64>,
    pub dispatch_lag_p99_s: Option<f64>,
    pub dispatch_lag_max_s: Option<f64>,
    pub connect_retries: Option<u32>,
    pub connect_retry_s: Option<f64>,

    pub prompt_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub mean_output_tokens: Option<f64>,
    /// Share of the answers that ended before `max_tokens`, 0 to 1.
    pub stopped_early_ratio: Option<f64>,
    /// Answered requests of each instance, `0=12;1=12`.
    pub per_instance: Option<String>,

    pub machine_samples: Option<u32>,
    pub cpu_mean_pct: Option<f64>,
    pub gpu_mean_pct: Option<f64>,
    pub gpu_clock_mean_mhz: Option<f64>,
    pub gpu_power_mean_w: Option<f64>,
    pub system_power_mean_w: Option<f64>,
    pub memory_peak_bytes: Option<u64>,
    pub servers_memory_peak_bytes: Option<u64>,
    pub gpu_memory_peak_bytes: Option<u64>,
    pub gpu_temperature_max_c: Option<f64>,
    pub cpu_temperature_max_c: Option<f64>,
    pub thermal_worst: Option<String>,

    pub load_s: Option<f64>,
    pub warmup_s: Option<f64>,
    pub measure_s: Option<f64>,
    pub rest_s: Option<f64>,
    pub started_at: Option<jiff::Timestamp>,
    pub ended_at: Option<jiff::Timestamp>,
    /// Base URLs of the servers, parted by spaces, where this program did not start them.
    pub attached: Option<String>,

    /// What was seen behind each flag, in words.
    pub flag_details: Option<String>,
    /// Why the cell failed, in words.
    pub error: Option<String>,

    /// Bounds of 95 % intervals within this one window, which leave out what varies between server
    /// starts; see [`crate::measure::interval`]. Both of a figure are there, or neither.
    pub throughput_low_tps: Option<f64>,
    pub throughput_high_tps: Option<f64>,
    pub ttft_p50_low_s: Option<f64>,
    pub ttft_p50_high_s: Option<f64>,
    pub tpot_p50_low_s: Option<f64>,
    pub tpot_p50_high_s: Option<f64>,
    pub e2e_p50_low_s: Option<f64>,
    pub e2e_p50_high_s: Option<f64>,

    /// Of the measured window, for each of its completion tokens; see [`crate::monitor::energy`].
    pub energy_j_per_token: Option<f64>,
    /// Without the idle power of the machine, measured before the run's first load.
    pub energy_idle_subtracted_j_per_token: Option<f64>,
    /// What was metered: `system`, `gpu+cpu` or `gpu`.
    pub energy_source: Option<EnergySource>,

    /// Mean GPU clock of the measured window while the GPU was busy; see [`crate::monitor::thermal`].
    pub gpu_clock_under_load_mhz: Option<f64>,
    /// That clock over the highest that the run had seen under such a load; blank before there was
    /// one.
    pub gpu_clock_of_cold_ratio: Option<f64>,
    /// How often the machine was cooled down and the cell measured again.
    pub thermal_repeats: Option<u32>,
    pub cool_down_s: Option<f64>,
    /// Cut off the window's ends: the rest of a ramp or a drain.
    pub window_trimmed_s: Option<f64>,

    /// Where the mean TTFT went; see [`crate::measure::ttft_split`].
    pub ttft_waiting_mean_s: Option<f64>,
    pub ttft_prefill_mean_s: Option<f64>,
    pub ttft_first_decode_mean_s: Option<f64>,

    /// How requests and answers travelled, of a control cell.
    pub delivery: Option<Delivery>,

    /// Requests per second that were offered (open loop; `concurrency` is then the most that may be in
    /// flight); blank in a closed loop.
    pub request_rate_rps: Option<Rate>,
    pub arrivals: Option<Arrivals>,
    /// Requests that were due within the window: latencies and goodput are of those.
    pub due_requests: Option<u32>,
    /// Requests per second whose answer ended within the window (or batch).
    pub achieved_rps: Option<f64>,
    pub in_flight_mean: Option<f64>,
    pub in_flight_max: Option<u32>,
    /// Requests that waited in this program, since as many as allowed were in flight.
    pub held_requests: Option<u32>,
    /// How it was seen that the servers did not keep up with the rate; blank where they did.
    pub saturated_by: Option<SaturatedBy>,
    /// Requests per second that were answered within both limits, and their share of those due.
    pub goodput_rps: Option<f64>,
    pub goodput_ratio: Option<f64>,
    pub ttft_limit_s: Option<f64>,
    pub tpot_limit_s: Option<f64>,
    /// Where the length of the prompts comes from: `exact`, `calibrated`, or `none` for a guess.
    /// Blank where they are sent as they are.
    pub prompt_length_source: Option<LengthSource>,
    /// The file that the prompts come from, by the first 12 digits of its SHA-256.
    pub prompt_set: Option<String>,
    /// The model ran without its end-of-sequence tokens.
    pub exact_output: Option<bool>,
    /// Chunks of text per second over what the throughput covers, and what the load client took
    /// before the run from a server that has nothing to compute; see [`crate::measure::client`].
    pub client_chunk_rate_per_s: Option<f64>,
    pub client_ceiling_chunks_per_s: Option<f64>,
    pub client_ceiling_streams: Option<u32>,
    /// Errors of the client's instants against that server's, either way.
    pub client_ttft_error_p50_s: Option<f64>,
    pub client_ttft_error_p99_s: Option<f64>,
    pub client_itl_error_p50_s: Option<f64>,
    pub client_itl_error_p99_s: Option<f64>,
}

impl CellRow {
    /// The row of a finished cell of `plan`.
    pub fn new(result: &CellResult, plan: &Plan) -> Self {
        let mut row = Self::of_cell(&result.cell);
        row.status = Some(result.status);
        row.mode = Some(plan.workload.mode);
        row.streaming = Some(plan.streams(&result.cell));
        row.balancer = Some(result.balancer);
        row.flags = joined(result.flags.iter().map(|flag| flag.kind.to_string()), ";");
        row.flag_details = joined(result.flags.iter().map(detail_of), " | ");
        row.error = result.error.as_deref().map(one_line);
        match &result.figures {
            Some(figures) => row.set_figures(figures),
            None if result.status == CellStatus::Skipped => {}
            // How many an open loop would have sent is not known.
            None if row.request_rate_rps.is_some() => row.errors = 1,
            None => row.errors = result.cell.load.requests.unwrap_or(row.concurrency),
        }
        row.set_machine(result);
        row.set_client(&result.client);
        row.set_times(result);
        row.set_limits(plan);
        row.prompt_length_source = result.prompt_length;
        let file = plan.workload.prompt_file.as_ref();
        row.exact_output = Some(plan.workload.exact_output);
        row.prompt_set = file.map(|file| file.short_hash().to_owned());
        if let Some(attached) = &plan.servers.attached {
            row.attached = joined(attached.urls.iter().map(ToString::to_string), " ");
        }
        row
    }

    /// A row with what identifies a cell, and nothing measured.
    fn of_cell(cell: &Cell) -> Self {
        Self {
            instances: cell.point.instances,
            decode_concurrency: cell.point.decode_concurrency,
            prompt_concurrency: cell.point.prompt_concurrency,
            concurrency: cell.load.concurrency,
            cell: cell.index,
            repeat: cell.repeat,
            extra_axes: pairs::join(cell.point.flags.iter().map(|f| (&f.flag, &f.value))),
            max_tokens: Some(cell.load.max_tokens),
            asked_prompt_tokens: cell.load.prompt_tokens,
            request_rate_rps: cell.load.request_rate,
            delivery: cell.load.delivery,
            ..Self::default()
        }
    }

    fn set_figures(&mut self, f: &Figures) {
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

    fn set_latencies(&mut self, f: &Figures) {
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

    fn set_intervals(&mut self, i: &Intervals) {
        (self.throughput_low_tps, self.throughput_high_tps) = bounds(i.throughput_tps);
        (self.ttft_p50_low_s, self.ttft_p50_high_s) = bounds(i.ttft_p50_s);
        (self.tpot_p50_low_s, self.tpot_p50_high_s) = bounds(i.tpot_p50_s);
        (self.e2e_p50_low_s, self.e2e_p50_high_s) = bounds(i.e2e_p50_s);
    }

    fn set_machine(&mut self, result: &CellResult) {
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

    fn set_client(&mut self, client: &CellClient) {
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

    fn set_times(&mut self, result: &CellResult) {
        let millis = |v: f64| rounded(v, 3);
        self.load_s = millis(result.times.load_s);
        self.warmup_s = millis(result.times.warmup_s);
        self.measure_s = millis(result.times.measure_s);
        self.rest_s = millis(result.times.rest_s);
        self.started_at = Some(result.started_at);
        self.ended_at = Some(result.ended_at);
    }

    /// Adds a flag that came after the cell had ended.
    pub fn add_flag(&mut self, flag: &Flag) {
        let before = |column: &Option<String>| column.clone().unwrap_or_default();
        self.flags = Some(with_kind(&before(&self.flags), flag));
        self.flag_details = Some(with_detail(&before(&self.flag_details), flag));
    }

    /// The flags that this version of the app knows; others are left out.
    pub fn flag_kinds(&self) -> Vec<FlagKind> {
        let names = self.flags.as_deref().unwrap_or_default();
        names
            .split(';')
            .filter_map(|name| FlagKind::iter().find(|kind| kind.to_string() == name))
            .collect()
    }

    /// Why a measured cell has no energy, in a few words; `None` where it has, or where nothing is
    /// known of the machine.
    pub fn why_no_energy(&self) -> Option<&'static str> {
        let watched = self.total_tokens > 0 && self.machine_samples.is_some_and(|n| n > 0);
        if !watched || self.energy_j_per_token.is_some() {
            return None;
        }
        let has_meter = self.gpu_power_mean_w.or(self.system_power_mean_w).is_some();
        Some(if has_meter {
            "too few power readings"
        } else {
            "no power sensor"
        })
    }

    /// The swept server flags of this cell.
    pub fn axes(&self) -> Vec<FlagValue> {
        pairs::split(self.extra_axes.as_deref().unwrap_or_default())
            .into_iter()
            .map(|(flag, value)| FlagValue { flag, value })
            .collect()
    }

    /// Whether the figure may be used, and the cell may be best.
    pub fn is_valid(&self) -> bool {
        self.status == Some(CellStatus::Ok)
    }

    /// Its TTFT is over the limit that the search keeps to.
    pub fn is_over_limit(&self) -> bool {
        self.flag_kinds().contains(&FlagKind::OverTtftLimit)
    }

    /// Valid, and within the limit of a search.
    pub fn may_be_best(&self) -> bool {
        self.is_valid() && !self.is_over_limit()
    }

    /// Whether this is the row of `cell`, by all that identifies one.
    pub fn belongs_to(&self, cell: &Cell) -> bool {
        let asked = Self::of_cell(cell);
        self.cell == asked.cell
            && self.repeat == asked.repeat
            && self.instances == asked.instances
            && self.decode_concurrency == asked.decode_concurrency
            && self.prompt_concurrency == asked.prompt_concurrency
            && self.concurrency == asked.concurrency
            && self.max_tokens == asked.max_tokens
            && self.asked_prompt_tokens == asked.asked_prompt_tokens
            && self.extra_axes == asked.extra_axes
            && self.request_rate_rps == asked.request_rate_rps
            && self.delivery == asked.delivery
    }
}

fn detail_of(flag: &Flag) -> String {
    format!("{}: {}", flag.kind, one_line(&flag.detail))
}

/// The column of kinds with one more.
pub(super) fn with_kind(kinds: &str, flag: &Flag) -> String {
    let kinds = kinds.split(';').filter(|kind| !kind.is_empty());
    let all = kinds.map(str::to_owned).chain([flag.kind.to_string()]);
    all.collect::<Vec<_>>().join(";")
}

/// The column of details with one more.
pub(super) fn with_detail(details: &str, flag: &Flag) -> String {
    let before = (!details.is_empty()).then(|| details.to_owned());
    let all = before.into_iter().chain([detail_of(flag)]);
    all.collect::<Vec<_>>().join(" | ")
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

/// Rounded to `decimals`, which keeps rows short; `None` for what is no number.
fn rounded(value: f64, decimals: i32) -> Option<f64> {
    let scale = 10f64.powi(decimals);
    value.is_finite().then(|| (value * scale).round() / scale)
}

/// To a millionth: microseconds for durations.
fn micros(value: Option<f64>) -> Option<f64> {
    value.and_then(|v| rounded(v, 6))
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> Option<String> {
    let joined = parts.collect::<Vec<_>>().join(separator);
    (!joined.is_empty()).then_some(joined)
}

/// One row is one line of the file, so that a torn write can only ever damage one row.
fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" / ")
        .replace(['\r', '\0'], " ")
}

// The Python lab wrote `%.1f` and `%.2f`; more digits are kept where there are any.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn at_least_one_decimal<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&padded(*value, 1))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn at_least_two_decimals<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&padded(*value, 2))
}

fn padded(value: f64, decimals: usize) -> String {
    let shortest = value.to_string();
    let written = shortest.split_once('.').map_or(0, |(_, d)| d.len());
    if written >= decimals {
        shortest
    } else {
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests;
