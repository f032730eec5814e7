//! What the run said, with a filter.

use egui::{RichText, ScrollArea, TextEdit, Ui};

use crate::app::filter_focus;
use crate::app::run_state::RunLog;
use crate::app::theme::{self, palette, space};
use crate::engine::event::NoticeLevel;

/// Lines that pass the filter, prepared outside of drawing.
#[derive(Debug, Default)]
pub struct LogView {
    filter: String,
    filter_changed: bool,
    lines: Vec<(NoticeLevel, String)>,
    /// How many lines the log had seen when these were prepared.
    seen: u64,
}

impl LogView {
    pub fn update(&mut self, log: &RunLog) {
        let seen = log.dropped() + log.lines().len() as u64;
        if seen == self.seen && !self.filter_changed {
            return;
        }
        self.seen = seen;
        self.filter_changed = false;
        let wanted = self.filter.to_lowercase();
        self.lines = log
            .lines()
            .iter()
            .map(|line| {
                let time = line.time.to_zoned_datetime(jiff::tz::TimeZone::system());
                let text = format!(
                    "{}  {}  {}",
                    time.strftime("%H:%M:%S"),
                    line.source,
                    line.text
                );
                (line.level, text)
            })
            .filter(|(_, text)| wanted.is_empty() || text.to_lowercase().contains(&wanted))
            .collect();
    }

    pub fn show(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let label = theme::caption(ui, "Filter");
            let field = TextEdit::singleline(&mut self.filter).desired_width(220.0);
            let field = ui.add(field).labelled_by(label.id);
            filter_focus::claim(&field);
            if field.changed() {
                self.filter_changed = true;
            }
        });
        ui.add_space(space::S);
        let palette = palette(ui);
        let height = ui.text_style_height(&egui::TextStyle::Monospace);
        ScrollArea::both()
            .auto_shrink(false)
            .stick_to_bottom(true)
            .show_rows(ui, height, self.lines.len(), |ui, rows| {
                for (level, text) in &self.lines[rows] {
                    let colour = match level {
                        NoticeLevel::Info => palette.text,
                        NoticeLevel::Warning => palette.warning,
                        NoticeLevel::Problem => palette.danger,
                    };
                    ui.label(RichText::new(text).monospace().color(colour));
                }
            });
    }
}
