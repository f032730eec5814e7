//! What quick, checks and sweeps have in common: from what was asked to what can be run.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::failure::{Interrupted, Usage};
use super::interrupt::cancellable;
use super::model;
use super::setup;
use crate::engine::balance::find::find_nginx;
use crate::engine::server::launch::Launcher;
use crate::models;
use crate::monitor::info::MachineInfo;
use crate::plan::axis::SweepAxis;
use crate::plan::build::{Inputs, build};
use crate::plan::known_flags::KnownFlags;
use crate::plan::{ModelRef, Plan, RunKind};
use crate::platform::dirs;
use crate::python::{self, Interpreter, ServerProbe};
use crate::settings::overrides::Overrides;
use crate::settings::{SavedSettings, Settings, Sources, Var};
use crate::store::sidecar::Provenance;

/// The model where none was chosen: made on disk in a moment, and labelled synthetic everywhere.
pub const DEFAULT_MODEL: &str = "synthetic:tiny";

/// What every running subcommand takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Asked {
    /// A local model folder, a Hugging Face repo, or `synthetic:NAME` (`MLX_MODEL_PATH`)
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The Python interpreter that runs the server (`MLX_PYTHON`)
    #[arg(long, value_name = "PATH")]
    pub python: Option<String>,
    /// More arguments for the server, separated by commas (`MLX_SERVER_ARGS`)
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub server_args: Option<String>,
    /// Settings as `KEY=VALUE`; `--help` lists them
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

impl Asked {
    /// The effective settings, from every source.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let mut edited = Vec::new();
        for (var, text) in [
            (Var::ModelPath, &self.model),
            (Var::Python, &self.python),
            (Var::ServerArgs, &self.server_args),
        ] {
            if let Some(text) = text {
                edited.push((var, text.clone()));
            }
        }
        let overrides = Overrides::from_words(&self.overrides).map_err(|e| Usage::all(&e))?;
        let saved = match dirs::settings_file() {
            Some(file) => {
                let (saved, problem) = SavedSettings::load(&file);
                if let Some(problem) = problem {
                    say!("warning: {problem}");
                }
                saved
            }
            None => SavedSettings::default(),
        };
        let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
        let sources = Sources {
            edited,
            overrides,
            environment: std::env::vars_os()
                .map(|(k, v)| (text(k), text(v)))
                .collect(),
            saved,
        };
        let settings = Settings::resolve(&sources).map_err(|e| Usage::all(&e))?;
        for warning in &settings.warnings {
            say!("warning: {warning}");
        }
        Ok(settings)
    }
}

/// `work`, dropped where it stands if it is cancelled: importing MLX can take a while.
async fn unless<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Interrupted> {
    cancel.run_until_cancelled(work).await.ok_or(Interrupted)
}

/// What to do where no Python has MLX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMlx {
    /// Say how to get it.
    Tell,
    /// Make the managed environment.
    SetUp,
}

/// A Python with the server, a model, and what else of this machine a run needs.
#[derive(Debug)]
pub struct Session {
    pub settings: Settings,
    pub model: ModelRef,
    pub interpreter: Interpreter,
    pub server: ServerProbe,
    /// `None` where the server's help makes no sense to us.
    pub known: Option<KnownFlags>,
    pub nginx: Option<PathBuf>,
}

impl Session {
    /// Finds, or makes, all that a run needs. Ctrl-C meanwhile leaves nothing half-made.
    ///
    /// # Errors
    /// A wrong setting or model, no Python with MLX, a server that does not start at all, or the
    /// user's Ctrl-C.
    pub async fn open(asked: &Asked, no_mlx: NoMlx) -> anyhow::Result<Self> {
        let settings = asked.settings()?;
        cancellable(async |cancel| {
            let made = Self::make(settings, no_mlx, &cancel).await;
            if cancel.is_cancelled() {
                return Err(Interrupted.into());
            }
            made
        })
        .await?
    }

    async fn make(
        settings: Settings,
        no_mlx: NoMlx,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        // A wrong model is told before minutes are spent on Python.
        let wanted = settings
            .text(Var::ModelPath)
            .unwrap_or(DEFAULT_MODEL)
            .to_owned();
        let model = model::ready(&wanted, &settings, cancel).await?;
        let chosen = settings.path(Var::Python).map(Path::to_owned);
        let chosen = chosen.as_deref();
        let interpreter = match no_mlx {
            NoMlx::Tell => unless(cancel, python::choose(chosen))
                .await?
                .map_err(|e| Usage::of(&e))?,
            NoMlx::SetUp => setup::find_or_make(chosen, cancel).await?,
        };
        let server = unless(cancel, python::server_probe(&interpreter.exe)).await??;
        let version = server.mlx_lm.as_str();
        let known = KnownFlags::parse(&server.help, Some(version)).ok();
        let nginx = find_nginx(settings.path(Var::NginxBin).and_then(Path::to_str));
        Ok(Self {
            settings,
            model,
            interpreter,
            server,
            known,
            nginx,
        })
    }

    /// The plan of a run of this kind.
    ///
    /// # Errors
    /// Everything that is wrong with what was asked.
    pub fn plan(&self, kind: RunKind, axes: &[String]) -> anyhow::Result<Plan> {
        let axes = SweepAxis::parse_all(axes).map_err(|errors| Usage::all(&errors))?;
        let plan = build(Inputs {
            kind,
            settings: &self.settings,
            axes: &axes,
            model: self.model.clone(),
            known_flags: self.known.as_ref(),
            nginx_found: self.nginx.is_some(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        })
        .map_err(|errors| Usage::all(&errors))?;
        model::refuse_too_large(&plan)?;
        Ok(plan)
    }

    pub fn launcher(&self) -> Launcher {
        Launcher {
            python: self.interpreter.exe.clone(),
            module_args: self.server.module_args.clone(),
        }
    }

    /// What a run's files say of where its figures come from.
    pub fn provenance(&self) -> Provenance {
        let folder = Path::new(&self.model.path);
        let described = folder.is_dir().then(|| models::describe(folder));
        Provenance {
            machine: json!(MachineInfo::read()),
            software: json!({
                "python": self.server.python,
                "mlx": self.server.mlx,
                "mlx_lm": self.server.mlx_lm,
                "backend": self.interpreter.backend,
                "interpreter": self.interpreter.exe,
                "nginx": self.nginx,
            }),
            model: json!({
                "label": self.model.label,
                "path": self.model.path,
                "synthetic": self.model.synthetic,
                "description": described,
            }),
        }
    }
}
