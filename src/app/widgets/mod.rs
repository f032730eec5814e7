//! Drawing that several pages share. A widget draws what was prepared elsewhere and says what was
//! done to it; none parses, sorts or reads files.

pub mod colour_bar;
pub mod elided;
pub mod heatmap;
pub mod histogram_bars;
pub mod list_field;
pub mod request_strip;
pub mod stat;
pub mod time_plot;

#[cfg(test)]
mod showcase;

/// A figure in about three digits, as fits in a small cell: 0.042, 4.25, 42.5, 425, 12.3k.
pub fn short_figure(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        _ if size == 0.0 => "0".to_owned(),
        _ if size < 0.0995 => format!("{value:.3}"),
        _ if size < 9.995 => format!("{value:.2}"),
        _ if size < 99.95 => format!("{value:.1}"),
        _ if size < 9_999.5 => format!("{value:.0}"),
        _ if size < 99_950.0 => format!("{:.1}k", value / 1e3),
        _ if size < 999_500.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.1}M", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::short_figure;

    #[test]
    fn figures_keep_about_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.0423, "0.042"),
            (4.254, "4.25"),
            (9.996, "10.0"),
            (42.54, "42.5"),
            (425.3, "425"),
            (4_253.0, "4253"),
            (12_345.0, "12.3k"),
            (999_600.0, "1.0M"),
            (-42.54, "-42.5"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(short_figure(value), text);
        }
    }
}
