//! A comparison with everything that is drawn of it, and what the user chose to see.

use egui::{CornerRadius, Frame, Label, Margin, Ui};
use egui_material_icons::icons::ICON_WARNING;
use strum::IntoEnumIterator as _;

use super::cells::CellTable;
use super::difference::DifferenceView;
use super::lines::LinesView;
use super::{CompareAction, differences};
use crate::app::heat_panel::choose;
use crate::app::theme::{self, Tone, palette, rounding, space};
use crate::app::widgets::heatmap::CellId;
use crate::board::{Coordinate, Dimension, Layer};
use crate::compare::render::{letter, shared_text};
use crate::compare::{Comparison, Level, Measure};
use crate::plan::Axis;
use crate::wording::capitalised;

/// What the banner names; the tab has the rest.
const NAMED: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tab {
    #[default]
    Lines,
    Difference,
    Cells,
    Differences,
}

impl Tab {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Lines, "Lines"),
        (Self::Difference, "Difference"),
        (Self::Cells, "Cells"),
        (Self::Differences, "Differences"),
    ];
}

/// What the user chose to see; it outlives the runs as far as they share it.
#[derive(Debug)]
pub(super) struct Choices {
    pub tab: Tab,
    pub layer: Layer,
    /// Of the heatmap: across and down.
    pub axes: Option<(Axis, Axis)>,
    /// Two of the comparison's runs.
    pub base: usize,
    pub other: usize,
    pub selected: Option<CellId>,
    /// Of the lines: across, what the style of a line stands for, and where others stand.
    pub x: Option<Axis>,
    pub by: Option<Axis>,
    pub fixed: Vec<(Axis, Coordinate)>,
    /// A column of the table, and whether it ascends.
    pub sort: Option<(usize, bool)>,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            tab: Tab::default(),
            layer: Layer::Throughput,
            axes: None,
            base: 0,
            other: 1,
            selected: None,
            x: None,
            by: None,
            fixed: Vec::new(),
            sort: None,
        }
    }
}

impl Choices {
    /// Letters stand for other runs now.
    pub(super) fn forget_runs(&mut self) {
        (self.base, self.other) = (0, 1);
        self.selected = None;
        self.sort = None;
    }

    /// Keeps what this comparison has, and fills in the rest.
    fn fit(&mut self, comparison: &Comparison, layers: &[Layer]) {
        let runs = comparison.runs().len();
        if self.base >= runs || self.other >= runs || self.base == self.other {
            self.forget_runs();
        }
        if !layers.contains(&self.layer) {
            self.layer = layers.first().copied().unwrap_or(Layer::Throughput);
        }
        let known = |axis: &Axis| comparison.axis(axis).is_some();
        let first = comparison.default_axes();
        self.axes = self
            .axes
            .take()
            .filter(|(x, y)| known(x) && known(y))
            .or_else(|| first.clone());
        self.x = self.x.take().filter(known).or_else(|| {
            let only = comparison.axes().first().map(|axis| axis.axis.clone());
            first.as_ref().map(|(x, _)| x.clone()).or(only)
        });
        self.by = self.by.take().filter(known).or_else(|| {
            let y = first.map(|(_, y)| y);
            y.filter(|y| {
                comparison
                    .axis(y)
                    .is_some_and(crate::compare::AxisValues::varies)
            })
        });
        if self.by == self.x {
            self.by = None;
        }
        self.fix(comparison);
    }

    /// Every axis that is neither across nor a style stands somewhere: where it stood, else where
    /// the base is best.
    pub(super) fn fix(&mut self, comparison: &Comparison) {
        let former = std::mem::take(&mut self.fixed);
        let board = &comparison.runs()[0].board;
        for values in comparison.axes().iter().filter(|axis| axis.varies()) {
            if Some(&values.axis) == self.x.as_ref() || Some(&values.axis) == self.by.as_ref() {
                continue;
            }
            let before = former.iter().find(|(axis, _)| *axis == values.axis);
            let before = before.map(|(_, value)| value);
            let best = board
                .best()
                .and_then(|best| board.coordinate(best.entry, &values.dimension()));
            let value = [before, best, values.values.first()]
                .into_iter()
                .flatten()
                .find(|value| values.values.contains(value));
            if let Some(value) = value {
                self.fixed.push((values.axis.clone(), value.clone()));
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Shown {
    pub comparison: Comparison,
    /// Of each run, an index into the palette's series.
    pub colours: Vec<usize>,
    /// The letter and the file's name.
    pub titles: Vec<String>,
    layers: Vec<Layer>,
    shared: String,
    banner: Option<String>,
    pub(super) lines: LinesView,
    pub(super) difference: Option<DifferenceView>,
    pub(super) table: CellTable,
}

impl Shown {
    pub(super) fn new(comparison: Comparison, colours: Vec<usize>, choices: &mut Choices) -> Self {
        let has = |layer: &Layer| {
            let mut runs = comparison.runs().iter();
            runs.any(|run| run.board.layers().contains(layer))
        };
        let layers: Vec<Layer> = Layer::iter().filter(has).collect();
        choices.fit(&comparison, &layers);
        let names = comparison.names().iter().enumerate();
        let titles = names.map(|(run, name)| format!("{}  {name}", letter(run)));
        Self {
            titles: titles.collect(),
            layers,
            shared: capitalised(&shared_text(&comparison)),
            banner: banner(&comparison),
            lines: LinesView::new(&comparison, choices),
            difference: DifferenceView::new(&comparison, choices),
            table: CellTable::new(&comparison, choices),
            comparison,
            colours,
        }
    }

    pub(super) fn update(&mut self, choices: &mut Choices) {
        choices.fix(&self.comparison);
        self.lines = LinesView::new(&self.comparison, choices);
        self.difference = DifferenceView::new(&self.comparison, choices);
        // Another figure may have other columns: one without intervals has fewer.
        let sorted = choices.sort.take();
        let sorted = sorted.and_then(|(at, up)| Some((self.table.column_name(at)?.to_owned(), up)));
        self.table = CellTable::new(&self.comparison, choices);
        choices.sort = sorted.and_then(|(name, up)| Some((self.table.column(&name)?, up)));
        self.table.sort(choices.sort);
    }

    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        choices: &mut Choices,
        actions: &mut Vec<CompareAction>,
    ) {
        ui.horizontal(|ui| {
            for (tab, name) in Tab::ALL {
                ui.selectable_value(&mut choices.tab, tab, name);
            }
            ui.add_space(space::M);
            theme::caption(ui, &self.shared);
        });
        ui.add_space(space::S);
        self.warn(ui, choices);
        match choices.tab {
            Tab::Lines => self.show_lines(ui, choices),
            Tab::Difference => self.show_difference(ui, choices),
            Tab::Cells => self.show_cells(ui, choices, actions),
            Tab::Differences => differences::show(ui, &self.comparison, &self.colours),
        }
    }

    /// What could explain a delta, above every tab.
    fn warn(&self, ui: &mut Ui, choices: &mut Choices) {
        let Some(text) = &self.banner else {
            return;
        };
        let palette = palette(ui);
        Frame::new()
            .fill(palette.tint(Tone::Warning))
            .corner_radius(CornerRadius::same(rounding::CONTROL))
            .inner_margin(Margin::symmetric(10, 6))
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.label(ICON_WARNING.rich_text().color(palette.warning).size(16.0));
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        if choices.tab != Tab::Differences && ui.link("Show differences").clicked()
                        {
                            choices.tab = Tab::Differences;
                        }
                        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                            ui.add(Label::new(text).truncate());
                        });
                    });
                });
            });
        ui.add_space(space::S);
    }

    pub(super) fn choose_layer(&self, ui: &mut Ui, choices: &mut Choices) -> bool {
        choose(ui, "Layer", &mut choices.layer, &self.layers, |layer| {
            (layer.name().to_owned(), layer.about())
        })
    }

    pub(super) fn choose_run(&self, ui: &mut Ui, label: &str, chosen: &mut usize) -> bool {
        let all: Vec<usize> = (0..self.titles.len()).collect();
        choose(ui, label, chosen, &all, |run| {
            (self.titles[*run].clone(), "")
        })
    }
}

pub(super) fn measure(choices: &Choices) -> Measure {
    Measure::Layer(choices.layer)
}

/// An axis as it is named in a choice.
pub(super) fn named(axis: &Axis) -> (String, &'static str) {
    (Dimension::Axis(axis.clone()).to_string(), "")
}

fn banner(comparison: &Comparison) -> Option<String> {
    let differences = comparison.differences().iter();
    let names: Vec<&str> = differences
        .filter(|difference| difference.level == Level::Warning)
        .map(|difference| difference.what.as_str())
        .collect();
    let rest = names.len().saturating_sub(NAMED);
    let more = match rest {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let named = names[..names.len() - rest].join(", ");
    match names.len() {
        0 => None,
        1 => Some(format!("1 difference could explain a delta: {named}")),
        n => Some(format!(
            "{n} differences could explain a delta: {named}{more}"
        )),
    }
}
