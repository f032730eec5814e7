//! Short notices at the window's lower right: what was done, or why it was not. They go by
//! themselves; what must not be missed stands in the trouble bar instead.

use std::collections::VecDeque;
use std::time::Duration;

use egui::accesskit::Live;
use egui::{Align2, Area, Context, Frame, Id, Label, Margin, Order, RichText, Stroke, vec2};
use egui_material_icons::MaterialIcon;
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_ERROR, ICON_INFO};

use super::theme::{self, Tone, space};

/// In sight at once; an older one makes room.
const MOST: usize = 4;
/// Of a notice that says what was done.
const SHORT_S: f64 = 3.5;
/// Of one that says why not: there is more to read.
const LONG_S: f64 = 8.0;
const FADE_S: f64 = 0.3;
/// Of drawings while one fades.
const FADE_STEP: Duration = Duration::from_millis(60);
const WIDTH: f32 = 360.0;

#[derive(Debug, Clone)]
struct Toast {
    text: String,
    tone: Tone,
    number: u64,
    /// Of the window's clock, from its first drawing on.
    shown_at_s: Option<f64>,
}

impl Toast {
    fn life_s(&self) -> f64 {
        match self.tone {
            Tone::Success | Tone::Neutral => SHORT_S,
            _ => LONG_S,
        }
    }

    const fn icon(&self) -> MaterialIcon {
        match self.tone {
            Tone::Success => ICON_CHECK_CIRCLE,
            Tone::Warning | Tone::Danger => ICON_ERROR,
            _ => ICON_INFO,
        }
    }
}

/// Notices that are in sight or wait for the next drawing.
#[derive(Debug, Default)]
pub struct Toasts {
    shown: VecDeque<Toast>,
    next: u64,
}

impl Toasts {
    /// Something was done.
    pub fn done(&mut self, text: impl Into<String>) {
        self.push(Tone::Success, text.into());
    }

    /// Something to know.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.push(Tone::Neutral, text.into());
    }

    /// Something could not be done; the text says why and what to do.
    pub fn refuse(&mut self, text: impl Into<String>) {
        self.push(Tone::Warning, text.into());
    }

    #[cfg(test)]
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.shown.iter().map(|toast| toast.text.as_str())
    }

    fn push(&mut self, tone: Tone, text: String) {
        // Said again, it stays longer instead of standing there twice.
        self.shown.retain(|toast| toast.text != text);
        while self.shown.len() >= MOST {
            self.shown.pop_front();
        }
        self.next += 1;
        self.shown.push_back(Toast {
            text,
            tone,
            number: self.next,
            shown_at_s: None,
        });
    }

    /// Draws them. While a run measures (`calm`) they go without fading: each step would be a
    /// drawing more.
    pub fn show(&mut self, context: &Context, calm: bool) {
        let now_s = context.input(|input| input.time);
        for toast in &mut self.shown {
            toast.shown_at_s.get_or_insert(now_s);
        }
        let left_s = |toast: &Toast| {
            let shown_s = now_s - toast.shown_at_s.unwrap_or(now_s);
            toast.life_s() - shown_s
        };
        self.shown.retain(|toast| left_s(toast) > 0.0);
        let Some(soonest_s) = self.shown.iter().map(left_s).reduce(f64::min) else {
            return;
        };
        let fade_s = if calm { 0.0 } else { FADE_S };
        let next = if soonest_s <= fade_s {
            FADE_STEP
        } else {
            Duration::from_secs_f64(soonest_s - fade_s + 0.001)
        };
        context.request_repaint_after(next);

        let mut up = -space::L;
        for toast in self.shown.iter().rev() {
            let opacity = if fade_s > 0.0 {
                (left_s(toast) / fade_s).min(1.0) as f32
            } else {
                1.0
            };
            let height = card(context, toast, up, opacity);
            up -= height + space::S;
        }
    }
}

/// Draws one, `up` points from the lower edge, and gives its height.
fn card(context: &Context, toast: &Toast, up: f32, opacity: f32) -> f32 {
    let area = Area::new(Id::unique(("toast", toast.number)))
        .order(Order::Tooltip)
        .interactable(false)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-space::L, up))
        .show(context, |ui| {
            ui.set_opacity(opacity);
            ui.set_max_width(WIDTH);
            let palette = theme::palette(ui);
            Frame::new()
                .fill(palette.raised)
                .stroke(Stroke::new(1.0, palette.outline))
                .corner_radius(theme::rounding::CARD)
                .shadow(ui.visuals().popup_shadow)
                .inner_margin(Margin::symmetric(space::M as i8, space::S as i8 + 2))
                .show(ui, |ui| {
                    ui.horizontal(|ui| {
                        let colour = palette.tone(toast.tone);
                        theme::painted_icon(ui, toast.icon(), 16.0, colour);
                        let text = RichText::new(&toast.text).color(palette.text);
                        let label = ui.add(Label::new(text).wrap());
                        // Read out without taking the keyboard from where it is.
                        context.accesskit_node_builder(label.id, |node| {
                            node.set_live(Live::Polite);
                        });
                    });
                });
        });
    area.response.rect.height()
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;

    fn harness() -> Harness<'static, Toasts> {
        Harness::builder()
            .with_size(vec2(600.0, 400.0))
            .with_step_dt(0.1)
            .with_context_setup(theme::install)
            .build_ui_state(
                |ui, toasts: &mut Toasts| toasts.show(ui.ctx(), false),
                Toasts::default(),
            )
    }

    #[test]
    fn a_notice_is_read_out_goes_by_itself_and_costs_nothing_afterwards() {
        let mut harness = harness();
        harness.state_mut().done("Copied");
        harness.run_steps(2);
        assert!(harness.query_by_label("Copied").is_some());
        harness.run_steps(40);
        assert!(harness.query_by_label("Copied").is_none());
        // Would fail if it asked for drawings for ever.
        harness.run();
        assert_eq!(harness.state().texts().count(), 0);
    }

    #[test]
    fn a_reason_stays_longer_and_nothing_stands_there_twice() {
        let mut harness = harness();
        harness.state_mut().done("Copied");
        harness.state_mut().refuse("Select a cell first.");
        harness.state_mut().done("Copied");
        harness.run_steps(2);
        assert_eq!(harness.query_all_by_label("Copied").count(), 1);
        harness.run_steps(45);
        assert!(harness.query_by_label("Copied").is_none());
        harness.get_by_label("Select a cell first.");
        for n in 0..9 {
            harness.state_mut().tell(format!("Notice {n}"));
        }
        assert_eq!(harness.state().texts().count(), MOST);
        assert_eq!(harness.state().texts().last(), Some("Notice 8"));
    }
}
