//! How far each cell of one run is from the same cell of another, as a heatmap.

use egui::Ui;
use egui_material_icons::icons::ICON_GRID_VIEW;

use super::shown::{Choices, Shown, measure, named};
use crate::app::heat_panel::choose;
use crate::app::theme::{self, space};
use crate::app::widgets::colour_bar::{Orientation, colour_bar};
use crate::app::widgets::heatmap::{
    CellId, CellState, GridInput, HeatCell, Heatmap, HeatmapInput, HeatmapModel, Words,
};
use crate::compare::render::letter;
use crate::compare::{Comparison, Delta, Figure, MatchedCell, Measure, Overlap, percent_text};

/// Ready to draw.
#[derive(Debug)]
pub(super) struct DifferenceView {
    model: HeatmapModel,
    /// What the colours say.
    legend: String,
}

impl DifferenceView {
    /// `None` where fewer than two axes identify a cell.
    pub(super) fn new(comparison: &Comparison, choices: &Choices) -> Option<Self> {
        let (x, y) = choices.axes.as_ref()?;
        let grid = comparison.grid(x, y);
        let measure = measure(choices);
        let several = grid.groups.len() > 1;
        let cell = |position: usize| {
            let cell = &comparison.cells()[position];
            input(comparison, position, cell, choices, &measure)
        };
        let grids = grid.groups.iter().map(|group| GridInput {
            heading: several.then(|| group.heading.clone()),
            columns: grid.columns.clone(),
            rows: grid.rows.clone(),
            cells: group.cells.iter().map(|at| at.and_then(cell)).collect(),
        });
        let (base, other) = (letter(choices.base), letter(choices.other));
        let better = if choices.layer.better_is_higher() {
            "more"
        } else {
            "less"
        };
        let model = HeatmapModel::new(HeatmapInput {
            layer: format!("Difference in {}", choices.layer.name()),
            unit: "%".to_owned(),
            x_title: grid.x_name.clone(),
            y_title: grid.y_name.clone(),
            lower_is_better: false,
            format: percent_text,
            grids: grids.collect(),
        });
        let even = |cell: &HeatCell| matches!(cell.state, CellState::Even { .. });
        let grey = if model.cells().any(even) {
            " Grey: the intervals overlap, so no difference is shown."
        } else {
            ""
        };
        Some(Self {
            model: model.diverging(),
            legend: match comparison.pair_not_compared(choices.base, choices.other, &measure) {
                Some(why) => why.to_owned(),
                None => format!(
                    "{other} against {base}, in % of {base}. Orange is more, blue is less; {better} is \
                     better.{grey} {}",
                    comparison.about_intervals(&measure)
                ),
            },
        })
    }
}

/// `None` where neither of the two runs has the cell.
fn input(
    comparison: &Comparison,
    position: usize,
    cell: &MatchedCell,
    choices: &Choices,
    measure: &Measure,
) -> Option<HeatCell> {
    let Choices { base, other, .. } = *choices;
    let delta = comparison.delta(cell, base, other, measure);
    let state = match (delta.percent, &cell.sides[base], &cell.sides[other]) {
        (_, None, None) => return None,
        (Some(value), ..) if delta.overlap == Overlap::Overlaps => CellState::Even { value },
        (Some(value), ..) => CellState::Done { value },
        (None, Some(_), None) => note(format!("only {}", letter(base))),
        (None, None, Some(_)) => note(format!("only {}", letter(other))),
        (None, Some(_), Some(_)) => match (&delta.base, &delta.other) {
            (None, None) => note("no figures".to_owned()),
            (None, Some(_)) => note(format!("none in {}", letter(base))),
            (Some(_), None) => note(format!("none in {}", letter(other))),
            (Some(_), Some(_)) if delta.not_compared.is_some() => note("not compared".to_owned()),
            (Some(_), Some(_)) => note(format!("{} is 0", letter(base))),
        },
    };
    Some(HeatCell {
        id: CellId(u32::try_from(position).unwrap_or(u32::MAX)),
        state,
        best: false,
    })
}

/// What is said of the cells of a comparison.
struct OfComparison<'a> {
    comparison: &'a Comparison,
    choices: &'a Choices,
}

impl OfComparison<'_> {
    fn cell(&self, id: CellId) -> Option<&MatchedCell> {
        self.comparison.cells().get(id.0 as usize)
    }
}

impl Words for OfComparison<'_> {
    fn settings(&self, id: CellId) -> String {
        let label = self.cell(id).map(|cell| self.comparison.label(cell));
        label.unwrap_or_default()
    }

    fn details(&self, id: CellId) -> Vec<(String, String)> {
        let Choices { base, other, .. } = *self.choices;
        let measure = measure(self.choices);
        let delta = |cell| self.comparison.delta(cell, base, other, &measure);
        let delta = self.cell(id).map(delta);
        delta.map_or_else(Vec::new, |delta| details(&delta, &measure, self.choices))
    }
}

fn note(word: String) -> CellState {
    CellState::Note { word: word.into() }
}

/// Each run's figure with its interval, and what they allow to say.
fn details(delta: &Delta, measure: &Measure, choices: &Choices) -> Vec<(String, String)> {
    let layer = choices.layer;
    let text = |figure: &Figure| {
        let text = layer.with_interval(figure.mean, figure.interval);
        match figure.interval {
            Some(_) => format!("{text}, 95 % {}", figure.basis().text()),
            None => format!("{text}, no interval"),
        }
    };
    let runs = [(choices.base, &delta.base), (choices.other, &delta.other)];
    let figures = runs
        .into_iter()
        .filter_map(|(run, figure)| Some((letter(run).to_string(), text(figure.as_ref()?))));
    let verdict = delta.verdict_text(measure);
    let verdict = verdict.map(|text| (format!("{} is", letter(choices.other)), text));
    figures.chain(verdict).collect()
}

impl Shown {
    pub(super) fn show_difference(&mut self, ui: &mut Ui, choices: &mut Choices) {
        let mut changed = false;
        ui.horizontal_wrapped(|ui| {
            changed |= self.choose_layer(ui, choices);
            if self.comparison.runs().len() > 2 {
                let (base, other) = (choices.base, choices.other);
                changed |= self.choose_run(ui, "Base", &mut choices.base);
                changed |= self.choose_run(ui, "Other", &mut choices.other);
                if choices.base == choices.other {
                    // The one that was not touched takes the other's place.
                    if choices.base == base {
                        choices.base = other;
                    } else {
                        choices.other = base;
                    }
                }
            }
            changed |= self.choose_axes(ui, choices);
        });
        if changed {
            self.update(choices);
        }
        ui.add_space(space::S);
        let Some(view) = &self.difference else {
            theme::empty_state(
                ui,
                ICON_GRID_VIEW,
                "One axis makes no grid",
                "These runs differ along one axis only: see Lines or Cells.",
            );
            return;
        };
        ui.horizontal_top(|ui| {
            if let Some(scale) = view.model.scale() {
                colour_bar(ui, scale, Orientation::Horizontal, 240.0);
                ui.small("%");
                ui.add_space(space::M);
            }
            theme::caption(ui, &view.legend);
        });
        ui.add_space(space::S);
        let words = OfComparison {
            comparison: &self.comparison,
            choices,
        };
        let mut selected = choices.selected;
        Heatmap::new("differences", &view.model, &words)
            .empty("No cell in either run", "Choose other runs above.")
            .show(ui, &mut selected);
        choices.selected = selected;
    }

    fn choose_axes(&self, ui: &mut Ui, choices: &mut Choices) -> bool {
        let axes: Vec<_> = self
            .comparison
            .axes()
            .iter()
            .map(|a| a.axis.clone())
            .collect();
        let Some((x, y)) = &mut choices.axes else {
            return false;
        };
        let (old_x, old_y) = (x.clone(), y.clone());
        let across = choose(ui, "Across", x, &axes, named);
        if across && *x == *y {
            *y = old_x.clone();
        }
        let down = choose(ui, "Down", y, &axes, named);
        if down && *x == *y {
            *x = old_y;
        }
        across || down
    }
}
