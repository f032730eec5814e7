//! Two to eight runs side by side: which cells they share, how far each is from the base, whether
//! that is more than noise, and what else differs that could explain it (measurement rules 4, 17).
//!
//! ```text
//! files ──▶ ComparedRun ──┐
//!           ComparedRun ──┴▶ Comparison ──▶ delta(cell, base, other, measure)
//!                              │             grid(x, y)   overlay(x, by, ..)
//!                              └▶ differences(): what, the value of each run, why it matters
//! ```
//! Reads whole files and looks at every row: make a [`Comparison`] in a thread of its own.

mod differences;
mod energy;
mod grid;
mod matching;
mod measure;
mod overlay;
pub mod render;
mod traits;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use differences::{Difference, Level};
pub use grid::{DifferenceGrid, GridGroup};
pub use matching::{AxisValues, MatchedCell, Side};
pub use measure::{Delta, Figure, Measure, Overlap, UnknownColumn, Verdict, percent_text};
pub use overlay::{Overlay, OverlayLine, OverlayPoint};

use crate::board::Board;
use crate::measure::interval::{Basis, ONE_WINDOW};
use crate::store::error::StoreError;
use crate::store::library::{self, LoadedRun};
use crate::store::machine::MachineRow;
use crate::store::read::Origin;
use crate::store::run_files::RunFiles;

/// More than these cannot be told apart by colour.
pub const MOST_RUNS: usize = 8;

/// Why a file cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "{} is not a results file: its columns are of no lab that is known here. Give the CSV of a run",
        .path.display()
    )]
    NotResults { path: PathBuf },
    #[error("{} has no finished cell, so there is nothing to compare", .path.display())]
    NoCells { path: PathBuf },
}

/// How the machine was powered while a run went on, as its telemetry has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Power {
    /// `ac`, `battery`.
    pub sources: BTreeSet<String>,
    pub low_power_modes: BTreeSet<bool>,
}

impl Power {
    /// Of the run whose telemetry this is; a file that is missing or damaged tells nothing.
    fn read(path: &Path) -> Self {
        let mut power = Self::default();
        let Ok(mut reader) = csv::ReaderBuilder::new().flexible(true).from_path(path) else {
            return power;
        };
        for row in reader.deserialize::<MachineRow>().flatten() {
            power.sources.extend(row.power_source);
            power.low_power_modes.extend(row.low_power_mode);
        }
        power
    }
}

/// A run with what a comparison needs of it.
#[derive(Debug)]
pub struct ComparedRun {
    pub run: LoadedRun,
    pub board: Board,
    pub power: Power,
    /// The file's name without its extension.
    pub name: String,
}

impl ComparedRun {
    /// Reads a run from its CSV (or its sidecar).
    ///
    /// # Errors
    /// The file cannot be read, is of no known lab, or holds no finished cell.
    pub fn load(path: &Path) -> Result<Self, CompareError> {
        let run = library::load(path)?;
        let path = || run.path.clone();
        if run.origin == Origin::Other {
            return Err(CompareError::NotResults { path: path() });
        }
        if run.rows.is_empty() {
            return Err(CompareError::NoCells { path: path() });
        }
        Ok(Self::new(run))
    }

    pub fn new(run: LoadedRun) -> Self {
        let name = run.path.file_stem().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            board: Board::of_run(&run),
            power: Power::read(&RunFiles::of(&run.path).machine()),
            run,
        }
    }
}

/// Runs with their cells matched. The first is the base, unless another is asked for.
#[derive(Debug)]
pub struct Comparison {
    runs: Vec<Arc<ComparedRun>>,
    names: Vec<String>,
    axes: Vec<AxisValues>,
    cells: Vec<MatchedCell>,
    differences: Vec<Difference>,
    /// One a run.
    metered: Vec<energy::Metered>,
}

impl Comparison {
    pub fn new(runs: Vec<Arc<ComparedRun>>) -> Self {
        let (axes, cells) = matching::matched(&runs);
        let differences = differences::between(&runs, &axes, &cells);
        Self {
            names: names(&runs),
            metered: runs.iter().map(|run| energy::Metered::of(run)).collect(),
            runs,
            axes,
            cells,
            differences,
        }
    }

    pub fn runs(&self) -> &[Arc<ComparedRun>] {
        &self.runs
    }

    /// One of each run, told apart by their folders where two files have one name.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What identifies a cell, in the order in which axes are shown.
    pub fn axes(&self) -> &[AxisValues] {
        &self.axes
    }

    /// Those that set cells apart; all where nothing does.
    pub fn shown_axes(&self) -> Vec<&AxisValues> {
        let varying: Vec<_> = self.axes.iter().filter(|axis| axis.varies()).collect();
        if varying.is_empty() {
            self.axes.iter().collect()
        } else {
            varying
        }
    }

    /// Every combination that any of the runs has, in ascending order of its coordinates.
    pub fn cells(&self) -> &[MatchedCell] {
        &self.cells
    }

    /// Combinations that more than one run has.
    pub fn shared(&self) -> usize {
        let shared = self.cells.iter().filter(|cell| cell.is_shared());
        shared.count()
    }

    /// Warnings first.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    pub fn warnings(&self) -> usize {
        let warns = |difference: &&Difference| difference.level == Level::Warning;
        self.differences.iter().filter(warns).count()
    }

    /// "decode concurrency 32, concurrency 8".
    pub fn label(&self, cell: &MatchedCell) -> String {
        let shown = self.shown_axes();
        let parts = shown
            .iter()
            .map(|axis| axis.dimension().with(cell.coordinate(axis)));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What a run shows in a cell, averaged over its valid repeats; `None` where it has none.
    pub fn figure(&self, cell: &MatchedCell, run: usize, measure: &Measure) -> Option<Figure> {
        let board = &self.runs.get(run)?.board;
        let members = &cell.sides.get(run)?.as_ref()?.members;
        Figure::of(
            board,
            members,
            |row| measure.value(row),
            |row| measure.interval(row),
        )
    }

    /// Why two of the runs may not be held against each other in this figure, as a sentence; `None`
    /// where all may.
    pub fn not_compared(&self, measure: &Measure) -> Option<&'static str> {
        let runs = 0..self.runs.len();
        runs.clone()
            .flat_map(|base| runs.clone().map(move |other| (base, other)))
            .find_map(|(base, other)| self.pair_not_compared(base, other, measure))
    }

    /// The same of two of the runs.
    pub fn pair_not_compared(
        &self,
        base: usize,
        other: usize,
        measure: &Measure,
    ) -> Option<&'static str> {
        let path = |run: usize| Some(&self.runs.get(run)?.run.path);
        if !measure.is_energy() || path(base) == path(other) {
            return None;
        }
        self.metered.get(base)?.apart(self.metered.get(other)?)
    }

    /// What the intervals of `measure` stand on, in a sentence; without any, that there are none.
    /// Where runs may not be compared in it, why.
    pub fn about_intervals(&self, measure: &Measure) -> &'static str {
        if let Some(why) = self.not_compared(measure) {
            return why;
        }
        let runs = 0..self.runs.len();
        let places = self.cells.iter();
        let places = places.flat_map(|cell| runs.clone().map(move |run| (cell, run)));
        let figures = places.filter_map(|(cell, run)| self.figure(cell, run, measure));
        let (mut repeated, mut one_window) = (false, false);
        for figure in figures.filter(|figure| figure.interval.is_some()) {
            match figure.basis() {
                Basis::Repeats(_) => repeated = true,
                Basis::OneWindow => one_window = true,
            }
        }
        match (repeated, one_window) {
            (false, false) => {
                "No interval: one repeat of each cell, without bounds, does not tell how far these \
                 figures spread."
            }
            (true, false) => "95 % intervals over repeats.",
            (false, true) => ONE_WINDOW,
            (true, true) => {
                "95 % intervals over repeats, or of a single one within its window: that leaves out \
                 what varies over minutes and between server starts."
            }
        }
    }

    /// How far `other` is from `base` in a cell; not told where the two may not be compared.
    pub fn delta(&self, cell: &MatchedCell, base: usize, other: usize, measure: &Measure) -> Delta {
        let delta = Delta::between(
            self.figure(cell, base, measure),
            self.figure(cell, other, measure),
        );
        match self.pair_not_compared(base, other, measure) {
            Some(why) => delta.forbidden(why),
            None => delta,
        }
    }
}

/// File names, with their folder in front where two are equal.
fn names(runs: &[Arc<ComparedRun>]) -> Vec<String> {
    let alike = |name: &str| runs.iter().filter(|run| run.name == name).count() > 1;
    let named = |run: &Arc<ComparedRun>| {
        let folder = run.run.path.parent().and_then(Path::file_name);
        match folder {
            Some(folder) if alike(&run.name) => {
                format!("{}/{}", folder.to_string_lossy(), run.name)
            }
            _ => run.name.clone(),
        }
    };
    runs.iter().map(named).collect()
}
