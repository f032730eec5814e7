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
/// A line of a heading, and what is below the last.
const HEADING_LINE: f32 = 16.0;
const BELOW_HEADING: f32 = 8.0;
const AXIS_TITLE: f32 = 18.0;
const COLUMN_LABELS: f32 = 20.0;
/// A letter of Inter at 11 points, with room to spare.
const LETTER: f32 = 7.0;
/// How far the title of the rows may stand above the first one, beside the columns' labels.
pub(super) const TITLE_ABOVE: f32 = AXIS_TITLE + COLUMN_LABELS - 2.0;
/// Between the parts of a heading.
pub(super) const HEADING_PART: &str = " · ";
/// Room on the right and below, so that the ring and the star of an outer cell are not cut.
pub(super) const OVERHANG: f32 = 7.0;

#[derive(Debug)]
pub struct Layout {
    pub cell: Vec2,
    /// Grids beside each other.
    pub per_line: usize,
    pub size: Vec2,
    /// Left of the cells: the axis title and the row labels.
    pub side: f32,
    /// Above the cells: heading, axis title and column labels.
    pub head: f32,
    /// Lines of each heading; 0 where there is none. Where several are needed, each holds a part.
    pub heading_lines: usize,
    /// The corner of each grid's first cell, and its columns and rows.
    bodies: Vec<(Pos2, usize, usize)>,
}

/// How much room the headings of the grids need, in points.
struct Headings {
    /// Of the heading with the most; 0 where there are no headings.
    parts: usize,
    /// The widest heading, and the widest part of one.
    whole: f32,
    part: f32,
}

impl Headings {
    fn of(model: &HeatmapModel) -> Self {
        // Seven points a letter at 13 points in the heavier weight, with room to spare.
        let width = |text: &str| text.chars().count() as f32 * 7.0;
        let all = || {
            model
                .grids
                .iter()
                .filter_map(|grid| grid.heading.as_deref())
        };
        let parts = all().map(|text| text.split(HEADING_PART).count());
        let in_parts = all().flat_map(|text| text.split(HEADING_PART));
        Self {
            parts: parts.max().unwrap_or(0),
            whole: all().map(width).fold(0.0, f32::max),
            part: in_parts.map(width).fold(0.0, f32::max),
        }
    }

    /// One where that fits into `room`, else one for each part.
    fn lines(&self, room: f32) -> usize {
        if room < self.whole {
            self.parts
        } else {
            self.parts.min(1)
        }
    }

    fn width(&self, lines: usize) -> f32 {
        if lines > 1 { self.part } else { self.whole }
    }
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
        let headings = Headings::of(model);
        let longest = model
            .grids
            .iter()
            .flat_map(|grid| &grid.rows)
            .map(|row| row.chars().count());
        let row_labels = (longest.max().unwrap_or(0) as f32 * LETTER + 10.0).clamp(20.0, 140.0);
        let side = AXIS_TITLE + row_labels;
        let available = available - Vec2::splat(OVERHANG);
        let share = |per_line: usize| {
            let beside = per_line as f32;
            (available.x - (beside - 1.0) * GRID_GAP) / beside
        };
        let heading_lines = |per_line: usize| headings.lines(share(per_line) - side);
        let head = |per_line: usize| {
            let heading = match heading_lines(per_line) {
                0 => 0.0,
                lines => lines as f32 * HEADING_LINE + BELOW_HEADING,
            };
            heading + AXIS_TITLE + COLUMN_LABELS
        };

        let room = |per_line: usize| {
            let lines = grids.div_ceil(per_line) as f32;
            let width = share(per_line) - side + GAP;
            let height = (available.y - (lines - 1.0) * GRID_GAP) / lines - head(per_line) + GAP;
            vec2(width / columns as f32 - GAP, height / rows as f32 - GAP)
        };
        let worth = |per_line: &usize| {
            let cell = room(*per_line).min(MAX_CELL) / MIN_CELL;
            // Scrolling down is usual, scrolling sideways is a nuisance.
            let narrow = cell.x < 1.0 || share(*per_line) < side + headings.part;
            let sideways = if *per_line > 1 && narrow { -100.0 } else { 0.0 };
            sideways + cell.min_elem()
        };
        // Grids beside each other where it makes no difference: people compare along a line.
        let per_line = (1..=grids)
            .max_by(|a, b| worth(a).total_cmp(&worth(b)))
            .unwrap_or(1);
        let (head, heading_lines) = (head(per_line), heading_lines(per_line));
        let room = room(per_line).clamp(MIN_CELL, MAX_CELL);
        // Neither pillars nor planks.
        let height = room.y.min((0.85 * room.x).max(MIN_CELL.y));
        let width = room.x.min((3.2 * height).max(MIN_CELL.x));
        let cell = vec2(width, height).floor();

        let step = cell + Vec2::splat(GAP);
        // What is to be read of a heading has room beside that of the next grid.
        let widest = headings.width(heading_lines);
        let columns_width = columns as f32 * step.x - GAP;
        let cells_height = rows as f32 * step.y - GAP;
        // The title of the rows stands upright: where they are few, it is longer than they are high.
        let title = model.y_title.chars().count() as f32 * LETTER;
        let below = (title - TITLE_ABOVE - cells_height).max(0.0);
        let pitch = vec2(
            side + columns_width.max(widest - side) + GRID_GAP,
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
            heading_lines,
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
