//! The heatmap: cells of one or several grids under one colour scale. Every visible cell is a
//! widget of its own with a name, so that a test clicks and assistive technology reads it; the keyboard has
//! the heatmap as one stop, inside of which arrows move the selection.

mod layout;
mod model;
mod paint;
#[cfg(test)]
pub(super) mod tests;

use egui::accesskit::Action;
use egui::{
    Event, EventFilter, Grid, Id, Key, Modifiers, Pos2, Rect, Response, RichText, Role, ScrollArea,
    Sense, Ui, WidgetInfo, vec2,
};
use egui_material_icons::icons::ICON_GRID_VIEW;

use crate::app::theme::{self, font, palette};
pub use layout::Layout;
use model::Move;
pub use model::{CellId, CellState, GridInput, HeatCell, HeatmapInput, HeatmapModel, Words};

/// What the user did in this frame.
#[derive(Debug, Default)]
pub struct HeatmapOutput {
    /// The selection is another one.
    pub changed: bool,
    /// What was put on the clipboard.
    pub copied: Option<String>,
    /// Cells that were drawn.
    pub visible: usize,
}

/// Takes all the room that `ui` has; scrolls where that is too little.
pub struct Heatmap<'a> {
    id_salt: &'a str,
    model: &'a HeatmapModel,
    words: &'a dyn Words,
    empty: (&'a str, &'a str),
}

impl<'a> Heatmap<'a> {
    pub fn new(id_salt: &'a str, model: &'a HeatmapModel, words: &'a dyn Words) -> Self {
        let empty = (
            "No cells yet",
            "Start a run, and each cell appears here as it is measured.",
        );
        Self {
            id_salt,
            model,
            words,
            empty,
        }
    }

    /// A heading and a hint in place of the grids where the model holds no cell.
    #[must_use]
    pub fn empty(mut self, heading: &'a str, hint: &'a str) -> Self {
        self.empty = (heading, hint);
        self
    }

    pub fn show(self, ui: &mut Ui, selected: &mut Option<CellId>) -> HeatmapOutput {
        let mut output = HeatmapOutput::default();
        if self.model.is_empty() {
            theme::empty_state(ui, ICON_GRID_VIEW, self.empty.0, self.empty.1);
            return output;
        }
        let before = *selected;
        let layout = Layout::of(self.model, ui.available_size());
        let id = ui.make_persistent_id((self.id_salt, "heatmap"));
        let focused = ui.memory(|memory| memory.has_focus(id));
        let mut reveal = false;
        if focused {
            if let Some(by) = pressed(ui) {
                if let Some(next) = self.model.moved(*selected, by, layout.per_line) {
                    *selected = Some(next);
                }
                reveal = true;
            }
            output.copied = self.copy(ui, *selected);
        }
        ScrollArea::both()
            .id_salt((self.id_salt, "scroll"))
            .auto_shrink(false)
            .show(ui, |ui| {
                let (rect, _) = ui.allocate_exact_size(layout.size, Sense::hover());
                let all = ui.interact(rect.intersect(ui.clip_rect()), id, Sense::FOCUSABLE);
                all.widget_info(|| WidgetInfo::labeled(Role::Grid, true, &self.model.name));
                for grid in 0..self.model.grids.len() {
                    output.visible += self.grid(ui, &all, rect.min, &layout, grid, selected);
                }
                if let (true, Some(place)) = (reveal, selected.and_then(|id| self.model.place(id)))
                {
                    let mut cell = layout
                        .rect(place.grid, place.row, place.column)
                        .translate(rect.min.to_vec2());
                    // What is pinned at the edges must not cover it.
                    cell.min -= vec2(layout.side, layout.head);
                    ui.scroll_to_rect(cell.expand(layout::OVERHANG), None);
                }
                ui.memory_mut(|memory| {
                    let arrows = EventFilter {
                        horizontal_arrows: true,
                        vertical_arrows: true,
                        ..Default::default()
                    };
                    memory.set_focus_lock_filter(id, arrows);
                });
            });
        output.changed = *selected != before;
        output
    }

    fn copy(&self, ui: &Ui, selected: Option<CellId>) -> Option<String> {
        let asked = ui.input_mut(|input| {
            let count = input.events.len();
            input.events.retain(|event| !matches!(event, Event::Copy));
            input.events.len() < count
        });
        let cell = self.model.cell(selected?)?;
        asked.then(|| {
            let text = self.model.copy_text(cell, self.words);
            ui.ctx().copy_text(text.clone());
            text
        })
    }

    /// Draws one grid; returns how many of its cells were visible.
    fn grid(
        &self,
        ui: &mut Ui,
        all: &Response,
        origin: Pos2,
        layout: &Layout,
        index: usize,
        selected: &mut Option<CellId>,
    ) -> usize {
        let grid = &self.model.grids[index];
        let body = layout.body(index).translate(origin.to_vec2());
        let whole = Rect::from_min_max(body.min - vec2(layout.side, layout.head), body.max);
        let clip = ui.clip_rect();
        if !whole.expand(layout::OVERHANG).intersects(clip) {
            return 0;
        }
        let pinned = paint::Pinned::new(body, clip, layout);
        let (columns, rows) = layout.visible(index, pinned.cells.translate(-origin.to_vec2()));
        let painter = ui.painter_at(pinned.overhang.intersect(clip));
        let palette = palette(ui);
        let mut marked = None;
        let mut raised = Vec::new();
        let mut drawn = 0;
        for row in rows.clone() {
            for column in columns.clone() {
                let rect = layout.rect(index, row, column).translate(origin.to_vec2());
                let Some(cell) = grid.cell(row, column) else {
                    paint::absent(&painter, rect, palette);
                    continue;
                };
                drawn += 1;
                let response = self.cell(ui, all, rect.intersect(pinned.cells), cell, *selected);
                if chosen(ui, &response) {
                    *selected = Some(cell.id);
                    all.request_focus();
                }
                let is_selected = *selected == Some(cell.id);
                if response.hovered() || (marked.is_none() && is_selected) {
                    marked = Some((row, column));
                }
                paint::cell(
                    &painter,
                    rect,
                    (self.model, cell),
                    palette,
                    response.hovered(),
                );
                if is_selected || cell.best {
                    raised.push((rect, cell.best, is_selected));
                }
                if response.contains_pointer() {
                    response.on_hover_ui(|ui| self.tooltip(ui, cell));
                }
            }
        }
        for (rect, best, is_selected) in raised {
            if is_selected {
                paint::ring(&painter, rect, palette, all.has_focus());
            }
            if best {
                paint::star(&painter, rect, palette);
            }
        }
        let titles = paint::Titles {
            heading: grid.heading.as_deref(),
            x: &self.model.x_title,
            y: &self.model.y_title,
        };
        paint::titles(ui, &pinned, layout, palette, &titles);
        let x = |column| {
            layout
                .rect(index, 0, column)
                .translate(origin.to_vec2())
                .x_range()
        };
        let y = |row| {
            layout
                .rect(index, row, 0)
                .translate(origin.to_vec2())
                .y_range()
        };
        let columns = columns.map(|i| {
            (
                x(i),
                grid.columns[i].as_str(),
                marked.is_some_and(|m| m.1 == i),
            )
        });
        let rows = rows.map(|i| {
            (
                y(i),
                grid.rows[i].as_str(),
                marked.is_some_and(|m| m.0 == i),
            )
        });
        paint::labels(ui, &pinned, palette, columns, rows);
        drawn
    }

    fn cell(
        &self,
        ui: &Ui,
        all: &Response,
        rect: Rect,
        cell: &HeatCell,
        selected: Option<CellId>,
    ) -> Response {
        // Not focusable by itself: Tab would have to pass through every cell. Assistive technology
        // may ask for the focus all the same, see `chosen`.
        let response = ui.interact(rect, cell_widget_id(all.id, cell.id), Sense::CLICK);
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Button, true, self.model.name(cell, self.words))
        });
        let is_selected = selected == Some(cell.id);
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.add_action(Action::Focus);
            if is_selected {
                node.set_selected(true);
            }
        });
        if is_selected {
            ui.ctx().accesskit_node_builder(all.id, |node| {
                node.set_active_descendant(response.id.accesskit_id());
            });
        }
        response
    }

    fn tooltip(&self, ui: &mut Ui, cell: &HeatCell) {
        let palette = palette(ui);
        ui.spacing_mut().interact_size.y = 0.0;
        egui::Frame::new()
            .inner_margin(egui::Margin::symmetric(5, 3))
            .show(ui, |ui| {
                ui.label(
                    RichText::new(self.words.settings(cell.id))
                        .small()
                        .color(palette.text_secondary),
                );
                let best = if cell.best { ", best" } else { "" };
                let steps = self.model.steps_text(cell.id);
                let steps = steps.map(|text| format!(", {text}")).unwrap_or_default();
                let outcome = self.model.outcome(cell) + best + &steps;
                ui.label(RichText::new(outcome).font(font::figures_medium(13.0)));
                let details = self.words.details(cell.id);
                if details.is_empty() {
                    return;
                }
                let table = Grid::new("details").num_columns(2).spacing(vec2(16.0, 3.0));
                table.min_row_height(0.0).show(ui, |ui| {
                    for (label, figure) in details {
                        ui.label(RichText::new(label).small().color(palette.text_secondary));
                        ui.label(RichText::new(figure).font(font::figures(11.0)));
                        ui.end_row();
                    }
                });
            });
    }
}

fn cell_widget_id(heatmap: Id, cell: CellId) -> Id {
    heatmap.with(cell.0)
}

fn chosen(ui: &Ui, response: &Response) -> bool {
    let asked =
        |input: &egui::InputState| input.has_accesskit_action_request(response.id, Action::Focus);
    response.clicked() || ui.input(asked)
}

fn pressed(ui: &Ui) -> Option<Move> {
    const KEYS: [(Modifiers, Key, Move); 8] = [
        (Modifiers::COMMAND, Key::Home, Move::First),
        (Modifiers::COMMAND, Key::End, Move::Last),
        (Modifiers::NONE, Key::Home, Move::RowStart),
        (Modifiers::NONE, Key::End, Move::RowEnd),
        (Modifiers::NONE, Key::ArrowLeft, Move::Left),
        (Modifiers::NONE, Key::ArrowRight, Move::Right),
        (Modifiers::NONE, Key::ArrowUp, Move::Up),
        (Modifiers::NONE, Key::ArrowDown, Move::Down),
    ];
    ui.input_mut(|input| {
        KEYS.into_iter()
            .find(|(modifiers, key, _)| input.consume_key(*modifiers, *key))
            .map(|(_, _, by)| by)
    })
}
