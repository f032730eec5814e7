//! From lists of values to cells, nested; `order.rs` says in which order cells of a point run.
//!
//! Repeats are outermost, so that each starts its own servers. Within one, points with equal
//! flags stand together with their instance counts ascending, so that running servers are kept
//! and only the missing ones are added; the request cells of a point share its servers.

use super::cell::{Cell, FlagValue, LoadPoint, ServerPoint};
use super::delivery::Delivery;
use crate::settings::Rate;

/// What `mlx_lm.server` takes where its flag is not given.
pub const SERVER_DECODE_CONCURRENCY: u32 = 32;
pub const SERVER_PROMPT_CONCURRENCY: u32 = 8;

/// More than a year of cells of ten minutes; beyond it lies a typing error.
pub const MAX_CELLS: u32 = 50_000;

/// How many requests a cell sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Requests {
    /// As many as the window takes.
    Sustained,
    Fixed(u32),
    /// A multiple of the cell's concurrency.
    PerConcurrency(u32),
}

impl Requests {
    fn of(self, concurrency: u32) -> Option<u32> {
        match self {
            Self::Sustained => None,
            Self::Fixed(requests) => Some(requests),
            Self::PerConcurrency(by) => Some(concurrency.saturating_mul(by)),
        }
    }
}

/// Values of each dimension, none of them empty.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub instances: Vec<u32>,
    pub decode: Vec<Option<u32>>,
    pub prompt: Vec<Option<u32>>,
    pub flags: Vec<(String, Vec<String>)>,
    pub concurrency: Vec<u32>,
    pub max_tokens: Vec<u32>,
    pub prompt_tokens: Vec<Option<u32>>,
    /// `None` is the closed loop.
    pub rates: Vec<Option<Rate>>,
    pub deliveries: Vec<Option<Delivery>>,
    pub requests: Requests,
    pub repeats: u32,
}

impl Grid {
    /// Number of cells; `None` where it does not fit.
    pub fn size(&self) -> Option<u64> {
        let dimensions = [
            self.instances.len(),
            self.decode.len(),
            self.prompt.len(),
            self.concurrency.len(),
            self.max_tokens.len(),
            self.prompt_tokens.len(),
            self.rates.len(),
            self.deliveries.len(),
            self.repeats as usize,
        ];
        dimensions
            .into_iter()
            .chain(self.flags.iter().map(|(_, values)| values.len()))
            .try_fold(1_u64, |size, length| size.checked_mul(length as u64))
    }

    pub fn cells(&self) -> Vec<Cell> {
        let mut instances = self.instances.clone();
        instances.sort_unstable();
        let loads = self.loads();
        let mut cells = Vec::new();
        for repeat in 1..=self.repeats {
            for flags in self.flag_combinations() {
                for &decode_concurrency in &self.decode {
                    for &prompt_concurrency in &self.prompt {
                        for &instances in &instances {
                            let point = ServerPoint {
                                instances,
                                decode_concurrency,
                                prompt_concurrency,
                                flags: flags.clone(),
                            };
                            cells.extend(loads.iter().map(|load| Cell {
                                index: 0,
                                point: point.clone(),
                                load: load.clone(),
                                repeat,
                            }));
                        }
                    }
                }
            }
        }
        for (index, cell) in (0..).zip(&mut cells) {
            cell.index = index;
        }
        cells
    }

    fn loads(&self) -> Vec<LoadPoint> {
        let mut loads = Vec::new();
        for &max_tokens in &self.max_tokens {
            for &prompt_tokens in &self.prompt_tokens {
                for &concurrency in &self.concurrency {
                    for &request_rate in &self.rates {
                        loads.extend(self.deliveries.iter().map(|&delivery| LoadPoint {
                            concurrency,
                            requests: self.requests.of(concurrency),
                            max_tokens,
                            prompt_tokens,
                            request_rate,
                            delivery,
                        }));
                    }
                }
            }
        }
        loads
    }

    /// The first flag changes slowest. An empty value leaves its flag out.
    fn flag_combinations(&self) -> Vec<Vec<FlagValue>> {
        let mut combinations = vec![Vec::new()];
        for (flag, values) in &self.flags {
            combinations = combinations
                .into_iter()
                .flat_map(|combination: Vec<FlagValue>| {
                    values.iter().map(move |value| {
                        let mut longer = combination.clone();
                        longer.push(FlagValue {
                            flag: flag.clone(),
                            value: value.clone(),
                        });
                        longer
                    })
                })
                .collect();
        }
        combinations
    }

    /// What fills the largest batch of the grid on all of its servers.
    pub fn largest_batch(&self) -> u32 {
        let largest = |values: &[Option<u32>]| values.iter().flatten().copied().max();
        let batch = largest(&self.decode)
            .max(largest(&self.prompt))
            // The server's own default, where nothing is injected.
            .unwrap_or(SERVER_DECODE_CONCURRENCY);
        batch.saturating_mul(self.instances.iter().copied().max().unwrap_or(1))
    }
}

/// How the server sees a point: it decodes max(decode, prompt) requests at once.
pub fn effective_decode(point: &ServerPoint) -> Option<u32> {
    Some(point.decode_concurrency?.max(point.prompt_concurrency?))
}

/// Requests that one server of a point decodes at once, by the server's own default where nothing
/// is set.
pub fn decoded_together(point: &ServerPoint) -> u32 {
    effective_decode(point)
        .or(point.decode_concurrency)
        .unwrap_or(SERVER_DECODE_CONCURRENCY)
}

/// The cell that a server cannot tell from this one, where decode < prompt.
pub fn duplicate_of<'a>(cells: &'a [Cell], cell: &Cell) -> Option<&'a Cell> {
    let (decode, prompt) = (
        cell.point.decode_concurrency?,
        cell.point.prompt_concurrency?,
    );
    if decode >= prompt {
        return None;
    }
    let alike = |other: &&Cell| {
        other.index != cell.index
            && other.repeat == cell.repeat
            && other.load == cell.load
            && other.point.instances == cell.point.instances
            && other.point.flags == cell.point.flags
            && other.point.prompt_concurrency == Some(prompt)
    };
    cells
        .iter()
        .filter(alike)
        .find(|other| other.point.decode_concurrency == Some(prompt))
        .or_else(|| {
            cells.iter().filter(alike).find(|other| {
                other.index < cell.index && other.point.decode_concurrency < Some(prompt)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid {
            instances: vec![4, 1],
            decode: vec![Some(8), Some(16)],
            prompt: vec![Some(4), Some(16)],
            flags: vec![],
            concurrency: vec![32, 1],
            max_tokens: vec![64],
            prompt_tokens: vec![None],
            rates: vec![None],
            deliveries: vec![None],
            requests: Requests::PerConcurrency(2),
            repeats: 2,
        }
    }

    #[test]
    fn equal_flags_stand_together_with_instances_ascending() {
        let grid = grid();
        let cells = grid.cells();
        assert_eq!(grid.size(), Some(cells.len() as u64));
        assert_eq!(cells.len(), 32);
        assert!((0..).zip(&cells).all(|(index, cell)| cell.index == index));
        let seen: Vec<String> = cells[..5].iter().map(ToString::to_string).collect();
        assert_eq!(
            seen,
            [
                "instances=1 decode_concurrency=8 prompt_concurrency=4 concurrency=32",
                "instances=1 decode_concurrency=8 prompt_concurrency=4 concurrency=1",
                "instances=4 decode_concurrency=8 prompt_concurrency=4 concurrency=32",
                "instances=4 decode_concurrency=8 prompt_concurrency=4 concurrency=1",
                "instances=1 decode_concurrency=8 prompt_concurrency=16 concurrency=32",
            ]
        );
        assert_eq!(cells[0].load.requests, Some(64));
        assert!(cells[..16].iter().all(|c| c.repeat == 1));
        assert!(cells[16..].iter().all(|c| c.repeat == 2));
    }

    #[test]
    fn flags_multiply_with_the_first_slowest() {
        let grid = Grid {
            flags: vec![
                ("--a".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
                ("--b".to_owned(), vec![String::new(), "x".to_owned()]),
            ],
            repeats: 1,
            ..grid()
        };
        let combinations: Vec<String> = grid
            .flag_combinations()
            .iter()
            .map(|c| {
                let texts: Vec<String> = c
                    .iter()
                    .map(|f| format!("{}={}", f.flag, f.value))
                    .collect();
                texts.join(" ")
            })
            .collect();
        assert_eq!(
            combinations,
            ["--a=1 --b=", "--a=1 --b=x", "--a=2 --b=", "--a=2 --b=x"]
        );
        assert_eq!(grid.size(), Some(grid.cells().len() as u64));
    }

    #[test]
    fn decode_below_prompt_points_to_its_equal() {
        let cells = grid().cells();
        let duplicates: Vec<(u32, u32)> = cells
            .iter()
            .filter_map(|cell| Some((cell.index, duplicate_of(&cells, cell)?.index)))
            .collect();
        // decode 8 prompt 16 (cells 4 to 7 of each repeat) equals decode 16 prompt 16 (12 to 15).
        assert_eq!(
            duplicates,
            [
                (4, 12),
                (5, 13),
                (6, 14),
                (7, 15),
                (20, 28),
                (21, 29),
                (22, 30),
                (23, 31)
            ]
        );
        assert_eq!(effective_decode(&cells[4].point), Some(16));

        // Without an equal on the diagonal the first of the alike stands for the others.
        let below = Grid {
            decode: vec![Some(1), Some(2)],
            prompt: vec![Some(4)],
            repeats: 1,
            ..grid()
        };
        let cells = below.cells();
        assert_eq!(duplicate_of(&cells, &cells[0]), None);
        assert_eq!(duplicate_of(&cells, &cells[4]).map(|c| c.index), Some(0));
    }

    #[test]
    fn a_grid_beyond_all_bounds_has_no_size() {
        let many: Vec<u32> = (1..=10_000).collect();
        let grid = Grid {
            instances: many.clone(),
            concurrency: many.clone(),
            max_tokens: many.clone(),
            decode: many.iter().copied().map(Some).collect(),
            prompt: many.iter().copied().map(Some).collect(),
            ..grid()
        };
        assert_eq!(grid.size(), None);
    }
}
