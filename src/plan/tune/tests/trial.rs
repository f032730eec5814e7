//! One tune of a surface, from the first cell to the last.

use std::collections::HashSet;

use super::surface::{Dice, Surface, Truth};
use crate::plan::Cell;
use crate::plan::tune::{Ended, Figure, Search, Seen, Space, Standing, Step, TuneRule};

/// What the simulated machine takes, in seconds.
pub const CELL_S: f64 = 15.0;
pub const START_S: f64 = 25.0;

#[derive(Debug)]
pub struct Trial {
    /// Tokens per second of what was called the best, over those of the best that meets the limit.
    pub reached: f64,
    /// The TTFT of what was called the best, over the limit.
    pub latency: f64,
    pub starts: u32,
    pub spent_s: f64,
    pub why: Ended,
    pub confirmed: bool,
    pub path: Vec<usize>,
}

/// A grid of a surface, made ready for many trials.
pub struct Ground<'a> {
    surface: &'a Surface,
    cells: Vec<(Cell, Truth)>,
    space: Space,
    best_tps: f64,
}

impl<'a> Ground<'a> {
    pub fn new(surface: &'a Surface) -> Self {
        let cells = surface.cells();
        let meets = |truth: &Truth| {
            let limit = surface.ttft_limit_ms;
            let (tps, ttft_s) = (*truth)?;
            let within = limit.is_none_or(|ms| ttft_s.is_some_and(|s| s * 1e3 <= ms));
            within.then_some(tps)
        };
        let best_tps = cells.iter().filter_map(|(_, truth)| meets(truth));
        let best_tps = best_tps.fold(0.0, f64::max);
        assert!(best_tps > 0.0, "{} has no best", surface.name);
        Self::unreachable(surface, best_tps)
    }

    /// Where nothing may meet the limit: judged against so many tokens per second.
    pub fn unreachable(surface: &'a Surface, best_tps: f64) -> Self {
        let cells = surface.cells();
        let all: Vec<Cell> = cells.iter().map(|(cell, _)| cell.clone()).collect();
        Self {
            surface,
            space: Space::of(&all),
            cells,
            best_tps,
        }
    }

    pub fn size(&self) -> u32 {
        self.space.len() as u32
    }

    pub fn most(&self) -> u32 {
        TuneRule::most_of(self.size(), 0.25)
    }

    pub fn run(&self, seed: u32, budget_s: Option<f64>) -> Trial {
        let rule = TuneRule {
            most_cells: self.most(),
            of_cells: self.size(),
            ttft_limit_ms: self.surface.ttft_limit_ms,
            budget_s,
            seed,
        };
        let search = Search::new(self.space.clone(), rule);
        let mut dice = Dice::new(u64::from(seed));
        let mut seen: Vec<Seen> = Vec::new();
        let mut tried: Vec<u32> = vec![0; self.cells.len()];
        let mut running: Option<(usize, u32)> = None;
        let mut start_factor = 1.0;
        let (mut spent_s, mut starts) = (0.0, 0);
        loop {
            let standing = Standing {
                seen: &seen,
                cells_left: rule.most_cells - seen.len() as u32,
                left_s: budget_s.map(|budget_s| budget_s - spent_s),
                running,
                cell_s: CELL_S,
                start_s: START_S,
            };
            let at = match search.next(&standing) {
                Step::Measure { at, .. } => at,
                Step::End { why, confirmed } => {
                    let confirmed = confirmed.unwrap_or(false);
                    return self.judge(&seen, spent_s, starts, why, confirmed);
                }
            };
            tried[at] += 1;
            let kept = running.is_some_and(|(now, repeat)| {
                self.space.share_servers(now, at) && repeat == tried[at]
            });
            if !kept {
                starts += 1;
                spent_s += START_S;
                start_factor = self.surface.start_factor(&mut dice);
            }
            spent_s += CELL_S;
            running = Some((at, tried[at]));
            let figure = self
                .surface
                .measured(self.cells[at].1, &mut dice, start_factor);
            seen.push(Seen {
                at,
                figure: figure.map(|(tps, ttft_s)| Figure { tps, ttft_s }),
            });
        }
    }

    /// Called the best is the largest mean of those that met the limit, as runs have it.
    fn judge(
        &self,
        seen: &[Seen],
        spent_s: f64,
        starts: u32,
        why: Ended,
        confirmed: bool,
    ) -> Trial {
        let limit_s = self.surface.ttft_limit_ms.map(|ms| ms / 1e3);
        let measured: HashSet<usize> = seen.iter().map(|s| s.at).collect();
        let mut best: Option<(f64, usize)> = None;
        for at in measured {
            let figures: Vec<Figure> = seen
                .iter()
                .filter(|s| s.at == at)
                .filter_map(|s| s.figure)
                .collect();
            if figures.is_empty() {
                continue;
            }
            let mean = |of: &dyn Fn(&Figure) -> f64| {
                figures.iter().map(of).sum::<f64>() / figures.len() as f64
            };
            let tps = mean(&|f| f.tps);
            let ttft_s = mean(&|f| f.ttft_s.unwrap_or(0.0));
            let meets = limit_s.is_none_or(|limit_s| ttft_s <= limit_s);
            if meets && best.is_none_or(|(most, _)| tps > most) {
                best = Some((tps, at));
            }
        }
        let truth = best.and_then(|(_, at)| self.cells[at].1);
        let (tps, ttft_s) = truth.unwrap_or((0.0, None));
        Trial {
            reached: tps / self.best_tps,
            latency: limit_s.map_or(0.0, |limit_s| ttft_s.unwrap_or(0.0) / limit_s),
            starts,
            spent_s,
            why,
            confirmed,
            path: seen.iter().map(|s| s.at).collect(),
        }
    }
}
