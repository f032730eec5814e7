//! Work that takes longer than a frame: it runs on a runtime of its own, and what comes of it is
//! drained in `logic()`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::compare::CompareDone;
use super::dialogs::Dialogs;
use super::pages::results::cell_table::{Ordered, Ordering};
use super::pages::run::form::{
    AttachQuery, AttachedModels, FoundPrompts, PromptsQuery, ResolvedModel,
};
use super::reading::{Read, Wanted};
use super::{export, live_logs};
use crate::board::Board;
use crate::compare::{ComparedRun, Comparison};
use crate::doctor::{self, Check};
use crate::engine::source::CellSource;
use crate::engine::{self, EngineConfig, Handle, MachineSource, Run};
use crate::models::catalogue::{Catalogue, Entry};
use crate::models::memory::{Judgement, MachineMemory};
use crate::models::{Places, resolve, synthetic};
use crate::plan::{KnownFlags, Plan, SweepAxis};
use crate::platform::dirs;
use crate::platform::keep_awake::KeepAwake;
use crate::python::{self, Interpreter, managed};
use crate::session::{NoMlx, Report, Session, SessionError, attach, cells, model, prompts};
use crate::settings::{Settings, Var};
use crate::store;
use crate::store::examples;
use crate::store::library::{self, LoadedRun, RunSummary};
use crate::store::note::RunNote;
use crate::store::recorder::Recorder;
use crate::store::trash::{SystemTrash, Trash, Trashed};

/// A pause in typing that is longer than this is its end.
const TYPING: Duration = Duration::from_millis(400);

/// What came of a piece of work.
pub enum Done {
    /// Something to know about a run that is being prepared.
    Note(String),
    Setup(managed::Progress),
    ModelWritten {
        name: String,
        progress: synthetic::Progress,
    },
    Started(Result<Box<Started>, SessionError>),
    SetUp(Result<Interpreter, SessionError>),
    Checks(Vec<Check>),
    Pythons {
        found: Vec<Interpreter>,
        taken: Result<Interpreter, String>,
        /// Why the managed environment must be made (anew), if so.
        remake: Option<String>,
    },
    Server {
        known: Option<KnownFlags>,
        launcher: Vec<String>,
    },
    Models(ModelsDone),
    Resolved(ResolvedModel),
    Memory(Option<Judgement>),
    Attached(AttachedModels),
    Prompts(FoundPrompts),
    /// The runs of the results folder, and why it may hold none.
    Runs(Vec<RunSummary>, Option<String>),
    /// The runs that came with the app.
    Examples(Vec<RunSummary>),
    /// Where it was written, or why not.
    Exported(Result<PathBuf, String>),
    Markdown(Result<String, String>),
    /// A name and note were kept, or why not.
    Noted(PathBuf, Result<(), String>),
    Trashed(Result<Trashed, String>),
    Restored(PathBuf, Result<(), String>),
    PickedSetting(Var, PathBuf),
    Opened(PathBuf, Result<Box<(LoadedRun, Board)>, String>),
    Compare(CompareDone),
    /// Rows of a table, sorted and filtered; `None` where other rows were asked for meanwhile.
    Ordered(Option<Ordered>),
    Read(Box<Read>),
    /// New lines of the running servers' logs.
    LogLines(Vec<live_logs::Lines>),
    PickedModel(PathBuf),
    PickedResults(PathBuf),
    PickedFile(Var, PathBuf),
}

/// What came of work for the Models page.
pub enum ModelsDone {
    Found {
        catalogue: Box<Catalogue>,
        /// Models beside the catalogue, by how they were asked for.
        others: Vec<(String, Result<Entry, String>)>,
        machine: Option<MachineMemory>,
    },
    Inspected(String, Box<Result<Entry, String>>),
    Making(synthetic::Progress),
    /// The name without `synthetic:`; `Err(None)` where it was cancelled.
    Made(Result<String, Option<String>>),
    /// What went to the trash, or why it did not.
    Deleted(Result<String, String>),
}

/// A run that the engine has taken on.
pub struct Started {
    pub handle: Handle,
    pub csv: PathBuf,
    /// Held while the run goes on: a machine that sleeps measures nothing.
    pub _awake: Option<KeepAwake>,
}

/// Takes on a plan as the engine would, with events that a test scripts.
#[cfg(test)]
pub(super) type StandIn = Arc<dyn Fn(Plan) -> Started + Send + Sync>;

/// Starts work and hands its results over.
pub struct Backend {
    pub(super) runtime: Runtime,
    tell: Sender<Done>,
    done: Receiver<Done>,
    wake: engine::emitter::Wake,
    /// Shared with all work that is going on.
    at_work: Arc<()>,
    pub dialogs: Dialogs,
    /// Where deleted runs go.
    pub trash: Arc<dyn Trash>,
    /// Takes on runs in place of the engine.
    #[cfg(test)]
    pub(super) stand_in: Option<StandIn>,
}

/// Passes what is heard before a run on to the window.
pub(super) struct ToWindow {
    tell: Sender<Done>,
    wake: engine::emitter::Wake,
    _at_work: Arc<()>,
}

impl ToWindow {
    pub(super) fn say(&self, done: Done) {
        let _ = self.tell.send(done);
        (self.wake)();
    }
}

impl Report for ToWindow {
    fn note(&self, text: &str) {
        self.say(Done::Note(text.to_owned()));
    }

    fn setup(&self, step: managed::Progress) {
        self.say(Done::Setup(step));
    }

    fn model(&self, name: &str, progress: synthetic::Progress) {
        let name = name.to_owned();
        self.say(Done::ModelWritten { name, progress });
    }
}

impl Backend {
    /// # Errors
    /// The runtime cannot be made.
    pub fn new(wake: engine::emitter::Wake) -> std::io::Result<Self> {
        let (tell, done) = channel();
        Ok(Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("window work")
                .enable_all()
                .build()?,
            tell,
            done,
            wake,
            at_work: Arc::default(),
            dialogs: Dialogs::default(),
            trash: Arc::new(SystemTrash),
            #[cfg(test)]
            stand_in: None,
        })
    }

    pub fn wake(&self) -> engine::emitter::Wake {
        Arc::clone(&self.wake)
    }

    /// The next finished piece of work, if any.
    pub fn next(&self) -> Option<Done> {
        self.done.try_recv().ok()
    }

    /// As [`Backend::next`], but waits for it.
    #[cfg(test)]
    pub fn wait(&self) -> Done {
        let longest = std::time::Duration::from_secs(30);
        self.done.recv_timeout(longest).expect("work that ends")
    }

    pub(super) fn to_window(&self) -> ToWindow {
        ToWindow {
            tell: self.tell.clone(),
            wake: Arc::clone(&self.wake),
            _at_work: Arc::clone(&self.at_work),
        }
    }

    /// Nothing that was started will tell the window of anything more.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.at_work) == 1
    }

    fn report(&self) -> Arc<dyn Report> {
        Arc::new(self.to_window())
    }

    fn spawn(&self, work: impl Future<Output = Done> + Send + 'static) {
        let window = self.to_window();
        self.runtime.spawn(async move { window.say(work.await) });
    }

    /// Work that tells the window of itself.
    pub(super) fn spawn_task(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Work that blocks: files, sensors.
    pub(super) fn spawn_blocking(&self, work: impl FnOnce() -> Done + Send + 'static) {
        let window = self.to_window();
        self.runtime.spawn_blocking(move || window.say(work()));
    }

    /// Prepares what `plan` needs (environment, model), builds it anew with what the server that
    /// was found or installed can really do, and starts it.
    pub fn start(
        &self,
        settings: Settings,
        plan: Plan,
        axes: Vec<SweepAxis>,
        cancel: CancellationToken,
    ) {
        #[cfg(test)]
        if let Some(stand_in) = self.stand_in.clone() {
            self.spawn_blocking(move || Done::Started(Ok(Box::new(stand_in(plan)))));
            return;
        }
        let report = self.report();
        let wake = self.wake();
        self.spawn(async move {
            let started = start(settings, plan, &axes, &report, wake, &cancel).await;
            Done::Started(started.map(Box::new))
        });
    }

    /// Goes on with the run of a results file.
    pub fn resume(&self, settings: Settings, csv: &Path, cancel: CancellationToken) {
        let report = self.report();
        let wake = self.wake();
        let csv = csv.to_owned();
        self.spawn(async move {
            let started = resume(settings, &csv, &report, wake, &cancel).await;
            Done::Started(started.map(Box::new))
        });
    }

    /// Waits for the end of an engine whose run has ended.
    pub fn join(&self, started: Started) {
        self.runtime.spawn_blocking(move || started.handle.join());
    }

    pub fn set_up(&self, cancel: CancellationToken) {
        let report = self.report();
        self.spawn(async move {
            let Some(dir) = dirs::environment_dir() else {
                let why = anyhow::anyhow!("this user has no home folder (HOME)");
                return Done::SetUp(Err(why.into()));
            };
            let made = managed::ensure(&dir, &|step| report.setup(step), &cancel).await;
            Done::SetUp(made.map_err(|error| match error {
                managed::SetupError::Cancelled => SessionError::Cancelled,
                other => SessionError::Failed(other.into()),
            }))
        });
    }

    /// Looks at this machine anew: checks, Pythons, and the server's flags.
    pub fn look(&self, inputs: doctor::Inputs) {
        #[cfg(test)]
        if self.stand_in.is_some() {
            // A scripted engine's machine is what the script says.
            return;
        }
        let chosen = inputs.python.clone();
        self.spawn(async move { Done::Checks(doctor::examine(&inputs).await) });
        let window = self.to_window();
        self.runtime.spawn(async move {
            let found = python::find(chosen.as_deref()).await;
            let taken = python::choose(chosen.as_deref()).await;
            let exe = taken.as_ref().ok().map(|python| python.exe.clone());
            window.say(Done::Pythons {
                found,
                taken: taken.map_err(|error| error.to_string()),
                remake: dirs::environment_dir().and_then(|dir| managed::reason_to_remake(&dir)),
            });
            let Some(exe) = exe else { return };
            let Ok(probe) = python::server_probe(&exe).await else {
                return;
            };
            let version = probe.mlx_lm.as_str();
            let mut launcher = vec![exe.to_string_lossy().into_owned()];
            launcher.extend(probe.module_args.iter().cloned());
            window.say(Done::Server {
                known: KnownFlags::parse(&probe.help, Some(version)).ok(),
                launcher,
            });
        });
    }

    pub fn resolve_model(&self, text: String, extra: Vec<PathBuf>, depth: usize) {
        self.spawn_blocking(move || {
            let resolved = resolve(&text, &Places::usual(&extra, depth));
            let detail = resolved
                .as_ref()
                .ok()
                .and_then(crate::models::Resolved::notice)
                .unwrap_or_default();
            let context = resolved
                .as_ref()
                .ok()
                .and_then(|resolved| model::context(&resolved.model));
            Done::Resolved(ResolvedModel {
                text,
                context,
                outcome: resolved
                    .map(|resolved| resolved.model)
                    .map_err(|error| error.to_string()),
                detail,
            })
        });
    }

    /// Asks attached servers for their models, a moment later: whoever still types a URL aborts it.
    pub fn ask_attached(&self, query: AttachQuery) -> AbortHandle {
        let window = self.to_window();
        let asking = self.runtime.spawn(async move {
            tokio::time::sleep(TYPING).await;
            let models = attach::common_models(&query.urls, query.key.as_ref()).await;
            window.say(Done::Attached(AttachedModels {
                outcome: models.map_err(|error| error.to_string()),
                query,
            }));
        });
        asking.abort_handle()
    }

    pub fn look_at_prompts(&self, query: PromptsQuery) {
        self.spawn_blocking(move || {
            let outcome = prompts::look(&query.path, query.model.as_deref());
            Done::Prompts(FoundPrompts { query, outcome })
        });
    }

    pub fn judge_memory(&self, plan: Plan) {
        self.spawn_blocking(move || Done::Memory(model::memory_judgement(&plan)));
    }

    /// The runs of the folder, and `others` that were opened from elsewhere.
    pub fn list_runs(&self, results: PathBuf, others: Vec<PathBuf>) {
        self.spawn_blocking(move || {
            let problem = library::folder_problem(&results);
            let mut runs = library::scan(&results);
            let same =
                |a: &Path, b: &Path| a == b || a.canonicalize().ok() == b.canonicalize().ok();
            let others = others.iter().filter(|path| path.is_file());
            let mut others: Vec<RunSummary> = others
                .filter(|path| !runs.iter().any(|run| same(&run.path, path)))
                .map(|path| library::summary(path))
                .collect();
            runs.append(&mut others);
            runs.sort_by_key(|run| std::cmp::Reverse(run.date));
            Done::Runs(runs, problem)
        });
    }

    /// The app's examples, kept in `folder`.
    pub fn list_examples(&self, folder: PathBuf) {
        self.spawn_blocking(move || {
            Done::Examples(examples::in_folder(&folder).unwrap_or_else(|error| {
                // Nobody waits for them, and whatever else needs the folder says what is wrong.
                tracing::warn!("no examples in {}: {error}", folder.display());
                Vec::new()
            }))
        });
    }

    pub fn note(&self, csv: PathBuf, note: RunNote) {
        self.spawn_blocking(move || {
            let kept = note.write(&csv).map_err(|error| error.to_string());
            Done::Noted(csv, kept)
        });
    }

    pub fn move_to_trash(&self, csv: PathBuf) {
        let trash = Arc::clone(&self.trash);
        self.spawn_blocking(move || {
            Done::Trashed(Trashed::put(&csv, trash.as_ref()).map_err(|error| error.to_string()))
        });
    }

    pub fn restore(&self, trashed: Trashed) {
        let trash = Arc::clone(&self.trash);
        self.spawn_blocking(move || {
            let back = trashed.restore(trash.as_ref());
            Done::Restored(trashed.csv, back.map_err(|error| error.to_string()))
        });
    }

    pub fn open_run(&self, path: &Path) {
        let path = path.to_owned();
        self.spawn_blocking(move || {
            let run = library::load(&path);
            let run = run.map(|run| {
                let board = Board::of_run(&run);
                Box::new((run, board))
            });
            Done::Opened(path, run.map_err(|error| error.to_string()))
        });
    }

    pub fn load_compared(&self, path: PathBuf) {
        self.spawn_blocking(move || {
            let run = ComparedRun::load(&path).map(Arc::new);
            let run = run.map_err(|error| error.to_string());
            Done::Compare(CompareDone::Loaded(path, run))
        });
    }

    pub fn match_runs(&self, runs: Vec<Arc<ComparedRun>>) {
        self.spawn_blocking(move || {
            Done::Compare(CompareDone::Matched(Box::new(Comparison::new(runs))))
        });
    }

    pub fn order(&self, ordering: Ordering) {
        self.spawn_blocking(move || Done::Ordered(ordering.run()));
    }

    /// Reads what lies beside a run's CSV.
    pub fn read(&self, wanted: Wanted) {
        self.spawn_blocking(move || Done::Read(Box::new(wanted.read())));
    }

    pub fn copy_markdown(&self, csv: PathBuf) {
        self.spawn_blocking(move || Done::Markdown(export::markdown(&csv)));
    }
}

async fn start(
    settings: Settings,
    shown: Plan,
    axes: &[SweepAxis],
    report: &Arc<dyn Report>,
    wake: engine::emitter::Wake,
    cancel: &CancellationToken,
) -> Result<Started, SessionError> {
    let session = Session::open(settings, NoMlx::SetUp, report, cancel).await?;
    // The form's plan may be from before the environment and the model were there: its flags were
    // then checked against a version that is not installed.
    let mut plan = session.plan(shown.kind, axes)?;
    plan.results_dir = shown.results_dir;
    let recorder = session
        .record(&plan)
        .map_err(|error| SessionError::Failed(error.into()))?;
    let cells = cells::all(&plan);
    take_on(&session, plan, cells, recorder, 0, wake)
}

async fn resume(
    mut settings: Settings,
    csv: &Path,
    report: &Arc<dyn Report>,
    wake: engine::emitter::Wake,
    cancel: &CancellationToken,
) -> Result<Started, SessionError> {
    let resumed = store::resume::open(csv).map_err(|e| SessionError::Wrong(e.to_string()))?;
    attach::as_planned(&resumed.plan, &mut settings)?;
    let session = Session::open(settings, NoMlx::SetUp, report, cancel).await?;
    let plan = resumed.plan.clone();
    let done = resumed.done.len() as u32;
    let cells = cells::left(&resumed);
    let recorder = Recorder::resume(resumed, session.provenance(), &jiff::ZonedDateTime::now())
        .map_err(|error| SessionError::Failed(error.into()))?
        .with_requests(session.settings.is_on(Var::RequestsCsv));
    take_on(&session, plan, cells, recorder, done, wake)
}

fn take_on(
    session: &Session,
    plan: Plan,
    cells: Box<dyn CellSource>,
    recorder: Recorder,
    already_done: u32,
    wake: engine::emitter::Wake,
) -> Result<Started, SessionError> {
    let csv = recorder.files().csv().to_owned();
    let logs = recorder.files().logs();
    let config = EngineConfig {
        supervisor: std::env::current_exe().map_err(|e| SessionError::Failed(e.into()))?,
        launcher: session.launcher(),
        attach_key: session.attach_key(),
        nginx: session.nginx.clone(),
        logs,
        sink: Some(Box::new(recorder)),
        machine: MachineSource::Sensors,
        wake,
    };
    let run = Run {
        plan,
        cells,
        already_done,
    };
    let handle = engine::spawn(run, config).map_err(|e| SessionError::Failed(e.into()))?;
    Ok(Started {
        handle,
        csv,
        _awake: Some(KeepAwake::hold("measuring throughput")),
    })
}
