//! The legend of a heatmap: its colours, its range and its unit.

use egui::{Align2, Color32, Mesh, Rect, Response, Role, Sense, Shape, Ui, WidgetInfo, pos2, vec2};

use crate::app::theme::{colour_map, font, palette};

use super::short_figure;

/// The range of figures that one set of grids shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    pub min: f64,
    pub max: f64,
    /// Bright is good: for latencies and energy the least figure is the bright one.
    pub lower_is_better: bool,
    /// "tokens/s"; may be empty.
    pub unit: String,
    /// Position from 0 (least) to 1 (greatest), and its text.
    ticks: Vec<(f32, String)>,
    name: String,
    /// Zero is the middle, and both sides have a colour of their own.
    diverging: bool,
}

/// A range of differences is at least this wide on each side, so that noise stays pale.
const LEAST_DIFFERENCE: f64 = 5.0;

impl Scale {
    /// `None` where no figure is finite.
    pub fn of(
        figures: impl IntoIterator<Item = f64>,
        unit: &str,
        lower_is_better: bool,
    ) -> Option<Self> {
        let (min, max) = figures
            .into_iter()
            .filter(|figure| figure.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), figure| {
                (a.min(figure), b.max(figure))
            });
        if min > max {
            return None;
        }
        let position = |tick: f64| {
            if max > min {
                (tick - min) / (max - min)
            } else {
                0.5
            }
        };
        let ticks: Vec<_> = nice_ticks(min, max)
            .into_iter()
            .map(|tick| (position(tick) as f32, short_tick(tick, max - min)))
            .collect();
        let texts: Vec<_> = ticks.iter().map(|(_, text)| text.as_str()).collect();
        let name = format!(
            "Colour scale from {} to {} {unit}; marked: {}",
            short_figure(min),
            short_figure(max),
            texts.join(", ")
        );
        Some(Self {
            min,
            max,
            lower_is_better,
            unit: unit.to_owned(),
            ticks,
            name,
            diverging: false,
        })
    }

    /// Differences around zero, in percent; `None` where none is finite.
    pub fn diverging(figures: impl IntoIterator<Item = f64>, unit: &str) -> Option<Self> {
        let finite = figures.into_iter().filter(|figure| figure.is_finite());
        let most = finite.map(f64::abs).reduce(f64::max)?.max(LEAST_DIFFERENCE);
        let scale = Self::of([-most, most], unit, false)?;
        Some(Self {
            diverging: true,
            ..scale
        })
    }

    pub fn colour(&self, figure: f64, dark: bool) -> Color32 {
        self.colour_at(self.position(figure), dark)
    }

    /// `position` as [`Scale::position`] gives it.
    fn colour_at(&self, position: f32, dark: bool) -> Color32 {
        if self.diverging {
            colour_map::diverging(2.0 * position - 1.0, dark)
        } else {
            colour_map::sequential(position)
        }
    }

    /// Where a figure lies on the colour map, from 0 to 1; the middle where all are equal.
    pub fn position(&self, figure: f64) -> f32 {
        let range = self.max - self.min;
        let position = if range > 0.0 {
            ((figure - self.min) / range) as f32
        } else {
            0.5
        };
        if self.lower_is_better {
            1.0 - position
        } else {
            position
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// Ticks below.
    Horizontal,
    /// The greatest on top, ticks on the right.
    Vertical,
}

const THICKNESS: f32 = 10.0;

/// Draws the bar; `length` in points along its direction.
pub fn colour_bar(ui: &mut Ui, scale: &Scale, orientation: Orientation, length: f32) -> Response {
    let palette = palette(ui);
    let size = match orientation {
        Orientation::Horizontal => vec2(length, THICKNESS + 18.0),
        Orientation::Vertical => vec2(THICKNESS + 46.0, length + 22.0),
    };
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &scale.name));
    let bar = match orientation {
        Orientation::Horizontal => Rect::from_min_size(rect.min, vec2(length, THICKNESS)),
        // The first tick's text is centred on its end, and the unit stands above it.
        Orientation::Vertical => {
            Rect::from_min_size(rect.min + vec2(0.0, 22.0), vec2(THICKNESS, length - 6.0))
        }
    };
    let painter = ui.painter();
    painter.add(gradient(bar, scale, palette.dark, orientation));
    let font = font::figures(11.0);
    for (position, text) in &scale.ticks {
        let (at, align) = match orientation {
            Orientation::Horizontal => {
                let x = bar.left() + position * bar.width();
                // Ends stay inside of the bar's own width.
                let align = match position {
                    p if *p < 0.04 => Align2::LEFT_TOP,
                    p if *p > 0.96 => Align2::RIGHT_TOP,
                    _ => Align2::CENTER_TOP,
                };
                painter.vline(
                    x.clamp(bar.left() + 0.5, bar.right() - 0.5),
                    bar.bottom()..=bar.bottom() + 3.0,
                    (1.0, palette.text_tertiary),
                );
                (pos2(x, bar.bottom() + 4.0), align)
            }
            Orientation::Vertical => {
                let y = bar.bottom() - position * bar.height();
                painter.hline(
                    bar.right()..=bar.right() + 3.0,
                    y,
                    (1.0, palette.text_tertiary),
                );
                (pos2(bar.right() + 6.0, y), Align2::LEFT_CENTER)
            }
        };
        painter.text(at, align, text, font.clone(), palette.text_secondary);
    }
    if orientation == Orientation::Vertical {
        let font = egui::FontId::proportional(11.0);
        painter.text(
            rect.min,
            Align2::LEFT_TOP,
            &scale.unit,
            font,
            palette.text_secondary,
        );
    }
    response
}

fn gradient(bar: Rect, scale: &Scale, dark: bool, orientation: Orientation) -> Shape {
    const PARTS: u32 = 48;
    let mut mesh = Mesh::default();
    for part in 0..=PARTS {
        let t = part as f32 / PARTS as f32;
        let colour = scale.colour_at(if scale.lower_is_better { 1.0 - t } else { t }, dark);
        let ends = match orientation {
            Orientation::Horizontal => {
                let x = bar.left() + t * bar.width();
                [pos2(x, bar.top()), pos2(x, bar.bottom())]
            }
            Orientation::Vertical => {
                let y = bar.bottom() - t * bar.height();
                [pos2(bar.left(), y), pos2(bar.right(), y)]
            }
        };
        for end in ends {
            mesh.colored_vertex(end, colour);
        }
        if part < PARTS {
            let i = 2 * part;
            mesh.add_triangle(i, i + 1, i + 2);
            mesh.add_triangle(i + 1, i + 2, i + 3);
        }
    }
    Shape::mesh(mesh)
}

/// Three to five round figures within the range; one where the range is a single figure.
fn nice_ticks(min: f64, max: f64) -> Vec<f64> {
    let range = max - min;
    // Not above what f64 can tell apart at this size.
    if range <= min.abs().max(max.abs()) * 1e-12 {
        return vec![min];
    }
    let decade = 10f64.powf((range / 5.0).log10().floor());
    let ticks = |step: f64| -> Vec<f64> {
        let (first, last) = (
            (min / step - 1e-9).ceil() as i64,
            (max / step + 1e-9).floor() as i64,
        );
        (first..=last).map(|i| i as f64 * step).collect()
    };
    // From fine to coarse: the first that is not too many.
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| ticks(factor * decade))
        .find(|ticks| (3..=5).contains(&ticks.len()))
        .unwrap_or_else(|| vec![min, f64::midpoint(min, max), max])
}

/// As many decimals as tell neighbouring ticks apart.
fn short_tick(tick: f64, range: f64) -> String {
    if range <= 0.0 || tick.abs() >= 10_000.0 {
        return short_figure(tick);
    }
    let decimals = (1.0 - (range / 5.0).log10().floor()).clamp(0.0, 4.0) as usize;
    let text = format!("{tick:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_three_to_five_round_figures_inside_of_the_range() {
        for (min, max) in [
            (0.0, 1.0),
            (12.3, 425.3),
            (0.001, 0.0042),
            (99.0, 101.0),
            (-5.0, 7.0),
            (3.0, 3.1),
            (1e6, 9e6),
            (0.0, 7.0),
            (410.2, 425.3),
            (1.0, 1000.0),
            (0.93, 1.07),
        ] {
            let ticks = nice_ticks(min, max);
            assert!((3..=5).contains(&ticks.len()), "{min} to {max}: {ticks:?}");
            assert!(
                ticks.iter().all(|t| (min - 1e-9..=max + 1e-9).contains(t)),
                "{ticks:?}"
            );
            let texts: std::collections::HashSet<_> =
                ticks.iter().map(|t| short_tick(*t, max - min)).collect();
            assert_eq!(texts.len(), ticks.len(), "{min} to {max}: {texts:?}");
        }
        assert_eq!(nice_ticks(12.3, 425.3), [100.0, 200.0, 300.0, 400.0]);
        assert_eq!(nice_ticks(5.0, 5.0), [5.0]);
    }

    #[test]
    fn absent_figures_make_no_scale_and_one_figure_takes_the_middle() {
        assert_eq!(Scale::of([], "s", true), None);
        assert_eq!(Scale::of([f64::NAN], "s", true), None);
        let one = Scale::of([4.2, f64::NAN], "s", false).unwrap();
        assert_eq!((one.min, one.max), (4.2, 4.2));
        assert!((one.position(4.2) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn no_difference_stands_in_the_middle_of_both_colours() {
        let scale = Scale::diverging([-3.0, 20.0, f64::NAN], "%").unwrap();
        assert_eq!((scale.min, scale.max), (-20.0, 20.0));
        for dark in [false, true] {
            assert_eq!(scale.colour(0.0, dark), colour_map::diverging(0.0, dark));
            assert_eq!(scale.colour(20.0, dark), colour_map::diverging(1.0, dark));
        }
        let small = Scale::diverging([0.1], "%").unwrap();
        assert_eq!((small.min, small.max), (-5.0, 5.0));
        assert_eq!(Scale::diverging([], "%"), None);
    }

    #[test]
    fn the_good_end_is_bright() {
        let latency = Scale::of([1.0, 3.0], "ms", true).unwrap();
        assert!(latency.position(1.0) > latency.position(3.0));
        let throughput = Scale::of([1.0, 3.0], "tokens/s", false).unwrap();
        assert!(throughput.position(1.0) < throughput.position(3.0));
    }
}
