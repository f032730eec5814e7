use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

fn of(values: &[f64]) -> Repeats {
    Repeats::of(values.iter().copied()).expect("values")
}

fn ranked(all: &[(&'static str, &[f64], Option<Interval>)]) -> Ranking<&'static str> {
    let repeats = all.iter().map(|(name, values, _)| (*name, of(values)));
    let within = |name| all.iter().find(|(other, ..)| *other == name)?.2;
    rank(repeats, within).expect("a best")
}

#[test]
fn the_interval_of_a_difference_is_scipys() {
    // scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95), SciPy 1.17
    let cases: [(&[f64], &[f64], [f64; 2]); 3] = [
        (
            &[1118.5, 1090.2, 1089.2],
            &[1080.0, 1101.0, 1071.5],
            [-21.089_727_757_645, 51.356_394_424_311],
        ),
        (
            &[100.0, 101.0, 99.0],
            &[90.0, 90.5, 89.0],
            [8.093_324_842_960, 12.240_008_490_373],
        ),
        (
            &[98.2, 101.5, 99.7, 103.1],
            &[97.0, 99.5],
            [-3.438_466_537_537, 8.188_466_537_537],
        ),
    ];
    for (a, b, [low, high]) in cases {
        let found = welch(&of(a), &of(b)).expect("repeats that differ");
        assert!((found.low - low).abs() < 1e-5, "{found:?}");
        assert!((found.high - high).abs() < 1e-5, "{found:?}");
        let zero_within = low <= 0.0 && 0.0 <= high;
        let found = difference((&of(a), || None), (&of(b), || None));
        assert_eq!(found == Difference::NotShown, zero_within, "{a:?} {b:?}");
        assert_ne!(found, Difference::Unknown, "{a:?} {b:?}");
    }
}

#[test]
fn the_mean_is_ranked_and_not_the_luckiest_repeat() {
    let ranking = ranked(&[
        ("lucky", &[120.0, 80.0, 82.0], None),
        ("steady", &[101.0, 100.0, 99.0], None),
        ("slow", &[50.0, 50.5, 49.5], None),
    ]);
    assert_eq!(ranking.best, "steady");
    assert!((ranking.repeats.mean - 100.0).abs() < 1e-9);
    assert_eq!(ranking.ties, ["lucky"]);
    assert_eq!(ranking.undecided, 0);
    assert_eq!(ranking.basis().as_deref(), Some("mean of 3 repeats"));
    assert_eq!(
        ranking.tied_with(|name| (*name).to_owned()).as_deref(),
        Some("tied with 1 other within the 95 % interval: lucky")
    );
}

#[test]
fn single_repeats_are_tied_where_their_windows_intervals_overlap() {
    let ranking = ranked(&[
        ("first", &[100.0], Interval::new(97.0, 103.0)),
        ("near", &[95.0], Interval::new(92.0, 98.0)),
        ("nearer", &[98.0], Interval::new(95.0, 101.0)),
        ("far", &[90.0], Interval::new(87.0, 93.0)),
        ("unknown", &[99.0], None),
        ("repeated", &[94.0, 96.0], None),
    ]);
    assert_eq!((ranking.best, ranking.undecided), ("first", 1));
    // Two repeats reach far: 95.0 ± 12.7.
    assert_eq!(ranking.ties, ["nearer", "near", "repeated"]);
    assert_eq!(ranking.basis(), None);
}

#[test]
fn without_an_interval_nothing_is_claimed() {
    let ranking = ranked(&[
        ("first", &[90.0], None),
        ("largest", &[100.0], None),
        ("sure", &[99.0], Interval::new(98.0, 100.0)),
    ]);
    assert_eq!((ranking.best, ranking.undecided), ("largest", 2));
    assert!(ranking.ties.is_empty());
    assert_eq!(ranking.basis().as_deref(), Some("one repeat, no interval"));
    assert_eq!(ranking.tied_with(|_| String::new()), None);
    // Repeats that are all alike do not say how far they spread.
    let alike = ranked(&[("a", &[10.0, 10.0], None), ("b", &[9.0, 9.0], None)]);
    assert_eq!((alike.best, alike.undecided), ("a", 1));
    let basis = alike.basis();
    assert_eq!(basis.as_deref(), Some("mean of 2 repeats, no interval"));
}

#[test]
fn of_equal_means_the_first_is_best_and_nothing_is_not_ranked() {
    let ranking = ranked(&[("a", &[10.0], None), ("b", &[10.0], None)]);
    assert_eq!(ranking.best, "a");
    let zero = [("zero", of(&[0.0]))];
    assert_eq!(rank(zero.into_iter(), |_| None), None);
    assert_eq!(Repeats::of(std::iter::empty()), None);
}

#[test]
fn measurements_are_grouped_whatever_their_order() {
    let measured = |combination, throughput_tps| Measured {
        combination,
        throughput_tps,
        within: None,
    };
    let all = [
        measured("a", 120.0),
        measured("b", 100.0),
        measured("a", 70.0),
        measured("b", 101.0),
    ];
    let ranking = rank_measured(&all).expect("a best");
    assert_eq!(ranking.best, [3, 1], "the fastest repeat first");
    assert!((ranking.repeats.mean - 100.5).abs() < 1e-9);
    assert_eq!(ranking.ties, [[0, 2]]);
    assert_eq!(rank_measured::<u32>(&[]), None);
}

#[test]
fn a_long_tie_set_names_some_and_counts_all() {
    let ranking = Ranking {
        best: 0,
        repeats: of(&[1.0, 2.0]),
        interval: None,
        ties: (1..=9).collect(),
        undecided: 0,
    };
    let text = ranking.tied_with(|n| format!("c{n}"));
    assert_eq!(
        text.as_deref(),
        Some("tied with 9 others within the 95 % interval: c1; c2; c3; c4; c5; c6; and 3 more")
    );
}

/// Independent and normal with a deviation of 1, by Box and Muller.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// The share of seeded trials in which the first, which is truly the best, is named best or tied
/// with it, and the mean size of the set of those named. Each repeat scatters by 2 % of its truth.
fn kept(truths: &[f64], n: usize) -> (f64, f64) {
    const TRIALS: u32 = 3000;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(20_261_124);
    let (mut kept, mut named) = (0, 0);
    for _ in 0..TRIALS {
        let repeats: Vec<(usize, Repeats)> = truths
            .iter()
            .map(|truth| {
                let scattered = |_| truth * (1.0 + 0.02 * normal(&mut random));
                of(&(0..n).map(scattered).collect::<Vec<_>>())
            })
            .enumerate()
            .collect();
        let ranking = rank(repeats.into_iter(), |_| None).expect("a best");
        kept += u32::from(ranking.best == 0 || ranking.ties.contains(&0));
        named += 1 + ranking.ties.len();
    }
    let trials = f64::from(TRIALS);
    (f64::from(kept) / trials, named as f64 / trials)
}

#[test]
fn the_true_best_is_named_best_or_tied_in_95_percent_of_trials() {
    // A response surface: a peak, its neighbours, and slopes.
    let surface = [
        100.0, 99.0, 97.0, 95.0, 90.0, 85.0, 80.0, 70.0, 60.0, 50.0, 30.0, 20.0,
    ];
    for (what, truths) in [
        ("two alike", &[100.0, 100.0][..]),
        ("two that differ", &[100.0, 97.0]),
        ("a surface", &surface),
    ] {
        for n in [2, 3, 5, 10] {
            let (share, named) = kept(truths, n);
            eprintln!("{what}, {n} repeats: kept {share:.3}, {named:.2} named");
            assert!(share >= 0.945, "{what}, {n} repeats: {share}");
        }
    }
    // The set is worth having: it does not name all.
    let (_, named) = kept(&surface, 5);
    assert!(named < 5.0, "{named} of {} are named", surface.len());
}

#[test]
fn of_many_that_are_really_alike_one_may_be_left_out_more_often() {
    // What the module's notes admit, so that it is known how much it is.
    for n in [3, 5] {
        let (share, named) = kept(&[100.0; 24], n);
        eprintln!("24 alike, {n} repeats: kept {share:.3}, {named:.2} named");
        assert!((0.75..0.95).contains(&share), "{n} repeats: {share}");
    }
}
