//! Throughput against latency. What no other combination beats in both is joined and named.

use super::axis::{self, Scale};
use super::canvas::{Anchor, Area, Canvas, SMALL, STRONG, Svg, WORD, fitted};
use super::ink::{Ink, Look};
use super::{Caption, ChartError, MARGIN, at_most, captioned};
use crate::board::{Board, Layer, ParetoPoint, ParetoView};

const PLOT: (f64, f64) = (720.0, 320.0);
/// Points of the front that are numbered and named under the plot.
const MOST_NAMED: usize = 12;

pub fn draw(
    board: &Board,
    view: &ParetoView,
    name: String,
    look: Look,
    caption: Option<&Caption>,
) -> Result<Svg, ChartError> {
    if view.points.is_empty() {
        return Err(ChartError::NoLatency);
    }
    at_most(view.points.len())?;
    let most = |of: fn(&ParetoPoint) -> f64| view.points.iter().map(of).fold(0.0, f64::max);
    let down = Scale::upto(most(|point| point.throughput_tps), 5);
    let across = Scale::upto(most(|point| point.latency), 6);
    let mut canvas = Canvas::new(look);
    let top = captioned(&mut canvas, caption, PLOT.0);
    let plot = Area {
        x: MARGIN + down.label_width() + 8.0,
        y: top + 30.0,
        width: PLOT.0,
        height: PLOT.1,
    };
    axis::vertical(&mut canvas, plot, &down, "Throughput (tokens/s)");
    let title = format!(
        "{} ({}), less is better",
        view.latency.name(),
        view.latency.unit()
    );
    axis::horizontal(&mut canvas, plot, &across, &title);
    let at = |point: &ParetoPoint| {
        (
            plot.x + across.share(point.latency) * plot.width,
            plot.bottom() - down.share(point.throughput_tps) * plot.height,
        )
    };
    let front: Vec<&ParetoPoint> = view.points.iter().filter(|point| point.on_front).collect();
    let path: Vec<(f64, f64)> = front.iter().map(|point| at(point)).collect();
    if path.len() > 1 {
        canvas.polyline(&path, 2.0, Ink::Series1, &[]);
    }
    // Those on the front last, over the others.
    let behind = view.points.iter().filter(|point| !point.on_front);
    for point in behind.chain(front.iter().copied()) {
        let ink = if point.on_front {
            Ink::Series1
        } else {
            Ink::Tertiary
        };
        let fill = if point.on_front { ink } else { Ink::Background };
        canvas.named(&text(board, view, point), |canvas| {
            canvas.disc(at(point), 4.0, fill, ink);
        });
    }
    let named: Vec<&ParetoPoint> = front.iter().copied().take(MOST_NAMED).collect();
    numbers(
        &mut canvas,
        &named.iter().map(|point| at(point)).collect::<Vec<_>>(),
        plot,
    );
    let bottom = list(&mut canvas, board, view, plot, &named, front.len());
    Ok(canvas.finish(plot.right() + MARGIN, bottom + MARGIN, name))
}

fn text(board: &Board, view: &ParetoView, point: &ParetoPoint) -> String {
    format!(
        "{}: {} at {} {}",
        board.label(point.entry),
        Layer::Throughput.with_unit(point.throughput_tps),
        view.latency.name(),
        view.latency.with_unit(point.latency)
    )
}

/// Above and to the left of its point, where no better point can be; close ones step aside.
fn numbers(canvas: &mut Canvas, points: &[(f64, f64)], plot: Area) {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for (number, (x, y)) in points.iter().enumerate() {
        let mut at = (x - 9.0, y - 7.0);
        let near = |at: (f64, f64)| {
            taken
                .iter()
                .any(|(x, y)| (x - at.0).abs() < 12.0 && (y - at.1).abs() < 12.0)
        };
        while near(at) && at.1 > plot.y - 8.0 {
            at.1 -= 12.0;
        }
        taken.push(at);
        let text = (number + 1).to_string();
        canvas.text(at, Anchor::Middle, WORD, Ink::Accent, &text);
    }
}

/// What the numbers mean. Gives the y under it.
fn list(
    canvas: &mut Canvas,
    board: &Board,
    view: &ParetoView,
    plot: Area,
    named: &[&ParetoPoint],
    front: usize,
) -> f64 {
    let mut y = plot.bottom() + 64.0;
    let heading = "Not beaten in both throughput and latency";
    canvas.text((plot.x, y), Anchor::Start, STRONG, Ink::Text, heading);
    for (number, point) in named.iter().enumerate() {
        y += 18.0;
        let label = (number + 1).to_string();
        canvas.text((plot.x + 12.0, y), Anchor::End, WORD, Ink::Accent, &label);
        let line = fitted(&text(board, view, point), SMALL, plot.width - 20.0);
        canvas.text(
            (plot.x + 20.0, y),
            Anchor::Start,
            SMALL,
            Ink::Secondary,
            &line,
        );
    }
    if front > named.len() {
        y += 18.0;
        let more = format!("and {} more", front - named.len());
        canvas.text(
            (plot.x + 20.0, y),
            Anchor::Start,
            SMALL,
            Ink::Tertiary,
            &more,
        );
    }
    y + 4.0
}
