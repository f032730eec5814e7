//! What a run would be: how large, how long, and the command lines.

use super::words::counted;
use crate::plan::commands::{server_starts, shell_line};
use crate::plan::estimate::{Estimate, Pace, estimate};
use crate::plan::{Plan, RunKind, TuneRule, finalists};
use crate::units::Secs;

/// Texts of the bar under the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// `144`; `9 to 12` where the run adds some, `up to 36` where it searches.
    pub cells: String,
    /// `12`
    pub server_starts: String,
    /// `25 min`
    pub time: String,
    /// All of it as a sentence or two, with what it rests on.
    pub details: String,
}

impl Summary {
    pub(super) fn of(plan: &Plan, pace: Pace) -> Self {
        let estimate = estimate(plan, pace);
        let added = match plan.kind {
            // Refining adds some around the best.
            RunKind::Quick => MOST_REFINED,
            _ => finalists::most(plan),
        };
        let cells = match added {
            _ if plan.search_sentence().is_some() => format!("about {}", estimate.cells),
            0 => estimate.cells.to_string(),
            added => format!("{} to {}", estimate.cells, estimate.cells + added),
        };
        if let Some(rule) = plan.tune {
            return Self::of_search(rule, &estimate);
        }
        let part = |seconds: f64, what: &str| format!("{} {what}", rounded(seconds));
        let details = format!(
            "{}, {} ({}). Estimated: {}, {}, {}{}. The first cells of a run correct the estimate.{}",
            counted(estimate.cells, "cell"),
            counted(estimate.server_starts, "server start"),
            processes(estimate.server_processes),
            part(estimate.load_s, "to load the model"),
            part(estimate.warmup_s, "to warm up"),
            part(estimate.measure_s, "to measure"),
            if estimate.pause_s > 0.0 {
                format!(", {}", part(estimate.pause_s, "of pauses"))
            } else {
                String::new()
            },
            plan.finalists_sentence()
                .map_or_else(String::new, |sentence| format!(" {sentence}")),
        );
        Self {
            cells,
            server_starts: estimate.server_starts.to_string(),
            time: rounded(estimate.total_s()),
            details,
        }
    }
}

impl Summary {
    /// The grid is known, and how much of it may be measured; which cells, only the run tells.
    fn of_search(rule: TuneRule, whole: &Estimate) -> Self {
        let share = f64::from(rule.most_cells) / f64::from(whole.cells.max(1));
        let by_cells_s = whole.total_s() * share.min(1.0);
        let most_s = rule.budget_s.map_or(by_cells_s, |s| s.min(by_cells_s));
        Self {
            cells: format!("up to {}", rule.most_cells),
            server_starts: format!("up to {}", rule.most_cells),
            time: rounded(most_s),
            details: format!(
                "{} Its leading cells are measured three times, each from a server start of its own. \
                 The first cells of the run correct the estimate.",
                rule.sentence()
            ),
        }
    }
}

/// Cells that `plan::quick::refine` adds at most.
const MOST_REFINED: u32 = 3;

fn processes(n: u32) -> String {
    match n {
        1 => "1 process".to_owned(),
        n => format!("{n} processes"),
    }
}

/// An estimate is not good to the second.
fn rounded(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{} s", (seconds / 5.0).ceil().max(1.0) * 5.0)
    } else if seconds < 3600.0 {
        format!("{} min", (seconds / 60.0).round())
    } else {
        Secs(seconds).to_string()
    }
}

/// The command of one server process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// `Cell 1, server 1`
    pub caption: String,
    pub line: String,
}

/// Stands for the interpreter while none is known.
const LAUNCHER: [&str; 4] = ["python", "-m", "mlx_lm", "server"];

pub(super) fn commands(plan: &Plan, launcher: Option<&[String]>) -> Vec<CommandLine> {
    let assumed;
    let launcher = if let Some(launcher) = launcher {
        launcher
    } else {
        assumed = LAUNCHER.map(str::to_owned);
        &assumed
    };
    server_starts(plan, &plan.cells, launcher)
        .iter()
        .map(|start| CommandLine {
            caption: format!("Cell {}, server {}", start.cell + 1, start.instance + 1),
            line: shell_line(&start.command),
        })
        .collect()
}

/// All commands, as they are copied.
pub(super) fn script(commands: &[CommandLine]) -> String {
    let mut text = String::new();
    for command in commands {
        text.push_str("# ");
        text.push_str(&command.caption);
        text.push('\n');
        text.push_str(&command.line);
        text.push('\n');
    }
    text
}

pub(super) fn commands_note(commands: &[CommandLine], launcher_known: bool) -> String {
    let mut note = processes(u32::try_from(commands.len()).unwrap_or(u32::MAX));
    if !launcher_known {
        note.push_str("; `python` stands for the Python that is not found yet");
    }
    note
}
