//! From what was typed to a model that a server can load.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{Report, SessionError};
use crate::models::memory::{self, Demand, MachineMemory};
use crate::models::{
    Description, ModelError, Origin, Places, Resolved, describe, resolve, synthetic,
};
use crate::plan::grid::decoded_together;
use crate::plan::{ModelRef, Plan};
use crate::settings::{Settings, Var};

/// Resolves `text`; a synthetic model that is not there yet is made, with progress.
///
/// # Errors
/// There is no such model, or it could not be made.
pub async fn ready(
    text: &str,
    settings: &Settings,
    report: &Arc<dyn Report>,
    cancel: &CancellationToken,
) -> Result<ModelRef, SessionError> {
    let depth = settings.int(Var::ModelSearchDepth).unwrap_or(4) as usize;
    let places = Places::usual(settings.paths(Var::ModelDirs), depth);
    let resolved = resolve(text, &places).map_err(|error| SessionError::wrong(&error))?;
    if let Some(notice) = resolved.notice() {
        report.note(&notice);
    }
    let Resolved { model, origin } = resolved;
    if let Origin::Synthetic { name, ready: false } = origin {
        let folder = PathBuf::from(&model.path);
        let models_dir = folder
            .parent()
            .map(Path::to_owned)
            .context("a model's folder lies in another")?;
        let (report, cancel) = (Arc::clone(report), cancel.clone());
        let made = tokio::task::spawn_blocking(move || {
            let mut tell = |progress| report.model(&name, progress);
            synthetic::ensure(&name, &models_dir, &mut tell, &cancel)
        });
        match made.await.map_err(SessionError::failed)? {
            Ok(_) => {}
            Err(ModelError::Cancelled) => return Err(SessionError::Cancelled),
            Err(error) => return Err(SessionError::failed(error)),
        }
    }
    Ok(model)
}

/// The longest context of a model that is on this disk, in tokens.
pub fn context(model: &ModelRef) -> Option<u64> {
    let folder = Path::new(&model.path);
    folder.is_dir().then(|| describe(folder))?.context
}

/// What the largest cell of `plan` asks of each instance; `None` of a plan without cells.
pub fn largest_demand(plan: &Plan) -> Option<Demand> {
    demands(plan).max_by_key(|demand| {
        // A full cache weighs by all of these; the weights by the instances alone.
        let tokens = u64::from(demand.prompt_tokens) + u64::from(demand.output_tokens);
        let caches = u64::from(demand.sequences) * tokens * u64::from(demand.instances);
        (demand.instances, caches)
    })
}

fn demands(plan: &Plan) -> impl Iterator<Item = Demand> {
    plan.cells.iter().map(|cell| {
        let batch = decoded_together(&cell.point);
        Demand {
            instances: cell.point.instances,
            sequences: batch.min(cell.load.concurrency),
            prompt_tokens: cell
                .load
                .prompt_tokens
                .unwrap_or_else(|| prompt_tokens(plan)),
            output_tokens: cell.load.max_tokens,
            cached_sequences: CACHED_SEQUENCES,
        }
    })
}

/// Whether the largest cell of `plan` fits into this machine's memory, in words; `None` where the
/// model is not on this disk yet.
pub fn memory_judgement(plan: &Plan) -> Option<memory::Judgement> {
    // The model of an attached server is in memory already, maybe another machine's.
    if plan.servers.attached.is_some() {
        return None;
    }
    let folder = Path::new(&plan.model.path);
    let description: Description = folder.is_dir().then(|| describe(folder))?;
    let machine = MachineMemory::here()?;
    demands(plan)
        .map(|demand| memory::estimate(&description, &demand))
        .max_by_key(memory::Estimate::total)
        .map(|largest| memory::judge(&largest, &machine))
}

/// The server's own bound, and ours (`--prompt-cache-size`).
const CACHED_SEQUENCES: u32 = 10;

/// A rough length of the prompt as it is: English text has about four characters a token.
fn prompt_tokens(plan: &Plan) -> u32 {
    let workload = &plan.workload;
    let file = workload.prompt_file.as_ref();
    let chars = file.map_or(workload.prompt.len() as u64, |file| file.mean_chars);
    (chars / 4) as u32 + 64
}
