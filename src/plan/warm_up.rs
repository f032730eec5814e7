//! What a cell's servers answer before its window. Kernels are compiled when they are first needed,
//! and some are needed only by a batch: that must not happen while the cell is measured.

use super::grid::{SERVER_PROMPT_CONCURRENCY, decoded_together};
use super::{Cell, Plan};

/// Enough for a request on its own: kernels and caches need a few tokens, not a whole answer.
const ALONE: u32 = 16;

/// Tokens of each request that is sent on its own.
pub fn tokens_alone(cell: &Cell) -> u32 {
    cell.load.max_tokens.min(ALONE)
}

/// Requests that are sent at once: as many as are held in flight. Where they come at a rate, what
/// fills the servers' batches: so many may meet there.
pub fn together(cell: &Cell) -> u32 {
    let point = &cell.point;
    let all = cell.load.concurrency;
    match cell.load.request_rate {
        Some(_) => all.min(decoded_together(point).saturating_mul(point.instances)),
        None => all,
    }
}

/// Tokens of each request when the cell's whole number of them is sent at once: so many that the
/// first is still being answered when the last of its batch has joined. `None` where requests come
/// one at a time, or no warm-up is wanted.
pub fn tokens_together(plan: &Plan, cell: &Cell) -> Option<u32> {
    let at_once = together(cell);
    if at_once < 2 || plan.workload.warmup_requests == 0 {
        return None;
    }
    let point = &cell.point;
    let of_one_server = at_once.div_ceil(point.instances.max(1));
    let batch = of_one_server.min(decoded_together(point));
    let joining = point
        .prompt_concurrency
        .unwrap_or(SERVER_PROMPT_CONCURRENCY)
        .max(1);
    // The server decodes one token of all between two lots of prompts. Two more, with the batch full.
    Some((batch.div_ceil(joining) + 2).min(cell.load.max_tokens))
}
