//! The cells of `tune`: the search (see [`crate::plan::tune`]) over what this start and earlier ones
//! of the run have measured, its clock, and what the machine takes for a cell.

use std::sync::Mutex;
use std::time::Instant;

use crate::engine::event::{CellResult, CellStatus, CellTimes, SearchNews};
use crate::engine::source::{CellSource, Outlook};
use crate::plan::estimate::{Pace, estimate};
use crate::plan::tune::{Figure, Search, Seen, Space, Standing, Step};
use crate::plan::{Cell, Plan, TuneRule};
use crate::store::row::CellRow;

/// A search, run by the engine.
pub struct Tuning {
    plan: Plan,
    rule: TuneRule,
    search: Search,
    /// Of earlier starts of the run.
    earlier: Vec<Measured>,
    /// When the first cell was asked for.
    started: Mutex<Option<Instant>>,
    news: Option<SearchNews>,
}

/// What one measurement came to, of this start or an earlier one.
#[derive(Debug, Clone, Copy)]
struct Measured {
    seen: Seen,
    load_s: f64,
    cell_s: f64,
}

impl Tuning {
    /// `None` where the plan is not of a search. `rows` are those of earlier starts.
    pub fn new(plan: &Plan, rows: &[CellRow]) -> Option<Self> {
        let rule = plan.tune?;
        let space = Space::of(&plan.cells);
        let earlier = rows
            .iter()
            .filter_map(|row| {
                let cell = plan.cells.iter().find(|cell| cell.index == row.cell)?;
                let seconds = |value: Option<f64>| value.unwrap_or(0.0);
                Some(Measured {
                    seen: Seen {
                        at: space.find(cell)?,
                        figure: figure_of_row(row),
                    },
                    load_s: seconds(row.load_s),
                    cell_s: seconds(row.warmup_s)
                        + seconds(row.measure_s)
                        + seconds(row.rest_s)
                        + seconds(row.cool_down_s),
                })
            })
            .collect();
        Some(Self {
            plan: plan.clone(),
            rule,
            search: Search::new(space, rule),
            earlier,
            started: Mutex::default(),
            news: None,
        })
    }

    fn measured(&self, done: &[CellResult]) -> Vec<Measured> {
        let now = done.iter().filter_map(|result| {
            let CellTimes {
                load_s,
                warmup_s,
                measure_s,
                rest_s,
                cool_down_s,
            } = result.times;
            Some(Measured {
                seen: Seen {
                    at: self.search.space().find(&result.cell)?,
                    figure: figure(result),
                },
                load_s,
                cell_s: warmup_s + measure_s + rest_s + cool_down_s,
            })
        });
        self.earlier.iter().copied().chain(now).collect()
    }

    /// Seconds of the budget that are left. Time that earlier starts took counts.
    fn left_s(&self) -> Option<f64> {
        let budget_s = self.rule.budget_s?;
        let earlier_s: f64 = self.earlier.iter().map(|m| m.load_s + m.cell_s).sum();
        let mut started = self.started.lock().ok()?;
        let now_s = started.get_or_insert_with(Instant::now).elapsed();
        Some(budget_s - earlier_s - now_s.as_secs_f64())
    }

    fn cells_left(&self, measured: &[Measured]) -> u32 {
        let measured = measured.len() as u32;
        self.rule.most_cells.saturating_sub(measured)
    }

    /// What the longest cell, and the longest start of servers, have taken so far: a budget must
    /// hold for the next ones too. Before the first, an estimate.
    fn costs(&self, measured: &[Measured]) -> (f64, f64) {
        let longest = |of: fn(&Measured) -> f64| measured.iter().map(of).fold(0.0, f64::max);
        let (cell_s, start_s) = (longest(|m| m.cell_s), longest(|m| m.load_s));
        let first: Vec<Cell> = self.plan.cells.iter().take(1).cloned().collect();
        let guess = estimate(
            &Plan {
                cells: first,
                ..self.plan.clone()
            },
            Pace::default(),
        );
        let or = |seen_s: f64, guess_s: f64| if seen_s > 0.0 { seen_s } else { guess_s };
        let cell_s = or(cell_s, guess.warmup_s + guess.measure_s) + self.plan.cell_pause_s;
        // A failed start takes long, and says nothing of others.
        (cell_s, or(start_s.min(guess.load_s * 20.0), guess.load_s))
    }

    /// The cell of a combination's next measurement; a new one, where the plan has none that was
    /// not measured.
    fn cell(&mut self, at: usize, measured: &[Measured]) -> Cell {
        let tried = measured.iter().filter(|m| m.seen.at == at).count() as u32;
        let (point, load) = self.search.space().combination(at);
        let alike =
            |cell: &&Cell| cell.repeat == tried + 1 && cell.point == *point && cell.load == *load;
        if let Some(known) = self.plan.cells.iter().find(alike) {
            return known.clone();
        }
        let new = Cell {
            index: self.plan.cells.len() as u32,
            point: point.clone(),
            load: load.clone(),
            repeat: tried + 1,
        };
        self.plan.cells.push(new.clone());
        new
    }
}

impl CellSource for Tuning {
    fn next(&mut self, done: &[CellResult]) -> Option<Cell> {
        let measured = self.measured(done);
        let seen: Vec<Seen> = measured.iter().map(|m| m.seen).collect();
        let (cell_s, start_s) = self.costs(&measured);
        let running = done.last().and_then(|result| {
            let still = matches!(result.status, CellStatus::Ok | CellStatus::Invalid);
            let at = self.search.space().find(&result.cell)?;
            still.then_some((at, result.cell.repeat))
        });
        let step = self.search.next(&Standing {
            seen: &seen,
            cells_left: self.cells_left(&measured),
            // How long a cell takes, only the first one tells.
            left_s: self.left_s().filter(|_| !measured.is_empty()),
            running,
            cell_s,
            start_s,
        });
        match step {
            Step::Measure { at, purpose } => {
                let cell = self.cell(at, &measured);
                self.news = Some(SearchNews::Next {
                    cell: cell.index,
                    purpose,
                });
                Some(cell)
            }
            Step::End { why, confirmed } => {
                let mut combinations: Vec<usize> = seen.iter().map(|seen| seen.at).collect();
                combinations.sort_unstable();
                combinations.dedup();
                self.news = Some(SearchNews::Ended {
                    why,
                    confirmed,
                    measured: seen.len() as u32,
                    combinations: combinations.len() as u32,
                    of_combinations: self.rule.of_cells,
                });
                None
            }
        }
    }

    /// What comes next is known only when the one before it was measured.
    fn known(&self) -> Vec<Cell> {
        Vec::new()
    }

    fn news(&self) -> Option<SearchNews> {
        self.news.clone()
    }

    fn outlook(&self, done: &[CellResult]) -> Option<Outlook> {
        let measured = self.measured(done);
        let cells = self.cells_left(&measured);
        let mean_s = (!measured.is_empty()).then(|| {
            let spent_s: f64 = measured.iter().map(|m| m.load_s + m.cell_s).sum();
            spent_s / measured.len() as f64 + self.plan.cell_pause_s
        });
        let by_cells_s = mean_s.map(|mean_s| mean_s * f64::from(cells));
        let by_budget_s = self.left_s().map(|left_s| left_s.max(0.0));
        Some(Outlook {
            cells,
            left_s: match (by_cells_s, by_budget_s) {
                (Some(cells_s), Some(budget_s)) => Some(cells_s.min(budget_s)),
                (cells_s, budget_s) => budget_s.or(cells_s),
            },
        })
    }
}

/// `None` where it must not be used.
fn figure(result: &CellResult) -> Option<Figure> {
    let figures = result.figures.as_ref();
    let figures = figures.filter(|_| result.status == CellStatus::Ok)?;
    Some(Figure {
        tps: figures.throughput_tps,
        ttft_s: figures.ttft.p95_or_max_s().map(|(s, _)| s),
    })
}

fn figure_of_row(row: &CellRow) -> Option<Figure> {
    row.is_valid().then_some(Figure {
        tps: row.throughput_tps,
        ttft_s: row.ttft_p95_s.or(row.ttft_max_s),
    })
}

/// Of the measured cells that are over the limit of a search, the one that is least over it: the
/// cell, its TTFT in seconds, and its tokens per second.
pub fn nearest_to_limit(
    plan: &Plan,
    rows: &[CellRow],
    done: &[CellResult],
) -> Option<(Cell, f64, f64)> {
    let before = rows.iter().filter_map(|row| {
        let cell = plan.cells.iter().find(|cell| cell.index == row.cell)?;
        Some((cell.clone(), figure_of_row(row)?))
    });
    let now = done
        .iter()
        .filter_map(|result| Some((result.cell.clone(), figure(result)?)));
    before
        .chain(now)
        .filter_map(|(cell, figure)| Some((cell, figure.ttft_s?, figure.tps)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::Percentiles;
    use crate::plan::tune::{Ended, Purpose};
    use crate::plan::{Inputs, ModelRef, RunKind, SweepAxis, build};
    use crate::settings::overrides::Overrides;
    use crate::settings::{Settings, Sources};
    use crate::store::testing;

    fn plan(overrides: &[&str]) -> Plan {
        let words: Vec<String> = overrides.iter().map(|&w| w.to_owned()).collect();
        let settings = Settings::resolve(&Sources {
            overrides: Overrides::from_words(&words).unwrap(),
            ..Sources::default()
        })
        .unwrap();
        let axes = SweepAxis::parse_all(&[
            "instances=1",
            "prompt_concurrency=8",
            "decode_concurrency=8,16,32,64",
            "concurrency=1..128x2",
        ])
        .unwrap();
        build(Inputs {
            kind: RunKind::Tune,
            settings: &settings,
            axes: &axes,
            model: ModelRef {
                path: "/models/tiny".into(),
                label: "tiny".into(),
                synthetic: true,
            },
            known_flags: None,
            nginx_found: false,
            cores: 2,
            drawn_seed: Some(1),
        })
        .unwrap()
    }

    /// Full at the size of the batch, and late beyond it.
    fn measured(cell: &Cell) -> CellResult {
        let mut result = testing::result(cell);
        result.status = CellStatus::Ok;
        result.times = CellTimes {
            load_s: 1.0,
            measure_s: 2.0,
            ..CellTimes::default()
        };
        let (asked, room) = (
            cell.load.concurrency,
            cell.point.decode_concurrency.unwrap(),
        );
        let together = f64::from(asked.min(room));
        if let Some(figures) = &mut result.figures {
            figures.throughput_tps = 40.0 * together / (1.0 + together / 20.0);
            figures.ttft = Percentiles {
                n: 20,
                max_s: Some(f64::from(asked.div_ceil(room)) * 0.1),
                ..Percentiles::default()
            };
        }
        result
    }

    fn best_of(done: &[CellResult]) -> &CellResult {
        let tps = |result: &&CellResult| result.throughput_tps().unwrap();
        done.iter()
            .max_by(|a, b| tps(a).total_cmp(&tps(b)))
            .unwrap()
    }

    /// To the end, or so many cells.
    fn follow(source: &mut Tuning, most: usize) -> Vec<CellResult> {
        let mut done = Vec::new();
        while done.len() < most
            && let Some(cell) = source.next(&done)
        {
            let outlook = source.outlook(&done).unwrap();
            assert!(outlook.cells > 0);
            done.push(measured(&cell));
        }
        done
    }

    #[test]
    fn a_search_keeps_to_its_share_and_finds_the_best() {
        let plan = plan(&["MLX_SEED=3"]);
        let rule = plan.tune.unwrap();
        assert_eq!((rule.most_cells, rule.of_cells, rule.seed), (8, 32, 3));
        let mut source = Tuning::new(&plan, &[]).unwrap();
        let done = follow(&mut source, 100);
        assert!(done.len() <= 8);
        let best = best_of(&done);
        assert_eq!(best.cell.point.decode_concurrency, Some(64));
        assert!(best.cell.load.concurrency >= 64, "{}", best.cell);
        // Indices are those of the plan, and new ones for repeats.
        for result in &done {
            let known = plan.cells.get(result.cell.index as usize);
            assert_eq!(known.is_some(), result.cell.repeat == 1);
            assert!(known.is_none_or(|known| *known == result.cell));
        }
        assert!(matches!(
            source.news(),
            Some(SearchNews::Ended {
                of_combinations: 32,
                ..
            })
        ));
    }

    #[test]
    fn a_resumed_search_goes_the_way_that_it_would_have_gone() {
        let plan = plan(&["MLX_SEED=5"]);
        let whole = follow(&mut Tuning::new(&plan, &[]).unwrap(), 100);
        let first = follow(&mut Tuning::new(&plan, &[]).unwrap(), 4);
        let rows: Vec<CellRow> = first.iter().map(|r| CellRow::new(r, &plan)).collect();
        let mut extended = plan.clone();
        for result in &first {
            if !extended.cells.contains(&result.cell) {
                extended.cells.push(result.cell.clone());
            }
        }
        let rest = follow(&mut Tuning::new(&extended, &rows).unwrap(), 100);
        let cells = |results: &[CellResult]| -> Vec<Cell> {
            results.iter().map(|result| result.cell.clone()).collect()
        };
        assert_eq!(first.len() + rest.len(), whole.len());
        // The servers of the first cell after the break are started anew, which changes its cost
        // but here not the path.
        assert_eq!(cells(&rest)[0], cells(&whole)[4]);
    }

    #[test]
    fn a_latency_limit_is_kept_and_the_nearest_is_named_where_nothing_meets_it() {
        let mut plan = plan(&["MLX_SEED=3", "MLX_TTFT_LIMIT_MS=50"]);
        let done = follow(&mut Tuning::new(&plan, &[]).unwrap(), 100);
        assert!(done.len() <= 8);
        let (cell, ttft_s, _) = nearest_to_limit(&plan, &[], &done).unwrap();
        assert!((ttft_s - 0.1).abs() < 1e-9, "{cell}");
        // The next limit lets all but those through that wait in line.
        plan.tune = plan.tune.map(|rule| TuneRule {
            ttft_limit_ms: Some(150.0),
            ..rule
        });
        let mut source = Tuning::new(&plan, &[]).unwrap();
        let done = follow(&mut source, 100);
        let rule = plan.tune.unwrap();
        let met = done
            .iter()
            .filter(|r| rule.meets(figure(r).and_then(|f| f.ttft_s)));
        let best = met.max_by(|a, b| a.throughput_tps().partial_cmp(&b.throughput_tps()).unwrap());
        assert_eq!(best.unwrap().cell.load.concurrency, 64);
    }

    #[test]
    fn failed_cells_count_and_are_not_tried_again() {
        let plan = plan(&["MLX_SEED=3"]);
        let mut source = Tuning::new(&plan, &[]).unwrap();
        let mut done: Vec<CellResult> = Vec::new();
        while let Some(cell) = source.next(&done) {
            assert!(done.iter().all(|result| result.cell != cell));
            assert!(matches!(
                source.news(),
                Some(SearchNews::Next {
                    purpose: Purpose::Exploring,
                    ..
                })
            ));
            done.push(testing::failed(&cell));
        }
        assert_eq!(done.len(), 8);
        assert!(matches!(
            source.news(),
            Some(SearchNews::Ended {
                why: Ended::Share,
                confirmed: None,
                combinations: 8,
                ..
            })
        ));
    }

    #[test]
    fn a_budget_of_earlier_starts_is_spent() {
        let plan = plan(&["MLX_TUNE_BUDGET_MIN=1"]);
        let first = follow(&mut Tuning::new(&plan, &[]).unwrap(), 2);
        let mut rows: Vec<CellRow> = first.iter().map(|r| CellRow::new(r, &plan)).collect();
        rows[0].measure_s = Some(58.0);
        let mut source = Tuning::new(&plan, &rows).unwrap();
        assert_eq!(source.next(&[]), None);
        assert!(matches!(
            source.news(),
            Some(SearchNews::Ended {
                why: Ended::Budget,
                measured: 2,
                ..
            })
        ));
        assert_eq!(source.outlook(&[]).unwrap().left_s, Some(0.0));
    }
}
