//! A board seen along two of its dimensions, with small multiples over the rest.

use std::collections::BTreeMap;

use super::{Board, CellState, Dimension, DimensionValues, Layer, mean};

/// What a heatmap draws.
#[derive(Debug, Clone, PartialEq)]
pub struct GridView {
    pub layer: Layer,
    /// Names of the two dimensions: across and down.
    pub x_name: String,
    pub y_name: String,
    /// Labels of the columns from left to right, the same in every group.
    pub columns: Vec<String>,
    /// Labels of the rows from top to bottom.
    pub rows: Vec<String>,
    pub groups: Vec<GridGroup>,
    /// Least and greatest figure of the valid cells, over all groups: the ends of the colour bar.
    pub range: Option<(f64, f64)>,
}

/// One small multiple.
#[derive(Debug, Clone, PartialEq)]
pub struct GridGroup {
    /// "Instances 2 · Prompt concurrency 4"; empty where there is but one group.
    pub heading: String,
    /// Row after row, `rows.len() * columns.len()` of them; `None` where the run has no such cell.
    pub cells: Vec<Option<GridCell>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GridCell {
    /// Position in [`Board::entries`] of the cell to select: of several repeats, the first that
    /// has this state.
    pub entry: usize,
    /// All repeats that are shown here.
    pub repeats: Vec<usize>,
    pub state: CellState,
    /// Averaged over the repeats with this state; of an invalid cell too. Not of one that runs.
    pub value: Option<f64>,
    /// The running cell's tokens per second now, whatever the layer; see [`GridView::set_live`].
    pub live_tps: Option<f64>,
    /// The run's best combination by throughput, in every layer.
    pub best: bool,
    /// What a screen reader says and a test looks for.
    pub name: String,
}

impl GridView {
    /// The cell at a column and row of a group.
    pub fn cell(&self, group: usize, column: usize, row: usize) -> Option<&GridCell> {
        let position = row * self.columns.len() + column;
        (column < self.columns.len())
            .then(|| self.groups.get(group)?.cells.get(position)?.as_ref())
            .flatten()
    }

    /// Shows the running cell's figure of this moment, without grouping everything anew.
    pub fn set_live(&mut self, throughput_tps: Option<f64>) {
        let running = self
            .groups
            .iter_mut()
            .flat_map(|group| &mut group.cells)
            .flatten()
            .filter(|cell| cell.state == CellState::Running);
        for cell in running {
            cell.live_tps = throughput_tps;
        }
    }
}

impl Board {
    /// The board along `x` and `y`, averaged over repeats, one group for each combination of the
    /// other dimensions that vary. Without groups where the board lacks one of the two.
    pub fn grid(&self, x: &Dimension, y: &Dimension, layer: Layer) -> GridView {
        let mut view = GridView {
            layer,
            x_name: x.to_string(),
            y_name: y.to_string(),
            columns: Vec::new(),
            rows: Vec::new(),
            groups: Vec::new(),
            range: None,
        };
        let (Some((x, x_values)), Some((y, y_values))) = (self.dimension(x), self.dimension(y))
        else {
            return view;
        };
        if x == y {
            return view;
        }
        view.columns = labels(x_values);
        view.rows = labels(y_values);
        let rest: Vec<usize> = (0..self.dimensions.len())
            .filter(|&d| d != x && d != y)
            .filter(|&d| self.dimensions[d].varies())
            .filter(|&d| self.dimensions[d].dimension != Dimension::Repeat)
            .collect();
        let size = view.columns.len() * view.rows.len();
        let mut groups: BTreeMap<Vec<u32>, Vec<Option<GridCell>>> = BTreeMap::new();
        for (number, members) in self.combinations.iter().enumerate() {
            let places = self.entries[members[0]].places();
            let key: Vec<u32> = rest.iter().map(|&d| places[d]).collect();
            let cells = groups.entry(key).or_insert_with(|| vec![None; size]);
            let at = |places: &[u32]| places[y] as usize * view.columns.len() + places[x] as usize;
            // Only where repeats are an axis can members of one combination stand apart.
            let mut by_place: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for &member in members {
                let position = at(self.entries[member].places());
                by_place.entry(position).or_default().push(member);
            }
            for (position, members) in by_place {
                let cell = self.grid_cell(number, members, layer);
                if let (Some(value), CellState::Done) = (cell.value, &cell.state) {
                    let (low, high) = view.range.unwrap_or((value, value));
                    view.range = Some((low.min(value), high.max(value)));
                }
                cells[position] = Some(cell);
            }
        }
        view.groups = groups
            .into_iter()
            .map(|(key, cells)| GridGroup {
                heading: self.heading(&rest, &key),
                cells,
            })
            .collect();
        view
    }

    pub(super) fn heading(&self, rest: &[usize], key: &[u32]) -> String {
        let parts = rest.iter().zip(key).map(|(&d, &place)| {
            let values = &self.dimensions[d];
            format!("{} {}", values.dimension, values.values[place as usize])
        });
        parts.collect::<Vec<_>>().join(" · ")
    }

    fn grid_cell(&self, combination: usize, members: Vec<usize>, layer: Layer) -> GridCell {
        let rank = |member: &usize| self.entries[*member].state.rank();
        let entry = members.iter().copied().min_by_key(rank).unwrap_or_default();
        let state = self.entries[entry].state.clone();
        let alike: Vec<usize> = members
            .iter()
            .copied()
            .filter(|member| self.entries[*member].state.rank() == state.rank())
            .collect();
        let value = match state {
            CellState::Running | CellState::Waiting => None,
            _ => mean(alike.iter().filter_map(|m| self.entries[*m].value(layer))),
        };
        let best = self
            .best
            .is_some_and(|(best, _)| best == combination && state == CellState::Done);
        let name = self.name(entry, &members, alike.len(), layer, value, best);
        GridCell {
            entry,
            repeats: members,
            state,
            value,
            live_tps: None,
            best,
            name,
        }
    }

    /// "concurrency 8, decode concurrency 32: 354.9 tokens/s, mean of 2 of 3 repeats, best".
    fn name(
        &self,
        entry: usize,
        members: &[usize],
        averaged: usize,
        layer: Layer,
        value: Option<f64>,
        best: bool,
    ) -> String {
        let found = &self.entries[entry];
        let mut parts = Vec::new();
        if found.state != CellState::Done {
            parts.push(found.state.text());
        }
        match value {
            Some(value) => parts.push(layer.with_unit(value)),
            None if found.state == CellState::Done => parts.push("not measured".to_owned()),
            None => {}
        }
        if members.len() > 1 {
            parts.push(if averaged == members.len() {
                format!("mean of {averaged} repeats")
            } else {
                format!("{averaged} of {} repeats", members.len())
            });
        }
        if best {
            parts.push("best".to_owned());
        }
        // Where one repeat stands alone, its number belongs to its name.
        let label = self.described(entry, members.len() == 1);
        format!("{label}: {}", parts.join(", "))
    }
}

fn labels(values: &DimensionValues) -> Vec<String> {
    values.values.iter().map(ToString::to_string).collect()
}
