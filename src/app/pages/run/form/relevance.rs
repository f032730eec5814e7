//! Which settings matter for a run, and where in the form they stand.

use crate::plan::attached::OF_STARTED;
use crate::plan::{Axis, RunKind};
use crate::settings::table::Group;
use crate::settings::{Settings, Var};

/// A collapsible group of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub(super) enum Section {
    Model,
    Workload,
    Server,
    Sweep,
    Goal,
    Quality,
    More,
}

impl Section {
    pub const fn title(self) -> &'static str {
        match self {
            Self::Model => "Model",
            Self::Workload => "Workload",
            Self::Server => "Server",
            Self::Sweep => "Sweep ranges",
            Self::Goal => "Goal",
            Self::Quality => "Quality",
            Self::More => "More",
        }
    }
}

/// Where a setting stands. What is rarely touched stands under "More", whatever its group in the
/// table.
pub(super) fn section(var: Var) -> Section {
    match var {
        Var::ModelDirs
        | Var::ModelSearchDepth
        | Var::ServerBacklog
        | Var::BindTimeout
        | Var::ReadyTimeout
        | Var::StartupDelay => Section::More,
        Var::TtftLimit | Var::TuneBudget | Var::TuneShare => Section::Goal,
        _ => match var.spec().group {
            Group::Model => Section::Model,
            Group::Workload => Section::Workload,
            Group::Server => Section::Server,
            Group::Sweep => Section::Sweep,
            Group::Quality => Section::Quality,
            Group::Run | Group::Tools => Section::More,
        },
    }
}

/// Where models are found on this disk: an attached server has its own.
const OF_MODELS: [Var; 3] = [Var::ModelPath, Var::ModelDirs, Var::ModelSearchDepth];

/// The kind of run, and what else decides which fields are shown.
pub(super) struct Relevance<'a> {
    pub kind: RunKind,
    /// Axes of the rows, beside the kind's own.
    pub extra_axes: &'a [Axis],
    /// Servers are attached, so what they were started with is fixed.
    pub attached: bool,
}

impl Relevance<'_> {
    /// Checks have no axes; the quick run chooses its own.
    pub fn takes_axes(kind: RunKind) -> bool {
        !kind.is_check() && kind != RunKind::Quick
    }

    /// The axes that the kind sweeps by itself.
    pub fn own_axes(&self) -> &'static [Axis] {
        if self.attached {
            self.kind.axes_attached()
        } else {
            self.kind.axes()
        }
    }

    /// What an attached server has fixed, of all that the run would read if it started one.
    pub fn is_fixed(&self, var: Var) -> bool {
        let lists = [
            Var::InstancesList,
            Var::DecodeConcurrencyList,
            Var::PromptConcurrencyList,
        ];
        let started = Relevance {
            attached: false,
            ..*self
        };
        self.attached && (OF_STARTED.contains(&var) || lists.contains(&var)) && started.reads(var)
    }

    fn sweeps(&self, axis: &Axis) -> bool {
        self.own_axes().contains(axis)
            || (Self::takes_axes(self.kind) && self.extra_axes.contains(axis))
    }

    /// Whether the run reads the setting at all: edits of others are kept, and not handed on.
    pub fn reads(&self, var: Var) -> bool {
        if self.attached && (OF_STARTED.contains(&var) || OF_MODELS.contains(&var)) {
            return false;
        }
        let kind = self.kind;
        let sweep = !kind.is_check() && kind != RunKind::Quick;
        let several = matches!(
            kind,
            RunKind::RoundRobin
                | RunKind::RoundRobinSweep
                | RunKind::FullSweep
                | RunKind::CustomSweep
                | RunKind::RateSweep
                | RunKind::ControlSweep
        ) || self.sweeps(&Axis::Instances);
        if var == Var::PromptTokensList {
            return Self::takes_axes(kind) && !self.extra_axes.contains(&Axis::PromptTokens);
        }
        if let Some(axis) = Axis::BUILT_IN.iter().find(|a| a.list_var() == Some(var)) {
            return self.own_axes().contains(axis);
        }
        if let Some(axis) = Axis::BUILT_IN.iter().find(|a| a.single_var() == Some(var))
            && self.sweeps(axis)
        {
            return false;
        }
        match var {
            Var::AttachModel => self.attached,
            Var::ExactOutput => !self.attached,
            // Has a control of its own.
            Var::AttachKey => false,
            Var::Concurrency => kind != RunKind::Single,
            Var::NumRequests => {
                !matches!(kind, RunKind::Single | RunKind::Quick | RunKind::RateSweep)
            }
            Var::ServerInstances => matches!(
                kind,
                RunKind::RoundRobin
                    | RunKind::RoundRobinSweep
                    | RunKind::CustomSweep
                    | RunKind::RateSweep
            ),
            Var::ServerPort => {
                !several || matches!(kind, RunKind::CustomSweep | RunKind::RateSweep)
            }
            Var::ServerBasePort
            | Var::NginxPort
            | Var::Balancer
            | Var::NginxBin
            | Var::StartupDelay => several,
            Var::Repeats | Var::Finalists => sweep && kind != RunKind::Tune,
            Var::RequestsMultiplier | Var::Mode => sweep && kind != RunKind::RateSweep,
            Var::RequestRate | Var::Arrivals | Var::MaxInFlight | Var::TpotLimit => {
                sweep && kind != RunKind::Tune
            }
            Var::TtftLimit
            | Var::ReferenceEvery
            | Var::DriftLimit
            | Var::ThermalGate
            | Var::ClockLimit
            | Var::CoolDownMax
            | Var::CellPause => sweep,
            Var::TuneBudget | Var::TuneShare => kind == RunKind::Tune,
            Var::Order => !kind.is_check() && kind != RunKind::Tune,
            Var::ContinueOnError
            | Var::WindowMinS
            | Var::WindowMinE2e
            | Var::WindowMinCompletions
            | Var::WindowMaxS
            | Var::Seed => !kind.is_check(),
            _ => true,
        }
    }

    /// Of what the run reads, that which has no effect as other settings stand now.
    pub fn is_idle(&self, var: Var, settings: &Settings) -> bool {
        // Prompts of a file are asked as they are.
        let of_one_prompt = [Var::Prompt, Var::PromptTokens, Var::PromptTokensList];
        if of_one_prompt.contains(&var) && settings.path(Var::PromptsFile).is_some() {
            // What was asked all the same is shown, with what is wrong with it.
            return var == Var::Prompt || !settings.is_given(var);
        }
        if self.kind.is_check() {
            return false;
        }
        let counts =
            settings.is_given(Var::NumRequests) || settings.is_given(Var::RequestsMultiplier);
        let compatible = match settings.text(Var::Mode) {
            Some(mode) => mode == "compatible",
            None => counts,
        };
        let open = self.sweeps(&Axis::RequestRate) || settings.is_given(Var::RequestRate);
        match var {
            Var::Seed if open => false,
            Var::Arrivals | Var::MaxInFlight => !open,
            Var::Concurrency
            | Var::ConcurrencyList
            | Var::ReferenceEvery
            | Var::DriftLimit
            | Var::Mode
            | Var::NumRequests
            | Var::RequestsMultiplier
                if open =>
            {
                true
            }
            Var::PromptTokens => !settings.list(Var::PromptTokensList).is_empty(),
            Var::Seed if self.kind != RunKind::Tune => settings.text(Var::Order) == Some("nested"),
            Var::ClockLimit | Var::CoolDownMax => !settings.is_on(Var::ThermalGate),
            Var::NumRequests => settings.text(Var::Mode) == Some("sustained"),
            Var::RequestsMultiplier => {
                settings.text(Var::Mode) == Some("sustained") || settings.is_given(Var::NumRequests)
            }
            Var::WindowMinS | Var::WindowMinE2e | Var::WindowMinCompletions | Var::WindowMaxS => {
                compatible
            }
            _ => false,
        }
    }
}
