//! The order in which cells run. Cells that share servers run in random order, so that what drifts
//! while they do (a machine that warms up, a cache that fills) does not look like an effect of the
//! load. Servers themselves keep the plan's order: another one would start more of them.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::cell::Cell;
use crate::scatter::scatter;

/// How cells on the same servers follow each other. Nothing but this and a cell's index decides
/// its place, so a resumed run goes on in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, strum::Display)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Order {
    /// The plan's own. Files from before there was another have run so.
    #[default]
    Nested,
    Random {
        seed: u32,
    },
}

impl Order {
    /// `None` where the order is not random.
    pub fn seed(self) -> Option<u32> {
        match self {
            Self::Nested => None,
            Self::Random { seed } => Some(seed),
        }
    }

    /// The same cells as they run. `cells` are in the plan's order, all or some of them.
    pub fn arranged(self, mut cells: Vec<Cell>) -> Vec<Cell> {
        if let Self::Random { seed } = self {
            for block in cells.chunk_by_mut(same_servers) {
                block.sort_by_cached_key(|cell| place(seed, cell.index));
            }
        }
        cells
    }
}

/// Neighbours that neither a server start nor a repeat parts.
fn same_servers(a: &Cell, b: &Cell) -> bool {
    a.repeat == b.repeat && a.point == b.point
}

/// Different for each cell of a run, and the same on every machine and in every version.
fn place(seed: u32, index: u32) -> u64 {
    /// The odd step of `SplitMix64`: neighbouring cells differ in about half of the bits.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let key = u64::from(seed) << 32 | u64::from(index);
    scatter(key.wrapping_add(1).wrapping_mul(STEP))
}

impl Plan {
    /// Every cell, as they run.
    pub fn cells_as_run(&self) -> Vec<Cell> {
        self.order.arranged(self.cells.clone())
    }

    /// What to tell of the order; `None` where it is the plan's own, or there is no choice.
    pub fn order_sentence(&self) -> Option<String> {
        let Order::Random { seed } = self.order else {
            return None;
        };
        let any = self.cells.windows(2).any(|w| same_servers(&w[0], &w[1]));
        any.then(|| {
            format!(
                "Cells on the same servers run in random order; MLX_SEED={seed} gives this order \
                 again."
            )
        })
    }
}
