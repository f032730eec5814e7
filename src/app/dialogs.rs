//! Native file dialogs. They are made on the UI thread, as macOS wants it, and awaited in the
//! background; what was chosen comes back as any other finished work.

use std::path::Path;

use rfd::AsyncFileDialog;

use super::backend::{Backend, Done};
use super::compare::CompareDone;
use super::export::{self, Shown};
use super::settings_sheet::Pick;
use crate::report::document::Format;
use crate::report::file;
use crate::settings::Var;

/// Hangs a dialog on the window it belongs to.
type Hang = Box<dyn Fn(AsyncFileDialog) -> AsyncFileDialog>;

/// Makes native dialogs.
#[derive(Default)]
pub struct Dialogs {
    hang: Option<Hang>,
}

impl Dialogs {
    /// Dialogs are sheets of a window from now on.
    pub fn hang_on(&mut self, hang: impl Fn(AsyncFileDialog) -> AsyncFileDialog + 'static) {
        self.hang = Some(Box::new(hang));
    }

    fn titled(&self, title: &str) -> AsyncFileDialog {
        let dialog = AsyncFileDialog::new().set_title(title);
        match &self.hang {
            Some(hang) => hang(dialog),
            None => dialog,
        }
    }
}

impl Backend {
    /// A native dialog for a file or folder that a saved setting names; must be called on the UI
    /// thread.
    pub fn pick_setting(&self, var: Var, pick: Pick, title: &str) {
        let dialog = self.dialogs.titled(title);
        let window = self.to_window();
        let tell = move |picked: Option<rfd::FileHandle>| {
            if let Some(picked) = picked {
                window.say(Done::PickedSetting(var, picked.path().to_owned()));
            }
        };
        match pick {
            Pick::File => {
                let picking = dialog.pick_file();
                self.runtime.spawn(async move { tell(picking.await) });
            }
            Pick::Folder => {
                let picking = dialog.pick_folder();
                self.runtime.spawn(async move { tell(picking.await) });
            }
        }
    }

    /// A native dialog for results files to compare; must be called on the UI thread.
    pub fn pick_compared(&self) {
        let picking = self
            .dialogs
            .titled("Add results to compare")
            .add_filter("Results", &["csv"])
            .pick_files();
        let window = self.to_window();
        self.runtime.spawn(async move {
            for file in picking.await.into_iter().flatten() {
                let path = file.path().to_owned();
                window.say(Done::Compare(CompareDone::Picked(path)));
            }
        });
    }

    /// A native dialog for a model's folder; must be called on the UI thread.
    pub fn pick_model(&self) {
        let picking = self.dialogs.titled("Choose a model folder").pick_folder();
        let window = self.to_window();
        self.runtime.spawn(async move {
            if let Some(folder) = picking.await {
                window.say(Done::PickedModel(folder.path().to_owned()));
            }
        });
    }

    /// A native dialog for a file of prompts; must be called on the UI thread.
    pub fn pick_prompts(&self) {
        let picking = self
            .dialogs
            .titled("Choose a prompt file")
            .add_filter("Prompts", &["jsonl", "json", "txt"])
            .pick_file();
        let window = self.to_window();
        self.runtime.spawn(async move {
            if let Some(file) = picking.await {
                window.say(Done::PickedFile(Var::PromptsFile, file.path().to_owned()));
            }
        });
    }

    /// A native dialog for a program that a setting names; must be called on the UI thread.
    pub fn pick_file(&self, var: Var, title: &str) {
        let picking = self.dialogs.titled(title).pick_file();
        let window = self.to_window();
        self.runtime.spawn(async move {
            if let Some(file) = picking.await {
                window.say(Done::PickedFile(var, file.path().to_owned()));
            }
        });
    }

    /// Asks where to, in one of these formats, and writes it; must be called on the UI thread.
    pub fn export(&self, shown: Shown, folder: Option<&Path>, formats: &[Format]) {
        let pictures = formats.iter().all(|format| format.is_picture());
        let word = match &shown.chart {
            Some(chart) if pictures => chart.word(),
            _ => "report",
        };
        let extension = formats.first().map_or("html", |format| format.extension());
        let title = if pictures { "Save picture" } else { "Export" };
        let mut dialog = self
            .dialogs
            .titled(title)
            .set_file_name(file::suggested_name(&shown.csv, word, extension));
        for format in formats {
            dialog = dialog.add_filter(format.name(), &[format.extension()]);
        }
        if let Some(folder) = folder {
            dialog = dialog.set_directory(folder);
        }
        let saving = dialog.save_file();
        let window = self.to_window();
        self.runtime.spawn(async move {
            let Some(file) = saving.await else { return };
            let path = file.path().to_owned();
            tokio::task::spawn_blocking(move || {
                window.say(Done::Exported(export::carry_out(shown, &path)));
            });
        });
    }

    /// A native dialog for a results file; must be called on the UI thread.
    pub fn pick_results(&self) {
        let picking = self
            .dialogs
            .titled("Open results")
            .add_filter("Results", &["csv"])
            .pick_file();
        let window = self.to_window();
        self.runtime.spawn(async move {
            if let Some(file) = picking.await {
                window.say(Done::PickedResults(file.path().to_owned()));
            }
        });
    }
}
