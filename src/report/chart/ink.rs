//! The colours of charts, by what they are for.

use std::borrow::Cow;

use strum::IntoEnumIterator as _;

use crate::report::colour::Rgb;

/// What is drawn in one colour. A test holds them to the window's palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Ink {
    Background,
    /// Cells that wait.
    Sunken,
    Text,
    Secondary,
    Tertiary,
    Hairline,
    Outline,
    Accent,
    AccentTint,
    Danger,
    DangerTint,
    DangerHatch,
    Warning,
    WarningTint,
    WarningHatch,
    Series1,
    Series2,
    Series3,
    Series4,
    Series5,
    Series6,
}

impl Ink {
    pub const SERIES: [Self; 6] = [
        Self::Series1,
        Self::Series2,
        Self::Series3,
        Self::Series4,
        Self::Series5,
        Self::Series6,
    ];

    pub fn rgb(self, dark: bool) -> Rgb {
        let pick = |light: u32, in_dark: u32| Rgb::of(if dark { in_dark } else { light });
        let tint = |ink: Self| {
            let strength = if dark { 0.16 } else { 0.11 };
            Self::Background.rgb(dark).mix(ink.rgb(dark), strength)
        };
        let hatch = |tint: Self, ink: Self| tint.rgb(dark).mix(ink.rgb(dark), 0.28);
        match self {
            Self::Background => pick(0xFF_FFFF, 0x21_2126),
            Self::Sunken => pick(0xF1_F1F4, 0x15_1518),
            Self::Text => pick(0x1B_1B1F, 0xEC_ECF0),
            Self::Secondary => pick(0x5A_5A64, 0xA6_A6B0),
            Self::Tertiary => pick(0x73_737E, 0x90_909B),
            Self::Hairline => pick(0xE2_E2E7, 0x2E_2E35),
            Self::Outline => pick(0xD0_D0D8, 0x42_424C),
            Self::Accent => pick(0x25_59CC, 0x86_ABFF),
            Self::AccentTint => tint(Self::Accent),
            Self::Danger => pick(0xC2_3030, 0xF2_7D78),
            Self::DangerTint => tint(Self::Danger),
            Self::DangerHatch => hatch(Self::DangerTint, Self::Danger),
            Self::Warning => pick(0x8F_5B00, 0xE2_B04A),
            Self::WarningTint => tint(Self::Warning),
            Self::WarningHatch => hatch(Self::WarningTint, Self::Warning),
            Self::Series1 => pick(0x2F_66E0, 0x6F_9BFF),
            Self::Series2 => pick(0xC7_6A12, 0xEE_A052),
            Self::Series3 => pick(0x0E_8A6D, 0x4C_C7A5),
            Self::Series4 => pick(0xA5_3C9A, 0xD5_86CC),
            Self::Series5 => pick(0x6B_7280, 0xA0_A6B4),
            Self::Series6 => pick(0xB8_3245, 0xF0_7C88),
        }
    }

    fn name(self) -> &'static str {
        self.into()
    }
}

/// Where a chart will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    #[default]
    Light,
    Dark,
    /// In a page that defines [`css_variables`] for both.
    Page,
}

impl Look {
    pub const fn of(dark: bool) -> Self {
        if dark { Self::Dark } else { Self::Light }
    }

    /// As an SVG attribute has it.
    pub fn paint(self, ink: Ink) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::Light => ink.rgb(false).to_string(),
            Self::Dark => ink.rgb(true).to_string(),
            Self::Page => format!("var(--{})", ink.name()),
        })
    }
}

/// `--text:#1b1b1f;...`: every ink for one of the two.
pub fn css_variables(dark: bool) -> String {
    let variable = |ink: Ink| format!("--{}:{}", ink.name(), ink.rgb(dark));
    let all: Vec<String> = Ink::iter().map(variable).collect();
    all.join(";")
}
