//! The Run page: the form on the left, the run in the middle, the selected cell on the right.

pub mod form;
mod header;
mod log;
pub(super) mod plots;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tuning_tests;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{CentralPanel, Frame, Margin, Panel, Ui};
use egui_material_icons::icons::ICON_GRID_VIEW;

use self::form::{FormAction, FormModel};
use crate::app::cell_detail::CellDetail;
use crate::app::charts::lines::LinesPanel;
use crate::app::charts::pareto::ParetoPanel;
use crate::app::command::AppCommand;
use crate::app::heat_panel::HeatPanel;
use crate::app::live_logs::Lines;
use crate::app::pages::results::cell_table::CellTable;
use crate::app::reading::{Read, Wanted};
use crate::app::run_state::RunState;
use crate::app::theme::{self, palette, space};
use crate::board::Layer;
use crate::report::chart::Chart;

/// What the user did on the page.
#[derive(Debug)]
pub enum RunAction {
    Form(FormAction),
    Command(AppCommand),
    Read(Wanted),
    CopyText(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Tab {
    #[default]
    Heatmap,
    Lines,
    Pareto,
    Cells,
    Plots,
    /// The selected cell, where there is no room for it beside the others.
    Cell,
    Log,
}

/// What the run needs for the selected cell beside it.
const WIDE: f32 = 720.0;

impl Tab {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Heatmap, "Heatmap"),
        (Self::Lines, "Lines"),
        (Self::Pareto, "Pareto"),
        (Self::Cells, "Cells"),
        (Self::Plots, "Plots"),
        (Self::Cell, "Cell"),
        (Self::Log, "Log"),
    ];
}

/// A run that goes on, or has ended and is still in sight.
pub struct RunView {
    pub state: RunState,
    pub paused: bool,
    /// It was asked to end; its servers are being ended.
    pub stopping: bool,
    /// Its results file; `None` until the engine has taken it on.
    pub csv: Option<PathBuf>,
    /// What was not prepared from the present state yet.
    stale: HashSet<Tab>,
    /// The state's revision that everything below was prepared from.
    revision: Option<u64>,
    heat: HeatPanel,
    lines: LinesPanel,
    pareto: ParetoPanel,
    table: CellTable,
    plots: plots::Plots,
    log: log::LogView,
    detail: CellDetail,
    tab: Tab,
}

impl RunView {
    pub fn new(state: RunState) -> Self {
        let table = CellTable::new(state.board());
        let mut view = Self {
            state,
            paused: false,
            stopping: false,
            csv: None,
            stale: HashSet::new(),
            revision: None,
            heat: HeatPanel::default(),
            lines: LinesPanel::default(),
            pareto: ParetoPanel::default(),
            table,
            plots: plots::Plots::default(),
            log: log::LogView::default(),
            detail: CellDetail::default(),
            tab: Tab::default(),
        };
        view.update();
        view
    }

    /// Prepares what is drawn; call it after events were folded in.
    pub fn update(&mut self) {
        if self.revision != Some(self.state.revision()) {
            self.revision = Some(self.state.revision());
            self.heat.update(self.state.board());
            // What is copied of a cell needs no other tab to be shown.
            self.table.update_columns(self.state.board());
            self.stale.extend([Tab::Lines, Tab::Pareto, Tab::Cells]);
        }
        self.stale.extend([Tab::Plots, Tab::Log]);
        self.prepare_tab();
        let live = self.state.live_snapshot().tokens_per_second;
        self.heat.set_live(live);
        let again = self.state.reference().map(|cell| (cell, live));
        self.heat.set_again(again, self.state.board());
        self.heat
            .set_path(self.state.path().to_vec(), self.state.board());
        self.update_detail();
    }

    /// What hidden tabs show is left as it was: with ten thousand cells, all of them together take
    /// longer than a frame.
    fn prepare_tab(&mut self) {
        if !self.stale.remove(&self.tab) {
            return;
        }
        let board = self.state.board();
        match self.tab {
            Tab::Lines => self.lines.update(board),
            Tab::Pareto => self.pareto.update(board),
            Tab::Cells => self.table.update(board),
            Tab::Log => self.log.update(self.state.log()),
            _ => self.plots.update(&self.state),
        }
    }

    /// The chart that is shown; where none is, the heatmap.
    pub fn chart(&self) -> Option<Chart> {
        match self.tab {
            Tab::Lines => self.lines.chart(),
            Tab::Pareto => self.pareto.chart(),
            _ => self.heat.chart(),
        }
    }

    /// The selected cell's figures as two lines parted by tabs, to be pasted into a spreadsheet.
    pub fn copy_text(&self) -> Option<String> {
        let board = self.state.board();
        Some(self.table.copy_text(board, self.heat.selected?))
    }

    pub fn layer(&self) -> Layer {
        self.heat.layer()
    }

    pub fn set_layer(&mut self, layer: Layer) {
        self.heat.set_layer(layer, self.state.board());
    }

    /// Shows the log, unless another tab with a filter is shown.
    pub fn show_filter(&mut self) {
        if self.tab != Tab::Cells {
            self.tab = Tab::Log;
        }
    }

    fn update_detail(&mut self) {
        let selected = self.heat.selected;
        let result = selected.and_then(|cell| self.state.result(cell));
        let result = result.map(Arc::as_ref);
        let revision = self.state.revision();
        let board = self.state.board();
        self.detail.update(board, selected, revision, result);
        if selected.is_some() && selected == self.state.running() {
            let logs = log::server_ends(self.state.log());
            self.detail.set_live_logs(logs);
        }
    }

    /// Takes new lines of its servers' and nginx's logs.
    pub fn log_lines(&mut self, lines: &[Lines]) {
        for (source, lines) in lines {
            for line in lines {
                self.state.log_line(*source, line);
            }
        }
        self.stale.insert(Tab::Log);
        self.prepare_tab();
        self.update_detail();
    }

    /// Takes what was read of this run's files.
    pub fn take(&mut self, read: &Read) {
        if let Read::Cell { files, .. } = read {
            self.detail.set_files(files.clone());
        }
    }
}

/// Draws the page over all of `ui`. Where there is no run to show, `empty` may draw something in its
/// place; it says whether it did.
pub fn show(
    ui: &mut Ui,
    form: &mut FormModel,
    run: Option<&mut RunView>,
    empty: &mut dyn FnMut(&mut Ui) -> bool,
) -> Vec<RunAction> {
    let mut actions = Vec::new();
    let fill = palette(ui).surface;
    Panel::left("run_form")
        .exact_size(form::WIDTH)
        .resizable(false)
        .frame(Frame::new().fill(fill))
        .show(ui, |ui| {
            actions.extend(form::show(ui, form).into_iter().map(RunAction::Form));
        });
    let Some(run) = run else {
        CentralPanel::default().show(ui, |ui| {
            if empty(ui) {
                return;
            }
            theme::empty_state(
                ui,
                ICON_GRID_VIEW,
                "Which settings are fastest on this machine?",
                "Choose a model and a kind of run on the left, then press Start. Without a model of \
                 your own, a small synthetic one is made in a moment.",
            );
        });
        return actions;
    };
    let wide = ui.available_width() >= WIDE;
    if wide && run.tab == Tab::Cell {
        run.tab = Tab::default();
    }
    if wide && run.heat.selected.is_some() {
        Panel::right("run_detail")
            .resizable(true)
            .default_size(300.0)
            .size_range(260.0..=480.0)
            .frame(
                Frame::new()
                    .fill(fill)
                    .inner_margin(Margin::same(space::M as i8)),
            )
            .show(ui, |ui| run.detail.show(ui));
    }
    CentralPanel::default().show(ui, |ui| {
        actions.extend(header::show(ui, run).into_iter().map(RunAction::Command));
        ui.add_space(space::S);
        tabs(ui, &mut run.tab, wide);
        run.prepare_tab();
        ui.add_space(space::S);
        let before = run.heat.selected;
        let board = run.state.board();
        match run.tab {
            Tab::Heatmap => run.heat.show(ui, board),
            Tab::Lines => run.lines.show(ui, board, &mut run.heat.selected),
            Tab::Pareto => run.pareto.show(ui, board, &mut run.heat.selected),
            Tab::Cells => {
                let copied = run.table.show(ui, board, &mut run.heat.selected);
                actions.extend(copied.map(RunAction::CopyText));
            }
            Tab::Plots => run.plots.show(ui),
            Tab::Cell if run.heat.selected.is_some() => run.detail.show(ui),
            Tab::Cell => theme::empty_state(
                ui,
                ICON_GRID_VIEW,
                "No cell is selected",
                "Click one in the heatmap to see everything known of it.",
            ),
            Tab::Log => run.log.show(ui, run.state.log()),
        }
        if before != run.heat.selected {
            run.update_detail();
        }
    });
    if let Some(csv) = &run.csv {
        actions.extend(run.detail.wanted(csv).map(RunAction::Read));
    }
    actions
}

fn tabs(ui: &mut Ui, tab: &mut Tab, wide: bool) {
    ui.horizontal(|ui| {
        for (one, name) in Tab::ALL {
            if wide && one == Tab::Cell {
                continue;
            }
            ui.selectable_value(tab, one, name);
        }
    });
}
