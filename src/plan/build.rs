//! From settings to a plan, or everything that stands in its way.

use std::collections::BTreeMap;
use std::path::Path;

use strum::IntoEnumIterator;

use super::axis::{Axis, AxisError, SweepAxis};
use super::cell::Cell;
use super::error::PlanError;
use super::grid::{Grid, MAX_CELLS, Requests};
use super::known_flags::{FlagError, KnownFlags};
use super::server_args::{ArgError, ServerArgs};
use super::{
    Attached, Balancer, EffectiveSetting, ModelRef, Order, Plan, ReferenceRule, RunKind,
    ServerOptions, ThermalRule, TuneRule, WindowRule, Workload, attached, dimensions, notices,
    open_loop,
};
use crate::measure::figures::Mode;
use crate::settings::{Settings, Source, Var};

/// All that a plan is made from. Nothing is looked up: what the machine has is told here.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub kind: RunKind,
    pub settings: &'a Settings,
    /// `--axis`, in the order given. They replace the lists of the same name.
    pub axes: &'a [SweepAxis],
    pub model: ModelRef,
    /// Of the installed server; `None` where none could be asked: mlx-lm 0.32.2 is assumed then,
    /// with a notice.
    pub known_flags: Option<&'a KnownFlags>,
    pub nginx_found: bool,
    /// Logical CPU cores.
    pub cores: u32,
    /// Decides the order of cells where `MLX_SEED` is not given. `None` for a plan that is only
    /// looked at: its cells stay nested.
    pub drawn_seed: Option<u32>,
}

/// What the parts of the build share.
pub(super) struct Context<'a> {
    pub kind: RunKind,
    /// With the kind's defaults.
    pub settings: Settings,
    pub axes: &'a [SweepAxis],
    pub flags: KnownFlags,
    pub flags_are_real: bool,
    pub cores: u32,
    pub attached: Option<Attached>,
    pub notices: Vec<String>,
    pub errors: Vec<PlanError>,
    /// Effective values of settings whose default is computed.
    pub computed: BTreeMap<Var, String>,
}

impl Context<'_> {
    /// A number that the table always gives.
    pub fn int(&self, var: Var) -> u32 {
        self.settings
            .int(var)
            .expect("the table gives it a default")
    }

    fn number(&self, var: Var) -> f64 {
        self.settings
            .number(var)
            .expect("the table gives it a default")
    }

    pub fn setting_error(&mut self, var: Var, problem: &str) {
        self.errors.push(PlanError::Setting {
            var,
            value: self.settings.shown(var),
            problem: problem.to_owned(),
        });
    }

    /// Chosen for this run, rather than left in the environment or saved long ago.
    pub fn chosen_now(&self, var: Var) -> bool {
        matches!(
            self.settings.source(var),
            Source::Edited | Source::Overrides
        )
    }
}

/// Checks everything, and tells all that is wrong at once.
pub fn build(inputs: Inputs<'_>) -> Result<Plan, Vec<PlanError>> {
    let mut context = Context {
        kind: inputs.kind,
        settings: inputs.settings.for_kind(&inputs.kind.to_string()),
        axes: inputs.axes,
        flags: inputs
            .known_flags
            .cloned()
            .unwrap_or_else(KnownFlags::bundled),
        flags_are_real: inputs.known_flags.is_some(),
        cores: inputs.cores,
        attached: None,
        notices: Vec::new(),
        errors: Vec::new(),
        computed: BTreeMap::new(),
    };
    let c = &mut context;
    c.attached = attached(c, &inputs.model);
    if let Some(attached) = c.attached.clone() {
        attached::check(c, &attached);
    } else if !c.flags_are_real {
        c.notices.push(
            "The installed server could not be asked for its flags: those of mlx-lm 0.32.2 are \
             assumed, and arguments are not checked."
                .to_owned(),
        );
    }
    check_model(c, &inputs.model);
    let mut args = if c.attached.is_some() {
        ServerArgs::default()
    } else {
        user_args(c, inputs.known_flags)
    };
    let mode = mode(c);
    let grid = dimensions::grid(c, &mut args, mode, inputs.nginx_found);
    let largest = grid
        .as_ref()
        .map_or(1, |g| g.instances.iter().copied().max().unwrap_or(1));
    let servers = servers(c, &args, largest, inputs.nginx_found);
    let workload = workload(c, mode, inputs.model.synthetic, inputs.drawn_seed);
    let order = order(c, inputs.drawn_seed);
    let cells = grid.map(|grid| cells(c, &grid)).unwrap_or_default();
    let finalists = finalists(c, mode, &cells);
    let tune = tune(c, cells.len() as u32, inputs.drawn_seed);
    if !context.errors.is_empty() {
        return Err(context.errors);
    }
    if context.attached.is_none() {
        context
            .computed
            .insert(Var::ModelPath, inputs.model.path.clone());
    }
    let mut plan = Plan {
        kind: inputs.kind,
        workload,
        servers,
        cells,
        order,
        reference: reference(&context),
        thermal: thermal(&context),
        finalists,
        tune,
        continue_on_error: context.settings.is_on(Var::ContinueOnError),
        cell_pause_s: context.number(Var::CellPause),
        settings: effective(&context),
        results_dir: context
            .settings
            .path(Var::ResultsDir)
            .unwrap_or(Path::new("results"))
            .to_owned(),
        notices: std::mem::take(&mut context.notices),
        model: inputs.model,
    };
    let added = notices::of(&context, &plan, &args);
    plan.notices.extend(added);
    Ok(plan)
}

/// The attached servers, if there are any; the model's name is the one that they know.
fn attached(c: &Context, model: &ModelRef) -> Option<Attached> {
    let urls = c.settings.urls(Var::Attach);
    (!urls.is_empty()).then(|| Attached {
        urls: urls.to_vec(),
        model: model.path.clone(),
    })
}

fn check_model(c: &mut Context, model: &ModelRef) {
    let problem = if model.path.is_empty() {
        "it is empty"
    } else if model.path.starts_with('-') && c.attached.is_none() {
        "it would be read as a flag; write ./ before a folder"
    } else if model.path.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return;
    };
    c.errors.push(PlanError::Model {
        name: model.path.clone(),
        problem,
    });
}

fn user_args(c: &mut Context, known: Option<&KnownFlags>) -> ServerArgs {
    let text = c.settings.text(Var::ServerArgs).unwrap_or_default();
    match ServerArgs::parse(text, known) {
        Ok(args) => args,
        Err(errors) => {
            // A version without the batch flags is told once, with what to install.
            let (batch, others): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| {
                matches!(error, ArgError::Flag(FlagError::Unknown { flag, .. })
                    if dimensions::BATCH_FLAGS.contains(&flag.as_str()))
            });
            if !batch.is_empty() {
                dimensions::refuse_version(c, "it cannot be given in MLX_SERVER_ARGS");
            }
            c.errors.extend(others.into_iter().map(PlanError::Args));
            ServerArgs::default()
        }
    }
}

/// Checks send a fixed number of requests; sweeps do where one is set, unless told otherwise.
fn mode(c: &mut Context) -> Mode {
    let counts: Vec<Var> = [Var::NumRequests, Var::RequestsMultiplier]
        .into_iter()
        .filter(|&var| c.settings.is_given(var))
        .collect();
    let chosen = c.settings.text(Var::Mode);
    let mode = if c.kind.is_check() {
        if chosen == Some("sustained") && c.chosen_now(Var::Mode) {
            c.notices.push(
                "MLX_MODE=sustained is not used: a check sends a fixed number of requests."
                    .to_owned(),
            );
        }
        Mode::Compatible
    } else {
        match chosen {
            Some("sustained") => {
                for var in counts {
                    c.notices.push(format!(
                        "{var} is not used: MLX_MODE=sustained holds the load for a window."
                    ));
                }
                Mode::Sustained
            }
            None if counts.is_empty() => Mode::Sustained,
            _ => Mode::Compatible,
        }
    };
    let name = match mode {
        Mode::Sustained => "sustained",
        Mode::Compatible => "compatible",
    };
    c.computed.insert(Var::Mode, name.to_owned());
    mode
}

fn workload(c: &mut Context, mode: Mode, synthetic: bool, drawn_seed: Option<u32>) -> Workload {
    let window = WindowRule {
        min_s: c.number(Var::WindowMinS),
        min_e2e: c.number(Var::WindowMinE2e),
        min_completions: c.int(Var::WindowMinCompletions),
        max_s: c.number(Var::WindowMaxS),
    };
    if window.max_s < window.min_s {
        c.setting_error(
            Var::WindowMaxS,
            &format!(
                "the longest window is shorter than the shortest, MLX_WINDOW_MIN_S={}",
                window.min_s
            ),
        );
    }
    check_prompts_file(c);
    let exact_output = exact_output(c, synthetic);
    Workload {
        prompt: c.settings.text(Var::Prompt).unwrap_or_default().to_owned(),
        // Whoever has read it puts it in: nothing is looked up here.
        prompt_file: None,
        temperature: c.number(Var::Temperature),
        stream: c.settings.is_on(Var::Stream),
        mode,
        identical_prompts: c.settings.is_on(Var::IdenticalPrompts),
        exact_output,
        window,
        warmup_requests: c.int(Var::WarmupRequests),
        request_timeout_s: c.number(Var::RequestTimeout),
        retry_attempts: c.int(Var::RetryAttempts),
        retry_sleep_s: c.number(Var::RetrySleep),
        open: open_loop::open_loop(c, drawn_seed),
        limits: open_loop::limits(c),
    }
}

fn exact_output(c: &mut Context, synthetic: bool) -> bool {
    if !c.settings.is_on(Var::ExactOutput) {
        return false;
    }
    let why = if c.attached.is_some() {
        "an attached server has loaded its model as it is"
    } else if synthetic {
        "a synthetic model never ends an answer by itself"
    } else {
        c.notices.push(
            "MLX_EXACT_OUTPUT is on: the server loads the model without its end-of-sequence tokens, \
             so answers go on past their end, and results are labelled."
                .to_owned(),
        );
        return true;
    };
    if c.chosen_now(Var::ExactOutput) {
        c.notices
            .push(format!("MLX_EXACT_OUTPUT is not used: {why}."));
    }
    false
}

/// Prompts of a file are asked as they are.
fn check_prompts_file(c: &mut Context) {
    if c.settings.int(Var::PromptTokens).is_none() {
        c.computed.insert(Var::PromptTokens, "own".to_owned());
    }
    if c.settings.path(Var::PromptsFile).is_none() {
        return;
    }
    let why = "the prompts of MLX_PROMPTS_FILE are asked as they are, so they cannot be of one \
               length. Leave one of both out";
    if let Some(axis) = c.axes.iter().find(|a| a.axis == Axis::PromptTokens) {
        c.errors.push(PlanError::Axis(AxisError::Values {
            axis: axis.axis.clone(),
            problem: why.to_owned(),
            accepted: "no prompt lengths beside a prompt file".to_owned(),
        }));
    } else if dimensions::prompt_tokens_listed(c) {
        c.setting_error(Var::PromptTokensList, why);
    } else if c.settings.int(Var::PromptTokens).is_some() {
        c.setting_error(Var::PromptTokens, why);
    }
    if c.chosen_now(Var::Prompt) {
        c.notices
            .push("MLX_PROMPT is not used: MLX_PROMPTS_FILE gives the prompts.".to_owned());
    }
}

fn order(c: &mut Context, drawn_seed: Option<u32>) -> Order {
    // A search goes its own way.
    if c.kind == RunKind::Tune {
        return Order::Nested;
    }
    let seed = c.settings.int(Var::Seed);
    if c.settings.text(Var::Order) == Some("nested") {
        if c.chosen_now(Var::Seed) && seed.is_some() && !open_loop::is_asked(c) {
            c.notices
                .push("MLX_SEED is not used: MLX_ORDER=nested is the plan's order.".to_owned());
        }
        return Order::Nested;
    }
    let Some(seed) = seed.or(drawn_seed) else {
        return Order::Nested;
    };
    c.computed.insert(Var::Seed, seed.to_string());
    Order::Random { seed }
}

/// What a search keeps to.
fn tune(c: &mut Context, cells: u32, drawn_seed: Option<u32>) -> Option<TuneRule> {
    if c.kind != RunKind::Tune {
        return None;
    }
    let seed = c.settings.int(Var::Seed).or(drawn_seed).unwrap_or(0);
    c.computed.insert(Var::Seed, seed.to_string());
    let ttft_limit_ms = c.settings.number(Var::TtftLimit);
    if ttft_limit_ms.is_some() && !c.settings.is_on(Var::Stream) {
        c.setting_error(
            Var::TtftLimit,
            "TTFT is known of streamed answers only; leave MLX_STREAM on",
        );
    }
    Some(TuneRule {
        most_cells: TuneRule::most_of(cells, c.number(Var::TuneShare) / 100.0),
        of_cells: cells,
        ttft_limit_ms,
        budget_s: c.settings.number(Var::TuneBudget).map(|min| min * 60.0),
        seed,
    })
}

/// Only sweeps last so long that a machine can change meanwhile.
fn reference(c: &Context) -> Option<ReferenceRule> {
    // Two windows of random arrivals differ by more than a machine drifts.
    let compares = is_sweep(c.kind) && !open_loop::is_asked(c);
    compares.then(|| ReferenceRule {
        every_s: c.number(Var::ReferenceEvery),
        drift: c.number(Var::DriftLimit) / 100.0,
    })
}

/// One cell, and the short windows of `quick`, have nothing to compare a clock with.
fn thermal(c: &Context) -> Option<ThermalRule> {
    let on = is_sweep(c.kind) && c.settings.is_on(Var::ThermalGate);
    on.then(|| ThermalRule {
        clock_limit: c.number(Var::ClockLimit) / 100.0,
        cool_down_max_s: c.number(Var::CoolDownMax),
        asked_for: c.settings.is_given(Var::ThermalGate),
    })
}

/// Attached servers are not started anew; compatible mode does what the Python lab did; and in an open
/// loop the most tokens per second are those of the highest rate.
fn finalists(c: &Context, mode: Mode, cells: &[Cell]) -> u32 {
    let open = cells.iter().any(|cell| cell.load.request_rate.is_some());
    let apt = !matches!(c.kind, RunKind::ControlSweep | RunKind::Tune)
        && is_sweep(c.kind)
        && mode == Mode::Sustained
        && c.attached.is_none()
        && !open;
    if apt { c.int(Var::Finalists) } else { 0 }
}

fn is_sweep(kind: RunKind) -> bool {
    !kind.is_check() && kind != RunKind::Quick
}

fn port(c: &Context, var: Var) -> u16 {
    // The table's range ends where ports end.
    u16::try_from(c.int(var)).unwrap_or(u16::MAX)
}

fn servers(c: &mut Context, args: &ServerArgs, largest: u32, nginx_found: bool) -> ServerOptions {
    let host = c
        .settings
        .text(Var::ServerHost)
        .unwrap_or_default()
        .trim()
        .to_owned();
    let starts = c.attached.is_none();
    if starts
        && (host.is_empty()
            || host.starts_with('-')
            || host.contains(|ch: char| ch.is_whitespace()))
    {
        c.setting_error(Var::ServerHost, "this is no address to bind to");
    }
    let balancer = balancer(c, largest, nginx_found);
    let (base_port, nginx_port) = (port(c, Var::ServerBasePort), port(c, Var::NginxPort));
    let last = u32::from(base_port) + largest - 1;
    if starts && last > u32::from(u16::MAX) {
        c.setting_error(
            Var::ServerBasePort,
            &format!("{largest} servers need ports up to {last}, and 65535 is the last"),
        );
    } else if balancer == Balancer::Nginx
        && (u32::from(base_port)..=last).contains(&u32::from(nginx_port))
    {
        c.errors.push(PlanError::PortsOverlap {
            instances: largest,
            base: base_port,
            balancer,
            port: nginx_port,
        });
    }
    let fixed_port = c
        .settings
        .int(Var::ServerPort)
        .and_then(|p| u16::try_from(p).ok())
        .filter(|&p| p != 0 && largest == 1 && c.kind != RunKind::RoundRobin);
    if starts && largest > 1 && c.chosen_now(Var::ServerPort) {
        c.notices.push(
            "MLX_SERVER_PORT is not used: several servers take ports from MLX_SERVER_BASE_PORT on."
                .to_owned(),
        );
    }
    ServerOptions {
        port: fixed_port,
        base_port,
        nginx_port,
        balancer,
        args: if starts {
            with_cache_bound(c, args)
        } else {
            Vec::new()
        },
        backlog: c.settings.int(Var::ServerBacklog),
        ready_timeout_s: c.number(Var::ReadyTimeout),
        bind_timeout_s: c.number(Var::BindTimeout),
        startup_delay_s: Some(c.number(Var::StartupDelay)).filter(|&s| s > 0.0),
        watchdog_s: c.number(Var::Watchdog),
        env: c.settings.server_environment.clone(),
        attached: c.attached.clone(),
        host,
    }
}

/// Kinds that are about several servers go through nginx even with one, so that a growing number
/// of instances is compared through the same proxy.
fn balancer(c: &mut Context, largest: u32, nginx_found: bool) -> Balancer {
    if c.attached.is_some() {
        c.computed
            .insert(Var::Balancer, Balancer::Direct.to_string());
        return Balancer::Direct;
    }
    let several = match c.kind {
        RunKind::RoundRobin | RunKind::RoundRobinSweep | RunKind::FullSweep => true,
        // Control cells say themselves how they are reached.
        RunKind::Single | RunKind::Concurrent | RunKind::ControlSweep => false,
        RunKind::ConcurrencySweep
        | RunKind::CustomSweep
        | RunKind::Quick
        | RunKind::RateSweep
        | RunKind::Tune => largest > 1,
    };
    let balancer = match c.settings.text(Var::Balancer) {
        Some(chosen) if several && chosen == "nginx" => {
            if !nginx_found {
                c.errors.push(PlanError::NoNginx);
            }
            Balancer::Nginx
        }
        None if several && nginx_found => Balancer::Nginx,
        None if several => {
            c.notices.push(
                "nginx was not found: requests go to the servers directly (balancer=direct)."
                    .to_owned(),
            );
            Balancer::Direct
        }
        _ => Balancer::Direct,
    };
    c.computed.insert(Var::Balancer, balancer.to_string());
    balancer
}

/// Measurement rule 2: no cache in the figure, unless the user or an axis says how much of one.
/// Unique prompts still share the opening of the chat template, which is 5 % of a short prompt, so
/// nothing is kept. Where identical prompts were asked for, a bounded number is.
fn with_cache_bound(c: &Context, args: &ServerArgs) -> Vec<String> {
    let identical = c.settings.is_on(Var::IdenticalPrompts);
    let bounds = [
        ("--prompt-cache-size", if identical { "10" } else { "0" }),
        ("--prompt-cache-bytes", "1GB"),
    ];
    let swept = |flag: &str| {
        c.axes
            .iter()
            .any(|a| matches!(&a.axis, Axis::Flag(f) if c.flags.resolve(f).is_ok_and(|k| k.name() == flag)))
    };
    let users = bounds.iter().any(|(flag, _)| args.has(flag) || swept(flag));
    let mut tokens = Vec::new();
    if !users {
        for (flag, value) in bounds {
            if c.flags.has(flag) {
                tokens.extend([flag.to_owned(), value.to_owned()]);
            }
        }
    }
    tokens.extend(args.tokens());
    tokens
}

fn cells(c: &mut Context, grid: &Grid) -> Vec<super::Cell> {
    match grid.size() {
        Some(size) if size <= u64::from(MAX_CELLS) => {
            if let Requests::Fixed(requests) = grid.requests
                && let Some(most) = grid.concurrency.iter().max()
                && *most > requests
            {
                c.notices.push(format!(
                    "{requests} requests cannot keep {most} in flight: cells of a higher \
                     concurrency than {requests} measure {requests}."
                ));
            }
            grid.cells()
        }
        size => {
            c.errors.push(PlanError::TooManyCells {
                cells: size.map_or_else(|| "too many".to_owned(), |s| s.to_string()),
                max: MAX_CELLS,
            });
            Vec::new()
        }
    }
}

fn effective(c: &Context) -> Vec<EffectiveSetting> {
    Var::iter()
        .map(|var| EffectiveSetting {
            name: var.to_string(),
            value: c
                .computed
                .get(&var)
                .cloned()
                .unwrap_or_else(|| c.settings.shown(var)),
            source: c.settings.source(var).to_string(),
        })
        .collect()
}
