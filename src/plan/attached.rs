//! Servers that are measured as they are: nothing is started, so nothing of them can be set.

use serde::{Deserialize, Serialize};

use super::RunKind;
use super::axis::Axis;
use super::build::Context;
use super::dimensions;
use super::error::PlanError;
use crate::settings::{BaseUrl, Var};

/// Running servers that requests go to, in strict turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// In order of their instance number.
    pub urls: Vec<BaseUrl>,
    /// The model's name in every request.
    pub model: String,
}

impl Attached {
    /// `http://a:1 and http://b:2`
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.urls.iter().map(BaseUrl::as_str).collect();
        names.join(" and ")
    }

    /// What a run does instead of starting servers, as a sentence.
    pub fn sentence(&self) -> String {
        format!("Attached to {}, nothing is started.", self.names())
    }
}

/// The axes of a kind where servers are attached: those of the requests alone. Kinds that are
/// about the server's settings vary the requests in flight instead.
pub(super) fn axes_of(kind: RunKind) -> &'static [Axis] {
    match kind {
        RunKind::Single | RunKind::Concurrent | RunKind::RoundRobin | RunKind::CustomSweep => &[],
        RunKind::RoundRobinSweep | RunKind::RateSweep | RunKind::ControlSweep => {
            dimensions::axes_of(kind)
        }
        RunKind::ConcurrencySweep | RunKind::FullSweep | RunKind::Quick | RunKind::Tune => {
            &[Axis::Concurrency]
        }
    }
}

/// Whether an axis is set when a server starts.
pub fn is_of_server(axis: &Axis) -> bool {
    match axis {
        Axis::Instances | Axis::DecodeConcurrency | Axis::PromptConcurrency | Axis::Flag(_) => true,
        Axis::Concurrency
        | Axis::MaxTokens
        | Axis::PromptTokens
        | Axis::RequestRate
        | Axis::Delivery => false,
    }
}

/// Settings that are read when a server is started, and so have no effect on an attached one.
pub const OF_STARTED: [Var; 15] = [
    Var::DecodeConcurrency,
    Var::PromptConcurrency,
    Var::ServerInstances,
    Var::ServerArgs,
    Var::ServerHost,
    Var::ServerPort,
    Var::ServerBasePort,
    Var::NginxPort,
    Var::Balancer,
    Var::ServerBacklog,
    Var::BindTimeout,
    Var::ReadyTimeout,
    Var::StartupDelay,
    Var::Python,
    Var::NginxBin,
];

/// The lists of the axes that an attached server has fixed.
const LISTS: [Var; 3] = [
    Var::InstancesList,
    Var::DecodeConcurrencyList,
    Var::PromptConcurrencyList,
];

/// Why a setting of [`OF_STARTED`] cannot be set; for people.
pub const FIXED: &str =
    "The server is attached, not started by this program: what it was started with stays as it is.";

/// What was asked of the servers although they are attached: an axis is an error, the rest is told.
pub(super) fn check(c: &mut Context, attached: &Attached) {
    for axis in c.axes.iter().map(|swept| &swept.axis) {
        if is_of_server(axis) {
            c.errors.push(PlanError::AxisOfAttached {
                axis: axis.clone(),
                urls: attached.names(),
            });
        }
    }
    for list in LISTS {
        if c.chosen_now(list) {
            c.setting_error(
                list,
                "it cannot be swept, since the server is attached and not started by this program. \
                 Sweep MLX_CONCURRENCY_LIST, or max_tokens or prompt_tokens with --axis; or set \
                 MLX_ATTACH=off",
            );
        }
    }
    let unused: Vec<&str> = OF_STARTED
        .into_iter()
        .filter(|&var| c.chosen_now(var))
        .map(Var::name)
        .collect();
    if !unused.is_empty() {
        c.notices.push(format!(
            "{} {} not used: the server is attached, and was started by somebody else.",
            unused.join(", "),
            if unused.len() == 1 { "is" } else { "are" }
        ));
    }
    if !c.kind.is_check() && dimensions::axes_of(c.kind) != axes_of(c.kind) {
        c.notices.push(
            "The server is attached, so its batch sizes and their number are fixed: requests in \
             flight are swept (MLX_CONCURRENCY_LIST)."
                .to_owned(),
        );
    }
    if c.settings.int(Var::Repeats).is_some_and(|n| n > 1) {
        c.notices.push(
            "MLX_REPEATS: an attached server is not restarted between repeats, so they differ less \
             than separate starts would."
                .to_owned(),
        );
    }
    if c.settings.secret(Var::AttachKey).is_some()
        && let Some(url) = attached.urls.iter().find(|url| !url.is_loopback())
    {
        c.notices.push(format!(
            "MLX_ATTACH_KEY is sent to {url} without encryption: anyone on the way can read it. \
             A tunnel hides it: ssh -L 8080:127.0.0.1:8080 its-host, then http://127.0.0.1:8080."
        ));
    }
    for (var, value) in [
        (Var::ServerInstances, attached.urls.len().to_string()),
        (Var::DecodeConcurrency, "the server's own".to_owned()),
        (Var::PromptConcurrency, "the server's own".to_owned()),
        (Var::AttachModel, attached.model.clone()),
    ] {
        c.computed.insert(var, value);
    }
}
