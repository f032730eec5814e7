//! The library: one row a run, in aligned columns.

use std::path::Path;

use egui::{
    Align, Align2, Button, Color32, FontId, Frame, Layout, Margin, Panel, Rect, RichText, Role,
    ScrollArea, Sense, TextEdit, TextStyle, Ui, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons::{
    ICON_CHEVRON_RIGHT, ICON_FOLDER_OPEN, ICON_KEYBOARD_ARROW_DOWN, ICON_REFRESH,
};

use super::{ResultsAction, ResultsPage, manage};
use crate::app::widgets::elided;
use crate::app::{filter_focus, theme};
use crate::board::Layer;
use crate::store::library::{RunSummary, date_text, kind_text, origin_text};
use crate::store::read::Origin;

const ROW_HEIGHT: f32 = 48.0;
const SIDE: f32 = 16.0;
const DATE_WIDTH: f32 = 88.0;
const BEST_WIDTH: f32 = 92.0;
const GAP: f32 = 12.0;

/// A run with everything that its row shows, ready to draw.
#[derive(Debug)]
pub(super) struct RunItem {
    summary: RunSummary,
    title: String,
    subtitle: String,
    day: String,
    time: String,
    best: String,
    cells: String,
    /// What a screen reader says and a test looks for.
    name: String,
    /// Everything that the filter searches, in lower case.
    haystack: String,
}

impl RunItem {
    pub(super) fn new(summary: RunSummary) -> Self {
        let title = summary.note.name.clone().unwrap_or_else(|| {
            let kind = summary.kind.map(|kind| kind_text(kind).to_owned());
            kind.unwrap_or_else(|| summary.name.clone())
        });
        let (day, time) = summary.date.map(date_text).map_or_else(
            || ("-".to_owned(), String::new()),
            |text| match text.split_once(", ") {
                Some((day, time)) => (day.to_owned(), time.to_owned()),
                None => (text, String::new()),
            },
        );
        let best = summary.best.as_ref().map_or_else(
            || "-".to_owned(),
            |best| Layer::Throughput.precise(best.throughput_tps),
        );
        let cells = match summary.total {
            _ if summary.origin.is_none() => String::new(),
            Some(total) => format!("{} of {total} cells", summary.done),
            None if summary.done == 1 => "1 cell".to_owned(),
            None => format!("{} cells", summary.done),
        };
        let mut item = Self {
            subtitle: subtitle(&summary),
            title,
            day,
            time,
            best,
            cells,
            name: String::new(),
            haystack: String::new(),
            summary,
        };
        item.name = item.describe();
        let best_text = item.summary.best.as_ref().map(|best| best.text.as_str());
        item.haystack = format!(
            "{} {} {} {} {} {}",
            item.name,
            item.summary.note.note.as_deref().unwrap_or_default(),
            item.summary.kind.map(kind_text).unwrap_or_default(),
            item.summary.name,
            item.summary.model.as_deref().unwrap_or_default(),
            best_text.unwrap_or_default()
        )
        .to_lowercase();
        item
    }

    pub(super) fn is_of(&self, path: &Path) -> bool {
        self.summary.path == path
    }

    pub(super) fn matches(&self, word: &str) -> bool {
        self.haystack.contains(word)
    }

    fn describe(&self) -> String {
        let mut parts = vec![self.title.clone(), self.subtitle.clone()];
        if self.summary.date.is_some() {
            parts.push(format!("{} {}", self.day, self.time));
        }
        if let Some(best) = &self.summary.best {
            parts.push(format!("best {} tokens/s", self.best));
            if best.repeats > 1 {
                parts.push(format!("mean of {} repeats", best.repeats));
            }
        }
        if self.summary.origin.is_some() {
            parts.push(self.cells.clone());
        }
        if self.summary.unfinished {
            parts.push("unfinished".to_owned());
        }
        parts.retain(|part| !part.is_empty());
        parts.join(", ")
    }
}

/// What is wrong with the run, else what was measured on what.
fn subtitle(summary: &RunSummary) -> String {
    if let Some(problem) = &summary.problem {
        return problem.clone();
    }
    // The organisation says little, and there is little room.
    let short = |label: &'_ str| label.rsplit('/').next().unwrap_or(label).to_owned();
    let model = summary.model.as_deref().map(short);
    let known: Vec<String> = model.into_iter().chain(summary.chip.clone()).collect();
    match summary.origin {
        _ if !known.is_empty() => known.join(" · "),
        Some(Origin::Ours) | None => summary.name.clone(),
        Some(origin) => origin_text(origin).to_owned(),
    }
}

/// Draws the list; `true` when the filter was edited.
pub(super) fn show(ui: &mut Ui, page: &mut ResultsPage, actions: &mut Vec<ResultsAction>) -> bool {
    let filter_changed = header(ui, page, actions);
    if !page.trashed.is_empty() {
        Panel::bottom("moved to trash")
            .frame(Frame::new().inner_margin(Margin::symmetric(SIDE as i8, 8)))
            .show(ui, |ui| manage::undo_strip(ui, &page.trashed, actions));
    }
    if !page.examples.is_empty() {
        Panel::bottom("examples")
            .resizable(false)
            .frame(Frame::new().inner_margin(Margin::symmetric(0, 6)))
            .show(ui, |ui| examples(ui, page, actions));
    }
    let Some(runs) = &page.runs else {
        super::quiet(ui, "Looking for runs...");
        return false;
    };
    if runs.is_empty() {
        match &page.folder_problem {
            Some(problem) => bad_folder(ui, problem, actions),
            None => no_runs_yet(ui, actions),
        }
        return false;
    }
    if page.visible.is_empty() {
        super::quiet(ui, "No run matches the filter");
        return filter_changed;
    }
    captions(ui);
    let selected = page.selected();
    let mut clicked = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().auto_shrink(false).show_rows(
        ui,
        ROW_HEIGHT,
        page.visible.len(),
        |ui, rows| {
            for item in page.visible[rows].iter().filter_map(|i| runs.get(*i)) {
                let chosen = selected == Some(item.summary.path.as_path());
                if row(ui, item, chosen) {
                    clicked = Some(item.summary.path.clone());
                }
            }
        },
    );
    actions.extend(clicked.map(ResultsAction::Open));
    filter_changed
}

/// Folded away where there are runs of one's own, until the user wants it otherwise.
fn examples(ui: &mut Ui, page: &mut ResultsPage, actions: &mut Vec<ResultsAction>) {
    let open = page.examples_open.unwrap_or_else(|| page.is_empty());
    let icon = if open {
        ICON_KEYBOARD_ARROW_DOWN
    } else {
        ICON_CHEVRON_RIGHT
    };
    Frame::new()
        .inner_margin(Margin::symmetric(SIDE as i8 - 4, 0))
        .show(ui, |ui| {
            let text = RichText::new("Examples").color(ui.visuals().weak_text_color());
            let fold = Button::new((icon.rich_text(), text)).frame(false);
            let fold = ui
                .add(fold)
                .on_hover_text("Real runs that came with the app")
                .accessible_name("Examples");
            if fold.clicked() {
                page.examples_open = Some(!open);
            }
        });
    if !open {
        return;
    }
    let selected = page.selected();
    ui.spacing_mut().item_spacing.y = 0.0;
    for item in &page.examples {
        let chosen = selected == Some(item.summary.path.as_path());
        if row(ui, item, chosen) {
            actions.push(ResultsAction::Open(item.summary.path.clone()));
        }
    }
}

fn header(ui: &mut Ui, page: &mut ResultsPage, actions: &mut Vec<ResultsAction>) -> bool {
    let mut changed = false;
    egui::Frame::new()
        .inner_margin(egui::Margin {
            left: SIDE as i8,
            right: SIDE as i8,
            top: 16,
            bottom: 10,
        })
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.heading("Results");
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let open = ui
                        .add(Button::new((ICON_FOLDER_OPEN.rich_text(), "Open...")))
                        .on_hover_text("Open a CSV of this app or of an older lab")
                        .accessible_name("Open results...");
                    if open.clicked() {
                        actions.push(ResultsAction::OpenFile);
                    }
                    if theme::icon_button(ui, ICON_REFRESH, "Refresh").clicked() {
                        actions.push(ResultsAction::Refresh);
                    }
                });
            });
            ui.add_space(8.0);
            let field = TextEdit::singleline(&mut page.filter)
                .hint_text("Filter by kind, model, chip or date")
                .desired_width(f32::INFINITY)
                .margin(vec2(8.0, 5.0));
            let field = ui.add(field).accessible_name("Filter runs");
            if !page.table_wants_filter(ui.ctx()) {
                filter_focus::claim(&field);
            }
            changed = field.changed();
        });
    changed
}

/// The results folder cannot be read, or its disk is not there.
fn bad_folder(ui: &mut Ui, problem: &str, actions: &mut Vec<ResultsAction>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.25);
        ui.set_max_width(280.0);
        ui.label(egui::RichText::new("No results folder").strong().size(15.0));
        ui.add_space(6.0);
        ui.weak(problem);
        ui.add_space(12.0);
        if ui.button("Choose another folder...").clicked() {
            actions.push(ResultsAction::ChooseFolder);
        }
        if ui.button("Open a results file...").clicked() {
            actions.push(ResultsAction::OpenFile);
        }
    });
}

fn no_runs_yet(ui: &mut Ui, actions: &mut Vec<ResultsAction>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.25);
        ui.set_max_width(260.0);
        ui.label(egui::RichText::new("No runs yet").strong().size(15.0));
        ui.add_space(6.0);
        ui.weak(
            "Start one on the Run page: it appears here with its first cell. \
             A quick run takes about a minute.",
        );
        ui.add_space(12.0);
        if ui.button("Open a results file...").clicked() {
            actions.push(ResultsAction::OpenFile);
        }
    });
}

/// Where a row's columns end, from the right.
struct Columns {
    title: Rect,
    date_right: f32,
    best_right: f32,
}

impl Columns {
    fn of(rect: Rect) -> Self {
        let best_right = rect.right() - SIDE;
        let date_right = best_right - BEST_WIDTH - GAP;
        let title_right = date_right - DATE_WIDTH - GAP;
        Self {
            title: Rect::from_min_max(
                pos2(rect.left() + SIDE, rect.top()),
                pos2(title_right, rect.bottom()),
            ),
            date_right,
            best_right,
        }
    }
}

fn captions(ui: &mut Ui) {
    let size = vec2(ui.available_width(), 22.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let columns = Columns::of(rect);
    let font = TextStyle::Small.resolve(ui.style());
    let color = ui.visuals().weak_text_color();
    let y = rect.center().y;
    let painter = ui.painter();
    let left = pos2(columns.title.left(), y);
    painter.text(left, Align2::LEFT_CENTER, "Run", font.clone(), color);
    let date = pos2(columns.date_right, y);
    painter.text(date, Align2::RIGHT_CENTER, "Date", font.clone(), color);
    let best = pos2(columns.best_right, y);
    painter.text(best, Align2::RIGHT_CENTER, "Best tokens/s", font, color);
    let line = ui.visuals().widgets.noninteractive.bg_stroke;
    painter.hline(rect.x_range(), rect.bottom(), line);
}

/// Draws one run; `true` when it was clicked.
fn row(ui: &mut Ui, item: &RunItem, selected: bool) -> bool {
    let size = vec2(ui.available_width(), ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &item.name));
    if ui.is_rect_visible(rect) {
        let visuals = ui.visuals();
        let back = rect.shrink2(vec2(6.0, 1.0));
        if selected {
            let fill = visuals.selection.bg_fill.gamma_multiply(0.35);
            ui.painter().rect_filled(back, 6.0, fill);
        } else if response.hovered() || response.has_focus() {
            let fill = visuals.widgets.hovered.weak_bg_fill.gamma_multiply(0.5);
            ui.painter().rect_filled(back, 6.0, fill);
        }
        texts(ui, item, rect);
    }
    response.on_hover_text(&item.name).clicked()
}

fn texts(ui: &Ui, item: &RunItem, rect: Rect) {
    let visuals = ui.visuals();
    let (strong, weak) = (visuals.strong_text_color(), visuals.weak_text_color());
    let body = TextStyle::Body.resolve(ui.style());
    let small = TextStyle::Small.resolve(ui.style());
    let columns = Columns::of(rect);
    let (first, second) = (rect.top() + 16.0, rect.top() + 33.0);
    let subtitle_color = match item.summary.problem {
        Some(_) => visuals.warn_fg_color,
        None => weak,
    };
    let painter = ui.painter();
    let right = |x: f32, y: f32, text: &str, font: &FontId, color: Color32| {
        painter.text(pos2(x, y), Align2::RIGHT_CENTER, text, font.clone(), color)
    };
    let left = |y: f32, right: f32, text: &str, font: &FontId, color: Color32| {
        let width = right - columns.title.left();
        let galley = elided::galley(painter, text, font, color, width, 1);
        let at = pos2(columns.title.left(), y - galley.size().y / 2.0);
        painter.galley(at, galley, color);
    };
    right(
        columns.date_right,
        first,
        &item.day,
        &body,
        visuals.text_color(),
    );
    let time = right(columns.date_right, second, &item.time, &small, weak);
    left(first, columns.title.right(), &item.title, &body, strong);
    // A model's name is longer than a kind's, and the time shorter than the day. Without room for
    // the chip as well, the name alone: runs differ in it more often.
    let room = time.left() - GAP;
    let whole = painter.layout_no_wrap(item.subtitle.clone(), small.clone(), subtitle_color);
    let fits = columns.title.left() + whole.size().x <= room;
    let subtitle = match item.subtitle.split_once(" · ") {
        Some((model, _)) if !fits => model,
        _ => &item.subtitle,
    };
    left(second, room, subtitle, &small, subtitle_color);
    right(columns.best_right, first, &item.best, &body, strong);
    let cells_color = if item.summary.unfinished {
        visuals.warn_fg_color
    } else {
        weak
    };
    right(columns.best_right, second, &item.cells, &small, cells_color);
}
