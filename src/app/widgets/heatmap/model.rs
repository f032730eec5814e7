//! What a heatmap shows: plain data in, texts and index out. Made when something changes, not
//! when it is drawn.

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
        word: String,
    },
    /// Measured, but not to be trusted: "prompt cache hit".
    Invalid {
        reason: String,
    },
    Skipped,
    /// A figure that is not apart from nothing: drawn grey, and not a part of the scale.
    Even {
        value: f64,
    },
    /// No figure, for a reason that is no failure: "only A".
    Note {
        word: String,
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
    pub cells: Vec<Option<CellInput>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CellInput {
    pub id: CellId,
    /// "decode 32, prompt 8": begins the accessible name.
    pub settings: String,
    pub state: CellState,
    pub best: bool,
    /// Lines of the tooltip: label and figure.
    pub details: Vec<(String, String)>,
}

/// A cell, ready to draw.
#[derive(Debug)]
pub struct HeatCell {
    pub id: CellId,
    pub state: CellState,
    pub best: bool,
    pub details: Vec<(String, String)>,
    pub(super) settings: String,
    /// The figure or the word, in full and for narrow cells.
    pub(super) text: String,
    pub(super) short: String,
    /// "425.3 tokens/s", "running, 312.0 tokens/s so far", "failed: out of memory".
    pub(super) outcome: String,
    /// "decode 32, prompt 8: 425.3 tokens/s, best"; also what a test clicks.
    pub name: String,
}

impl HeatCell {
    /// "decode 32, prompt 8: 425.3 tokens/s".
    pub fn copy_text(&self) -> String {
        format!("{}: {}", self.settings, self.outcome)
    }
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
                    let cell = prepare(cell?, &unit, format);
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
            places,
        };
        model.rescale();
        model
    }

    /// The figures are differences in percent: coloured around zero, narrow cells keep the sign.
    #[must_use]
    pub fn diverging(mut self) -> Self {
        self.diverging = true;
        for cell in self
            .grids
            .iter_mut()
            .flat_map(|grid| &mut grid.cells)
            .flatten()
        {
            if let CellState::Done { value } | CellState::Even { value } = cell.state {
                cell.short = format!("{value:+.0}");
            }
        }
        self.rescale();
        self
    }

    /// One cell has changed: its texts and the common scale are made again, nothing else is.
    /// A cell that the model does not hold is ignored.
    pub fn update(&mut self, input: CellInput) {
        let Some(place) = self.places.get(&input.id) else {
            return;
        };
        let grid = &mut self.grids[place.grid];
        let at = place.row * grid.columns.len() + place.column;
        grid.cells[at] = Some(prepare(input, &self.unit, self.format));
        self.rescale();
    }

    /// Another cell is the best now, or none is.
    pub fn set_best(&mut self, best: Option<CellId>) {
        for cell in self
            .grids
            .iter_mut()
            .flat_map(|grid| grid.cells.iter_mut().flatten())
        {
            let is_best = best == Some(cell.id);
            if cell.best != is_best {
                cell.best = is_best;
                cell.name = name_of(cell);
            }
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
}

fn prepare(input: CellInput, unit: &str, format: fn(f64) -> String) -> HeatCell {
    let CellInput {
        id,
        settings,
        state,
        best,
        details,
    } = input;
    let in_unit = |figure: f64| format!("{} {unit}", format(figure)).trim_end().to_owned();
    let (text, short, outcome) = match &state {
        CellState::Waiting => (String::new(), String::new(), "waiting".to_owned()),
        CellState::Running { figure: None } => {
            ("…".to_owned(), "…".to_owned(), "running".to_owned())
        }
        CellState::Running {
            figure: Some(figure),
        } => (
            format(*figure),
            short_figure(*figure),
            format!("running, {} so far", in_unit(*figure)),
        ),
        CellState::Done { value } => (format(*value), short_figure(*value), in_unit(*value)),
        CellState::Failed { word } => (word.clone(), String::new(), format!("failed: {word}")),
        CellState::Invalid { reason } => {
            (reason.clone(), String::new(), format!("invalid: {reason}"))
        }
        CellState::Skipped => ("skipped".to_owned(), "–".to_owned(), "skipped".to_owned()),
        CellState::Even { value } => (
            format(*value),
            short_figure(*value),
            format!("{}, intervals overlap", in_unit(*value)),
        ),
        CellState::Note { word } => (word.clone(), "–".to_owned(), word.clone()),
    };
    let mut cell = HeatCell {
        id,
        state,
        best,
        details,
        settings,
        text,
        short,
        outcome,
        name: String::new(),
    };
    cell.name = name_of(&cell);
    cell
}

fn name_of(cell: &HeatCell) -> String {
    let best = if cell.best { ", best" } else { "" };
    format!("{}: {}{best}", cell.settings, cell.outcome)
}
