//! The report's colour maps as egui takes colours, so that a picture looks like the window.

use egui::Color32;

use crate::report::colour::{self, Rgb};

/// The colour of a figure at `position` in its range, 0 for the least and 1 for the greatest.
pub fn sequential(position: f32) -> Color32 {
    of(colour::sequential(position))
}

/// The colour of a difference: -1 is the greatest loss, 0 is none, 1 is the greatest gain.
pub fn diverging(difference: f32, dark: bool) -> Color32 {
    of(colour::diverging(difference, dark))
}

/// Black or white, whichever reads better on the opaque `fill`.
pub fn text_on(fill: Color32) -> Color32 {
    of(colour::text_on(rgb(fill)))
}

pub(super) const fn of(rgb: Rgb) -> Color32 {
    Color32::from_rgb(rgb.r, rgb.g, rgb.b)
}

/// Of an opaque colour.
pub(super) const fn rgb(colour: Color32) -> Rgb {
    Rgb {
        r: colour.r(),
        g: colour.g(),
        b: colour.b(),
    }
}
