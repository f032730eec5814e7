//! One figure against one dimension, a line for each combination of the others.

use super::axis::{self, Scale};
use super::canvas::{Anchor, Area, Canvas, SMALL, Svg, fitted, width};
use super::ink::{Ink, Look};
use super::{Caption, ChartError, MARGIN, at_most, captioned};
use crate::board::{Board, Estimate, LinePoint, LinesView, RunLine};

const PLOT: (f64, f64) = (720.0, 320.0);
/// How far a bar may stretch the plot beyond its figures.
const MOST_ABOVE: f64 = 1.15;
/// Further lines are drawn and have their tooltips, but no line in the legend.
const MOST_NAMED: usize = 24;
/// Lines beyond the colours begin anew, told apart by their dashes.
const DASHES: [&[f64]; 4] = [&[], &[6.0, 4.0], &[2.0, 4.0], &[10.0, 4.0, 2.0, 4.0]];

pub fn draw(
    board: &Board,
    view: &LinesView,
    name: String,
    look: Look,
    caption: Option<&Caption>,
) -> Result<Svg, ChartError> {
    let points = || view.lines.iter().flat_map(|line| &line.points);
    if points().next().is_none() {
        return Err(ChartError::NoFigure(view.layer.name()));
    }
    at_most(points().count())?;
    let greatest = |of: fn(&LinePoint) -> f64| points().map(of).fold(0.0, f64::max);
    let figure = greatest(|point| point.estimate.mean);
    let bound = greatest(|point| point.estimate.interval.map_or(0.0, |i| i.high));
    // A bar that reaches far beyond all figures, as of two repeats, ends with the plot.
    let greatest = figure.max(bound.min(figure * MOST_ABOVE));
    let scale = Scale::upto(greatest, 5);
    let mut canvas = Canvas::new(look);
    let top = captioned(&mut canvas, caption, PLOT.0);
    let plot = Area {
        x: MARGIN + scale.label_width() + 8.0,
        y: top + 30.0,
        width: PLOT.0,
        height: PLOT.1,
    };
    let bars = view.bars().map(|bars| format!("; {bars}"));
    let bars = bars.unwrap_or_default();
    let title = format!("{} ({}{bars})", view.layer.name(), view.layer.unit());
    axis::vertical(&mut canvas, plot, &scale, &title);
    ticks(&mut canvas, view, plot);
    for (number, line) in view.lines.iter().enumerate() {
        one(&mut canvas, board, view, &scale, plot, number, line);
    }
    let bottom = legend(&mut canvas, view, plot);
    Ok(canvas.finish(plot.right() + MARGIN, bottom + MARGIN, name))
}

fn x_of(view: &LinesView, plot: Area, tick: usize) -> f64 {
    plot.x + (tick as f64 + 0.5) / view.ticks.len().max(1) as f64 * plot.width
}

fn ticks(canvas: &mut Canvas, view: &LinesView, plot: Area) {
    let room = plot.width / view.ticks.len().max(1) as f64;
    // Where labels are close, every second or third has to do.
    let widest = view
        .ticks
        .iter()
        .map(|tick| width(tick, SMALL))
        .fold(0.0, f64::max);
    let every = ((widest.min(120.0) + 10.0) / room).ceil().max(1.0) as usize;
    for (number, label) in view.ticks.iter().enumerate().step_by(every) {
        let label = fitted(label, SMALL, 120.0);
        axis::under(canvas, plot, x_of(view, plot, number), &label);
    }
    axis::title_under(canvas, plot, &view.x_name);
}

fn style(number: usize) -> (Ink, &'static [f64]) {
    let colours = Ink::SERIES.len();
    let dashes = DASHES[(number / colours) % DASHES.len()];
    (Ink::SERIES[number % colours], dashes)
}

fn one(
    canvas: &mut Canvas,
    board: &Board,
    view: &LinesView,
    scale: &Scale,
    plot: Area,
    number: usize,
    line: &RunLine,
) {
    let (ink, dashes) = style(number);
    let y_of = |value: f64| plot.bottom() - scale.share(value) * plot.height;
    // Points that are not neighbours have a gap between them: a combination without a figure.
    for stretch in line.points.chunk_by(|a, b| b.tick == a.tick + 1) {
        let path: Vec<(f64, f64)> = stretch
            .iter()
            .map(|point| (x_of(view, plot, point.tick), y_of(point.estimate.mean)))
            .collect();
        if path.len() > 1 {
            canvas.polyline(&path, 2.0, ink, dashes);
        }
    }
    for point in &line.points {
        let x = x_of(view, plot, point.tick);
        let label = board.label(point.entry);
        let Estimate { mean, interval, .. } = point.estimate;
        let figure = view.layer.with_interval(mean, interval);
        canvas.named(&format!("{label}: {figure}"), |canvas| {
            if let Some(interval) = interval {
                let end = |value| y_of(value).clamp(plot.y, plot.bottom());
                let (low, high) = (end(interval.low), end(interval.high));
                canvas.line((x, low), (x, high), 1.5, ink);
                canvas.line((x - 3.0, low), (x + 3.0, low), 1.5, ink);
                canvas.line((x - 3.0, high), (x + 3.0, high), 1.5, ink);
            }
            canvas.disc((x, y_of(mean)), 3.0, ink, ink);
        });
    }
}

/// Under the plot, in as many columns as fit. Gives the y under it.
fn legend(canvas: &mut Canvas, view: &LinesView, plot: Area) -> f64 {
    let top = plot.bottom() + 60.0;
    let named: Vec<&RunLine> = view.lines.iter().take(MOST_NAMED).collect();
    if named.iter().all(|line| line.label.is_empty()) {
        return plot.bottom() + 42.0;
    }
    let widest = named
        .iter()
        .map(|line| width(&line.label, SMALL))
        .fold(0.0, f64::max);
    let column = (widest + 48.0).min(plot.width);
    let across = (plot.width / column).floor().max(1.0) as usize;
    for (number, line) in named.iter().enumerate() {
        let x = plot.x + (number % across) as f64 * column;
        let y = top + (number / across) as f64 * 18.0;
        let (ink, dashes) = style(number);
        canvas.polyline(&[(x, y - 4.0), (x + 20.0, y - 4.0)], 2.0, ink, dashes);
        let label = fitted(&line.label, SMALL, column - 36.0);
        canvas.text((x + 28.0, y), Anchor::Start, SMALL, Ink::Secondary, &label);
    }
    let mut rows = named.len().div_ceil(across);
    let more = view.lines.len() - named.len();
    if more > 0 {
        let y = top + rows as f64 * 18.0;
        let text = format!("and {more} more");
        canvas.text((plot.x, y), Anchor::Start, SMALL, Ink::Tertiary, &text);
        rows += 1;
    }
    top + (rows as f64 - 1.0) * 18.0 + 4.0
}
