//! Charts of a board beside its heatmap; the Run and the Results page share them. What they draw is
//! prepared when the board or a choice changes.

pub mod lines;
pub mod pareto;
#[cfg(test)]
mod tests;

use egui::{Color32, Pos2, Rangef, Response, Role, Stroke, Ui, WidgetInfo, vec2};
use egui_plot::{AxisHints, GridMark, HPlacement, Plot, PlotPoint, PlotTransform};

use super::theme::{font, palette};
use super::widgets::short_figure;
use super::widgets::time_plot::{marks, round_step};

/// A point is hit from this far away, in points on the screen.
const REACH: f32 = 16.0;

/// A plot that does not move, in the window's looks: what x shows is up to the caller.
fn plot<'a>(
    ui: &Ui,
    id: &str,
    height: f32,
    x_axis: AxisHints<'a>,
    x_marks: impl Fn(egui_plot::GridInput) -> Vec<GridMark> + 'a,
) -> Plot<'a> {
    let palette = palette(ui);
    let (ticks, colour) = (font::figures(10.0), palette.text_tertiary);
    let x_axis = x_axis
        .tick_label_font(ticks.clone())
        .tick_label_color(colour);
    let y_axis = AxisHints::new_y()
        .formatter(|mark, _| short_figure(mark.value))
        .placement(HPlacement::Left)
        .label_spacing(Rangef::new(14.0, 24.0))
        .min_thickness(44.0)
        .tick_label_font(ticks)
        .tick_label_color(colour);
    Plot::new(id)
        .height(height)
        .width(ui.available_width())
        .custom_x_axes(vec![x_axis])
        .custom_y_axes(vec![y_axis])
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .include_y(0.0)
        .set_margin_fraction(vec2(0.0, 0.08))
        .show_background(false)
        .show_crosshair(false)
        .x_grid_spacer(x_marks)
        .y_grid_spacer(|grid| {
            // No figure is below zero: the margin there needs no tick.
            let mut marks = marks(&grid, round_step(4.0 * grid.base_step_size));
            marks.retain(|mark| mark.value >= 0.0);
            marks
        })
        .grid_color(palette.hairline)
        .grid_fade(0.0)
        .label_formatter(|_| None)
}

/// The nearest of some points on the screen, if one is within reach.
fn nearest<K>(
    points: impl Iterator<Item = (K, PlotPoint)>,
    transform: &PlotTransform,
    pointer: Pos2,
) -> Option<K> {
    points
        .map(|(key, point)| {
            let far = transform.position_from_point(&point).distance(pointer);
            (key, far)
        })
        .filter(|(_, far)| *far <= REACH)
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(key, _)| key)
}

/// What a screen reader says of a chart as a whole.
fn name(response: &Response, summary: &str) {
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, summary));
}

/// Around the selected point.
fn ring(ui: &Ui, transform: &PlotTransform, at: PlotPoint, colour: Color32, radius: f32) {
    let painter = ui.painter().with_clip_rect(transform.frame().expand(8.0));
    let at = transform.position_from_point(&at);
    painter.circle_stroke(at, radius, Stroke::new(2.0, colour));
}
