//! A text that keeps its beginning and its end where there is too little room for all of it: names
//! of models, files and cells differ at their ends.

use std::sync::Arc;

use egui::text::LayoutJob;
use egui::{Color32, FontId, Galley, Painter, Response, Role, Sense, Ui, WidgetInfo};

/// Between what is left of the beginning and of the end.
const GAP: &str = "…";

/// Draws `text` over at most `rows` rows of what width there is. What is left out is in the tooltip;
/// a screen reader hears the whole text.
pub fn elided(ui: &mut Ui, text: &str, font: &FontId, colour: Color32, rows: usize) -> Response {
    let galley = galley(ui.painter(), text, font, colour, ui.available_width(), rows);
    let is_whole = galley.text() == text;
    let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    ui.painter().galley(rect.min, galley, colour);
    if is_whole {
        response
    } else {
        response.on_hover_text(text)
    }
}

/// As [`elided`], for whoever draws and names it himself.
pub fn galley(
    painter: &Painter,
    text: &str,
    font: &FontId,
    colour: Color32,
    width: f32,
    rows: usize,
) -> Arc<Galley> {
    fitting(text, |text| {
        let mut job = LayoutJob::simple(text.to_owned(), font.clone(), colour, width.max(1.0));
        job.wrap.max_rows = rows;
        // One row breaks where it must; several rather between words.
        job.wrap.break_anywhere = rows == 1;
        painter.layout_job(job)
    })
}

/// The whole text, else as many of its letters as fit, a little more of them from its beginning.
fn fitting(text: &str, layout: impl Fn(&str) -> Arc<Galley>) -> Arc<Galley> {
    let whole = layout(text);
    if !whole.elided {
        return whole;
    }
    let letters: Vec<char> = text.chars().collect();
    let (mut fits, mut too_many) = (0, letters.len());
    while fits + 1 < too_many {
        let middle = usize::midpoint(fits, too_many);
        if layout(&shortened(&letters, middle)).elided {
            too_many = middle;
        } else {
            fits = middle;
        }
    }
    layout(&shortened(&letters, fits))
}

/// `kept` of the letters.
fn shortened(letters: &[char], kept: usize) -> String {
    let end = kept * 2 / 5;
    let (head, tail) = (
        letters.iter().take(kept - end),
        letters.iter().skip(letters.len() - end),
    );
    let head: String = head.collect();
    let tail: String = tail.collect();
    format!("{}{GAP}{}", head.trim_end(), tail.trim_start())
}

#[cfg(test)]
mod tests {
    use egui::vec2;
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::*;
    use crate::app::theme::font;

    const NAME: &str = "mlx-community/DeepSeek-R1-Distill-Qwen-32B-mixed-precision-group-size-64";

    #[test]
    fn beginning_and_end_are_kept() {
        let letters: Vec<char> = "full_sweep_20261124_150913.csv".chars().collect();
        assert_eq!(shortened(&letters, 20), "full_sweep_2…0913.csv");
        assert_eq!(shortened(&letters, 0), "…");
        let words: Vec<char> = "one two three".chars().collect();
        assert_eq!(shortened(&words, 6), "one…ee", "no blank beside the gap");
    }

    #[test]
    fn a_name_fills_its_rows_and_is_whole_for_a_screen_reader() {
        for (width, rows, whole) in [
            (120.0, 1, false),
            (300.0, 1, false),
            (340.0, 2, true),
            (900.0, 1, true),
        ] {
            let mut drawn = String::new();
            let harness = Harness::builder()
                .with_size(vec2(width + 16.0, 80.0))
                .with_context_setup(crate::app::theme::install)
                .build_ui(|ui| {
                    let font = font::strong();
                    let galley = galley(ui.painter(), NAME, &font, Color32::RED, width, rows);
                    galley.text().clone_into(&mut drawn);
                    ui.set_width(width);
                    elided(ui, NAME, &font, Color32::RED, rows);
                });
            let node = harness.get_by_label(NAME);
            assert_eq!(node.accesskit_node().value().as_deref(), Some(NAME));
            assert!(node.rect().width() <= width + 0.5, "{:?}", node.rect());
            drop(harness);
            assert_eq!(drawn == NAME, whole, "{width}: {drawn}");
            if !whole {
                assert!(
                    drawn.starts_with("mlx-c") && drawn.ends_with("64"),
                    "{drawn}"
                );
            }
        }
    }
}
