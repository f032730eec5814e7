//! From settings to what can be run: a model, a Python with the server, a plan, and files. Shared
//! by the terminal and the window, which differ only in how they tell what goes on.

pub mod attach;
pub mod cells;
mod confirming;
pub mod model;
pub mod prompts;
pub mod refining;
pub mod searching;
pub mod tuning;

use std::fmt::Display;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::engine::balance::find::find_nginx;
use crate::engine::server::launch::Launcher;
use crate::models;
use crate::models::exact_output::OverlayError;
use crate::models::synthetic;
use crate::monitor::info::MachineInfo;
use crate::plan::known_flags::KnownFlags;
use crate::plan::{Inputs, ModelRef, Plan, RunKind, SweepAxis, build, context};
use crate::prompts::PromptFile;
use crate::python::{self, Interpreter, NotReady, ServerProbe, managed};
use crate::settings::{Secret, Settings, Var};
use crate::store::error::StoreError;
use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;

/// The model where none was chosen: made on disk in a moment, and labelled synthetic everywhere.
pub const DEFAULT_MODEL: &str = "synthetic:tiny";

/// Hears what goes on before a run.
pub trait Report: Send + Sync {
    /// Something to know that stops nothing.
    fn note(&self, text: &str);
    /// A step of making the managed environment; `Done` is the last.
    fn setup(&self, step: managed::Progress);
    /// How far the synthetic model `name` is written.
    fn model(&self, name: &str, progress: synthetic::Progress);
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// What was asked makes no sense; a line for each thing that is wrong.
    #[error("{0}")]
    Wrong(String),
    #[error("interrupted")]
    Cancelled,
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl SessionError {
    fn wrong(error: &dyn Display) -> Self {
        Self::Wrong(error.to_string())
    }

    /// Every wrong setting is told, not only the first.
    fn all_wrong<E: Display>(errors: &[E]) -> Self {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Self::Wrong(lines.join("\n"))
    }

    fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self::Failed(error.into())
    }
}

/// `work`, dropped where it stands if it is cancelled: importing MLX can take a while.
async fn unless<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, SessionError> {
    let done = cancel.run_until_cancelled(work).await;
    done.ok_or(SessionError::Cancelled)
}

/// What to do where no Python has MLX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMlx {
    /// Say how to get it.
    Tell,
    /// Make the managed environment.
    SetUp,
}

/// A model, what serves it, and what else of this machine a run needs.
#[derive(Debug)]
pub struct Session {
    pub settings: Settings,
    pub model: ModelRef,
    /// What servers are started with; `None` where they are attached.
    pub python: Option<(Interpreter, ServerProbe)>,
    /// `None` where the server's help makes no sense to us.
    pub known: Option<KnownFlags>,
    pub nginx: Option<PathBuf>,
    /// The prompt file that the settings name, and what is to be told of it.
    pub prompts: Option<(PromptFile, Vec<String>)>,
}

impl Session {
    /// Finds, or makes, all that a run needs. A cancel meanwhile leaves nothing half-made.
    ///
    /// # Errors
    /// A wrong setting or model, no Python with MLX, a server that does not start at all, or the
    /// cancel.
    pub async fn open(
        settings: Settings,
        no_mlx: NoMlx,
        report: &Arc<dyn Report>,
        cancel: &CancellationToken,
    ) -> Result<Self, SessionError> {
        let made = Self::make(settings, no_mlx, report, cancel).await;
        if cancel.is_cancelled() {
            return Err(SessionError::Cancelled);
        }
        made
    }

    async fn make(
        settings: Settings,
        no_mlx: NoMlx,
        report: &Arc<dyn Report>,
        cancel: &CancellationToken,
    ) -> Result<Self, SessionError> {
        // A wrong file is told before anything is made.
        let prompts = unless(cancel, prompts::of_settings(&settings)).await??;
        let attached = unless(cancel, attach::model(&settings)).await??;
        if let Some(model) = attached {
            return Ok(Self {
                settings,
                model,
                python: None,
                known: None,
                nginx: None,
                prompts,
            });
        }
        // A wrong model is told before minutes are spent on Python.
        let wanted = settings.text(Var::ModelPath).unwrap_or(DEFAULT_MODEL);
        let model = model::ready(wanted, &settings, report, cancel).await?;
        let interpreter = interpreter(&settings, no_mlx, report, cancel).await?;
        let server = unless(cancel, python::server_probe(&interpreter.exe))
            .await?
            .map_err(SessionError::failed)?;
        let version = server.mlx_lm.as_str();
        let known = KnownFlags::parse(&server.help, Some(version)).ok();
        let nginx = find_nginx(settings.path(Var::NginxBin).and_then(Path::to_str));
        Ok(Self {
            settings,
            model,
            python: Some((interpreter, server)),
            known,
            nginx,
            prompts,
        })
    }

    /// The plan of a run of this kind.
    ///
    /// # Errors
    /// Everything that is wrong with what was asked.
    pub fn plan(&self, kind: RunKind, axes: &[SweepAxis]) -> Result<Plan, SessionError> {
        let mut plan = build(Inputs {
            kind,
            settings: &self.settings,
            axes,
            model: self.model.clone(),
            known_flags: self.known.as_ref(),
            nginx_found: self.nginx.is_some(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            drawn_seed: Some(draw()),
        })
        .map_err(|errors| SessionError::all_wrong(&errors))?;
        if let Some((file, notices)) = &self.prompts {
            plan.workload.prompt_file = Some(file.clone());
            plan.notices.extend(notices.iter().cloned());
        }
        if plan.workload.exact_output && !Path::new(&self.model.path).is_dir() {
            let model = self.model.label.clone();
            return Err(SessionError::wrong(&OverlayError::NotHere { model }));
        }
        let context = self
            .python
            .as_ref()
            .and_then(|_| model::context(&self.model));
        let too_long = context.and_then(|n| context::check(&plan, axes, &self.settings, n));
        too_long.map_or(Ok(plan), |error| Err(SessionError::wrong(&error)))
    }

    /// The files of a new run.
    ///
    /// # Errors
    /// The results folder cannot be written.
    pub fn record(&self, plan: &Plan) -> Result<Recorder, StoreError> {
        let recorder = Recorder::create(plan, self.provenance(), &jiff::ZonedDateTime::now())?;
        Ok(recorder.with_requests(self.settings.is_on(Var::RequestsCsv)))
    }

    /// `None` where servers are attached.
    pub fn launcher(&self) -> Option<Launcher> {
        let (interpreter, server) = self.python.as_ref()?;
        Some(Launcher {
            python: interpreter.exe.clone(),
            module_args: server.module_args.clone(),
        })
    }

    /// The key of attached servers, for [`crate::engine::EngineConfig`] alone.
    pub fn attach_key(&self) -> Option<Secret> {
        self.settings.secret(Var::AttachKey).cloned()
    }

    /// What a run's files say of where its figures come from.
    pub fn provenance(&self) -> Provenance {
        let folder = Path::new(&self.model.path);
        // An attached server's model may lie anywhere, whatever its name here.
        let described =
            (self.python.is_some() && folder.is_dir()).then(|| models::describe(folder));
        Provenance {
            machine: json!(MachineInfo::read()),
            software: match &self.python {
                Some((interpreter, server)) => json!({
                    "python": server.python,
                    "mlx": server.mlx,
                    "mlx_lm": server.mlx_lm,
                    "backend": interpreter.backend,
                    "interpreter": interpreter.exe,
                    "nginx": self.nginx,
                }),
                // Of servers that somebody else started, maybe elsewhere, no version is known.
                None => json!({ "attached": self.settings.urls(Var::Attach) }),
            },
            model: json!({
                "label": self.model.label,
                "path": self.model.path,
                "synthetic": self.model.synthetic,
                "description": described,
            }),
        }
    }
}

/// A number that nothing tells beforehand: the standard library keys each hasher so.
fn draw() -> u32 {
    RandomState::new().hash_one(std::process::id()) as u32
}

async fn interpreter(
    settings: &Settings,
    no_mlx: NoMlx,
    report: &Arc<dyn Report>,
    cancel: &CancellationToken,
) -> Result<Interpreter, SessionError> {
    let chosen = settings.path(Var::Python);
    match no_mlx {
        NoMlx::Tell => unless(cancel, python::choose(chosen))
            .await?
            .map_err(|error| SessionError::wrong(&error)),
        NoMlx::SetUp => python::find_or_make(chosen, &|step| report.setup(step), cancel)
            .await
            .map_err(|error| match error {
                NotReady::Python(error) => SessionError::wrong(&error),
                other => SessionError::failed(other),
            }),
    }
}
