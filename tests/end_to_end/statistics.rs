//! Every statistic that a figure rests on, held against `SciPy` and `NumPy` on random data. They are
//! installed into an environment of their own, so that what serves models stays as users have it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use libtest_mimic::Failed;
use mlx_throughput_lab::measure::best::{Difference, Repeats, difference, rank, welch};
use mlx_throughput_lab::measure::interval::{
    Interval, Statistic, of_latency, of_slices, over_repeats,
};
use mlx_throughput_lab::measure::stats::percentiles;
use mlx_throughput_lab::measure::steady::order::{mann_kendall, pettitt, theil_sen};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::ensure;
use crate::lab::Lab;
use crate::{Needs, Test};

pub const TESTS: &[Test] = &[("statistics_agree_with_scipy", Needs::Nothing, agree)];

/// The release that the table in `src/measure/interval/tests.rs` is from, too.
const SCIPY: &str = "scipy==1.17.1";
const SEED: u64 = 20_261_124;
/// Of each kind.
const CASES: usize = 200;

/// A Python with `SciPy`, made once under `target/`.
fn scipy(lab: &Lab) -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let folder = target.context("the target folder")?.join("scipy-env");
    let python = folder.join("bin/python");
    let pinned = |python: &Path| {
        let version = "import scipy; print('scipy==' + scipy.__version__)";
        let asked = Command::new(python).args(["-c", version]).output();
        asked.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).trim() == SCIPY)
    };
    if !pinned(&python) {
        let mut make = Command::new(&lab.python);
        run(make.args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = Command::new(&python);
        run(install.args(["-m", "pip", "install", "--quiet", SCIPY]))?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let done = command.stdin(Stdio::null()).output()?;
    let err = String::from_utf8_lossy(&done.stderr);
    anyhow::ensure!(done.status.success(), "{command:?} failed: {err}");
    Ok(())
}

/// What the oracle says of `cases`.
fn asked(python: &Path, cases: &Value) -> anyhow::Result<Value> {
    let oracle = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/support/statistics_oracle.py"
    );
    let mut child = Command::new(python)
        .arg(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    serde_json::to_writer(child.stdin.take().context("its input")?, cases)?;
    let done = child.wait_with_output()?;
    anyhow::ensure!(done.status.success(), "the oracle failed");
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// Random data of many shapes.
struct Draw(StdRng);

impl Draw {
    /// About normal: the sum of twelve uniform numbers less six.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.0.random::<f64>()).sum::<f64>() - 6.0
    }

    /// Repeats of a throughput: a level, and a scatter of a tenth of a percent to a fifth of it.
    fn repeats(&mut self, level: f64) -> Vec<f64> {
        let scatter = level * 10_f64.powf(self.0.random_range(-3.0..-0.7));
        let n = self.0.random_range(2..12);
        (0..n).map(|_| level + scatter * self.normal()).collect()
    }

    fn level(&mut self) -> f64 {
        10_f64.powf(self.0.random_range(0.0..4.0))
    }

    /// Values that follow each other: each keeps some of the last, and every third series has ties
    /// or a trend.
    fn series(&mut self, n: usize) -> Vec<f64> {
        let (kept, level) = (self.0.random_range(0.0..0.9), self.level());
        let slope = if self.0.random_bool(0.3) { 0.2 } else { 0.0 };
        let ties = self.0.random_bool(0.3);
        let mut last = 0.0;
        (0..n)
            .map(|i| {
                last = kept * last + self.normal();
                let value = last + slope * i as f64;
                let value = if ties { value.round() } else { value };
                level + level / 20.0 * value
            })
            .collect()
    }

    /// Latencies with a long tail.
    fn latencies(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| 0.05 * self.normal().exp()).collect()
    }

    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..CASES).map(|_| one(self)).collect()
    }
}

/// Random cases of every kind.
struct Cases {
    repeats: Vec<Vec<f64>>,
    pairs: Vec<(Vec<f64>, Vec<f64>)>,
    groups: Vec<Vec<Vec<f64>>>,
    samples: Vec<Vec<f64>>,
    rates: Vec<Vec<f64>>,
    requests: Vec<(Vec<f64>, u32, Statistic)>,
    series: Vec<Vec<f64>>,
}

impl Cases {
    fn draw(draw: &mut Draw) -> Self {
        let repeats = draw.many(|draw| {
            let level = draw.level();
            draw.repeats(level)
        });
        let pairs = draw.many(|draw| {
            let level = draw.level();
            let other = level * draw.0.random_range(0.9..1.1);
            (draw.repeats(level), draw.repeats(other))
        });
        let groups = draw.many(|draw| {
            let level = draw.level();
            let group = |_| {
                let other = level * draw.0.random_range(0.8..1.0);
                draw.repeats(other)
            };
            (0..12).map(group).collect()
        });
        let samples = draw.many(|draw| {
            let n = draw.0.random_range(1..900);
            draw.latencies(n)
        });
        let rates = draw.many(|draw| {
            let n = draw.0.random_range(10..21);
            draw.series(n)
        });
        let requests = draw.many(|draw| {
            let concurrency = draw.0.random_range(1..9_u32);
            let n = draw.0.random_range(4 * concurrency as usize + 12..160);
            let statistic = if draw.0.random_bool(0.5) {
                Statistic::Mean
            } else {
                Statistic::Median
            };
            (draw.latencies(n), concurrency, statistic)
        });
        let series = draw.many(|draw| {
            let n = draw.0.random_range(8..21);
            draw.series(n)
        });
        Self {
            repeats,
            pairs,
            groups,
            samples,
            rates,
            requests,
            series,
        }
    }

    fn json(&self) -> Value {
        let pair = |(a, b): &(Vec<f64>, Vec<f64>)| json!({ "a": a, "b": b });
        let request = |(values, concurrency, which): &(Vec<f64>, u32, Statistic)| {
            let statistic = match which {
                Statistic::Mean => "mean",
                Statistic::Median => "median",
            };
            json!({ "values": values, "concurrency": concurrency, "statistic": statistic })
        };
        json!({
            "repeats": self.repeats,
            "welch": self.pairs.iter().map(pair).collect::<Vec<_>>(),
            "rank": self.groups,
            "percentiles": self.samples,
            "slices": self.rates,
            "latency": self.requests.iter().map(request).collect::<Vec<_>>(),
            "order": self.series,
        })
    }
}

fn agree(lab: &Lab) -> Result<(), Failed> {
    let python = scipy(lab)?;
    let cases = Cases::draw(&mut Draw(StdRng::seed_from_u64(SEED)));
    let told = asked(&python, &cases.json())?;
    for (values, told) in cases.repeats.iter().zip(of(&told, "repeats")?) {
        same_interval(over_repeats(values), &told[0], &told[1])?;
    }
    for (values, told) in cases.rates.iter().zip(of(&told, "slices")?) {
        same_interval(of_slices(values), &told[0], &told[1])?;
    }
    for (request, told) in cases.requests.iter().zip(of(&told, "latency")?) {
        same_bootstrap(request, told)?;
    }
    same_differences(&cases.pairs, of(&told, "welch")?)?;
    for (groups, told) in cases.groups.iter().zip(of(&told, "rank")?) {
        same_ranking(groups, told)?;
    }
    for (values, told) in cases.samples.iter().zip(of(&told, "percentiles")?) {
        same_percentiles(values, told)?;
    }
    for (values, told) in cases.series.iter().zip(of(&told, "order")?) {
        same_order(values, told)?;
    }
    Ok(())
}

/// Both sides draw at random, so each bound may lie between two.
fn same_bootstrap(request: &(Vec<f64>, u32, Statistic), told: &Value) -> Result<(), Failed> {
    let (values, concurrency, which) = request;
    let found = of_latency(values, *concurrency, *which).ok_or("no interval")?;
    let bounds = told.as_array().ok_or("no bounds")?;
    let bounds: Vec<f64> = bounds.iter().map(number).collect::<anyhow::Result<_>>()?;
    let within = |bound: f64, low: f64, high: f64| {
        let rounding = 1e-9 * high.abs();
        (low - rounding..=high + rounding).contains(&bound)
    };
    ensure!(
        within(found.low, bounds[0], bounds[1]) && within(found.high, bounds[2], bounds[3]),
        "{which:?} of {} requests, {concurrency} in flight: {found:?} is not {bounds:?}",
        values.len()
    );
    Ok(())
}

fn same_differences(pairs: &[(Vec<f64>, Vec<f64>)], told: &[Value]) -> Result<(), Failed> {
    let mut shown = 0;
    for ((a, b), told) in pairs.iter().zip(told) {
        let (a, b) = (of_values(a)?, of_values(b)?);
        same_interval(welch(&a, &b), &told["low"], &told["high"])?;
        let expected = if number(&told["p"])? < 0.05 {
            shown += 1;
            Difference::Shown
        } else {
            Difference::NotShown
        };
        ensure!(
            difference((&a, || None), (&b, || None)) == expected,
            "{a:?}, {b:?}: {told}"
        );
    }
    ensure!(
        (CASES / 10..CASES * 9 / 10).contains(&shown),
        "{shown} of {CASES} pairs differ: the data asks too little"
    );
    Ok(())
}

fn same_ranking(groups: &[Vec<f64>], told: &Value) -> Result<(), Failed> {
    let repeats: Vec<(usize, Repeats)> = groups
        .iter()
        .enumerate()
        .map(|(place, group)| Ok((place, of_values(group)?)))
        .collect::<anyhow::Result<_>>()?;
    let ranking = rank(repeats.into_iter(), |_| None).ok_or("no ranking")?;
    let mut ties = ranking.ties;
    ties.sort_unstable();
    ensure!(
        json!({ "best": ranking.best, "ties": ties }) == *told,
        "{} {ties:?} is not {told}",
        ranking.best
    );
    Ok(())
}

fn same_percentiles(values: &[f64], told: &Value) -> Result<(), Failed> {
    let found = percentiles(values.iter().copied());
    let found = [found.p50_s, found.p90_s, found.p95_s, found.p99_s];
    for (found, told) in found.iter().zip(told.as_array().ok_or("no list")?) {
        let same = match (found, told.as_f64()) {
            (Some(found), Some(told)) => (found - told).abs() <= 1e-9 * told,
            (None, None) => true,
            _ => false,
        };
        ensure!(same, "{} values: {found:?} is not {told}", values.len());
    }
    Ok(())
}

fn same_order(values: &[f64], told: &Value) -> Result<(), Failed> {
    let (at, change) = pettitt(values).ok_or("no change point")?;
    for (what, found) in [
        ("slope", theil_sen(values)),
        ("trend", mann_kendall(values)),
        ("change", change),
    ] {
        let told = number(&told[what])?;
        ensure!(
            (found - told).abs() <= 1e-6 * told.abs().max(1e-3),
            "{what} of {values:?}: {found} is not {told}"
        );
    }
    let places = told["places"].as_array().ok_or("no places")?;
    ensure!(places.contains(&json!(at)), "{at} is not of {places:?}");
    Ok(())
}

fn of<'a>(told: &'a Value, name: &str) -> anyhow::Result<&'a [Value]> {
    let list = told[name].as_array().context("a list")?;
    anyhow::ensure!(list.len() == CASES, "{name}: {} answers", list.len());
    Ok(list)
}

fn of_values(values: &[f64]) -> anyhow::Result<Repeats> {
    Repeats::of(values.iter().copied()).context("values")
}

fn number(value: &Value) -> anyhow::Result<f64> {
    value.as_f64().context("a number")
}

fn same_interval(found: Option<Interval>, low: &Value, high: &Value) -> Result<(), Failed> {
    let (low, high) = (number(low)?, number(high)?);
    let found = found.ok_or_else(|| format!("no interval, where there is {low} to {high}"))?;
    let limit = 1e-6 * (high - low);
    let apart = (found.low - low).abs().max((found.high - high).abs());
    ensure!(apart <= limit, "{found:?} is not {low} to {high}");
    Ok(())
}
