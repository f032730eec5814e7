//! One figure against one axis, with a line for each combination of the others.

use egui::{CursorIcon, RichText, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, vec2};
use egui_material_icons::icons::ICON_SHOW_CHART;
use egui_plot::{
    AxisHints, GridMark, Line, LineStyle, PlotPoint, PlotPoints, PlotTransform, Points,
};

use crate::app::heat_panel::choose;
use crate::app::theme::{self, Palette, font, palette, space};
use crate::board::{Board, Dimension, Estimate, Layer, LinesView, RunLine};
use crate::measure::interval::Interval;
use crate::report::chart::Chart;

/// More lines than this cannot be told apart; the best ones are drawn.
const MOST_LINES: usize = 18;
const LEAST_HEIGHT: f32 = 140.0;
const LEGEND_HEIGHT: f32 = 76.0;

/// What is chosen, and what is prepared for drawing it.
#[derive(Debug)]
pub struct LinesPanel {
    x: Option<Dimension>,
    layer: Layer,
    dimensions: Vec<Dimension>,
    layers: Vec<Layer>,
    view: Option<LinesView>,
    drawn: Vec<DrawnLine>,
    /// The figure with its unit, and what the bars are.
    caption: String,
    /// What a screen reader says of the chart.
    summary: String,
    /// Said below the chart where not all lines are drawn.
    left_out: Option<String>,
    /// The line under the pointer, in the chart or in the legend, at the last frame.
    hovered: Option<usize>,
}

#[derive(Debug)]
struct DrawnLine {
    label: String,
    points: Vec<DrawnPoint>,
    /// Runs of neighbouring ticks; a missing figure parts them.
    segments: Vec<Vec<PlotPoint>>,
    dots: Vec<PlotPoint>,
}

#[derive(Debug)]
struct DrawnPoint {
    at: PlotPoint,
    interval: Option<Interval>,
    entry: usize,
    /// What is said of it under the pointer.
    about: String,
}

impl Default for LinesPanel {
    fn default() -> Self {
        Self {
            x: None,
            layer: Layer::Throughput,
            dimensions: Vec::new(),
            layers: vec![Layer::Throughput],
            view: None,
            drawn: Vec::new(),
            caption: String::new(),
            summary: String::new(),
            left_out: None,
            hovered: None,
        }
    }
}

impl LinesPanel {
    /// What is shown, to be drawn as a picture; `None` of a board without cells.
    pub fn chart(&self) -> Option<Chart> {
        let x = self.x.clone()?;
        let layer = self.layer;
        Some(Chart::Lines { x, layer })
    }

    /// Takes a board that is new or has changed.
    pub fn update(&mut self, board: &Board) {
        self.dimensions = board.axes();
        self.layers = board.choosable_layers();
        self.x = self
            .x
            .take()
            .filter(|x| self.dimensions.contains(x))
            .or_else(|| board.default_axes().map(|(x, _)| x));
        self.hovered = None;
        self.left_out = None;
        self.drawn.clear();
        self.summary.clear();
        self.view = self.x.as_ref().map(|x| board.lines(x, self.layer));
        if let Some(view) = &self.view {
            let mut chosen: Vec<&RunLine> = view.lines.iter().collect();
            if chosen.len() > MOST_LINES {
                chosen.sort_by(|a, b| best(view.layer, a, b));
                chosen.truncate(MOST_LINES);
                self.left_out = Some(format!(
                    "The {MOST_LINES} best of {} lines. Another axis across shows the rest in fewer.",
                    view.lines.len()
                ));
            }
            self.drawn = chosen
                .into_iter()
                .map(|line| DrawnLine::new(view, line))
                .collect();
            self.summary = summary(view);
            self.caption = format!("{}, {}", view.layer.name(), view.layer.unit());
            if let Some(bars) = view.bars() {
                self.caption = format!("{} ({bars})", self.caption);
            }
        }
    }

    /// What a screen reader says of the chart: "Throughput against concurrency: 2 lines, ...".
    #[cfg(test)]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Draws the choices and the chart; a click on a point selects its cell.
    pub fn show(&mut self, ui: &mut Ui, board: &Board, selected: &mut Option<usize>) {
        if self.choices(ui) {
            self.update(board);
        }
        ui.add_space(space::S);
        let Some(view) = self.view.as_ref().filter(|_| !self.drawn.is_empty()) else {
            let hint = "A line begins with its first measured cell.";
            theme::empty_state(ui, ICON_SHOW_CHART, "No figure to draw yet", hint);
            return;
        };
        let palette = palette(ui);
        let named = self.drawn.len() > 1;
        let legend = if named {
            self.legend_height(ui.available_width())
        } else {
            0.0
        };
        let below = legend + if self.left_out.is_some() { 20.0 } else { 0.0 };
        let height = (ui.available_height() - below).max(LEAST_HEIGHT);
        theme::caption(ui, &self.caption);
        let ticks = &view.ticks;
        let last = ticks.len().saturating_sub(1) as f64;
        let x_axis = AxisHints::new_x()
            .label(
                RichText::new(&view.x_name)
                    .font(font::medium(11.0))
                    .color(palette.text_secondary),
            )
            .formatter(|mark, _| {
                let at = mark.value.round();
                let tick = (at >= 0.0).then(|| ticks.get(at as usize)).flatten();
                tick.cloned().unwrap_or_default()
            })
            .label_spacing(egui::Rangef::new(18.0, 28.0));
        let all_ticks = |_| {
            let mark = |i| GridMark {
                value: i as f64,
                step_size: 1.0,
            };
            (0..ticks.len()).map(mark).collect()
        };
        let (drawn, hovered) = (&self.drawn, self.hovered);
        let output = super::plot(ui, "lines", height - 20.0, x_axis, all_ticks)
            .include_x(-0.35)
            .include_x(last + 0.35)
            .show(ui, |plot| {
                for (number, line) in drawn.iter().enumerate() {
                    let (colour, style) = looks(palette, number, hovered);
                    for (part, segment) in line.segments.iter().enumerate() {
                        let points = PlotPoints::Borrowed(segment);
                        let points = Line::new("", points).width(1.8).style(style);
                        plot.line(points.color(colour).allow_hover(false).id((number, part)));
                    }
                    let dots = Points::new("", PlotPoints::Borrowed(&line.dots)).radius(3.0);
                    plot.points(dots.color(colour).allow_hover(false).id((number, "dots")));
                }
            });
        super::name(&output.response, &self.summary);
        for (number, line) in self.drawn.iter().enumerate() {
            let (colour, _) = looks(palette, number, self.hovered);
            whiskers(ui, &output.transform, line, Stroke::new(1.0, colour));
        }
        if let Some(point) = self.points().find(|(_, p)| Some(p.entry) == *selected) {
            super::ring(ui, &output.transform, point.1.at, palette.text, 6.5);
        }
        let hit = output.response.hover_pos().and_then(|pointer| {
            let points = self.points().map(|(line, point)| ((line, point), point.at));
            super::nearest(points, &output.transform, pointer)
        });
        let mut hovered = hit.map(|(line, _)| line);
        if let Some((_, point)) = hit {
            let colour = palette.accent_text;
            super::ring(ui, &output.transform, point.at, colour, 6.5);
            if output.response.clicked() {
                *selected = Some(point.entry);
            }
            output
                .response
                .on_hover_cursor(CursorIcon::PointingHand)
                .on_hover_text_at_pointer(&point.about);
        }
        if named {
            ui.add_space(space::S);
            hovered = hovered.or(self.legend(ui));
        }
        if let Some(left_out) = &self.left_out {
            theme::caption(ui, left_out);
        }
        self.hovered = hovered;
    }

    fn points(&self) -> impl Iterator<Item = (usize, &DrawnPoint)> {
        let lines = self.drawn.iter().enumerate();
        lines.flat_map(|(number, line)| line.points.iter().map(move |point| (number, point)))
    }

    /// True if another view was chosen.
    fn choices(&mut self, ui: &mut Ui) -> bool {
        let mut changed = false;
        ui.horizontal_wrapped(|ui| {
            changed |= choose(ui, "Figure", &mut self.layer, &self.layers, |layer| {
                (layer.name().to_owned(), layer.about())
            });
            if let Some(x) = &mut self.x
                && self.dimensions.len() > 1
            {
                changed |= choose(ui, "Against", x, &self.dimensions, |dimension| {
                    (dimension.to_string(), "")
                });
            }
        });
        changed
    }

    /// Room for as many rows of names as there are, by a character's usual width.
    fn legend_height(&self, width: f32) -> f32 {
        let names = self.drawn.iter();
        let all: f32 = names
            .map(|line| line.label.chars().count() as f32 * 6.4 + 26.0 + space::L)
            .sum();
        let rows = (all / width.max(1.0)).ceil().max(1.0);
        (rows * 22.0).min(LEGEND_HEIGHT) + space::S
    }

    /// The line whose name is under the pointer.
    fn legend(&self, ui: &mut Ui) -> Option<usize> {
        let palette = palette(ui);
        let mut pointed = None;
        ScrollArea::vertical()
            .id_salt("lines legend")
            .max_height(LEGEND_HEIGHT)
            .auto_shrink([false, true])
            .show(ui, |ui| {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing = vec2(space::L, space::XS);
                    for (number, line) in self.drawn.iter().enumerate() {
                        if legend_entry(ui, palette, number, self.hovered, &line.label).hovered() {
                            pointed = Some(number);
                        }
                    }
                });
            });
        pointed
    }
}

fn legend_entry(
    ui: &mut Ui,
    palette: &'static Palette,
    number: usize,
    hovered: Option<usize>,
    label: &str,
) -> egui::Response {
    let text_colour = if hovered == Some(number) {
        palette.text
    } else {
        palette.text_secondary
    };
    let galley = ui.painter().layout_no_wrap(
        label.to_owned(),
        egui::TextStyle::Small.resolve(ui.style()),
        text_colour,
    );
    let size = vec2(galley.size().x + 26.0, galley.size().y + 4.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, label));
    let (colour, style) = looks(palette, number, hovered);
    let y = rect.center().y;
    let sample = [
        egui::pos2(rect.left(), y),
        egui::pos2(rect.left() + 20.0, y),
    ];
    let stroke = Stroke::new(1.8, colour);
    match style {
        LineStyle::Solid => {
            ui.painter().line_segment(sample, stroke);
        }
        LineStyle::Dashed { .. } => {
            ui.painter()
                .extend(egui::Shape::dashed_line(&sample, stroke, 6.0, 4.0));
        }
        LineStyle::Dotted { .. } => {
            ui.painter()
                .extend(egui::Shape::dashed_line(&sample, stroke, 2.0, 3.0));
        }
    }
    let at = egui::pos2(rect.left() + 26.0, y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, text_colour);
    response
}

/// Colours come round after six lines, then dashed and dotted. What is not pointed at recedes.
fn looks(
    palette: &'static Palette,
    number: usize,
    hovered: Option<usize>,
) -> (egui::Color32, LineStyle) {
    let colours = &palette.series;
    let style = match number / colours.len() {
        0 => LineStyle::Solid,
        1 => LineStyle::dashed_dense(),
        _ => LineStyle::dotted_dense(),
    };
    let colour = colours[number % colours.len()];
    let recedes = hovered.is_some_and(|hovered| hovered != number);
    let colour = if recedes {
        theme::mix(palette.background, colour, 0.3)
    } else {
        colour
    };
    (colour, style)
}

/// The 95 % interval, with a cap at each end. What reaches beyond the plot ends with it: few repeats
/// would else make everything small.
fn whiskers(ui: &Ui, transform: &PlotTransform, line: &DrawnLine, stroke: Stroke) {
    const CAP: f32 = 3.5;
    let painter = ui.painter().with_clip_rect(*transform.frame());
    for point in &line.points {
        let Some(interval) = point.interval else {
            continue;
        };
        let end = |value| transform.position_from_point(&PlotPoint::new(point.at.x, value));
        let (low, high) = (end(interval.low), end(interval.high));
        painter.line_segment([low, high], stroke);
        for end in [low, high] {
            painter.line_segment([end - vec2(CAP, 0.0), end + vec2(CAP, 0.0)], stroke);
        }
    }
}

impl DrawnLine {
    fn new(view: &LinesView, line: &RunLine) -> Self {
        let mut drawn = Self {
            label: line.label.clone(),
            points: Vec::with_capacity(line.points.len()),
            segments: Vec::new(),
            dots: Vec::with_capacity(line.points.len()),
        };
        let mut before = None;
        for point in &line.points {
            let at = PlotPoint::new(point.tick as f64, point.estimate.mean);
            match drawn.segments.last_mut() {
                Some(segment) if point.tick.checked_sub(1) == before => segment.push(at),
                _ => drawn.segments.push(vec![at]),
            }
            before = Some(point.tick);
            drawn.dots.push(at);
            let tick = view.ticks.get(point.tick).map_or("", String::as_str);
            let Estimate { mean, interval, .. } = point.estimate;
            let figure = view.layer.with_interval(mean, interval);
            let mut about = format!("{figure}\n{} {tick}", view.x_name);
            if !line.label.is_empty() {
                about = format!("{about}\n{}", line.label);
            }
            if interval.is_some() {
                about = format!("{about}\n95 %, {}", point.estimate.basis().text());
            }
            drawn.points.push(DrawnPoint {
                at,
                interval,
                entry: point.entry,
                about,
            });
        }
        drawn
    }
}

/// The line that reaches the better figure first.
fn best(layer: Layer, a: &RunLine, b: &RunLine) -> std::cmp::Ordering {
    let reach = |line: &RunLine| {
        let values = line.points.iter().map(|point| point.estimate.mean);
        if layer.better_is_higher() {
            values.fold(f64::NEG_INFINITY, f64::max)
        } else {
            -values.fold(f64::INFINITY, f64::min)
        }
    };
    reach(b).total_cmp(&reach(a))
}

/// "Throughput against concurrency: 2 lines, 18 points, from 41.0 to 354.9 tokens/s".
fn summary(view: &LinesView) -> String {
    let values = || {
        view.lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.estimate.mean)
    };
    let count = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let what = format!(
        "{} against {}",
        view.layer.name(),
        view.x_name.to_lowercase()
    );
    let points = values().count();
    if points == 0 {
        return format!("{what}: nothing measured");
    }
    let least = values().fold(f64::INFINITY, f64::min);
    let greatest = values().fold(f64::NEG_INFINITY, f64::max);
    format!(
        "{what}: {}, {}, from {} to {}",
        count(view.lines.len(), "line"),
        count(points, "point"),
        view.layer.precise(least),
        view.layer.with_unit(greatest)
    )
}
