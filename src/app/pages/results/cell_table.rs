//! A table of a board's cells, sorted by any column. Sorting happens on a click, not while drawing.

use egui::{Align, Label, Layout, Rect, Response, RichText, ScrollArea, Sense, Ui, Vec2, vec2};
use egui_extras::{Column, TableBuilder};
use egui_material_icons::icons::ICON_STAR;

use crate::board::{Board, CellState, Dimension, Layer};

const ROW_HEIGHT: f32 = 26.0;
const HEADER_HEIGHT: f32 = 38.0;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Dimension(Dimension),
    Layer(Layer),
    State,
}

#[derive(Debug, Clone)]
struct TableColumn {
    content: Content,
    name: String,
    unit: &'static str,
    /// The header's two lines; the second is blank where one is enough.
    lines: [String; 2],
    width: f32,
}

/// What a table shows, prepared from a board; make it anew when the board has changed.
#[derive(Debug, Clone)]
pub struct CellTable {
    columns: Vec<TableColumn>,
    /// Positions in the board's entries, in the order shown.
    order: Vec<usize>,
    sort: Option<(usize, bool)>,
}

impl CellTable {
    /// In the board's own order.
    pub fn new(board: &Board) -> Self {
        let varying = board
            .dimensions()
            .into_iter()
            .filter(|values| values.varies())
            .map(|values| Content::Dimension(values.dimension.clone()));
        let layers = board.layers().into_iter().map(Content::Layer);
        let columns = varying
            .chain(layers)
            .chain([Content::State])
            .map(TableColumn::new)
            .collect();
        Self {
            columns,
            order: (0..board.entries().len()).collect(),
            sort: None,
        }
    }

    /// Takes a board that has changed, and keeps what it is sorted by.
    pub fn update(&mut self, board: &Board) {
        let sorted_by = self.sort.and_then(|(column, ascending)| {
            Some((self.columns.get(column)?.content.clone(), ascending))
        });
        *self = Self::new(board);
        self.sort = sorted_by.and_then(|(content, ascending)| {
            let column = self.columns.iter().position(|c| c.content == content)?;
            Some((column, ascending))
        });
        self.sort_order(board);
    }

    /// Sorts by a column: its best first, and the other way round the second time.
    fn sort_by(&mut self, column: usize, board: &Board) {
        let Some(found) = self.columns.get(column) else {
            return;
        };
        let best_first = match &found.content {
            Content::Layer(layer) => !layer.better_is_higher(),
            Content::Dimension(_) | Content::State => true,
        };
        let ascending = match self.sort {
            Some((sorted, ascending)) if sorted == column => !ascending,
            _ => best_first,
        };
        self.sort = Some((column, ascending));
        self.sort_order(board);
    }

    /// Cells without a figure stand last, whichever way the others are sorted.
    fn sort_order(&mut self, board: &Board) {
        self.order = (0..board.entries().len()).collect();
        let Some((column, ascending)) = self.sort else {
            return;
        };
        let directed = |order: std::cmp::Ordering| if ascending { order } else { order.reverse() };
        let entries = board.entries();
        match &self.columns[column].content {
            Content::Layer(layer) => {
                let keys: Vec<Option<f64>> = entries.iter().map(|e| e.value(*layer)).collect();
                self.order.sort_by(|&a, &b| match (keys[a], keys[b]) {
                    (Some(a), Some(b)) => directed(a.total_cmp(&b)),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                });
            }
            Content::Dimension(dimension) => {
                let key = |entry: &usize| board.coordinate(*entry, dimension);
                self.order.sort_by(|a, b| directed(key(a).cmp(&key(b))));
            }
            Content::State => {
                let keys: Vec<String> = entries.iter().map(|e| e.state.text()).collect();
                self.order.sort_by(|&a, &b| directed(keys[a].cmp(&keys[b])));
            }
        }
    }

    /// Positions in the board's entries, in the order shown.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The header and one cell's row, parted by tabs.
    pub fn copy_text(&self, board: &Board, entry: usize) -> String {
        let line = |text: &dyn Fn(&TableColumn) -> String| {
            let cells: Vec<String> = self.columns.iter().map(text).collect();
            cells.join("\t")
        };
        let header = line(&|column| match column.unit {
            "" => column.name.clone(),
            unit => format!("{} ({unit})", column.name),
        });
        // Without the comma between thousands, which a spreadsheet may take for a decimal one.
        let row = line(&|column| match &column.content {
            Content::Layer(_) => column.text(board, entry).replace(',', ""),
            _ => column.text(board, entry),
        });
        format!("{header}\n{row}\n")
    }

    /// Draws the table; a click on a row selects its cell, by position in the board's entries.
    pub fn show(&mut self, ui: &mut Ui, board: &Board, selected: &mut Option<usize>) {
        let mut sort_column = None;
        ScrollArea::horizontal().show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
            // A tint, as in the list of runs: figures stay as readable as in other rows.
            let text = ui.visuals().text_color();
            let selection = &mut ui.visuals_mut().selection;
            selection.bg_fill = selection.bg_fill.gamma_multiply(0.35);
            selection.stroke.color = text;
            let mut table = TableBuilder::new(ui)
                .id_salt("cells")
                .striped(false)
                .sense(Sense::click())
                .auto_shrink(false)
                .min_scrolled_height(60.0)
                .cell_layout(Layout::right_to_left(Align::Center));
            for column in &self.columns {
                table = table.column(match column.content {
                    Content::State => Column::remainder().at_least(column.width).clip(true),
                    _ => Column::exact(column.width),
                });
            }
            table
                .header(HEADER_HEIGHT, |mut header| {
                    for (number, column) in self.columns.iter().enumerate() {
                        let sorted = self.sort.filter(|(c, _)| *c == number).map(|(_, up)| up);
                        header.col(|ui| {
                            if column.header(ui, sorted).clicked() {
                                sort_column = Some(number);
                            }
                        });
                    }
                })
                .body(|body| {
                    body.rows(ROW_HEIGHT, self.order.len(), |mut row| {
                        let Some(&entry) = self.order.get(row.index()) else {
                            return;
                        };
                        let chosen = *selected == Some(entry);
                        row.set_selected(chosen);
                        for column in &self.columns {
                            row.col(|ui| column.cell(ui, board, entry));
                        }
                        let response = row.response();
                        response.widget_info(|| {
                            egui::WidgetInfo::selected(
                                egui::Role::Button,
                                true,
                                chosen,
                                format!("Cell {}", board.label(entry)),
                            )
                        });
                        if response.clicked() {
                            *selected = Some(entry);
                        }
                    });
                });
        });
        if let Some(column) = sort_column {
            self.sort_by(column, board);
        }
    }
}

impl TableColumn {
    fn new(content: Content) -> Self {
        let (name, unit) = match &content {
            Content::Dimension(dimension) => (dimension.to_string(), ""),
            Content::Layer(layer) => (layer.name().to_owned(), layer.unit()),
            Content::State => ("State".to_owned(), ""),
        };
        let lines = match (&content, name.split_once(' ')) {
            (Content::Dimension(_), Some((first, rest))) => [first.to_owned(), rest.to_owned()],
            _ => [name.clone(), unit.to_owned()],
        };
        // Wide enough for its header; figures are shorter than that or than 76 points.
        let longest = lines.iter().map(|line| line.chars().count()).max();
        let width = match content {
            // "invalid: too many errors"
            Content::State => 176.0,
            _ => (longest.unwrap_or(0) as f32 * 6.6 + 26.0).max(76.0),
        };
        Self {
            content,
            name,
            unit,
            lines,
            width,
        }
    }

    fn text(&self, board: &Board, entry: usize) -> String {
        let Some(found) = board.entries().get(entry) else {
            return String::new();
        };
        match &self.content {
            Content::Dimension(dimension) => board
                .coordinate(entry, dimension)
                .map(ToString::to_string)
                .unwrap_or_default(),
            Content::Layer(layer) => found
                .value(*layer)
                .map(|value| layer.precise(value))
                .unwrap_or_default(),
            Content::State => found.state.text(),
        }
    }

    fn header(&self, ui: &mut Ui, sorted: Option<bool>) -> Response {
        let rect = ui.max_rect();
        let response = ui.interact(rect, ui.scope_id().with(&self.name), Sense::click());
        let described = match self.unit {
            "" => format!("Sort by {}", self.name),
            unit => format!("Sort by {} ({unit})", self.name),
        };
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &described));
        let visuals = ui.visuals();
        let color = if sorted.is_some() || response.hovered() {
            visuals.strong_text_color()
        } else {
            visuals.text_color()
        };
        let (weak, line) = (
            visuals.weak_text_color(),
            visuals.widgets.noninteractive.bg_stroke,
        );
        let small = egui::TextStyle::Small.resolve(ui.style());
        let left = self.content == Content::State;
        let inner = rect.shrink2(vec2(10.0, 0.0));
        let (x, anchor) = if left {
            (inner.left(), egui::Align2::LEFT_CENTER)
        } else {
            (inner.right(), egui::Align2::RIGHT_CENTER)
        };
        let painter = ui.painter();
        let [first_line, second_line] = &self.lines;
        let half = if second_line.is_empty() { 0.0 } else { 7.0 };
        let first = rect.center().y - half;
        let at = egui::pos2(x, first);
        let text = painter.text(at, anchor, first_line, small.clone(), color);
        let at = egui::pos2(x, rect.center().y + half);
        let second_color = if self.unit.is_empty() { color } else { weak };
        painter.text(at, anchor, second_line, small, second_color);
        painter.hline(rect.x_range(), rect.bottom() - 0.5, line);
        if let Some(ascending) = sorted {
            let x = if left {
                text.right() + 8.0
            } else {
                text.left() - 8.0
            };
            arrow(ui, egui::pos2(x, first), ascending);
        }
        match &self.content {
            Content::Layer(layer) => response.on_hover_text(layer.about()),
            _ => response,
        }
    }

    fn cell(&self, ui: &mut Ui, board: &Board, entry: usize) {
        let Some(found) = board.entries().get(entry) else {
            return;
        };
        let text = self.text(board, entry);
        let is_best = board.best().is_some_and(|best| best.entry == entry);
        let visuals = ui.visuals();
        let is_throughput = self.content == Content::Layer(Layer::Throughput);
        let text = match (&self.content, &found.state) {
            // Where the state's own column is out of sight, an empty row still says why it is.
            (_, CellState::Failed(_)) if is_throughput && text.is_empty() => {
                RichText::new("failed").color(visuals.error_fg_color)
            }
            (Content::State, CellState::Failed(_)) => {
                RichText::new(text).color(visuals.error_fg_color)
            }
            (Content::State, CellState::Invalid(_)) => {
                RichText::new(text).color(visuals.warn_fg_color)
            }
            (Content::State, _) | (Content::Layer(_), CellState::Invalid(_)) => {
                RichText::new(text).weak()
            }
            (Content::Layer(Layer::Throughput), _) => RichText::new(text).strong(),
            _ => RichText::new(text),
        };
        if self.content == Content::State {
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add_space(10.0);
                ui.add(Label::new(text).selectable(false).truncate());
            });
            return;
        }
        ui.add_space(10.0);
        ui.add(Label::new(text).selectable(false));
        if is_best && is_throughput {
            ui.add_space(4.0);
            let star = ICON_STAR.rich_text().size(13.0);
            ui.add(Label::new(star.color(ui.visuals().hyperlink_color)).selectable(false))
                .on_hover_text("The best valid cell");
        }
    }
}

/// A small triangle beside the name of the column that the table is sorted by.
fn arrow(ui: &Ui, center: egui::Pos2, ascending: bool) {
    let rect = Rect::from_center_size(center, Vec2::splat(6.0));
    let points = if ascending {
        vec![rect.left_bottom(), rect.right_bottom(), rect.center_top()]
    } else {
        vec![rect.left_top(), rect.right_top(), rect.center_bottom()]
    };
    let color = ui.visuals().strong_text_color();
    let shape = egui::Shape::convex_polygon(points, color, egui::Stroke::NONE);
    ui.painter().add(shape);
}
