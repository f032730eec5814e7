//! A grid of cells as the window's heatmap draws it, with small multiples side by side.

use super::canvas::{Anchor, Area, Canvas, FIGURE, SMALL, STRONG, Svg, Type, WORD, fitted, width};
use super::ink::{Ink, Look};
use super::{Caption, ChartError, MARGIN, at_most, captioned};
use crate::board::{Board, CellState, GridCell, GridGroup, GridView, Layer};
use crate::report::colour::{sequential, text_on};

const GAP: f64 = 2.0;
const CORNER: f64 = 4.0;
const CELL_HEIGHT: f64 = 32.0;
/// Small multiples go on in a new line where the picture would be wider.
const PREFERRED_WIDTH: f64 = 1080.0;
/// Between two small multiples.
const BETWEEN: f64 = 28.0;
const MOST_LABEL: f64 = 160.0;

struct Layout {
    cell_width: f64,
    /// Room for the row labels.
    side: f64,
    /// Room above the cells: heading, axis title, column labels.
    head: f64,
    /// Of one small multiple with its labels.
    size: (f64, f64),
    across: usize,
}

impl Layout {
    fn of(view: &GridView) -> Self {
        let columns = view.columns.len() as f64;
        let widest = |labels: &[String], font: Type| {
            labels
                .iter()
                .map(|label| width(label, font))
                .fold(0.0, f64::max)
                .min(MOST_LABEL)
        };
        let by_label = widest(&view.columns, SMALL) + 10.0;
        let room = (PREFERRED_WIDTH / columns).clamp(30.0, 76.0);
        let cell_width = room.max(by_label);
        let y_title = width(&view.y_name, STRONG).min(MOST_LABEL);
        let side = widest(&view.rows, SMALL).max(y_title) + 12.0;
        let heading = if view.groups.len() > 1 { 24.0 } else { 0.0 };
        let head = heading + 18.0 + 22.0;
        let grid = columns * (cell_width + GAP) - GAP;
        let size = (
            side + grid.max(width(&view.x_name, STRONG).min(MOST_LABEL)),
            head + view.rows.len() as f64 * (CELL_HEIGHT + GAP) - GAP,
        );
        let fit = (PREFERRED_WIDTH + BETWEEN) / (size.0 + BETWEEN);
        Self {
            cell_width,
            side,
            head,
            size,
            across: (fit as usize).clamp(1, view.groups.len().max(1)),
        }
    }

    fn cell(&self, origin: (f64, f64), column: usize, row: usize) -> Area {
        Area {
            x: origin.0 + self.side + column as f64 * (self.cell_width + GAP),
            y: origin.1 + self.head + row as f64 * (CELL_HEIGHT + GAP),
            width: self.cell_width,
            height: CELL_HEIGHT,
        }
    }
}

pub fn draw(
    board: &Board,
    view: &GridView,
    name: String,
    look: Look,
    caption: Option<&Caption>,
) -> Result<Svg, ChartError> {
    if view.columns.is_empty() || view.rows.is_empty() {
        return Err(ChartError::NoCells);
    }
    at_most(view.groups.len() * view.columns.len() * view.rows.len())?;
    let layout = Layout::of(view);
    let lines = view.groups.len().div_ceil(layout.across);
    let across = layout.across as f64;
    let inner = (across * (layout.size.0 + BETWEEN) - BETWEEN).max(420.0);
    let mut canvas = Canvas::new(look);
    let mut top = captioned(&mut canvas, caption, inner);
    top = colour_bar(&mut canvas, view, (MARGIN, top));
    for (number, group) in view.groups.iter().enumerate() {
        let (line, place) = (number / layout.across, number % layout.across);
        let origin = (
            MARGIN + place as f64 * (layout.size.0 + BETWEEN),
            top + line as f64 * (layout.size.1 + BETWEEN),
        );
        grid(&mut canvas, (board, view), &layout, group, origin);
    }
    let bottom = top + lines as f64 * (layout.size.1 + BETWEEN) - BETWEEN;
    let bottom = legend(&mut canvas, view, (MARGIN, bottom + 14.0));
    Ok(canvas.finish(inner + 2.0 * MARGIN, bottom + MARGIN, name))
}

fn position(view: &GridView, value: f64) -> f32 {
    let Some((low, high)) = view.range else {
        return 0.5;
    };
    let share = if high > low {
        ((value - low) / (high - low)) as f32
    } else {
        0.5
    };
    if view.layer.better_is_higher() {
        share
    } else {
        1.0 - share
    }
}

/// The layer's name, the colours, the ends of its range with the unit.
fn colour_bar(canvas: &mut Canvas, view: &GridView, at: (f64, f64)) -> f64 {
    const LENGTH: f64 = 220.0;
    const STEPS: u32 = 110;
    let layer = view.layer;
    let title = format!("{} ({})", layer.name(), layer.unit());
    canvas.text(
        (at.0, at.1 + 11.0),
        Anchor::Start,
        STRONG,
        Ink::Text,
        &title,
    );
    let Some((low, high)) = view.range else {
        let none = "No valid cell has this figure yet";
        canvas.text(
            (at.0, at.1 + 28.0),
            Anchor::Start,
            SMALL,
            Ink::Secondary,
            none,
        );
        return at.1 + 44.0;
    };
    let y = at.1 + 20.0;
    let step = LENGTH / f64::from(STEPS);
    for i in 0..STEPS {
        let x = f64::from(i) * step;
        let share = (f64::from(i) + 0.5) / f64::from(STEPS);
        let value = low + share * (high - low);
        // Each reaches to the end, so that no seam shows between two.
        let area = Area {
            x: at.0 + x,
            y,
            width: LENGTH - x,
            height: 10.0,
        };
        canvas.rect(area, 0.0, sequential(position(view, value)));
    }
    let below = y + 24.0;
    let mut tick = |x: f64, anchor: Anchor, value: f64| {
        canvas.text(
            (at.0 + x, below),
            anchor,
            SMALL,
            Ink::Tertiary,
            &layer.short(value),
        );
    };
    if high > low {
        tick(0.0, Anchor::Start, low);
        tick(LENGTH / 2.0, Anchor::Middle, f64::midpoint(low, high));
        tick(LENGTH, Anchor::End, high);
    } else {
        tick(LENGTH / 2.0, Anchor::Middle, low);
    }
    below + 22.0
}

fn grid(
    canvas: &mut Canvas,
    (board, view): (&Board, &GridView),
    layout: &Layout,
    group: &GridGroup,
    origin: (f64, f64),
) {
    let first = layout.cell(origin, 0, 0);
    if view.groups.len() > 1 {
        let heading = fitted(&group.heading, STRONG, layout.size.0);
        let at = (origin.0, origin.1 + 12.0);
        canvas.text(at, Anchor::Start, STRONG, Ink::Text, &heading);
    }
    let x_name = fitted(&view.x_name, SMALL, layout.size.0 - layout.side);
    let at = (first.x, first.y - 24.0);
    canvas.text(at, Anchor::Start, SMALL, Ink::Secondary, &x_name);
    let y_name = fitted(&view.y_name, SMALL, layout.side - 12.0);
    let at = (first.x - 10.0, first.y - 8.0);
    canvas.text(at, Anchor::End, SMALL, Ink::Secondary, &y_name);
    for (column, label) in view.columns.iter().enumerate() {
        let area = layout.cell(origin, column, 0);
        let label = fitted(label, SMALL, MOST_LABEL);
        let at = (area.middle().0, area.y - 8.0);
        canvas.text(at, Anchor::Middle, SMALL, Ink::Text, &label);
    }
    for (row, label) in view.rows.iter().enumerate() {
        let area = layout.cell(origin, 0, row);
        let label = fitted(label, SMALL, MOST_LABEL);
        let at = (area.x - 10.0, area.middle().1 + 4.0);
        canvas.text(at, Anchor::End, SMALL, Ink::Text, &label);
    }
    for (number, found) in group.cells.iter().enumerate() {
        let (row, column) = (number / view.columns.len(), number % view.columns.len());
        let area = layout.cell(origin, column, row);
        match found {
            Some(found) => {
                let name = board.cell_name(view, found);
                canvas.named(&name, |canvas| cell(canvas, view, found, area));
            }
            None => canvas.disc(area.middle(), 1.0, Ink::Hairline, Ink::Hairline),
        }
    }
}

fn cell(canvas: &mut Canvas, view: &GridView, cell: &GridCell, area: Area) {
    match cell.state {
        CellState::Waiting => {
            canvas.rect(area, CORNER, Ink::Sunken);
            canvas.outline(area, CORNER, 1.0, Ink::Hairline);
        }
        CellState::Running => {
            canvas.rect(area, CORNER, Ink::AccentTint);
            canvas.outline(area, CORNER, 1.5, Ink::Accent);
            centred(canvas, area, WORD, Ink::Accent, "running");
        }
        CellState::Done => match cell.value {
            Some(value) => done(
                canvas,
                view.layer,
                value,
                position(view, value),
                area,
                cell.best,
            ),
            // Measured, but this figure is missing.
            None => canvas.outline(area, CORNER, 1.0, Ink::Hairline),
        },
        CellState::Invalid(reason) => {
            hatched(canvas, area, Ink::WarningTint, Ink::WarningHatch);
            centred(
                canvas,
                area,
                WORD,
                Ink::Warning,
                reason_word(reason.text(), area),
            );
        }
        CellState::Failed(word) => {
            hatched(canvas, area, Ink::DangerTint, Ink::DangerHatch);
            centred(canvas, area, WORD, Ink::Danger, word.text());
        }
        CellState::NotNeeded => canvas.outline(area, CORNER, 1.0, Ink::Hairline),
        CellState::OverLimit => {
            canvas.rect(area, CORNER, Ink::Sunken);
            canvas.outline(area, CORNER, 1.0, Ink::Hairline);
            if let Some(value) = cell.value {
                centred(canvas, area, WORD, Ink::Tertiary, &view.layer.short(value));
            }
        }
        CellState::Skipped => {
            canvas.outline(area, CORNER, 1.0, Ink::Hairline);
            centred(canvas, area, WORD, Ink::Tertiary, "skipped");
        }
    }
}

fn done(canvas: &mut Canvas, layer: Layer, value: f64, position: f32, area: Area, best: bool) {
    let fill = sequential(position);
    canvas.rect(area, CORNER, fill);
    let ink = text_on(fill);
    let room = area.width - 6.0;
    let text = [layer.precise(value), layer.short(value)]
        .into_iter()
        .find(|text| width(text, FIGURE) <= room)
        .unwrap_or_else(|| layer.short(value));
    let font = if width(&text, FIGURE) <= room {
        FIGURE
    } else {
        Type {
            size: 9.0,
            ..FIGURE
        }
    };
    let (x, y) = area.middle();
    canvas.text((x, y + 4.2), Anchor::Middle, font, ink, &text);
    if best {
        canvas.outline(area, CORNER, 2.0, Ink::Text);
        canvas.star((area.right() - 8.0, area.y + 8.0), 5.0, ink);
    }
}

/// What fits: the reason, else that the cell is not valid.
fn reason_word(reason: &str, area: Area) -> &str {
    if width(reason, WORD) <= area.width - 8.0 {
        reason
    } else {
        "invalid"
    }
}

fn hatched(canvas: &mut Canvas, area: Area, tint: Ink, lines: Ink) {
    canvas.rect(area, CORNER, tint);
    canvas.hatch(area, lines);
}

fn centred(canvas: &mut Canvas, area: Area, font: Type, ink: Ink, text: &str) {
    let text = fitted(text, font, area.width - 2.0);
    let (x, y) = area.middle();
    canvas.text((x, y + 4.0), Anchor::Middle, font, ink, &text);
}

/// Says what the states look like that occur here.
fn legend(canvas: &mut Canvas, view: &GridView, at: (f64, f64)) -> f64 {
    let cells = || view.groups.iter().flat_map(|group| &group.cells).flatten();
    let any = |is: fn(&GridCell) -> bool| cells().any(is);
    let entries: [(bool, &str); 5] = [
        (any(|cell| cell.best), "best by throughput"),
        (
            any(|cell| matches!(cell.state, CellState::Failed(_))),
            "failed",
        ),
        (
            any(|cell| matches!(cell.state, CellState::Invalid(_))),
            "measured, but not valid",
        ),
        (
            any(|cell| cell.state == CellState::Waiting),
            "not measured yet",
        ),
        (
            any(|cell| cell.state == CellState::Done && cell.value.is_none()),
            "without this figure",
        ),
    ];
    if entries.iter().all(|(there, _)| !there) {
        return at.1 - 14.0;
    }
    let mut x = at.0;
    for (number, (there, text)) in entries.into_iter().enumerate() {
        if !there {
            continue;
        }
        let swatch = Area {
            x,
            y: at.1 + 2.0,
            width: 18.0,
            height: 12.0,
        };
        match number {
            0 => canvas.star(swatch.middle(), 6.0, Ink::Text),
            1 => hatched(canvas, swatch, Ink::DangerTint, Ink::DangerHatch),
            2 => hatched(canvas, swatch, Ink::WarningTint, Ink::WarningHatch),
            3 => {
                canvas.rect(swatch, 2.0, Ink::Sunken);
                canvas.outline(swatch, 2.0, 1.0, Ink::Outline);
            }
            _ => canvas.outline(swatch, 2.0, 1.0, Ink::Outline),
        }
        canvas.text(
            (x + 24.0, at.1 + 12.0),
            Anchor::Start,
            SMALL,
            Ink::Secondary,
            text,
        );
        x += 24.0 + width(text, SMALL) + 18.0;
    }
    at.1 + 18.0
}
