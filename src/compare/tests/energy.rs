//! Joules of different meters or machines are not held against each other.

use super::super::testing::with_energy;
use super::*;
use crate::monitor::energy::EnergySource;

const ENERGY: Measure = Measure::Layer(Layer::Energy);

fn run(chip: &str, joules: f64, source: EnergySource) -> Arc<ComparedRun> {
    Arc::new(with_energy(chip, joules, source))
}

#[test]
fn one_machine_and_one_meter_are_compared() {
    let runs = [0.4, 0.5].map(|joules| run("Apple M3 Max", joules, EnergySource::System));
    let comparison = Comparison::new(runs.to_vec());
    assert_eq!(comparison.not_compared(&ENERGY), None);
    let delta = comparison.delta(&comparison.cells()[0], 0, 1, &ENERGY);
    assert_eq!(delta.percent_text(), "+25.0");
    let text = render::text(&comparison, &Measure::column("energy_j_per_token").unwrap());
    assert!(text.contains("0.4000  0.5000     +25.0"), "{text}");
    assert!(Measure::column("energy_source").is_err());
}

#[test]
fn other_meters_and_other_machines_are_not_and_the_reason_is_told() {
    let base = run("Apple M3 Max", 0.4, EnergySource::System);
    for (other, reason) in [
        (
            run("Apple M3 Max", 0.2, EnergySource::Gpu),
            "different meters",
        ),
        (
            run("Apple M4 Pro", 0.2, EnergySource::System),
            "different machines",
        ),
    ] {
        let comparison = Comparison::new(vec![Arc::clone(&base), other]);
        let cell = &comparison.cells()[0];
        let delta = comparison.delta(cell, 0, 1, &ENERGY);
        assert_eq!((delta.percent, delta.verdict(&ENERGY)), (None, None));
        assert!(delta.base.is_some() && delta.other.is_some());
        assert!(delta.not_compared.unwrap().contains(reason));
        // Throughput is, with a warning.
        assert_eq!(comparison.delta(cell, 0, 1, &THROUGHPUT).percent, Some(0.0));
        for text in [
            render::text(&comparison, &ENERGY),
            render::markdown(&comparison, &ENERGY),
            render::json(&comparison, &ENERGY).to_string(),
        ] {
            assert!(text.contains(reason), "{text}");
            assert!(!text.contains("-50"), "{text}");
        }
        assert!(!render::text(&comparison, &THROUGHPUT).contains(reason));
    }
}

#[test]
fn a_run_that_does_not_name_its_machine_is_not_compared() {
    let unnamed = |name: &str, joules| {
        let row = CellRow {
            energy_j_per_token: Some(joules),
            energy_source: Some(EnergySource::Gpu),
            ..row(8, 4, 1, 100.0)
        };
        of_rows(name, Origin::Ours, vec![row])
    };
    let (a, b) = (unnamed("a", 1.0), unnamed("b", 2.0));
    let apart = Comparison::new(vec![Arc::clone(&a), b]);
    let reason = apart.not_compared(&ENERGY).expect("a reason");
    assert!(reason.contains("does not say which machine"), "{reason}");
    let beside_itself = Comparison::new(vec![Arc::clone(&a), a]);
    assert_eq!(beside_itself.not_compared(&ENERGY), None);
    // A run without figures has nothing that could be compared.
    let without = of_rows("c", Origin::Ours, vec![row(8, 4, 1, 100.0)]);
    let half = Comparison::new(vec![unnamed("a", 1.0), without]);
    assert_eq!(half.not_compared(&ENERGY), None);
}
