//! Where a cell stands: dimensions and the values that they take.

use std::fmt;

use crate::plan::{Axis, Cell, Delivery};
use crate::settings::Rate;
use crate::store::row::CellRow;

/// What cells of a run may differ in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    Axis(Axis),
    /// The same combination, measured again. Grids average over it.
    Repeat,
}

/// As people read it: "Decode concurrency", "--prefill-step-size".
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Axis(Axis::Instances) => "Instances",
            Self::Axis(Axis::DecodeConcurrency) => "Decode concurrency",
            Self::Axis(Axis::PromptConcurrency) => "Prompt concurrency",
            Self::Axis(Axis::Concurrency) => "Concurrency",
            Self::Axis(Axis::MaxTokens) => "Max tokens",
            Self::Axis(Axis::PromptTokens) => "Prompt tokens",
            Self::Axis(Axis::RequestRate) => "Request rate",
            Self::Axis(Axis::Delivery) => "Delivery",
            Self::Axis(Axis::Flag(flag)) => flag,
            Self::Repeat => "Repeat",
        })
    }
}

impl Dimension {
    /// "concurrency 8", "--top-k default": in the middle of a sentence.
    pub fn with(&self, value: &Coordinate) -> String {
        match self {
            Self::Axis(Axis::Flag(flag)) => format!("{flag} {value}"),
            _ => format!("{} {value}", self.to_string().to_lowercase()),
        }
    }
}

/// A value on a dimension. Numbers come first in order of size, the server's own default last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coordinate {
    Number(u64),
    Rate(Rate),
    Text(String),
    /// Nothing was asked for: the server's own default, or a prompt as it is.
    Default,
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Default => "default".fmt(f),
        }
    }
}

impl Coordinate {
    fn of_flag(value: &str) -> Self {
        match value.parse::<u64>() {
            // "08" and "+8" are other texts on the command line than "8".
            Ok(number) if number.to_string() == value => Self::Number(number),
            _ if value.is_empty() => Self::Default,
            _ => Self::Text(value.to_owned()),
        }
    }
}

impl From<Option<u32>> for Coordinate {
    fn from(value: Option<u32>) -> Self {
        value.map_or(Self::Default, |value| Self::Number(u64::from(value)))
    }
}

pub(super) fn of_cell(cell: &Cell) -> impl Iterator<Item = (Axis, Coordinate)> {
    let (point, load) = (&cell.point, &cell.load);
    let flags = point.flags.iter();
    let counts = [
        Some(point.instances),
        point.decode_concurrency,
        point.prompt_concurrency,
        // Where requests come at a rate, it is but a cap.
        Some(load.concurrency).filter(|_| load.request_rate.is_none()),
        Some(load.max_tokens),
        load.prompt_tokens,
    ];
    built_in(counts, load.request_rate, load.delivery)
        .chain(flags.map(|f| (Axis::Flag(f.flag.clone()), Coordinate::of_flag(&f.value))))
}

/// Another lab's row has 0 where its format has no such column.
pub(super) fn of_row(row: &CellRow) -> impl Iterator<Item = (Axis, Coordinate)> {
    let known = |value: u32| Some(value).filter(|&value| value > 0);
    let flags = row.axes().into_iter();
    let counts = [
        known(row.instances),
        row.decode_concurrency,
        row.prompt_concurrency,
        known(row.concurrency).filter(|_| row.request_rate_rps.is_none()),
        row.max_tokens,
        row.asked_prompt_tokens,
    ];
    built_in(counts, row.request_rate_rps, row.delivery)
        .chain(flags.map(|f| (Axis::Flag(f.flag), Coordinate::of_flag(&f.value))))
}

/// The counts stand in the order of [`Axis::BUILT_IN`], whose last two are the rate and the delivery.
fn built_in(
    counts: [Option<u32>; 6],
    rate: Option<Rate>,
    delivery: Option<Delivery>,
) -> impl Iterator<Item = (Axis, Coordinate)> {
    let rate = rate.map_or(Coordinate::Default, Coordinate::Rate);
    let delivery = delivery.map(|delivery| Coordinate::Text(delivery.to_string()));
    let delivery = delivery.unwrap_or(Coordinate::Default);
    let values = counts.map(Coordinate::from).into_iter();
    let values = values.chain([rate, delivery]);
    Axis::BUILT_IN.into_iter().zip(values)
}
