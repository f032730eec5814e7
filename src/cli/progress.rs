//! How far a run is, on standard error: a bar on a terminal, one line a cell in a pipe.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::event::{CellResult, EngineEvent, LiveSnapshot, NoticeLevel, SearchNews};
use crate::measure::best::{Measured, rank_measured};
use crate::plan::tune::Purpose;
use crate::plan::{Cell, LoadPoint, ServerPoint};
use crate::session::cells::Earlier;
use crate::units::{Secs, TokensPerSec};

/// Folds events into progress.
pub struct Progress {
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    /// Every valid cell.
    measured: Vec<Measured<(ServerPoint, LoadPoint)>>,
    /// Tokens per second of the best combination over its repeats.
    best_tps: Option<f64>,
    left_s: Option<f64>,
    /// A reference cell is measured, not a cell of the run.
    again: bool,
    /// Why the running cell of a search was chosen.
    purpose: Option<Purpose>,
}

impl Progress {
    /// Of a run of which `earlier` was measured by earlier starts.
    pub fn after(earlier: &Earlier) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let mut this = Self {
            bar,
            measured: earlier.measured().map(owned).collect(),
            best_tps: None,
            left_s: None,
            again: false,
            purpose: None,
        };
        this.rank();
        this
    }

    fn rank(&mut self) {
        let ranking = rank_measured(&self.measured);
        self.best_tps = ranking.map(|ranking| ranking.repeats.mean);
    }

    pub fn apply(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::RunStarted {
                plan, already_done, ..
            } => {
                if let Some(bar) = &self.bar {
                    bar.set_length(plan.cells.len() as u64);
                    bar.set_position(u64::from(*already_done));
                }
            }
            EngineEvent::Notice { level, text } => self.say(&match level {
                NoticeLevel::Info => format!("note: {text}"),
                NoticeLevel::Warning => format!("warning: {text}"),
                NoticeLevel::Problem => format!("problem: {text}"),
            }),
            EngineEvent::ServerStarting { instance, port, .. } => {
                self.show(&format!("starting server {instance} on port {port}"));
            }
            EngineEvent::CellStarted { cell, total, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_length(u64::from(*total));
                }
                self.show(&self.with_purpose(cell));
            }
            EngineEvent::CoolingDown { repeat, of, .. } => {
                self.show(&format!("cooling down, repeat {repeat} of {of}"));
            }
            EngineEvent::CooledDown { .. } => self.show("measuring again"),
            EngineEvent::ReferenceStarted { cell } => {
                self.again = true;
                let text = format!("measuring {cell} again: is the machine still the same?");
                match &self.bar {
                    Some(_) => self.show(&text),
                    None => say!("reference {text}"),
                }
            }
            // A notice has told of it.
            EngineEvent::ReferenceMeasured { .. } | EngineEvent::ReferenceLost { .. } => {
                self.again = false;
            }
            EngineEvent::CellFinished {
                result,
                done,
                total,
                elapsed_s,
                left_s,
            } => {
                self.left_s = *left_s;
                self.finished(result);
                if let Some(bar) = &self.bar {
                    bar.set_length(u64::from(*total));
                    bar.set_position(u64::from(*done));
                } else {
                    let purpose = self.purpose.map(|purpose| format!(" {purpose}"));
                    say!(
                        "{}{}",
                        line(result, *done, *total, *elapsed_s, *left_s),
                        purpose.unwrap_or_default()
                    );
                }
            }
            EngineEvent::RunFinished { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            EngineEvent::Search(SearchNews::Next { purpose, .. }) => {
                self.purpose = Some(*purpose);
            }
            EngineEvent::ServerReady { .. }
            | EngineEvent::ServerStopped { .. }
            | EngineEvent::BalancerStarted { .. }
            | EngineEvent::PlanExtended { .. }
            | EngineEvent::Search(SearchNews::Ended { .. })
            | EngineEvent::Machine(_) => {}
        }
    }

    /// The running cell's figure so far; shown on a terminal only.
    pub fn live(&self, live: &LiveSnapshot) {
        if let (Some(_), Some(cell)) = (&self.bar, &live.cell) {
            let rate = live
                .tokens_per_second
                .map_or_else(String::new, |tps| format!(", now {}", TokensPerSec(tps)));
            let again = if self.again { " again" } else { "" };
            let cell = self.with_purpose(cell);
            self.show(&format!(
                "{cell}{again}: {} in flight{rate}",
                live.in_flight
            ));
        }
    }

    /// "improving: instances=1 ..." in a search.
    fn with_purpose(&self, cell: &Cell) -> String {
        match self.purpose {
            Some(purpose) if !self.again => format!("{purpose}: {cell}"),
            _ => cell.to_string(),
        }
    }

    fn finished(&mut self, result: &CellResult) {
        if let Some(measured) = result.measurement() {
            self.measured.push(owned(measured));
            self.rank();
        }
        if let Some(error) = &result.error {
            self.say(&format!("error {}: {error}", result.cell));
        }
        if let Some(tail) = &result.log_tail {
            self.say(&format!("the server's log ends with:\n{}", indented(tail)));
        }
        for flag in &result.flags {
            self.say(&format!("{} {}: {}", flag.kind, result.cell, flag.detail));
        }
    }

    fn show(&self, what: &str) {
        if let Some(bar) = &self.bar {
            let mut message = String::new();
            if let Some(left_s) = self.left_s {
                let _ = write!(message, "{} left, ", Secs(left_s));
            }
            if let Some(best) = self.best_tps {
                let _ = write!(message, "best {}, ", TokensPerSec(best));
            }
            bar.set_message(message + what);
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say!("{text}")),
            None => say!("{text}"),
        }
    }
}

fn owned(measured: Measured<(&ServerPoint, &LoadPoint)>) -> Measured<(ServerPoint, LoadPoint)> {
    let (point, load) = measured.combination;
    Measured {
        combination: (point.clone(), load.clone()),
        throughput_tps: measured.throughput_tps,
        within: measured.within,
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{pos}/{len} [{bar:24}] {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// `progress 3/144 (2.1%) elapsed=35.2s last=instances=1 ... concurrency=4 left=1654.0s`
fn line(result: &CellResult, done: u32, total: u32, elapsed_s: f64, left_s: Option<f64>) -> String {
    let percent = f64::from(done) / f64::from(total.max(1)) * 100.0;
    let left = left_s.map_or_else(String::new, |left_s| format!(" left={left_s:.1}s"));
    format!(
        "progress {done}/{total} ({percent:.1}%) elapsed={elapsed_s:.1}s last={}{left}",
        result.cell
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Balancer, Cell};

    #[test]
    fn the_line_of_a_pipe_is_the_python_labs_with_the_time_left_behind() {
        let cell = Cell {
            index: 2,
            point: ServerPoint {
                instances: 1,
                decode_concurrency: Some(8),
                prompt_concurrency: Some(2),
                flags: Vec::new(),
            },
            load: LoadPoint {
                concurrency: 4,
                requests: None,
                max_tokens: 128,
                prompt_tokens: None,
                request_rate: None,
                delivery: None,
            },
            repeat: 1,
        };
        let result = CellResult::begin(cell, Balancer::Direct);
        assert_eq!(
            line(&result, 3, 144, 35.24, None),
            "progress 3/144 (2.1%) elapsed=35.2s last=instances=1 decode_concurrency=8 \
             prompt_concurrency=2 concurrency=4"
        );
        assert!(line(&result, 3, 144, 35.24, Some(60.0)).ends_with("concurrency=4 left=60.0s"));
    }
}
