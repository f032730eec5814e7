//! What the user should know before a run: nothing here stops it.

use std::collections::BTreeSet;

use super::attached;
use super::axis::Axis;
use super::build::Context;
use super::cell::ServerPoint;
use super::commands::expected_flags;
use super::grid::duplicate_of;
use super::server_args::ServerArgs;
use super::{Plan, dimensions, open_loop};
use crate::settings::Var;
use crate::wording::sentence;

/// Flags that take every request out of the batch (measurement rule 3).
const UNBATCHED: [&str; 2] = ["--draft-model", "--kv-bits"];

/// Why the server cannot batch requests at this point, if it cannot.
pub fn not_batched(plan: &Plan, point: &ServerPoint) -> Option<String> {
    let flags: Vec<String> = expected_flags(plan, point)
        .into_iter()
        .filter(|(flag, _)| UNBATCHED.contains(&flag.as_str()))
        .map(|(flag, value)| format!("{flag}={value}"))
        .collect();
    (!flags.is_empty()).then(|| {
        format!(
            "with {} the server cannot batch: it answers one request after another, so batch sizes \
             and concurrency make no difference",
            flags.join(" and ")
        )
    })
}

pub(super) fn of(c: &Context, plan: &Plan, args: &ServerArgs) -> Vec<String> {
    let mut notices = Vec::new();
    if plan.servers.attached.is_none() {
        notices.extend(open_host(plan));
    }
    notices.extend(overridden_by_requests(plan, args));
    notices.extend(unused(c));
    if !plan.workload.stream {
        notices.push("MLX_STREAM is off: TTFT, TPOT and ITL are not measured.".to_owned());
    }
    if plan.workload.identical_prompts {
        notices.push(
            "MLX_IDENTICAL_PROMPTS is on: the server's prompt cache answers part of each prompt, \
             and results are labelled."
                .to_owned(),
        );
    }
    let mut points: Vec<&ServerPoint> = plan.cells.iter().map(|cell| &cell.point).collect();
    points.dedup();
    let unbatched: BTreeSet<String> = points
        .into_iter()
        .filter_map(|point| not_batched(plan, point))
        .collect();
    notices.extend(unbatched.into_iter().map(|text| sentence(&text)));
    notices.extend(duplicates(plan));
    notices
}

fn open_host(plan: &Plan) -> Option<String> {
    let host = plan.servers.host.as_str();
    matches!(host, "0.0.0.0" | "::" | "[::]").then(|| {
        format!(
            "MLX_SERVER_HOST={host}: every machine that reaches this one can use the servers and \
             nginx, without a password."
        )
    })
}

/// Server flags that are only defaults for requests, and ours always say their own.
fn overridden_by_requests(plan: &Plan, args: &ServerArgs) -> Vec<String> {
    [
        (
            "--temp",
            Var::Temperature,
            plan.workload.temperature.to_string(),
        ),
        (
            "--max-tokens",
            Var::MaxTokens,
            plan.cells
                .first()
                .map(|cell| cell.load.max_tokens.to_string())
                .unwrap_or_default(),
        ),
    ]
    .into_iter()
    .filter_map(|(flag, var, value)| {
        let own = args.value(flag)?;
        (own != value).then(|| {
            format!(
                "{flag}={own} has no effect: it is only the server's default, and every request \
                 sends its own value. Set {var}, now {value}, instead."
            )
        })
    })
    .collect()
}

/// Settings chosen for this very run that its kind does not read.
fn unused(c: &Context) -> Vec<String> {
    let own = dimensions::own_axes(c);
    let listed = |axis: &Axis| *axis == Axis::PromptTokens && dimensions::prompt_tokens_listed(c);
    let swept =
        |axis: &Axis| own.contains(axis) || listed(axis) || c.axes.iter().any(|a| a.axis == *axis);
    let mut notices = Vec::new();
    for axis in Axis::BUILT_IN {
        if let Some(list) = axis.list_var().filter(|&var| c.chosen_now(var))
            && !own.contains(&axis)
            && !listed(&axis)
            // Told as what it is, an error.
            && (c.attached.is_none() || !attached::is_of_server(&axis))
        {
            notices.push(format!(
                "{list} is not used by {}{}.",
                c.kind,
                if c.kind.is_check() {
                    String::new()
                } else {
                    format!(": sweep it with --axis {axis}=...")
                }
            ));
        }
        if let Some(single) = axis.single_var().filter(|&var| c.chosen_now(var))
            && swept(&axis)
            // A search begins with it.
            && !(axis == Axis::RequestRate && open_loop::is_search(c))
        {
            notices.push(format!("{single} is not used: {axis} is swept."));
        }
    }
    notices
}

/// The server decodes max(decode, prompt) at once: cells with decode < prompt are named together
/// with the ones they repeat.
fn duplicates(plan: &Plan) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut notices = Vec::new();
    for cell in &plan.cells {
        let (Some(decode), Some(prompt)) =
            (cell.point.decode_concurrency, cell.point.prompt_concurrency)
        else {
            continue;
        };
        if decode >= prompt || !told.insert((decode, prompt)) {
            continue;
        }
        let equal = duplicate_of(&plan.cells, cell)
            .and_then(|other| other.point.decode_concurrency)
            .map_or_else(String::new, |other| {
                format!(
                    ", so its cells repeat those of decode_concurrency={other} \
                     prompt_concurrency={prompt}"
                )
            });
        notices.push(format!(
            "decode_concurrency={decode} prompt_concurrency={prompt}: the server decodes \
             max(decode, prompt) = {prompt} at once{equal}."
        ));
    }
    notices
}
