//! A run as a grid of cells, live or from disk: what the heatmap, the table and the detail show.
//! Pure data, prepared when something changed and only read while drawing.
//!
//! ```text
//! RunState (plan, states, rows) ──▶ Board::of_plan ──┐
//! LoadedRun (rows, plan if any) ──▶ Board::of_run  ──┴▶ entries ──▶ grid(x, y, layer) ──▶ GridView
//! ```

mod best;
mod combinations;
mod coordinate;
mod entry;
mod estimate;
mod figures;
mod gathered;
mod grid;
mod layer;
mod lines;
mod pareto;
mod rates;
mod rows;
mod taxes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

pub use best::Best;
use combinations::Combinations;
pub use coordinate::{Coordinate, Dimension};
pub use entry::{CellState, Entry, Why};
pub use estimate::Estimate;
use figures::Figures;
use gathered::Gathered;
pub use grid::{GridCell, GridGroup, GridView};
pub use layer::Layer;
pub use lines::{LinePoint, LinesView, RunLine};
pub use pareto::{ParetoPoint, ParetoView};
pub use rows::EntryRows;

use crate::measure::best::Ranking;
use crate::plan::{Axis, Cell};
use crate::store::library::{LoadedRun, Rows};
use crate::store::row::CellRow;
use crate::store::threads::in_ranges;

/// A dimension with every value that it takes in this run, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionValues {
    pub dimension: Dimension,
    pub values: Vec<Coordinate>,
}

impl DimensionValues {
    pub fn varies(&self) -> bool {
        self.values.len() > 1
    }
}

/// All cells of a run. Of a long file it holds twenty-odd bytes a cell: what a cell was measured to
/// be, but for its throughput, is read from the file's text when it is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// The repeat is the last.
    dimensions: Vec<DimensionValues>,
    combinations: Combinations,
    /// Per entry, the place of its repeat.
    repeats: Vec<u32>,
    states: Vec<CellState>,
    throughput: Figures,
    rows: EntryRows,
    layers: Vec<Layer>,
    /// Each combination by the entry of its fastest repeat.
    best: Option<Ranking<usize>>,
}

impl Board {
    /// The cells of a plan, each with its state and, once it has ended, its row. `found` is asked
    /// with a cell's position in `cells`.
    pub fn of_plan(
        cells: &[Cell],
        mut found: impl FnMut(usize) -> (CellState, Option<Arc<CellRow>>),
    ) -> Self {
        let mut gathered = Gathered::default();
        let mut rows = Vec::with_capacity(cells.len());
        for (position, cell) in cells.iter().enumerate() {
            let (state, row) = found(position);
            let axes = coordinate::of_cell(cell);
            gathered.push(axes, cell.repeat, state, row.as_deref());
            rows.push(row);
        }
        Self::of(gathered, EntryRows::Live(rows))
    }

    /// The rows of a file without a plan. Rows that repeat a combination are its repeats.
    pub fn of_rows(rows: &Rows) -> Self {
        let parts = in_ranges(rows.len(), |range| {
            let mut gathered = Gathered::default();
            gathered.reserve(range.len());
            for row in rows.range(range) {
                let state = CellState::of_row(&row);
                let axes = coordinate::of_row(&row);
                gathered.push(axes, row.repeat, state, Some(&*row));
            }
            gathered
        });
        let mut parts = parts.into_iter();
        let mut gathered = parts.next().unwrap_or_default();
        gathered.reserve(rows.len() - gathered.states.len());
        parts.for_each(|part| gathered.append(part));
        let rows = rows.clone();
        let numbers = None;
        Self::of(gathered, EntryRows::File { rows, numbers })
    }

    /// A run from disk: every cell of its plan, or the rows alone where there is no plan or the
    /// rows do not belong to it.
    pub fn of_run(run: &LoadedRun) -> Self {
        let rows = &run.rows;
        let Some(metadata) = &run.metadata else {
            return Self::of_rows(rows);
        };
        let cells = &metadata.plan.cells;
        let positions = cells.iter().enumerate();
        let positions: HashMap<u32, usize> = positions.map(|(p, cell)| (cell.index, p)).collect();
        // Each row's number in the plan, and its position there if it is that cell's.
        let found = in_ranges(rows.len(), |range| {
            let rows = rows.range(range);
            rows.map(|row| {
                let position = positions.get(&row.cell).copied();
                let its = |position: &usize| row.belongs_to(&cells[*position]);
                (row.cell, position.filter(its), CellState::of_row(&row))
            })
            .collect::<Vec<_>>()
        });
        let mut first_of: HashMap<u32, usize> = HashMap::new();
        let mut numbers = vec![None; cells.len()];
        let mut states = vec![CellState::open(&metadata.plan); cells.len()];
        for (number, (cell, position, state)) in found.into_iter().flatten().enumerate() {
            if first_of.insert(cell, number).is_some() {
                continue;
            }
            let Some(position) = position else {
                return Self::of_rows(rows);
            };
            numbers[position] = Some(number as u32);
            states[position] = state;
        }
        let mut gathered = Gathered::default();
        for ((cell, number), state) in cells.iter().zip(&numbers).zip(states) {
            let row = number.and_then(|number| rows.get(number as usize));
            let axes = coordinate::of_cell(cell);
            gathered.push(axes, cell.repeat, state, row.as_deref());
        }
        let rows = rows.clone();
        let numbers = Some(Arc::new(numbers));
        Self::of(gathered, EntryRows::File { rows, numbers })
    }

    fn of(mut gathered: Gathered, rows: EntryRows) -> Self {
        let layers = gathered.layers();
        let (mut dimensions, places) = gathered.places();
        let Gathered {
            combination_of,
            mut repeats,
            states,
            throughput,
            ..
        } = gathered;
        let combinations = Combinations::new(combination_of, places, dimensions.len());
        combinations.count_repeats(&mut repeats);
        let mut values = repeats.clone();
        values.sort_unstable();
        values.dedup();
        for repeat in &mut repeats {
            let (Ok(place) | Err(place)) = values.binary_search(repeat);
            *repeat = place as u32;
        }
        let number = |repeat: u32| Coordinate::Number(u64::from(repeat));
        dimensions.push(DimensionValues {
            dimension: Dimension::Repeat,
            values: values.into_iter().map(number).collect(),
        });
        let mut board = Self {
            dimensions,
            combinations,
            repeats,
            states,
            throughput,
            rows,
            layers,
            best: None,
        };
        board.best = board.find_best();
        board
    }

    /// A cell of a live run has come to another state, and has its row once it has ended. The board
    /// is then as if it had been made anew.
    pub fn set(&mut self, entry: usize, state: CellState, row: Option<Arc<CellRow>>) {
        let EntryRows::Live(rows) = &mut self.rows else {
            return;
        };
        if entry >= rows.len() {
            return;
        }
        let throughput = row.as_deref().and_then(|row| Layer::Throughput.value(row));
        let mut seen = Gathered::default();
        let before = std::mem::replace(&mut rows[entry], row);
        if before.is_some() {
            // What only it had is no more.
            rows.iter().flatten().for_each(|row| seen.add_layers(row));
        } else {
            self.layers.iter().for_each(|layer| seen.add_layer(*layer));
            rows[entry].iter().for_each(|row| seen.add_layers(row));
        }
        self.layers = seen.layers();
        self.states[entry] = state;
        self.throughput.set(entry, throughput);
        self.best = self.find_best();
    }

    /// In the plan's order, or the file's.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.len()).map(|position| Entry::at(self, position))
    }

    pub fn entry(&self, position: usize) -> Option<Entry<'_>> {
        (position < self.len()).then(|| Entry::at(self, position))
    }

    pub fn state(&self, entry: usize) -> Option<CellState> {
        self.states.get(entry).copied()
    }

    /// Where the entries' rows come from.
    pub fn rows(&self) -> &EntryRows {
        &self.rows
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Of each combination, the positions in [`Board::entries`] of those that differ in nothing but
    /// their repeat; in order of appearance.
    pub fn combinations(&self) -> impl Iterator<Item = &[u32]> {
        self.combinations.iter()
    }

    /// An entry's figure of `layer`, in the layer's unit.
    pub fn value(&self, entry: usize, layer: Layer) -> Option<f64> {
        match layer {
            Layer::Throughput => self.throughput.get(entry),
            _ => layer.value(&*self.rows.get(entry)?),
        }
    }

    /// Each entry's figure of `layer`; of a long file, cheaper than asking for each.
    pub fn values(&self, layer: Layer) -> Vec<Option<f64>> {
        let figures = self.figures(layer);
        (0..self.len()).map(|entry| figures.get(entry)).collect()
    }

    /// All entries' figures of `layer`.
    fn figures(&self, layer: Layer) -> Cow<'_, Figures> {
        if layer == Layer::Throughput {
            return Cow::Borrowed(&self.throughput);
        }
        if !self.layers.contains(&layer) {
            return Cow::Owned(self.states.iter().map(|_| None).collect());
        }
        let parts = in_ranges(self.len(), |range| {
            let figures = range.map(|entry| self.value(entry, layer));
            figures.collect::<Figures>()
        });
        let mut all = Figures::default();
        all.reserve_exact(self.len());
        for part in &parts {
            all.extend(part);
        }
        Cow::Owned(all)
    }

    /// Where an entry stands on the dimension of that number.
    fn place(&self, entry: usize, dimension: usize) -> u32 {
        match self.combinations.places(entry).get(dimension) {
            Some(place) => *place,
            None => self.repeats[entry],
        }
    }

    /// Those that vary first, else in the order in which axes are shown.
    pub fn dimensions(&self) -> Vec<&DimensionValues> {
        let (mut varying, fixed): (Vec<_>, Vec<_>) =
            self.dimensions.iter().partition(|d| d.varies());
        varying.extend(fixed);
        varying
    }

    /// The dimensions to choose from, in the order of [`Board::dimensions`]; repeats are averaged
    /// over, and none of them.
    pub fn axes(&self) -> Vec<Dimension> {
        self.dimensions()
            .into_iter()
            .map(|values| values.dimension.clone())
            .filter(|dimension| *dimension != Dimension::Repeat)
            .collect()
    }

    /// The layers to choose from: those with a figure, and throughput in any case.
    pub fn choosable_layers(&self) -> Vec<Layer> {
        let mut layers = self.layers();
        if !layers.contains(&Layer::Throughput) {
            layers.insert(0, Layer::Throughput);
        }
        layers
    }

    /// Where `entry` stands on `dimension`; `None` where the run has no such dimension.
    pub fn coordinate(&self, entry: usize, dimension: &Dimension) -> Option<&Coordinate> {
        let (number, values) = self.dimension(dimension)?;
        self.entry(entry)?;
        values.values.get(self.place(entry, number) as usize)
    }

    fn dimension(&self, dimension: &Dimension) -> Option<(usize, &DimensionValues)> {
        self.dimensions
            .iter()
            .enumerate()
            .find(|(_, values)| values.dimension == *dimension)
    }

    /// All repeats of an entry's combination, itself among them.
    pub fn repeats(&self, entry: usize) -> &[u32] {
        self.combinations.members_of(entry)
    }

    /// Layers of which at least one cell has a figure, in their own order.
    pub fn layers(&self) -> Vec<Layer> {
        self.layers.clone()
    }

    /// What sets this cell apart: "concurrency 8, decode concurrency 32, repeat 2". Where nothing
    /// but repeats varies, all that is known of it.
    pub fn label(&self, entry: usize) -> String {
        self.described(entry, true)
    }

    /// As [`Board::label`], of all its repeats together.
    pub fn combination_label(&self, entry: usize) -> String {
        self.described(entry, false)
    }

    fn described(&self, entry: usize, with_repeat: bool) -> String {
        if entry >= self.len() {
            return String::new();
        }
        let is_repeat = |values: &DimensionValues| values.dimension == Dimension::Repeat;
        let any_varies = self.dimensions.iter().any(|v| v.varies() && !is_repeat(v));
        let shown = |values: &DimensionValues| {
            if is_repeat(values) {
                with_repeat && values.varies()
            } else {
                values.varies() || !any_varies
            }
        };
        let dimensions = self.dimensions.iter().enumerate();
        dimensions
            .filter(|(_, values)| shown(values))
            .map(|(number, values)| {
                let place = self.place(entry, number) as usize;
                values.dimension.with(&values.values[place])
            })
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The two dimensions to show first: across what loads the servers, down what they were
    /// started with. Where fewer than two vary, one that does not fills the place. `None` for an
    /// empty board.
    pub fn default_axes(&self) -> Option<(Dimension, Dimension)> {
        const ACROSS: [Axis; 7] = [
            Axis::RequestRate,
            Axis::Concurrency,
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::PromptTokens,
            Axis::MaxTokens,
            Axis::Instances,
        ];
        const DOWN: [Axis; 7] = [
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::MaxTokens,
            Axis::PromptTokens,
            Axis::Instances,
            Axis::Concurrency,
            Axis::RequestRate,
        ];
        let of_flags = || {
            self.dimensions
                .iter()
                .map(|values| &values.dimension)
                .filter(|d| matches!(d, Dimension::Axis(Axis::Flag(_))))
                .cloned()
        };
        let pick = |order: &[Axis], taken: Option<&Dimension>| {
            let candidates: Vec<Dimension> = order
                .iter()
                .cloned()
                .map(Dimension::Axis)
                .chain(of_flags())
                .filter(|dimension| Some(dimension) != taken)
                .filter(|dimension| self.dimension(dimension).is_some())
                .collect();
            let varies = |d: &&Dimension| self.dimension(d).is_some_and(|(_, v)| v.varies());
            candidates
                .iter()
                .find(varies)
                .or_else(|| candidates.first())
                .cloned()
        };
        let x = pick(&ACROSS, None)?;
        let y = pick(&DOWN, Some(&x)).unwrap_or(Dimension::Repeat);
        Some((x, y))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}
