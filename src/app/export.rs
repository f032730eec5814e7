//! Saving the run that is shown: as a document, a picture, or text on the clipboard.

use std::path::{Path, PathBuf};

use egui::{Button, Ui};

use super::command::AppCommand;
use super::lab::{Lab, Page};
use super::pages::results::ResultsPage;
use super::pages::run::RunView;
use super::theme::{self, palette};
use crate::report::chart::Chart;
use crate::report::document::{Document, Format, Wanted};
use crate::report::file::{self, WriteError};
use crate::store::library;

/// A run on disk, and its chart as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub csv: PathBuf,
    pub chart: Option<Chart>,
    /// A picture is to be light on dark, as the window is.
    pub dark: bool,
}

/// What becomes of exports.
#[derive(Debug, Default)]
pub struct Exports {
    /// Where the last one went: the next dialog starts there.
    folder: Option<PathBuf>,
    /// The one to tell of until it is dismissed.
    written: Option<PathBuf>,
    /// For the clipboard, as soon as something is drawn.
    copied: Option<String>,
}

/// The run that commands about "this run" mean, or why there is none.
pub fn shown(
    page: Page,
    results: &ResultsPage,
    run: Option<&RunView>,
    dark: bool,
) -> Result<Shown, &'static str> {
    let opened = || {
        let (csv, chart) = results.exportable()?;
        let csv = csv.to_owned();
        Some(Shown { csv, chart, dark })
    };
    let of_run = || {
        let run = run?;
        let csv = run.csv.clone()?;
        let chart = run.chart();
        Some(Shown { csv, chart, dark })
    };
    let found = match page {
        Page::Results => opened(),
        Page::Run => of_run(),
        _ => opened().or_else(of_run),
    };
    found.ok_or(match page {
        Page::Run if run.is_some() => "The run has no file yet: it is still being prepared.",
        _ => "No run is shown. Open one on the Results page, or start one.",
    })
}

/// One button with a menu of everything that can be made of the run; gives what was chosen.
/// `unavailable` greys it, and says why.
pub fn menu(ui: &mut Ui, unavailable: Option<&str>) -> Option<AppCommand> {
    let mut chosen = None;
    ui.add_enabled_ui(unavailable.is_none(), |ui| {
        let button = ui.menu_button("Export", |ui| {
            for command in [
                AppCommand::Export,
                AppCommand::SavePicture,
                AppCommand::CopyMarkdown,
            ] {
                let about = command.about();
                let shortcut = about.shortcut.map(|keys| ui.ctx().format_shortcut(&keys));
                let line = Button::new(about.text).shortcut_text(shortcut.unwrap_or_default());
                if ui.add(line).on_hover_text(about.tooltip).clicked() {
                    chosen = Some(command);
                    ui.close();
                }
            }
        });
        button
            .response
            .on_hover_text("Reports, tables and pictures of this run")
            .on_disabled_hover_text(unavailable.unwrap_or_default());
    });
    chosen
}

/// Writes what is shown to `path`, in the format that its name says; without one, as HTML.
/// Gives the path that was written.
pub fn carry_out(shown: Shown, path: &Path) -> Result<PathBuf, String> {
    let Shown { csv, chart, dark } = shown;
    let (path, format, asked) = match (Format::of(path), path.extension()) {
        (Some(format), _) => (path.to_owned(), format, true),
        // A dialog that adds no extension did not ask about the name with one.
        (None, None) => (path.with_extension("html"), Format::Html, false),
        (None, Some(_)) => {
            return Err(format!(
                "{} does not say what to write. End its name in .html, .md, .json, .csv, .png or .svg",
                path.display()
            ));
        }
    };
    let written = |error: WriteError| error.to_string();
    file::check(&path, &csv, asked).map_err(written)?;
    let run = library::load(&csv).map_err(|error| error.to_string())?;
    let wanted = Wanted {
        chart,
        dark,
        ..Wanted::of(format)
    };
    let bytes = Document::new(&run)
        .render(&wanted)
        .map_err(|error| error.to_string())?;
    file::write(&path, &csv, &bytes, asked).map_err(written)?;
    Ok(path)
}

/// The run of `csv` as a Markdown table.
pub fn markdown(csv: &Path) -> Result<String, String> {
    let run = library::load(csv).map_err(|error| error.to_string())?;
    let bytes = Document::new(&run)
        .render(&Wanted::of(Format::Markdown))
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Lab {
    pub(super) fn export(&mut self, command: AppCommand) {
        let dark = self.shell.context.theme() == egui::Theme::Dark;
        let shown = match shown(self.page, &self.results, self.run.as_ref(), dark) {
            Ok(shown) => shown,
            Err(why) => {
                self.trouble = Some(why.to_owned());
                return;
            }
        };
        let folder = self.exports.folder.as_deref();
        match command {
            AppCommand::CopyMarkdown => self.backend.copy_markdown(shown.csv),
            AppCommand::SavePicture => {
                self.backend
                    .export(shown, folder, &[Format::Png, Format::Svg]);
            }
            _ => self.backend.export(
                shown,
                folder,
                &[
                    Format::Html,
                    Format::Markdown,
                    Format::Json,
                    Format::Csv,
                    Format::Png,
                    Format::Svg,
                ],
            ),
        }
    }

    pub(super) fn exported(&mut self, outcome: Result<PathBuf, String>) {
        match outcome {
            Ok(path) => {
                self.exports.folder = path.parent().map(Path::to_owned);
                self.exports.written = Some(path);
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    pub(super) fn copied(&mut self, outcome: Result<String, String>) {
        match outcome {
            Ok(text) => self.exports.copied = Some(text),
            Err(why) => self.trouble = Some(why),
        }
    }

    /// Tells where the last export is.
    pub(super) fn export_bar(&mut self, ui: &mut Ui) {
        if let Some(text) = self.exports.copied.take() {
            ui.ctx().copy_text(text);
        }
        let Some(path) = self.exports.written.clone() else {
            return;
        };
        let (mut reveal, mut dismiss) = (false, false);
        let colour = palette(ui).success;
        theme::bar(ui, "exported", |ui| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            ui.colored_label(colour, format!("Saved {name}"))
                .on_hover_text(path.display().to_string());
            reveal = ui.button("Reveal export").clicked();
            dismiss = ui.button("Done").clicked();
        });
        if reveal && let Err(error) = crate::platform::reveal::reveal(&path) {
            self.trouble = Some(format!("{} cannot be shown: {error}", path.display()));
        }
        if dismiss {
            self.exports.written = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};
    use strum::IntoEnumIterator as _;

    use super::*;
    use crate::app::run_state::RunState;
    use crate::board::{Board, Layer};

    fn sample() -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
        folder.join("full_sweep_20261124_012945.csv")
    }

    #[test]
    fn export_is_a_command_and_greyed_with_a_reason_when_nothing_is_shown() {
        let shortcut = AppCommand::Export.about().shortcut.expect("a shortcut");
        assert_eq!(shortcut.logical_key, egui::Key::E);
        assert!(AppCommand::iter().any(|command| command == AppCommand::Export));
        let nothing = shown(Page::Results, &ResultsPage::default(), None, false).unwrap_err();
        assert!(
            nothing.contains("Open one on the Results page"),
            "{nothing}"
        );
        let preparing = RunView::new(RunState::new());
        let why = shown(Page::Run, &ResultsPage::default(), Some(&preparing), false).unwrap_err();
        assert!(why.contains("no file yet"), "{why}");
        let mut harness = Harness::builder()
            .with_context_setup(crate::app::theme::install)
            .build_ui_state(
                |ui, (why, asked): &mut (Option<&str>, Vec<AppCommand>)| {
                    asked.extend(menu(ui, *why));
                },
                (Some(nothing), Vec::new()),
            );
        harness.run();
        let button = harness.get_by_label("Export");
        assert!(button.accesskit_node().is_disabled());
        button.hover();
        harness.run_steps(20);
        harness.get_by_label(nothing);
        harness.state_mut().0 = None;
        harness.run();
        harness.get_by_label("Export").click();
        harness.run();
        harness.get_by_label_contains("Export...").click();
        harness.run();
        assert_eq!(harness.state().1, [AppCommand::Export]);
    }

    #[test]
    fn the_opened_run_is_exported_with_its_chart() {
        let mut page = ResultsPage::default();
        page.set_opened(library::load(&sample()).unwrap());
        let found = shown(Page::Results, &page, None, true).unwrap();
        assert_eq!(found.csv, sample());
        assert!(found.dark);
        let board = Board::of_run(&library::load(&sample()).unwrap());
        assert_eq!(found.chart, Chart::heatmap(&board, Layer::Throughput));
        // The Run page has a run of its own, or none.
        assert!(shown(Page::Run, &page, None, true).is_err());
    }

    #[test]
    fn a_name_says_the_format_and_one_without_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let png = dir.path().join("a.png");
        let shown = |dark| Shown {
            csv: sample(),
            chart: None,
            dark,
        };
        carry_out(shown(false), &png).unwrap();
        let light = std::fs::read(&png).unwrap();
        assert!(light.starts_with(b"\x89PNG"));
        carry_out(shown(true), &png).expect("the dialog has asked");
        assert_ne!(std::fs::read(&png).unwrap(), light);
        let bare = dir.path().join("b");
        let written = carry_out(shown(false), &bare).unwrap();
        assert_eq!(written, dir.path().join("b.html"));
        let error = carry_out(shown(false), &bare).unwrap_err();
        assert!(error.contains("there already"), "{error}");
        let error = carry_out(shown(false), &dir.path().join("c.pdf")).unwrap_err();
        assert!(error.contains(".html, .md"), "{error}");
        assert!(markdown(&sample()).unwrap().contains("| ---: |"));
    }
}
