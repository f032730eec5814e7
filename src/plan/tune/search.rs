//! Which cell is next.

use super::gaussian::{Belief, Point, Surface, expected_improvement, normal_cdf};
use super::space::Space;
use super::{CONFIRMED_BY, Ended, Figure, Purpose, Seen, Step, TuneRule};
use crate::scatter::scatter;

/// What ln(tokens/s) scatters by over a grid: a factor of two.
const TPS_VARIANCE: f64 = 0.5;
/// The same of ln(TTFT): a factor of three.
const TTFT_VARIANCE: f64 = 1.2;
/// A cell this far (ln) below the best is as bad as any: what a cliff does to the figure must not
/// bend the surface elsewhere.
const BAD: f64 = 2.0;
/// The search goes on while a cell promises this gain (ln) or more.
const WORTH: f64 = 0.0005;
/// The same while nothing meets the limit.
const HARDLY: f64 = 1e-6;
/// Share of the cells that is kept for repeats of the leading ones.
const KEPT: f64 = 0.08;
/// The same of the time.
const TIME_KEPT: f64 = 0.34;
/// How much the cost of a cell counts against its gain: 0 not at all, 1 in proportion.
const THRIFT: f64 = 0.35;
/// A rival is measured again while calling the leader the best may be wrong by this (ln) on average.
const DOUBT: f64 = 0.0008;
/// How many repeats the surface's own estimate of the noise is worth.
const NOISE_WEIGHT: f64 = 3.0;
/// No machine measures more exactly than this (ln), however alike its first repeats are.
const LEAST_NOISE: f64 = 0.02;
/// So many rivals are looked at, and measured so often at most.
const RIVALS: usize = 6;
const MOST_REPEATS: u32 = 10;
/// Odds under which a cell is not tried only because it stands beside the leader.
const HOPELESS: f64 = 0.3;

/// What may still be spent.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub seen: &'a [Seen],
    pub cells_left: u32,
    pub left_s: Option<f64>,
    /// The combination whose servers run now, and for which of its repeats they were started.
    pub running: Option<(usize, u32)>,
    /// Seconds that a cell takes on running servers.
    pub cell_s: f64,
    /// Seconds that a start of servers takes.
    pub start_s: f64,
}

/// A search over a space, by a rule.
#[derive(Debug, Clone)]
pub struct Search {
    space: Space,
    rule: TuneRule,
    /// What is measured first, whatever it gives.
    spread: Vec<usize>,
}

/// Everything that was seen of one combination.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Sound figures, and their means; TTFT of those that have one.
    n: u32,
    ln_tps: f64,
    /// Sum of the squared distances of ln(tokens/s) from its mean.
    squares: f64,
    tps: f64,
    ttft_n: u32,
    ttft_s: f64,
    /// Measurements that came to nothing.
    unsound: u32,
}

impl Known {
    fn add(&mut self, figure: Option<Figure>) {
        let Some(figure) = figure.filter(|f| f.tps > 0.0 && f.tps.is_finite()) else {
            self.unsound += 1;
            return;
        };
        self.n += 1;
        let share = 1.0 / f64::from(self.n);
        self.tps += (figure.tps - self.tps) * share;
        let from_mean = figure.tps.ln() - self.ln_tps;
        self.ln_tps += from_mean * share;
        self.squares += from_mean * (figure.tps.ln() - self.ln_tps);
        if let Some(ttft_s) = figure.ttft_s.filter(|s| *s > 0.0) {
            self.ttft_n += 1;
            self.ttft_s += (ttft_s - self.ttft_s) / f64::from(self.ttft_n);
        }
    }

    const fn is_seen(&self) -> bool {
        self.n + self.unsound > 0
    }

    const fn next_repeat(&self) -> u32 {
        self.n + self.unsound + 1
    }

    fn ttft(&self) -> Option<f64> {
        (self.ttft_n > 0).then_some(self.ttft_s)
    }
}

impl Search {
    pub fn new(space: Space, rule: TuneRule) -> Self {
        let spread = spread(&space, rule);
        Self {
            space,
            rule,
            spread,
        }
    }

    pub const fn space(&self) -> &Space {
        &self.space
    }

    /// The next step, from all that was seen so far.
    pub fn next(&self, standing: &Standing) -> Step {
        let known = self.known(standing.seen);
        let affordable = |at: usize| {
            let cost_s = self.cost_s(&known, standing, at);
            standing.left_s.is_none_or(|left_s| cost_s <= left_s)
        };
        let end = |why| Step::End {
            why,
            confirmed: self
                .leader(&known)
                .map(|leader| known[leader].n >= CONFIRMED_BY),
        };
        if standing.cells_left == 0 {
            return end(Ended::Share);
        }
        let surface = self.surface(&known);
        let noise = noise(&known, surface.as_ref());
        let finalist = self.finalist(&known, surface.as_ref(), standing, noise);
        let is_fresh = |at: &usize| self.is_fresh(&known, *at);
        let any_fresh = (0..self.space.len()).any(|at| is_fresh(&at));
        if !any_fresh && finalist.is_none() {
            return end(Ended::Exhausted);
        }
        if !self.is_time_to_confirm(&known, standing) {
            let mut spread = self.spread.iter().copied();
            let first = spread.find(|at| is_fresh(at) && affordable(*at));
            let found = first
                .map(|at| (at, Purpose::Exploring))
                .or_else(|| self.promising(&known, surface.as_ref(), standing, &affordable))
                .or_else(|| {
                    let beside = self.beside_leader(&known, standing, &affordable)?;
                    Some((beside, Purpose::Improving))
                });
            if let Some((at, purpose)) = found {
                return Step::Measure { at, purpose };
            }
        }
        let whatever = |_| true;
        match finalist {
            Some(at) if affordable(at) => Step::Measure {
                at,
                purpose: Purpose::Confirming,
            },
            Some(_) => end(Ended::Budget),
            None if self.spread.iter().any(is_fresh)
                || self
                    .promising(&known, surface.as_ref(), standing, &whatever)
                    .is_some() =>
            {
                end(Ended::Budget)
            }
            None => end(Ended::Converged),
        }
    }

    fn known(&self, seen: &[Seen]) -> Vec<Known> {
        let mut known = vec![Known::default(); self.space.len()];
        for seen in seen {
            if let Some(known) = known.get_mut(seen.at) {
                known.add(seen.figure);
            }
        }
        known
    }

    /// Not measured yet, and neither is a twin; of twins, the last may be.
    fn is_fresh(&self, known: &[Known], at: usize) -> bool {
        let stands_for_it = |other: &usize| *other > at || known[*other].is_seen();
        !known[at].is_seen() && !self.space.twins(at).iter().any(stands_for_it)
    }

    /// What the next measurement of a combination takes, in seconds.
    fn cost_s(&self, known: &[Known], standing: &Standing, at: usize) -> f64 {
        let runs = standing.running.is_some_and(|(now, repeat)| {
            self.space.share_servers(now, at) && known[at].next_repeat() == repeat
        });
        standing.cell_s + if runs { 0.0 } else { standing.start_s }
    }

    fn is_sound(&self, known: &Known) -> bool {
        known.n > 0 && known.n > known.unsound && self.rule.meets(known.ttft())
    }

    /// The most tokens per second of those that meet the limit.
    fn leader(&self, known: &[Known]) -> Option<usize> {
        (0..known.len())
            .filter(|&at| self.is_sound(&known[at]))
            .max_by(|&a, &b| known[a].tps.total_cmp(&known[b].tps))
    }

    /// A leading cell that is to be measured again: the leader first, then those that may well be
    /// better than it. Where the running servers were started for a repeat of the one, they serve
    /// the others' too.
    fn finalist(
        &self,
        known: &[Known],
        surface: Option<&Surface>,
        standing: &Standing,
        noise: f64,
    ) -> Option<usize> {
        let leader = self.leader(known)?;
        let mut rivals: Vec<usize> = (0..known.len())
            .filter(|&at| at != leader && self.is_sound(&known[at]))
            .collect();
        rivals.sort_by(|&a, &b| known[b].tps.total_cmp(&known[a].tps));
        rivals.truncate(RIVALS);
        let believed = |at: usize| surface.map(|surface| surface.belief(at));
        let of_leader = believed(leader);
        rivals.retain(|&at| {
            let (rival, leader) = (&known[at], &known[leader]);
            let errors = 1.0 / f64::from(rival.n) + 1.0 / f64::from(leader.n);
            let shown = Belief {
                mean: rival.ln_tps - leader.ln_tps,
                sd: (noise * errors.sqrt()).max(1e-9),
            };
            // One unlucky measurement must not rule a cell out that stands among good ones.
            let surmised = believed(at).zip(of_leader).map(|(rival, leader)| Belief {
                mean: rival.mean - leader.mean,
                sd: rival.sd.hypot(leader.sd).min(shown.sd),
            });
            let doubt = expected_improvement(shown, 0.0);
            let other = surmised.map_or(0.0, |belief| expected_improvement(belief, 0.0));
            rival.n.min(leader.n) < MOST_REPEATS && doubt.max(other) > DOUBT
        });
        let at_hand = |at: &usize| {
            let repeat = known[*at].next_repeat();
            let serves = |(now, started)| self.space.share_servers(now, *at) && started == repeat;
            repeat > 1 && standing.running.is_some_and(serves)
        };
        let fewest = |at: usize| known[at].n < known[leader].n.max(CONFIRMED_BY);
        let short = |at: &usize| fewest(*at) && at_hand(at);
        if let Some(at) = rivals.iter().copied().find(short) {
            return Some(at);
        }
        if known[leader].n < CONFIRMED_BY {
            return Some(leader);
        }
        let rival = *rivals.first()?;
        let fewer = known[rival].n <= known[leader].n;
        Some(if fewer { rival } else { leader })
    }

    /// A cell one step from the leader that was not measured yet: no surface is so sure that what
    /// lies beside the best need not be looked at.
    fn beside_leader(
        &self,
        known: &[Known],
        standing: &Standing,
        affordable: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let leader = self.leader(known)?;
        (0..self.space.len())
            .filter(|&at| self.space.are_neighbours(leader, at))
            .filter(|&at| self.is_fresh(known, at) && affordable(at))
            .filter(|&at| self.works(known, at) > HOPELESS)
            .min_by(|&a, &b| {
                let cost = |at| self.cost_s(known, standing, at);
                cost(a).total_cmp(&cost(b))
            })
    }

    /// What is left is needed for the repeats of the leader.
    fn is_time_to_confirm(&self, known: &[Known], standing: &Standing) -> bool {
        let Some(leader) = self.leader(known) else {
            return false;
        };
        let missing = CONFIRMED_BY.saturating_sub(known[leader].n);
        let kept = (f64::from(self.rule.most_cells) * KEPT).round() as u32;
        let time_s = f64::from(missing) * (standing.cell_s + standing.start_s);
        // One cell more has to fit in besides. Of a short time most is for looking around.
        let is_large = self.rule.budget_s.is_some_and(|s| time_s > s * TIME_KEPT);
        let late = standing.left_s.is_some_and(|left_s| {
            left_s < time_s + standing.cell_s + standing.start_s && missing > 0 && !is_large
        });
        (kept > 0 && standing.cells_left <= kept.min(missing.max(1))) || late
    }

    /// Of ln(tokens/s).
    fn surface(&self, known: &[Known]) -> Option<Surface<'_>> {
        let top = top(known);
        let points: Vec<Point> = known
            .iter()
            .enumerate()
            .filter(|(_, k)| k.n > 0)
            .map(|(at, k)| Point {
                at,
                value: k.ln_tps.max(top - BAD),
                n: k.n,
            })
            .collect();
        Surface::fit(&self.space.features, &points, TPS_VARIANCE)
    }

    /// The cell with the most expected gain for its cost, if any is worth it.
    fn promising(
        &self,
        known: &[Known],
        surface: Option<&Surface>,
        standing: &Standing,
        affordable: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, Purpose)> {
        let features = &self.space.features;
        let top = top(known);
        let latency = self.rule.ttft_limit_ms.and_then(|limit_ms| {
            let points: Vec<Point> = known
                .iter()
                .enumerate()
                .filter_map(|(at, k)| {
                    Some(Point {
                        at,
                        value: k.ttft()?.ln(),
                        n: k.ttft_n,
                    })
                })
                .collect();
            let surface = Surface::fit(features, &points, TTFT_VARIANCE)?;
            Some((surface, (limit_ms / 1e3).ln()))
        });
        let best = (0..known.len())
            .filter(|&at| self.is_sound(&known[at]))
            .filter_map(|at| Some(surface?.belief(at).mean))
            .fold(None, |best: Option<f64>, mean| {
                Some(best.map_or(mean, |b| b.max(mean)))
            });
        let mut found: Option<(f64, usize, Purpose)> = None;
        for at in 0..self.space.len() {
            if known[at].is_seen() || !affordable(at) || !self.is_fresh(known, at) {
                continue;
            }
            let belief = surface.map_or(
                Belief {
                    mean: 0.0,
                    sd: TPS_VARIANCE.sqrt(),
                },
                |surface| surface.belief(at),
            );
            let within = latency.as_ref().map_or(1.0, |(surface, limit)| {
                let latency = surface.belief(at);
                let sd = latency.sd.hypot(surface.noise_sd());
                normal_cdf((limit - latency.mean) / sd)
            });
            let works = self.works(known, at) * within;
            let (gain, purpose) = if let Some(best) = best {
                let purpose = if belief.mean > best {
                    Purpose::Improving
                } else {
                    Purpose::Exploring
                };
                (expected_improvement(belief, best) * works, purpose)
            } else {
                // Nothing meets the limit yet: what may, and is fast.
                let floor = top.min(belief.mean) - BAD;
                (works * (belief.mean - floor).max(WORTH), Purpose::Exploring)
            };
            let least = if best.is_some() { WORTH } else { HARDLY };
            if gain < least {
                continue;
            }
            let score = gain / self.cost_s(known, standing, at).max(1e-9).powf(THRIFT);
            if found.is_none_or(|(most, ..)| score > most) {
                found = Some((score, at, purpose));
            }
        }
        found.map(|(_, at, purpose)| (at, purpose))
    }

    /// The odds that a cell can be measured at all: from those near it, and lower where it asks for
    /// more of everything than one that failed.
    fn works(&self, known: &[Known], at: usize) -> f64 {
        if known.iter().all(|k| k.unsound == 0) {
            return 1.0;
        }
        let features = &self.space.features;
        let more = |a: usize, b: usize| {
            (0..features.count()).all(|f| {
                if features.is_ordered(f) {
                    features.value(f, a) >= features.value(f, b)
                } else {
                    features.distance(f, a, b) == 0.0
                }
            })
        };
        // Before anything near is known.
        let (mut good, mut all) = (0.8 * 0.4, 0.4);
        let mut beyond = false;
        let mut below = false;
        for (other, k) in known.iter().enumerate().filter(|(_, k)| k.is_seen()) {
            let near = (-self.space.apart(at, other) / 0.18).exp();
            all += near;
            if k.n > k.unsound {
                good += near;
                below |= more(other, at);
            } else {
                beyond |= more(at, other);
            }
        }
        let odds = good / all;
        if beyond && !below { odds * 0.25 } else { odds }
    }
}

/// Standard deviation of one measurement of ln(tokens/s): what repeats tell, and before there are
/// many, what the surface makes of its own roughness.
fn noise(known: &[Known], surface: Option<&Surface>) -> f64 {
    let (squares, freedom) = known
        .iter()
        .filter(|k| k.n > 1)
        .fold((0.0, 0.0), |(squares, freedom), k| {
            (squares + k.squares, freedom + f64::from(k.n - 1))
        });
    let assumed = surface.map_or(0.0, Surface::noise_sd);
    let assumed = assumed.max(LEAST_NOISE).powi(2);
    ((squares + NOISE_WEIGHT * assumed) / (freedom + NOISE_WEIGHT)).sqrt()
}

/// The largest ln(tokens/s) that was seen.
fn top(known: &[Known]) -> f64 {
    let sound = known.iter().filter(|k| k.n > 0);
    sound.map(|k| k.ln_tps).fold(f64::NEG_INFINITY, f64::max)
}

/// The first cells: the middle of the space, then always the one that is farthest from all before
/// it; among equals the seed decides.
fn spread(space: &Space, rule: TuneRule) -> Vec<usize> {
    let n = space.len();
    if n == 0 {
        return Vec::new();
    }
    let dice = |at: usize| scatter(u64::from(rule.seed) << 32 | at as u64);
    let features = &space.features;
    let closest_to = |place: f64| {
        let apart = |at: usize| -> f64 {
            (0..features.count())
                .filter(|&f| features.is_ordered(f))
                .map(|f| (features.value(f, at) - place).powi(2))
                .sum()
        };
        (0..n)
            .min_by(|&a, &b| apart(a).total_cmp(&apart(b)).then(dice(a).cmp(&dice(b))))
            .unwrap_or(0)
    };
    let count = first_cells(features.count(), rule.most_cells).min(n);
    let mut chosen = Vec::new();
    let mut nearest = vec![f64::INFINITY; n];
    let add = |chosen: &mut Vec<usize>, nearest: &mut [f64], at: usize| {
        chosen.push(at);
        for (other, near) in nearest.iter_mut().enumerate() {
            *near = near.min(space.apart(other, at));
        }
    };
    add(&mut chosen, &mut nearest, closest_to(1.0));
    if count > 3 {
        add(&mut chosen, &mut nearest, closest_to(0.5));
    }
    while chosen.len() < count {
        let farthest = (0..n)
            .max_by(|&a, &b| {
                let order = nearest[a].total_cmp(&nearest[b]);
                order.then(dice(a).cmp(&dice(b)))
            })
            .unwrap_or(0);
        if nearest[farthest] <= 0.0 {
            break;
        }
        add(&mut chosen, &mut nearest, farthest);
    }
    chosen
}

/// One more than there are features, as far as half of the cells go.
fn first_cells(features: usize, most: u32) -> usize {
    (features + 3).min((most as usize / 2).max(2))
}
