//! From what was typed to a model that a server can load.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::failure::Usage;
use super::models::Meter;
use crate::models::memory::{self, Demand, MachineMemory, Verdict};
use crate::models::{
    Description, ModelError, Origin, Places, Resolved, describe, resolve, synthetic,
};
use crate::plan::{ModelRef, Plan};
use crate::settings::{Settings, Var};

/// Resolves `text`; a synthetic model that is not there yet is made, with progress.
///
/// # Errors
/// There is no such model, or it could not be made.
pub async fn ready(
    text: &str,
    settings: &Settings,
    cancel: &CancellationToken,
) -> anyhow::Result<ModelRef> {
    let depth = settings.int(Var::ModelSearchDepth).unwrap_or(4) as usize;
    let places = Places::usual(settings.paths(Var::ModelDirs), depth);
    let resolved = resolve(text, &places).map_err(|error| Usage::of(&error))?;
    if let Some(notice) = resolved.notice() {
        say!("note: {notice}");
    }
    let Resolved { model, origin } = resolved;
    if let Origin::Synthetic { name, ready: false } = origin {
        let folder = PathBuf::from(&model.path);
        let models_dir = folder
            .parent()
            .map(Path::to_owned)
            .context("a model's folder lies in another")?;
        let cancel = cancel.clone();
        tokio::task::spawn_blocking(move || -> Result<PathBuf, ModelError> {
            let mut meter = Meter::new(&name);
            synthetic::ensure(&name, &models_dir, &mut |p| meter.show(p), &cancel)
        })
        .await??;
    }
    Ok(model)
}

/// Whether the largest cell of `plan` fits into this machine's memory, in words; `None` where the
/// model is not on this disk yet.
pub fn memory_judgement(plan: &Plan) -> Option<memory::Judgement> {
    let folder = Path::new(&plan.model.path);
    let description: Description = folder.is_dir().then(|| describe(folder))?;
    let machine = MachineMemory::here()?;
    plan.cells
        .iter()
        .map(|cell| {
            let batch = cell.point.decode_concurrency.unwrap_or(32);
            let demand = Demand {
                instances: cell.point.instances,
                sequences: batch.min(cell.load.concurrency),
                prompt_tokens: cell
                    .load
                    .prompt_tokens
                    .unwrap_or_else(|| prompt_tokens(plan)),
                output_tokens: cell.load.max_tokens,
                cached_sequences: CACHED_SEQUENCES,
            };
            memory::estimate(&description, &demand)
        })
        .max_by_key(memory::Estimate::total)
        .map(|largest| memory::judge(&largest, &machine))
}

/// The server's own bound, and ours (`--prompt-cache-size`).
const CACHED_SEQUENCES: u32 = 10;

/// A rough length of the prompt as it is: English text has about four characters a token.
fn prompt_tokens(plan: &Plan) -> u32 {
    (plan.workload.prompt.len() / 4) as u32 + 64
}

/// Says whether it fits, unless it fits well.
///
/// # Errors
/// It cannot fit: such a run would only swap.
pub fn refuse_too_large(plan: &Plan) -> anyhow::Result<()> {
    match memory_judgement(plan) {
        Some(judgement) if judgement.verdict == Verdict::DoesNotFit => {
            Err(Usage(format!("this run {}", judgement.text)).into())
        }
        Some(judgement) if judgement.verdict == Verdict::Tight => {
            say!("warning: memory is {}", judgement.text);
            Ok(())
        }
        _ => Ok(()),
    }
}
