//! The figure that is compared, and how far two of them are apart.

use std::fmt;

use serde::Serialize;

use crate::board::{Board, CellState, Layer};
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
const NO_FIGURES: [&str; 23] = [
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
            names.filter(|column| !NO_FIGURES.contains(column))
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

    /// With as many digits as are worth reading, without the unit.
    pub fn text(&self, value: f64) -> String {
        match self {
            Self::Layer(layer) => layer.precise(value),
            Self::Column(column) => format!("{value:.*}", decimals(column)),
        }
    }
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
        _ if ends(&["_s", "_ratio"]) => 4,
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
}

impl Figure {
    pub(super) fn of(
        board: &Board,
        members: &[usize],
        value: impl Fn(&CellRow) -> Option<f64>,
    ) -> Option<Self> {
        let mut found: Option<(f64, Self)> = None;
        for entry in members.iter().filter_map(|member| board.entry(*member)) {
            let valid = entry.state() == CellState::Done;
            let row = valid.then(|| entry.row()).flatten();
            let value = row.and_then(|row| value(&row));
            let Some(value) = value.filter(|value| value.is_finite()) else {
                continue;
            };
            let (sum, figure) = found.get_or_insert((
                0.0,
                Self {
                    mean: value,
                    low: value,
                    high: value,
                    repeats: 0,
                },
            ));
            *sum += value;
            figure.repeats += 1;
            figure.low = figure.low.min(value);
            figure.high = figure.high.max(value);
            figure.mean = *sum / f64::from(figure.repeats);
        }
        found.map(|(_, figure)| figure)
    }
}

/// Whether two figures are apart by more than they spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    Apart,
    Overlaps,
    /// One of them has fewer than two repeats: how far it spreads is not known.
    Unknown,
}

impl Overlap {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Overlaps => "overlap",
            Self::Unknown => "unknown",
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
        let overlap = match both {
            Some((base, other)) if base.repeats >= 2 && other.repeats >= 2 => {
                if base.low <= other.high && other.low <= base.high {
                    Overlap::Overlaps
                } else {
                    Overlap::Apart
                }
            }
            _ => Overlap::Unknown,
        };
        Self {
            base,
            other,
            percent,
            overlap,
        }
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
