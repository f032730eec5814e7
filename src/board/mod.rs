//! A run as a grid of cells, live or from disk: what the heatmap, the table and the detail show.
//! Pure data, prepared when something changed and only read while drawing.
//!
//! ```text
//! RunState (plan, states, rows) ──▶ Board::of_plan ──┐
//! LoadedRun (rows, plan if any) ──▶ Board::of_run  ──┴▶ entries ──▶ grid(x, y, layer) ──▶ GridView
//! ```

mod coordinate;
mod entry;
mod estimate;
mod grid;
mod layer;
mod lines;
mod pareto;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub use coordinate::{Coordinate, Dimension};
pub use entry::{CellState, Entry};
pub use estimate::Estimate;
pub use grid::{GridCell, GridGroup, GridView};
pub use layer::Layer;
pub use lines::{LinePoint, LinesView, RunLine};
pub use pareto::{ParetoPoint, ParetoView};
use strum::IntoEnumIterator as _;

use crate::plan::{Axis, Cell};
use crate::store::library::LoadedRun;
use crate::store::row::CellRow;

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

/// The combination with the most tokens per second among the valid ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Position in [`Board::entries`]; of several repeats, the fastest.
    pub entry: usize,
    /// Averaged over the valid repeats, in tokens per second.
    pub throughput_tps: f64,
}

/// All cells of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    dimensions: Vec<DimensionValues>,
    entries: Vec<Entry>,
    /// Positions of the entries that differ in nothing but their repeat, in order of appearance.
    combinations: Vec<Vec<usize>>,
    layers: Vec<Layer>,
    best: Option<(usize, Best)>,
}

/// A cell before its place in the grid is known.
struct Draft {
    cell: u32,
    axes: Vec<(Axis, Coordinate)>,
    /// `None` where the file does not count repeats.
    repeat: Option<u32>,
    state: CellState,
    row: Option<Arc<CellRow>>,
}

impl Board {
    /// The cells of a plan, each with its state and, once it has ended, its row. `found` is asked
    /// with a cell's position in `cells`.
    pub fn of_plan(
        cells: &[Cell],
        mut found: impl FnMut(usize) -> (CellState, Option<Arc<CellRow>>),
    ) -> Self {
        let drafts = cells.iter().enumerate().map(|(position, cell)| {
            let (state, row) = found(position);
            Draft {
                cell: cell.index,
                axes: coordinate::of_cell(cell),
                repeat: Some(cell.repeat),
                state,
                row,
            }
        });
        Self::of(drafts)
    }

    /// The rows of a file without a plan. Rows that repeat a combination are its repeats.
    pub fn of_rows(rows: &[Arc<CellRow>]) -> Self {
        let drafts = rows.iter().map(|row| Draft {
            cell: row.cell,
            axes: coordinate::of_row(row),
            repeat: Some(row.repeat).filter(|&repeat| repeat > 0),
            state: CellState::of_row(row),
            row: Some(Arc::clone(row)),
        });
        Self::of(drafts)
    }

    /// A run from disk: every cell of its plan, or the rows alone where there is no plan or the
    /// rows do not belong to it.
    pub fn of_run(run: &LoadedRun) -> Self {
        let rows = &run.rows;
        let Some(metadata) = &run.metadata else {
            return Self::of_rows(rows);
        };
        let cells = &metadata.plan.cells;
        let mut by_cell: HashMap<u32, &Arc<CellRow>> = HashMap::new();
        for row in rows {
            by_cell.entry(row.cell).or_insert(row);
        }
        let matched = cells
            .iter()
            .filter(|cell| {
                by_cell
                    .get(&cell.index)
                    .is_some_and(|row| row.belongs_to(cell))
            })
            .count();
        if matched < by_cell.len() {
            return Self::of_rows(rows);
        }
        Self::of_plan(cells, |position| {
            match by_cell.get(&cells[position].index) {
                Some(row) => (CellState::of_row(row), Some(Arc::clone(row))),
                None => (CellState::Waiting, None),
            }
        })
    }

    fn of(drafts: impl Iterator<Item = Draft>) -> Self {
        let mut gathered = coordinate::Gathered::default();
        let mut entries: Vec<Entry> = Vec::with_capacity(drafts.size_hint().0);
        let mut told: Vec<Option<u32>> = Vec::with_capacity(drafts.size_hint().0);
        for draft in drafts {
            gathered.push(draft.axes);
            told.push(draft.repeat);
            entries.push(Entry::new(draft.cell, draft.state, draft.row));
        }
        let (mut dimensions, places) = gathered.finish();
        let mut combination_of: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut combinations: Vec<Vec<usize>> = Vec::new();
        let mut repeats: Vec<u32> = Vec::with_capacity(entries.len());
        for (position, (told, place)) in told.iter().zip(&places).enumerate() {
            let combination = if let Some(&known) = combination_of.get(place.as_slice()) {
                known
            } else {
                combination_of.insert(place.clone(), combinations.len());
                combinations.push(Vec::new());
                combinations.len() - 1
            };
            combinations[combination].push(position);
            let counted = combinations[combination].len() as u32;
            repeats.push(told.unwrap_or(counted));
        }
        let mut repeat_values = repeats.clone();
        repeat_values.sort_unstable();
        repeat_values.dedup();
        for ((entry, mut place), repeat) in entries.iter_mut().zip(places).zip(&repeats) {
            let (Ok(at) | Err(at)) = repeat_values.binary_search(repeat);
            place.push(at as u32);
            entry.set_places(place);
        }
        let number = |repeat: u32| Coordinate::Number(u64::from(repeat));
        dimensions.push(DimensionValues {
            dimension: Dimension::Repeat,
            values: repeat_values.into_iter().map(number).collect(),
        });
        let mut board = Self {
            layers: layers(&entries),
            dimensions,
            entries,
            combinations,
            best: None,
        };
        board.best = board.find_best();
        board
    }

    fn find_best(&self) -> Option<(usize, Best)> {
        let mut best: Option<(usize, Best)> = None;
        for (number, members) in self.combinations.iter().enumerate() {
            let valid = || {
                members
                    .iter()
                    .filter(|&&member| self.entries[member].state == CellState::Done)
            };
            let tps = |member: usize| self.entries[member].value(Layer::Throughput);
            let Some(mean) = mean(valid().filter_map(|&member| tps(member))) else {
                continue;
            };
            if mean <= 0.0 || best.is_some_and(|(_, best)| best.throughput_tps >= mean) {
                continue;
            }
            let fastest = valid().copied().max_by(|&a, &b| {
                tps(a)
                    .partial_cmp(&tps(b))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            if let Some(entry) = fastest {
                best = Some((
                    number,
                    Best {
                        entry,
                        throughput_tps: mean,
                    },
                ));
            }
        }
        best
    }

    /// In the plan's order, or the file's.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Positions in [`Board::entries`] of those that differ in nothing but their repeat.
    pub fn combinations(&self) -> &[Vec<usize>] {
        &self.combinations
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
        let place = *self.entries.get(entry)?.places().get(number)?;
        values.values.get(place as usize)
    }

    fn dimension(&self, dimension: &Dimension) -> Option<(usize, &DimensionValues)> {
        self.dimensions
            .iter()
            .enumerate()
            .find(|(_, values)| values.dimension == *dimension)
    }

    pub fn best(&self) -> Option<Best> {
        self.best.map(|(_, best)| best)
    }

    /// All repeats of an entry's combination, itself among them.
    pub fn repeats(&self, entry: usize) -> &[usize] {
        let mut combinations = self.combinations.iter();
        combinations
            .find(|members| members.contains(&entry))
            .map_or(&[], Vec::as_slice)
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
        let Some(found) = self.entries.get(entry) else {
            return String::new();
        };
        let is_repeat = |values: &DimensionValues| values.dimension == Dimension::Repeat;
        let any_varies = self.dimensions.iter().any(|v| v.varies() && !is_repeat(v));
        let shown = |values: &DimensionValues| {
            if is_repeat(values) {
                with_repeat && values.varies()
            } else {
                values.varies() || !any_varies
            }
        };
        self.dimensions
            .iter()
            .zip(found.places())
            .filter(|(values, _)| shown(values))
            .map(|(values, place)| values.dimension.with(&values.values[*place as usize]))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The two dimensions to show first: across what loads the servers, down what they were
    /// started with. Where fewer than two vary, one that does not fills the place. `None` for an
    /// empty board.
    pub fn default_axes(&self) -> Option<(Dimension, Dimension)> {
        const ACROSS: [Axis; 6] = [
            Axis::Concurrency,
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::PromptTokens,
            Axis::MaxTokens,
            Axis::Instances,
        ];
        const DOWN: [Axis; 6] = [
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::MaxTokens,
            Axis::PromptTokens,
            Axis::Instances,
            Axis::Concurrency,
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

/// Found in one pass: rows lie scattered in memory, and a long file has many.
fn layers(entries: &[Entry]) -> Vec<Layer> {
    let mut missing: Vec<Layer> = Layer::iter().collect();
    for entry in entries {
        missing.retain(|layer| entry.value(*layer).is_none());
        if missing.is_empty() {
            break;
        }
    }
    Layer::iter().filter(|l| !missing.contains(l)).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}
