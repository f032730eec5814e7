//! A histogram as bars, with its unit on the axis.

use egui::{Align2, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::short_figure;
use super::time_plot::round_step;
use crate::app::theme::{font, palette};
use crate::measure::histogram::Histogram;

const AXIS: f32 = 30.0;
const TOP: f32 = 14.0;

/// `name` is what was timed ("TTFT"), `unit` that of the histogram's samples.
pub fn histogram_bars(ui: &mut Ui, name: &str, unit: &str, histogram: &Histogram, height: f32) {
    let palette = palette(ui);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let plot = Rect::from_min_max(
        rect.min + vec2(0.0, TOP),
        pos2(rect.right(), rect.bottom() - AXIS),
    );
    let most = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    let bins = histogram.counts.len().max(1);
    let bin_width = plot.width() / bins as f32;
    let pointed = response.hover_pos().filter(|at| at.x < plot.right());
    let pointed = pointed.map(|at| ((at.x - plot.left()) / bin_width).max(0.0) as usize);
    let painter = ui.painter();
    for (bin, count) in histogram.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let left = plot.left() + bin as f32 * bin_width;
        let tall = (*count as f32 / most as f32 * plot.height()).max(1.5);
        let bar = Rect::from_min_max(
            pos2(left + 0.5, plot.bottom() - tall),
            pos2(left + bin_width - 0.5, plot.bottom()),
        );
        let colour = if pointed == Some(bin) {
            palette.accent_text
        } else {
            palette.series[0].gamma_multiply(0.8)
        };
        painter.rect_filled(bar, 1.0, colour);
    }
    let line = Stroke::new(1.0, palette.outline);
    painter.hline(plot.x_range(), plot.bottom(), line);
    let (small, tertiary) = (font::figures(10.0), palette.text_tertiary);
    let words = match most {
        1 => "1 request".to_owned(),
        n => format!("{n} requests"),
    };
    painter.text(rect.min, Align2::LEFT_TOP, words, small.clone(), tertiary);
    let range = histogram.end() - histogram.start;
    let step = round_step(range / f64::from((plot.width() / 64.0).max(1.0)));
    let mut tick = (histogram.start / step).ceil() * step;
    while tick <= histogram.end() {
        let x = plot.left() + ((tick - histogram.start) / range) as f32 * plot.width();
        painter.vline(x, plot.bottom()..=plot.bottom() + 3.0, line);
        let anchor = if x < plot.left() + 12.0 {
            Align2::LEFT_TOP
        } else if x > plot.right() - 12.0 {
            Align2::RIGHT_TOP
        } else {
            Align2::CENTER_TOP
        };
        let at = pos2(x, plot.bottom() + 4.0);
        painter.text(at, anchor, short_figure(tick), small.clone(), tertiary);
        tick += step;
    }
    painter.text(
        pos2(rect.center().x, rect.bottom()),
        Align2::CENTER_BOTTOM,
        format!("{name}, {unit}"),
        font::medium(10.5),
        palette.text_secondary,
    );
    response.widget_info(|| {
        let from = short_figure(histogram.start);
        let to = short_figure(histogram.end());
        let n = histogram.n();
        let spoken = format!("{name} of {n} requests in {bins} bins from {from} to {to} {unit}");
        WidgetInfo::labeled(Role::Image, true, spoken)
    });
    let bin = pointed.and_then(|bin| Some((bin, *histogram.counts.get(bin)?)));
    if let Some((bin, count)) = bin {
        let (from, to) = histogram.bounds(bin);
        let (from, to) = (short_figure(from), short_figure(to));
        response.on_hover_text_at_pointer(format!("{from} to {to} {unit}: {count} requests"));
    }
}
