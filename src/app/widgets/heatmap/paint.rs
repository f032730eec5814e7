//! The shapes of a heatmap. No decisions here beyond what fits.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rangef, Rect, Shape, Stroke, StrokeKind,
    Ui, epaint::TextShape, pos2, vec2,
};
use egui_material_icons::icons::{ICON_CLOSE, ICON_STAR, ICON_WARNING};

use super::layout::{HEADING_PART, Layout, OVERHANG, TITLE_ABOVE};
use super::model::{CellState, HeatCell, HeatmapModel};
use crate::app::theme::{Palette, Tone, colour_map, font, mix, rounding};

const CORNER: CornerRadius = CornerRadius::same(rounding::CELL);
/// Narrower cells show an icon instead of a word.
const ROOM_FOR_WORDS: f32 = 50.0;
/// Lower cells show no second figure.
const ROOM_FOR_TWO: f32 = 40.0;

/// Labels stay at the edge of the view while their cells scroll beneath: where things lie then.
pub(super) struct Pinned {
    /// Of the cells, what is not beneath the labels.
    pub cells: Rect,
    /// As `cells`, with the room for rings and stars at the grid's outer edge.
    pub overhang: Rect,
    /// The corner of title and labels.
    corner: Pos2,
}

impl Pinned {
    pub fn new(body: Rect, clip: Rect, layout: &Layout) -> Self {
        let whole = body.min - vec2(layout.side, layout.head);
        let corner = pos2(
            whole.x.max(clip.left()).min(body.right() - layout.side),
            whole.y.max(clip.top()).min(body.bottom() - layout.head),
        );
        let cells =
            Rect::from_min_max(corner + vec2(layout.side, layout.head), body.max).intersect(clip);
        // Where cells scroll beneath the labels, nothing may stand out over these.
        let out = |scrolled: bool| if scrolled { 0.0 } else { OVERHANG };
        let overhang = Rect::from_min_max(
            cells.min - vec2(out(corner.x > whole.x), out(corner.y > whole.y)),
            cells.max + vec2(OVERHANG, OVERHANG),
        );
        Self {
            cells,
            overhang,
            corner,
        }
    }
}

pub(super) struct Titles<'a> {
    pub heading: Option<&'a str>,
    pub x: &'a str,
    pub y: &'a str,
}

/// A place where the plan has no cell.
pub(super) fn absent(painter: &Painter, rect: Rect, palette: &Palette) {
    painter.circle_filled(rect.center(), 1.5, palette.hairline);
}

pub(super) fn cell(
    painter: &Painter,
    rect: Rect,
    (model, cell): (&HeatmapModel, &HeatCell),
    palette: &Palette,
    hovered: bool,
) {
    let scale = model.scale();
    let now = model.again(cell.id);
    let has_room = rect.height() >= ROOM_FOR_TWO && rect.width() >= ROOM_FOR_WORDS;
    let now_shown = now.as_ref().filter(|text| has_room && !text.is_empty());
    // With a second figure below it.
    let place = match now_shown {
        Some(_) => rect.with_max_y(rect.bottom() - 16.0),
        None => rect,
    };
    let figure = |colour| figure(painter, place, (model, cell), colour);
    let outline = |colour, width| {
        painter.rect_stroke(rect, CORNER, Stroke::new(width, colour), StrokeKind::Inside);
    };
    match &cell.state {
        CellState::Waiting => {
            painter.rect_filled(rect, CORNER, palette.sunken);
            outline(palette.hairline, 1.0);
        }
        CellState::Running { .. } => {
            painter.rect_filled(rect, CORNER, palette.tint(Tone::Accent));
            outline(palette.accent_text, 1.5);
            figure(palette.accent_text);
        }
        CellState::Done { value } => {
            let fill = scale.map_or_else(
                || colour_map::sequential(0.5),
                |scale| scale.colour(*value, palette.dark),
            );
            painter.rect_filled(rect, CORNER, fill);
            figure(colour_map::text_on(fill));
        }
        CellState::Failed { word: text } => {
            hatched(painter, rect, palette, Tone::Danger);
            word(
                painter,
                rect,
                text,
                palette,
                Tone::Danger,
                ICON_CLOSE.codepoint,
            );
        }
        CellState::Invalid { reason: text } => {
            hatched(painter, rect, palette, Tone::Warning);
            word(
                painter,
                rect,
                text,
                palette,
                Tone::Warning,
                ICON_WARNING.codepoint,
            );
        }
        CellState::Open => outline(palette.hairline.gamma_multiply(0.6), 1.0),
        CellState::Beyond { .. } => {
            painter.rect_filled(rect, CORNER, palette.control_pressed);
            figure(palette.text_tertiary);
        }
        CellState::Even { .. } => {
            painter.rect_filled(rect, CORNER, palette.control_pressed);
            outline(palette.outline, 1.0);
            figure(palette.text_secondary);
        }
        CellState::Skipped | CellState::Note { .. } => {
            outline(palette.hairline, 1.0);
            figure(palette.text_tertiary);
        }
    }
    if let [first, ..] = model.steps(cell.id) {
        let colour = match &cell.state {
            CellState::Done { value } => scale.map_or(palette.text_tertiary, |scale| {
                colour_map::text_on(scale.colour(*value, palette.dark)).gamma_multiply(0.75)
            }),
            CellState::Running { .. } => palette.accent_text,
            _ => palette.text_tertiary,
        };
        step(painter, rect, *first, colour);
    }
    if now.is_some() {
        // The lighter line within shows on every fill.
        outline(palette.surface, 3.5);
        outline(palette.accent_text, 2.0);
    }
    if let Some(text) = now_shown {
        let galley = painter.layout_no_wrap(
            text.clone(),
            font::figures_medium(11.0),
            palette.accent_text,
        );
        let middle = rect.center_bottom() - vec2(0.0, 14.0);
        let at = Rect::from_center_size(middle, galley.size());
        let corner = CornerRadius::same(3);
        let pill = at.expand2(vec2(5.0, 0.0)).intersect(rect.shrink(4.0));
        painter.rect_filled(pill, corner, palette.surface);
        painter.galley(at.min, galley, palette.accent_text);
    }
    if hovered {
        outline(palette.text, 1.0);
    }
}

/// The figure in full where it fits, else shortened, else none: the colour still says it.
fn figure(
    painter: &Painter,
    rect: Rect,
    (model, cell): (&HeatmapModel, &HeatCell),
    colour: Color32,
) {
    let size = match rect.height() {
        h if h < 28.0 => 11.0,
        h if h < 44.0 => 12.0,
        _ => 13.0,
    };
    // Inter's tabular digits are 0.66 of the size wide, points and signs less.
    let fits = |text: &str| text.chars().count() as f32 * size * 0.66 <= rect.width() - 4.0;
    let mut text = model.text(cell);
    if !fits(&text) {
        text = model.short(cell).into();
    }
    if !text.is_empty() && (fits(&text) || text.len() <= 4) {
        painter.text(
            rect.center(),
            Align2::CENTER_CENTER,
            text,
            font::figures_medium(size),
            colour,
        );
    }
}

/// Where on its path a search came to the cell first: small, in the corner, where there is room
/// beside the figure.
fn step(painter: &Painter, rect: Rect, number: u32, colour: Color32) {
    const ROOM: f32 = 26.0;
    if rect.width() < ROOM || rect.height() < ROOM {
        return;
    }
    painter.text(
        rect.left_top() + vec2(4.0, 2.0),
        Align2::LEFT_TOP,
        number,
        font::figures(9.0),
        colour,
    );
}

fn word(painter: &Painter, rect: Rect, text: &str, palette: &Palette, tone: Tone, icon: &str) {
    let colour = palette.tone(tone);
    let under = |text: Rect| {
        painter.rect_filled(
            text.expand2(vec2(3.0, 1.0)),
            CornerRadius::same(3),
            palette.tint(tone),
        );
    };
    if rect.width() < ROOM_FOR_WORDS {
        let size = 13.0;
        under(Rect::from_center_size(rect.center(), vec2(size, size)));
        painter.text(
            rect.center(),
            Align2::CENTER_CENTER,
            icon,
            font::icon(size),
            colour,
        );
        return;
    }
    let mut job = LayoutJob::simple(
        text.to_owned(),
        font::medium(11.0),
        colour,
        rect.width() - 14.0,
    );
    job.halign = egui::Align::Center;
    job.wrap.max_rows = ((rect.height() - 6.0) / 14.0).clamp(1.0, 3.0) as usize;
    job.wrap.break_anywhere = job.wrap.max_rows == 1;
    let galley = painter.layout_job(job);
    // A centred galley lies around x = 0.
    let at = rect.center() - vec2(0.0, galley.size().y / 2.0);
    under(
        galley
            .rect
            .translate(at.to_vec2())
            .intersect(rect.shrink(2.0)),
    );
    painter.galley(at, galley, colour);
}

fn hatched(painter: &Painter, rect: Rect, palette: &Palette, tone: Tone) {
    const SPACING: f32 = 7.0;
    let tint = palette.tint(tone);
    painter.rect_filled(rect, CORNER, tint);
    let stroke = Stroke::new(1.0, mix(tint, palette.tone(tone), 0.28));
    let inner = rect.shrink(1.0);
    let (width, height) = (inner.width(), inner.height());
    let count = ((width + height) / SPACING) as usize;
    painter.extend((1..=count).map(|i| {
        // A diagonal from the top or right edge down to the left or bottom edge.
        let along = i as f32 * SPACING;
        let from = inner.min + vec2(along.min(width), (along - width).max(0.0));
        let to = inner.min + vec2((along - height).max(0.0), along.min(height));
        Shape::line_segment([from, to], stroke)
    }));
    painter.rect_stroke(rect, CORNER, stroke, StrokeKind::Inside);
}

/// Around the selected cell, with a thin gap so that it shows on every colour.
pub(super) fn ring(painter: &Painter, rect: Rect, palette: &Palette, focused: bool) {
    let outer = CornerRadius::same(rounding::CELL + 3);
    if focused {
        let glow = Stroke::new(3.0, palette.accent.gamma_multiply(0.30));
        painter.rect_stroke(rect.expand(3.0), outer, glow, StrokeKind::Outside);
    }
    painter.rect_stroke(
        rect,
        CORNER,
        Stroke::new(1.5, palette.surface),
        StrokeKind::Outside,
    );
    let stroke = Stroke::new(2.0, palette.accent_text);
    painter.rect_stroke(rect.expand(1.0), outer, stroke, StrokeKind::Outside);
}

/// On the corner of the best cell.
pub(super) fn star(painter: &Painter, rect: Rect, palette: &Palette) {
    // A small cell needs its corner for the figure.
    let (out, radius) = if rect.width() < ROOM_FOR_WORDS {
        (1.5, 5.5)
    } else {
        (-1.5, 7.5)
    };
    let at = rect.right_top() + vec2(out, -out);
    painter.circle(at, radius, palette.text, Stroke::new(1.5, palette.surface));
    let font = font::icon(radius * 1.5);
    painter.text(
        at,
        Align2::CENTER_CENTER,
        ICON_STAR.codepoint,
        font,
        palette.surface,
    );
}

pub(super) fn titles(
    ui: &Ui,
    pinned: &Pinned,
    layout: &Layout,
    palette: &Palette,
    titles: &Titles<'_>,
) {
    let painter = ui.painter();
    let Pinned { cells, corner, .. } = pinned;
    let mut y = corner.y;
    if let Some(heading) = titles.heading {
        let heading = if layout.heading_lines > 1 {
            heading.replace(HEADING_PART, "\n")
        } else {
            heading.to_owned()
        };
        painter.text(
            pos2(cells.left(), y),
            Align2::LEFT_TOP,
            heading,
            font::strong(),
            palette.text,
        );
    }
    if layout.heading_lines > 0 {
        y = corner.y + layout.head - 38.0;
    }
    let font = FontId::proportional(11.0);
    painter.text(
        pos2(cells.left(), y),
        Align2::LEFT_TOP,
        titles.x,
        font.clone(),
        palette.text_tertiary,
    );
    // Read upwards, from the first row's end of the axis.
    let galley = painter.layout_no_wrap(titles.y.to_owned(), font, palette.text_tertiary);
    let length = galley.size().x;
    let height = if length <= cells.height() {
        length
    } else {
        // First beside the columns' labels, then below the last row.
        cells.height().max(length - TITLE_ABOVE)
    };
    let at = pos2(corner.x, cells.top() + height);
    let text =
        TextShape::new(at, galley, palette.text_tertiary).with_angle(-std::f32::consts::FRAC_PI_2);
    painter.with_clip_rect(ui.clip_rect()).add(text);
}

/// Columns and rows as (extent, text, whether one of its cells is pointed at or selected).
pub(super) fn labels<'a>(
    ui: &Ui,
    pinned: &Pinned,
    palette: &Palette,
    columns: impl Iterator<Item = (Rangef, &'a str, bool)>,
    rows: impl Iterator<Item = (Rangef, &'a str, bool)>,
) {
    let Pinned { cells, corner, .. } = pinned;
    let painter = ui.painter();
    let clip = ui.clip_rect();
    let above = painter.with_clip_rect(
        Rect::from_x_y_ranges(cells.x_range(), corner.y..=cells.top()).intersect(clip),
    );
    for (x, text, marked) in columns {
        let at = pos2(x.center(), cells.top() - 5.0);
        label(
            &above,
            at,
            Align2::CENTER_BOTTOM,
            x.span() + 2.0,
            text,
            palette,
            marked,
        );
    }
    let beside = painter.with_clip_rect(
        Rect::from_x_y_ranges(corner.x..=cells.left(), cells.y_range()).intersect(clip),
    );
    for (y, text, marked) in rows {
        let at = pos2(cells.left() - 7.0, y.center());
        let width = cells.left() - corner.x - 24.0;
        label(
            &beside,
            at,
            Align2::RIGHT_CENTER,
            width,
            text,
            palette,
            marked,
        );
    }
}

fn label(
    painter: &Painter,
    at: Pos2,
    align: Align2,
    width: f32,
    text: &str,
    palette: &Palette,
    marked: bool,
) {
    let colour = if marked {
        palette.text
    } else {
        palette.text_secondary
    };
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font::figures(11.0), colour);
    job.wrap = TextWrapping {
        break_anywhere: true,
        ..TextWrapping::truncate_at_width(width)
    };
    let galley = painter.layout_job(job);
    let rect = align.anchor_size(at, galley.size());
    painter.galley(rect.min, galley, colour);
}
