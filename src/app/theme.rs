//! Colours, type and spacing of the window, in one place, for light and dark.

pub mod colour_map;
mod palette;
mod parts;

use std::sync::Arc;

use egui::epaint::Shadow;
use egui::style::{HandleShape, ScrollStyle, Selection, WidgetVisuals, Widgets};
use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke,
    Style, TextStyle, Theme, ThemePreference, Ui, Visuals, vec2,
};
use egui_material_icons::FONT_FAMILY as ICONS;

pub use palette::{DARK, LIGHT, Palette, Tone, contrast, mix};
pub use parts::{
    badge, bar, caption, card, empty_state, icon, icon_button, mark_wrong, painted_icon,
    primary_button, section_heading, title,
};

/// Distances in points. What belongs together is closer than what does not.
pub mod space {
    pub const XS: f32 = 4.0;
    pub const S: f32 = 8.0;
    pub const M: f32 = 12.0;
    pub const L: f32 = 16.0;
    pub const XL: f32 = 24.0;
    pub const XXL: f32 = 40.0;
}

/// Corners in points: cells, controls, cards.
pub mod rounding {
    pub const CELL: u8 = 4;
    pub const CONTROL: u8 = 6;
    pub const CARD: u8 = 10;
}

const MEDIUM: &str = "medium";
const SEMIBOLD: &str = "semibold";
const FIGURES: &str = "figures";
const FIGURES_MEDIUM: &str = "figures-medium";

/// Fonts beside egui's text styles. Body is 13 points, Small 11, Heading 15, Monospace 12 (for
/// commands and logs; figures use `figures`, whose digits all have one width).
pub mod font {
    use super::{FIGURES, FIGURES_MEDIUM, FontFamily, FontId, ICONS, MEDIUM, SEMIBOLD};

    fn named(size: f32, family: &'static str) -> FontId {
        FontId::new(size, FontFamily::Name(family.into()))
    }
    pub fn title() -> FontId {
        named(20.0, SEMIBOLD)
    }
    pub fn heading() -> FontId {
        named(15.0, SEMIBOLD)
    }
    pub fn strong() -> FontId {
        named(13.0, SEMIBOLD)
    }
    pub fn medium(size: f32) -> FontId {
        named(size, MEDIUM)
    }
    pub fn figures(size: f32) -> FontId {
        named(size, FIGURES)
    }
    pub fn figures_medium(size: f32) -> FontId {
        named(size, FIGURES_MEDIUM)
    }
    pub fn icon(size: f32) -> FontId {
        named(size, ICONS)
    }
}

/// Fonts and both styles; light or dark then follows the system. Call once, before the first pass.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    for (theme, palette) in [(Theme::Light, &LIGHT), (Theme::Dark, &DARK)] {
        ctx.set_style_of(theme, style(palette));
    }
    ctx.set_theme(ThemePreference::System);
}

/// The colours of the theme that `ui` is drawn in.
pub fn palette(ui: &Ui) -> &'static Palette {
    of(ui.visuals())
}

/// As [`palette`], where only the visuals are at hand.
pub fn of(visuals: &Visuals) -> &'static Palette {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let own: [(&str, &'static [u8]); 5] = [
        (
            "Inter-Regular",
            include_bytes!("../../assets/fonts/Inter-Regular.otf"),
        ),
        (
            "Inter-Medium",
            include_bytes!("../../assets/fonts/Inter-Medium.otf"),
        ),
        (
            "Inter-SemiBold",
            include_bytes!("../../assets/fonts/Inter-SemiBold.otf"),
        ),
        (
            "InterFigures-Regular",
            include_bytes!("../../assets/fonts/InterFigures-Regular.otf"),
        ),
        (
            "InterFigures-Medium",
            include_bytes!("../../assets/fonts/InterFigures-Medium.otf"),
        ),
    ];
    for (name, bytes) in own {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let icons = egui_material_icons::font_insert();
    fonts
        .font_data
        .insert(icons.name.clone(), Arc::new(icons.data));

    // What Inter lacks comes from egui's own fonts, icons last: they must not shadow text.
    let fallback = fonts
        .families
        .get(&FontFamily::Proportional)
        .cloned()
        .unwrap_or_default();
    let chain = |first: &[&str]| -> Vec<String> {
        let first = first.iter().map(|name| (*name).to_owned());
        first
            .chain(fallback.iter().cloned())
            .chain([icons.name.clone()])
            .collect()
    };
    let named = |family: &str| FontFamily::Name(family.into());
    fonts.families.extend([
        (FontFamily::Proportional, chain(&["Inter-Regular"])),
        (named(MEDIUM), chain(&["Inter-Medium"])),
        (named(SEMIBOLD), chain(&["Inter-SemiBold"])),
        (
            named(FIGURES),
            chain(&["InterFigures-Regular", "Inter-Regular"]),
        ),
        (
            named(FIGURES_MEDIUM),
            chain(&["InterFigures-Medium", "Inter-Medium"]),
        ),
        (named(ICONS), vec![icons.name.clone()]),
    ]);
    fonts
        .families
        .entry(FontFamily::Monospace)
        .or_default()
        .extend(["Inter-Regular".to_owned(), icons.name.clone()]);
    fonts
}

fn style(palette: &Palette) -> Style {
    let mut style = Style {
        visuals: visuals(palette),
        ..Style::default()
    };
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(11.0)),
        (TextStyle::Body, FontId::proportional(13.0)),
        (TextStyle::Button, font::medium(13.0)),
        (TextStyle::Heading, font::heading()),
        (TextStyle::Monospace, FontId::monospace(12.0)),
    ]
    .into();

    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(space::S, 6.0);
    spacing.button_padding = vec2(10.0, 4.0);
    spacing.interact_size = vec2(32.0, 26.0);
    spacing.window_margin = Margin::same(14);
    spacing.menu_margin = Margin::same(5);
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 9.0;
    spacing.icon_spacing = 6.0;
    spacing.indent = 18.0;
    spacing.combo_width = 120.0;
    spacing.combo_height = 320.0;
    spacing.tooltip_width = 360.0;
    spacing.slider_rail_height = 4.0;
    spacing.scroll = ScrollStyle {
        floating_width: 3.0,
        bar_width: 8.0,
        ..ScrollStyle::floating()
    };

    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.animation_time = 0.12;
    // Egui's warnings of subpixel positions would be drawn over the page in debug builds.
    #[cfg(debug_assertions)]
    {
        style.debug.show_unaligned = false;
    }
    style
}

fn visuals(p: &Palette) -> Visuals {
    let control = CornerRadius::same(rounding::CONTROL);
    let state = |fill: Color32, edge: Stroke, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: edge,
        fg_stroke: Stroke::new(1.5, text),
        corner_radius: control,
        expansion: 0.0,
    };
    let edge = Stroke::new(1.0, p.outline);
    let shadow = |blur, alpha| Shadow {
        offset: [0, 6],
        blur,
        spread: 0,
        color: Color32::from_black_alpha(if p.dark { alpha * 3 } else { alpha }),
    };
    Visuals {
        widgets: Widgets {
            noninteractive: WidgetVisuals {
                fg_stroke: Stroke::new(1.0, p.text),
                ..state(p.surface, Stroke::new(1.0, p.hairline), p.text)
            },
            inactive: state(p.control, edge, p.text),
            hovered: state(p.control_hovered, edge, p.text),
            // Also what has the keyboard: hence the ring.
            active: state(p.control_pressed, Stroke::new(1.5, p.accent_text), p.text),
            open: state(p.control_hovered, edge, p.text),
        },
        selection: Selection {
            bg_fill: p.selection,
            stroke: Stroke::new(1.5, p.accent_text),
        },
        weak_text_color: Some(p.text_tertiary),
        hyperlink_color: p.accent_text,
        faint_bg_color: mix(p.surface, p.text, 0.025),
        extreme_bg_color: p.sunken,
        text_edit_bg_color: Some(if p.dark { p.sunken } else { p.surface }),
        code_bg_color: p.sunken,
        warn_fg_color: p.warning,
        error_fg_color: p.danger,
        panel_fill: p.background,
        window_fill: p.raised,
        window_stroke: Stroke::new(1.0, if p.dark { p.outline } else { p.hairline }),
        window_corner_radius: CornerRadius::same(rounding::CARD),
        menu_corner_radius: CornerRadius::same(8),
        window_shadow: shadow(28, 36),
        popup_shadow: shadow(16, 24),
        text_cursor: egui::style::TextCursorStyle {
            stroke: Stroke::new(1.5, p.accent_text),
            ..Default::default()
        },
        button_frame: true,
        indent_has_left_vline: false,
        slider_trailing_fill: true,
        handle_shape: HandleShape::Circle,
        ..if p.dark {
            Visuals::dark()
        } else {
            Visuals::light()
        }
    }
}
