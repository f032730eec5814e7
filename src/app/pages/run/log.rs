//! What the run said, with filters by source and by words.

use std::collections::VecDeque;

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
    lines: VecDeque<Line>,
    /// How many lines the log had seen when these were prepared.
    seen: u64,
}

/// A line as it is shown.
#[derive(Debug)]
struct Line {
    /// Its place among all that the log has seen.
    number: u64,
    level: NoticeLevel,
    text: String,
}

impl Default for LogView {
    fn default() -> Self {
        Self {
            filter: String::new(),
            source: None,
            sources: vec![None],
            follow: true,
            filter_changed: false,
            lines: VecDeque::new(),
            seen: 0,
        }
    }
}

impl LogView {
    /// Takes the lines that are new, or all where the filters have changed.
    pub fn update(&mut self, log: &RunLog) {
        let dropped = log.dropped();
        let seen = dropped + log.lines().len() as u64;
        if seen == self.seen && !self.filter_changed {
            return;
        }
        if self.filter_changed {
            self.lines.clear();
            self.seen = 0;
        }
        let first = self.seen.max(dropped);
        self.seen = seen;
        self.filter_changed = false;
        let gone = self.lines.partition_point(|line| line.number < dropped);
        self.lines.drain(..gone);
        let sources = log.sources().into_iter().map(Some);
        self.sources = [None].into_iter().chain(sources).collect();
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        let zone = jiff::tz::TimeZone::system();
        let new = log.lines().iter().skip((first - dropped) as usize);
        let shown = (first..)
            .zip(new)
            .filter(|(_, line)| self.source.is_none_or(|source| source == line.source))
            .map(|(number, line)| {
                let time = line.time.to_zoned_datetime(zone.clone());
                let text = format!(
                    "{}  {}  {}",
                    time.strftime("%H:%M:%S"),
                    line.source,
                    line.text
                );
                Line {
                    number,
                    level: line.level,
                    text,
                }
            })
            .filter(|line| {
                let text = line.text.to_lowercase();
                words.iter().all(|word| text.contains(word))
            });
        self.lines.extend(shown);
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
                let lines: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
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
                for line in self.lines.range(rows) {
                    let colour = match line.level {
                        NoticeLevel::Info => palette.text,
                        NoticeLevel::Warning => palette.warning,
                        NoticeLevel::Problem => palette.danger,
                    };
                    ui.label(RichText::new(&line.text).monospace().color(colour));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run_state::LogLine;

    #[test]
    fn lines_that_come_one_by_one_are_shown_as_all_at_once() {
        let mut log = RunLog::default();
        let mut view = LogView::default();
        for n in 0..10_300_u32 {
            log.push(&LogLine {
                time: jiff::Timestamp::UNIX_EPOCH,
                source: LogSource::Server(n % 2),
                level: NoticeLevel::Info,
                text: format!("line {n}"),
            });
            // The first lines are dropped at last.
            if n % 100 == 7 {
                view.update(&log);
            }
            if n == 500 {
                view.source = Some(LogSource::Server(1));
                view.filter_changed = true;
            }
        }
        view.update(&log);
        let mut anew = LogView {
            source: view.source,
            ..LogView::default()
        };
        anew.update(&log);
        let texts = |view: &LogView| -> Vec<String> {
            view.lines.iter().map(|line| line.text.clone()).collect()
        };
        assert_eq!(texts(&view), texts(&anew));
        assert_eq!(view.lines.len(), 5_000);
        assert!(texts(&view)[0].ends_with("line 301"), "{}", texts(&view)[0]);
    }
}
