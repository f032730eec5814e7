//! The requests of a cell over time, one thin row each: waiting, reading the prompt, answering.

use egui::{
    Align2, Color32, Id, Rect, RichText, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2,
    vec2,
};

use super::short_figure;
use crate::app::theme::{Palette, font, palette, space};
use crate::app::widgets::time_plot::round_step;
use crate::store::requests::RequestRow;
use crate::units::Secs;

const ROW: f32 = 7.0;
const BAR: f32 = 5.0;
const AXIS: f32 = 16.0;
/// Thinner pieces are drawn this wide, in points: a moment is seen, too.
const THINNEST: f32 = 1.0;

/// What a request was at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Until its connection stood.
    Waiting,
    /// Until its first token.
    Prompt,
    /// Until its end.
    Answer,
    /// From the last that is known of it to the end of a failed one.
    Failed,
}

impl Phase {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Waiting, "Connecting"),
        (Self::Prompt, "First token"),
        (Self::Answer, "Answer"),
        (Self::Failed, "Failed"),
    ];

    fn colour(self, palette: &Palette) -> Color32 {
        match self {
            Self::Waiting => palette.text_tertiary,
            Self::Prompt => palette.series[1],
            Self::Answer => palette.series[0],
            Self::Failed => palette.danger,
        }
    }
}

/// A part of a row, in shares of the strip's width from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    pub phase: Phase,
    pub from: f32,
    pub to: f32,
}

#[derive(Debug, Clone, PartialEq)]
struct Bar {
    pieces: Vec<Piece>,
    failed: bool,
    /// "Request 3: due at 0.00 s, ..."
    about: String,
}

/// What is drawn; made when the requests change.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestStrip {
    bars: Vec<Bar>,
    /// Moments on the cell's clock, in seconds.
    from_s: f64,
    to_s: f64,
    summary: String,
}

impl RequestStrip {
    /// `rows` in the order of their rows. `None` without any.
    pub fn new(rows: &[RequestRow]) -> Option<Self> {
        let moments = || rows.iter().flat_map(|row| [row.due_s, row.end_s]);
        let from_s = moments().min_by(f64::total_cmp)?;
        let to_s = moments().max_by(f64::total_cmp)?;
        let length_s = (to_s - from_s).max(1e-6);
        let share = |at_s: f64| ((at_s - from_s) / length_s).clamp(0.0, 1.0) as f32;
        let bars: Vec<Bar> = rows
            .iter()
            .map(|row| Bar {
                pieces: pieces(row, share),
                failed: row.error_class.is_some(),
                about: about(row),
            })
            .collect();
        let failed = bars.iter().filter(|bar| bar.failed).count();
        let failed = match failed {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        let summary = format!(
            "{} requests{failed}, over {}",
            bars.len(),
            Secs(to_s - from_s)
        );
        Some(Self {
            bars,
            from_s,
            to_s,
            summary,
        })
    }

    /// "64 requests, 2 failed, over 12.3 s"
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// At most `height` points high; more requests scroll.
    pub fn show(&self, ui: &mut Ui, height: f32) {
        let palette = palette(ui);
        legend(ui, palette, self.bars.iter().any(|bar| bar.failed));
        let rows = self.bars.len();
        let inner = (rows as f32 * ROW).min(height - AXIS);
        ui.spacing_mut().item_spacing.y = 2.0;
        let output = ScrollArea::vertical()
            .id_salt("request strip")
            .max_height(inner)
            .min_scrolled_height(inner)
            .auto_shrink([false, true])
            .show_viewport(ui, |ui, view| {
                ui.set_height(rows as f32 * ROW);
                let whole = ui.max_rect();
                let first = (view.top() / ROW).floor().max(0.0) as usize;
                let end = ((view.bottom() / ROW).ceil().max(0.0) as usize).min(rows);
                for number in first..end {
                    let top = whole.top() + number as f32 * ROW;
                    let row = Rect::from_min_size(
                        pos2(whole.left(), top),
                        vec2(whole.width() - space::S, ROW),
                    );
                    self.row(ui, palette, number, row);
                }
            });
        let whole = output.inner_rect;
        let response = ui.interact(whole, Id::unique("requests as a strip"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &self.summary));
        self.axis(ui, palette);
    }

    fn row(&self, ui: &Ui, palette: &Palette, number: usize, rect: Rect) {
        let Some(bar) = self.bars.get(number) else {
            return;
        };
        let id = ui.scope_id().with(("request", number));
        let response = ui.interact(rect, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &bar.about));
        let painter = ui.painter();
        if response.hovered() {
            painter.rect_filled(rect, 2.0, palette.control_hovered);
        }
        for piece in &bar.pieces {
            let at = |share: f32| rect.left() + share * rect.width();
            let (from, to) = (at(piece.from), at(piece.to));
            let span = Rect::from_min_max(
                pos2(from, rect.center().y - BAR / 2.0),
                pos2(to.max(from + THINNEST), rect.center().y + BAR / 2.0),
            );
            painter.rect_filled(span, 1.0, piece.phase.colour(palette));
        }
        if let Some(last) = bar.pieces.last().filter(|_| bar.failed) {
            // A cross, so that colour is not all that tells it.
            let end = pos2(rect.left() + last.to * rect.width() + 4.0, rect.center().y);
            let stroke = Stroke::new(1.2, palette.danger);
            for arm in [vec2(2.2, 2.2), vec2(2.2, -2.2)] {
                painter.line_segment([end - arm, end + arm], stroke);
            }
        }
        response.on_hover_text(&bar.about);
    }

    fn axis(&self, ui: &mut Ui, palette: &Palette) {
        let size = vec2(ui.available_width() - space::S, AXIS);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let painter = ui.painter();
        painter.hline(
            rect.x_range(),
            rect.top(),
            Stroke::new(1.0, palette.hairline),
        );
        let length_s = (self.to_s - self.from_s).max(1e-6);
        let step_s = round_step(length_s * f64::from(70.0 / rect.width().max(70.0)));
        let mut at_s = 0.0;
        while at_s <= length_s {
            let x = rect.left() + (at_s / length_s) as f32 * rect.width();
            let text = format!("{} s", short_figure(at_s));
            let (anchor, font) = if at_s == 0.0 {
                (Align2::LEFT_TOP, font::figures(10.0))
            } else {
                (Align2::CENTER_TOP, font::figures(10.0))
            };
            if x < rect.right() - 14.0 || at_s == 0.0 {
                let at = pos2(x, rect.top() + 3.0);
                painter.text(at, anchor, text, font, palette.text_tertiary);
            }
            at_s += step_s;
        }
    }
}

fn legend(ui: &mut Ui, palette: &Palette, any_failed: bool) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        for (phase, name) in Phase::ALL {
            if phase == Phase::Failed && !any_failed {
                continue;
            }
            let (dot, _) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
            ui.painter().rect_filled(dot, 2.0, phase.colour(palette));
            let text = RichText::new(name).small().color(palette.text_secondary);
            ui.label(text);
            ui.add_space(space::S);
        }
    });
}

/// The parts of a request, in order and without gaps from its due time to its end.
fn pieces(row: &RequestRow, share: impl Fn(f64) -> f32) -> Vec<Piece> {
    let failed = row.error_class.is_some();
    let mut pieces = Vec::new();
    let mut from_s = row.due_s;
    // Without streaming, no first token is seen: all after the connection is the answer.
    let until = [
        (Phase::Waiting, row.connected_s),
        (Phase::Prompt, row.first_token_s),
    ];
    for (phase, to_s) in until {
        if let Some(to_s) = to_s.filter(|to_s| *to_s >= from_s) {
            pieces.push(Piece {
                phase,
                from: share(from_s),
                to: share(to_s),
            });
            from_s = to_s;
        }
    }
    let last = if failed { Phase::Failed } else { Phase::Answer };
    pieces.push(Piece {
        phase: last,
        from: share(from_s),
        to: share(row.end_s.max(from_s)),
    });
    pieces
}

fn about(row: &RequestRow) -> String {
    let mut parts = vec![format!("due at {:.2} s", row.due_s)];
    let figures = [
        ("TTFT", row.ttft_s),
        ("TPOT", row.tpot_s),
        ("E2E", row.e2e_s),
    ];
    for (name, figure) in figures {
        if let Some(figure) = figure {
            parts.push(format!("{name} {}", precise(figure)));
        }
    }
    if row.completion_tokens > 0 {
        parts.push(format!("{} tokens", row.completion_tokens));
    }
    if let Some(instance) = row.instance {
        parts.push(format!("server {instance}"));
    }
    if let Some(class) = row.error_class {
        let detail = row.error.as_deref().unwrap_or_default();
        parts.push(format!("failed after {}", precise(row.end_s - row.due_s)));
        parts.push(format!("{class}: {detail}"));
    }
    format!("Request {}: {}", row.request, parts.join(", "))
}

/// Durations of a token are fractions of a millisecond on a fast machine.
fn precise(s: f64) -> String {
    if s < 0.01 {
        format!("{:.2} ms", s * 1e3)
    } else {
        Secs(s).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::ErrorClass;

    fn row(due_s: f64, end_s: f64) -> RequestRow {
        RequestRow {
            due_s,
            connected_s: Some(due_s + 1.0),
            first_token_s: Some(due_s + 2.0),
            end_s,
            ..RequestRow::default()
        }
    }

    fn shares(row: &RequestRow) -> Vec<(Phase, f32, f32)> {
        let pieces = pieces(row, |at_s| at_s as f32 / 10.0);
        pieces.iter().map(|p| (p.phase, p.from, p.to)).collect()
    }

    #[test]
    fn a_request_is_cut_where_it_connected_and_where_its_first_token_came() {
        let expected = [
            (Phase::Waiting, 0.0, 0.1),
            (Phase::Prompt, 0.1, 0.2),
            (Phase::Answer, 0.2, 0.5),
        ];
        assert_eq!(shares(&row(0.0, 5.0)), expected);
    }

    #[test]
    fn without_streaming_all_after_the_connection_is_the_answer() {
        let mut row = row(0.0, 5.0);
        row.first_token_s = None;
        let expected = [(Phase::Waiting, 0.0, 0.1), (Phase::Answer, 0.1, 0.5)];
        assert_eq!(shares(&row), expected);
    }

    #[test]
    fn a_failed_request_ends_in_its_own_colour_from_the_last_known_moment() {
        let mut row = row(1.0, 7.0);
        row.error_class = Some(ErrorClass::Reset);
        row.first_token_s = None;
        let expected = [(Phase::Waiting, 0.1, 0.2), (Phase::Failed, 0.2, 0.7)];
        assert_eq!(shares(&row), expected);
        row.connected_s = None;
        assert_eq!(shares(&row), [(Phase::Failed, 0.1, 0.7)]);
    }

    #[test]
    fn the_strip_spans_from_the_first_due_time_to_the_last_end() {
        let mut failed = row(3.0, 6.0);
        failed.error_class = Some(ErrorClass::Timeout);
        failed.error = Some("no answer".to_owned());
        let strip = RequestStrip::new(&[row(1.0, 9.0), failed]).unwrap();
        assert_eq!((strip.from_s, strip.to_s), (1.0, 9.0));
        assert_eq!(strip.summary(), "2 requests, 1 failed, over 8.0 s");
        assert!((strip.bars[0].pieces[2].to - 1.0).abs() < 1e-6);
        assert_eq!(
            strip.bars[1].about,
            "Request 0: due at 3.00 s, failed after 3.0 s, timeout: no answer"
        );
        assert_eq!(RequestStrip::new(&[]), None);
    }
}
