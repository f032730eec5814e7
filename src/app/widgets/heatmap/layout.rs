//! Where the grids and cells of a heatmap lie. All in points, from the heatmap's top left.

use std::ops::Range;

use egui::{Pos2, Rect, Vec2, pos2, vec2};

use super::model::HeatmapModel;

pub(super) const MIN_CELL: Vec2 = vec2(28.0, 22.0);
pub(super) const MAX_CELL: Vec2 = vec2(120.0, 64.0);
/// Between cells.
const GAP: f32 = 3.0;
/// Between grids.
const GRID_GAP: f32 = 28.0;
const HEADING: f32 = 24.0;
const AXIS_TITLE: f32 = 18.0;
const COLUMN_LABELS: f32 = 20.0;
/// A letter of Inter at 11 points, with room to spare.
const LETTER: f32 = 7.0;
/// How far the title of the rows may stand above the first one, beside the columns' labels.
pub(super) const TITLE_ABOVE: f32 = AXIS_TITLE + COLUMN_LABELS - 2.0;
/// Room on the right and below, so that the ring and the star of an outer cell are not cut.
pub(super) const OVERHANG: f32 = 7.0;

#[derive(Debug)]
pub(super) struct Layout {
    pub cell: Vec2,
    /// Grids beside each other.
    pub per_line: usize,
    pub size: Vec2,
    /// Left of the cells: the axis title and the row labels.
    pub side: f32,
    /// Above the cells: heading, axis title and column labels.
    pub head: f32,
    pub has_headings: bool,
    /// The corner of each grid's first cell, and its columns and rows.
    bodies: Vec<(Pos2, usize, usize)>,
}

impl Layout {
    /// The arrangement with the largest cells; what does not fit even at their least size scrolls.
    pub fn of(model: &HeatmapModel, available: Vec2) -> Self {
        let grids = model.grids.len().max(1);
        let columns = model
            .grids
            .iter()
            .map(|grid| grid.columns.len())
            .max()
            .unwrap_or(0)
            .max(1);
        let rows = model
            .grids
            .iter()
            .map(|grid| grid.rows.len())
            .max()
            .unwrap_or(0)
            .max(1);
        let has_headings = model.grids.iter().any(|grid| grid.heading.is_some());
        let longest = model
            .grids
            .iter()
            .flat_map(|grid| &grid.rows)
            .map(|row| row.chars().count());
        let row_labels = (longest.max().unwrap_or(0) as f32 * LETTER + 10.0).clamp(20.0, 140.0);
        let side = AXIS_TITLE + row_labels;
        let head = if has_headings { HEADING } else { 0.0 } + AXIS_TITLE + COLUMN_LABELS;
        let available = available - Vec2::splat(OVERHANG);

        let room = |per_line: usize| {
            let lines = grids.div_ceil(per_line) as f32;
            let beside = per_line as f32;
            let width = (available.x - (beside - 1.0) * GRID_GAP) / beside - side + GAP;
            let height = (available.y - (lines - 1.0) * GRID_GAP) / lines - head + GAP;
            vec2(width / columns as f32 - GAP, height / rows as f32 - GAP)
        };
        let worth = |per_line: &usize| {
            let cell = room(*per_line).min(MAX_CELL) / MIN_CELL;
            // Scrolling down is usual, scrolling sideways is a nuisance.
            let sideways = if *per_line > 1 && cell.x < 1.0 {
                -100.0
            } else {
                0.0
            };
            sideways + cell.min_elem()
        };
        // Grids beside each other where it makes no difference: people compare along a line.
        let per_line = (1..=grids)
            .max_by(|a, b| worth(a).total_cmp(&worth(b)))
            .unwrap_or(1);
        let room = room(per_line).clamp(MIN_CELL, MAX_CELL);
        // Neither pillars nor planks.
        let height = room.y.min((0.85 * room.x).max(MIN_CELL.y));
        let width = room.x.min((3.2 * height).max(MIN_CELL.x));
        let cell = vec2(width, height).floor();

        let step = cell + Vec2::splat(GAP);
        let cells_height = rows as f32 * step.y - GAP;
        // The title of the rows stands upright: where they are few, it is longer than they are high.
        let title = model.y_title.chars().count() as f32 * LETTER;
        let below = (title - TITLE_ABOVE - cells_height).max(0.0);
        let pitch = vec2(
            side + columns as f32 * step.x - GAP + GRID_GAP,
            head + cells_height + below + GRID_GAP,
        );
        let bodies: Vec<_> = model
            .grids
            .iter()
            .enumerate()
            .map(|(i, grid)| {
                let corner = pos2(
                    (i % per_line) as f32 * pitch.x + side,
                    (i / per_line) as f32 * pitch.y + head,
                );
                (corner, grid.columns.len(), grid.rows.len())
            })
            .collect();
        let lines = grids.div_ceil(per_line);
        let size = vec2(per_line.min(grids) as f32 * pitch.x, lines as f32 * pitch.y)
            - Vec2::splat(GRID_GAP - OVERHANG);
        Self {
            cell,
            per_line,
            size,
            side,
            head,
            has_headings,
            bodies,
        }
    }

    /// The cells of a grid, without its labels.
    pub fn body(&self, grid: usize) -> Rect {
        let (corner, columns, rows) = self.bodies[grid];
        let step = self.cell + Vec2::splat(GAP);
        let size = vec2(columns as f32 * step.x, rows as f32 * step.y) - Vec2::splat(GAP);
        Rect::from_min_size(corner, size.max(Vec2::ZERO))
    }

    pub fn rect(&self, grid: usize, row: usize, column: usize) -> Rect {
        let step = self.cell + Vec2::splat(GAP);
        let corner = self.bodies[grid].0 + vec2(column as f32 * step.x, row as f32 * step.y);
        Rect::from_min_size(corner, self.cell)
    }

    /// The columns and rows of a grid that touch `window`.
    pub fn visible(&self, grid: usize, window: Rect) -> (Range<usize>, Range<usize>) {
        let (corner, columns, rows) = self.bodies[grid];
        let range = |from: f32, to: f32, start: f32, size: f32, count: usize| {
            let first = ((from - start) / (size + GAP)).floor().max(0.0) as usize;
            let end = ((to - start) / (size + GAP)).ceil().max(0.0) as usize;
            first.min(count)..end.min(count)
        };
        (
            range(
                window.left(),
                window.right(),
                corner.x,
                self.cell.x,
                columns,
            ),
            range(window.top(), window.bottom(), corner.y, self.cell.y, rows),
        )
    }
}
