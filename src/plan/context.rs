//! Whether prompts and answers fit into the model's context.

use super::axis::{Axis, AxisError, SweepAxis};
use super::error::PlanError;
use super::{Plan, dimensions};
use crate::settings::{Settings, Var};

/// What of `plan` is longer than `context` tokens, told where it is mended: the prompts if a length
/// was asked of them, else the answers. `axes` are those that the plan was built with.
pub fn check(
    plan: &Plan,
    axes: &[SweepAxis],
    settings: &Settings,
    context: u64,
) -> Option<PlanError> {
    let longest = plan
        .cells
        .iter()
        .max_by_key(|cell| total(cell.load.prompt_tokens, cell.load.max_tokens))?;
    let (prompt, output) = (longest.load.prompt_tokens, longest.load.max_tokens);
    if total(prompt, output) <= context {
        return None;
    }
    let problem = match prompt {
        Some(prompt) => format!(
            "a prompt of {prompt} tokens and an answer of {output} are {} together, and the \
             model's context is {context}",
            total(Some(prompt), output)
        ),
        None => {
            format!("an answer of {output} tokens is longer than the model's context of {context}")
        }
    };
    let axis = match prompt {
        Some(_) => Axis::PromptTokens,
        None => Axis::MaxTokens,
    };
    if axes.iter().any(|swept| swept.axis == axis) {
        return Some(PlanError::Axis(AxisError::Values {
            axis,
            problem,
            accepted: format!("what fits into {context} tokens together"),
        }));
    }
    let (single, list) = (axis.single_var(), axis.list_var());
    let swept = match axis {
        Axis::PromptTokens => {
            !plan.kind.is_check() && !settings.list(Var::PromptTokensList).is_empty()
        }
        _ => dimensions::axes_of(plan.kind).contains(&axis),
    };
    let var = if swept { list } else { single }?;
    Some(PlanError::Setting {
        var,
        value: settings.shown(var),
        problem,
    })
}

fn total(prompt: Option<u32>, output: u32) -> u64 {
    u64::from(prompt.unwrap_or(0)) + u64::from(output)
}
