//! What a heatmap shows: plain data in, scale and index out. Made when something changes, not
//! when it is drawn; the texts of a cell are made as long as it is in sight.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::app::widgets::colour_bar::Scale;
use crate::app::widgets::short_figure;

/// The caller's own number of a cell, unique over all grids, such as its index in the plan; so a
/// selection outlives a change of axes or layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u32);

#[derive(Debug, Clone, PartialEq)]
pub enum CellState {
    Waiting,
    /// With what is measured so far, in the layer's unit.
    Running {
        figure: Option<f64>,
    },
    Done {
        value: f64,
    },
    /// A word or two: "out of memory".
    Failed {
        word: Cow<'static, str>,
    },
    /// Measured, but not to be trusted: "prompt cache hit".
    Invalid {
        reason: Cow<'static, str>,
    },
    Skipped,
    /// A figure that is not apart from nothing: drawn grey, and not a part of the scale.
    Even {
        value: f64,
    },
    /// Over a limit: drawn grey, and not a part of the scale.
    Beyond {
        value: f64,
    },
    /// Not measured, and it need not be.
    Open,
    /// No figure, for a reason that is no failure: "only A".
    Note {
        word: Cow<'static, str>,
    },
}

#[derive(Debug, Clone)]
pub struct HeatmapInput {
    /// "Throughput".
    pub layer: String,
    /// "tokens/s"; may be empty.
    pub unit: String,
    /// "Decode concurrency".
    pub x_title: String,
    pub y_title: String,
    /// Latencies and energy: the least figure is drawn bright.
    pub lower_is_better: bool,
    /// A figure of this layer without its unit, in full: "425.3".
    pub format: fn(f64) -> String,
    /// One, or small multiples with one colour scale.
    pub grids: Vec<GridInput>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GridInput {
    /// "instances 2"; `None` for a single grid.
    pub heading: Option<String>,
    pub columns: Vec<String>,
    pub rows: Vec<String>,
    /// Row by row, `rows.len() * columns.len()` long; `None` where the plan has no such cell.
    pub cells: Vec<Option<HeatCell>>,
}

/// A cell. What else is drawn or said of it is asked for when it is in sight, see [`Words`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeatCell {
    pub id: CellId,
    pub state: CellState,
    pub best: bool,
}

/// What a caller knows of its cells in words.
pub trait Words {
    /// "decode 32, prompt 8": begins the accessible name.
    fn settings(&self, cell: CellId) -> String;
    /// Lines of the tooltip: label and figure.
    fn details(&self, cell: CellId) -> Vec<(String, String)>;
}

#[derive(Debug)]
pub(super) struct Grid {
    pub heading: Option<String>,
    pub columns: Vec<String>,
    pub rows: Vec<String>,
    pub cells: Vec<Option<HeatCell>>,
}

impl Grid {
    pub fn cell(&self, row: usize, column: usize) -> Option<&HeatCell> {
        self.cells.get(row * self.columns.len() + column)?.as_ref()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub grid: usize,
    pub row: usize,
    pub column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    Left,
    Right,
    Up,
    Down,
    RowStart,
    RowEnd,
    First,
    Last,
}

#[derive(Debug)]
pub struct HeatmapModel {
    pub layer: String,
    pub unit: String,
    pub(super) x_title: String,
    pub(super) y_title: String,
    pub(super) name: String,
    lower_is_better: bool,
    diverging: bool,
    format: fn(f64) -> String,
    pub(super) grids: Vec<Grid>,
    scale: Option<Scale>,
    /// A cell that is measured again, with its figure of this moment; its own stays.
    again: Option<(CellId, Option<f64>)>,
    /// Of a search, the steps of its path at which a cell was measured, from 1.
    steps: HashMap<CellId, Vec<u32>>,
    places: HashMap<CellId, Place>,
}

impl HeatmapModel {
    pub fn new(input: HeatmapInput) -> Self {
        let HeatmapInput {
            layer,
            unit,
            x_title,
            y_title,
            lower_is_better,
            format,
            grids,
        } = input;
        let mut places = HashMap::new();
        let grids: Vec<Grid> = grids
            .into_iter()
            .enumerate()
            .map(|(grid, input)| {
                let GridInput {
                    heading,
                    columns,
                    rows,
                    cells,
                } = input;
                let width = columns.len().max(1);
                let cells = cells.into_iter().enumerate().map(|(i, cell)| {
                    let cell = cell?;
                    places.insert(
                        cell.id,
                        Place {
                            grid,
                            row: i / width,
                            column: i % width,
                        },
                    );
                    Some(cell)
                });
                let cells = cells.collect();
                Grid {
                    heading,
                    columns,
                    rows,
                    cells,
                }
            })
            .collect();
        let in_unit = if unit.is_empty() {
            String::new()
        } else {
            format!(" in {unit}")
        };
        let name = format!("Heatmap of {layer}{in_unit}: {y_title} by {x_title}");
        let mut model = Self {
            layer,
            unit,
            x_title,
            y_title,
            name,
            lower_is_better,
            diverging: false,
            format,
            grids,
            scale: None,
            again: None,
            steps: HashMap::new(),
            places,
        };
        model.rescale();
        model
    }

    /// The figures are differences in percent: coloured around zero, narrow cells keep the sign.
    #[must_use]
    pub fn diverging(mut self) -> Self {
        self.diverging = true;
        self.rescale();
        self
    }

    /// One cell has changed, and the common scale with it.
    /// A cell that the model does not hold is ignored.
    pub fn update(&mut self, cell: HeatCell) {
        let Some(place) = self.places.get(&cell.id) else {
            return;
        };
        let grid = &mut self.grids[place.grid];
        let at = place.row * grid.columns.len() + place.column;
        grid.cells[at] = Some(cell);
        self.rescale();
    }

    /// This cell is measured again now, or none is.
    pub fn set_again(&mut self, again: Option<(CellId, Option<f64>)>) {
        self.again = again;
    }

    /// The path of a search, cell by cell.
    pub fn set_path(&mut self, path: &[CellId]) {
        self.steps.clear();
        for (step, cell) in (1..).zip(path) {
            self.steps.entry(*cell).or_default().push(step);
        }
    }

    /// The steps at which a cell was measured; empty where it was not, or nothing is searched.
    pub(super) fn steps(&self, cell: CellId) -> &[u32] {
        self.steps.get(&cell).map_or(&[], Vec::as_slice)
    }

    /// "step 3", "steps 3, 9 and 10".
    pub(super) fn steps_text(&self, cell: CellId) -> Option<String> {
        match self.steps(cell) {
            [] => None,
            [step] => Some(format!("step {step}")),
            [first @ .., last] => {
                let first: Vec<String> = first.iter().map(ToString::to_string).collect();
                Some(format!("steps {} and {last}", first.join(", ")))
            }
        }
    }

    /// Of a cell that is measured again its figure of this moment as text, blank while there is none.
    pub(super) fn again(&self, cell: CellId) -> Option<String> {
        let (_, figure) = self.again.filter(|(id, _)| *id == cell)?;
        Some(figure.map(self.format).unwrap_or_default())
    }

    /// Another cell is the best now, or none is.
    pub fn set_best(&mut self, best: Option<CellId>) {
        for cell in self
            .grids
            .iter_mut()
            .flat_map(|grid| grid.cells.iter_mut().flatten())
        {
            cell.best = best == Some(cell.id);
        }
    }

    /// The colour scale that all grids share; `None` while nothing is done.
    pub fn scale(&self) -> Option<&Scale> {
        self.scale.as_ref()
    }

    pub fn cell(&self, id: CellId) -> Option<&HeatCell> {
        let place = self.places.get(&id)?;
        self.grids[place.grid].cell(place.row, place.column)
    }

    pub fn cells(&self) -> impl Iterator<Item = &HeatCell> {
        self.grids
            .iter()
            .flat_map(|grid| grid.cells.iter().flatten())
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn place(&self, id: CellId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    /// Where a key leads; `per_line` grids stand beside each other. With nothing selected yet,
    /// any key selects the best cell, else the first.
    pub(super) fn moved(&self, from: Option<CellId>, by: Move, per_line: usize) -> Option<CellId> {
        let Some(from) = from.and_then(|id| self.place(id)) else {
            let cell = self
                .cells()
                .find(|cell| cell.best)
                .or_else(|| self.cells().next());
            return cell.map(|cell| cell.id);
        };
        let at = |place: Place| {
            self.grids[place.grid]
                .cell(place.row, place.column)
                .map(|c| c.id)
        };
        let (columns, rows) = (
            self.grids[from.grid].columns.len(),
            self.grids[from.grid].rows.len(),
        );
        let row = |column| Place { column, ..from };
        match by {
            Move::RowStart => (0..columns).find_map(|column| at(row(column))),
            Move::RowEnd => (0..columns).rev().find_map(|column| at(row(column))),
            Move::First => self.cells().next().map(|cell| cell.id),
            Move::Last => {
                let grids = self.grids.iter().rev();
                grids
                    .flat_map(|grid| grid.cells.iter().rev().flatten())
                    .next()
                    .map(|cell| cell.id)
            }
            Move::Left => (0..from.column)
                .rev()
                .find_map(|column| at(row(column)))
                .or_else(|| self.beside(from, from.grid.checked_sub(1)?, usize::MAX, from.row)),
            Move::Right => (from.column + 1..columns)
                .find_map(|column| at(row(column)))
                .or_else(|| self.beside(from, from.grid + 1, 0, from.row)),
            Move::Up => (0..from.row)
                .rev()
                .find_map(|row| at(Place { row, ..from }))
                .or_else(|| {
                    self.beside(
                        from,
                        from.grid.checked_sub(per_line)?,
                        from.column,
                        usize::MAX,
                    )
                }),
            Move::Down => (from.row + 1..rows)
                .find_map(|row| at(Place { row, ..from }))
                .or_else(|| self.beside(from, from.grid + per_line, from.column, 0)),
        }
    }

    /// The cell of another grid at its nearest place to (`column`, `row`).
    fn beside(&self, from: Place, grid: usize, column: usize, row: usize) -> Option<CellId> {
        debug_assert_ne!(from.grid, grid);
        let grid = self.grids.get(grid)?;
        let row = row.min(grid.rows.len().checked_sub(1)?);
        let column = column.min(grid.columns.len().checked_sub(1)?);
        grid.cell(row, column).map(|cell| cell.id)
    }

    fn rescale(&mut self) {
        let figures = self.cells().filter_map(|cell| match cell.state {
            CellState::Done { value } => Some(value),
            _ => None,
        });
        self.scale = if self.diverging {
            Scale::diverging(figures, &self.unit)
        } else {
            Scale::of(figures, &self.unit, self.lower_is_better)
        };
    }

    /// The figure or the word of a cell, in full.
    pub(super) fn text<'a>(&self, cell: &'a HeatCell) -> Cow<'a, str> {
        match &cell.state {
            CellState::Waiting | CellState::Open => "".into(),
            CellState::Running { figure: None } => "…".into(),
            CellState::Running {
                figure: Some(value),
            }
            | CellState::Done { value }
            | CellState::Beyond { value }
            | CellState::Even { value } => (self.format)(*value).into(),
            CellState::Failed { word: text }
            | CellState::Invalid { reason: text }
            | CellState::Note { word: text } => text.as_ref().into(),
            CellState::Skipped => "skipped".into(),
        }
    }

    /// The same for narrow cells.
    pub(super) fn short(&self, cell: &HeatCell) -> String {
        match cell.state {
            CellState::Done { value } | CellState::Even { value } if self.diverging => {
                format!("{value:+.0}")
            }
            CellState::Running {
                figure: Some(value),
            }
            | CellState::Done { value }
            | CellState::Beyond { value }
            | CellState::Even { value } => short_figure(value),
            CellState::Running { figure: None } => "…".to_owned(),
            CellState::Skipped | CellState::Note { .. } => "–".to_owned(),
            CellState::Waiting
            | CellState::Open
            | CellState::Failed { .. }
            | CellState::Invalid { .. } => String::new(),
        }
    }

    /// "425.3 tokens/s", "running, 312.0 tokens/s so far", "failed: out of memory".
    pub(super) fn outcome(&self, cell: &HeatCell) -> String {
        let text = self.text(cell);
        let in_unit = || format!("{text} {}", self.unit).trim_end().to_owned();
        match &cell.state {
            CellState::Waiting => "waiting".to_owned(),
            CellState::Open => "not needed".to_owned(),
            CellState::Beyond { .. } => format!("{}, over the limit", in_unit()),
            CellState::Running { figure: None } => "running".to_owned(),
            CellState::Running { .. } => format!("running, {} so far", in_unit()),
            CellState::Done { .. } => in_unit(),
            CellState::Failed { .. } => format!("failed: {text}"),
            CellState::Invalid { .. } => format!("invalid: {text}"),
            CellState::Even { .. } => format!("{}, intervals overlap", in_unit()),
            CellState::Skipped | CellState::Note { .. } => text.into_owned(),
        }
    }

    /// "decode 32, prompt 8: 425.3 tokens/s, best"; also what a test clicks.
    pub fn name(&self, cell: &HeatCell, words: &dyn Words) -> String {
        let best = if cell.best { ", best" } else { "" };
        let steps = self.steps_text(cell.id).map(|text| format!(", {text}"));
        self.copy_text(cell, words) + best + &steps.unwrap_or_default()
    }

    /// "decode 32, prompt 8: 425.3 tokens/s".
    pub fn copy_text(&self, cell: &HeatCell, words: &dyn Words) -> String {
        let again = match self.again(cell.id) {
            Some(figure) if !figure.is_empty() => {
                let figure = format!("{figure} {}", self.unit);
                format!(", measured again, {} so far", figure.trim_end())
            }
            Some(_) => ", measured again".to_owned(),
            None => String::new(),
        };
        let (settings, outcome) = (words.settings(cell.id), self.outcome(cell));
        format!("{settings}: {outcome}{again}")
    }
}
