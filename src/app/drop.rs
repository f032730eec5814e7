//! Files over the window: what a drop would do is said before it is done.

use std::path::{Path, PathBuf};

use egui::{Align2, Area, Context, Frame, Id, Order, RichText, Stroke, vec2};
use egui_material_icons::icons::{ICON_BLOCK, ICON_FILE_DOWNLOAD};

use super::theme::{self, space};

/// What one thing that is dropped can be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    Results,
    Model,
    Prompts,
    /// It cannot; in words, with what can.
    Nothing(String),
}

/// Looks at the file or folder.
pub fn judge(path: &Path) -> Use {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        if path.join("config.json").is_file() {
            return Use::Model;
        }
        return Use::Nothing(format!(
            "{name} is no model folder: it has no config.json. A folder of results is chosen in \
             the settings."
        ));
    }
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("csv") if name.ends_with(".requests.csv") || name.ends_with(".machine.csv") => {
            Use::Nothing(format!(
                "{name} belongs to a run: drop the CSV of the same name without its last part."
            ))
        }
        Some("csv") => Use::Results,
        Some("json") if path.with_extension("csv").is_file() => Use::Results,
        Some("safetensors" | "gguf") => Use::Nothing(format!(
            "{name} is a part of a model: drop the folder that it is in."
        )),
        // What is in it is read later, and told at its field.
        Some("jsonl" | "json") => Use::Prompts,
        _ => Use::Nothing(format!(
            "{name} is neither a results CSV, nor a model folder, nor a .jsonl of prompts."
        )),
    }
}

/// What to do with everything that was dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    pub results: Vec<PathBuf>,
    /// The first; a run has one model.
    pub model: Option<PathBuf>,
    /// The first; a run has one prompt file.
    pub prompts: Option<PathBuf>,
    pub refused: Vec<String>,
}

impl Dropped {
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut dropped = Self::default();
        for path in paths {
            match judge(path) {
                Use::Results => dropped.results.push(path.to_owned()),
                Use::Model if dropped.model.is_none() => dropped.model = Some(path.to_owned()),
                Use::Model => dropped.refused.push(format!(
                    "{} was not taken: a run has one model.",
                    path.display()
                )),
                Use::Prompts if dropped.prompts.is_none() => {
                    dropped.prompts = Some(path.to_owned());
                }
                Use::Prompts => dropped.refused.push(format!(
                    "{} was not taken: a run has one prompt file.",
                    path.display()
                )),
                Use::Nothing(why) => dropped.refused.push(why),
            }
        }
        dropped
    }

    /// What a drop would do, as a heading and a line; the second is `true` where it does nothing.
    fn told(&self) -> (String, bool, String) {
        let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let rest = self.refused.first().cloned().unwrap_or_default();
        let used: Vec<String> = self
            .model
            .iter()
            .chain(&self.prompts)
            .map(|p| name(p))
            .collect();
        let used = used.join(" and ");
        let heading = match (&self.results[..], used.as_str()) {
            ([], "") => return ("This cannot be opened".to_owned(), true, rest),
            ([], used) => format!("Use {used} for the next run"),
            ([one], "") => format!("Open {}", name(one)),
            (many, "") => format!("Open {} results files", many.len()),
            (_, used) => format!("Open the results, and use {used} for the next run"),
        };
        (heading, false, rest)
    }
}

/// What is over the window, judged once while it stays there.
#[derive(Debug, Default)]
pub struct Hover {
    paths: Vec<PathBuf>,
    told: Option<(String, bool, String)>,
}

impl Hover {
    /// Call once a frame; gives what was dropped in it.
    pub fn update(&mut self, context: &Context) -> Option<Dropped> {
        let (over, dropped) = context.input(|input| {
            let over = input.raw.hovered_files.iter();
            let over: Vec<PathBuf> = over.filter_map(|file| file.path.clone()).collect();
            let dropped = input.raw.dropped_files.iter();
            let dropped: Vec<PathBuf> = dropped.map(|file| file.path().to_owned()).collect();
            (over, dropped)
        });
        if over != self.paths {
            self.told =
                (!over.is_empty()).then(|| Dropped::of(over.iter().map(PathBuf::as_path)).told());
            self.paths = over;
        }
        (!dropped.is_empty()).then(|| Dropped::of(dropped.iter().map(PathBuf::as_path)))
    }

    /// Over everything else, while something is held over the window.
    pub fn show(&self, context: &Context) {
        let Some((heading, refused, rest)) = &self.told else {
            return;
        };
        let screen = context.content_rect();
        Area::new(Id::unique("drop"))
            .order(Order::Foreground)
            .interactable(false)
            .anchor(Align2::LEFT_TOP, vec2(0.0, 0.0))
            .show(context, |ui| {
                let palette = theme::palette(ui);
                let veil = palette.background.gamma_multiply(0.86);
                ui.painter().rect_filled(screen, 0.0, veil);
                let colour = if *refused {
                    palette.warning
                } else {
                    palette.accent_text
                };
                ui.painter().rect_stroke(
                    screen.shrink(space::M),
                    theme::rounding::CARD,
                    Stroke::new(2.0, colour),
                    egui::StrokeKind::Inside,
                );
            });
        Area::new(Id::unique("drop words"))
            .order(Order::Tooltip)
            .interactable(false)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .show(context, |ui| {
                let palette = theme::palette(ui);
                let card = Frame::popup(ui.style()).inner_margin(space::XL);
                card.show(ui, |ui| {
                    ui.set_max_width(460.0);
                    ui.vertical_centered(|ui| {
                        let (icon, colour) = if *refused {
                            (ICON_BLOCK, palette.warning)
                        } else {
                            (ICON_FILE_DOWNLOAD, palette.accent_text)
                        };
                        theme::painted_icon(ui, icon, 36.0, colour);
                        ui.add_space(space::S);
                        ui.label(RichText::new(heading).font(theme::font::heading()));
                        if !rest.is_empty() {
                            ui.label(RichText::new(rest).color(palette.text_secondary));
                        }
                    });
                });
            });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_kind_of_file_is_taken_or_says_what_to_drop_instead() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        for name in [
            "a.csv",
            "b.CSV",
            "a.json",
            "a.machine.csv",
            "w.safetensors",
            "x.txt",
            "p.jsonl",
            "sharegpt.json",
        ] {
            fs::write(at(name), "").expect("a file");
        }
        for name in ["model", "plain"] {
            fs::create_dir(at(name)).expect("a folder");
        }
        fs::write(at("model/config.json"), "{}").expect("a file");
        assert_eq!(judge(&at("a.csv")), Use::Results);
        assert_eq!(judge(&at("b.CSV")), Use::Results);
        assert_eq!(judge(&at("a.json")), Use::Results);
        assert_eq!(judge(&at("model")), Use::Model);
        assert_eq!(judge(&at("p.jsonl")), Use::Prompts);
        assert_eq!(judge(&at("sharegpt.json")), Use::Prompts);
        for (name, word) in [
            ("a.machine.csv", "belongs to a run"),
            ("w.safetensors", "the folder that it is in"),
            ("x.txt", "neither"),
            ("plain", "no config.json"),
        ] {
            let Use::Nothing(why) = judge(&at(name)) else {
                panic!("{name} is of no use");
            };
            assert!(why.contains(name) && why.contains(word), "{why}");
        }
    }

    #[test]
    fn several_at_once_are_told_together() {
        let dir = tempfile::tempdir().expect("a folder");
        let paths = ["a.csv", "b.csv", "x.txt"].map(|name| dir.path().join(name));
        let dropped = Dropped::of(paths.iter().map(PathBuf::as_path));
        assert_eq!(dropped.results, paths[..2]);
        let (heading, refused, rest) = dropped.told();
        assert_eq!((heading.as_str(), refused), ("Open 2 results files", false));
        assert!(rest.starts_with("x.txt"), "{rest}");

        let paths = ["p.jsonl", "q.jsonl"].map(PathBuf::from);
        let dropped = Dropped::of(paths.iter().map(PathBuf::as_path));
        assert_eq!(dropped.prompts.as_ref(), Some(&paths[0]));
        let (heading, refused, rest) = dropped.told();
        assert_eq!(
            (heading.as_str(), refused),
            ("Use p.jsonl for the next run", false)
        );
        assert!(rest.starts_with("q.jsonl was not taken"), "{rest}");
    }
}
