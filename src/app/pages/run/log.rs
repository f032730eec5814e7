//! What the run said, with filters by source and by words.

use egui::{RichText, ScrollArea, TextEdit, Ui};
use egui_material_icons::icons::ICON_CONTENT_COPY;

use crate::app::filter_focus;
use crate::app::heat_panel::choose;
use crate::app::run_state::{LogSource, RunLog};
use crate::app::theme::{self, palette, space};
use crate::engine::event::NoticeLevel;
use crate::store::cell_files::LogEnd;

/// Lines of a running server's log that stand beside its cell.
const END_LINES: usize = 40;

/// Lines that pass the filters, prepared outside of drawing.
#[derive(Debug)]
pub struct LogView {
    filter: String,
    /// `None` shows all.
    source: Option<LogSource>,
    sources: Vec<Option<LogSource>>,
    follow: bool,
    filter_changed: bool,
    lines: Vec<(NoticeLevel, String)>,
    /// How many lines the log had seen when these were prepared.
    seen: u64,
}

impl Default for LogView {
    fn default() -> Self {
        Self {
            filter: String::new(),
            source: None,
            sources: vec![None],
            follow: true,
            filter_changed: false,
            lines: Vec::new(),
            seen: 0,
        }
    }
}

impl LogView {
    pub fn update(&mut self, log: &RunLog) {
        let seen = log.dropped() + log.lines().len() as u64;
        if seen == self.seen && !self.filter_changed {
            return;
        }
        self.seen = seen;
        self.filter_changed = false;
        let sources = log.sources().into_iter().map(Some);
        self.sources = [None].into_iter().chain(sources).collect();
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        self.lines = log
            .lines()
            .iter()
            .filter(|line| self.source.is_none_or(|source| source == line.source))
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
            .filter(|(_, text)| {
                let text = text.to_lowercase();
                words.iter().all(|word| text.contains(word))
            })
            .collect();
    }

    pub fn show(&mut self, ui: &mut Ui, log: &RunLog) {
        ui.horizontal_wrapped(|ui| {
            let changed = choose(ui, "Source", &mut self.source, &self.sources, |source| {
                let text = source.map_or_else(|| "All".to_owned(), |s| s.to_string());
                (text, "")
            });
            let label = theme::caption(ui, "Filter");
            let field = TextEdit::singleline(&mut self.filter)
                .desired_width((ui.available_size_before_wrap().x - 200.0).clamp(90.0, 180.0));
            let field = ui.add(field).labelled_by(label.id);
            filter_focus::claim(&field);
            self.filter_changed |= changed || field.changed();
            ui.checkbox(&mut self.follow, "Follow the end");
            let copy = theme::icon_button(ui, ICON_CONTENT_COPY, "Copy the lines shown");
            if copy.clicked() {
                let lines: Vec<&str> = self.lines.iter().map(|(_, text)| text.as_str()).collect();
                ui.ctx().copy_text(lines.join("\n"));
            }
        });
        if self.filter_changed {
            self.update(log);
        }
        ui.add_space(space::S);
        if self.lines.is_empty() {
            theme::caption(ui, "No line passes these filters.");
            return;
        }
        let palette = palette(ui);
        let height = ui.text_style_height(&egui::TextStyle::Monospace);
        ScrollArea::both()
            .auto_shrink(false)
            .stick_to_bottom(self.follow)
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

/// The last lines of each server and of nginx.
pub(super) fn server_ends(log: &RunLog) -> Vec<LogEnd> {
    let sources = log.sources().into_iter();
    sources
        .filter(|source| *source != LogSource::App)
        .map(|source| {
            let lines = log.lines().iter().rev();
            let mut last: Vec<&str> = lines
                .filter(|line| line.source == source)
                .take(END_LINES)
                .map(|line| line.text.as_str())
                .collect();
            last.reverse();
            LogEnd {
                name: source.to_string(),
                text: last.join("\n"),
            }
        })
        .collect()
}
