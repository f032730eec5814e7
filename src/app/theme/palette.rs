//! The colours of the window: one set of tokens for light, one for dark.

use egui::Color32;

use super::colour_map;
use crate::report::colour;

/// Every colour that the window draws, named for what it is for. A page names no other colour;
/// what is measured is coloured by `colour_map`.
#[derive(Debug)]
pub struct Palette {
    pub dark: bool,

    /// Behind the navigation, one step below the page.
    pub sidebar: Color32,
    /// The page.
    pub background: Color32,
    /// Cards and panels on the page.
    pub surface: Color32,
    /// Menus, tooltips, dialogs.
    pub raised: Color32,
    /// Wells: text fields, cells that wait.
    pub sunken: Color32,
    /// Buttons and boxes at rest, under the pointer, and pressed.
    pub control: Color32,
    pub control_hovered: Color32,
    pub control_pressed: Color32,

    pub text: Color32,
    pub text_secondary: Color32,
    /// Hints and axis ticks; never the only place of a fact.
    pub text_tertiary: Color32,

    /// Between regions.
    pub hairline: Color32,
    /// Around controls.
    pub outline: Color32,

    /// Fill of the one button that matters; white text is legible on it.
    pub accent: Color32,
    pub accent_hovered: Color32,
    pub accent_pressed: Color32,
    pub on_accent: Color32,
    /// The accent as text or as a line on a surface.
    pub accent_text: Color32,
    /// Behind what is selected.
    pub selection: Color32,

    pub success: Color32,
    pub warning: Color32,
    pub danger: Color32,

    /// Lines of a plot, in order; told apart with every common kind of colour vision.
    pub series: [Color32; 8],
}

/// What a coloured word or badge says of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Tone {
    Neutral,
    Accent,
    Success,
    Warning,
    Danger,
}

impl Palette {
    pub fn tone(&self, tone: Tone) -> Color32 {
        match tone {
            Tone::Neutral => self.text_secondary,
            Tone::Accent => self.accent_text,
            Tone::Success => self.success,
            Tone::Warning => self.warning,
            Tone::Danger => self.danger,
        }
    }

    /// A quiet background for text of that tone.
    pub fn tint(&self, tone: Tone) -> Color32 {
        let strength = if self.dark { 0.16 } else { 0.11 };
        mix(self.surface, self.tone(tone), strength)
    }
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

pub static LIGHT: Palette = Palette {
    dark: false,
    sidebar: rgb(0xEC_ECEF),
    background: rgb(0xF6_F6F8),
    surface: rgb(0xFF_FFFF),
    raised: rgb(0xFF_FFFF),
    sunken: rgb(0xF1_F1F4),
    control: rgb(0xFF_FFFF),
    control_hovered: rgb(0xF4_F4F7),
    control_pressed: rgb(0xE8_E8ED),
    text: rgb(0x1B_1B1F),
    text_secondary: rgb(0x5A_5A64),
    text_tertiary: rgb(0x73_737E),
    hairline: rgb(0xE2_E2E7),
    outline: rgb(0xD0_D0D8),
    accent: rgb(0x2F_66E0),
    accent_hovered: rgb(0x27_5AD0),
    accent_pressed: rgb(0x20_4DB8),
    on_accent: rgb(0xFF_FFFF),
    accent_text: rgb(0x25_59CC),
    selection: rgb(0xDF_E8FC),
    success: rgb(0x1A_7A43),
    warning: rgb(0x8F_5B00),
    danger: rgb(0xC2_3030),
    series: [
        rgb(0x2F_66E0),
        rgb(0xC7_6A12),
        rgb(0x0E_8A6D),
        rgb(0xA5_3C9A),
        rgb(0x6B_7280),
        rgb(0xB8_3245),
        rgb(0x1B_7F9E),
        rgb(0x7A_5A12),
    ],
};

pub static DARK: Palette = Palette {
    dark: true,
    sidebar: rgb(0x14_1417),
    background: rgb(0x1A_1A1E),
    surface: rgb(0x21_2126),
    raised: rgb(0x2A_2A30),
    sunken: rgb(0x15_1518),
    control: rgb(0x2E_2E35),
    control_hovered: rgb(0x37_3740),
    control_pressed: rgb(0x26_262C),
    text: rgb(0xEC_ECF0),
    text_secondary: rgb(0xA6_A6B0),
    text_tertiary: rgb(0x90_909B),
    hairline: rgb(0x2E_2E35),
    outline: rgb(0x42_424C),
    accent: rgb(0x3A_6FE2),
    accent_hovered: rgb(0x47_7BEA),
    accent_pressed: rgb(0x30_60CB),
    on_accent: rgb(0xFF_FFFF),
    accent_text: rgb(0x86_ABFF),
    selection: rgb(0x27_3655),
    success: rgb(0x5C_C98A),
    warning: rgb(0xE2_B04A),
    danger: rgb(0xF2_7D78),
    series: [
        rgb(0x6F_9BFF),
        rgb(0xEE_A052),
        rgb(0x4C_C7A5),
        rgb(0xD5_86CC),
        rgb(0xA0_A6B4),
        rgb(0xF0_7C88),
        rgb(0x5C_C4E0),
        rgb(0xC9_AE62),
    ],
};

/// `share` of `over` laid on `under`, both opaque; 0 is `under`.
pub fn mix(under: Color32, over: Color32, share: f32) -> Color32 {
    let channel =
        |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
    Color32::from_rgb(
        channel(under.r(), over.r()),
        channel(under.g(), over.g()),
        channel(under.b(), over.b()),
    )
}

/// Contrast ratio as in WCAG 2.2, from 1 to 21.
pub fn contrast(a: Color32, b: Color32) -> f32 {
    colour::contrast(colour_map::rgb(a), colour_map::rgb(b))
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn text_is_legible_on_every_surface() {
        for palette in [&LIGHT, &DARK] {
            for under in [
                palette.sidebar,
                palette.background,
                palette.surface,
                palette.raised,
                palette.sunken,
                palette.control,
                palette.control_hovered,
            ] {
                let dark = palette.dark;
                for (text, least) in [
                    (palette.text, 7.0),
                    (palette.text_secondary, 4.5),
                    (palette.text_tertiary, 3.4),
                    (palette.accent_text, 4.5),
                    (palette.danger, 4.3),
                ] {
                    let ratio = contrast(text, under);
                    assert!(
                        ratio >= least,
                        "dark {dark}: {text:?} on {under:?} is {ratio:.2}"
                    );
                }
            }
            for accent in [palette.accent, palette.accent_pressed] {
                assert!(contrast(palette.on_accent, accent) >= 4.5, "{accent:?}");
            }
            assert!(contrast(palette.accent_text, palette.selection) >= 4.5);
        }
    }

    #[test]
    fn a_tone_is_legible_on_its_tint() {
        for palette in [&LIGHT, &DARK] {
            for tone in Tone::iter() {
                let ratio = contrast(palette.tone(tone), palette.tint(tone));
                assert!(ratio >= 4.5, "dark {}, {tone:?}: {ratio:.2}", palette.dark);
            }
        }
    }

    #[test]
    fn charts_in_reports_have_the_windows_colours() {
        use crate::report::chart::Ink;
        for palette in [&LIGHT, &DARK] {
            let mut pairs = vec![
                (Ink::Background, palette.surface),
                (Ink::Sunken, palette.sunken),
                (Ink::Text, palette.text),
                (Ink::Secondary, palette.text_secondary),
                (Ink::Tertiary, palette.text_tertiary),
                (Ink::Hairline, palette.hairline),
                (Ink::Outline, palette.outline),
                (Ink::Accent, palette.accent_text),
                (Ink::AccentTint, palette.tint(Tone::Accent)),
                (Ink::Danger, palette.danger),
                (Ink::DangerTint, palette.tint(Tone::Danger)),
                (Ink::Warning, palette.warning),
                (Ink::WarningTint, palette.tint(Tone::Warning)),
            ];
            pairs.extend(Ink::SERIES.into_iter().zip(palette.series));
            for (ink, colour) in pairs {
                let drawn = colour_map::of(ink.rgb(palette.dark));
                assert_eq!(drawn, colour, "dark {}: {ink:?}", palette.dark);
            }
        }
    }
}
