//! Colours for figures, equal in the window and in reports. Both maps are made in Oklab with evenly spaced lightness, so that equal
//! steps of the figure look like equal steps and order survives without colour vision.

use std::fmt;
use std::sync::LazyLock;

const STEPS: usize = 256;
/// Text on a coloured cell is one of these two.
const INK: Rgb = Rgb::of(0x0A_0C12);
const WHITE: Rgb = Rgb::of(0xFF_FFFF);

/// An opaque colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb {
    pub r: u8,
    pub g: u8,
    pub b: u8,
}

impl Rgb {
    /// From `0xRRGGBB`.
    pub const fn of(hex: u32) -> Self {
        Self {
            r: (hex >> 16) as u8,
            g: (hex >> 8) as u8,
            b: hex as u8,
        }
    }

    /// `share` of `over` laid on this; 0 is this.
    #[must_use]
    pub fn mix(self, over: Self, share: f32) -> Self {
        let channel =
            |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        Self {
            r: channel(self.r, over.r),
            g: channel(self.g, over.g),
            b: channel(self.b, over.b),
        }
    }

    /// Relative luminance as in WCAG 2.2, from 0 to 1.
    pub fn luminance(self) -> f32 {
        let [r, g, b] = [self.r, self.g, self.b].map(to_linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

/// As CSS and SVG write it: `#2f66e0`.
impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }
}

/// Contrast ratio as in WCAG 2.2, from 1 to 21.
pub fn contrast(a: Rgb, b: Rgb) -> f32 {
    let (a, b) = (a.luminance(), b.luminance());
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// One sRGB channel to linear light.
fn to_linear(channel: u8) -> f32 {
    let c = f32::from(channel) / 255.0;
    if c <= 0.04045 {
        c / 12.92
    } else {
        ((c + 0.055) / 1.055).powf(2.4)
    }
}

/// Hue and chroma of the map at evenly spaced places: (a, b) of Oklab.
type Hues = [[f32; 2]];

/// Deep indigo, blue, teal, green, pale lime: dark is low and bright is high in both themes.
static SEQUENTIAL: LazyLock<[Rgb; STEPS]> = LazyLock::new(|| {
    let hues = [
        [0.020, -0.085],
        [-0.010, -0.110],
        [-0.045, -0.070],
        [-0.080, -0.018],
        [-0.095, 0.040],
        [-0.060, 0.085],
    ];
    ramp(&hues, |t| 0.30 + 0.62 * t)
});

/// Blue is less, orange is more; the middle is a grey that recedes in that theme.
static DIVERGING_LIGHT: LazyLock<[Rgb; STEPS]> =
    LazyLock::new(|| ramp(&DIVERGING, |t| 0.94 - 0.42 * (2.0 * t - 1.0).abs()));
static DIVERGING_DARK: LazyLock<[Rgb; STEPS]> =
    LazyLock::new(|| ramp(&DIVERGING, |t| 0.34 + 0.40 * (2.0 * t - 1.0).abs()));
const DIVERGING: [[f32; 2]; 5] = [
    [-0.030, -0.120],
    [-0.018, -0.062],
    [0.0, 0.0],
    [0.045, 0.055],
    [0.085, 0.105],
];

/// The colour of a figure at `position` in its range, 0 for the least and 1 for the greatest.
pub fn sequential(position: f32) -> Rgb {
    SEQUENTIAL[step(position)]
}

/// The colour of a difference: -1 is the greatest loss, 0 is none, 1 is the greatest gain.
pub fn diverging(difference: f32, dark: bool) -> Rgb {
    let map = if dark {
        &DIVERGING_DARK
    } else {
        &DIVERGING_LIGHT
    };
    map[step(0.5 + 0.5 * difference)]
}

/// Black or white, whichever reads better on `fill`.
pub fn text_on(fill: Rgb) -> Rgb {
    if contrast(WHITE, fill) >= contrast(INK, fill) {
        WHITE
    } else {
        INK
    }
}

fn step(position: f32) -> usize {
    // A position that is not a number would be a figure that is not one: drawn as the least.
    (position.clamp(0.0, 1.0) * (STEPS - 1) as f32).round() as usize
}

fn ramp(hues: &Hues, lightness: impl Fn(f32) -> f32) -> [Rgb; STEPS] {
    std::array::from_fn(|step| {
        let t = step as f32 / (STEPS - 1) as f32;
        let place = t * (hues.len() - 1) as f32;
        let left = (place as usize).min(hues.len() - 2);
        let share = place - left as f32;
        let [a, b] = [0, 1].map(|i| hues[left][i] + (hues[left + 1][i] - hues[left][i]) * share);
        from_oklab(lightness(t), a, b)
    })
}

/// Oklab to sRGB (B. Ottosson, "A perceptual color space for image processing", 2020). Outside of
/// sRGB, chroma is lowered until it fits, which keeps the lightness.
#[expect(clippy::many_single_char_names, reason = "as the paper names them")]
fn from_oklab(lightness: f32, a: f32, b: f32) -> Rgb {
    let linear = |chroma: f32| {
        let (a, b) = (a * chroma, b * chroma);
        let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
        let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
        let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
        [
            4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_93 * s,
            -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
            -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        ]
    };
    let mut chroma = 1.0;
    while chroma > 0.0 && linear(chroma).iter().any(|c| !(-0.001..=1.001).contains(c)) {
        chroma -= 0.02;
    }
    let [r, g, b] = linear(chroma).map(|c| {
        let c = c.clamp(0.0, 1.0);
        let encoded = if c <= 0.003_130_8 {
            12.92 * c
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    });
    Rgb { r, g, b }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lightness in Oklab, from 0 to 1.
    #[expect(clippy::many_single_char_names, reason = "as the paper names them")]
    fn oklab_lightness(colour: Rgb) -> f32 {
        let [r, g, b] = [colour.r, colour.g, colour.b].map(to_linear);
        let l = 0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b;
        let m = 0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b;
        let s = 0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b;
        0.210_454_26 * l.cbrt() + 0.793_617_8 * m.cbrt() - 0.004_072_047 * s.cbrt()
    }

    #[test]
    fn equal_steps_look_equal() {
        let lightness: Vec<f32> = (0..=16)
            .map(|i| oklab_lightness(sequential(i as f32 / 16.0)))
            .collect();
        let even = (lightness[16] - lightness[0]) / 16.0;
        assert!(even > 0.03, "the map spans {lightness:?}");
        for pair in lightness.windows(2) {
            let step = pair[1] - pair[0];
            assert!(
                (step - even).abs() < 0.25 * even,
                "{step} is not {even}: {lightness:?}"
            );
        }
    }

    #[test]
    fn gains_and_losses_of_one_size_are_equally_light() {
        for dark in [false, true] {
            for size in [0.25, 0.5, 1.0] {
                let (gain, loss) = (diverging(size, dark), diverging(-size, dark));
                assert_ne!(gain, loss);
                let apart = oklab_lightness(gain) - oklab_lightness(loss);
                assert!(apart.abs() < 0.02, "{size}: {apart}");
            }
        }
    }

    #[test]
    fn the_number_on_a_cell_is_legible_everywhere() {
        for i in 0..=100 {
            let t = i as f32 / 100.0;
            for fill in [
                sequential(t),
                diverging(2.0 * t - 1.0, true),
                diverging(2.0 * t - 1.0, false),
            ] {
                let ratio = contrast(text_on(fill), fill);
                assert!(ratio >= 4.4, "at {t}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn figures_outside_the_range_take_its_ends() {
        assert_eq!(sequential(-3.0), sequential(0.0));
        assert_eq!(sequential(7.0), sequential(1.0));
        assert_eq!(sequential(f32::NAN), sequential(0.0));
    }
}
