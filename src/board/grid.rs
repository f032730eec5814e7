//! A board seen along two of its dimensions, with small multiples over the rest.

use std::collections::BTreeMap;

use super::figures::Figures;
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
    /// Numbers of the dimensions across and down.
    axes: Option<(usize, usize)>,
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
    pub state: CellState,
    /// Averaged over the repeats with this state; of an invalid cell too. Not of one that runs.
    pub value: Option<f64>,
    /// The running cell's tokens per second now, whatever the layer; see [`GridView::set_live`].
    pub live_tps: Option<f64>,
    /// The run's best combination by throughput, in every layer.
    pub best: bool,
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
            axes: None,
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
        let repeat = self.dimensions.len() - 1;
        let rest: Vec<usize> = (0..repeat)
            .filter(|&d| d != x && d != y)
            .filter(|&d| self.dimensions[d].varies())
            .collect();
        view.axes = Some((x, y));
        let figures = self.figures(layer);
        let size = view.columns.len() * view.rows.len();
        let mut groups: BTreeMap<Vec<u32>, Vec<Option<GridCell>>> = BTreeMap::new();
        let mut key = Vec::new();
        for members in self.combinations.iter() {
            let Some(&first) = members.first() else {
                continue;
            };
            key.clear();
            key.extend(rest.iter().map(|&d| self.place(first as usize, d)));
            let cells = match groups.get_mut(&key) {
                Some(cells) => cells,
                None => groups
                    .entry(key.clone())
                    .or_insert_with(|| vec![None; size]),
            };
            let at = |member: u32| {
                let place = |dimension| self.place(member as usize, dimension) as usize;
                place(y) * view.columns.len() + place(x)
            };
            let mut put = |position: usize, members: &[u32]| {
                let cell = self.grid_cell(members, &figures);
                if let (Some(value), CellState::Done) = (cell.value, cell.state) {
                    let (low, high) = view.range.unwrap_or((value, value));
                    view.range = Some((low.min(value), high.max(value)));
                }
                cells[position] = Some(cell);
            };
            if ![x, y].contains(&repeat) {
                put(at(first), members);
                continue;
            }
            // Only where repeats are an axis can members of one combination stand apart.
            let mut by_place: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
            for &member in members {
                by_place.entry(at(member)).or_default().push(member);
            }
            for (position, members) in by_place {
                put(position, &members);
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

    /// The repeats that speak for a grid's cell: those that ended as the best of them did.
    fn alike(&self, members: &[u32], state: CellState) -> impl Iterator<Item = usize> {
        let members = members.iter().map(|member| *member as usize);
        members.filter(move |member| self.states[*member].rank() == state.rank())
    }

    fn grid_cell(&self, members: &[u32], figures: &Figures) -> GridCell {
        let rank = |member: &u32| self.states[*member as usize].rank();
        let entry = members.iter().copied().min_by_key(rank).unwrap_or_default() as usize;
        let state = self.states[entry];
        let value = match state {
            CellState::Running | CellState::Waiting | CellState::NotNeeded => None,
            _ => {
                let alike = self.alike(members, state);
                mean(alike.filter_map(|member| figures.get(member)))
            }
        };
        let best = self.is_best(entry);
        GridCell {
            entry,
            state,
            value,
            live_tps: None,
            best,
        }
    }

    /// All repeats that a grid's cell shows, by position in [`Board::entries`].
    pub fn repeats_in(&self, view: &GridView, cell: &GridCell) -> Vec<u32> {
        let members = self.repeats(cell.entry).iter().copied();
        let Some((x, y)) = view.axes else {
            return members.collect();
        };
        let place = |member, dimension| self.place(member, dimension);
        let here = |member: &u32| {
            [x, y]
                .iter()
                .all(|&d| place(*member as usize, d) == place(cell.entry, d))
        };
        members.filter(here).collect()
    }

    /// What a screen reader says of a grid's cell: "concurrency 8, decode concurrency 32: 354.9
    /// tokens/s, mean of 2 of 3 repeats, best".
    pub fn cell_name(&self, view: &GridView, cell: &GridCell) -> String {
        let members = self.repeats_in(view, cell);
        let averaged = self.alike(&members, cell.state).count();
        let GridCell {
            entry,
            state,
            value,
            best,
            ..
        } = *cell;
        let mut parts = Vec::new();
        if state != CellState::Done {
            parts.push(state.text());
        }
        match value {
            Some(value) => parts.push(view.layer.with_unit(value)),
            None if state == CellState::Done => parts.push("not measured".to_owned()),
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
