//! A window that looks the same on every machine: its files, its clock and all that it knows of the
//! machine are given to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::os::OperatingSystem;
use egui::{Theme, UiBuilder, Vec2};
use egui_kittest::Harness;
use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use jiff::ZonedDateTime;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;
use tempfile::TempDir;

use crate::app::backend::{Done, ModelsDone};
use crate::app::lab::Lab;
use crate::app::pages::run::form::ResolvedModel;
use crate::app::testing::raster::Raster;
use crate::app::testing::script::{Script, Setting};
use crate::app::testing::window::{Holder, Window};
use crate::doctor::{Check, Level};
use crate::models::catalogue::{Catalogue, Presence};
use crate::models::memory::{Judgement, MachineMemory, Verdict};
use crate::models::synthetic::{self, Shape};
use crate::models::{Places, recommended};
use crate::plan::{KnownFlags, ModelRef};
use crate::python::{Interpreter, Origin};
use crate::store::library;
use crate::store::sidecar::Provenance;
use crate::store::trash::fake::FolderTrash;
use crate::units::Bytes;

/// The user whose machine it is.
const HOME: &str = "/Users/ada";
pub const MODEL: &str = "mlx-community/Llama-3.2-3B-Instruct-4bit";
const HELP: &str = include_str!("../../plan/fixtures/server_help_0.32.2.txt");

/// A full sweep of three decode by five request concurrencies.
const SWEEP: [(&str, &str); 6] = [
    ("MLX_RESULTS_DIR", "/Users/ada/Benchmarks"),
    ("MLX_INSTANCES_LIST", "1"),
    ("MLX_DECODE_CONCURRENCY_LIST", "8,32,64"),
    ("MLX_PROMPT_CONCURRENCY_LIST", "8"),
    ("MLX_CONCURRENCY_LIST", "1,4,16,32,64"),
    ("MLX_MODEL_PATH", MODEL),
];

pub struct Stage {
    pub window: Window,
    pub script: Script,
    pub dir: TempDir,
}

impl Stage {
    /// A window of a user who has measured before, if `welcomed`.
    pub fn new(size: Vec2, theme: Theme, welcomed: bool) -> Self {
        let settings = if welcomed { &SWEEP[..] } else { &SWEEP[..1] };
        Self::with(size, theme, welcomed, settings)
    }

    /// As [`Stage::new`], of a user with these environment variables.
    pub fn with(size: Vec2, theme: Theme, welcomed: bool, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).expect("a folder");
        let kept = json!({ "welcomed": welcomed }).to_string();
        std::fs::write(data.join("window.json"), kept).expect("a file");
        let mut window = window(&data, size, theme, settings);
        let lab = window.state_mut();
        let chosen = settings.iter().find(|(name, _)| *name == "MLX_MODEL_PATH");
        let model = chosen.map_or(MODEL, |(_, model)| model);
        let setting = Setting {
            moment: moment("2026-11-24T15:09:13"),
            results_dir: Some(dir.path().join("results")),
            provenance: provenance(model),
        };
        let script = Script::set_in(lab, setting);
        furnish(lab, dir.path(), model);
        window.run_steps(4);
        let mut stage = Self {
            window,
            script,
            dir,
        };
        stage.list();
        stage
    }

    pub fn results(&self) -> PathBuf {
        self.dir.path().join("results")
    }

    /// Fills the library with what is in the results folder.
    pub fn list(&mut self) {
        let mut runs = library::scan(&self.results());
        runs.sort_by_key(|run| std::cmp::Reverse(run.date));
        self.window.state_mut().take(Done::Runs(runs, None));
        self.window.run_steps(4);
    }

    /// Takes what comes of work in the background until `last`, but nothing that was looked up on
    /// this machine.
    pub fn until(&mut self, last: impl Fn(&Done) -> bool) {
        loop {
            let done = self.window.state().backend.wait();
            let is_last = last(&done);
            match done {
                Done::Started(_) | Done::Opened(..) | Done::Compare(_) | Done::Read(_) => {
                    self.window.state_mut().take(done);
                }
                _ => {}
            }
            self.window.run_steps(4);
            if is_last {
                return;
            }
        }
    }
}

/// The same words in every time zone: the app shows local time.
pub fn moment(local: &str) -> ZonedDateTime {
    let local: DateTime = local.parse().expect("a moment");
    local
        .to_zoned_datetime(TimeZone::system())
        .expect("a moment that no zone leaves out")
}

fn window(data: &Path, size: Vec2, theme: Theme, settings: &[(&str, &str)]) -> Window {
    let environment: Vec<(String, String)> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let data = data.to_owned();
    Harness::builder()
        .with_size(size)
        .with_step_dt(0.2)
        // Shortcuts are written as on the machine that the app is for.
        .with_os(OperatingSystem::Mac)
        .with_render_cursor(false)
        .renderer(Raster::default())
        .build_ui_state(
            move |ui, holder: &mut Holder| {
                let context = ui.ctx().clone();
                if let Some(lab) = holder.get() {
                    lab.drain_engine();
                    lab.keep(&context);
                    // The harness leaves a margin, the app does not.
                    let whole = UiBuilder::new().max_rect(context.content_rect());
                    lab.draw(&mut ui.new_child(whole));
                    return;
                }
                let lab = Lab::unlooked(&context, Some(&data), environment.clone());
                let mut lab = lab.expect("a window");
                lab.backend.trash = Arc::new(FolderTrash::default());
                context.set_theme(theme);
                holder.set(lab);
            },
            Holder::default(),
        )
}

/// Everything that the app looks up on a machine, of one that is nobody's.
fn furnish(lab: &mut Lab, dir: &Path, model: &str) {
    lab.form.facts.nginx_found = true;
    lab.form.facts.cores = 16;
    let pythons = pythons();
    let launcher = [
        pythons[0].exe.to_str().unwrap_or_default(),
        "-m",
        "mlx_lm.server",
    ];
    lab.take(Done::Server {
        known: KnownFlags::parse(HELP, Some("0.32.2")).ok(),
        launcher: launcher.map(str::to_owned).into(),
    });
    lab.take(Done::Resolved(ResolvedModel {
        text: model.to_owned(),
        outcome: Ok(ModelRef {
            path: model.to_owned(),
            label: model.to_owned(),
            synthetic: false,
        }),
        detail: String::new(),
        context: None,
    }));
    lab.take(Done::Memory(Some(Judgement {
        verdict: Verdict::Fits,
        text: "fits: about 4.1 GB of 48 GB".to_owned(),
    })));
    lab.take(Done::Checks(checks()));
    lab.take(Done::Pythons {
        taken: Ok(pythons[0].clone()),
        found: pythons,
        remake: None,
    });
    lab.take(Done::Models(ModelsDone::Found {
        catalogue: Box::new(catalogue(dir)),
        others: Vec::new(),
        machine: Some(MachineMemory {
            usable: Bytes(48_000_000_000),
            free: Some(Bytes(41_200_000_000)),
            name: "that the GPU may use",
        }),
    }));
}

fn pythons() -> Vec<Interpreter> {
    let python = |exe: &str, origin, python: &str, mlx: Option<(&str, &str)>| Interpreter {
        exe: PathBuf::from(exe),
        origin,
        python: python.to_owned(),
        mlx: mlx.map(|(mlx, _)| mlx.to_owned()),
        mlx_lm: mlx.map(|(_, lm)| lm.to_owned()),
        backend: mlx.map(|_| "metal".to_owned()),
    };
    vec![
        python(
            "/Users/ada/Library/Application Support/MLX Throughput Lab/python/bin/python",
            Origin::Managed,
            "3.12.4",
            Some(("0.32.4", "0.32.2")),
        ),
        python(
            "/opt/homebrew/bin/python3.13",
            Origin::Homebrew,
            "3.13.1",
            Some(("0.31.0", "0.31.1")),
        ),
        python("/usr/bin/python3", Origin::Path, "3.11.9", None),
    ]
}

fn checks() -> Vec<Check> {
    let check = |level, name: &str, detail: &str, remedy: Option<&str>| Check {
        level,
        name: name.to_owned(),
        detail: detail.to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    let ok = |name, detail| check(Level::Ok, name, detail, None);
    vec![
        ok("Python", "3.12.4, the managed environment"),
        ok("mlx-lm", "0.32.2 with mlx 0.32.4 on metal"),
        check(
            Level::Warning,
            "nginx",
            "not found: the client spreads requests over several servers by itself",
            Some("`brew install nginx` to measure through it"),
        ),
        ok("server ports", "9000 to 9003 free"),
        ok("memory", "41.2 GB free of 64.0 GB"),
        ok("disk", "312 GB free for /Users/ada/Benchmarks"),
        ok("power", "AC, no low-power mode"),
    ]
}

/// One model here, one in the cache, and what can be made or downloaded.
fn catalogue(dir: &Path) -> Catalogue {
    let token = tokio_util::sync::CancellationToken::new();
    let make = |folder: &Path| {
        let tiny = Shape::named("tiny").expect("a known shape");
        synthetic::ensure_shape("x", &tiny, folder, &mut |_| (), &token).expect("a model");
    };
    let places = Places {
        synthetic: Some(dir.join("synthetic")),
        folders: vec![dir.join("models")],
        hub_caches: vec![dir.join("hub")],
        depth: 4,
    };
    make(&dir.join("synthetic/tiny"));
    let mine = dir.join("models/mistral-nemo-instruct-2407-tuned-on-support-mail-4bit");
    make(&mine);
    std::fs::remove_file(mine.join("synthetic.json")).expect("its record");
    let repo = recommended()[0].repo.replace('/', "--");
    let cached = dir.join(format!("hub/models--{repo}/snapshots/abc"));
    make(&cached);
    std::fs::remove_file(cached.join("synthetic.json")).expect("its record");

    let mut catalogue = Catalogue::of(&places);
    let here = dir.to_string_lossy().into_owned();
    let lists = [
        &mut catalogue.found,
        &mut catalogue.synthetic,
        &mut catalogue.recommended,
    ];
    for entry in lists.into_iter().flatten() {
        entry.text = entry.text.replace(&here, HOME);
        if let Presence::Here(folder) = &mut entry.presence {
            *folder = folder.to_string_lossy().replace(&here, HOME).into();
        }
    }
    catalogue
}

pub fn provenance(model: &str) -> Provenance {
    Provenance {
        machine: json!({"chip": "Apple M3 Max", "os": "macOS", "os_version": "26.1",
                        "memory_total": 64_000_000_000_u64, "cores_logical": 16}),
        software: json!({"python": "3.12.4", "mlx": "0.32.4", "mlx_lm": "0.32.2"}),
        model: json!({"label": model, "path": model, "synthetic": false,
                      "description": {"hash": "0123456789abcdef",
                                      "quantisation": {"bits": 4, "group_size": 64}}}),
    }
}

/// Writes a committed picture as small as it gets: kittest compresses for speed. What it was before
/// is in the repository, and not needed beside it.
pub fn squeeze(file: &Path) {
    for before in ["old.png", "diff.png"] {
        let _ = std::fs::remove_file(file.with_extension(before));
    }
    let picture = image::open(file).expect("a picture").to_rgb8();
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(
            &picture,
            picture.width(),
            picture.height(),
            image::ExtendedColorType::Rgb8,
        )
        .expect("a picture");
    std::fs::write(file, bytes).expect("room on the disk");
}
