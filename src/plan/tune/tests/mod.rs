mod surface;
mod trial;

use surface::Surface;
use trial::{Ground, Trial};

use super::gaussian::{Belief, Point, Surface as Fitted, expected_improvement, normal_cdf};
use super::*;
use crate::plan::Cell;

/// Within 3 % of the best that meets the limit, and within the limit but for the noise of a cell
/// that stands right at it.
fn succeeded(trial: &Trial) -> bool {
    trial.reached >= 0.97 && trial.latency <= 1.05
}

fn surface(name: &str) -> Surface {
    let mut all = Surface::all().into_iter();
    all.find(|surface| surface.name == name).expect(name)
}

/// Trials of a surface with these seeds; each keeps to its share of the cells.
fn trials(surface: &Surface, seeds: std::ops::Range<u32>) -> Vec<Trial> {
    let ground = Ground::new(surface);
    assert_eq!(ground.most(), ground.size() / 4, "{}", surface.name);
    let run = |seed| {
        let trial = ground.run(seed, None);
        assert!(trial.path.len() <= ground.most() as usize);
        trial
    };
    seeds.map(run).collect()
}

/// One trial of each surface; the next test is the whole of it.
#[test]
fn every_surface_is_searched_well() {
    let all = Surface::all();
    assert!(all.len() >= 15 && all.iter().any(Surface::is_recorded));
    let mut good = 0;
    let mut of = 0;
    for surface in &all {
        let trials = trials(surface, 0..1);
        of += trials.len();
        good += trials.iter().filter(|trial| succeeded(trial)).count();
    }
    assert!(good * 100 >= of * 95, "{good} of {of}");
}

/// `TUNE_TRIALS` trials of each surface (200) from seed `TUNE_SEED` on (0), and what they came to.
#[test]
#[ignore = "takes long in a debug build"]
fn every_surface_is_searched_well_in_two_hundred_trials() {
    let number = |name, other| std::env::var(name).map_or(other, |text| text.parse().unwrap());
    let (count, first): (u32, u32) = (number("TUNE_TRIALS", 200), number("TUNE_SEED", 0));
    let mut bad = Vec::new();
    for surface in Surface::all() {
        let ground = Ground::new(&surface);
        let all = trials(&surface, first..first + count);
        let share = |of: &dyn Fn(&Trial) -> bool| {
            100.0 * all.iter().filter(|trial| of(trial)).count() as f64 / f64::from(count)
        };
        let mean = |of: &dyn Fn(&Trial) -> f64| all.iter().map(of).sum::<f64>() / f64::from(count);
        let least = all.iter().map(|trial| trial.reached).fold(1.0, f64::min);
        let good = share(&succeeded);
        println!(
            "{:22} {good:5.1} % good, worst {least:.3}; {:3} cells of {:3} (at most {:3}), {:4.1} starts, \
             {:4.0} s; {:3.0} % confirmed, {:3.0} % converged",
            surface.name,
            mean(&|t| t.path.len() as f64).round(),
            ground.size(),
            ground.most(),
            mean(&|t| f64::from(t.starts)),
            mean(&|t| t.spent_s),
            share(&|t| t.confirmed),
            share(&|t| t.why == Ended::Converged),
        );
        if good < 95.0 {
            bad.push(surface.name);
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn a_budget_is_kept_and_what_it_allows_is_used() {
    let surface = surface("small_full_sweep");
    let ground = Ground::new(&surface);
    for (seed, minutes) in [(1, 0.5), (2, 2.0), (3, 5.0), (4, 10.0)] {
        let budget_s = 60.0 * minutes;
        let trial = ground.run(seed, Some(budget_s));
        assert!(trial.spent_s <= budget_s, "{trial:?}");
        assert_eq!(trial.why, Ended::Budget, "{trial:?}");
        let one_more_s = trial::CELL_S + trial::START_S;
        assert!(trial.spent_s + one_more_s > budget_s, "{trial:?}");
        // Time for three repeats of the best is kept where there is any.
        assert_eq!(trial.confirmed, minutes >= 5.0, "{trial:?}");
    }
}

#[test]
fn a_seed_gives_its_path_again() {
    let surface = surface("two_axes");
    let ground = Ground::new(&surface);
    let path = |seed| ground.run(seed, None).path;
    assert_eq!(path(7), path(7));
    assert_ne!(path(7), path(8));
}

#[test]
fn what_no_server_can_tell_apart_is_measured_once() {
    let surface = surface("prompt_batches");
    let cells = surface.cells();
    let path = Ground::new(&surface).run(5, None).path;
    let seen = |at: usize| {
        let (point, load) = cells[at].0.combination();
        let decode = point.decode_concurrency.max(point.prompt_concurrency);
        (decode, point.prompt_concurrency, load.concurrency)
    };
    let mut combinations = path.clone();
    combinations.sort_unstable();
    combinations.dedup();
    let mut distinct: Vec<_> = combinations.iter().map(|at| seen(*at)).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), combinations.len());
}

#[test]
fn a_limit_that_nothing_meets_is_searched_for_and_given_up() {
    let mut surface = surface("small_full_sweep");
    surface.ttft_limit_ms = Some(50.0);
    let ground = Ground::unreachable(&surface, 1.0);
    let trial = ground.run(3, None);
    assert_ne!(trial.why, Ended::Budget);
    assert!(!trial.confirmed && trial.reached == 0.0);
    assert!(trial.path.len() > 10, "{trial:?}");
    let mut once = trial.path.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), trial.path.len(), "nothing is confirmed");
}

#[test]
fn a_share_is_a_handful_at_least() {
    let most = |cells| TuneRule::most_of(cells, 0.25);
    assert_eq!([most(9), most(24), most(144), most(432)], [6, 6, 36, 108]);
    assert_eq!(most(50_000), MOST_CELLS);
}

#[test]
fn neighbours_are_one_step_apart_on_one_axis() {
    let cells: Vec<Cell> = surface("flags")
        .cells()
        .into_iter()
        .map(|(c, _)| c)
        .collect();
    let space = Space::of(&cells);
    let count = |at| {
        (0..space.len())
            .filter(|&o| space.are_neighbours(at, o))
            .count()
    };
    // The least decode and request concurrency, a middle prefill step (1024), 3 texts.
    assert_eq!(count(0), 1 + 1 + 2 + 2);
    let (a, b) = (space.combination(0), space.combination(1));
    assert!(space.are_neighbours(0, 1) && a.0 == b.0 && a.1 != b.1);
    assert!(space.share_servers(0, 1) && !space.are_neighbours(0, 2));
}

#[test]
fn a_surface_goes_through_what_was_measured_and_knows_what_it_does_not_know() {
    let cells: Vec<Cell> = surface("two_axes")
        .cells()
        .into_iter()
        .map(|(c, _)| c)
        .collect();
    let space = Space::of(&cells);
    let points: Vec<Point> = [0, 8, 40, 63, 71]
        .into_iter()
        .map(|at| Point {
            at,
            value: f64::from(cells[at].load.concurrency).ln(),
            n: 3,
        })
        .collect();
    let fitted = Fitted::fit(&space.features, &points, 1.0).expect("points");
    for point in &points {
        let belief = fitted.belief(point.at);
        assert!(
            (belief.mean - point.value).abs() < 0.3,
            "{belief:?} {point:?}"
        );
        let beside = fitted.belief(if point.at == 0 { 20 } else { point.at - 4 });
        assert!(belief.sd < beside.sd, "{belief:?} {beside:?}");
    }
    assert!(Fitted::fit(&space.features, &[], 1.0).is_none());
}

/// Against tables: Φ(1.96), and the density at 0 for a belief that is as good as the best.
#[test]
fn expected_improvement_is_that_of_a_normal_belief() {
    assert!((normal_cdf(1.96) - 0.975_002).abs() < 1e-6);
    assert!((normal_cdf(-1.96) - 0.024_998).abs() < 1e-6);
    let gain = |mean, sd| expected_improvement(Belief { mean, sd }, 0.0);
    assert!((gain(0.0, 1.0) - 0.398_942).abs() < 1e-6);
    assert!((gain(1.0, 1.0) - 1.083_315).abs() < 1e-5);
    assert!((gain(2.0, 1e-6) - 2.0).abs() < 1e-6);
    assert!(gain(-3.0, 0.1) < 1e-12);
}
