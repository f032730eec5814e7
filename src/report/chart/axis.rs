//! A linear axis from zero, and the frame of a plot.

use super::canvas::{Anchor, Area, Canvas, SMALL, STRONG, width};
use super::ink::Ink;
use crate::board::Layer;

/// From 0 to a round number above the greatest figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    pub end: f64,
    pub ticks: Vec<f64>,
}

impl Scale {
    /// About `wanted` steps of 1, 2 or 5 times a power of ten.
    pub fn upto(greatest: f64, wanted: u32) -> Self {
        let greatest = if greatest.is_finite() && greatest > 0.0 {
            greatest
        } else {
            1.0
        };
        let rough = greatest / f64::from(wanted.max(1));
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * power);
        let steps = (greatest / step - 1e-9).ceil().max(1.0) as u32;
        Self {
            end: f64::from(steps) * step,
            ticks: (0..=steps).map(|i| f64::from(i) * step).collect(),
        }
    }

    /// From 0 at the start to 1 at the end.
    pub fn share(&self, value: f64) -> f64 {
        value / self.end
    }

    /// Each tick with as many decimals as its step needs.
    pub fn labels(&self) -> Vec<String> {
        let step = self.ticks.get(1).copied().unwrap_or(1.0);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let text = |value: f64| match decimals {
            0 => Layer::Errors.precise(value),
            n => format!("{value:.n$}"),
        };
        self.ticks.iter().map(|tick| text(*tick)).collect()
    }

    /// Points that the widest label takes.
    pub fn label_width(&self) -> f64 {
        let labels = self.labels();
        labels
            .iter()
            .map(|label| width(label, SMALL))
            .fold(0.0, f64::max)
    }
}

/// Lines across with their figures on the left, and the axis's title above them.
pub fn vertical(canvas: &mut Canvas, plot: Area, scale: &Scale, title: &str) {
    for (tick, label) in scale.ticks.iter().zip(scale.labels()) {
        let y = plot.bottom() - scale.share(*tick) * plot.height;
        let ink = if *tick == 0.0 {
            Ink::Outline
        } else {
            Ink::Hairline
        };
        canvas.line((plot.x, y), (plot.right(), y), 1.0, ink);
        canvas.text(
            (plot.x - 8.0, y + 4.0),
            Anchor::End,
            SMALL,
            Ink::Tertiary,
            &label,
        );
    }
    let at = (plot.x, plot.y - 14.0);
    canvas.text(at, Anchor::Start, STRONG, Ink::Text, title);
}

/// Figures under the plot.
pub fn horizontal(canvas: &mut Canvas, plot: Area, scale: &Scale, title: &str) {
    for (tick, label) in scale.ticks.iter().zip(scale.labels()) {
        let x = plot.x + scale.share(*tick) * plot.width;
        under(canvas, plot, x, &label);
    }
    title_under(canvas, plot, title);
}

/// A label under the plot at `x`, with its tick.
pub fn under(canvas: &mut Canvas, plot: Area, x: f64, label: &str) {
    let bottom = plot.bottom();
    canvas.line((x, bottom), (x, bottom + 4.0), 1.0, Ink::Outline);
    let at = (x, bottom + 18.0);
    canvas.text(at, Anchor::Middle, SMALL, Ink::Tertiary, label);
}

pub fn title_under(canvas: &mut Canvas, plot: Area, title: &str) {
    let at = (plot.middle().0, plot.bottom() + 38.0);
    canvas.text(at, Anchor::Middle, STRONG, Ink::Text, title);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_beyond_the_greatest() {
        for (greatest, end, labels) in [
            (1454.3, 1500.0, vec!["0", "500", "1,000", "1,500"]),
            (0.136, 0.15, vec!["0.00", "0.05", "0.10", "0.15"]),
            (4.0, 4.0, vec!["0", "2", "4"]),
            (0.0, 1.0, vec!["0.0", "0.5", "1.0"]),
        ] {
            let scale = Scale::upto(greatest, 3);
            assert!((scale.end - end).abs() < 1e-9, "{greatest}: {scale:?}");
            assert_eq!(scale.labels(), labels, "{greatest}");
        }
    }
}
