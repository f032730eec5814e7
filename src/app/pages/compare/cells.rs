//! The matched cells as a table, sorted by any column.

use std::cmp::Ordering;

use egui::{Align, Button, Label, Layout, Rect, Response, RichText, Role, Sense, Ui, WidgetInfo};
use egui::{Align2, Shape, Stroke, Vec2, pos2, vec2};
use egui_extras::{Column, TableBuilder};
use egui_material_icons::icons::ICON_CONTENT_COPY;

use super::CompareAction;
use super::runs::mark;
use super::shown::{Choices, Shown, measure};
use crate::app::theme::{self, font, palette, space};
use crate::board::Coordinate;
use crate::compare::render::{letter, note};
use crate::compare::{Comparison, Delta, Measure, Overlap, percent_text};

const ROW_HEIGHT: f32 = 26.0;
const HEADER_HEIGHT: f32 = 34.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Setting,
    Figure(usize),
    /// Of the figure before it.
    Interval,
    Delta,
    /// "faster", "no difference shown".
    Verdict,
    Note,
}

#[derive(Debug)]
struct TableColumn {
    kind: Kind,
    /// The run that it is about.
    run: Option<usize>,
    /// "Concurrency", "B vs A".
    name: String,
    unit: String,
    width: f32,
}

/// What a column sorts a row by.
#[derive(Debug)]
enum Key {
    Setting(Coordinate),
    Figure(Option<f64>),
    Word(String),
}

impl Key {
    fn is_absent(&self) -> bool {
        match self {
            Self::Setting(_) => false,
            Self::Figure(figure) => figure.is_none(),
            Self::Word(word) => word.is_empty(),
        }
    }

    /// Keys of one column are of one kind.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Setting(a), Self::Setting(b)) => a.cmp(b),
            (Self::Figure(Some(a)), Self::Figure(Some(b))) => a.total_cmp(b),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

#[derive(Debug)]
struct TableCell {
    text: String,
    key: Key,
    /// The intervals overlap.
    even: bool,
}

#[derive(Debug)]
struct TableRow {
    /// What a screen reader says.
    name: String,
    cells: Vec<TableCell>,
}

/// Ready to draw.
#[derive(Debug)]
pub(super) struct CellTable {
    columns: Vec<TableColumn>,
    rows: Vec<TableRow>,
    /// Positions in `rows`, in the order shown.
    order: Vec<usize>,
    /// What the intervals stand on.
    about_intervals: &'static str,
}

impl CellTable {
    pub(super) fn new(comparison: &Comparison, choices: &Choices) -> Self {
        let measure = measure(choices);
        let runs = 0..comparison.runs().len();
        // Each figure is worked out once, over the repeats of its cell.
        let deltas: Vec<Vec<Delta>> = comparison
            .cells()
            .iter()
            .map(|cell| {
                let deltas = runs.clone();
                let deltas = deltas.map(|run| comparison.delta(cell, choices.base, run, &measure));
                deltas.collect()
            })
            .collect();
        let mut table = Self {
            columns: columns(comparison, choices, &deltas),
            rows: Vec::with_capacity(comparison.cells().len()),
            order: Vec::new(),
            about_intervals: comparison.about_intervals(&measure),
        };
        for (cell, deltas) in comparison.cells().iter().zip(&deltas) {
            let mut cells = Vec::with_capacity(table.columns.len());
            for axis in comparison.shown_axes() {
                let coordinate = cell.coordinate(axis);
                cells.push(TableCell {
                    text: coordinate.to_string(),
                    key: Key::Setting(coordinate.clone()),
                    even: false,
                });
            }
            for (run, delta) in deltas.iter().enumerate() {
                let even = run != choices.base && delta.overlap == Overlap::Overlaps;
                for column in table
                    .columns
                    .iter()
                    .filter(|column| column.run == Some(run))
                {
                    let (text, key) = content(column.kind, delta, &measure);
                    let even = even && column.kind == Kind::Delta;
                    cells.push(TableCell { text, key, even });
                }
            }
            let word = note(cell);
            cells.push(TableCell {
                text: word.clone(),
                key: Key::Word(word),
                even: false,
            });
            let name = format!("Cell {}", comparison.label(cell));
            table.rows.push(TableRow { name, cells });
        }
        table.sort(choices.sort);
        table
    }

    pub(super) fn column_name(&self, position: usize) -> Option<&str> {
        let column = self.columns.get(position)?;
        Some(&column.name)
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Rows without a value in that column stand last, whichever way the others are sorted.
    pub(super) fn sort(&mut self, by: Option<(usize, bool)>) {
        self.order = (0..self.rows.len()).collect();
        let Some((column, ascending)) = by.filter(|(column, _)| *column < self.columns.len())
        else {
            return;
        };
        let rows = &self.rows;
        self.order.sort_by(|a, b| {
            let (a, b) = (&rows[*a].cells[column].key, &rows[*b].cells[column].key);
            let order = a.compare(b);
            let directed = if ascending { order } else { order.reverse() };
            a.is_absent().cmp(&b.is_absent()).then(directed)
        });
    }

    /// Everything in the order shown, parted by tabs, for a spreadsheet.
    pub(super) fn copy_text(&self) -> String {
        let header = self
            .columns
            .iter()
            .map(|column| match column.unit.as_str() {
                "" => column.name.clone(),
                unit => format!("{} ({unit})", column.name),
            });
        let mut lines = vec![header.collect::<Vec<_>>().join("\t")];
        lines.extend(self.order.iter().map(|row| {
            let cells = self.rows[*row].cells.iter().zip(&self.columns);
            // Without the comma between thousands, which may be taken for a decimal one.
            let cells = cells.map(|(cell, column)| match column.kind {
                Kind::Figure(_) | Kind::Interval => cell.text.replace(',', ""),
                _ => cell.text.clone(),
            });
            cells.collect::<Vec<_>>().join("\t")
        }));
        lines.join("\n") + "\n"
    }

    #[cfg(test)]
    pub(super) fn texts(&self, column: &str) -> Vec<&str> {
        let position = self.column(column);
        let position = position.expect("the table has that column");
        let rows = self.order.iter();
        rows.map(|row| self.rows[*row].cells[position].text.as_str())
            .collect()
    }
}

fn content(kind: Kind, delta: &Delta, measure: &Measure) -> (String, Key) {
    let figure = |text: Option<String>, key| (text.unwrap_or_default(), Key::Figure(key));
    match kind {
        Kind::Interval => {
            let shown = delta.other.filter(|figure| figure.interval.is_some());
            let width = shown
                .and_then(|figure| figure.interval)
                .map(|i| i.high - i.low);
            figure(shown.and_then(|figure| measure.reach_text(&figure)), width)
        }
        Kind::Delta => figure(delta.percent.map(percent_text), delta.percent),
        Kind::Verdict => {
            let word = delta.verdict_text(measure).unwrap_or_default();
            (word.clone(), Key::Word(word))
        }
        _ => {
            let mean = delta.other.map(|figure| figure.mean);
            figure(mean.map(|mean| measure.text(mean)), mean)
        }
    }
}

/// `deltas` are of each cell, one a run.
fn columns(comparison: &Comparison, choices: &Choices, deltas: &[Vec<Delta>]) -> Vec<TableColumn> {
    let axes = comparison.shown_axes().into_iter().map(|axis| {
        let name = axis.dimension().to_string();
        TableColumn {
            kind: Kind::Setting,
            run: None,
            // Inter at 11 points, with the arrow and the margins.
            width: (name.chars().count() as f32 * 6.2 + 34.0).max(76.0),
            name,
            unit: String::new(),
        }
    });
    let mut columns: Vec<TableColumn> = axes.collect();
    let measure = measure(choices);
    for run in 0..comparison.runs().len() {
        let (this, base) = (letter(run), letter(choices.base));
        let mut push = |kind, name: String, unit: &str, width| {
            columns.push(TableColumn {
                kind,
                run: Some(run),
                name,
                unit: unit.to_owned(),
                width,
            });
        };
        let unit = choices.layer.unit();
        push(Kind::Figure(run), this.to_string(), unit, 106.0);
        let figures = deltas.iter().filter_map(|cell| cell[run].other);
        let reaches = figures.filter_map(|figure| measure.reach_text(&figure));
        let longest = reaches.map(|text| text.chars().count()).max();
        if let Some(longest) = longest {
            // Inter's figures at 13 points, with the margins.
            let width = (longest as f32 * 7.4 + 20.0).max(72.0);
            push(Kind::Interval, format!("{this} 95 %"), unit, width);
        }
        if run != choices.base {
            push(Kind::Delta, format!("{this} vs {base}"), "%", 94.0);
            let mut deltas = deltas.iter().map(|cell| &cell[run]);
            let known = deltas.any(|delta| delta.overlap != Overlap::Unknown);
            if known {
                push(Kind::Verdict, format!("{this} is"), "", 136.0);
            }
        }
    }
    columns.push(TableColumn {
        kind: Kind::Note,
        run: None,
        name: "Note".to_owned(),
        unit: String::new(),
        width: 130.0,
    });
    columns
}

impl Shown {
    pub(super) fn show_cells(
        &mut self,
        ui: &mut Ui,
        choices: &mut Choices,
        actions: &mut Vec<CompareAction>,
    ) {
        let mut changed = false;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let copy = Button::new((ICON_CONTENT_COPY.rich_text(), "Copy table"));
                let copy = ui.add(copy).accessible_name("Copy table");
                if copy
                    .on_hover_text("Copy every row, to paste into a spreadsheet")
                    .clicked()
                {
                    actions.push(CompareAction::CopyText(self.table.copy_text()));
                }
                // In what room the button leaves.
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    changed |= self.choose_layer(ui, choices);
                    ui.add_space(space::S);
                    theme::caption(ui, self.table.about_intervals);
                });
            });
        });
        ui.add_space(space::S);
        if let Some(column) = self.rows(ui, choices.sort) {
            // Figures from their greatest on, settings from their least.
            let first = matches!(
                self.table.columns[column].kind,
                Kind::Setting | Kind::Verdict | Kind::Note
            );
            choices.sort = Some(match choices.sort {
                Some((sorted, ascending)) if sorted == column => (column, !ascending),
                _ => (column, first),
            });
            self.table.sort(choices.sort);
        }
        if changed {
            self.update(choices);
        }
    }

    /// The column whose header was clicked.
    fn rows(&self, ui: &mut Ui, sorted: Option<(usize, bool)>) -> Option<usize> {
        let table = &self.table;
        let mut clicked = None;
        egui::ScrollArea::horizontal().show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
            let mut builder = TableBuilder::new(ui)
                .id_salt("matched cells")
                .striped(false)
                .auto_shrink(false)
                .min_scrolled_height(60.0)
                .cell_layout(Layout::right_to_left(Align::Center));
            for column in &table.columns {
                builder = builder.column(match column.kind {
                    Kind::Note => Column::remainder().at_least(column.width).clip(true),
                    _ => Column::exact(column.width).clip(true),
                });
            }
            builder
                .header(HEADER_HEIGHT, |mut header| {
                    for (number, column) in table.columns.iter().enumerate() {
                        let up = sorted.filter(|(c, _)| *c == number).map(|(_, up)| up);
                        header.col(|ui| {
                            if self.header(ui, column, up).clicked() {
                                clicked = Some(number);
                            }
                        });
                    }
                })
                .body(|body| {
                    body.rows(ROW_HEIGHT, table.order.len(), |mut row| {
                        let Some(&position) = table.order.get(row.index()) else {
                            return;
                        };
                        let shown = &table.rows[position];
                        for (cell, column) in shown.cells.iter().zip(&table.columns) {
                            row.col(|ui| text(ui, cell, column.kind));
                        }
                        row.response()
                            .widget_info(|| WidgetInfo::labeled(Role::Row, true, &shown.name));
                    });
                });
        });
        clicked
    }

    fn header(&self, ui: &mut Ui, column: &TableColumn, sorted: Option<bool>) -> Response {
        let palette = palette(ui);
        let rect = ui.max_rect();
        let id = ui.scope_id().with(("sort by", &column.name));
        let response = ui.interact(rect, id, Sense::click());
        let described = match column.unit.as_str() {
            "" => format!("Sort by {}", column.name),
            unit => format!("Sort by {} ({unit})", column.name),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &described));
        let colour = if sorted.is_some() || response.hovered() {
            palette.text
        } else {
            palette.text_secondary
        };
        let left = matches!(column.kind, Kind::Note | Kind::Verdict);
        let y = rect.center().y;
        let inner = rect.shrink2(vec2(10.0, 0.0));
        let painter = ui.painter();
        let small = font::medium(11.0);
        let text = match column.kind {
            Kind::Figure(_) => column.unit.clone(),
            Kind::Delta => format!("{} %", column.name),
            Kind::Interval => "95 %".to_owned(),
            _ => column.name.clone(),
        };
        let drawn = if left {
            painter.text(
                pos2(inner.left(), y),
                Align2::LEFT_CENTER,
                text,
                small,
                colour,
            )
        } else {
            painter.text(
                pos2(inner.right(), y),
                Align2::RIGHT_CENTER,
                text,
                small,
                colour,
            )
        };
        painter.hline(
            rect.x_range(),
            rect.bottom() - 0.5,
            Stroke::new(1.0, palette.hairline),
        );
        let mut x = if left {
            drawn.right() + 8.0
        } else {
            drawn.left() - 8.0
        };
        if let Kind::Figure(run) = column.kind {
            let at = Rect::from_center_size(pos2(drawn.left() - 15.0, y), Vec2::splat(18.0));
            let place = egui::UiBuilder::new().max_rect(at);
            ui.scope_builder(place, |ui| mark(ui, run, self.colours[run]));
            x = at.left() - 8.0;
        }
        if let Some(ascending) = sorted {
            let arrow = Rect::from_center_size(pos2(x, y), Vec2::splat(6.0));
            let points = if ascending {
                vec![
                    arrow.left_bottom(),
                    arrow.right_bottom(),
                    arrow.center_top(),
                ]
            } else {
                vec![arrow.left_top(), arrow.right_top(), arrow.center_bottom()]
            };
            let shape = Shape::convex_polygon(points, palette.text, Stroke::NONE);
            ui.painter().add(shape);
        }
        response
    }
}

fn text(ui: &mut Ui, cell: &TableCell, kind: Kind) {
    let palette = palette(ui);
    let (font, colour) = match kind {
        Kind::Delta if cell.even => (font::figures(13.0), palette.text_tertiary),
        Kind::Delta => (font::figures_medium(13.0), palette.text),
        Kind::Figure(_) => (font::figures(13.0), palette.text),
        Kind::Setting | Kind::Interval => (font::figures(13.0), palette.text_secondary),
        Kind::Verdict | Kind::Note => (egui::FontId::proportional(11.0), palette.text_secondary),
    };
    let label = Label::new(RichText::new(&cell.text).font(font).color(colour));
    let label = label.selectable(false);
    if matches!(kind, Kind::Note | Kind::Verdict) {
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add_space(10.0);
            ui.add(label.truncate());
        });
        return;
    }
    ui.add_space(10.0);
    let response = ui.add(label);
    if cell.even {
        response.on_hover_text("The 95 % intervals overlap: no difference is shown");
    }
}
