//! A run about to be exported: its grid, its words, and the formats that it can take.

use std::collections::BTreeSet;
use std::path::Path;

use super::chart::{Caption, Chart, ChartError, Look};
use super::{html, json, markdown, png, spreadsheet};
use crate::board::{Board, Entry, Estimate, Layer};
use crate::measure::interval::ONE_WINDOW;
use crate::monitor::energy::EnergySource;
use crate::store::error::StoreError;
use crate::store::library::{LoadedRun, kind_text};
use crate::store::read::Origin;

/// What a run can be exported as; a file's extension says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Format {
    Html,
    Markdown,
    Json,
    Csv,
    Png,
    Svg,
}

impl Format {
    /// Without the point.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }

    /// As a file dialog names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "HTML report",
            Self::Markdown => "Markdown table",
            Self::Json => "JSON",
            Self::Csv => "CSV for spreadsheets",
            Self::Png => "PNG picture",
            Self::Svg => "SVG picture",
        }
    }

    /// By the extension of a file's name, in any case.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_lowercase();
        Some(match extension.as_str() {
            "html" | "htm" => Self::Html,
            "md" | "markdown" => Self::Markdown,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "png" => Self::Png,
            "svg" => Self::Svg,
            _ => return None,
        })
    }

    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Png | Self::Svg)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Chart(#[from] ChartError),
    #[error(
        "{0} is not a results file of a lab that is known here, so there is nothing to report. \
         `analyze --file` shows it, and `--out x.csv` copies its rows"
    )]
    NotKnown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the picture would be {width} × {height} pixels, which is too large. Show fewer cells, or export SVG"
    )]
    TooLarge { width: u32, height: u32 },
    #[error("cannot encode the {what}: {why}")]
    Encode { what: &'static str, why: String },
}

/// How a run is to be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub format: Format,
    /// Of a picture; the throughput heatmap where there is none.
    pub chart: Option<Chart>,
    /// Layers that an HTML report draws; empty for throughput and, where it was measured, TTFT.
    pub layers: Vec<Layer>,
    /// Of a picture: light on dark.
    pub dark: bool,
}

impl Wanted {
    pub const fn of(format: Format) -> Self {
        Self {
            format,
            chart: None,
            layers: Vec::new(),
            dark: false,
        }
    }
}

/// A run with what every format says of it.
#[derive(Debug)]
pub struct Document<'a> {
    pub run: &'a LoadedRun,
    pub board: Board,
    /// "Full sweep"; the file's name where the kind is not known.
    pub title: String,
}

impl<'a> Document<'a> {
    pub fn new(run: &'a LoadedRun) -> Self {
        let title = match run.kind {
            Some(kind) => kind_text(kind).to_owned(),
            None => file_name(&run.path),
        };
        Self {
            run,
            board: Board::of_run(run),
            title,
        }
    }

    pub fn file_name(&self) -> String {
        file_name(&self.run.path)
    }

    pub fn fact(&self, name: &str) -> Option<&str> {
        let found = self.run.facts.iter().find(|fact| fact.name == name)?;
        Some(&found.value)
    }

    /// "Full sweep of synthetic:tiny".
    pub fn headline(&self) -> String {
        match self.fact("Model") {
            Some(model) => format!("{} of {model}", self.title),
            None => self.title.clone(),
        }
    }

    /// Chip, versions, date and the app's version: what a figure is worth nothing without.
    pub fn origin_line(&self) -> String {
        let with_name = |name: &str| Some(format!("{name} {}", self.fact(name)?));
        let parts = [
            self.fact("Chip").map(str::to_owned),
            with_name("mlx-lm"),
            with_name("mlx"),
            self.fact("Date").map(str::to_owned),
            Some(match self.run.origin {
                Origin::Ours => {
                    let version = self.fact("App").unwrap_or(env!("CARGO_PKG_VERSION"));
                    format!("MLX Throughput Lab {version}")
                }
                _ => format!(
                    "written by: {}",
                    self.fact("Written by").unwrap_or("another lab")
                ),
            }),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// "1,454.3 tokens/s at concurrency 32, decode concurrency 16".
    pub fn best(&self) -> Option<String> {
        let best = self.board.best()?;
        let estimate = self.best_estimate();
        let interval = estimate.and_then(|estimate| estimate.interval);
        let figure = Layer::Throughput.with_interval(best.throughput_tps, interval);
        Some(format!("{figure} at {}", self.board.best_place()?))
    }

    /// The best combination's throughput over its repeats.
    pub fn best_estimate(&self) -> Option<Estimate> {
        let best = self.board.best()?;
        let members = self.board.repeats(best.entry);
        self.board.estimate(members, Layer::Throughput)
    }

    /// What the ± and ranges in tables are; `None` where no cell has one.
    pub fn about_intervals(&self) -> Option<String> {
        let mut rows = self.run.rows.iter();
        let any = rows.any(|row| Layer::Throughput.interval(&row).is_some());
        any.then(|| format!("±: {ONE_WINDOW}"))
    }

    /// What the energy was read from; `None` where no cell has any.
    pub fn about_energy(&self) -> Option<String> {
        // Rows of a long run are read from its text: not for nothing.
        if !self.board.layers().contains(&Layer::Energy) {
            return None;
        }
        let rows = self.run.rows.iter();
        let sources: BTreeSet<EnergySource> = rows.filter_map(|row| row.energy_source).collect();
        let names: Vec<&str> = sources.into_iter().map(EnergySource::name).collect();
        Some(format!(
            "Energy: of the {} over the measured window, for each completion token. Not to be ranked \
             against other machines or other meters.",
            names.join(", then of the ")
        ))
    }

    /// "23 of 24 cells measured", where some are not.
    pub fn missing(&self) -> Option<String> {
        let all = self.board.len();
        let with_row = self.board.entries().filter(Entry::has_row);
        let measured = with_row.count();
        (measured < all).then(|| format!("{measured} of {all} cells have been measured so far"))
    }

    pub fn caption(&self) -> Caption {
        Caption {
            title: self.headline(),
            subtitle: self.origin_line(),
        }
    }

    /// The bytes of the file that is wanted.
    ///
    /// # Errors
    /// The run has nothing that this format could show, or cannot be read again.
    pub fn render(&self, wanted: &Wanted) -> Result<Vec<u8>, ReportError> {
        if self.run.origin == Origin::Other && wanted.format != Format::Csv {
            return Err(ReportError::NotKnown(self.file_name()));
        }
        let picture = || {
            let chart = match &wanted.chart {
                Some(chart) => chart.clone(),
                None => {
                    Chart::heatmap(&self.board, Layer::Throughput).ok_or(ChartError::NoCells)?
                }
            };
            chart.draw(&self.board, Look::of(wanted.dark), Some(&self.caption()))
        };
        Ok(match wanted.format {
            Format::Html => html::page(self, &wanted.layers).into_bytes(),
            Format::Markdown => markdown::table(self).into_bytes(),
            Format::Json => json::document(self)?,
            Format::Svg => picture()?.file().into_bytes(),
            Format::Png => png::render(&picture()?)?,
            Format::Csv => spreadsheet::copy(&self.run.path)?,
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
