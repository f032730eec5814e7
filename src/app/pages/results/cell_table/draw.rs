//! The table's bar, header and rows.

use egui::{
    Align, Button, Context, Id, Label, Layout, Rect, Response, RichText, ScrollArea, Sense,
    TextEdit, Ui, Vec2, vec2,
};
use egui_extras::{Column, TableBuilder};
use egui_material_icons::icons::{
    ICON_ARROW_DOWNWARD, ICON_ARROW_UPWARD, ICON_CONTENT_COPY, ICON_STAR,
};

use super::{CellTable, Content, TableColumn};
use crate::app::filter_focus;
use crate::app::heat_panel::choose;
use crate::app::theme::{self, space};
use crate::board::{Board, CellState, Layer};

const ROW_HEIGHT: f32 = 26.0;
const HEADER_HEIGHT: f32 = 38.0;
const COUNTS: [Option<usize>; 6] = [None, Some(5), Some(10), Some(20), Some(50), Some(100)];

fn filter_id() -> Id {
    Id::unique("filter of the cell table")
}

/// Whether the table's filter has the keyboard.
pub(in crate::app::pages::results) fn filter_is_focused(context: &Context) -> bool {
    context.memory(|memory| memory.has_focus(filter_id()))
}

impl CellTable {
    /// Draws the bar and the table; a click on a row selects its cell, by position in the board's
    /// entries. Gives what is to be copied.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        board: &Board,
        selected: &mut Option<usize>,
    ) -> Option<String> {
        let copied = self.bar(ui, board, *selected);
        ui.add_space(space::XS);
        if self.order.is_empty() && !self.asked.filter.is_empty() && !self.is_working() {
            theme::caption(ui, "No cell passes the filter.");
            return copied;
        }
        self.rows(ui, board, selected);
        copied
    }

    fn bar(&mut self, ui: &mut Ui, board: &Board, selected: Option<usize>) -> Option<String> {
        let mut changed = false;
        let mut copied = None;
        ui.horizontal_wrapped(|ui| {
            // The tallest of them; all stand in its middle.
            ui.set_row_height(28.0);
            let field = TextEdit::singleline(&mut self.asked.filter)
                .id(filter_id())
                .hint_text("Filter")
                .margin(vec2(8.0, 5.0))
                .desired_width(130.0);
            let field = ui.add(field).accessible_name("Filter cells");
            filter_focus::claim(&field);
            changed |= field.changed();
            let before = self.asked.sort.as_ref().map(|(content, _)| content.clone());
            let mut chosen = before;
            let named = |choice: &Option<Content>| (self.name_of(choice.as_ref()), "");
            if choose(ui, "Sort by", &mut chosen, &self.choices, named) {
                match chosen {
                    Some(content) => self.sort_by(&content, board),
                    None => self.asked.sort = None,
                }
                changed = true;
            }
            if let Some((_, ascending)) = &mut self.asked.sort {
                let (icon, name) = if *ascending {
                    (ICON_ARROW_UPWARD, "Ascending")
                } else {
                    (ICON_ARROW_DOWNWARD, "Descending")
                };
                if theme::icon_button(ui, icon, name).clicked() {
                    *ascending = !*ascending;
                    changed = true;
                }
            }
            changed |= choose(ui, "Show", &mut self.asked.count, &COUNTS, |count| {
                let text = count.map_or_else(|| "All".to_owned(), |n| format!("First {n}"));
                (text, "")
            });
            let row = Button::new((ICON_CONTENT_COPY.rich_text(), "Copy row"));
            let row = ui
                .add_enabled(selected.is_some(), row)
                .on_hover_text("Copy the selected cell's figures, to paste into a spreadsheet")
                .accessible_name("Copy row");
            if row.clicked() {
                copied = selected.map(|entry| self.copy_text(board, entry));
            }
            let all = ui
                .add_enabled(!self.order.is_empty(), Button::new("Copy all"))
                .on_hover_text("Copy all rows shown, to paste into a spreadsheet")
                .accessible_name("Copy all rows");
            if all.clicked() {
                copied = Some(self.copy_all(board));
            }
            let cells = board.len();
            if self.is_working() {
                theme::caption(ui, "Looking through all rows...");
            } else if self.order.len() < cells {
                theme::caption(ui, &format!("{} of {cells} cells", self.order.len()));
            }
        });
        if changed {
            self.asked_anew(board);
        }
        copied
    }

    fn rows(&mut self, ui: &mut Ui, board: &Board, selected: &mut Option<usize>) {
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
                    for column in &self.columns {
                        let sorted = self.asked.sort.as_ref();
                        let sorted = sorted.filter(|(c, _)| *c == column.content);
                        let sorted = sorted.map(|(_, ascending)| *ascending);
                        header.col(|ui| {
                            if column.header(ui, sorted).clicked() {
                                sort_column = Some(column.content.clone());
                            }
                        });
                    }
                })
                .body(|body| {
                    body.rows(ROW_HEIGHT, self.order.len(), |mut row| {
                        let Some(&entry) = self.order.get(row.index()) else {
                            return;
                        };
                        let entry = entry as usize;
                        let chosen = *selected == Some(entry);
                        row.set_selected(chosen);
                        for column in &self.columns {
                            row.col(|ui| self.cell(ui, column, board, entry));
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
            self.sort_by(&column, board);
        }
    }

    fn cell(&self, ui: &mut Ui, column: &TableColumn, board: &Board, entry: usize) {
        let Some(state) = board.state(entry) else {
            return;
        };
        let text = self.text(column, board, entry);
        let is_best = board.is_best(entry);
        let visuals = ui.visuals();
        let is_throughput = column.content == Content::Layer(Layer::Throughput);
        let text = match (&column.content, state) {
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
        if column.content == Content::State {
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
                .on_hover_text("Of the best combination, by the mean of its valid repeats");
        }
    }
}

impl TableColumn {
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
