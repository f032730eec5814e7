//! Why a plan cannot be made, each with what to do.

use super::axis::{Axis, AxisError};
use super::known_flags::{FIRST_WITH_BATCH_FLAGS, FlagError};
use super::server_args::ArgError;
use super::{Balancer, RunKind};
use crate::settings::Var;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("MLX_SERVER_ARGS: {0}")]
    Args(#[from] ArgError),
    #[error("{0}")]
    Axis(#[from] AxisError),
    #[error("axis {0}")]
    AxisFlag(#[from] FlagError),
    #[error("axis {flag}: the flag takes no value, so there is nothing to sweep.")]
    AxisOfSwitch { flag: String },
    #[error("axis {flag}: the server does not accept `{value}`, only {}.", .choices.join(", "))]
    AxisChoice {
        flag: String,
        value: String,
        choices: Vec<String>,
    },
    #[error("axis {flag} would change nothing: every request sends its own value, {instead}.")]
    AxisWithoutEffect { flag: String, instead: &'static str },
    #[error(
        "a {kind} check has no axes. Sweep instead: mlx-throughput-lab sweep custom --axis {axis}=..."
    )]
    AxisOfCheck { kind: RunKind, axis: Axis },
    #[error(
        "axis {axis} cannot be swept: {urls} is attached, not started by this program, so what it was \
         started with is fixed. Sweep concurrency, max_tokens or prompt_tokens, or set MLX_ATTACH=off."
    )]
    AxisOfAttached { axis: Axis, urls: String },
    #[error(
        "axis concurrency cannot be swept together with a request rate: requests then come at their \
         own rate, and are not held in flight. Leave out one of the two."
    )]
    AxisOfOpenLoop,
    #[error(
        "a search for the rate that saturates a server takes one server: give the rates \
         (MLX_REQUEST_RATE_LIST=0.5..16x2) to combine them with other axes, or give those one value."
    )]
    SearchOfSeveral,
    #[error("a custom sweep needs an axis: --axis concurrency=1..64x2, or any flag of the server.")]
    NoAxis,
    #[error(
        "{version} has no {}, so {what}. Install {FIRST_WITH_BATCH_FLAGS} or newer; run \
         mlx-throughput-lab setup, or choose another Python with --python.",
        .flags.join(" and no ")
    )]
    NoBatchFlags {
        version: String,
        flags: Vec<&'static str>,
        what: &'static str,
    },
    #[error("{cells} cells are more than {max}: shorten the lists.")]
    TooManyCells { cells: String, max: u32 },
    #[error(
        "MLX_BALANCER=nginx, but nginx was not found. Install it (brew install nginx), name it with \
         NGINX_BIN, or set MLX_BALANCER=direct."
    )]
    NoNginx,
    #[error("{var}={value}: {problem}.")]
    Setting {
        var: Var,
        value: String,
        problem: String,
    },
    #[error(
        "{instances} servers from port {base} on and the {balancer} port {port} overlap: change {} or {}.",
        Var::ServerBasePort,
        Var::NginxPort
    )]
    PortsOverlap {
        instances: u32,
        base: u16,
        balancer: Balancer,
        port: u16,
    },
    #[error("the model's name {name:?} cannot be handed to the server: {problem}.")]
    Model { name: String, problem: &'static str },
}
