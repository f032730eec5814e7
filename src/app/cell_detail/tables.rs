//! The figures of a cell as lines of text.

use strum::IntoEnumIterator as _;

use crate::board::{Board, CellState, Layer};
use crate::measure::interval::{self, Interval, ONE_WINDOW};
use crate::measure::stats::{MIN_N_P50, MIN_N_P90, MIN_N_P95, MIN_N_P99};
use crate::settings::Rate;
use crate::store::pairs;
use crate::store::row::CellRow;
use crate::units::{Secs, grouped};

/// A figure over the valid repeats of a combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpreadLine {
    pub name: String,
    pub mean: String,
    /// How far its 95 % interval reaches to each side, or its bounds.
    pub interval: String,
    pub least: String,
    pub greatest: String,
    /// Repeats that have the figure.
    pub n: usize,
}

impl SpreadLine {
    pub fn text(&self, repeats: usize) -> String {
        format!(
            "{}, mean of {} of {repeats} repeats\t{}\t95 %\t{}\tleast\t{}\tgreatest\t{}",
            self.name, self.n, self.mean, self.interval, self.least, self.greatest
        )
    }
}

/// The number of valid repeats, and each figure over them; no lines where there is but one.
pub(super) fn spread(board: &Board, entry: usize) -> (usize, Vec<SpreadLine>) {
    let valid: Vec<usize> = board
        .repeats(entry)
        .iter()
        .map(|repeat| *repeat as usize)
        .filter(|&repeat| board.state(repeat) == Some(CellState::Done))
        .collect();
    if valid.len() < 2 {
        return (valid.len(), Vec::new());
    }
    let lines = Layer::iter().filter_map(|layer| {
        let values: Vec<f64> = valid
            .iter()
            .filter_map(|&repeat| board.value(repeat, layer))
            .collect();
        if values.len() < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(SpreadLine {
            name: named(layer.name(), layer.unit()),
            mean: layer.precise(mean),
            interval: reach(layer, mean, interval::of_cell(&values, None)),
            least: layer.precise(least),
            greatest: layer.precise(greatest),
            n: values.len(),
        })
    });
    (valid.len(), lines.collect())
}

/// "± 3.1", or the bounds where one of them is cut off at zero; blank where the repeats are alike.
fn reach(layer: Layer, mean: f64, interval: Option<Interval>) -> String {
    let text = interval.map(|interval| layer.precise_with(mean, Some(interval)));
    let text = text.unwrap_or_default();
    let after_mean = text.split_once(' ').map(|(_, reach)| reach);
    let after_mean = after_mean.unwrap_or_default();
    after_mean.trim_matches(['(', ')']).to_owned()
}

/// What the intervals of [`figures`] are; `None` where there are none.
pub(super) fn about_intervals(row: &CellRow) -> Option<String> {
    let any = Layer::iter().any(|layer| layer.interval(row).is_some());
    any.then(|| format!("± and ranges: {ONE_WINDOW}"))
}

fn named(name: &str, unit: &str) -> String {
    format!("{name}, {unit}")
}

pub(super) fn figures(row: &CellRow) -> Vec<(String, String)> {
    let layers = Layer::iter().flat_map(|layer| {
        let above_idle = row.energy_idle_subtracted_j_per_token;
        let above_idle = above_idle.filter(|_| layer == Layer::Energy);
        let lines = [
            (layer.name(), layer.text(row)),
            ("Energy above idle", above_idle.map(|j| layer.with_unit(j))),
        ];
        let lines = lines.into_iter();
        lines.filter_map(|(name, text)| Some((name.to_owned(), text?)))
    });
    let count = |n: Option<u64>| n.map(|n| grouped(n as f64, 0));
    let secs = |s: Option<f64>| s.map(|s| Secs(s).to_string());
    let measured = row.total_tokens > 0;
    // Without its parts the mean is one of the latencies below.
    let of_ttft = |mean: Option<f64>| mean.filter(|_| row.ttft_waiting_mean_s.is_some());
    let others = [
        ("TTFT, mean", secs(of_ttft(row.ttft_mean_s))),
        ("- waiting", secs(row.ttft_waiting_mean_s)),
        ("- prefill", secs(row.ttft_prefill_mean_s)),
        ("- first decode", secs(row.ttft_first_decode_mean_s)),
        ("Requests", count(row.requests.map(u64::from))),
        ("Tokens", count(measured.then_some(row.total_tokens))),
        ("Prompt tokens", count(row.prompt_tokens)),
        ("From prompt cache", count(row.cached_tokens)),
        ("Measured for", secs(measured.then_some(row.elapsed_s))),
        ("Window", secs(row.window_s)),
        (
            "Cut off before",
            secs(row.window_trimmed_s.filter(|s| *s > 0.0)),
        ),
        (
            "Offered",
            row.request_rate_rps.map(|rate| offered(row, rate)),
        ),
        ("Due in the window", count(row.due_requests.map(u64::from))),
        ("Answered", row.achieved_rps.map(per_second)),
        ("Within limits", within_limits(row)),
        ("In flight", in_flight(row)),
        ("Saturated", row.saturated_by.map(|by| by.text().to_owned())),
        ("CPU", row.cpu_mean_pct.map(|pct| format!("{pct:.0} %"))),
        (
            "GPU power",
            row.gpu_power_mean_w.map(|w| format!("{w:.1} W")),
        ),
        ("GPU clock", clock(row)),
        ("Load client", client(row)),
        ("Cool-downs", cool_downs(row)),
        ("Loading", secs(row.load_s.filter(|s| *s > 0.0))),
        ("Warm-up", secs(row.warmup_s.filter(|s| *s > 0.0))),
    ];
    let others = others
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text?)));
    layers.chain(others).collect()
}

fn per_second(rps: f64) -> String {
    format!("{} requests/s", grouped(rps, 2))
}

/// "4.5 requests/s, poisson".
fn offered(row: &CellRow, rate: Rate) -> String {
    let arrivals = row.arrivals.map(|arrivals| format!(", {arrivals}"));
    format!("{rate} requests/s{}", arrivals.unwrap_or_default())
}

/// "3.90 requests/s, 92 %": goodput.
fn within_limits(row: &CellRow) -> Option<String> {
    let share = row
        .goodput_ratio
        .map(|ratio| format!(", {:.0} %", ratio * 100.0));
    row.goodput_rps
        .map(|rps| format!("{}{}", per_second(rps), share.unwrap_or_default()))
}

/// "7.4, 12 at most"; of a closed loop it is the concurrency, and not told twice.
fn in_flight(row: &CellRow) -> Option<String> {
    row.request_rate_rps?;
    let (mean, most) = (row.in_flight_mean?, row.in_flight_max?);
    Some(format!("{mean:.1}, {most} at most"))
}

/// Under load: "1,775 MHz, 91.0 % of cold".
fn clock(row: &CellRow) -> Option<String> {
    let of_cold = row.gpu_clock_of_cold_ratio;
    let of_cold = of_cold.map(|ratio| format!(", {:.1} % of cold", ratio * 100.0));
    row.gpu_clock_under_load_mhz
        .map(|mhz| format!("{} MHz{}", grouped(mhz, 0), of_cold.unwrap_or_default()))
}

/// "3,100 of 212,000 chunks/s": what it took, of what it can take.
fn client(row: &CellRow) -> Option<String> {
    let rate = grouped(row.client_chunk_rate_per_s?, 0);
    Some(match row.client_ceiling_chunks_per_s {
        Some(ceiling) => format!("{rate} of {} chunks/s", grouped(ceiling, 0)),
        None => format!("{rate} chunks/s"),
    })
}

/// "2 in 1 min 14 s"; `None` where there was none.
fn cool_downs(row: &CellRow) -> Option<String> {
    let cool_down_s = row.cool_down_s.filter(|s| *s > 0.0)?;
    Some(match row.thermal_repeats {
        None | Some(0) => format!("cut short after {}", Secs(cool_down_s)),
        Some(n) => format!("{n} in {}", Secs(cool_down_s)),
    })
}

/// Percentiles of one latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LatencyColumn {
    pub name: &'static str,
    pub n: u32,
    /// p50, p90, p95, p99, maximum; `None` where n is too small to claim it.
    pub values: [Option<String>; 5],
}

/// The lines of a [`LatencyColumn`], with the requests that each needs.
pub(super) const LATENCY_LINES: [(&str, usize); 5] = [
    ("p50", MIN_N_P50),
    ("p90", MIN_N_P90),
    ("p95", MIN_N_P95),
    ("p99", MIN_N_P99),
    ("max", 1),
];

impl LatencyColumn {
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, String)> {
        let values = LATENCY_LINES.iter().zip(&self.values);
        let values = values.map(|((name, _), value)| {
            let text = value.clone().unwrap_or_else(|| "n too small".to_owned());
            (*name, text)
        });
        values.chain([("n", self.n.to_string())])
    }
}

pub(super) fn latencies(row: &CellRow) -> Vec<LatencyColumn> {
    macro_rules! column {
        ($name:literal, $n:ident, $($value:ident),+) => {
            ($name, row.$n, [$(row.$value),+])
        };
    }
    [
        column!(
            "TTFT", ttft_n, ttft_p50_s, ttft_p90_s, ttft_p95_s, ttft_p99_s, ttft_max_s
        ),
        column!(
            "TPOT", tpot_n, tpot_p50_s, tpot_p90_s, tpot_p95_s, tpot_p99_s, tpot_max_s
        ),
        column!(
            "ITL", itl_n, itl_p50_s, itl_p90_s, itl_p95_s, itl_p99_s, itl_max_s
        ),
        column!(
            "E2E", e2e_n, e2e_p50_s, e2e_p90_s, e2e_p95_s, e2e_p99_s, e2e_max_s
        ),
    ]
    .into_iter()
    .filter_map(|(name, n, values)| {
        let n = n.filter(|n| *n > 0)?;
        let values = values.map(|value| value.map(latency));
        Some(LatencyColumn { name, n, values })
    })
    .collect()
}

/// Gaps between tokens are small: below 10 ms a whole number of them says little.
fn latency(s: f64) -> String {
    if s < 0.01 {
        format!("{:.2} ms", s * 1e3)
    } else {
        Secs(s).to_string()
    }
}

pub(super) fn settings(
    board: &Board,
    entry: usize,
    row: Option<&CellRow>,
) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = board
        .dimensions()
        .into_iter()
        .filter_map(|values| {
            let value = board.coordinate(entry, &values.dimension)?;
            Some((values.dimension.to_string(), value.to_string()))
        })
        .collect();
    if let Some(row) = row {
        let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let more = [
            ("Mode", row.mode.map(|mode| mode.to_string())),
            ("Streaming", row.streaming.map(yes_no)),
            (
                "Balancer",
                row.balancer.map(|balancer| balancer.to_string()),
            ),
        ];
        let more = more.into_iter();
        settings.extend(more.filter_map(|(name, text)| Some((name.to_owned(), text?))));
    }
    settings
}

/// Each flag in words, and whether it makes the figures invalid.
pub(super) fn flags(row: &CellRow) -> Vec<(bool, String)> {
    let details = row.flag_details.as_deref().unwrap_or_default();
    row.flag_kinds()
        .into_iter()
        .map(|kind| {
            let start = format!("{kind}: ");
            let detail = details.split(" | ").find_map(|d| d.strip_prefix(&start));
            let text = detail.map_or_else(|| kind.to_string().replace('_', " "), str::to_owned);
            (kind.invalidates(), text)
        })
        .collect()
}

pub(super) fn error_classes(row: &CellRow) -> Vec<(String, String)> {
    pairs::split(row.error_classes.as_deref().unwrap_or_default())
}
