use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::requests::of_resamples;
use super::*;
use crate::measure::outcome::Window;
use crate::measure::sample::{Chunk, RequestSample, Usage};
use crate::measure::window::within;

/// Degrees of freedom, and the 97.5 % quantile of Student's t: printed by `SciPy` 1.17.1 through
/// `tests/support/t_quantiles.py`.
const T_QUANTILES: [(usize, f64); 14] = [
    (1, 12.706_204_736_175),
    (2, 4.302_652_729_749),
    (3, 3.182_446_305_284),
    (4, 2.776_445_105_198),
    (5, 2.570_581_835_636),
    (7, 2.364_624_251_593),
    (9, 2.262_157_162_798),
    (11, 2.200_985_160_092),
    (14, 2.144_786_687_918),
    (19, 2.093_024_054_408),
    (29, 2.045_229_642_133),
    (59, 2.000_995_378_088),
    (119, 1.980_099_876_457),
    (1000, 1.962_339_080_826),
];

#[test]
fn t_quantiles_are_those_of_the_tables() {
    for (freedom, expected) in T_QUANTILES {
        let found = t_quantile(freedom);
        assert!((found - expected).abs() < 1e-7, "{freedom}: {found}");
    }
}

#[test]
fn the_interval_of_repeats_is_scipys() {
    // scipy.stats.t.interval(0.95, n - 1, loc=mean(x), scale=sem(x))
    let cases: [(&[f64], [f64; 2]); 2] = [
        (
            &[98.2, 101.5, 99.7, 103.1],
            [97.233_603_581_203, 104.016_396_418_797],
        ),
        (&[41.0, 43.0], [29.293_795_263_826, 54.706_204_736_175]),
    ];
    for (values, [low, high]) in cases {
        let found = over_repeats(values).unwrap();
        assert!((found.low - low).abs() < 1e-6, "{found:?}");
        assert!((found.high - high).abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn too_few_or_equal_samples_have_no_interval() {
    assert_eq!(over_repeats(&[]), None);
    assert_eq!(over_repeats(&[100.0]), None);
    assert_eq!(over_repeats(&[0.1 + 0.2, 0.3, 0.3]), None);
    assert_eq!(of_slices(&[100.0, 101.0, 99.0]), None);
    assert_eq!(of_slices(&[100.0; 20]), None);
    let latencies: Vec<f64> = (0..31).map(|k| 0.1 + f64::from(k % 7)).collect();
    assert_eq!(of_latency(&latencies[..11], 1, Statistic::Mean), None);
    assert!(of_latency(&latencies[..12], 1, Statistic::Mean).is_some());
    // 31 requests are not four waves of 8.
    assert_eq!(of_latency(&latencies, 8, Statistic::Median), None);
    assert!(of_latency(&latencies, 7, Statistic::Median).is_some());
    assert_eq!(of_latency(&[0.5; 40], 1, Statistic::Median), None);
    assert_eq!(of_latency(&[], 1, Statistic::Mean), None);
    assert_eq!(Interval::new(1.0, f64::NAN), None);
}

#[test]
fn a_cell_has_the_interval_of_its_repeats_or_of_its_only_window() {
    let within = Interval::new(9.0, 11.0);
    assert_eq!(of_cell(&[], within), None);
    assert_eq!(of_cell(&[10.0], within), within);
    assert_eq!(of_cell(&[10.0], None), None);
    assert_eq!(
        of_cell(&[10.0, 11.0, 12.0], within),
        over_repeats(&[10.0, 11.0, 12.0])
    );
    // Two repeats say little, but no rate is below zero.
    let wide = of_cell(&[10.0, 20.0], within).unwrap();
    assert!(wide.low == 0.0 && wide.high > 70.0, "{wide:?}");
    assert_eq!(Basis::of(1).text(), "within one window");
    assert_eq!(Basis::of(3).text(), "3 repeats");
}

/// Independent and normal with a deviation of 1, by Box and Muller.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A first-order autoregression with a deviation of 1 about 0; `phi` is how much of one value is in
/// the next.
fn following(random: &mut Xoshiro256PlusPlus, n: usize, phi: f64) -> Vec<f64> {
    let mut at = normal(random);
    let mut values = Vec::with_capacity(n);
    for _ in 0..n {
        values.push(at);
        at = phi * at + (1.0 - phi * phi).sqrt() * normal(random);
    }
    values
}

/// The share of seeded trials whose interval covers the true value.
fn coverage(
    trials: u32,
    truth: f64,
    mut trial: impl FnMut(&mut Xoshiro256PlusPlus) -> Option<Interval>,
) -> f64 {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(20_261_124);
    let mut covered = 0;
    for _ in 0..trials {
        let found = trial(&mut random).expect("there are enough samples");
        covered += u32::from(found.low <= truth && truth <= found.high);
    }
    f64::from(covered) / f64::from(trials)
}

fn assert_covers(what: &str, share: f64) {
    assert!(
        (0.92..=0.975).contains(&share),
        "{what}: {share} are covered"
    );
}

#[test]
fn intervals_over_repeats_cover_as_often_as_they_say() {
    for n in [2, 3, 5, 10] {
        let share = coverage(4000, 50.0, |random| {
            let values: Vec<f64> = (0..n).map(|_| 50.0 + 3.0 * normal(random)).collect();
            over_repeats(&values)
        });
        assert_covers(&format!("{n} repeats"), share);
    }
}

#[test]
fn intervals_over_slices_cover_also_where_one_follows_the_other() {
    // 400 steps a window: independent, and with a memory of 4, 8 and 16 steps. Slices of 20 steps.
    for memory in [0.0, 4.0, 8.0, 16.0_f64] {
        let phi = if memory > 0.0 {
            (-1.0 / memory).exp()
        } else {
            0.0
        };
        let share = coverage(2000, 100.0, |random| {
            let steps = following(random, 400, phi);
            let slices: Vec<f64> = steps
                .chunks(20)
                .map(|steps| 100.0 + 5.0 * steps.iter().sum::<f64>() / 20.0)
                .collect();
            of_slices(&slices)
        });
        assert_covers(&format!("a memory of {memory} steps"), share);
    }
}

#[test]
fn intervals_of_latencies_cover_also_where_waves_share_their_fate() {
    // A fifth of the usual resamples, for the time that thousands of trials take. Skewed, as latencies are: the logarithm is normal.
    let skewed = |random: &mut Xoshiro256PlusPlus| (0.5 * normal(random)).exp();
    for (n, statistic, truth) in [
        (64, Statistic::Median, 1.0),
        (200, Statistic::Median, 1.0),
        (200, Statistic::Mean, 0.125_f64.exp()),
    ] {
        let share = coverage(400, truth, |random| {
            let latencies: Vec<f64> = (0..n).map(|_| skewed(random)).collect();
            of_resamples(&latencies, 1, statistic, 200)
        });
        assert_covers(&format!("{n} requests, {statistic:?}"), share);
    }
    // Half of a request's deviation is that of its wave.
    for (n, wave) in [(64, 8), (256, 8), (256, 32)] {
        let share = coverage(400, 1.0, |random| {
            let mut latencies = Vec::new();
            // What is measured begins anywhere in a wave.
            let skipped = random.random_range(0..wave);
            while latencies.len() < n + skipped {
                let shared = normal(random);
                latencies.extend((0..wave).map(|_| (0.3 * (shared + normal(random))).exp()));
            }
            let latencies = &latencies[skipped..skipped + n];
            of_resamples(latencies, wave as u32, Statistic::Median, 200)
        });
        assert_covers(&format!("{n} requests in waves of {wave}"), share);
    }
}

#[test]
fn the_same_requests_have_the_same_bounds() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let latencies: Vec<f64> = (0..100).map(|_| normal(&mut random).exp()).collect();
    let find = || of_latency(&latencies, 4, Statistic::Median);
    assert!(find().is_some());
    assert_eq!(find(), find());
}

/// A batch that always holds `users` requests of `tokens` tokens; each step takes what `step` says.
fn batch(
    users: u32,
    tokens: u32,
    steps: usize,
    mut step_s: impl FnMut() -> f64,
) -> Vec<RequestSample> {
    let mut samples = Vec::new();
    let mut open: Vec<RequestSample> = Vec::new();
    let mut at_s = 0.0;
    let begin = |index: u32, due_s: f64, tokens: u32| RequestSample {
        index,
        instance: None,
        due_s,
        dispatched_s: due_s,
        connected_s: Some(due_s),
        headers_s: Some(due_s),
        prefill_start_s: None,
        prefill_end_s: None,
        first_token_s: None,
        last_token_s: None,
        end_s: due_s,
        connect_retries: 0,
        connect_wait_s: 0.0,
        chunks: Vec::new(),
        usage: Usage {
            completion_tokens: tokens,
            ..Usage::default()
        },
        finish_reason: Some("length".to_owned()),
        error: None,
    };
    let mut sent = 0;
    for _ in 0..steps {
        while open.len() < users as usize {
            // The first wave is spread, so that no step ends all.
            let length = if sent < users {
                1 + sent * tokens / users
            } else {
                tokens
            };
            open.push(begin(sent, at_s, length));
            sent += 1;
        }
        at_s += step_s();
        for sample in &mut open {
            sample.chunks.push(Chunk { at_s, text_len: 1 });
            sample.first_token_s.get_or_insert(at_s);
            sample.end_s = at_s;
        }
        let ended = |sample: &mut RequestSample| {
            sample.chunks.len() == sample.usage.completion_tokens as usize
        };
        samples.extend(open.extract_if(.., ended));
    }
    samples
}

#[test]
fn a_batchs_throughput_is_covered_and_its_steps_are_no_noise() {
    let window = Window {
        start_s: 1.0,
        end_s: 11.0,
        capped: false,
    };
    let throughput = |samples: &[RequestSample]| within(samples, &window).0 / window.length_s();
    // Steps of 50 ms, each a little longer or shorter than the one before.
    let share = coverage(1500, 8.0 / 0.05, |random| {
        let mut slow = 0.0;
        let samples = batch(8, 32, 300, || {
            slow = 0.8 * slow + 0.05 * normal(random);
            0.05 * (1.0 + slow)
        });
        of_throughput(&samples, &window, throughput(&samples))
    });
    assert_covers("a batch", share);
    // Steps of 47 ms do not fit into slices of 500 ms, and yet the rate never changes: the interval
    // is much narrower than the step that a slice may have or not.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let samples = batch(8, 32, 300, || 0.047 * (1.0 + 0.001 * normal(&mut random)));
    let found = of_throughput(&samples, &window, throughput(&samples)).unwrap();
    let one_step = 8.0 / 0.5;
    assert!(found.high - found.low < one_step / 20.0, "{found:?}");
}

#[test]
fn a_window_of_few_arrivals_has_no_interval() {
    let window = Window {
        start_s: 0.0,
        end_s: 10.0,
        capped: false,
    };
    let of = |step_s: f64| {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let steps = (14.0 / step_s) as usize;
        let samples = batch(4, 8, steps, || step_s * (1.0 + 0.1 * normal(&mut random)));
        of_throughput(&samples, &window, within(&samples, &window).0 / 10.0)
    };
    assert!(of(0.1).is_some());
    // Ten slices of 1 s, four arrivals in each.
    assert!(of(0.2).is_some());
    assert_eq!(of(0.4), None);
    assert_eq!(of_throughput(&[], &window, 0.0), None);
    // Of an answer that came whole, only its end is known.
    let mut whole = batch(4, 8, 140, || 0.1);
    for sample in &mut whole {
        sample.chunks.clear();
    }
    assert_eq!(of_throughput(&whole, &window, 40.0), None);
}
