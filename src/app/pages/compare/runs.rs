//! The runs that are compared, and how one comes to be among them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::containers::menu::MenuButton;
use egui::{
    Align, Align2, Button, CornerRadius, Frame, Label, Layout, Margin, Response, RichText, Role,
    ScrollArea, Sense, Stroke, TextWrapMode, Ui, WidgetInfo, vec2,
};
use egui_material_icons::icons::{
    ICON_ADD, ICON_CLOSE, ICON_COMPARE_ARROWS, ICON_FOLDER_OPEN, ICON_VERTICAL_ALIGN_TOP,
};

use super::{CompareAction, ComparePage};
use crate::app::theme::{
    self, Tone, badge, caption, colour_map, font, icon_button, palette, rounding, space,
};
use crate::board::Layer;
use crate::compare::render::letter;
use crate::compare::{ComparedRun, MOST_RUNS};
use crate::store::library::{RunSummary, date_text, kind_text, origin_text};

#[derive(Debug)]
pub(super) enum SlotState {
    Loading,
    Ready(Arc<ComparedRun>),
    /// It cannot be compared, in words.
    Failed(String),
}

/// A run on the page.
#[derive(Debug)]
pub(super) struct Slot {
    pub path: PathBuf,
    /// Index into the palette's series; it stays with the run.
    pub colour: usize,
    pub state: SlotState,
    name: String,
    /// "Full sweep", else the name.
    title: String,
    /// Model and chip, or which lab wrote it.
    subject: String,
    date: String,
}

impl Slot {
    pub(super) fn loading(path: &Path, colour: usize) -> Self {
        let name = path.file_stem().unwrap_or_default();
        Self {
            path: path.to_owned(),
            colour,
            state: SlotState::Loading,
            name: name.to_string_lossy().into_owned(),
            title: name.to_string_lossy().into_owned(),
            subject: String::new(),
            date: String::new(),
        }
    }

    pub(super) fn set(&mut self, run: Result<Arc<ComparedRun>, String>) {
        match run {
            Ok(run) => {
                let fact = |name: &str| {
                    let found = run.run.facts.iter().find(|fact| fact.name == name);
                    found.map(|fact| fact.value.clone())
                };
                let short = |model: String| match model.rsplit_once('/') {
                    Some((_, model)) => model.to_owned(),
                    None => model,
                };
                let known: Vec<String> = fact("Model")
                    .map(short)
                    .into_iter()
                    .chain(fact("Chip"))
                    .collect();
                self.subject = if known.is_empty() {
                    origin_text(run.run.origin).to_owned()
                } else {
                    known.join(" · ")
                };
                if let Some(kind) = run.run.kind {
                    kind_text(kind).clone_into(&mut self.title);
                }
                self.date = fact("Date").unwrap_or_default();
                self.state = SlotState::Ready(run);
            }
            Err(why) => self.state = SlotState::Failed(why),
        }
    }

    pub(super) fn run(&self) -> Option<&Arc<ComparedRun>> {
        match &self.state {
            SlotState::Ready(run) => Some(run),
            SlotState::Loading | SlotState::Failed(_) => None,
        }
    }
}

/// A run of the library, ready to be listed.
#[derive(Debug)]
pub(super) struct Choice {
    path: PathBuf,
    title: String,
    detail: String,
}

impl Choice {
    /// `None` where there is nothing to compare.
    pub(super) fn of(run: &RunSummary) -> Option<Self> {
        let best = run.best.as_ref()?;
        let kind = run
            .kind
            .map_or_else(|| run.name.clone(), |k| kind_text(k).to_owned());
        let parts = run
            .model
            .iter()
            .cloned()
            .chain(
                run.origin
                    .filter(|_| run.model.is_none())
                    .map(|o| origin_text(o).to_owned()),
            )
            .chain([Layer::Throughput.with_unit(best.throughput_tps)]);
        Some(Self {
            path: run.path.clone(),
            title: match run.date {
                Some(date) => format!("{kind}, {}", date_text(date)),
                None => kind,
            },
            detail: parts.collect::<Vec<_>>().join(" · "),
        })
    }
}

/// Two runs that belong together.
#[derive(Debug)]
pub(super) struct Suggestion {
    /// The earlier one first, as the base.
    paths: [PathBuf; 2],
    text: String,
}

impl Suggestion {
    /// The latest two of one model and kind, else of one model; `runs` are newest first.
    pub(super) fn of(runs: &[RunSummary]) -> Option<Self> {
        let usable = || {
            runs.iter()
                .filter(|run| run.best.is_some() && run.model.is_some())
        };
        let pair = |alike: &dyn Fn(&RunSummary, &RunSummary) -> bool| {
            usable().enumerate().find_map(|(position, later)| {
                let earlier = usable().skip(position + 1).find(|run| alike(later, run))?;
                Some((earlier, later))
            })
        };
        let (earlier, later) = pair(&|a, b| a.model == b.model && a.kind == b.kind)
            .or_else(|| pair(&|a, b| a.model == b.model))?;
        let model = later.model.as_deref().unwrap_or_default();
        let model = model.rsplit('/').next().unwrap_or(model);
        Some(Self {
            paths: [earlier.path.clone(), later.path.clone()],
            text: format!("Compare the latest two runs of {model}"),
        })
    }
}

/// What stands there while nothing is compared.
pub(super) fn empty(ui: &mut Ui, page: &mut ComparePage, actions: &mut Vec<CompareAction>) {
    let room = ui.available_height();
    let above = (room - 210.0).max(120.0) / 2.0 + 60.0;
    ui.allocate_ui(vec2(ui.available_width(), above), |ui| {
        ui.add_space((above - 96.0).max(0.0));
        theme::empty_state(
            ui,
            ICON_COMPARE_ARROWS,
            "No runs to compare",
            "Put two to eight runs side by side: how far their cells are apart, and what else differs.",
        );
    });
    ui.add_space(space::L);
    ui.vertical_centered(|ui| {
        if let Some(suggestion) = &page.suggestion {
            if theme::primary_button(ui, &suggestion.text).clicked() {
                let paths = suggestion.paths.clone();
                actions.extend(paths.into_iter().filter_map(|path| add(page, path)));
                return;
            }
            ui.add_space(space::XS);
        }
        let open = Button::new((ICON_FOLDER_OPEN.rich_text(), "Open results to compare..."));
        if ui
            .add(open)
            .on_hover_text("Choose CSV files of this app or of an older lab")
            .accessible_name("Open results to compare...")
            .clicked()
        {
            actions.push(CompareAction::OpenFile);
        }
        ui.add_space(space::XS);
        add_menu(ui, page, actions);
    });
}

fn add(page: &mut ComparePage, path: PathBuf) -> Option<CompareAction> {
    page.add(&path).then_some(CompareAction::Load(path))
}

/// While fewer than two runs are there, or cells are matched.
pub(super) fn not_yet(ui: &mut Ui, slots: &[Slot]) {
    let ready = slots.iter().filter(|slot| slot.run().is_some()).count();
    let waits = slots
        .iter()
        .any(|slot| matches!(slot.state, SlotState::Loading));
    let (heading, hint) = match (ready, waits) {
        (_, true) => ("Reading runs...", ""),
        (0 | 1, false) => (
            "One more run",
            "Add a second run on the left to compare it with.",
        ),
        _ => ("Matching cells...", ""),
    };
    theme::empty_state(ui, ICON_COMPARE_ARROWS, heading, hint);
}

fn add_menu(ui: &mut Ui, page: &mut ComparePage, actions: &mut Vec<CompareAction>) {
    if page.library.is_empty() {
        return;
    }
    let button = Button::new((ICON_ADD.rich_text(), "Add run"));
    let mut chosen = None;
    let (response, _) = MenuButton::from_button(button).ui(ui, |ui| {
        ui.set_width(360.0);
        ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
            for choice in &page.library {
                if page.slots.iter().any(|slot| slot.path == choice.path) {
                    continue;
                }
                let text = format!("{}\n{}", choice.title, choice.detail);
                let line = Button::new(RichText::new(text).small());
                let line = line.wrap_mode(TextWrapMode::Extend);
                let line = ui
                    .add(line.min_size(vec2(340.0, 0.0)))
                    .accessible_name(format!("{}, {}", choice.title, choice.detail));
                if line.clicked() {
                    chosen = Some(choice.path.clone());
                    ui.close();
                }
            }
        });
    });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Add run"));
    actions.extend(chosen.and_then(|path| add(page, path)));
}

pub(super) fn list(ui: &mut Ui, page: &mut ComparePage, actions: &mut Vec<CompareAction>) {
    ui.horizontal(|ui| {
        theme::section_heading(ui, "Runs");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, ICON_FOLDER_OPEN, "Open results to compare...").clicked() {
                actions.push(CompareAction::OpenFile);
            }
            if page.slots.len() < MOST_RUNS {
                add_menu(ui, page, actions);
            }
        });
    });
    ui.add_space(space::S);
    let mut asked = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        // What cannot be compared has no letter.
        let mut letters = 0..MOST_RUNS;
        for (position, slot) in page.slots.iter().enumerate() {
            let failed = matches!(slot.state, SlotState::Failed(_));
            let letter = if failed { None } else { letters.next() };
            asked = item(ui, position, letter, slot).or(asked.take());
            ui.add_space(space::XS);
        }
        if let Some(refused) = &page.refused {
            let text = RichText::new(refused).small().color(palette(ui).warning);
            ui.add(Label::new(text).wrap());
        }
    });
    actions.extend(match asked {
        Some(Asked::Remove(position)) => page.remove(position),
        Some(Asked::Base(position)) => page.make_base(position),
        None => None,
    });
}

enum Asked {
    Remove(usize),
    Base(usize),
}

fn item(ui: &mut Ui, position: usize, letter: Option<usize>, slot: &Slot) -> Option<Asked> {
    let palette = palette(ui);
    let mut asked = None;
    Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.hairline))
        .corner_radius(CornerRadius::same(rounding::CARD))
        .inner_margin(Margin::symmetric(10, 8))
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.spacing_mut().item_spacing.x = 2.0;
                    let name = format!("Remove {}", slot.name);
                    if icon_button(ui, ICON_CLOSE, &name).clicked() {
                        asked = Some(Asked::Remove(position));
                    }
                    if letter == Some(0) {
                        badge(ui, "Base", Tone::Accent);
                    } else if letter.is_some() {
                        let name = format!("Make {} the base", slot.name);
                        if icon_button(ui, ICON_VERTICAL_ALIGN_TOP, &name).clicked() {
                            asked = Some(Asked::Base(position));
                        }
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        if let Some(letter) = letter {
                            mark(ui, letter, slot.colour);
                            ui.add_space(5.0);
                        }
                        let text = RichText::new(&slot.title).font(font::medium(13.0));
                        let label = ui.add(Label::new(text).truncate());
                        label.on_hover_text(&slot.name);
                    });
                });
            });
            match &slot.state {
                SlotState::Loading => {
                    caption(ui, "Reading...");
                }
                SlotState::Ready(_) => {
                    caption(ui, &slot.subject);
                    if !slot.date.is_empty() {
                        caption(ui, &slot.date);
                    }
                }
                SlotState::Failed(why) => {
                    let text = RichText::new(why).small().color(palette.danger);
                    ui.add(Label::new(text).wrap());
                }
            }
        });
    asked
}

/// The run's letter on its colour.
pub(super) fn mark(ui: &mut Ui, run: usize, colour: usize) -> Response {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
    let letter = letter(run);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Run {letter}")));
    let fill = palette.series[colour % palette.series.len()];
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(rounding::CELL), fill);
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        letter,
        font::medium(11.0),
        colour_map::text_on(fill),
    );
    response
}
