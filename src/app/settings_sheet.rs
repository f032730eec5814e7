//! Settings of the whole app: what is saved, where each value comes from, and a way back.

use egui::{Align2, Button, Checkbox, Context, Grid, Label, RichText, TextEdit, Ui, Window, vec2};
use egui_material_icons::icons::{ICON_FOLDER_OPEN, ICON_UNDO};
use serde_json::{Value as Json, json};
use strum::IntoEnumIterator as _;

use super::theme::{self, palette, space};
use crate::settings::{SavedSettings, Settings, Source, Var};

const APPEARANCE: &str = "appearance";
const TEXT_SIZE: &str = "text_size_pct";
pub const TEXT_SIZES: std::ops::RangeInclusive<u32> = 90..=150;
const FIELD_WIDTH: f32 = 300.0;
const LABEL_WIDTH: f32 = 130.0;

/// Light or dark.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::Display, strum::EnumString,
)]
#[strum(serialize_all = "lowercase")]
pub enum Appearance {
    #[default]
    System,
    Light,
    Dark,
}

impl Appearance {
    const fn text(self) -> &'static str {
        match self {
            Self::System => "As the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    const fn preference(self) -> egui::ThemePreference {
        match self {
            Self::System => egui::ThemePreference::System,
            Self::Light => egui::ThemePreference::Light,
            Self::Dark => egui::ThemePreference::Dark,
        }
    }
}

/// How the window looks; kept with the saved settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    pub appearance: Appearance,
    pub text_size_pct: u32,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            appearance: Appearance::System,
            text_size_pct: 100,
        }
    }
}

impl Looks {
    /// What cannot be understood counts as not saved.
    pub fn of(saved: &SavedSettings) -> Self {
        let appearance = saved.other(APPEARANCE).and_then(Json::as_str);
        let size = saved.other(TEXT_SIZE).and_then(Json::as_u64);
        let appearance = appearance.and_then(|text| text.parse().ok());
        Self {
            appearance: appearance.unwrap_or_default(),
            ..Self::default()
        }
        .with_text_size(size.map_or(100, |pct| pct.min(1000) as u32))
    }

    pub fn put(self, saved: &mut SavedSettings) {
        saved.set_other(APPEARANCE, json!(self.appearance.to_string()));
        saved.set_other(TEXT_SIZE, json!(self.text_size_pct));
    }

    /// At the nearest size that pages are laid out for.
    pub fn with_text_size(self, pct: u32) -> Self {
        Self {
            text_size_pct: pct.clamp(*TEXT_SIZES.start(), *TEXT_SIZES.end()),
            ..self
        }
    }

    /// Light or dark, and how large, from the next drawing on.
    pub fn apply(self, context: &Context) {
        context.set_theme(self.appearance.preference());
        context.set_zoom_factor(self.text_size_pct as f32 / 100.0);
    }
}

/// What a user asks of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsAction {
    Look(Looks),
    /// `None` forgets what is saved.
    Save(Var, Option<String>),
    /// A native dialog, then [`SettingsAction::Save`].
    Pick(Var, Pick),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    File,
    Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Path(Pick),
    /// Several folders in one text; a picked one is added.
    Folders,
    Switch,
}

struct Row {
    var: Var,
    name: &'static str,
    about: &'static str,
    kind: Kind,
    /// What is typed.
    text: String,
    /// Of the effective value.
    hint: String,
    on: bool,
    source: String,
    is_saved: bool,
    error: Option<String>,
}

const ROWS: [(Var, &str, &str, Kind); 5] = [
    (
        Var::ResultsDir,
        "Results folder",
        "Where runs are written and looked for.",
        Kind::Path(Pick::Folder),
    ),
    (
        Var::ModelDirs,
        "Model folders",
        "Searched beside the usual places; several are separated by a colon.",
        Kind::Folders,
    ),
    (
        Var::Python,
        "Python",
        "Runs mlx_lm.server. Found by itself where nothing is written.",
        Kind::Path(Pick::File),
    ),
    (
        Var::NginxBin,
        "nginx",
        "Spreads requests over several servers. Found by itself where nothing is written.",
        Kind::Path(Pick::File),
    ),
    (
        Var::RequestsCsv,
        "Request rows",
        "Keep one row for each request beside the results; some MB for a long sweep.",
        Kind::Switch,
    ),
];

/// The sheet's state: prepared by [`SettingsSheet::update`], only read while drawing.
pub struct SettingsSheet {
    pub open: bool,
    looks: Looks,
    rows: Vec<Row>,
    /// What could not be written.
    pub problem: Option<String>,
}

impl Default for SettingsSheet {
    fn default() -> Self {
        let rows = ROWS.map(|(var, name, about, kind)| Row {
            var,
            name,
            about,
            kind,
            text: String::new(),
            hint: String::new(),
            on: false,
            source: String::new(),
            is_saved: false,
            error: None,
        });
        Self {
            open: false,
            looks: Looks::default(),
            rows: rows.into(),
            problem: None,
        }
    }
}

impl SettingsSheet {
    /// Takes what is saved and what holds. `results` is the folder in use.
    pub fn update(&mut self, saved: &SavedSettings, settings: &Settings, results: &str) {
        self.looks = Looks::of(saved);
        for row in &mut self.rows {
            let kept = saved.get(row.var);
            row.is_saved = kept.is_some();
            row.error = kept.as_ref().and_then(|text| problem(row.var, text));
            row.hint = match row.var {
                Var::ResultsDir => results.to_owned(),
                _ if settings.is_given(row.var) => settings.shown(row.var),
                Var::ModelDirs => "none".to_owned(),
                _ => "found by itself".to_owned(),
            };
            row.on = row.kind == Kind::Switch && settings.is_on(row.var);
            row.text = kept.unwrap_or_default();
            row.source = source(row.var, settings.source(row.var), row.is_saved);
        }
    }

    /// The folders that a picked one is added to.
    pub fn with_folder(&self, folder: &str) -> String {
        let row = self.rows.iter().find(|row| row.var == Var::ModelDirs);
        match row.map(|row| row.text.trim()).unwrap_or_default() {
            "" => folder.to_owned(),
            before => format!("{before}:{folder}"),
        }
    }

    pub fn show(&mut self, context: &Context) -> Vec<SettingsAction> {
        let mut actions = Vec::new();
        let mut open = self.open;
        Window::new("Settings")
            .open(&mut open)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .show(context, |ui| {
                self.looks(ui, &mut actions);
                ui.separator();
                Grid::new("settings")
                    .num_columns(2)
                    .min_col_width(LABEL_WIDTH)
                    .spacing(vec2(space::L, space::M))
                    .show(ui, |ui| {
                        for row in &mut self.rows {
                            row.show(ui, &mut actions);
                            ui.end_row();
                        }
                    });
                if let Some(problem) = &self.problem {
                    ui.set_max_width(LABEL_WIDTH + FIELD_WIDTH + 120.0);
                    let colour = palette(ui).danger;
                    ui.add(Label::new(RichText::new(problem).color(colour)).wrap());
                }
            });
        self.open = open;
        actions
    }

    fn looks(&self, ui: &mut Ui, actions: &mut Vec<SettingsAction>) {
        let mut looks = self.looks;
        Grid::new("looks")
            .num_columns(2)
            .min_col_width(LABEL_WIDTH)
            .spacing(vec2(space::L, space::M))
            .show(ui, |ui| {
                ui.label("Appearance");
                ui.horizontal(|ui| {
                    for one in Appearance::iter() {
                        ui.selectable_value(&mut looks.appearance, one, one.text());
                    }
                });
                ui.end_row();
                let label = ui.label("Text size");
                ui.horizontal(|ui| {
                    let mut size = looks.text_size_pct;
                    // While it is dragged nothing grows: it would run away from the pointer.
                    let slider = egui::Slider::new(&mut size, TEXT_SIZES)
                        .step_by(5.0)
                        .suffix(" %");
                    let slider = ui.scope(|ui| {
                        // As thick as its rail wants it, not as the row is high.
                        ui.spacing_mut().interact_size.y = 18.0;
                        ui.spacing_mut().slider_width = 160.0;
                        ui.add(slider)
                    });
                    let slider = slider.inner.labelled_by(label.id);
                    if slider.dragged() {
                        ui.data_mut(|data| data.insert_temp(slider.id, size));
                    } else if slider.drag_stopped() {
                        let dragged = ui.data_mut(|data| data.remove_temp::<u32>(slider.id));
                        looks.text_size_pct = dragged.unwrap_or(size);
                    } else if slider.changed() {
                        looks.text_size_pct = size;
                    }
                    if looks.text_size_pct != 100
                        && revert(ui, "text size", "Back to 100 %").clicked()
                    {
                        looks.text_size_pct = 100;
                    }
                });
                ui.end_row();
            });
        if looks != self.looks {
            actions.push(SettingsAction::Look(looks));
        }
    }
}

impl Row {
    fn show(&mut self, ui: &mut Ui, actions: &mut Vec<SettingsAction>) {
        let label = ui.label(self.name).on_hover_text(self.about);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.horizontal(|ui| {
                match self.kind {
                    Kind::Switch => {
                        let text = "Keep one row for each request";
                        if ui.add(Checkbox::new(&mut self.on, text)).changed() {
                            let text = if self.on { "1" } else { "0" };
                            actions.push(SettingsAction::Save(self.var, Some(text.to_owned())));
                        }
                    }
                    Kind::Path(pick) => {
                        self.field(ui, label.id, actions);
                        self.picker(ui, "Choose...", pick, actions);
                    }
                    Kind::Folders => {
                        self.field(ui, label.id, actions);
                        self.picker(ui, "Add...", Pick::Folder, actions);
                    }
                }
                if self.is_saved && revert(ui, self.name, "Forget what is saved").clicked() {
                    actions.push(SettingsAction::Save(self.var, None));
                }
            });
            ui.set_max_width(FIELD_WIDTH + 90.0);
            match &self.error {
                Some(error) => {
                    let colour = palette(ui).danger;
                    ui.add(Label::new(RichText::new(error).small().color(colour)).wrap());
                }
                None => {
                    theme::caption(ui, &self.source).on_hover_text(self.about);
                }
            }
        });
    }

    fn field(&mut self, ui: &mut Ui, label: egui::Id, actions: &mut Vec<SettingsAction>) {
        let field = TextEdit::singleline(&mut self.text)
            .hint_text(&self.hint)
            .desired_width(FIELD_WIDTH);
        let field = ui.add(field).labelled_by(label);
        if field.changed() {
            let text = self.text.trim();
            self.error = (!text.is_empty())
                .then(|| problem(self.var, text))
                .flatten();
        }
        if field.lost_focus() && self.error.is_none() {
            let text = self.text.trim().to_owned();
            let text = (!text.is_empty()).then_some(text);
            actions.push(SettingsAction::Save(self.var, text));
        }
    }

    fn picker(&self, ui: &mut Ui, text: &str, pick: Pick, actions: &mut Vec<SettingsAction>) {
        let button = Button::new((theme::icon(ICON_FOLDER_OPEN, 15.0), text));
        let name = format!("{text} {}", self.name);
        if ui.add(button).accessible_name(&name).clicked() {
            actions.push(SettingsAction::Pick(self.var, pick));
        }
    }
}

fn revert(ui: &mut Ui, name: &str, about: &str) -> egui::Response {
    theme::icon_button(ui, ICON_UNDO, &format!("Revert {name}")).on_hover_text(about)
}

fn problem(var: Var, text: &str) -> Option<String> {
    let kind = var.spec().kind;
    let problem = kind.parse(text).err()?;
    Some(format!("{problem}. Accepted: {}.", kind.accepted()))
}

/// Where the effective value comes from, and what wins over what is saved here.
fn source(var: Var, source: Source, is_saved: bool) -> String {
    match source {
        Source::Saved => "Saved here".to_owned(),
        Source::Default if is_saved => {
            "What is saved is not accepted: the default holds".to_owned()
        }
        Source::Default => "Default".to_owned(),
        Source::Environment | Source::Overrides | Source::Edited => {
            let name = var.name();
            if is_saved {
                format!("From {name} in the environment, which wins over what is saved")
            } else {
                format!("From {name} in the environment")
            }
        }
    }
}
