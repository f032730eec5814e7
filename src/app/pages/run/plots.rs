//! Figures over time, with spans that mark which cell ran.

use egui::{Id, ScrollArea, Ui};

use crate::app::run_state::{Metric, RunState};
use crate::app::theme::space;
use crate::app::widgets::time_plot::{TimePlot, TimeSeries, TimeSpan};
use crate::board::Board;

/// Plots from above to below: title, unit, what is drawn in it, and why it may be empty.
type Row = (&'static str, &'static str, fn(Metric) -> bool, &'static str);

const ROWS: [Row; 5] = [
    (
        "Throughput",
        "tokens/s",
        |m| m == Metric::TokensPerSecond,
        "Tokens are counted while a cell is measured with streaming on.",
    ),
    (
        "In flight",
        "requests",
        |m| m == Metric::InFlight,
        "Requests are counted while a cell is measured.",
    ),
    (
        "CPU and GPU",
        "%",
        |m| matches!(m, Metric::CpuPct | Metric::GpuPct),
        "The machine is looked at once a second.",
    ),
    (
        "Memory",
        "GB",
        |m| {
            matches!(
                m,
                Metric::MemoryGb | Metric::GpuMemoryGb | Metric::ServerMemoryGb(_)
            )
        },
        "The machine is looked at once a second.",
    ),
    (
        "Power",
        "W",
        |m| {
            matches!(
                m,
                Metric::GpuPowerW | Metric::CpuPowerW | Metric::SystemPowerW
            )
        },
        "This machine reports no power.",
    ),
];

/// What is drawn, prepared outside of drawing.
#[derive(Debug, Default)]
pub struct Plots {
    rows: Vec<Vec<TimeSeries>>,
    spans: Vec<TimeSpan>,
}

impl Plots {
    pub fn update(&mut self, state: &RunState, board: &Board) {
        self.rows = ROWS
            .iter()
            .map(|(_, _, belongs, _)| {
                state
                    .series()
                    .iter()
                    .filter(|(metric, _)| belongs(**metric))
                    .enumerate()
                    .map(|(colour, (metric, series))| {
                        let mut line = TimeSeries::new(metric.name(), colour);
                        for segment in series.segments() {
                            line.push(0.0, None);
                            for point in segment {
                                line.push(point.x, Some(point.y));
                            }
                        }
                        line
                    })
                    .collect()
            })
            .collect();
        let now_s = state.progress().elapsed_s.unwrap_or(0.0);
        self.spans = state
            .spans()
            .iter()
            .map(|span| TimeSpan {
                name: board.label(span.cell),
                start_s: span.start_s,
                end_s: span.end_s.unwrap_or(now_s),
            })
            .collect();
    }

    pub fn show(&self, ui: &mut Ui) {
        let group = Id::unique("run plots");
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for ((title, unit, _, empty), series) in ROWS.iter().zip(&self.rows) {
                TimePlot {
                    title,
                    unit,
                    series,
                    spans: &self.spans,
                    group,
                    height: 150.0,
                    empty,
                }
                .show(ui);
                ui.add_space(space::M);
            }
        });
    }
}
