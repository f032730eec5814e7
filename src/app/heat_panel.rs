//! A heatmap with the choice of its axes and layer; the Run and the Results page share it.

use egui::{Color32, ComboBox, TextStyle, Ui};

use super::heat;
use super::theme;
use super::widgets::colour_bar::{Orientation, colour_bar};
use super::widgets::heatmap::{Heatmap, HeatmapModel};
use crate::board::{Board, CellState, Dimension, GridCell, GridView, Layer};
use crate::report::chart::Chart;

/// What is chosen, and what is prepared for drawing it.
#[derive(Debug)]
pub struct HeatPanel {
    axes: Option<(Dimension, Dimension)>,
    layer: Layer,
    /// Position in the board's entries: the user's choice, else the best cell.
    pub selected: Option<usize>,
    /// What the selection was when it last followed the best cell.
    followed: Option<usize>,
    dimensions: Vec<Dimension>,
    layers: Vec<Layer>,
    view: Option<GridView>,
    model: Option<HeatmapModel>,
    /// The cell that is measured again, with its tokens per second now.
    again: Option<(usize, Option<f64>)>,
    /// The path of a search, by position in the board's entries.
    path: Vec<usize>,
}

impl Default for HeatPanel {
    fn default() -> Self {
        Self {
            axes: None,
            layer: Layer::Throughput,
            selected: None,
            followed: None,
            dimensions: Vec::new(),
            layers: vec![Layer::Throughput],
            view: None,
            model: None,
            again: None,
            path: Vec::new(),
        }
    }
}

impl HeatPanel {
    /// What is shown, to be drawn as a picture; `None` of a board without cells.
    pub fn chart(&self) -> Option<Chart> {
        let (x, y) = self.axes.clone()?;
        let layer = self.layer;
        Some(Chart::Heatmap { x, y, layer })
    }

    /// Takes a board that is new or has changed.
    pub fn update(&mut self, board: &Board) {
        self.dimensions = board.axes();
        self.layers = board.choosable_layers();
        let known = |dimension: &Dimension| self.dimensions.contains(dimension);
        self.axes = self
            .axes
            .take()
            .filter(|(x, y)| known(x) && (known(y) || *y == Dimension::Repeat))
            .or_else(|| board.default_axes());
        let known = board.layers();
        if !known.is_empty() && !known.contains(&self.layer) {
            self.layer = Layer::Throughput;
        }
        let best = board.best().map(|best| best.entry);
        if self.selected.is_none_or(|entry| entry >= board.len()) || self.selected == self.followed
        {
            self.selected = best;
            self.followed = best;
        }
        self.view = self
            .axes
            .as_ref()
            .map(|(x, y)| board.grid(x, y, self.layer));
        self.model = self.view.as_ref().map(heat::model);
        self.set_again(self.again, board);
        self.mark_path(board);
    }

    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// Chooses the layer, unless the board has figures but none for it; the other choices stay.
    pub fn set_layer(&mut self, layer: Layer, board: &Board) {
        if self.layer != layer {
            self.layer = layer;
            self.update(board);
        }
    }

    /// Shows the running cell's figure of this moment.
    pub fn set_live(&mut self, throughput_tps: Option<f64>) {
        let (Some(view), Some(model)) = (&mut self.view, &mut self.model) else {
            return;
        };
        view.set_live(throughput_tps);
        let running = view
            .groups
            .iter()
            .flat_map(|group| &group.cells)
            .flatten()
            .filter(|cell| cell.state == CellState::Running);
        for cell in running {
            model.update(heat::cell_of(view.layer, cell));
        }
    }

    /// Shows that a finished cell, by position in the board's entries, is measured again, with its
    /// figure of this moment.
    pub fn set_again(&mut self, again: Option<(usize, Option<f64>)>, board: &Board) {
        self.again = again;
        let (Some(view), Some(model)) = (&self.view, &mut self.model) else {
            return;
        };
        let shown = again.and_then(|(entry, tps)| {
            let tps = tps.filter(|_| view.layer == Layer::Throughput);
            Some((heat::id(shown_in(board, view, entry)?), tps))
        });
        model.set_again(shown);
    }

    /// Shows the path of a search: positions in the board's entries, in the order of their
    /// measurements.
    pub fn set_path(&mut self, path: Vec<usize>, board: &Board) {
        if self.path != path {
            self.path = path;
            self.mark_path(board);
        }
    }

    fn mark_path(&mut self, board: &Board) {
        let (Some(view), Some(model)) = (&self.view, &mut self.model) else {
            return;
        };
        let shown = self
            .path
            .iter()
            .filter_map(|&entry| shown_in(board, view, entry));
        let path: Vec<_> = shown.map(heat::id).collect();
        model.set_path(&path);
    }

    /// Draws the choices, then the heatmap over the rest of `ui`.
    pub fn show(&mut self, ui: &mut Ui, board: &Board) {
        if self.choices(ui) {
            self.update(board);
        }
        ui.add_space(theme::space::S);
        let Some(model) = &self.model else {
            return;
        };
        if let Some(scale) = model.scale() {
            let length = ui.available_width().min(360.0);
            ui.horizontal_top(|ui| {
                colour_bar(ui, scale, Orientation::Horizontal, length);
                ui.small(&model.unit);
            });
            ui.add_space(theme::space::S);
        }
        let mut selected = self.selected.map(heat::id);
        let words = heat::OfBoard(board);
        let output = Heatmap::new("cells", model, &words).show(ui, &mut selected);
        if output.changed {
            self.selected = selected.map(|id| id.0 as usize);
        }
    }

    /// True if another view was chosen.
    fn choices(&mut self, ui: &mut Ui) -> bool {
        let mut changed = false;
        ui.horizontal_wrapped(|ui| {
            let layers = &self.layers;
            changed |= choose(ui, "Layer", &mut self.layer, layers, |layer| {
                (layer.name().to_owned(), layer.about())
            });
            let Some((x, y)) = &mut self.axes else {
                return;
            };
            if self.dimensions.len() < 2 {
                return;
            }
            let named = |dimension: &Dimension| (dimension.to_string(), "");
            let (old_x, old_y) = (x.clone(), y.clone());
            let across = choose(ui, "Across", x, &self.dimensions, named);
            if across && *x == *y {
                *y = old_x.clone();
            }
            let down = choose(ui, "Down", y, &self.dimensions, named);
            if down && *x == *y {
                *x = old_y;
            }
            changed |= across || down;
        });
        changed
    }
}

/// The entry of the grid's cell that stands for `entry` and its repeats.
fn shown_in(board: &Board, view: &GridView, entry: usize) -> Option<usize> {
    let cells = || view.groups.iter().flat_map(|group| &group.cells).flatten();
    if cells().any(|cell| cell.entry == entry) {
        return Some(entry);
    }
    let repeats = board.repeats(entry);
    let mut others = cells().filter(|cell| repeats.contains(&(cell.entry as u32)));
    let stands_for = |cell: &GridCell| board.repeats_in(view, cell).contains(&(entry as u32));
    others.find(|cell| stands_for(cell)).map(|cell| cell.entry)
}

/// A captioned choice of one of several; true if another was chosen.
pub fn choose<T: PartialEq + Clone>(
    ui: &mut Ui,
    label: &str,
    chosen: &mut T,
    all: &[T],
    words: impl Fn(&T) -> (String, &'static str),
) -> bool {
    let before = chosen.clone();
    let text = words(chosen).0;
    if ui.layout().main_wrap() && !fits(ui, label, &text) {
        ui.end_row();
        ui.set_row_height(ui.spacing().interact_size.y);
    }
    let caption = theme::caption(ui, label);
    ComboBox::from_id_salt(label)
        .selected_text(text)
        .show_ui(ui, |ui| {
            for item in all {
                let (text, about) = words(item);
                let line = ui.selectable_value(chosen, item.clone(), text);
                if line.clicked() {
                    // A click through the accessibility bus moves no pointer, by which the list
                    // would close itself.
                    ui.close();
                }
                if !about.is_empty() {
                    line.on_hover_text(about);
                }
            }
        })
        .response
        .labelled_by(caption.id);
    *chosen != before
}

/// Whether a caption and the box beside it have room in this row: they must not be parted.
fn fits(ui: &Ui, label: &str, text: &str) -> bool {
    let width = |text: &str, style: TextStyle| {
        let font = style.resolve(ui.style());
        let galley = ui
            .painter()
            .layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER);
        galley.size().x
    };
    let spacing = ui.spacing();
    let shown = width(text, TextStyle::Button) + spacing.icon_width + spacing.icon_spacing;
    let shown = (shown + 2.0 * spacing.button_padding.x).max(spacing.combo_width);
    let needed = width(label, TextStyle::Small) + spacing.item_spacing.x + shown;
    needed <= ui.available_size_before_wrap().x
}
