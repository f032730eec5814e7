//! Earlier runs: the library on the left, the opened run on the right.
//!
//! Everything shown is prepared when it changes (`set_*`, and `update` after a click); drawing
//! only reads it. Files are read by whoever carries out the actions, in a thread.

pub mod cell_table;
mod head;
mod list;
mod manage;
mod opened;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use egui::{CentralPanel, Frame, Margin, Panel, Ui};

use self::cell_table::{Ordered, Ordering};
use self::list::RunItem;
use self::opened::OpenedRun;
use crate::app::command::AppCommand;
use crate::app::reading::{Read, Wanted};
use crate::board::{Board, Layer};
use crate::report::chart::Chart;
use crate::store::library::{LoadedRun, RunSummary};
use crate::store::note::RunNote;
use crate::store::trash::Trashed;

/// What the page asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultsAction {
    /// Load this run and hand it to [`ResultsPage::set_opened`].
    Open(PathBuf),
    /// Let the user choose a file to open.
    OpenFile,
    /// Show the file in Finder.
    Reveal(PathBuf),
    /// Finish this run.
    Resume(PathBuf),
    /// Put this run beside others.
    Compare(PathBuf),
    CopyText(String),
    /// A command about the opened run.
    Command(AppCommand),
    /// Look through the results folder again.
    Refresh,
    /// Let the user choose another results folder.
    ChooseFolder,
    /// Keep this name and note of the run.
    Note(PathBuf, RunNote),
    /// Move the run to the trash; the user has agreed.
    Trash(PathBuf),
    /// Bring a run back from the trash.
    Restore(Trashed),
    /// Read this and hand it to [`ResultsPage::take`].
    Read(Wanted),
}

/// What stands on the right.
#[derive(Debug, Default)]
enum Shown {
    #[default]
    Nothing,
    /// Its file is being read.
    Opening(PathBuf),
    Run(Box<OpenedRun>),
    /// It could not be read, in words.
    Problem(PathBuf, String),
}

/// The page's state.
#[derive(Debug, Default)]
pub struct ResultsPage {
    /// `None` until the results folder was looked through.
    runs: Option<Vec<RunItem>>,
    /// Positions of the runs that the filter lets through.
    visible: Vec<usize>,
    /// Runs that came with the app.
    examples: Vec<RunItem>,
    /// Whether they are shown, where the user has said so.
    examples_open: Option<bool>,
    filter: String,
    shown: Shown,
    /// Why the results folder holds nothing, and what to do.
    folder_problem: Option<String>,
    dialog: Option<manage::Dialog>,
    /// Runs that were moved to the trash since the window opened.
    trashed: Vec<Trashed>,
}

impl ResultsPage {
    /// Takes the runs of the results folder, newest first.
    pub fn set_runs(&mut self, runs: Vec<RunSummary>) {
        self.runs = Some(runs.into_iter().map(RunItem::new).collect());
        self.apply_filter();
    }

    /// Takes the runs that came with the app; they stand under the others.
    pub fn set_examples(&mut self, runs: Vec<RunSummary>) {
        self.examples = runs.into_iter().map(RunItem::new).collect();
    }

    /// Why the results folder cannot be read; told in place of the list.
    pub fn set_folder_problem(&mut self, problem: Option<String>) {
        self.folder_problem = problem;
    }

    /// A run is gone to the trash, and can come back.
    pub fn set_trashed(&mut self, trashed: Trashed) {
        if self.selected() == Some(&trashed.csv) {
            self.shown = Shown::Nothing;
        }
        self.trashed.push(trashed);
    }

    /// A run came back.
    pub fn set_restored(&mut self, csv: &Path) {
        self.trashed.retain(|trashed| trashed.csv != csv);
    }

    /// No run is known, after the folder was looked through.
    pub fn is_empty(&self) -> bool {
        self.runs.as_ref().is_some_and(Vec::is_empty)
    }

    /// The heatmap's layer of the opened run.
    pub fn layer(&self) -> Option<Layer> {
        match &self.shown {
            Shown::Run(opened) => Some(opened.layer()),
            _ => None,
        }
    }

    pub fn set_layer(&mut self, layer: Layer) {
        if let Shown::Run(opened) = &mut self.shown {
            opened.set_layer(layer);
        }
    }

    /// Says that a run's file is being read.
    pub fn set_opening(&mut self, path: &Path) {
        self.shown = Shown::Opening(path.to_owned());
    }

    pub fn set_opened(&mut self, run: LoadedRun) {
        let board = Board::of_run(&run);
        self.set_prepared(run, board);
    }

    /// As [`ResultsPage::set_opened`], with the run's board: of a long file it takes a while, and is
    /// made beside its reading.
    pub fn set_prepared(&mut self, mut run: LoadedRun, board: Board) {
        // What another machine has left undone cannot be gone on with here.
        let mut examples = self.examples.iter();
        run.unfinished &= !examples.any(|example| example.is_of(&run.path));
        // Read again after it grew: what was chosen stays chosen.
        let before = match std::mem::take(&mut self.shown) {
            Shown::Run(opened) if opened.path() == run.path => Some(opened.into_choices()),
            _ => None,
        };
        self.shown = Shown::Run(Box::new(OpenedRun::new(run, board, before)));
    }

    /// Takes what was read, if it is of the run that is open.
    pub fn take(&mut self, read: Read) {
        if let Shown::Run(opened) = &mut self.shown
            && opened.path() == read.csv()
        {
            opened.take(read);
        }
    }

    /// Rows of the opened run that are to be sorted or filtered in the background, once.
    pub fn ordering(&mut self) -> Option<Ordering> {
        match &mut self.shown {
            Shown::Run(opened) => opened.ordering(),
            _ => None,
        }
    }

    /// Takes what came of that, if it is of the run that is open and was not cancelled.
    pub fn set_ordered(&mut self, ordered: Option<Ordered>) {
        if let Shown::Run(opened) = &mut self.shown
            && let Some(ordered) = ordered
            && opened.path() == ordered.csv()
        {
            opened.set_ordered(ordered);
        }
    }

    pub fn set_problem(&mut self, path: &Path, problem: String) {
        self.shown = Shown::Problem(path.to_owned(), problem);
    }

    /// The run that is selected, whether it is open yet or not.
    pub fn selected(&self) -> Option<&Path> {
        match &self.shown {
            Shown::Nothing => None,
            Shown::Opening(path) | Shown::Problem(path, _) => Some(path),
            Shown::Run(opened) => Some(opened.path()),
        }
    }

    /// The run that is open.
    pub fn run(&self) -> Option<&LoadedRun> {
        match &self.shown {
            Shown::Run(opened) => Some(opened.run()),
            _ => None,
        }
    }

    /// The selected cell's figures as two lines parted by tabs, to be pasted into a spreadsheet.
    pub fn copy_text(&self) -> Option<String> {
        match &self.shown {
            Shown::Run(opened) => opened.copy_text(),
            _ => None,
        }
    }

    /// The CSV of the opened run, and its chart as it is shown.
    pub fn exportable(&self) -> Option<(&Path, Option<Chart>)> {
        match &self.shown {
            Shown::Run(opened) => Some((opened.path(), opened.chart())),
            _ => None,
        }
    }

    /// The Filter command is for the table of cells; asked again there, it is for the list.
    fn table_wants_filter(&self, context: &egui::Context) -> bool {
        match &self.shown {
            Shown::Run(opened) => opened.table_wants_filter(context),
            _ => false,
        }
    }

    fn apply_filter(&mut self) {
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        let runs = self.runs.iter().flatten().enumerate();
        self.visible = runs
            .filter(|(_, run)| words.iter().all(|word| run.matches(word)))
            .map(|(position, _)| position)
            .collect();
    }
}

/// Draws the page and gives what the user asked for.
pub fn show(ui: &mut Ui, page: &mut ResultsPage) -> Vec<ResultsAction> {
    let mut actions = Vec::new();
    let fill = ui.visuals().panel_fill;
    // A small window leaves the run more than the list.
    let list = (ui.available_width() * 0.36).clamp(320.0, 400.0);
    Panel::left("results_list")
        .resizable(true)
        .default_size(list)
        .size_range(320.0..=560.0)
        .frame(Frame::new().fill(fill).inner_margin(Margin::ZERO))
        .show(ui, |ui| {
            let filter_changed = list::show(ui, page, &mut actions);
            if filter_changed {
                page.apply_filter();
            }
        });
    CentralPanel::default()
        .frame(Frame::new().fill(fill))
        .show(ui, |ui| match &mut page.shown {
            Shown::Nothing => quiet(ui, "Select a run to see its figures"),
            Shown::Opening(path) => quiet(ui, &format!("Opening {}...", file_name(path))),
            Shown::Problem(path, problem) => {
                Frame::NONE.inner_margin(opened::MARGIN).show(ui, |ui| {
                    ui.heading(file_name(path));
                    ui.add_space(8.0);
                    opened::banner(ui, problem);
                });
            }
            Shown::Run(opened) => {
                let asked = opened::show(ui, opened, &mut actions);
                page.dialog = asked.or(page.dialog.take());
            }
        });
    manage::show(ui, &mut page.dialog, &mut actions);
    if let Some(ResultsAction::Open(path)) = actions
        .iter()
        .find(|action| matches!(action, ResultsAction::Open(_)))
    {
        page.set_opening(path);
    }
    actions
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A line in the middle of an otherwise empty place.
fn quiet(ui: &mut Ui, text: &str) {
    ui.centered_and_justified(|ui| {
        ui.weak(text);
    });
}
