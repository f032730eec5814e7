//! Figures over the time of a run, in seconds since its start.

use std::ops::RangeInclusive;

use egui::{CornerRadius, Id, Label, Rangef, RichText, Role, Sense, Ui, WidgetInfo, vec2};
use egui_plot::{
    AxisHints, GridInput, GridMark, HPlacement, HoverPosition, Line, Plot, PlotPoint, PlotPoints,
    Points, Span,
};

use crate::app::theme::{self, Palette, font, palette, rounding, space};

use super::short_figure;

/// One line. Where a sample is absent the line is broken: a missing sensor is not zero.
#[derive(Debug, Clone)]
pub struct TimeSeries {
    pub name: String,
    /// Index into the palette's series colours.
    pub colour: usize,
    /// Runs of present samples; borrowed by the plot as they are.
    segments: Vec<Vec<PlotPoint>>,
    in_gap: bool,
}

impl TimeSeries {
    pub fn new(name: impl Into<String>, colour: usize) -> Self {
        Self {
            name: name.into(),
            colour,
            segments: Vec::new(),
            in_gap: true,
        }
    }

    #[must_use]
    pub fn with(mut self, samples: impl IntoIterator<Item = (f64, Option<f64>)>) -> Self {
        for (at_s, figure) in samples {
            self.push(at_s, figure);
        }
        self
    }

    /// Samples come in order of time. A figure that is not finite is absent.
    pub fn push(&mut self, at_s: f64, figure: Option<f64>) {
        let Some(figure) = figure.filter(|figure| figure.is_finite()) else {
            self.in_gap = true;
            return;
        };
        if self.in_gap {
            self.segments.push(Vec::new());
            self.in_gap = false;
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.push(PlotPoint::new(at_s, figure));
        }
    }

    /// The latest figure; `None` where the latest sample is absent.
    pub fn latest(&self) -> Option<f64> {
        if self.in_gap {
            None
        } else {
            self.segments.last()?.last().map(|point| point.y)
        }
    }

    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

/// When a cell was measured. Spans come in order and do not overlap.
#[derive(Debug, Clone)]
pub struct TimeSpan {
    /// Its settings: "decode 32, prompt 8".
    pub name: String,
    pub start_s: f64,
    pub end_s: f64,
}

pub struct TimePlot<'a> {
    /// Also the accessible name: "Throughput".
    pub title: &'a str,
    /// "tokens/s"; may be empty.
    pub unit: &'a str,
    pub series: &'a [TimeSeries],
    pub spans: &'a [TimeSpan],
    /// Plots of one group share their time axis and their cursor.
    pub group: Id,
    /// From and to, in seconds, before one zooms: equal in a group, so that its plots agree.
    pub all_s: (f64, f64),
    /// In points, with the heading.
    pub height: f32,
    /// What stands there while no series has a sample: "This machine reports no GPU power".
    pub empty: &'a str,
}

const HEADING_HEIGHT: f32 = 20.0;
/// More spans than this in view are narrower than a few pixels each, and say nothing.
const MOST_SPANS: usize = 300;
/// One width for all, so that the time axes of linked plots stand beneath each other.
const Y_AXIS_WIDTH: f32 = 44.0;

impl TimePlot<'_> {
    /// Drag or scroll sideways to pan, pinch or Ctrl/Cmd and scroll to zoom, double click to see all.
    pub fn show(self, ui: &mut Ui) {
        let palette = palette(ui);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = space::XS;
            self.heading(ui, palette);
            if self.series.iter().all(TimeSeries::is_empty) {
                let size = vec2(
                    ui.available_width(),
                    self.height - HEADING_HEIGHT - space::XS,
                );
                let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                let corner = CornerRadius::same(rounding::CONTROL);
                ui.painter().rect_filled(rect, corner, palette.sunken);
                let text = RichText::new(self.empty)
                    .small()
                    .color(palette.text_secondary);
                ui.put(rect, Label::new(text));
            } else {
                self.plot(ui, palette);
            }
        });
    }

    /// Title and unit, then a legend that holds each line's latest figure.
    fn heading(&self, ui: &mut Ui, palette: &'static Palette) {
        ui.horizontal(|ui| {
            ui.set_height(HEADING_HEIGHT);
            theme::section_heading(ui, self.title);
            ui.label(
                RichText::new(self.unit)
                    .small()
                    .color(palette.text_secondary),
            );
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                for series in self.series.iter().rev() {
                    let figure = |value| figure(value, self.unit);
                    let figure = series.latest().map_or_else(|| "–".to_owned(), figure);
                    ui.label(RichText::new(figure).font(font::figures_medium(11.0)));
                    ui.label(
                        RichText::new(&series.name)
                            .small()
                            .color(palette.text_secondary),
                    );
                    let (dot, _) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
                    ui.painter()
                        .circle_filled(dot.center(), 3.5, colour(palette, series));
                    ui.add_space(space::XS);
                }
            });
        });
    }

    fn plot(&self, ui: &mut Ui, palette: &'static Palette) {
        let Self {
            title,
            unit,
            series,
            spans,
            group,
            all_s,
            height,
            ..
        } = *self;
        let hover = move |position: &HoverPosition<'_>| {
            let (name, point) = match position {
                HoverPosition::NearDataPoint {
                    plot_name,
                    position,
                    ..
                } => (*plot_name, position),
                HoverPosition::Elsewhere { position } => ("", position),
            };
            let cell = span_at(spans, point.x).map(|span| span.name.as_str());
            let time = time_text(point.x);
            match (name, cell) {
                ("", None) => None,
                ("", Some(cell)) => Some(format!("{time}\n{cell}")),
                (name, cell) => {
                    let figure = figure(point.y, unit);
                    Some(
                        format!(
                            "{name} {figure} {unit}\n{time}\n{}",
                            cell.unwrap_or_default()
                        )
                        .trim_end()
                        .to_owned(),
                    )
                }
            }
        };
        let tick = FontTick {
            font: font::figures(10.0),
            colour: palette.text_tertiary,
        };
        let x_axis = AxisHints::new_x()
            .formatter(|mark, _: &RangeInclusive<f64>| time_text(mark.value))
            .tick_label_font(tick.font.clone())
            .tick_label_color(tick.colour);
        let y_axis = AxisHints::new_y()
            .formatter(|mark, _: &RangeInclusive<f64>| mark_text(mark.value, mark.step_size))
            .placement(HPlacement::Left)
            .label_spacing(Rangef::new(10.0, 20.0))
            .min_thickness(Y_AXIS_WIDTH)
            .tick_label_font(tick.font)
            .tick_label_color(tick.colour);
        let response = Plot::new(("time plot", title))
            .height(height - HEADING_HEIGHT - space::XS)
            .width(ui.available_width())
            .link_axis(group, [true, false])
            .link_cursor(group, [true, false])
            .custom_x_axes(vec![x_axis])
            .custom_y_axes(vec![y_axis])
            .allow_drag([true, false])
            .allow_zoom([true, false])
            .allow_scroll([true, false])
            .allow_boxed_zoom(false)
            .include_x(all_s.0)
            .include_x(all_s.1)
            .include_y(0.0)
            .set_margin_fraction(vec2(0.0, 0.06))
            .show_background(false)
            .x_grid_spacer(|grid| marks(&grid, time_step(10.0 * grid.base_step_size)))
            .y_grid_spacer(|grid| marks(&grid, round_step(3.0 * grid.base_step_size)))
            .grid_color(palette.hairline)
            .grid_fade(0.0)
            .cursor_color(palette.outline)
            .label_formatter(hover)
            .show(ui, move |plot| {
                let view = plot.plot_bounds().range_x();
                for (odd, span) in visible_spans(spans, &view) {
                    let strength = if odd { 0.05 } else { 0.10 };
                    let fill = palette.accent_text.gamma_multiply(strength);
                    let span = Span::new("", span.start_s..=span.end_s).fill(fill);
                    plot.span(span.border_width(0.0));
                }
                for (number, line) in series.iter().enumerate() {
                    for (part, segment) in line.segments.iter().enumerate() {
                        let points = PlotPoints::Borrowed(segment);
                        let id = (title, number, part);
                        if segment.len() == 1 {
                            let points = Points::new(&line.name, points).radius(1.5);
                            plot.points(points.color(colour(palette, line)).id(id));
                        } else {
                            let points = Line::new(&line.name, points).width(1.5);
                            plot.line(points.color(colour(palette, line)).id(id));
                        }
                    }
                }
            })
            .response;
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Image, true, format!("{title} over time, {unit}"))
        });
    }
}

struct FontTick {
    font: egui::FontId,
    colour: egui::Color32,
}

/// Requests are counted: one and a half is never in flight.
fn figure(value: f64, unit: &str) -> String {
    if unit == "requests" && value.is_finite() {
        format!("{value:.0}")
    } else {
        short_figure(value)
    }
}

/// With as many decimals as tell one mark from the next.
fn mark_text(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 3.0) as usize;
    if value.abs() < 10_000.0 {
        format!("{value:.decimals$}")
    } else {
        short_figure(value)
    }
}

fn colour(palette: &Palette, series: &TimeSeries) -> egui::Color32 {
    palette.series[series.colour % palette.series.len()]
}

/// Evenly spaced marks over the visible range. The plot's own would be powers of ten, which are
/// too few for a low plot and odd for time.
pub(in crate::app) fn marks(grid: &GridInput, step: f64) -> Vec<GridMark> {
    let (from, to) = grid.bounds;
    if !(step.is_finite() && step > 0.0 && (to - from) / step < 1000.0) {
        return Vec::new();
    }
    let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
    (first..=last)
        .map(|i| GridMark {
            value: i as f64 * step,
            step_size: step,
        })
        .collect()
}

/// At least `least_s`, and what people count time in.
fn time_step(least_s: f64) -> f64 {
    const STEPS_S: [f64; 14] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    ];
    if least_s < 1.0 {
        return round_step(least_s);
    }
    let of_hours = || round_step(least_s / 3600.0) * 3600.0;
    STEPS_S
        .into_iter()
        .find(|step| *step >= least_s)
        .unwrap_or_else(of_hours)
}

/// At least `least`: 1, 2 or 5 times a power of ten.
pub(in crate::app) fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade);
    steps
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(least)
}

/// "45 s", "2:05", "1:02:05": a place on the axis, not a duration to read aloud.
fn time_text(at_s: f64) -> String {
    if at_s.abs() < 60.0 {
        let text = format!("{at_s:.1}");
        return format!("{} s", text.strip_suffix(".0").unwrap_or(&text));
    }
    let sign = if at_s < 0.0 { "-" } else { "" };
    let whole = at_s.abs().round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{sign}{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{sign}{minutes}:{seconds:02}")
    }
}

fn span_at(spans: &[TimeSpan], at_s: f64) -> Option<&TimeSpan> {
    let after = spans.partition_point(|span| span.start_s <= at_s);
    spans
        .get(after.checked_sub(1)?)
        .filter(|span| at_s <= span.end_s)
}

/// With whether their place in the run is odd: neighbours must differ while one pans.
fn visible_spans<'a>(
    spans: &'a [TimeSpan],
    view: &RangeInclusive<f64>,
) -> impl Iterator<Item = (bool, &'a TimeSpan)> + use<'a> {
    let first = spans.partition_point(|span| span.end_s < *view.start());
    let end = spans
        .partition_point(|span| span.start_s <= *view.end())
        .max(first);
    let count = if end - first > MOST_SPANS {
        0
    } else {
        end - first
    };
    (first..first + count).map(|i| (i % 2 == 1, &spans[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_sample_breaks_the_line_and_is_not_zero() {
        let samples = [
            (0.0, None),
            (1.0, Some(4.0)),
            (2.0, Some(5.0)),
            (3.0, None),
            (4.0, Some(f64::NAN)),
        ];
        let mut series = TimeSeries::new("GPU", 0).with(samples);
        assert_eq!(series.segments.len(), 1);
        assert_eq!(series.latest(), None);
        series.push(5.0, Some(6.0));
        assert_eq!(
            series.segments.iter().map(Vec::len).collect::<Vec<_>>(),
            [2, 1]
        );
        assert_eq!(series.latest(), Some(6.0));
    }

    fn spans(count: usize) -> Vec<TimeSpan> {
        let span = |i| TimeSpan {
            name: format!("cell {i}"),
            start_s: i as f64 * 10.0,
            end_s: i as f64 * 10.0 + 8.0,
        };
        (0..count).map(span).collect()
    }

    #[test]
    fn the_cell_under_the_pointer_is_found_and_between_cells_there_is_none() {
        let spans = spans(3);
        assert_eq!(span_at(&spans, 14.0).unwrap().name, "cell 1");
        assert!(span_at(&spans, 9.0).is_none());
        assert!(span_at(&spans, -1.0).is_none());
    }

    #[test]
    fn only_spans_in_view_are_drawn_and_none_where_they_are_too_many() {
        let spans = spans(1000);
        let names = |view| {
            visible_spans(&spans, &view)
                .map(|(_, s)| s.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(15.0..=22.0), ["cell 1", "cell 2"]);
        assert!(names(0.0..=10_000.0).is_empty());
        assert!(names(-50.0..=-10.0).is_empty());
    }

    #[test]
    fn steps_of_the_axes_are_round_and_never_finer_than_asked() {
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        for (least, time, round) in [
            (0.3, 0.5, 0.5),
            (7.0, 10.0, 10.0),
            (11.0, 15.0, 20.0),
            (70.0, 120.0, 100.0),
            (9_000.0, 18_000.0, 10_000.0),
        ] {
            assert!(
                near(time_step(least), time),
                "{least}: {}",
                time_step(least)
            );
            assert!(
                near(round_step(least), round),
                "{least}: {}",
                round_step(least)
            );
        }
    }

    #[test]
    fn marks_of_an_axis_have_the_decimals_of_their_step_and_counts_have_none() {
        for (value, step, text) in [
            (0.0, 50.0, "0"),
            (50.0, 50.0, "50"),
            (2.0, 0.5, "2.0"),
            (0.04, 0.02, "0.04"),
            (20_000.0, 10_000.0, "20.0k"),
        ] {
            assert_eq!(mark_text(value, step), text);
        }
        assert_eq!(figure(1.0, "requests"), "1");
        assert_eq!(figure(94.93, "%"), "94.9");
    }

    #[test]
    fn places_on_the_time_axis_are_short() {
        for (at_s, text) in [
            (0.0, "0 s"),
            (2.5, "2.5 s"),
            (125.0, "2:05"),
            (3725.0, "1:02:05"),
            (-90.0, "-1:30"),
        ] {
            assert_eq!(time_text(at_s), text);
        }
    }
}
