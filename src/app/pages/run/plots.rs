//! Figures over time, with spans that mark which cell ran: of a live run, or from a run's files.

use std::collections::BTreeMap;

use egui::{Id, ScrollArea, Ui};

use crate::app::run_state::{Metric, RunState, Series, take_sample};
use crate::app::theme::{self, space};
use crate::app::widgets::time_plot::{TimePlot, TimeSeries, TimeSpan};
use crate::board::Board;
use crate::store::machine_file::MachineFile;

/// Plots from above to below: title, unit, and what is drawn in it.
type Row = (&'static str, &'static str, fn(Metric) -> bool);

const ROWS: [Row; 8] = [
    ("Throughput", "tokens/s", |m| m == Metric::TokensPerSecond),
    ("In flight", "requests", |m| m == Metric::InFlight),
    ("GPU", "%", |m| m == Metric::GpuPct),
    ("Power", "W", |m| {
        matches!(
            m,
            Metric::GpuPowerW | Metric::CpuPowerW | Metric::SystemPowerW
        )
    }),
    ("GPU clock", "MHz", |m| m == Metric::GpuClockMhz),
    ("Memory", "GB", |m| {
        matches!(
            m,
            Metric::MemoryGb | Metric::GpuMemoryGb | Metric::ServerMemoryGb(_)
        )
    }),
    ("CPU", "%", |m| m == Metric::CpuPct),
    ("Temperature", "°C", |m| {
        matches!(m, Metric::GpuTemperatureC | Metric::CpuTemperatureC)
    }),
];

/// Sensors that a machine may lack, as they are named in the middle of a sentence.
const SENSORS: [(Metric, &str); 6] = [
    (Metric::GpuPct, "GPU load"),
    (Metric::GpuPowerW, "GPU power"),
    (Metric::GpuClockMhz, "GPU clock"),
    (Metric::GpuTemperatureC, "GPU temperature"),
    (Metric::CpuTemperatureC, "CPU temperature"),
    (Metric::SystemPowerW, "system power"),
];

/// What is drawn, prepared outside of drawing.
#[derive(Debug, Default)]
pub struct Plots {
    /// Position in [`ROWS`]; those without a reading are left out.
    rows: Vec<(usize, Vec<TimeSeries>)>,
    spans: Vec<TimeSpan>,
    all_s: (f64, f64),
    /// Sensors that this machine lacks, in a sentence.
    missing: Option<String>,
    /// How many cells the run had when its spans were named.
    cells: usize,
}

impl Plots {
    pub fn update(&mut self, state: &RunState) {
        let (now_s, board) = (state.progress().elapsed_s.unwrap_or(0.0), state.board());
        // Spans only follow each other, and keep their names as long as no cells are added.
        let mut named = std::mem::take(&mut self.spans);
        if self.cells != board.len() {
            named.clear();
        }
        let mut named = named.into_iter().map(|span| span.name);
        let spans = state.spans().iter().map(|span| TimeSpan {
            name: named.next().unwrap_or_else(|| board.label(span.cell)),
            start_s: span.start_s,
            end_s: span.end_s.unwrap_or(now_s),
        });
        *self = Self {
            cells: board.len(),
            ..Self::new(state.series(), spans.collect())
        };
    }

    /// The machine over the time of a run that was read from its files.
    pub fn of_file(file: &MachineFile, board: &Board) -> Self {
        let mut series = BTreeMap::new();
        for sample in &file.samples {
            take_sample(&mut series, sample);
        }
        let entries = board.entries().enumerate();
        let mut spans: Vec<TimeSpan> = entries
            .filter_map(|(position, entry)| {
                let row = entry.row()?;
                Some(TimeSpan {
                    name: board.label(position),
                    start_s: file.at_s(row.started_at?)?,
                    end_s: file.at_s(row.ended_at?)?,
                })
            })
            .collect();
        spans.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        Self::new(&series, spans)
    }

    fn new(series: &BTreeMap<Metric, Series>, spans: Vec<TimeSpan>) -> Self {
        let rows = ROWS
            .iter()
            .enumerate()
            .filter_map(|(row, (_, _, belongs))| {
                let lines: Vec<TimeSeries> = series
                    .iter()
                    .filter(|(metric, _)| belongs(**metric))
                    .enumerate()
                    .map(|(colour, (metric, series))| line(*metric, series, colour))
                    .collect();
                (!lines.is_empty()).then_some((row, lines))
            });
        let segments = || series.values().flat_map(Series::segments);
        let firsts = segments().filter_map(|s| s.first().map(|point| point.x));
        let firsts = firsts.chain(spans.iter().map(|span| span.start_s));
        let lasts = segments().filter_map(|s| s.last().map(|point| point.x));
        let lasts = lasts.chain(spans.iter().map(|span| span.end_s));
        Self {
            rows: rows.collect(),
            all_s: (firsts.fold(0.0, f64::min), lasts.fold(1.0, f64::max)),
            missing: missing(series),
            spans,
            cells: 0,
        }
    }

    pub fn show(&self, ui: &mut Ui) {
        let group = Id::unique("run plots");
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if self.rows.is_empty() {
                theme::caption(ui, "The first reading comes within a second of the start.");
            }
            for (row, series) in &self.rows {
                let (title, unit, _) = &ROWS[*row];
                TimePlot {
                    title,
                    unit,
                    series,
                    spans: &self.spans,
                    group,
                    all_s: self.all_s,
                    height: 150.0,
                    empty: "No reading yet.",
                }
                .show(ui);
                ui.add_space(space::M);
            }
            if let Some(missing) = &self.missing {
                theme::caption(ui, missing);
            }
        });
    }
}

fn line(metric: Metric, series: &Series, colour: usize) -> TimeSeries {
    let mut line = TimeSeries::new(metric.name(), colour);
    for segment in series.segments() {
        line.push(0.0, None);
        for point in segment {
            line.push(point.x, Some(point.y));
        }
    }
    line
}

/// "No GPU power and no GPU clock sensor on this machine"; `None` before anything was read of it.
fn missing(series: &BTreeMap<Metric, Series>) -> Option<String> {
    if !series.contains_key(&Metric::MemoryGb) && !series.contains_key(&Metric::CpuPct) {
        return None;
    }
    let lacking: Vec<&str> = SENSORS
        .iter()
        .filter(|(metric, _)| !series.contains_key(metric))
        .map(|(_, name)| *name)
        .collect();
    let (last, others) = lacking.split_last()?;
    let named = match others {
        [] => (*last).to_owned(),
        others => format!("{} or {last}", others.join(", ")),
    };
    Some(format!("No {named} sensor on this machine."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::sample::MachineSample;
    use crate::units::Bytes;

    fn read(sample: &MachineSample) -> BTreeMap<Metric, Series> {
        let mut series = BTreeMap::new();
        take_sample(&mut series, sample);
        series
    }

    #[test]
    fn sensors_that_the_machine_lacks_are_named_and_not_drawn() {
        let sample = MachineSample {
            at_s: 12.0,
            cpu: Some(0.5),
            memory_used: Some(Bytes(1_000_000_000)),
            gpu: Some(0.25),
            gpu_power_w: Some(9.0),
            gpu_temperature_c: Some(40.0),
            cpu_temperature_c: Some(50.0),
            ..MachineSample::default()
        };
        let plots = Plots::new(&read(&sample), Vec::new());
        let expected = "No GPU clock or system power sensor on this machine.";
        assert_eq!(plots.missing.as_deref(), Some(expected));
        let titles: Vec<&str> = plots.rows.iter().map(|(row, _)| ROWS[*row].0).collect();
        assert_eq!(titles, ["GPU", "Power", "Memory", "CPU", "Temperature"]);
        assert_eq!(plots.all_s, (0.0, 12.0));
    }

    #[test]
    fn nothing_is_said_to_be_missing_before_the_first_reading() {
        assert_eq!(missing(&BTreeMap::new()), None);
    }
}
