//! Where a cell stands: dimensions and the values that they take.

use std::collections::HashMap;
use std::fmt;

use super::DimensionValues;
use crate::plan::{Axis, Cell};
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
    Text(String),
    /// Nothing was asked for: the server's own default, or a prompt as it is.
    Default,
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
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

pub(super) fn of_cell(cell: &Cell) -> Vec<(Axis, Coordinate)> {
    let (point, load) = (&cell.point, &cell.load);
    let mut axes = built_in([
        Some(point.instances),
        point.decode_concurrency,
        point.prompt_concurrency,
        Some(load.concurrency),
        Some(load.max_tokens),
        load.prompt_tokens,
    ]);
    axes.extend(
        point
            .flags
            .iter()
            .map(|f| (Axis::Flag(f.flag.clone()), Coordinate::of_flag(&f.value))),
    );
    axes
}

/// Another lab's row has 0 where its format has no such column.
pub(super) fn of_row(row: &CellRow) -> Vec<(Axis, Coordinate)> {
    let known = |value: u32| Some(value).filter(|&value| value > 0);
    let mut axes = built_in([
        known(row.instances),
        row.decode_concurrency,
        row.prompt_concurrency,
        known(row.concurrency),
        row.max_tokens,
        row.asked_prompt_tokens,
    ]);
    axes.extend(
        row.axes()
            .into_iter()
            .map(|f| (Axis::Flag(f.flag), Coordinate::of_flag(&f.value))),
    );
    axes
}

fn built_in(values: [Option<u32>; 6]) -> Vec<(Axis, Coordinate)> {
    Axis::BUILT_IN
        .into_iter()
        .zip(values.map(Coordinate::from))
        .collect()
}

/// The dimensions of cells, gathered cell by cell: a long run's coordinates are never all held.
#[derive(Default)]
pub(super) struct Gathered {
    columns: Vec<Column>,
    /// Per cell, its value's number in each column; a cell that came before a column is shorter.
    places: Vec<Vec<u32>>,
}

struct Column {
    axis: Axis,
    /// Values in the order in which they were first seen, the default before all.
    values: Vec<Coordinate>,
    numbers: HashMap<Coordinate, u32>,
    /// Neighbours often share a value.
    last: u32,
}

/// Of [`Coordinate::Default`], in every column.
const DEFAULT: u32 = 0;

impl Column {
    fn new(axis: Axis) -> Self {
        Self {
            axis,
            values: vec![Coordinate::Default],
            numbers: HashMap::from([(Coordinate::Default, DEFAULT)]),
            last: DEFAULT,
        }
    }

    fn number(&mut self, value: Coordinate) -> u32 {
        if self.values[self.last as usize] != value {
            self.last = match self.numbers.get(&value) {
                Some(&number) => number,
                None => {
                    let number = self.values.len() as u32;
                    self.values.push(value.clone());
                    self.numbers.insert(value, number);
                    number
                }
            };
        }
        self.last
    }
}

impl Gathered {
    pub fn push(&mut self, axes: Vec<(Axis, Coordinate)>) {
        // One more for the repeat, which comes last.
        let mut place = Vec::with_capacity(self.columns.len().max(axes.len()) + 1);
        place.resize(self.columns.len(), DEFAULT);
        for (nth, (axis, value)) in axes.into_iter().enumerate() {
            // Nearly always in the same order.
            let column = match self.columns.get(nth) {
                Some(column) if column.axis == axis => nth,
                _ => match self.columns.iter().position(|column| column.axis == axis) {
                    Some(known) => known,
                    None => {
                        self.columns.push(Column::new(axis));
                        place.push(DEFAULT);
                        self.columns.len() - 1
                    }
                },
            };
            place[column] = self.columns[column].number(value);
        }
        self.places.push(place);
    }

    /// The dimensions without the repeat, and each cell's place on them. A dimension that no cell
    /// has a value on is left out.
    pub fn finish(self) -> (Vec<DimensionValues>, Vec<Vec<u32>>) {
        let Self {
            columns,
            mut places,
        } = self;
        let mut used: Vec<Vec<bool>> = columns
            .iter()
            .map(|column| vec![false; column.values.len()])
            .collect();
        for place in &mut places {
            place.resize(columns.len(), DEFAULT);
            for (used, number) in used.iter_mut().zip(place) {
                used[*number as usize] = true;
            }
        }
        let mut dimensions = Vec::new();
        // Per column that stays: where it stood, and each number's place among the sorted values.
        let mut kept: Vec<(usize, Vec<u32>)> = Vec::new();
        for (nth, (column, used)) in columns.into_iter().zip(used).enumerate() {
            let mut order: Vec<usize> = (0..used.len()).filter(|&number| used[number]).collect();
            if order.iter().all(|&number| number == DEFAULT as usize) {
                continue;
            }
            order.sort_by(|&a, &b| column.values[a].cmp(&column.values[b]));
            let mut ranks = vec![0; used.len()];
            for (rank, &number) in order.iter().enumerate() {
                ranks[number] = rank as u32;
            }
            kept.push((nth, ranks));
            dimensions.push(DimensionValues {
                dimension: Dimension::Axis(column.axis),
                values: order.iter().map(|&n| column.values[n].clone()).collect(),
            });
        }
        for place in &mut places {
            for (to, (from, ranks)) in kept.iter().enumerate() {
                place[to] = ranks[place[*from] as usize];
            }
            place.truncate(kept.len());
        }
        (dimensions, places)
    }
}
