//! The cells of a board, gathered one by one: a long run's coordinates are never all held.

use std::collections::HashMap;

use strum::IntoEnumIterator as _;

use super::figures::Figures;
use super::{CellState, Coordinate, Dimension, DimensionValues, Layer};
use crate::plan::Axis;
use crate::store::row::CellRow;

/// Cells in their order, as columns.
#[derive(Default)]
pub(super) struct Gathered {
    columns: Vec<Column>,
    /// By the numbers of its values, without the defaults at the end: a column may come late.
    combinations: HashMap<Box<[u32]>, u32>,
    /// Per cell, the number of its combination, in order of appearance.
    pub combination_of: Vec<u32>,
    /// Per cell; 0 where the file does not count repeats.
    pub repeats: Vec<u32>,
    pub states: Vec<CellState>,
    pub throughput: Figures,
    layers: Vec<Layer>,
    /// Values of the cell at hand.
    key: Vec<u32>,
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
            self.last = if let Some(&number) = self.numbers.get(&value) {
                number
            } else {
                let number = self.values.len() as u32;
                self.values.push(value.clone());
                self.numbers.insert(value, number);
                number
            };
        }
        self.last
    }
}

impl Gathered {
    pub fn reserve(&mut self, cells: usize) {
        self.combination_of.reserve_exact(cells);
        self.repeats.reserve_exact(cells);
        self.states.reserve_exact(cells);
        self.throughput.reserve_exact(cells);
    }

    pub fn push(
        &mut self,
        axes: impl Iterator<Item = (Axis, Coordinate)>,
        repeat: u32,
        state: CellState,
        row: Option<&CellRow>,
    ) {
        self.key.clear();
        self.key.resize(self.columns.len(), DEFAULT);
        for (nth, (axis, value)) in axes.enumerate() {
            let column = self.column(nth, axis);
            self.key.resize(self.columns.len(), DEFAULT);
            self.key[column] = self.columns[column].number(value);
        }
        let combination = self.combination();
        self.combination_of.push(combination);
        self.repeats.push(repeat);
        self.states.push(state);
        self.throughput
            .push(row.and_then(|row| Layer::Throughput.value(row)));
        if let Some(row) = row {
            self.add_layers(row);
        }
    }

    /// The layers that a row has a figure of.
    pub fn add_layers(&mut self, row: &CellRow) {
        let missing = Layer::iter().filter(|layer| !self.layers.contains(layer));
        let new: Vec<Layer> = missing.filter(|l| l.value(row).is_some()).collect();
        self.layers.extend(new);
    }

    pub fn add_layer(&mut self, layer: Layer) {
        if !self.layers.contains(&layer) {
            self.layers.push(layer);
        }
    }

    /// Nearly always, the `nth` axis of a cell is the `nth` column.
    fn column(&mut self, nth: usize, axis: Axis) -> usize {
        let is_it = |column: &Column| column.axis == axis;
        if self.columns.get(nth).is_some_and(is_it) {
            return nth;
        }
        self.columns.iter().position(is_it).unwrap_or_else(|| {
            self.columns.push(Column::new(axis));
            self.columns.len() - 1
        })
    }

    /// The number of the combination whose values are in `key`.
    fn combination(&mut self) -> u32 {
        let used = self.key.iter().rposition(|&number| number != DEFAULT);
        let key = &self.key[..used.map_or(0, |last| last + 1)];
        if let Some(&known) = self.combinations.get(key) {
            return known;
        }
        let number = self.combinations.len() as u32;
        self.combinations.insert(key.into(), number);
        number
    }

    /// Takes the cells that come behind these.
    pub fn append(&mut self, behind: Self) {
        let translated: Vec<(usize, Vec<u32>)> = behind
            .columns
            .into_iter()
            .enumerate()
            .map(|(nth, theirs)| {
                let column = self.column(nth, theirs.axis);
                let ours = &mut self.columns[column];
                let numbers = theirs.values.into_iter().map(|value| ours.number(value));
                (column, numbers.collect())
            })
            .collect();
        let mut combinations: Vec<(Box<[u32]>, u32)> = behind.combinations.into_iter().collect();
        combinations.sort_unstable_by_key(|(_, number)| *number);
        let mut numbers = Vec::with_capacity(combinations.len());
        for (key, _) in combinations {
            self.key.clear();
            self.key.resize(self.columns.len(), DEFAULT);
            for (value, (column, values)) in key.iter().zip(&translated) {
                self.key[*column] = values[*value as usize];
            }
            numbers.push(self.combination());
        }
        let theirs = behind.combination_of.iter();
        self.combination_of
            .extend(theirs.map(|number| numbers[*number as usize]));
        self.repeats.extend(&behind.repeats);
        self.states.extend(&behind.states);
        self.throughput.extend(&behind.throughput);
        behind
            .layers
            .iter()
            .for_each(|layer| self.add_layer(*layer));
    }

    /// Layers of which at least one cell has a figure, in their own order.
    pub fn layers(&self) -> Vec<Layer> {
        Layer::iter().filter(|l| self.layers.contains(l)).collect()
    }

    /// The dimensions without the repeat, and each combination's places on them, one after the other.
    /// A dimension that no cell has a value on is left out.
    pub fn places(&mut self) -> (Vec<DimensionValues>, Vec<u32>) {
        let columns = std::mem::take(&mut self.columns);
        let combinations = std::mem::take(&mut self.combinations);
        let mut used: Vec<Vec<bool>> = columns
            .iter()
            .map(|column| vec![false; column.values.len()])
            .collect();
        for key in combinations.keys() {
            for (nth, used) in used.iter_mut().enumerate() {
                used[key.get(nth).copied().unwrap_or(DEFAULT) as usize] = true;
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
        let mut places = vec![0; combinations.len() * kept.len()];
        for (key, combination) in combinations {
            let from = combination as usize * kept.len();
            for (place, (nth, ranks)) in places[from..].iter_mut().zip(&kept) {
                let number = key.get(*nth).copied().unwrap_or(DEFAULT);
                *place = ranks[number as usize];
            }
        }
        (dimensions, places)
    }
}
