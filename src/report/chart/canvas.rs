//! Writes the shapes of an SVG. Sizes are in points, as the window's.

use std::fmt::Write as _;

use super::ink::{Ink, Look};
use crate::report::colour::Rgb;
use crate::report::escape;

/// A finished drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    /// In points.
    pub width: f64,
    pub height: f64,
    /// What a screen reader says.
    name: String,
    look: Look,
    body: String,
}

impl Svg {
    /// A file of its own, on an opaque ground.
    pub fn file(&self) -> String {
        let ground = self.look.paint(Ink::Background);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <svg xmlns=\"http://www.w3.org/2000/svg\" {}>\
             <rect width=\"100%\" height=\"100%\" fill=\"{ground}\"/>{}</svg>\n",
            self.attributes(),
            self.body
        )
    }

    /// Part of an HTML page. Holds no ids, so that several can stand in one page.
    pub fn inline(&self) -> String {
        format!("<svg {}>{}</svg>", self.attributes(), self.body)
    }

    fn attributes(&self) -> String {
        let (w, h) = (number(self.width), number(self.height));
        format!(
            "width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"{}\" \
             font-family=\"Inter, system-ui, sans-serif\"",
            escape::xml(&self.name)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub fn middle(&self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Paint {
    Ink(Ink),
    Rgb(Rgb),
}

impl From<Ink> for Paint {
    fn from(ink: Ink) -> Self {
        Self::Ink(ink)
    }
}

impl From<Rgb> for Paint {
    fn from(rgb: Rgb) -> Self {
        Self::Rgb(rgb)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A font's size in points and its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Type {
    pub size: f64,
    pub weight: u16,
}

pub const TITLE: Type = Type {
    size: 15.0,
    weight: 600,
};
pub const STRONG: Type = Type {
    size: 12.0,
    weight: 600,
};
pub const FIGURE: Type = Type {
    size: 12.0,
    weight: 500,
};
pub const BODY: Type = Type {
    size: 12.0,
    weight: 400,
};
pub const SMALL: Type = Type {
    size: 11.0,
    weight: 400,
};
pub const WORD: Type = Type {
    size: 11.0,
    weight: 500,
};

pub struct Canvas {
    look: Look,
    body: String,
}

impl Canvas {
    pub fn new(look: Look) -> Self {
        Self {
            look,
            body: String::new(),
        }
    }

    pub fn finish(self, width: f64, height: f64, name: String) -> Svg {
        Svg {
            width: width.ceil(),
            height: height.ceil(),
            name,
            look: self.look,
            body: self.body,
        }
    }

    fn paint(&self, paint: Paint) -> String {
        match paint {
            Paint::Ink(ink) => self.look.paint(ink).into_owned(),
            Paint::Rgb(rgb) => rgb.to_string(),
        }
    }

    // Writing to a string cannot fail.
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(text);
    }

    /// What `draw` draws has this name: a tooltip in a browser.
    pub fn named(&mut self, name: &str, draw: impl FnOnce(&mut Self)) {
        self.push(format_args!("<g><title>{}</title>", escape::xml(name)));
        draw(self);
        self.body.push_str("</g>");
    }

    pub fn rect(&mut self, area: Area, radius: f64, fill: impl Into<Paint>) {
        let fill = self.paint(fill.into());
        self.push(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" fill=\"{fill}\"/>",
            number(area.x),
            number(area.y),
            number(area.width),
            number(area.height),
            number(radius)
        ));
    }

    /// A line of this width just inside of `area`.
    pub fn outline(&mut self, area: Area, radius: f64, width: f64, ink: Ink) {
        let stroke = self.look.paint(ink);
        self.push(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" fill=\"none\" \
             stroke=\"{stroke}\" stroke-width=\"{}\"/>",
            number(area.x + width / 2.0),
            number(area.y + width / 2.0),
            number(area.width - width),
            number(area.height - width),
            number(radius),
            number(width)
        ));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, ink: Ink) {
        self.polyline(&[from, to], width, ink, &[]);
    }

    pub fn polyline(&mut self, points: &[(f64, f64)], width: f64, ink: Ink, dashes: &[f64]) {
        let stroke = self.look.paint(ink);
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", number(*x), number(*y)))
            .collect();
        let dashes: Vec<String> = dashes.iter().map(|dash| number(*dash)).collect();
        let dashes = if dashes.is_empty() {
            String::new()
        } else {
            format!(" stroke-dasharray=\"{}\"", dashes.join(" "))
        };
        self.push(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{}\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\"{dashes}/>",
            points.join(" "),
            number(width)
        ));
    }

    /// A disc with a line around it.
    pub fn disc(&mut self, at: (f64, f64), radius: f64, fill: Ink, line: Ink) {
        let (fill, stroke) = (self.look.paint(fill), self.look.paint(line));
        self.push(format_args!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\" stroke=\"{stroke}\" \
             stroke-width=\"1.5\"/>",
            number(at.0),
            number(at.1),
            number(radius)
        ));
    }

    /// Text on one line; `at` is on its baseline.
    pub fn text(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        font: Type,
        paint: impl Into<Paint>,
        text: &str,
    ) {
        let fill = self.paint(paint.into());
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" font-size=\"{}\" \
             font-weight=\"{}\" fill=\"{fill}\">{}</text>",
            number(at.0),
            number(at.1),
            number(font.size),
            font.weight,
            escape::xml(text)
        ));
    }

    /// Diagonals over all of `area`, from its upper right to its lower left.
    pub fn hatch(&mut self, area: Area, ink: Ink) {
        const SPACING: f64 = 7.0;
        let stroke = self.look.paint(ink);
        let (w, h) = (area.width, area.height);
        let mut path = String::new();
        let mut along = SPACING;
        while along < w + h {
            let from = (along.min(w), (along - w).max(0.0));
            let to = ((along - h).max(0.0), along.min(h));
            let _ = write!(
                path,
                "M{} {}L{} {}",
                number(area.x + from.0),
                number(area.y + from.1),
                number(area.x + to.0),
                number(area.y + to.1)
            );
            along += SPACING;
        }
        self.push(format_args!("<path d=\"{path}\" stroke=\"{stroke}\"/>"));
    }

    /// A star with five points.
    pub fn star(&mut self, at: (f64, f64), radius: f64, paint: impl Into<Paint>) {
        let fill = self.paint(paint.into());
        let points: Vec<String> = (0..10)
            .map(|i| {
                let reach = if i % 2 == 0 { radius } else { radius * 0.42 };
                let angle = f64::from(i) * std::f64::consts::PI / 5.0;
                let (x, y) = (at.0 + reach * angle.sin(), at.1 - reach * angle.cos());
                format!("{},{}", number(x), number(y))
            })
            .collect();
        self.push(format_args!(
            "<polygon points=\"{}\" fill=\"{fill}\"/>",
            points.join(" ")
        ));
    }
}

/// At most two decimals, none that are zero.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// About how wide a line of Inter is; layout only needs to be on the safe side.
pub fn width(text: &str, font: Type) -> f64 {
    let heavy = if font.weight > 450 { 1.04 } else { 1.0 };
    let sum: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.29,
            ' ' => 0.28,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '·' | '1' => 0.42,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.9,
            c if c.is_ascii_uppercase() => 0.69,
            c if c.is_ascii() => 0.62,
            c if (c as u32) < 0x2E80 => 0.65,
            _ => 1.0,
        })
        .sum();
    sum * font.size * heavy
}

/// Cut short with "..." where it is wider than `room` points.
pub fn fitted(text: &str, font: Type, room: f64) -> String {
    const MOST: usize = 400;
    let one_line: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    if width(&one_line, font) <= room {
        return one_line;
    }
    let mut kept = one_line;
    while !kept.is_empty() && width(&kept, font) + width("...", font) > room {
        kept.pop();
    }
    kept.truncate(kept.trim_end().len());
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        let written = [1.0, 0.5, 12.345, -0.001, 100.0, 0.1 + 0.2].map(number);
        assert_eq!(written, ["1", "0.5", "12.35", "0", "100", "0.3"]);
    }

    #[test]
    fn long_text_is_cut_and_short_text_is_not() {
        assert_eq!(fitted("short", BODY, 100.0), "short");
        let long = fitted(&"mlx-community/".repeat(20), BODY, 120.0);
        assert!(
            long.ends_with("...") && width(&long, BODY) <= 120.0,
            "{long}"
        );
        assert_eq!(fitted("two\nlines", BODY, 200.0), "two lines");
        assert_eq!(fitted("wide", BODY, 0.0), "...");
    }
}
