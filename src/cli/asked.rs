//! What every running subcommand takes, and how it tells what goes on before the run.

use std::sync::{Arc, Mutex, PoisonError};

use super::failure::{Interrupted, Usage};
use super::interrupt::cancellable;
use super::models::Meter;
use super::setup::Show;
use crate::models::memory::Verdict;
use crate::models::synthetic;
use crate::plan::{Plan, RunKind, SweepAxis};
use crate::platform::dirs;
use crate::python::managed;
use crate::session::{NoMlx, Report, Session, SessionError, model};
use crate::settings::overrides::Overrides;
use crate::settings::{BaseUrl, SavedSettings, Settings, Sources, Var, base_url};

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
    /// Ask the prompts of this file: JSON lines, `ShareGPT`, or one a line (`MLX_PROMPTS_FILE`)
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<String>,
    /// Measure running OpenAI-compatible servers instead of starting any: their base URLs, separated
    /// by commas (`MLX_ATTACH`)
    #[arg(long, value_name = "URL")]
    pub attach: Option<String>,
    /// The model's name in requests to attached servers (`MLX_ATTACH_MODEL`)
    #[arg(long, value_name = "NAME")]
    pub attach_model: Option<String>,
    /// Settings as `KEY=VALUE`; `--help` lists them
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Further settings that the subcommand has options for.
    #[arg(skip)]
    pub edited: Vec<(Var, String)>,
}

impl Asked {
    /// The effective settings, from every source.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let mut edited = self.edited.clone();
        for (var, text) in [
            (Var::ModelPath, &self.model),
            (Var::Python, &self.python),
            (Var::ServerArgs, &self.server_args),
            (Var::PromptsFile, &self.prompts),
            (Var::Attach, &self.attach),
            (Var::AttachModel, &self.attach_model),
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

    /// For a resumed run: attached to the same servers, or to none.
    pub fn attach_as(&mut self, plan: &Plan) {
        let attached = plan.servers.attached.as_ref();
        let urls = attached.map(|attached| {
            let urls: Vec<&str> = attached.urls.iter().map(BaseUrl::as_str).collect();
            urls.join(",")
        });
        self.attach = Some(urls.unwrap_or_else(|| base_url::OFF.to_owned()));
        self.attach_model = attached.map(|attached| attached.model.clone());
    }

    /// Finds, or makes, all that a run needs. Ctrl-C meanwhile leaves nothing half-made.
    ///
    /// # Errors
    /// See [`Session::open`].
    pub async fn open(&self, no_mlx: NoMlx) -> anyhow::Result<Session> {
        let settings = self.settings()?;
        let report: Arc<dyn Report> = Arc::new(OnTerminal::default());
        let opened =
            cancellable(async |cancel| Session::open(settings, no_mlx, &report, &cancel).await);
        opened.await?.map_err(told)
    }
}

/// With the exit status that each kind of failure has.
fn told(error: SessionError) -> anyhow::Error {
    match error {
        SessionError::Wrong(text) => Usage(text).into(),
        SessionError::Cancelled => Interrupted.into(),
        SessionError::Failed(error) => error,
    }
}

/// The plan of a run of this kind, if it can fit into this machine's memory.
///
/// # Errors
/// Everything that is wrong with what was asked.
pub fn plan(session: &Session, kind: RunKind, axes: &[String]) -> anyhow::Result<Plan> {
    let axes = SweepAxis::parse_all(axes).map_err(|errors| Usage::all(&errors))?;
    let plan = session.plan(kind, &axes).map_err(told)?;
    match model::memory_judgement(&plan) {
        // Such a run would only swap.
        Some(judgement) if judgement.verdict == Verdict::DoesNotFit => {
            return Err(Usage(format!("this run {}", judgement.text)).into());
        }
        Some(judgement) if judgement.verdict == Verdict::Tight => {
            say!("warning: memory is {}", judgement.text);
        }
        _ => {}
    }
    Ok(plan)
}

/// On standard error: bars on a terminal, lines in a pipe.
#[derive(Default)]
struct OnTerminal {
    setup: Mutex<Option<Show>>,
    model: Mutex<Option<Meter>>,
}

impl Report for OnTerminal {
    fn note(&self, text: &str) {
        say!("note: {text}");
    }

    fn setup(&self, step: managed::Progress) {
        let mut show = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        let done = matches!(step, managed::Progress::Done { .. });
        show.get_or_insert_with(Show::new).step(step);
        if done {
            // Dropping it clears the bar.
            *show = None;
        }
    }

    fn model(&self, name: &str, progress: synthetic::Progress) {
        let mut meter = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let done = progress.done >= progress.total;
        meter.get_or_insert_with(|| Meter::new(name)).show(progress);
        if done {
            *meter = None;
        }
    }
}
