//! A text field for a list, which says what it understood.

use std::fmt::Display;

use egui::{Label, Response, RichText, Stroke, TextEdit, Ui, accesskit::Invalid, vec2};

use crate::app::theme::{font, palette, space};

/// What a list was understood as; made where it is parsed, not where it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPreview {
    text: String,
}

impl ListPreview {
    /// All values where they are few, else the first ones and the last.
    pub fn of<T: Display>(values: &[T]) -> Self {
        const SHOWN: usize = 8;
        let mut texts: Vec<String> = values.iter().take(SHOWN).map(T::to_string).collect();
        if let (true, Some(last)) = (values.len() > SHOWN, values.last()) {
            texts.truncate(SHOWN - 2);
            texts.push("…".to_owned());
            texts.push(last.to_string());
        }
        let count = values.len();
        let noun = if count == 1 { "value" } else { "values" };
        Self {
            text: format!("{} — {count} {noun}", texts.join(", ")),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A labelled field with its preview or its error below; `changed()` says that `text` was edited.
/// The label is the field's accessible name.
pub fn list_field(
    ui: &mut Ui,
    label: &str,
    text: &mut String,
    parsed: Result<&ListPreview, &str>,
) -> Response {
    let palette = palette(ui);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 3.0);
        let label = ui.label(
            RichText::new(label)
                .font(font::medium(12.0))
                .color(palette.text_secondary),
        );
        let response = ui
            .scope(|ui| {
                if parsed.is_err() {
                    let visuals = ui.visuals_mut();
                    visuals.widgets.inactive.bg_stroke = Stroke::new(1.0, palette.danger);
                    visuals.widgets.hovered.bg_stroke = Stroke::new(1.0, palette.danger);
                    visuals.selection.stroke.color = palette.danger;
                }
                let field = TextEdit::singleline(text)
                    .font(font::figures(13.0))
                    .desired_width(f32::INFINITY);
                ui.add(field).labelled_by(label.id)
            })
            .inner;
        let (below, colour) = match parsed {
            Ok(preview) => (preview.text(), palette.text_tertiary),
            Err(error) => (error, palette.danger),
        };
        let below = RichText::new(below).font(font::figures(11.0)).color(colour);
        let below = ui.add(Label::new(below).wrap());
        if parsed.is_err() {
            ui.ctx().accesskit_node_builder(response.id, |node| {
                node.set_invalid(Invalid::True);
                node.push_described_by(below.id.accesskit_id());
            });
        }
        ui.add_space(space::XS);
        response
    })
    .inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_names_all_values_or_the_ends() {
        assert_eq!(ListPreview::of(&[8]).text(), "8 — 1 value");
        assert_eq!(
            ListPreview::of(&[8, 16, 32, 64]).text(),
            "8, 16, 32, 64 — 4 values"
        );
        let many: Vec<u32> = (1..=100).collect();
        assert_eq!(
            ListPreview::of(&many).text(),
            "1, 2, 3, 4, 5, 6, …, 100 — 100 values"
        );
        let eight: Vec<u32> = (1..=8).collect();
        assert_eq!(
            ListPreview::of(&eight).text(),
            "1, 2, 3, 4, 5, 6, 7, 8 — 8 values"
        );
    }
}
