//! Cells as points in a space whose distances mean something: numbers by their logarithm over the
//! range of their axis, texts as equal or not.

use std::collections::HashMap;

use crate::plan::grid::{SERVER_PROMPT_CONCURRENCY, decoded_together};
use crate::plan::{Cell, LoadPoint, ServerPoint};

/// Everything that may be measured: each combination once, in the order of the plan.
#[derive(Debug, Clone)]
pub struct Space {
    combinations: Vec<(ServerPoint, LoadPoint)>,
    /// Of each combination, the number of its set of servers.
    servers: Vec<usize>,
    axes: Vec<Ranks>,
    twins: Vec<Vec<usize>>,
    pub(super) features: Features,
}

/// Where each combination stands among the values of an axis.
#[derive(Debug, Clone)]
struct Ranks {
    ranks: Vec<usize>,
    ordered: bool,
}

/// Of each combination, where it stands on each feature that varies.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    /// Per feature, then per combination; 0 to 1, or the number of a text.
    values: Vec<Vec<f64>>,
    ordered: Vec<bool>,
}

impl Features {
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Between two combinations on a feature: 0 to 1.
    pub fn distance(&self, feature: usize, a: usize, b: usize) -> f64 {
        let apart = (self.values[feature][a] - self.values[feature][b]).abs();
        if self.ordered[feature] {
            apart
        } else {
            f64::from(u8::from(apart > 0.0))
        }
    }

    pub fn value(&self, feature: usize, at: usize) -> f64 {
        self.values[feature][at]
    }

    pub fn is_ordered(&self, feature: usize) -> bool {
        self.ordered[feature]
    }

    /// Left out where it does not vary.
    fn add_numbers(&mut self, numbers: &[f64]) {
        let logs: Vec<f64> = numbers
            .iter()
            .map(|v| v.max(f64::MIN_POSITIVE).ln())
            .collect();
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if high - low > 1e-9 {
            self.values
                .push(logs.iter().map(|v| (v - low) / (high - low)).collect());
            self.ordered.push(true);
        }
    }

    fn add_texts(&mut self, texts: &[&str]) {
        let numbers = numbered(texts);
        if numbers.iter().any(|number| *number > 0.0) {
            self.values.push(numbers);
            self.ordered.push(false);
        }
    }
}

impl Space {
    /// Of the cells of a grid; repeats count once. Cells that a server cannot tell apart, as it
    /// decodes max(decode, prompt) requests at once, stand at one place.
    pub fn of(cells: &[Cell]) -> Self {
        let mut combinations: Vec<(ServerPoint, LoadPoint)> = Vec::new();
        let mut servers = Vec::new();
        let mut known: HashMap<(ServerPoint, LoadPoint), usize> = HashMap::new();
        let mut points: HashMap<ServerPoint, usize> = HashMap::new();
        for cell in cells {
            let key = (cell.point.clone(), cell.load.clone());
            if known.contains_key(&key) {
                continue;
            }
            known.insert(key.clone(), combinations.len());
            let next = points.len();
            servers.push(*points.entry(cell.point.clone()).or_insert(next));
            combinations.push(key);
        }
        let features = features(&combinations);
        let axes = axes(&combinations);
        let twins = twins(&features, combinations.len());
        Self {
            combinations,
            servers,
            axes,
            twins,
            features,
        }
    }

    pub fn len(&self) -> usize {
        self.combinations.len()
    }

    pub fn is_empty(&self) -> bool {
        self.combinations.is_empty()
    }

    /// Which combination the cell is a repeat of.
    pub fn find(&self, cell: &Cell) -> Option<usize> {
        let alike =
            |(point, load): &(ServerPoint, LoadPoint)| *load == cell.load && *point == cell.point;
        self.combinations.iter().position(alike)
    }

    pub fn combination(&self, at: usize) -> (&ServerPoint, &LoadPoint) {
        let (point, load) = &self.combinations[at];
        (point, load)
    }

    /// Whether both are measured on the same servers.
    pub fn share_servers(&self, a: usize, b: usize) -> bool {
        self.servers[a] == self.servers[b]
    }

    /// Those that no server can tell from it, itself left out.
    pub(super) fn twins(&self, at: usize) -> &[usize] {
        &self.twins[at]
    }

    /// Whether the two differ by one step on one axis and in nothing else. From a text, each other
    /// is a step.
    pub(super) fn are_neighbours(&self, a: usize, b: usize) -> bool {
        let mut steps = 0;
        for axis in &self.axes {
            match axis.ranks[a].abs_diff(axis.ranks[b]) {
                0 => {}
                1 => steps += 1,
                _ if !axis.ordered => steps += 1,
                _ => return false,
            }
        }
        steps == 1
    }

    /// Squared distance with all features of equal weight.
    pub(super) fn apart(&self, a: usize, b: usize) -> f64 {
        let features = &self.features;
        let distances = (0..features.count()).map(|f| features.distance(f, a, b));
        distances.map(|d| d * d).sum()
    }
}

fn features(combinations: &[(ServerPoint, LoadPoint)]) -> Features {
    let mut features = Features::default();
    let mut numbers = |of: &dyn Fn(&ServerPoint, &LoadPoint) -> f64| {
        let values: Vec<f64> = combinations
            .iter()
            .map(|(point, load)| of(point, load))
            .collect();
        features.add_numbers(&values);
    };
    numbers(&|point, _| f64::from(point.instances));
    numbers(&|point, _| f64::from(decoded_together(point)));
    numbers(&|point, _| {
        f64::from(
            point
                .prompt_concurrency
                .unwrap_or(SERVER_PROMPT_CONCURRENCY),
        )
    });
    numbers(&|_, load| f64::from(load.max_tokens));
    numbers(&|_, load| f64::from(load.prompt_tokens.unwrap_or(1)));
    // Requests in flight as the servers see them: so many are decoded, and so many wait in line. A
    // figure bends where the line begins, and it begins elsewhere for each size of the batch.
    let room = |point: &ServerPoint| {
        decoded_together(point)
            .saturating_mul(point.instances)
            .max(1)
    };
    numbers(&|point, load| f64::from(load.concurrency.min(room(point))));
    numbers(&|point, load| (f64::from(load.concurrency) / f64::from(room(point))).max(1.0));
    for texts in flag_values(combinations) {
        match as_numbers(&texts) {
            Some(numbers) => features.add_numbers(&numbers),
            None => features.add_texts(&texts),
        }
    }
    features
}

/// Of each combination, the others that stand at its very place.
fn twins(features: &Features, count: usize) -> Vec<Vec<usize>> {
    let place = |at: usize| -> Vec<u64> {
        let values = (0..features.count()).map(|f| features.value(f, at).to_bits());
        values.collect()
    };
    let mut at_place: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
    for at in 0..count {
        at_place.entry(place(at)).or_default().push(at);
    }
    (0..count)
        .map(|at| {
            let mut twins = at_place[&place(at)].clone();
            twins.retain(|other| *other != at);
            twins
        })
        .collect()
}

/// Of each swept flag, its value in each combination.
fn flag_values(combinations: &[(ServerPoint, LoadPoint)]) -> Vec<Vec<&str>> {
    fn value(point: &ServerPoint, flag: usize) -> &str {
        point.flags.get(flag).map_or("", |f| f.value.as_str())
    }
    let flags = combinations
        .first()
        .map_or(0, |(point, _)| point.flags.len());
    (0..flags)
        .map(|flag| {
            let texts = combinations.iter();
            texts.map(|(point, _)| value(point, flag)).collect()
        })
        .collect()
}

/// `None` unless all are numbers above zero.
fn as_numbers(texts: &[&str]) -> Option<Vec<f64>> {
    let number = |text: &&str| {
        text.parse()
            .ok()
            .filter(|v: &f64| v.is_finite() && *v > 0.0)
    };
    texts.iter().map(number).collect()
}

fn axes(combinations: &[(ServerPoint, LoadPoint)]) -> Vec<Ranks> {
    let of_numbers = |values: Vec<f64>, ordered| {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let rank = |value: &f64| sorted.partition_point(|other| other < value);
        Ranks {
            ranks: values.iter().map(rank).collect(),
            ordered,
        }
    };
    let numbers = |of: fn(&ServerPoint, &LoadPoint) -> Option<u32>| {
        let values = combinations.iter();
        let values = values.map(|(point, load)| of(point, load).map_or(0.0, f64::from));
        of_numbers(values.collect(), true)
    };
    let mut axes = vec![
        numbers(|point, _| Some(point.instances)),
        numbers(|point, _| point.decode_concurrency),
        numbers(|point, _| point.prompt_concurrency),
        numbers(|_, load| Some(load.concurrency)),
        numbers(|_, load| Some(load.max_tokens)),
        numbers(|_, load| load.prompt_tokens),
    ];
    for texts in flag_values(combinations) {
        axes.push(match as_numbers(&texts) {
            Some(values) => of_numbers(values, true),
            None => of_numbers(numbered(&texts), false),
        });
    }
    axes
}

/// The number of each text, in order of appearance.
fn numbered(texts: &[&str]) -> Vec<f64> {
    let mut known: Vec<&str> = Vec::new();
    let mut numbers = Vec::with_capacity(texts.len());
    for text in texts {
        let number = known.iter().position(|other| other == text);
        numbers.push(number.unwrap_or_else(|| {
            known.push(text);
            known.len() - 1
        }) as f64);
    }
    numbers
}
