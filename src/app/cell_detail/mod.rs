//! Everything known of the selected cell; the Run and the Results page share it. Texts are prepared
//! when the selection or the cell changes.

mod tables;
#[cfg(test)]
mod tests;
mod view;

use std::path::Path;
use std::sync::Arc;

use self::tables::{LatencyColumn, SpreadLine};
use super::reading::Wanted;
use super::widgets::request_strip::RequestStrip;
use crate::board::Board;
use crate::engine::event::CellResult;
use crate::measure::histogram::{Histogram, histogram};
use crate::plan::commands::shell_line;
use crate::store::cell_files::{CellFiles, LogEnd};
use crate::store::requests::RequestRow;
use crate::store::row::CellRow;

/// What the histogram shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Timing {
    #[default]
    Ttft,
    Tpot,
    E2e,
}

impl Timing {
    const ALL: [Self; 3] = [Self::Ttft, Self::Tpot, Self::E2e];

    const fn name(self) -> &'static str {
        match self {
            Self::Ttft => "TTFT",
            Self::Tpot => "TPOT",
            Self::E2e => "E2E",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Tpot => "ms",
            Self::Ttft | Self::E2e => "s",
        }
    }

    /// In its unit.
    fn of(self, row: &RequestRow) -> Option<f64> {
        match self {
            Self::Ttft => row.ttft_s,
            Self::Tpot => row.tpot_s.map(|s| s * 1e3),
            Self::E2e => row.e2e_s,
        }
    }
}

/// How far the requests of the cell are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Requests {
    /// The cell has not ended, or its files are still being read.
    #[default]
    NotYet,
    Known,
    /// And what to do about it.
    Missing(&'static str),
}

const NOT_KEPT: &str = "This run kept no requests. With MLX_REQUESTS_CSV=1, the default, each is \
                        written to .requests.csv beside the results.";
const NONE_OF_CELL: &str = "No request of this cell is in its .requests.csv.";

/// A titled text that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Text {
    title: String,
    text: String,
}

/// The selected cell, ready to be drawn.
#[derive(Debug, Default)]
pub struct CellDetail {
    /// Which cell of which state it was prepared from.
    key: Option<(usize, u64)>,
    row: Option<Arc<CellRow>>,
    /// The row whose files were asked for.
    asked: Option<Arc<CellRow>>,
    title: String,
    state: String,
    figures: Vec<(String, String)>,
    /// What the intervals among them stand on.
    about_intervals: Option<String>,
    /// Over the valid repeats, where there are several.
    spread: Vec<SpreadLine>,
    repeats: usize,
    latencies: Vec<LatencyColumn>,
    settings: Vec<(String, String)>,
    flags: Vec<(bool, String)>,
    error: Option<String>,
    error_classes: Vec<(String, String)>,
    commands: Vec<Text>,
    logs: Vec<Text>,
    problems: Vec<String>,
    requests: Requests,
    rows: Vec<RequestRow>,
    timing: Timing,
    bins: Option<Histogram>,
    strip: Option<RequestStrip>,
}

impl CellDetail {
    /// Takes the selected cell of a board; `revision` is raised when the board changes. Does
    /// nothing where neither has changed.
    pub fn update(
        &mut self,
        board: &Board,
        selected: Option<usize>,
        revision: u64,
        result: Option<&CellResult>,
    ) {
        let key = selected.map(|selected| (selected, revision));
        if key == self.key && key.is_some() {
            return;
        }
        let timing = self.timing;
        let found = selected.and_then(|at| Some((at, board.entry(at)?)));
        let row = found.and_then(|(_, entry)| entry.shared_row());
        if row.is_some() && row == self.row {
            // Another cell has changed: of this one, only its repeats may have.
            self.key = key;
            if let Some((position, _)) = found {
                (self.repeats, self.spread) = tables::spread(board, position);
            }
            return;
        }
        *self = Self {
            key,
            timing,
            ..Self::default()
        };
        let Some((position, entry)) = found else {
            return;
        };
        self.title = board.label(position);
        self.state = entry.state().text();
        self.settings = tables::settings(board, position, row.as_deref());
        (self.repeats, self.spread) = tables::spread(board, position);
        if let Some(row) = &row {
            self.figures = tables::figures(row);
            self.about_intervals = tables::about_intervals(row);
            self.latencies = tables::latencies(row);
            self.flags = tables::flags(row);
            self.error.clone_from(&row.error);
            self.error_classes = tables::error_classes(row);
        }
        self.row = row;
        if let Some(result) = result {
            self.commands = result.servers.iter().map(command).collect();
            if let Some(tail) = &result.log_tail {
                self.logs = vec![Text {
                    title: "The server's log ends with".to_owned(),
                    text: tail.clone(),
                }];
            }
            let rows = result.requests.iter();
            let rows = rows.map(|sample| RequestRow::new(&result.cell, sample));
            self.set_requests(rows.collect());
        }
    }

    /// What is to be read of this cell, once; `csv` is the run's results file.
    pub fn wanted(&mut self, csv: &Path) -> Option<Wanted> {
        let row = self.row.clone()?;
        if self.asked.as_ref() == Some(&row) {
            return None;
        }
        self.asked = Some(Arc::clone(&row));
        let csv = csv.to_owned();
        Some(Wanted::Cell { csv, row })
    }

    /// Takes what was read, if it is of this cell.
    pub fn set_files(&mut self, files: CellFiles) {
        if self.row.as_ref().map(|row| row.cell) != Some(files.cell) {
            return;
        }
        if !files.servers.is_empty() {
            self.commands = files.servers.iter().map(command).collect();
        }
        if !files.logs.is_empty() {
            self.logs = files.logs.into_iter().map(log).collect();
        }
        self.problems = files.problems;
        if self.requests != Requests::Known {
            self.set_requests(files.requests);
            if self.requests != Requests::Known {
                self.requests = Requests::Missing(if files.requests_kept {
                    NONE_OF_CELL
                } else {
                    NOT_KEPT
                });
            }
        }
    }

    /// The end of the log of each server of a cell that runs.
    pub fn set_live_logs(&mut self, logs: Vec<LogEnd>) {
        if self.row.is_none() {
            self.logs = logs.into_iter().map(log).collect();
        }
    }

    fn set_requests(&mut self, mut rows: Vec<RequestRow>) {
        if rows.is_empty() {
            return;
        }
        rows.sort_by(|a, b| a.due_s.total_cmp(&b.due_s));
        self.strip = RequestStrip::new(&rows);
        self.rows = rows;
        self.requests = Requests::Known;
        self.count();
    }

    fn count(&mut self) {
        let timing = self.timing;
        self.bins = histogram(self.rows.iter().filter_map(|row| timing.of(row)));
    }

    /// All of it as text.
    pub fn copy_text(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.title, self.state)];
        let pairs = |lines: &mut Vec<String>, pairs: &[(String, String)]| {
            lines.extend(pairs.iter().map(|(name, text)| format!("{name}\t{text}")));
        };
        pairs(&mut lines, &self.figures);
        lines.extend(self.about_intervals.iter().cloned());
        for column in &self.latencies {
            for (name, value) in column.lines() {
                lines.push(format!("{} {name}\t{value}", column.name));
            }
        }
        for line in &self.spread {
            lines.push(line.text(self.repeats));
        }
        pairs(&mut lines, &self.settings);
        pairs(&mut lines, &self.error_classes);
        lines.extend(self.error.iter().cloned());
        lines.extend(self.flags.iter().map(|(_, text)| text.clone()));
        for text in self.commands.iter().chain(&self.logs) {
            lines.push(format!("{}\n{}", text.title, text.text));
        }
        lines.join("\n") + "\n"
    }
}

fn command(server: &crate::engine::event::ServerProof) -> Text {
    Text {
        title: format!("Server {} on port {}", server.instance, server.port),
        text: shell_line(&server.command),
    }
}

fn log(log: LogEnd) -> Text {
    Text {
        title: log.name,
        text: log.text,
    }
}
