//! Measurement rule 12: before a sweep names its best, that and what comes close to it are measured
//! until each has three repeats, from separate server starts.

use std::collections::{HashMap, HashSet};

use super::grid::duplicate_of;
use super::{Cell, LoadPoint, Plan, ServerPoint};
use crate::measure::best::{Measured, Repeats, rank_measured};

/// Repeats that a finalist gets at least.
pub const REPEATS: u32 = 3;

/// A combination within this share of the best one's tokens per second may well be the better one.
const CLOSE: f64 = 0.9;

type Combination<'a> = (&'a ServerPoint, &'a LoadPoint);

/// What is to be measured now, after `measured` (every valid cell of the run): the missing repeats
/// of the finalists, in the order in which they start the fewest servers. Empty where each has its
/// repeats, where there is no choice, or where the plan wants none.
///
/// Repeats may bring another combination to the top, which then gets its own: one more than the
/// plan names, at most.
pub fn missing(plan: &Plan, measured: &[Measured<Combination>]) -> Vec<Cell> {
    let wanted = plan.finalists as usize;
    let groups = groups(plan);
    let Some(least) = groups.iter().map(|(_, planned)| *planned).min() else {
        return Vec::new();
    };
    if wanted == 0 || groups.len() < 2 || least >= REPEATS {
        return Vec::new();
    }
    let again = groups.iter().filter(|(_, planned)| *planned > least);
    let room = (wanted + 1).saturating_sub(again.count());
    let chosen: Vec<(usize, &Cell, u32)> = finalists(measured, wanted)
        .into_iter()
        .filter_map(|combination| {
            let is_it = |(first, _): &(&Cell, u32)| first.combination() == combination;
            let place = groups.iter().position(is_it)?;
            let (first, planned) = groups[place];
            // The server cannot tell it from another cell: one of the two is enough.
            let alone = duplicate_of(&plan.cells, first).is_none();
            (alone && planned < REPEATS).then_some((place, first, planned))
        })
        .take(room)
        .collect();
    let mut cells: Vec<(u32, usize, Cell)> = chosen
        .iter()
        .flat_map(|&(place, first, planned)| {
            (planned + 1..=REPEATS).map(move |repeat| {
                let cell = Cell {
                    repeat,
                    ..first.clone()
                };
                (repeat, place, cell)
            })
        })
        .collect();
    cells.sort_by_key(|(repeat, place, _)| (*repeat, *place));
    (plan.cells.len() as u32..)
        .zip(cells)
        .map(|(index, (_, _, cell))| Cell { index, ..cell })
        .collect()
}

/// How many cells may follow those of the plan, at most.
pub fn most(plan: &Plan) -> u32 {
    let groups = groups(plan);
    let least = groups.iter().map(|(_, planned)| *planned).min();
    match least {
        Some(least) if groups.len() > 1 && plan.finalists > 0 => {
            // Each repeat of every combination is a cell of the plan already.
            let combinations = plan.finalists.saturating_add(1).min(groups.len() as u32);
            combinations.saturating_mul(REPEATS.saturating_sub(least))
        }
        _ => 0,
    }
}

/// The first cell of each combination, and how many repeats of it the plan has.
fn groups(plan: &Plan) -> Vec<(&Cell, u32)> {
    let mut places = HashMap::new();
    let mut groups: Vec<(&Cell, u32)> = Vec::new();
    for cell in &plan.cells {
        let place = *places.entry(cell.combination()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, planned)) => *planned += 1,
            None => groups.push((cell, 1)),
        }
    }
    groups
}

/// The best combination and those close to it or tied with it, the largest means first; at most
/// `wanted`.
fn finalists<'a>(measured: &[Measured<Combination<'a>>], wanted: usize) -> Vec<Combination<'a>> {
    let Some(ranking) = rank_measured(measured) else {
        return Vec::new();
    };
    let combination = |places: &Vec<usize>| Some(measured[*places.first()?].combination);
    let tied: HashSet<Combination> = ranking.ties.iter().filter_map(combination).collect();
    let mut all: HashMap<Combination, Vec<f64>> = HashMap::new();
    for one in measured {
        let repeats = all.entry(one.combination).or_default();
        repeats.push(one.throughput_tps);
    }
    let best = combination(&ranking.best);
    let mut others: Vec<(Combination, f64)> = all
        .into_iter()
        .filter_map(|(other, tps)| Some((other, Repeats::of(tps.into_iter())?.mean)))
        .filter(|(other, mean)| {
            let close = *mean >= CLOSE * ranking.repeats.mean;
            Some(*other) != best && (close || tied.contains(other))
        })
        .collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    let others = others.into_iter().map(|(other, _)| other);
    best.into_iter().chain(others).take(wanted).collect()
}

impl Plan {
    /// What to tell of the finalists before the run; `None` where none are wanted.
    pub fn finalists_sentence(&self) -> Option<String> {
        let most = most(self);
        (most > 0).then(|| {
            format!(
                "Before the best is named, it and what comes close to it ({} combinations) are \
                 measured until each has {REPEATS} repeats from separate server starts: up to \
                 {most} cells more. MLX_FINALISTS=0 leaves them out.",
                self.finalists
            )
        })
    }
}
