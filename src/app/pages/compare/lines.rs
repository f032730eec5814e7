//! One figure of all runs over one axis: a colour a run, a line style a value of another axis.

use std::ops::RangeInclusive;

use egui::{RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2};
use egui_material_icons::icons::ICON_STACKED_LINE_CHART;
use egui_plot::{
    AxisHints, GridMark, HPlacement, HoverPosition, Line, LineStyle, MarkerShape, Plot, PlotPoint,
    PlotPoints, Points,
};

use super::shown::{Choices, Shown, measure, named};
use crate::app::heat_panel::choose;
use crate::app::theme::{self, font, palette, space};
use crate::app::widgets::short_figure;
use crate::app::widgets::time_plot::{marks, round_step};
use crate::board::Coordinate;
use crate::compare::render::letter;
use crate::compare::{Comparison, Overlay, OverlayLine};
use crate::plan::Axis;

/// Told apart by dashes and by the shape of their points.
const STYLES: [(LineStyle, MarkerShape); 6] = [
    (LineStyle::Solid, MarkerShape::Circle),
    (LineStyle::Dashed { length: 9.0 }, MarkerShape::Square),
    (LineStyle::Dotted { spacing: 5.0 }, MarkerShape::Diamond),
    (LineStyle::Dashed { length: 4.0 }, MarkerShape::Up),
    (LineStyle::Dotted { spacing: 9.0 }, MarkerShape::Down),
    (LineStyle::Solid, MarkerShape::Cross),
];

/// Ready to draw.
#[derive(Debug)]
pub(super) struct LinesView {
    overlay: Overlay,
    lines: Vec<Drawn>,
    unit: &'static str,
    /// What a screen reader says.
    name: String,
    /// Why there are no lines beside each other.
    not_compared: Option<&'static str>,
}

#[derive(Debug)]
struct Drawn {
    run: usize,
    style: usize,
    /// "B, decode concurrency 32".
    name: String,
    /// Parted where a cell has no valid figure.
    segments: Vec<Vec<PlotPoint>>,
    points: Vec<PlotPoint>,
    /// The 95 % intervals, as far as they lie within the plot.
    whiskers: Vec<[PlotPoint; 2]>,
}

impl LinesView {
    pub(super) fn new(comparison: &Comparison, choices: &Choices) -> Self {
        let x = choices.x.clone().unwrap_or(Axis::Concurrency);
        let by = choices.by.as_ref();
        let mut overlay = comparison.overlay(&x, by, &choices.fixed, &measure(choices));
        let not_compared = comparison.not_compared(&measure(choices));
        if not_compared.is_some() {
            // Lines in one plot are a comparison.
            overlay.lines.clear();
        }
        let points = || overlay.lines.iter().flat_map(|line| &line.points);
        let greatest = points().map(|point| point.figure.mean).fold(0.0, f64::max);
        let most = greatest * MOST_ABOVE;
        let drawn = overlay.lines.iter().map(|line| drawn(line, &overlay, most));
        let lines: Vec<Drawn> = drawn.collect();
        let count = match lines.len() {
            1 => "1 line".to_owned(),
            n => format!("{n} lines"),
        };
        Self {
            name: format!(
                "{} in {} over {}: {count}",
                choices.layer.name(),
                choices.layer.unit(),
                overlay.x_name
            ),
            not_compared,
            unit: choices.layer.unit(),
            lines,
            overlay,
        }
    }
}

/// How far a whisker may reach above the greatest figure: that of two repeats would make all others
/// small.
const MOST_ABOVE: f64 = 1.15;

fn drawn(line: &OverlayLine, overlay: &Overlay, most: f64) -> Drawn {
    let mut segments: Vec<Vec<PlotPoint>> = Vec::new();
    let mut points = Vec::new();
    let mut whiskers = Vec::new();
    for point in &line.points {
        let x = point.tick as f64;
        let at = PlotPoint::new(x, point.figure.mean);
        match segments.last_mut().filter(|_| !point.after_gap) {
            Some(segment) => segment.push(at),
            None => segments.push(vec![at]),
        }
        points.push(at);
        if let Some(interval) = point.figure.interval {
            let ends = [interval.low, interval.high];
            whiskers.push(ends.map(|y| PlotPoint::new(x, y.clamp(0.0, most))));
        }
    }
    let run = letter(line.run);
    Drawn {
        run: line.run,
        style: line.style,
        name: match overlay.styles.get(line.style) {
            Some(style) => format!("{run}, {style}"),
            None => run.to_string(),
        },
        segments,
        points,
        whiskers,
    }
}

impl Shown {
    pub(super) fn show_lines(&mut self, ui: &mut Ui, choices: &mut Choices) {
        if self.choose_lines(ui, choices) {
            self.update(choices);
        }
        ui.add_space(space::S);
        if self.lines.lines.is_empty() {
            let (title, why) = match self.lines.not_compared {
                Some(why) => ("Not compared", why),
                None => (
                    "Nothing to draw here",
                    "No run has a valid figure at these settings: choose others above.",
                ),
            };
            theme::empty_state(ui, ICON_STACKED_LINE_CHART, title, why);
            return;
        }
        self.legend(ui);
        ui.add_space(space::XS);
        self.plot(ui);
    }

    fn choose_lines(&self, ui: &mut Ui, choices: &mut Choices) -> bool {
        let mut changed = false;
        let comparison = &self.comparison;
        let varying = comparison.axes().iter().filter(|axis| axis.varies());
        let varying: Vec<Axis> = varying.map(|axis| axis.axis.clone()).collect();
        ui.horizontal_wrapped(|ui| {
            changed |= self.choose_layer(ui, choices);
            if let Some(x) = &mut choices.x
                && varying.len() > 1
            {
                let before = x.clone();
                if choose(ui, "Over", x, &varying, named) {
                    changed = true;
                    if choices.by == choices.x {
                        choices.by = Some(before);
                    }
                }
                let all: Vec<Option<Axis>> = varying
                    .iter()
                    .filter(|axis| Some(*axis) != choices.x.as_ref())
                    .cloned()
                    .map(Some)
                    .chain([None])
                    .collect();
                changed |= choose(ui, "Line style", &mut choices.by, &all, |axis| {
                    axis.as_ref().map_or_else(|| ("None".to_owned(), ""), named)
                });
            }
            for (axis, value) in &mut choices.fixed {
                if let Some(values) = comparison.axis(axis) {
                    let label = values.dimension().to_string();
                    changed |= choose(ui, &label, value, &values.values, |value: &Coordinate| {
                        (value.to_string(), "")
                    });
                }
            }
        });
        changed
    }

    /// What the line styles stand for; the colours stand beside the runs' names on the left.
    fn legend(&self, ui: &mut Ui) {
        let palette = palette(ui);
        let has_bars = self
            .lines
            .lines
            .iter()
            .any(|line| !line.whiskers.is_empty());
        if self.lines.overlay.styles.is_empty() && !has_bars {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            for (number, style) in self.lines.overlay.styles.iter().enumerate() {
                let (rect, _) = ui.allocate_exact_size(vec2(30.0, 14.0), Sense::hover());
                let (line, _) = STYLES[number % STYLES.len()];
                let ends = [rect.left_center(), rect.right_center()];
                let stroke = Stroke::new(1.5, palette.text_secondary);
                let painter = ui.painter();
                match line {
                    LineStyle::Solid => {
                        painter.line_segment(ends, stroke);
                    }
                    LineStyle::Dashed { length } => {
                        let gap = length * 0.6;
                        painter.extend(egui::Shape::dashed_line(&ends, stroke, length, gap));
                    }
                    LineStyle::Dotted { spacing } => {
                        let colour = palette.text_secondary;
                        painter.extend(egui::Shape::dotted_line(&ends, colour, spacing, 1.0));
                    }
                }
                theme::caption(ui, style);
                ui.add_space(space::S);
            }
            if has_bars {
                theme::caption(ui, "Bars: 95 % intervals");
            }
        });
    }

    fn plot(&self, ui: &mut Ui) {
        let palette = palette(ui);
        let view = &self.lines;
        let ticks = &view.overlay.ticks;
        let unit = view.unit;
        let tick_text = |at: f64| {
            let whole = (at - at.round()).abs() < 1e-6 && at > -0.5;
            let text = whole.then(|| ticks.get(at.round() as usize)).flatten();
            text.cloned().unwrap_or_default()
        };
        let small = font::figures(11.0);
        let caption = |text: &str| {
            let text = RichText::new(text).small();
            text.color(palette.text_secondary)
        };
        let x_axis = AxisHints::new_x()
            .label(caption(&view.overlay.x_name))
            .formatter(|mark: GridMark, _: &RangeInclusive<f64>| tick_text(mark.value))
            .tick_label_font(small.clone())
            .tick_label_color(palette.text_secondary);
        let y_axis = AxisHints::new_y()
            .label(caption(unit))
            .formatter(|mark: GridMark, _: &RangeInclusive<f64>| short_figure(mark.value))
            .placement(HPlacement::Left)
            .tick_label_font(small)
            .tick_label_color(palette.text_secondary);
        let hover = |position: &HoverPosition<'_>| match position {
            HoverPosition::NearDataPoint {
                plot_name,
                position,
                ..
            } => Some(format!(
                "{plot_name}\n{} {}\n{} {unit}",
                view.overlay.x_name,
                tick_text(position.x),
                short_figure(position.y)
            )),
            HoverPosition::Elsewhere { .. } => None,
        };
        let size = ui.available_size();
        let last = ticks.len().saturating_sub(1) as f64;
        let response = Plot::new("compared lines")
            .width(size.x)
            .height(size.y.max(160.0))
            .custom_x_axes(vec![x_axis])
            .custom_y_axes(vec![y_axis])
            .x_grid_spacer(move |_| {
                (0..=last as i64)
                    .map(|tick| GridMark {
                        value: tick as f64,
                        step_size: 1.0,
                    })
                    .collect()
            })
            .y_grid_spacer(|grid| {
                // No figure is below zero: the margin there needs no tick.
                let mut marks = marks(&grid, round_step(7.0 * grid.base_step_size));
                marks.retain(|mark| mark.value >= 0.0);
                marks
            })
            .include_y(0.0)
            .include_x(-0.25)
            .include_x(last + 0.25)
            .set_margin_fraction(vec2(0.0, 0.06))
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_double_click_reset(false)
            .show_background(false)
            .grid_color(palette.hairline)
            .grid_fade(0.0)
            .cursor_color(palette.outline)
            .label_formatter(hover)
            .show(ui, |plot| {
                for (number, line) in view.lines.iter().enumerate() {
                    let series = self.colours[line.run] % palette.series.len();
                    let colour = palette.series[series];
                    let (style, shape) = STYLES[line.style % STYLES.len()];
                    for (part, ends) in line.whiskers.iter().enumerate() {
                        let whisker = Line::new("", PlotPoints::Borrowed(ends)).width(1.0);
                        let faint = colour.gamma_multiply(0.6);
                        let id = ("whisker", number, part);
                        plot.line(whisker.color(faint).allow_hover(false).id(id));
                    }
                    for (part, segment) in line.segments.iter().enumerate() {
                        let drawn = Line::new(&line.name, PlotPoints::Borrowed(segment));
                        let drawn = drawn.width(1.75).style(style).color(colour);
                        plot.line(drawn.allow_hover(false).id(("line", number, part)));
                    }
                    let points = Points::new(&line.name, PlotPoints::Borrowed(&line.points));
                    let points = points.shape(shape).radius(3.5).color(colour);
                    plot.points(points.id(("points", number)));
                }
            })
            .response;
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &view.name));
    }
}
