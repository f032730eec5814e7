//! An opened run: what it is, its heatmap, its table.

use std::path::Path;
use std::sync::Arc;

use egui::{
    Align, Button, Color32, Frame, Grid, Label, Layout, Margin, RichText, ScrollArea, Ui, vec2,
};
use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_PLAY_ARROW, ICON_WARNING};

use super::cell_table::{self, CellTable, Ordered, Ordering};
use super::manage::{self, Dialog};
use super::{ResultsAction, file_name, head};
use crate::app::cell_detail::CellDetail;
use crate::app::charts::lines::LinesPanel;
use crate::app::charts::pareto::ParetoPanel;
use crate::app::export;
use crate::app::heat_panel::HeatPanel;
use crate::app::pages::run::plots::Plots;
use crate::app::reading::{Read, Wanted};
use crate::app::theme::palette;
use crate::board::{Board, Layer};
use crate::report::chart::Chart;
use crate::store::library::{Fact, LoadedRun, kind_text};
use crate::store::row::CellRow;

/// Damaged lines that the details list; the file itself has the rest.
const MAX_DAMAGED: usize = 50;
/// Facts that stand beside the figures; the details have all.
const MAIN_FACTS: [&str; 12] = [
    "Saturation",
    "Most goodput",
    "Taxes",
    "Limits",
    "Model",
    "Chip",
    "Date",
    "Mode",
    "mlx-lm",
    "mlx",
    "Written by",
    "Ended",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tab {
    #[default]
    Heatmap,
    Lines,
    Pareto,
    Table,
    Machine,
    Cell,
    Details,
}

impl Tab {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Heatmap, "Heatmap"),
        (Self::Lines, "Lines"),
        (Self::Pareto, "Pareto"),
        (Self::Table, "Table"),
        (Self::Machine, "Machine"),
        (Self::Cell, "Cell"),
        (Self::Details, "Details"),
    ];
}

/// What the user chose to see of a run.
#[derive(Debug, Default)]
pub(super) struct Choices {
    tab: Tab,
    heat: HeatPanel,
    lines: LinesPanel,
    pareto: ParetoPanel,
    /// As long as the run is not open.
    table: cell_table::Asked,
}

/// A run with everything that is drawn of it.
#[derive(Debug)]
pub(super) struct OpenedRun {
    run: LoadedRun,
    board: Arc<Board>,
    title: String,
    main_facts: Vec<Fact>,
    best: Option<head::Best>,
    choices: Choices,
    table: CellTable,
    detail: CellDetail,
    machine: Machine,
}

/// The machine over the time of the run.
#[derive(Debug, Default)]
enum Machine {
    #[default]
    NotAsked,
    Reading,
    Plots(Box<Plots>),
    /// Why there are none.
    Missing(String),
}

/// Wider than this, the selected cell stands beside the charts; else it is a tab.
const WIDE: f32 = 780.0;

/// Of a search, where in its plan each measurement was, in their order; empty of other runs.
fn path(run: &LoadedRun) -> Vec<usize> {
    let plan = run.metadata.as_ref().map(|metadata| &metadata.plan);
    let Some(plan) = plan.filter(|plan| plan.tune.is_some()) else {
        return Vec::new();
    };
    let position = |row: &CellRow| plan.cells.iter().position(|cell| cell.index == row.cell);
    run.rows.iter().filter_map(|row| position(&row)).collect()
}

impl OpenedRun {
    pub(super) fn new(run: LoadedRun, board: Board, before: Option<Choices>) -> Self {
        let title = run.note.name.clone().unwrap_or_else(|| {
            let kind = run.kind.map(|kind| kind_text(kind).to_owned());
            kind.unwrap_or_else(|| file_name(&run.path))
        });
        let best = head::Best::of(&board);
        let mut choices = before.unwrap_or_default();
        choices.heat.update(&board);
        choices.heat.set_path(path(&run), &board);
        choices.lines.update(&board);
        choices.pareto.update(&board);
        let table = CellTable::of_run(&board, std::mem::take(&mut choices.table));
        let main_facts = MAIN_FACTS
            .iter()
            .filter_map(|name| run.facts.iter().find(|fact| fact.name == *name))
            .cloned()
            .collect();
        Self {
            run,
            board: Arc::new(board),
            title,
            main_facts,
            best,
            choices,
            table,
            detail: CellDetail::default(),
            machine: Machine::default(),
        }
    }

    pub(super) fn take(&mut self, read: Read) {
        match read {
            Read::Cell { files, .. } => self.detail.set_files(files),
            Read::Machine { file, .. } => {
                self.machine = match file {
                    Ok(Some(file)) => Machine::Plots(Box::new(Plots::of_file(&file, &self.board))),
                    Ok(None) => Machine::Missing(
                        "This run has no .machine.csv beside its results: other labs and files \
                         that were moved alone have none."
                            .to_owned(),
                    ),
                    Err(why) => Machine::Missing(format!("Its .machine.csv cannot be read: {why}")),
                };
            }
        }
    }

    /// What is to be read for what is shown, once.
    fn wanted(&mut self) -> Vec<Wanted> {
        self.detail
            .update(&self.board, self.choices.heat.selected, 0, None);
        let mut wanted: Vec<Wanted> = self.detail.wanted(&self.run.path).into_iter().collect();
        if self.choices.tab == Tab::Machine && matches!(self.machine, Machine::NotAsked) {
            self.machine = Machine::Reading;
            let csv = self.run.path.clone();
            wanted.push(Wanted::Machine { csv });
        }
        wanted
    }

    /// What is to be done in the background for the table.
    pub(super) fn ordering(&mut self) -> Option<Ordering> {
        self.table.ordering(&self.run.path, &self.board)
    }

    pub(super) fn set_ordered(&mut self, ordered: Ordered) {
        self.table.set_ordered(ordered);
    }

    pub(super) fn path(&self) -> &Path {
        &self.run.path
    }

    pub(super) fn run(&self) -> &LoadedRun {
        &self.run
    }

    /// The chart that is shown; where none is, the heatmap.
    pub(super) fn chart(&self) -> Option<Chart> {
        match self.choices.tab {
            Tab::Lines => self.choices.lines.chart(),
            Tab::Pareto => self.choices.pareto.chart(),
            _ => self.choices.heat.chart(),
        }
    }

    /// The table is shown, and its filter is not written into already.
    pub(super) fn table_wants_filter(&self, context: &egui::Context) -> bool {
        self.choices.tab == Tab::Table && !cell_table::filter_is_focused(context)
    }

    pub(super) fn into_choices(self) -> Choices {
        Choices {
            table: self.table.into_asked(),
            ..self.choices
        }
    }

    pub(super) fn layer(&self) -> Layer {
        self.choices.heat.layer()
    }

    pub(super) fn set_layer(&mut self, layer: Layer) {
        self.choices.heat.set_layer(layer, &self.board);
    }

    pub(super) fn copy_text(&self) -> Option<String> {
        let entry = self.choices.heat.selected?;
        Some(self.table.copy_text(&self.board, entry))
    }

    /// Figures in the order of the table's rows.
    #[cfg(test)]
    pub(super) fn figures_in_order(&self, layer: Layer) -> Vec<f64> {
        let order = self.table.order().into_iter();
        order
            .filter_map(|entry| self.board.value(entry, layer))
            .collect()
    }
}

/// Around everything but the selected cell, which has the whole height as on the Run page.
pub(super) const MARGIN: Margin = Margin::same(16);

/// Draws the run; gives the dialog that was asked for.
pub(super) fn show(
    ui: &mut Ui,
    opened: &mut OpenedRun,
    actions: &mut Vec<ResultsAction>,
) -> Option<Dialog> {
    let wide = ui.available_width() >= WIDE;
    if wide && opened.choices.heat.selected.is_some() {
        if opened.choices.tab == Tab::Cell {
            opened.choices.tab = Tab::Heatmap;
        }
        egui::Panel::right("results_detail")
            .resizable(true)
            .default_size(300.0)
            .size_range(260.0..=480.0)
            .frame(
                Frame::new()
                    .fill(palette(ui).surface)
                    .inner_margin(Margin::same(12)),
            )
            .show(ui, |ui| opened.detail.show(ui));
    }
    let asked = egui::CentralPanel::default()
        .frame(Frame::new().inner_margin(MARGIN))
        .show(ui, |ui| centre(ui, opened, actions, wide))
        .inner;
    actions.extend(opened.wanted().into_iter().map(ResultsAction::Read));
    asked
}

fn centre(
    ui: &mut Ui,
    opened: &mut OpenedRun,
    actions: &mut Vec<ResultsAction>,
    wide: bool,
) -> Option<Dialog> {
    let asked = title_row(ui, opened, actions);
    ui.add_space(10.0);
    head::summary(ui, opened.best.as_ref(), &opened.main_facts);
    if let Some(note) = &opened.run.note.note {
        ui.add_space(8.0);
        let colour = palette(ui).text_secondary;
        ui.add(Label::new(RichText::new(note).color(colour)).wrap());
    }
    if let Some(caution) = opened.run.caution {
        ui.add_space(8.0);
        banner(ui, caution);
    }
    for problem in &opened.run.problems {
        ui.add_space(8.0);
        banner(ui, problem);
    }
    ui.add_space(12.0);
    tabs(ui, opened, actions, wide);
    ui.add_space(6.0);
    let OpenedRun {
        table,
        board,
        choices,
        machine,
        detail,
        ..
    } = opened;
    let selected = &mut choices.heat.selected;
    match choices.tab {
        Tab::Heatmap => choices.heat.show(ui, board),
        Tab::Lines => choices.lines.show(ui, board, selected),
        Tab::Pareto => choices.pareto.show(ui, board, selected),
        Tab::Table => {
            let copied = table.show(ui, board, selected);
            actions.extend(copied.map(ResultsAction::CopyText));
        }
        Tab::Machine => match machine {
            Machine::Plots(plots) => plots.show(ui),
            Machine::Missing(why) => super::quiet(ui, why),
            Machine::NotAsked | Machine::Reading => super::quiet(ui, "Reading..."),
        },
        Tab::Cell if selected.is_some() => detail.show(ui),
        Tab::Cell => super::quiet(ui, "Select a cell to see everything known of it"),
        Tab::Details => details(ui, opened),
    }
    asked
}

fn title_row(ui: &mut Ui, opened: &OpenedRun, actions: &mut Vec<ResultsAction>) -> Option<Dialog> {
    let mut asked = None;
    let (title, path) = (&opened.title, &opened.run.path);
    let buttons = if opened.run.unfinished { 405.0 } else { 310.0 };
    let apart = head::needs(ui, title) > ui.available_width() - buttons;
    if apart {
        head::names(ui, title, path);
    }
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if opened.run.unfinished {
                let accent = ui.visuals().selection.bg_fill;
                let on_accent = ui.visuals().selection.stroke.color;
                let resume = Button::new((
                    ICON_PLAY_ARROW.rich_text().color(on_accent),
                    RichText::new("Resume").color(on_accent),
                ))
                .fill(accent);
                let resume = ui
                    .add(resume)
                    .on_hover_text("Run the cells that are left")
                    .accessible_name("Resume");
                if resume.clicked() {
                    actions.push(ResultsAction::Resume(opened.run.path.clone()));
                }
            }
            let compare = ui.button("Compare");
            if compare
                .on_hover_text("Add this run to the Compare page")
                .clicked()
            {
                actions.push(ResultsAction::Compare(opened.run.path.clone()));
            }
            actions.extend(export::menu(ui, None).map(ResultsAction::Command));
            if ui
                .button("Reveal")
                .on_hover_text("Show the file in its folder")
                .clicked()
            {
                actions.push(ResultsAction::Reveal(opened.run.path.clone()));
            }
            asked = manage::buttons(ui, &opened.run.path, &opened.title, &opened.run.note);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if apart {
                    head::file(ui, title, path);
                } else {
                    head::names(ui, title, path);
                }
            });
        });
    });
    asked
}

/// What to know before trusting a figure, on a tinted ground.
pub(super) fn banner(ui: &mut Ui, text: &str) {
    let warn = ui.visuals().warn_fg_color;
    Frame::new()
        .fill(tint(warn))
        .corner_radius(6)
        .inner_margin(Margin::symmetric(10, 7))
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(ICON_WARNING.rich_text().color(warn).size(16.0));
                ui.add(Label::new(text).wrap());
                ui.set_min_width(ui.available_width());
            });
        });
}

fn tint(color: Color32) -> Color32 {
    color.gamma_multiply(0.14)
}

fn tabs(ui: &mut Ui, opened: &mut OpenedRun, actions: &mut Vec<ResultsAction>, wide: bool) {
    ui.horizontal(|ui| {
        ui.scope(|ui| {
            if !wide {
                // There is one more, in less room.
                ui.spacing_mut().item_spacing.x = 2.0;
                ui.spacing_mut().button_padding.x = 6.0;
            }
            for (tab, name) in Tab::ALL {
                if wide && tab == Tab::Cell {
                    continue;
                }
                ui.selectable_value(&mut opened.choices.tab, tab, name);
            }
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if matches!(opened.choices.tab, Tab::Details | Tab::Machine | Tab::Cell) {
                return;
            }
            let in_table = opened.choices.tab == Tab::Table;
            // The table has one of its own.
            if !in_table && copy_row(ui, opened, wide).clicked() {
                actions.extend(opened.copy_text().map(ResultsAction::CopyText));
            }
        });
    });
}

fn copy_row(ui: &mut Ui, opened: &OpenedRun, wide: bool) -> egui::Response {
    let icon = ICON_CONTENT_COPY.rich_text();
    // In a narrow window the tabs need the room.
    let copy = if wide || ui.available_width() > 100.0 {
        Button::new((icon, "Copy row"))
    } else {
        Button::new(icon)
    };
    ui.add_enabled(opened.choices.heat.selected.is_some(), copy)
        .on_hover_text("Copy the selected cell's figures, to paste into a spreadsheet")
        .accessible_name("Copy row")
}

fn details(ui: &mut Ui, opened: &OpenedRun) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        Grid::new("run_facts")
            .num_columns(2)
            .spacing(vec2(24.0, 6.0))
            .show(ui, |ui| {
                for fact in &opened.run.facts {
                    ui.weak(fact.name);
                    ui.add(Label::new(&fact.value).wrap());
                    ui.end_row();
                }
                ui.weak("File");
                ui.add(Label::new(opened.run.path.display().to_string()).wrap());
                ui.end_row();
            });
        if !opened.run.notices.is_empty() {
            ui.add_space(14.0);
            ui.strong("Notices");
            for notice in &opened.run.notices {
                ui.add(Label::new(notice).wrap());
            }
        }
        if !opened.run.damaged.is_empty() {
            ui.add_space(14.0);
            ui.strong("Damaged lines");
            for damage in opened.run.damaged.iter().take(MAX_DAMAGED) {
                ui.add(Label::new(format!("Line {}: {}", damage.line, damage.what)).wrap());
            }
        }
    });
}
