//! Naming a run, noting something of it, and moving it to the trash.

use std::path::{Path, PathBuf};

use egui::{Align, Frame, Id, Key, Label, Layout, Modal, RichText, TextEdit, Ui};
use egui_material_icons::icons::{ICON_DELETE, ICON_EDIT};

use super::{ResultsAction, file_name};
use crate::app::theme::{self, palette, space};
use crate::store::note::RunNote;
use crate::store::trash::Trashed;

const WIDTH: f32 = 400.0;

/// What stands over the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dialog {
    Edit {
        path: PathBuf,
        name: String,
        note: String,
        /// The name has been given the keyboard.
        focused: bool,
    },
    Trash {
        path: PathBuf,
        title: String,
    },
}

impl Dialog {
    pub(super) fn edit(path: &Path, note: &RunNote) -> Self {
        Self::Edit {
            path: path.to_owned(),
            name: note.name.clone().unwrap_or_default(),
            note: note.note.clone().unwrap_or_default(),
            focused: false,
        }
    }

    pub(super) fn trash(path: &Path, title: &str) -> Self {
        Self::Trash {
            path: path.to_owned(),
            title: title.to_owned(),
        }
    }
}

/// The two buttons of an opened run.
pub(super) fn buttons(ui: &mut Ui, path: &Path, title: &str, note: &RunNote) -> Option<Dialog> {
    let mut asked = None;
    if theme::icon_button(ui, ICON_DELETE, "Move to trash...").clicked() {
        asked = Some(Dialog::trash(path, title));
    }
    if theme::icon_button(ui, ICON_EDIT, "Name and note...").clicked() {
        asked = Some(Dialog::edit(path, note));
    }
    asked
}

/// Draws what is open; it is closed by its buttons, Escape, or a click beside it.
pub(super) fn show(ui: &Ui, open: &mut Option<Dialog>, actions: &mut Vec<ResultsAction>) {
    let Some(dialog) = open else { return };
    let frame = Frame::popup(ui.style()).inner_margin(space::L);
    let modal = Modal::new(Id::unique("run dialog")).frame(frame);
    let modal = modal.show(ui.ctx(), |ui| {
        ui.set_width(WIDTH);
        match dialog {
            Dialog::Edit {
                path,
                name,
                note,
                focused,
            } => edit(ui, path, name, note, focused),
            Dialog::Trash { path, title } => trash(ui, path, title),
        }
    });
    let closes = modal.should_close();
    match modal.inner {
        Answer::None if closes => *open = None,
        Answer::None => {}
        Answer::Close => *open = None,
        Answer::Do(action) => {
            actions.push(action);
            *open = None;
        }
    }
}

enum Answer {
    None,
    Close,
    Do(ResultsAction),
}

fn edit(
    ui: &mut Ui,
    path: &Path,
    name: &mut String,
    note: &mut String,
    focused: &mut bool,
) -> Answer {
    theme::section_heading(ui, "Name and note");
    theme::caption(ui, &file_name(path));
    ui.add_space(space::S);
    let label = ui.label("Name");
    let field = TextEdit::singleline(name)
        .hint_text("The kind of run")
        .desired_width(f32::INFINITY);
    let field = ui.add(field).labelled_by(label.id);
    if !*focused {
        field.request_focus();
        *focused = true;
    }
    let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    ui.add_space(space::XS);
    let label = ui.label("Note");
    let field = TextEdit::multiline(note)
        .hint_text("What was special about it")
        .desired_rows(5)
        .desired_width(f32::INFINITY);
    ui.add(field).labelled_by(label.id);
    theme::caption(
        ui,
        "Both are kept beside the results; the CSV is not changed.",
    );
    ui.add_space(space::S);
    let save = ResultsAction::Note(path.to_owned(), RunNote::new(name, note));
    let answer = answers(ui, "Save", save.clone());
    if entered { Answer::Do(save) } else { answer }
}

fn trash(ui: &mut Ui, path: &Path, title: &str) -> Answer {
    theme::section_heading(ui, &format!("Move {title} to the trash?"));
    let colour = palette(ui).text_secondary;
    let text = format!(
        "{}, and everything that belongs to it: its metadata, requests, telemetry and logs.",
        file_name(path)
    );
    ui.add(Label::new(RichText::new(text).color(colour)).wrap());
    ui.add_space(space::M);
    answers(ui, "Move to trash", ResultsAction::Trash(path.to_owned()))
}

fn answers(ui: &mut Ui, text: &str, action: ResultsAction) -> Answer {
    let mut answer = Answer::None;
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        if theme::primary_button(ui, text).clicked() {
            answer = Answer::Do(action);
        }
        if ui.button("Cancel").clicked() {
            answer = Answer::Close;
        }
    });
    answer
}

/// A strip under the list for the run that was moved last, for as long as the window is open.
pub(super) fn undo_strip(ui: &mut Ui, moved: &[Trashed], actions: &mut Vec<ResultsAction>) {
    let Some(last) = moved.last() else { return };
    ui.horizontal(|ui| {
        let colour = palette(ui).text_secondary;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let undo = |ui: &mut Ui| ui.button("Undo").on_hover_text("Bring it back");
            if last.can_come_back() && undo(ui).clicked() {
                actions.push(ResultsAction::Restore(last.clone()));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let text = format!("{} is in the trash", file_name(&last.csv));
                ui.add(Label::new(RichText::new(text).color(colour)).truncate());
            });
        });
    });
}
