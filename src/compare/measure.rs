//! The figure that is compared, and how far two of them are apart.

use std::fmt;

use serde::Serialize;

use crate::board::{Board, CellState, Layer};
use crate::measure::interval::{self, Basis, Interval};
use crate::store::row::CellRow;

/// One figure of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    Layer(Layer),
    /// A column of our files that holds numbers, by its name: `throughput_tps`.
    Column(String),
}

/// There is no column of numbers with that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumn {
    pub asked: String,
    pub nearest: String,
}

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, nearest } = self;
        write!(
            f,
            "results have no column of figures {asked:?}; the nearest is {nearest:?}, and the \
             header line of a CSV shows all"
        )
    }
}

impl std::error::Error for UnknownColumn {}

/// Columns that are not figures: they say which cell it is, or hold words.
const NO_FIGURES: [&str; 24] = [
    "instances",
    "decode_concurrency",
    "prompt_concurrency",
    "concurrency",
    "cell",
    "repeat",
    "status",
    "flags",
    "mode",
    "streaming",
    "balancer",
    "extra_axes",
    "max_tokens",
    "asked_prompt_tokens",
    "error_classes",
    "window_capped",
    "per_instance",
    "thermal_worst",
    "started_at",
    "ended_at",
    "flag_details",
    "error",
    "machine_samples",
    "energy_source",
];

impl Measure {
    /// The column of that name.
    ///
    /// # Errors
    /// There is no such column, or it holds no figures.
    pub fn column(name: &str) -> Result<Self, UnknownColumn> {
        let columns = columns(&CellRow::default());
        let figures = || {
            let names = columns.keys().map(String::as_str);
            names.filter(|column| !NO_FIGURES.contains(column) && !is_bound(column))
        };
        if figures().any(|column| column == name) {
            return Ok(Self::Column(name.to_owned()));
        }
        let nearest = figures().min_by_key(|column| distance(name, column));
        Err(UnknownColumn {
            asked: name.to_owned(),
            nearest: nearest.unwrap_or("throughput_tps").to_owned(),
        })
    }

    /// "Throughput in tokens/s", or the column's name, which holds its unit.
    pub fn name(&self) -> String {
        match self {
            Self::Layer(layer) => format!("{} in {}", layer.name(), layer.unit()),
            Self::Column(column) => column.clone(),
        }
    }

    pub(super) fn value(&self, row: &CellRow) -> Option<f64> {
        match self {
            Self::Layer(layer) => layer.value(row),
            Self::Column(column) if column == "throughput_tps" => Layer::Throughput.value(row),
            Self::Column(column) => match columns(row).get(column)? {
                serde_json::Value::String(text) => text.parse().ok(),
                other => other.as_f64(),
            },
        }
    }

    /// Its interval within one window, as far as the row has one.
    pub(super) fn interval(&self, row: &CellRow) -> Option<Interval> {
        let layer = match self {
            Self::Layer(layer) => *layer,
            Self::Column(column) => match column.as_str() {
                "throughput_tps" => Layer::Throughput,
                "tps_per_user" => Layer::PerUser,
                "ttft_p50_s" => Layer::TtftP50,
                // The layer is in milliseconds, the column is not.
                "tpot_p50_s" => return Layer::TpotP50.interval(row)?.scaled(1e-3),
                "e2e_p50_s" => Layer::E2eP50,
                _ => return None,
            },
        };
        layer.interval(row)
    }

    /// Whether more of it is faster; `None` for what is no speed.
    fn more_is_faster(&self) -> Option<bool> {
        const TIMES: [&str; 4] = ["ttft_", "tpot_", "itl_", "e2e_"];
        match self {
            Self::Layer(layer) => match layer {
                Layer::Throughput | Layer::PerUser | Layer::Goodput => Some(true),
                Layer::TtftP50 | Layer::TtftP95 | Layer::TpotP50 | Layer::E2eP50 => Some(false),
                Layer::Errors | Layer::Energy | Layer::GpuBusy | Layer::PeakMemory => None,
            },
            Self::Column(column) if column.ends_with("_tps") || column == "tps_per_user" => {
                Some(true)
            }
            Self::Column(column) => {
                let is_time = TIMES.iter().any(|start| column.starts_with(start));
                (is_time && column.ends_with("_s")).then_some(false)
            }
        }
    }

    /// "180.9 to 187.1", with more digits where the two would look alike.
    pub fn bounds_text(&self, interval: Interval) -> String {
        let ends = [interval.low, interval.high];
        let [low, high] = ends.map(|end| self.text(end));
        if low != high {
            return format!("{low} to {high}");
        }
        let [low, high] = ends.map(|end| format!("{end:.6}"));
        format!("{low} to {high}")
    }

    /// "± 3.1" where the figure stands in the middle, else its bounds.
    pub fn reach_text(&self, figure: &Figure) -> Option<String> {
        let interval = figure.interval?;
        let below = self.text(figure.mean - interval.low);
        let above = self.text(interval.high - figure.mean);
        let vanishes = above.bytes().all(|b| matches!(b, b'0' | b'.'));
        Some(if below == above && !vanishes {
            format!("± {above}")
        } else {
            self.bounds_text(interval)
        })
    }

    /// With as many digits as are worth reading, without the unit.
    pub fn text(&self, value: f64) -> String {
        match self {
            Self::Layer(layer) => layer.precise(value),
            Self::Column(column) => format!("{value:.*}", decimals(column)),
        }
    }
}

/// A bound is no figure of its own: it belongs to one.
fn is_bound(column: &str) -> bool {
    ["_low_", "_high_"].iter().any(|part| column.contains(part))
}

/// The same in each row, so that figures stand beneath each other.
fn decimals(column: &str) -> usize {
    const COUNTED: [&str; 6] = [
        "errors",
        "requests",
        "total_tokens",
        "prompt_tokens",
        "cached_tokens",
        "window_completions",
    ];
    let ends = |ends: &[&str]| ends.iter().any(|end| column.ends_with(end));
    match column {
        _ if COUNTED.contains(&column) || ends(&["_n", "_bytes", "_retries"]) => 0,
        _ if ends(&["_s", "_ratio", "_j_per_token"]) => 4,
        _ => 1,
    }
}

fn columns(row: &CellRow) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(row) {
        Ok(serde_json::Value::Object(columns)) => columns,
        _ => serde_json::Map::new(),
    }
}

/// Letters to change, add or leave out (V. Levenshtein, 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut line: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut line[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let change = before + usize::from(from != *to);
            before = line[j + 1];
            line[j + 1] = change.min(line[j] + 1).min(before + 1);
        }
    }
    line[b.len()]
}

/// What a run shows in a combination, over its valid repeats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    pub mean: f64,
    /// Least and greatest of the repeats.
    pub low: f64,
    pub high: f64,
    pub repeats: u32,
    /// Of the mean, with 95 % confidence; `None` where there are too few samples to tell.
    pub interval: Option<Interval>,
}

impl Figure {
    /// `within` is the interval that a single row has.
    pub(super) fn of(
        board: &Board,
        members: &[usize],
        value: impl Fn(&CellRow) -> Option<f64>,
        within: impl Fn(&CellRow) -> Option<Interval>,
    ) -> Option<Self> {
        let mut values = Vec::with_capacity(members.len());
        let mut of_first = None;
        for entry in members.iter().filter_map(|member| board.entry(*member)) {
            let valid = entry.state() == CellState::Done;
            let Some(row) = valid.then(|| entry.row()).flatten() else {
                continue;
            };
            let Some(value) = value(&row).filter(|value| value.is_finite()) else {
                continue;
            };
            if values.is_empty() {
                of_first = within(&row);
            }
            values.push(value);
        }
        Some(Self {
            mean: crate::measure::stats::mean(&values)?,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            repeats: u32::try_from(values.len()).unwrap_or(u32::MAX),
            interval: interval::of_cell(&values, of_first),
        })
    }

    /// What its interval stands on.
    pub const fn basis(&self) -> Basis {
        Basis::of(self.repeats)
    }
}

/// Whether the 95 % intervals of two figures have anything in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    Apart,
    Overlaps,
    /// One of them has no interval: how far it spreads is not known.
    Unknown,
}

/// What can be said of a difference. Faster is more tokens per second, or less time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Faster,
    Slower,
    /// Of what is no speed, as memory.
    Higher,
    Lower,
    /// The intervals overlap.
    NoDifference,
    /// One of the figures has no interval.
    NoInterval,
}

impl Verdict {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NoDifference => "no difference shown",
            Self::NoInterval => "no interval",
        }
    }
}

/// A cell of two runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    pub base: Option<Figure>,
    pub other: Option<Figure>,
    /// Of the base, signed; `None` where one is missing or the base is zero and the other is not.
    pub percent: Option<f64>,
    pub overlap: Overlap,
    /// Why these two figures say nothing of each other, as a sentence.
    pub not_compared: Option<&'static str>,
}

impl Delta {
    pub(super) fn between(base: Option<Figure>, other: Option<Figure>) -> Self {
        let both = base.zip(other);
        let percent = both.and_then(|(base, other)| {
            let apart = other.mean - base.mean;
            if apart == 0.0 {
                return Some(0.0);
            }
            let percent = apart / base.mean.abs() * 100.0;
            percent.is_finite().then_some(percent)
        });
        let intervals = both.and_then(|(base, other)| base.interval.zip(other.interval));
        let overlap = match intervals {
            Some((base, other)) if base.overlaps(other) => Overlap::Overlaps,
            Some(_) => Overlap::Apart,
            None => Overlap::Unknown,
        };
        Self {
            base,
            other,
            percent,
            overlap,
            not_compared: None,
        }
    }

    /// The figures stay, what would set them against each other goes.
    pub(super) fn forbidden(self, why: &'static str) -> Self {
        Self {
            percent: None,
            overlap: Overlap::Unknown,
            not_compared: Some(why),
            ..self
        }
    }

    /// What the intervals allow to say of `other`; `None` where one of the runs has no figure, or
    /// the two may not be compared.
    pub fn verdict(&self, measure: &Measure) -> Option<Verdict> {
        if self.not_compared.is_some() {
            return None;
        }
        let (base, other) = self.base.zip(self.other)?;
        let more = other.mean > base.mean;
        Some(match (self.overlap, measure.more_is_faster()) {
            (Overlap::Unknown, _) => Verdict::NoInterval,
            (Overlap::Overlaps, _) => Verdict::NoDifference,
            (Overlap::Apart, Some(faster)) if more == faster => Verdict::Faster,
            (Overlap::Apart, Some(_)) => Verdict::Slower,
            (Overlap::Apart, None) if more => Verdict::Higher,
            (Overlap::Apart, None) => Verdict::Lower,
        })
    }

    /// The verdict in words. One that stands on a single window says so: the machine may have done
    /// something else at the time of the other.
    pub fn verdict_text(&self, measure: &Measure) -> Option<String> {
        let verdict = self.verdict(measure)?;
        let figures = [self.base, self.other];
        let one_window = figures
            .iter()
            .flatten()
            .any(|figure| figure.basis() == Basis::OneWindow);
        let word = verdict.text();
        Some(match self.overlap {
            Overlap::Apart if one_window => format!("{word} (one window)"),
            _ => word.to_owned(),
        })
    }

    /// "+3.2 %", signed; blank where there is none.
    pub fn percent_text(&self) -> String {
        self.percent.map(percent_text).unwrap_or_default()
    }
}

/// As in "+3.2", without the unit.
pub fn percent_text(percent: f64) -> String {
    // What rounds to zero has no sign.
    if percent.abs() < 0.05 {
        return "0.0".to_owned();
    }
    format!("{percent:+.1}")
}
