use std::path::Path;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;

use super::order::{mann_kendall, pettitt, theil_sen};
use super::*;
use crate::measure::sample::{Chunk, Usage};

/// A synthetic log of requests: `tests/fixtures/steady/NAME.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// For people.
    about: String,
    window_s: f64,
    /// Tokens per second of all requests together, as corners of straight lines: [s, tokens/s]. Two
    /// corners at one moment are a step.
    rates: Vec<(f64, f64)>,
    /// Standard deviation of the time between two tokens, as a share of it.
    noise: f64,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// `steady`, `drift`, `step` or `stall`.
    verdict: String,
    /// Seconds cut off the window, within a slice of it.
    trimmed_s: f64,
    /// Tokens per second of what is left, within 3 %.
    rate_tps: f64,
}

impl Scenario {
    fn rate_at(&self, at_s: f64) -> f64 {
        let next = self
            .rates
            .partition_point(|(corner_s, _)| *corner_s <= at_s);
        match (
            next.checked_sub(1).map(|i| self.rates[i]),
            self.rates.get(next),
        ) {
            (Some((a_s, a)), Some(&(b_s, b))) => a + (b - a) * (at_s - a_s) / (b_s - a_s),
            (Some((_, last)), None) => last,
            (None, _) => self.rates[0].1,
        }
    }

    /// Four requests at a time, 50 tokens each, one token after another. A token takes 1 / rate: the
    /// rate's integral is walked in steps of a thousandth of a second.
    fn outcome(&self, seed: u64) -> LoadOutcome {
        const SLOTS: usize = 4;
        const TOKENS: usize = 50;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut arrivals: Vec<f64> = Vec::new();
        let (mut at_s, mut owed, mut due) = (0.0, 0.0, 1.0);
        while at_s < self.window_s + 1.0 {
            owed += self.rate_at(at_s) * 1e-3;
            at_s += 1e-3;
            while owed >= due {
                arrivals.push(at_s);
                owed -= due;
                // Sum of twelve uniform values less six: about normal.
                let normal: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
                due = (1.0 + self.noise * normal).max(0.1);
            }
        }
        let mut samples = Vec::new();
        for group in arrivals.chunks(SLOTS * TOKENS) {
            for slot in 0..SLOTS {
                let mine: Vec<f64> = group.iter().skip(slot).step_by(SLOTS).copied().collect();
                let Some((&first_s, &last_s)) = mine.first().zip(mine.last()) else {
                    continue;
                };
                samples.push(request(&mine, first_s, last_s));
            }
        }
        LoadOutcome {
            samples,
            window: Some(Window {
                start_s: 0.0,
                end_s: self.window_s,
                capped: false,
            }),
            ..LoadOutcome::default()
        }
    }
}

/// Its first token ends its prefill.
fn request(arrivals_s: &[f64], first_s: f64, last_s: f64) -> RequestSample {
    let chunk = |at_s: &f64| Chunk {
        at_s: *at_s,
        text_len: 4,
    };
    RequestSample {
        index: 0,
        instance: None,
        due_s: first_s,
        dispatched_s: first_s,
        connected_s: Some(first_s),
        headers_s: Some(first_s),
        prefill_start_s: None,
        prefill_end_s: Some(first_s),
        first_token_s: Some(first_s),
        last_token_s: Some(last_s),
        end_s: last_s,
        connect_retries: 0,
        connect_wait_s: 0.0,
        chunks: arrivals_s.iter().map(chunk).collect(),
        usage: Usage {
            completion_tokens: arrivals_s.len() as u32,
            ..Usage::default()
        },
        finish_reason: Some("length".to_owned()),
        error: None,
    }
}

fn kind(unsteady: Option<Unsteady>) -> &'static str {
    match unsteady {
        None => "steady",
        Some(Unsteady::Drift { .. }) => "drift",
        Some(Unsteady::Step { .. }) => "step",
        Some(Unsteady::Stall { .. }) => "stall",
        Some(Unsteady::QueueGrows { .. }) => "queue",
    }
}

#[test]
fn every_scenario_has_the_verdict_that_its_file_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/steady");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario: Scenario = serde_json::from_str(&text).unwrap();
        for seed in 0..20 {
            let mut outcome = scenario.outcome(seed);
            let trimmed_s = trim(&mut outcome, scenario.window_s);
            let window = outcome.window.unwrap();
            let found = unsteady(&outcome.samples, &window);
            let context = format!(
                "{} ({}), seed {seed}: {found:?}",
                path.display(),
                scenario.about
            );
            assert_eq!(kind(found), scenario.expected.verdict, "{context}");
            assert_eq!(window.capped, trimmed_s > 0.0, "{context}");
            let slice_s = scenario.window_s / 20.0;
            let apart_s = trimmed_s - scenario.expected.trimmed_s;
            assert!(
                apart_s.abs() <= slice_s + 1e-9,
                "{context}: trimmed {trimmed_s} s"
            );
            let (tokens, _) = crate::measure::window::within(&outcome.samples, &window);
            let rate = tokens / window.length_s() / scenario.expected.rate_tps;
            assert!(
                (rate - 1.0).abs() < 0.03,
                "{context}: {rate} of the expected rate"
            );
        }
        seen += 1;
    }
    assert!(seen >= 8, "{seen} scenarios");
}

/// A rate that only scatters is hardly ever called unsteady, however much it does.
#[test]
fn chance_alone_is_no_trend() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    for spread in [0.05, 0.2, 0.5] {
        let alarms = (0..1000)
            .filter(|_| {
                let rates: Vec<f64> = (0..20)
                    .map(|_| 100.0 * (1.0 + spread * (random.random::<f64>() - 0.5)))
                    .collect();
                of_rates(&rates, 0.5).is_some()
            })
            .count();
        assert!(alarms <= 20, "{alarms} of 1000 at {spread}");
    }
}

/// Requests that were sent together prefill together, three times in this window.
#[test]
fn waves_are_no_trend() {
    let wave = [0.0, 10.0, 140.0, 150.0, 150.0, 140.0];
    let rates: Vec<f64> = wave.iter().copied().cycle().take(18).collect();
    assert_eq!(of_rates(&rates, 0.5), None);
}

/// Worked out by hand from the formulas of the papers.
#[test]
fn the_tests_are_those_of_the_papers() {
    let rising = [1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 8.0, 7.0, 9.0, 10.0];
    // S = 39 of 45, variance 125, and what the trend leaves does not follow itself:
    // z = 38 / sqrt(125).
    assert!((theil_sen(&rising) - 1.0).abs() < 1e-12);
    let p = mann_kendall(&rising);
    assert!((p - 0.000_677).abs() < 2e-5, "{p}");
    assert!((mann_kendall(&[5.0; 12]) - 1.0).abs() < 1e-12);
    // Ten low and ten high values: K = 100, p = 2 exp(-6 K^2 / (n^3 + n^2)).
    let step: Vec<f64> = (0..20)
        .map(|i| if i < 10 { 1.0 } else { 2.0 } + 1e-3 * f64::from(i % 3))
        .collect();
    let (at, p) = pettitt(&step).unwrap();
    assert_eq!(at, 10);
    assert!((p - 0.001_580_5).abs() < 1e-6, "{p}");
}
