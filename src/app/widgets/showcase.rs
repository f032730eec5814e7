//! All widgets together, to look at: `cargo test --lib showcase -- --ignored` writes screenshots
//! into `target/screenshots`. The tests by name are part of every run.

use egui::{Align, Id, Layout, RichText, Theme, Ui, vec2};
use egui_kittest::{Harness, kittest::Queryable as _};
use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_SETTINGS};

use super::colour_bar::{Orientation, colour_bar};
use super::heatmap::tests::{Named, Settings, every_state, full};
use super::heatmap::{CellId, Heatmap, HeatmapModel};
use super::list_field::{ListPreview, list_field};
use super::stat::{Stat, stat};
use super::time_plot::{TimePlot, TimeSeries, TimeSpan};
use crate::app::theme::{self, Tone, space};

struct Showcase {
    heatmap: HeatmapModel,
    settings: Settings,
    selected: Option<CellId>,
    throughput: Vec<TimeSeries>,
    power: Vec<TimeSeries>,
    spans: Vec<TimeSpan>,
    decode: String,
    prompt: String,
    kind: usize,
    checked: bool,
}

impl Showcase {
    fn new((heatmap, settings): Named) -> Self {
        let wave = |phase: f64, size: f64| {
            (0..600).map(move |i| {
                let t = f64::from(i) * 0.5;
                let gap = (180..220).contains(&i);
                (
                    t,
                    (!gap).then(|| {
                        size * (1.0 + 0.3 * (t / 17.0 + phase).sin() + 0.05 * (t * 1.7).sin())
                    }),
                )
            })
        };
        let span = |i: u32| TimeSpan {
            name: format!("decode {i}, prompt 8"),
            start_s: f64::from(i) * 30.0 + 4.0,
            end_s: f64::from(i) * 30.0 + 28.0,
        };
        let selected = heatmap.cells().nth(5).map(|cell| cell.id);
        Self {
            selected,
            heatmap,
            settings,
            throughput: vec![
                TimeSeries::new("tokens/s", 0).with(wave(0.0, 310.0)),
                TimeSeries::new("in flight", 1).with(wave(1.0, 64.0)),
            ],
            power: vec![TimeSeries::new("GPU power", 2)],
            spans: (0..10).map(span).collect(),
            decode: "8-64 *2".to_owned(),
            prompt: "8, sixteen".to_owned(),
            kind: 0,
            checked: true,
        }
    }

    fn ui(&mut self, ui: &mut Ui) {
        let palette = theme::palette(ui);
        let form = egui::Frame::new()
            .fill(palette.sidebar)
            .inner_margin(space::L);
        egui::Panel::left("form")
            .exact_size(280.0)
            .resizable(false)
            .frame(form)
            .show(ui, |ui| self.form(ui));
        let page = egui::Frame::new()
            .fill(palette.background)
            .inner_margin(space::L);
        egui::CentralPanel::default()
            .frame(page)
            .show(ui, |ui| self.page(ui));
    }

    fn form(&mut self, ui: &mut Ui) {
        theme::title(ui, "Run");
        theme::section_heading(ui, "Sweep ranges");
        let preview = ListPreview::of(&[8, 16, 32, 64]);
        list_field(ui, "Decode concurrency", &mut self.decode, Ok(&preview));
        let error = "\"sixteen\" is not a number; write values with commas, as in 8, 16";
        list_field(ui, "Prompt concurrency", &mut self.prompt, Err(error));
        ui.add_space(space::S);
        theme::section_heading(ui, "Server");
        ui.checkbox(&mut self.checked, "Cool down between cells");
        let workloads = ["Compatible", "Sustained"];
        ui.horizontal(|ui| {
            for (i, text) in workloads.iter().enumerate() {
                ui.selectable_value(&mut self.kind, i, *text);
            }
        });
        egui::ComboBox::from_label("Workload")
            .selected_text(workloads[self.kind])
            .show_ui(ui, |ui| {
                for (i, text) in workloads.iter().enumerate() {
                    ui.selectable_value(&mut self.kind, i, *text);
                }
            });
        theme::caption(ui, "Twelve cells, two server starts, about 6 min.");
        ui.horizontal(|ui| {
            theme::primary_button(ui, "Start");
            let _ = ui.button("Show command");
        });
        ui.add_enabled_ui(false, |ui| {
            ui.horizontal(|ui| {
                theme::primary_button(ui, "Resume");
                let _ = ui.button("Stop");
            });
        });
        ui.horizontal_wrapped(|ui| {
            for (text, tone) in [
                ("closed", Tone::Neutral),
                ("running", Tone::Accent),
                ("stable", Tone::Success),
                ("throttled", Tone::Warning),
                ("failed", Tone::Danger),
            ] {
                theme::badge(ui, text, tone);
            }
        });
    }

    fn page(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let stats = [
                ("Best so far", Some("425.3"), "tokens/s", ""),
                (
                    "Time to first token",
                    Some("82"),
                    "ms",
                    "Median of 64 requests",
                ),
                ("GPU power", None, "W", "This machine reports no GPU power"),
            ];
            for (label, value, unit, why) in stats {
                stat(
                    ui,
                    Stat {
                        label,
                        value,
                        unit,
                        why,
                    },
                );
                ui.add_space(space::XL);
            }
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                theme::icon_button(ui, ICON_SETTINGS, "Settings");
                theme::icon_button(ui, ICON_CONTENT_COPY, "Copy figures");
            });
        });
        ui.add_space(space::S);
        let plots = 262.0;
        let height = ui.available_height() - plots;
        theme::card(ui, |ui| {
            ui.set_height(height - 24.0);
            ui.horizontal(|ui| {
                theme::section_heading(ui, &self.heatmap.layer);
                ui.label(RichText::new(&self.heatmap.unit).small().weak());
                ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                    if let Some(scale) = self.heatmap.scale() {
                        colour_bar(ui, scale, Orientation::Horizontal, 200.0);
                    }
                });
            });
            Heatmap::new("showcase", &self.heatmap, &self.settings).show(ui, &mut self.selected);
        });
        ui.add_space(space::S);
        theme::card(ui, |ui| {
            let group = Id::unique("showcase plots");
            let plot = |title, unit, series, height| TimePlot {
                title,
                unit,
                series,
                spans: &self.spans,
                group,
                all_s: (0.0, 300.0),
                height,
                empty: "This machine reports no GPU power.",
            };
            plot("Load", "tokens/s", &self.throughput, 110.0).show(ui);
            plot("Power", "W", &self.power, 90.0).show(ui);
        });
    }
}

fn harness(showcase: Showcase, size: egui::Vec2, theme: Theme) -> Harness<'static, Showcase> {
    Harness::builder()
        .with_size(size)
        .with_theme(theme)
        .with_context_setup(theme::install)
        .build_ui_state(|ui, showcase: &mut Showcase| showcase.ui(ui), showcase)
}

#[test]
#[ignore = "writes pictures to look at; needs a graphics driver"]
fn screenshots_of_the_showcase() {
    type Make = fn() -> Named;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let models: [(&str, Make); 4] = [
        ("states", every_state),
        ("one", || full(1, 1, 1)),
        ("multiples", || full(4, 6, 7)),
        ("thousand", || full(1, 40, 25)),
    ];
    for (name, model) in models {
        for theme in [Theme::Light, Theme::Dark] {
            for size in [vec2(1000.0, 640.0), vec2(1440.0, 900.0)] {
                if name != "states" && (size.x < 1200.0) != (theme == Theme::Light) {
                    continue;
                }
                let mut harness = harness(Showcase::new(model()), size, theme);
                harness.run();
                if name == "states" && size.x < 1200.0 {
                    harness
                        .get_by_label("decode 16, prompt 4: 248.9 tokens/s")
                        .click();
                    harness.run();
                    harness
                        .get_by_label("decode 32, prompt 4: 425.3 tokens/s, best")
                        .hover();
                    harness.run_steps(6);
                }
                let picture = harness.render().unwrap();
                picture
                    .save(folder.join(format!("widgets-{name}-{theme:?}-{}.png", size.x)))
                    .unwrap();
            }
        }
    }
}

#[test]
fn every_part_of_the_showcase_has_its_name() {
    let harness = harness(
        Showcase::new(every_state()),
        vec2(1440.0, 900.0),
        Theme::Dark,
    );
    for name in [
        "Best so far: 425.3 tokens/s",
        "GPU power: not available",
        "8, 16, 32, 64 — 4 values",
        "\"sixteen\" is not a number; write values with commas, as in 8, 16",
        "Settings",
        "Start",
        "Load over time, tokens/s",
        "This machine reports no GPU power.",
        "throttled",
        "Colour scale from 118 to 425 tokens/s; marked: 200, 300, 400",
    ] {
        harness.get_by_label(name);
    }
    // The label names the field.
    harness.get_by_role_and_label(egui::Role::TextInput, "Prompt concurrency");
}

#[test]
fn a_click_on_a_figure_copies_it() {
    let mut harness = harness(
        Showcase::new(every_state()),
        vec2(1440.0, 900.0),
        Theme::Light,
    );
    harness.get_by_label("Best so far: 425.3 tokens/s").click();
    let copied = (0..4).any(|_| {
        harness.step();
        let copied = "425.3 tokens/s";
        let commands = &harness.output().platform_output.commands;
        commands
            .iter()
            .any(|c| matches!(c, egui::OutputCommand::CopyText(text) if text == copied))
    });
    assert!(copied);
}
