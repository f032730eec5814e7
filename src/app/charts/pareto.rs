//! Throughput against latency, with the front that no other combination beats in both.

use std::collections::HashSet;
use std::ops::Range;

use egui::{Align2, Color32, CursorIcon, Grid, Pos2, Rect, RichText, ScrollArea, TextStyle, Ui};
use egui_material_icons::icons::ICON_SCATTER_PLOT;
use egui_plot::{AxisHints, Line, PlotPoint, PlotPoints, PlotTransform, Points};

use crate::app::heat_panel::choose;
use crate::app::theme::{self, font, palette, space};
use crate::app::widgets::time_plot::{marks, round_step};
use crate::app::widgets::{elided, short_figure};
use crate::board::{Board, Layer};
use crate::report::chart::Chart;

const LATENCIES: [Layer; 4] = [
    Layer::TtftP50,
    Layer::TtftP95,
    Layer::TpotP50,
    Layer::E2eP50,
];
const LEAST_HEIGHT: f32 = 150.0;
const LIST_HEIGHT: f32 = 124.0;
/// What both figures of the list need beside a point's name.
const FIGURES: f32 = 235.0;

/// Dots off the front are drawn at most once in each field of a raster this fine: ten thousand of
/// them take longer than a frame, and lie over each other.
const RASTER: (f64, f64) = (160.0, 90.0);

/// A longer list is drawn only as far as it is in sight, where a screen reader finds the rest by
/// scrolling.
const WHOLE_LIST: usize = 200;
/// Points of the front that a name is tried at; there is room for a dozen or so.
const MOST_NAMES: usize = 48;

/// What is chosen, and what is prepared for drawing it.
#[derive(Debug)]
pub struct ParetoPanel {
    latency: Layer,
    /// Those that the run has.
    latencies: Vec<Layer>,
    points: Vec<DrawnPoint>,
    /// Positions of the points off the front, as many as can be told apart.
    behind: Vec<PlotPoint>,
    /// Positions of those on it.
    front: Vec<PlotPoint>,
    /// The front as a line: the most throughput that can be had within each latency.
    steps: Vec<PlotPoint>,
    summary: String,
}

#[derive(Debug)]
struct DrawnPoint {
    at: PlotPoint,
    on_front: bool,
    entry: usize,
}

/// What is said of a point as long as it is in sight.
struct Words {
    /// "concurrency 8, decode concurrency 32"
    name: String,
    throughput: String,
    latency: String,
}

impl DrawnPoint {
    fn words(&self, board: &Board, latency: Layer) -> Words {
        Words {
            name: board.combination_label(self.entry),
            throughput: Layer::Throughput.with_unit(self.at.y),
            latency: latency.with_unit(self.at.x),
        }
    }
}

impl Default for ParetoPanel {
    fn default() -> Self {
        Self {
            latency: Layer::TtftP50,
            latencies: Vec::new(),
            points: Vec::new(),
            behind: Vec::new(),
            front: Vec::new(),
            steps: Vec::new(),
            summary: String::new(),
        }
    }
}

impl ParetoPanel {
    /// What is shown, to be drawn as a picture; `None` where no latency was measured.
    pub fn chart(&self) -> Option<Chart> {
        let latency = self.latency;
        (!self.points.is_empty()).then_some(Chart::Pareto { latency })
    }

    /// Takes a board that is new or has changed.
    pub fn update(&mut self, board: &Board) {
        let layers = board.layers();
        self.latencies = LATENCIES
            .into_iter()
            .filter(|l| layers.contains(l))
            .collect();
        if !self.latencies.contains(&self.latency)
            && let Some(first) = self.latencies.first()
        {
            self.latency = *first;
        }
        let latency = self.latency;
        let view = board.pareto(latency);
        self.points = view
            .points
            .iter()
            .map(|point| DrawnPoint {
                at: PlotPoint::new(point.latency, point.throughput_tps),
                on_front: point.on_front,
                entry: point.entry,
            })
            .collect();
        let at = |wanted: bool| {
            let points = self
                .points
                .iter()
                .filter(move |point| point.on_front == wanted);
            points.map(|point| point.at).collect::<Vec<_>>()
        };
        (self.behind, self.front) = (thinned(at(false)), at(true));
        self.steps = steps(&self.front);
        self.summary = format!(
            "Throughput against {}: {} combinations, {} on the front",
            latency.name(),
            self.points.len(),
            self.front.len()
        );
    }

    /// Draws the choice, the chart and the list of the front; a click on either selects a cell.
    pub fn show(&mut self, ui: &mut Ui, board: &Board, selected: &mut Option<usize>) {
        let mut changed = false;
        if !self.latencies.is_empty() {
            ui.horizontal_wrapped(|ui| {
                let all = &self.latencies;
                changed = choose(ui, "Latency", &mut self.latency, all, |layer| {
                    (layer.name().to_owned(), layer.about())
                });
            });
        }
        if changed {
            self.update(board);
        }
        ui.add_space(space::S);
        if self.points.is_empty() {
            theme::empty_state(
                ui,
                ICON_SCATTER_PLOT,
                "No latency was measured",
                "Latencies need streamed answers, and p50 at least 11 of them in a cell. \
                 Files of other labs hold none.",
            );
            return;
        }
        let palette = palette(ui);
        theme::caption(ui, "Throughput, tokens/s: upper left is better");
        let unit = self.latency.unit();
        let x_name = format!("{}, {unit}", self.latency.name());
        let x_axis = AxisHints::new_x()
            .label(
                RichText::new(x_name)
                    .font(font::medium(11.0))
                    .color(palette.text_secondary),
            )
            .formatter(|mark, _| short_figure(mark.value));
        let height = (ui.available_height() - LIST_HEIGHT - space::M).max(LEAST_HEIGHT);
        let (behind, front, steps) = (&self.behind, &self.front, &self.steps);
        let x_marks = |grid| marks(&grid, round_step(8.0 * grid.base_step_size));
        let most = self
            .points
            .iter()
            .fold(0.0, |most: f64, point| most.max(point.at.x));
        let output = super::plot(ui, "pareto", height, x_axis, x_marks)
            .include_x(0.0)
            .include_x(most * 1.08)
            .show(ui, |plot| {
                let line = Line::new("", PlotPoints::Borrowed(steps))
                    .width(1.5)
                    // Its steps are no noise within a column of pixels.
                    .allow_band(false);
                plot.line(
                    line.color(palette.accent_text)
                        .allow_hover(false)
                        .id("front line"),
                );
                let dots = Points::new("", PlotPoints::Borrowed(behind)).radius(3.0);
                plot.points(
                    dots.color(palette.text_tertiary)
                        .allow_hover(false)
                        .id("behind"),
                );
                let dots = Points::new("", PlotPoints::Borrowed(front)).radius(4.0);
                plot.points(
                    dots.color(palette.accent_text)
                        .allow_hover(false)
                        .id("front"),
                );
            });
        super::name(&output.response, &self.summary);
        self.names(ui, board, &output.transform);
        if let Some(point) = self.points.iter().find(|p| Some(p.entry) == *selected) {
            super::ring(ui, &output.transform, point.at, palette.text, 7.5);
        }
        let hit = output.response.hover_pos().and_then(|pointer| {
            let points = self.points.iter().map(|point| (point, point.at));
            super::nearest(points, &output.transform, pointer)
        });
        if let Some(point) = hit {
            super::ring(ui, &output.transform, point.at, palette.accent_text, 7.5);
            if output.response.clicked() {
                *selected = Some(point.entry);
            }
            output
                .response
                .on_hover_cursor(CursorIcon::PointingHand)
                .on_hover_ui_at_pointer(|ui| {
                    let Words {
                        name,
                        throughput,
                        latency,
                    } = point.words(board, self.latency);
                    ui.label(format!(
                        "{name}\n{throughput}\n{} {latency}",
                        self.latency.name()
                    ));
                });
        }
        ui.add_space(space::S);
        self.list(ui, board, selected);
    }

    /// The front's points named where there is room: the fastest first, none over another.
    fn names(&self, ui: &Ui, board: &Board, transform: &PlotTransform) {
        let palette = palette(ui);
        let painter = ui.painter().with_clip_rect(*transform.frame());
        let on_screen = |at: &PlotPoint| transform.position_from_point(at);
        // Those that are drawn: a name beside a crowd need not ask each of its members.
        let dots: Vec<Pos2> = self
            .behind
            .iter()
            .chain(&self.front)
            .map(on_screen)
            .collect();
        let mut taken: Vec<Rect> = Vec::new();
        let every = self.front.len().div_ceil(MOST_NAMES).max(1);
        let front = self.points.iter().rev().filter(|point| point.on_front);
        for point in front.step_by(every) {
            let font = font::medium(11.0);
            let name = board.combination_label(point.entry);
            let galley = painter.layout_no_wrap(name, font, palette.text_secondary);
            let dot = on_screen(&point.at);
            // Right of and below its point lies nothing of the front; else to the left of it.
            let right = Align2::LEFT_TOP.anchor_size(dot + egui::vec2(9.0, 2.0), galley.size());
            let left = Align2::RIGHT_BOTTOM.anchor_size(dot - egui::vec2(9.0, 2.0), galley.size());
            let fits = |rect: &Rect| {
                transform.frame().contains_rect(*rect)
                    && !dots.iter().any(|dot| rect.expand(3.0).contains(*dot))
                    && taken
                        .iter()
                        .all(|other| !other.expand(2.0).intersects(*rect))
            };
            if let Some(place) = [right, left].into_iter().find(fits) {
                painter.galley(place.min, galley, palette.text_secondary);
                taken.push(place);
            }
        }
    }

    fn list(&self, ui: &mut Ui, board: &Board, selected: &mut Option<usize>) {
        theme::section_heading(
            ui,
            "On the front: nothing else is faster at no more latency",
        );
        let all = self.front.len();
        let scroll = ScrollArea::vertical().id_salt("front").auto_shrink(false);
        if all <= WHOLE_LIST {
            scroll.show(ui, |ui| self.rows(ui, board, 0..all, selected));
        } else {
            let height = ui.spacing().interact_size.y;
            scroll.show_rows(ui, height, all, |ui, rows| {
                self.rows(ui, board, rows, selected);
            });
        }
    }

    fn rows(&self, ui: &mut Ui, board: &Board, rows: Range<usize>, selected: &mut Option<usize>) {
        let room = ui.available_width() - FIGURES - 2.0 * ui.spacing().button_padding.x;
        let body = TextStyle::Button.resolve(ui.style());
        let shortened = |ui: &Ui, name: &str| {
            let galley = elided::galley(ui.painter(), name, &body, Color32::PLACEHOLDER, room, 1);
            galley.text().to_owned()
        };
        Grid::new("front points")
            .num_columns(3)
            .spacing([space::XL, ui.spacing().item_spacing.y])
            .start_row(rows.start)
            .show(ui, |ui| {
                let front = self.points.iter().filter(|point| point.on_front);
                for point in front.skip(rows.start).take(rows.len()) {
                    let words = point.words(board, self.latency);
                    let name = format!(
                        "Front: {}, {}, {} {}",
                        words.name,
                        words.throughput,
                        self.latency.name(),
                        words.latency
                    );
                    let text = shortened(ui, &words.name);
                    let is_whole = text == words.name;
                    let mut line = ui
                        .selectable_label(*selected == Some(point.entry), text)
                        .accessible_name(name);
                    if !is_whole {
                        line = line.on_hover_text(words.name);
                    }
                    if line.clicked() {
                        *selected = Some(point.entry);
                    }
                    for figure in [words.throughput, words.latency] {
                        ui.label(RichText::new(figure).font(font::figures(12.0)));
                    }
                    ui.end_row();
                }
            });
    }
}

/// The front as a line: level until the next latency that buys more, then up.
pub(super) fn steps(front: &[PlotPoint]) -> Vec<PlotPoint> {
    let mut steps: Vec<PlotPoint> = Vec::with_capacity(2 * front.len());
    for point in front {
        if let Some(last) = steps.last().copied() {
            steps.push(PlotPoint::new(point.x, last.y));
        }
        steps.push(*point);
    }
    // A stroke of no length has no direction, and would be drawn in any.
    steps.dedup();
    steps
}

/// The first point in each field of [`RASTER`] over all of them.
fn thinned(mut points: Vec<PlotPoint>) -> Vec<PlotPoint> {
    let most = |of: fn(&PlotPoint) -> f64| points.iter().map(of).fold(0.0, f64::max);
    let (width, height) = (most(|p| p.x), most(|p| p.y));
    let mut taken = HashSet::new();
    let field = |at: f64, all: f64, fields: f64| (at / all * fields) as u32;
    points.retain(|p| taken.insert((field(p.x, width, RASTER.0), field(p.y, height, RASTER.1))));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_that_lie_over_each_other_are_drawn_once() {
        let crowd = (0..10_000).map(|n| {
            let (x, y) = (f64::from(n % 100), f64::from(n / 100));
            PlotPoint::new(1.0 + x / 1e3, 1.0 + y / 1e3)
        });
        let far = PlotPoint::new(100.0, 100.0);
        let kept = thinned(crowd.chain([far]).collect());
        assert_eq!(kept.len(), 2, "one for the crowd, and the one far off");
        assert!(kept.iter().any(|p| p.x.to_string() == "100"));
        assert!(thinned(Vec::new()).is_empty());
        // Without extent, as where nothing was measured but zero.
        let same = vec![PlotPoint::new(0.0, 0.0); 3];
        assert_eq!(thinned(same).len(), 1);
    }
}
