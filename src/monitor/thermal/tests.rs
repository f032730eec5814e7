use super::*;

/// What the samples of a cell have in common; a sample a second.
#[derive(Clone, Copy)]
struct Script {
    clock_mhz: f64,
    busy: f64,
    power_w: Option<f64>,
}

/// As `NVML` reads a card: a clock at every moment, and power.
const NVML: Script = Script {
    clock_mhz: 1_950.0,
    busy: 0.99,
    power_w: Some(350.0),
};

/// As a Mac's are: a clock averaged over the busy time.
const APPLE: Script = Script {
    clock_mhz: 1_578.0,
    busy: 0.97,
    power_w: Some(28.0),
};

impl Script {
    /// Heat: the clock falls, and the power with it and its voltage.
    fn throttled_to(self, clock_mhz: f64) -> Self {
        let clock = clock_mhz / self.clock_mhz;
        Self {
            clock_mhz,
            power_w: self.power_w.map(|w| w * clock * clock),
            ..self
        }
    }

    fn sample(self, at_s: f64) -> MachineSample {
        MachineSample {
            at_s,
            gpu: Some(self.busy),
            gpu_clock_mhz: Some(self.clock_mhz),
            gpu_power_w: self.power_w,
            ..MachineSample::default()
        }
    }

    fn cell(self) -> Vec<MachineSample> {
        (1..=10).map(|s| self.sample(f64::from(s))).collect()
    }

    fn load(self) -> UnderLoad {
        under_load(&self.cell(), (0.0, 10.0)).unwrap()
    }
}

fn known(cells: &[Script]) -> ColdClocks {
    let mut clocks = ColdClocks::default();
    for cell in cells {
        clocks.take(cell.load());
    }
    clocks
}

fn ratio(clocks: &ColdClocks, cell: Script) -> Option<f64> {
    clocks.compare(&cell.load()).map(ClockShare::ratio)
}

fn near(found: Option<f64>, expected: f64) {
    assert!(
        found.is_some_and(|f| (f - expected).abs() < 1e-9),
        "{found:?}"
    );
}

#[test]
fn the_first_cell_is_compared_with_nothing_and_the_next_with_it() {
    assert_eq!(ratio(&ColdClocks::default(), NVML), None);
    for cold in [NVML, APPLE] {
        let clocks = known(&[cold]);
        near(ratio(&clocks, cold), 1.0);
        let hot = cold.throttled_to(cold.clock_mhz * 0.91);
        near(ratio(&clocks, hot), 0.91);
        assert_eq!(ratio(&clocks, hot), ratio(&known(&[cold, hot]), hot));
    }
    let share = ClockShare {
        clock_mhz: 1_775.0,
        cold_mhz: 1_950.0,
    };
    let text = "GPU clock 91.0 % of cold (1,775 of 1,950 MHz)";
    assert_eq!(share.sentence(), text);
}

#[test]
fn the_reference_is_the_highest_clock_whenever_it_was_seen() {
    let warm = NVML.throttled_to(1_800.0);
    let clocks = known(&[warm, NVML]);
    near(ratio(&clocks, warm), 1_800.0 / 1_950.0);
    // A clock that falls slowly never falls under its own reference.
    let mut falling = ColdClocks::default();
    for step in 0..20 {
        falling.take(
            NVML.throttled_to(1_950.0 * (1.0 - 0.01 * f64::from(step)))
                .load(),
        );
    }
    near(ratio(&falling, NVML.throttled_to(1_560.0)), 0.8);
}

#[test]
fn an_idle_gpu_between_prompts_does_not_look_throttled() {
    let mut samples = NVML.cell();
    let idle = Script {
        clock_mhz: 210.0,
        busy: 0.0,
        power_w: Some(70.0),
    };
    for sample in &mut samples[3..5] {
        *sample = idle.sample(sample.at_s);
    }
    let load = under_load(&samples, (0.0, 10.0)).unwrap();
    near(Some(load.clock_mhz), 1_950.0);
    assert_eq!(load.samples, 8);
    near(load.power_w, 350.0);
    // A second in which the work ran out counts for as long as there was some.
    let mut draining = APPLE.cell();
    draining[9] = Script {
        clock_mhz: 600.0,
        busy: 0.3,
        ..APPLE
    }
    .sample(10.0);
    let load = under_load(&draining, (0.0, 10.0)).unwrap();
    let busy_s = 9.0 * 0.97 + 0.3;
    near(
        Some(load.clock_mhz),
        (9.0 * 0.97 * 1_578.0 + 0.3 * 600.0) / busy_s,
    );
    // An idle second of a Mac has no clock at all.
    samples[9].gpu_clock_mhz = None;
    assert_eq!(under_load(&samples, (0.0, 10.0)).unwrap().samples, 7);
    // Nothing but idle, and what lies outside the span, says nothing.
    assert_eq!(under_load(&idle.cell(), (0.0, 10.0)), None);
    assert_eq!(under_load(&NVML.cell(), (0.0, 4.0)), None);
    assert!(under_load(&NVML.cell(), (0.0, 5.0)).is_some());
    assert_eq!(under_load(&NVML.cell(), (10.0, 20.0)), None);
}

#[test]
fn without_a_clock_or_a_share_nothing_is_known() {
    assert_eq!(under_load(&[], (0.0, 10.0)), None);
    let without = |change: fn(&mut MachineSample)| {
        let mut samples = NVML.cell();
        samples.iter_mut().for_each(change);
        under_load(&samples, (0.0, 10.0))
    };
    assert_eq!(without(|sample| sample.gpu_clock_mhz = None), None);
    assert_eq!(without(|sample| sample.gpu = None), None);
    let load = without(|sample| sample.gpu_power_w = None).unwrap();
    assert_eq!(load.power_w, None);
    // Without power every clock is compared.
    near(
        known(&[NVML])
            .compare(&UnderLoad {
                clock_mhz: 1_755.0,
                ..load
            })
            .map(ClockShare::ratio),
        0.9,
    );
}

#[test]
fn a_power_limit_is_not_heat() {
    let at_limit = |clock_mhz, power_w| Script {
        clock_mhz,
        power_w: Some(power_w),
        ..NVML
    };
    let clocks = known(&[NVML]);
    // Sixty-four at once draw twice as much, and are clocked lower for it, cold or not.
    let heavy = at_limit(1_700.0, 690.0);
    assert_eq!(ratio(&clocks, heavy), None);
    let clocks = known(&[NVML, heavy]);
    // Heavier still, at the same limit.
    assert_eq!(ratio(&clocks, at_limit(1_600.0, 691.0)), None);
    // The heavy cell itself, hot, though it draws more than the light one.
    near(
        ratio(&clocks, heavy.throttled_to(1_530.0)),
        1_530.0 / 1_700.0,
    );
    // The light one is held against its own clock.
    near(ratio(&clocks, NVML.throttled_to(1_755.0)), 0.9);
}

#[test]
fn a_gpu_that_waits_for_work_is_not_held_against_one_that_does_not() {
    let waiting = Script {
        clock_mhz: 1_200.0,
        busy: 0.7,
        power_w: Some(9.0),
    };
    assert_eq!(ratio(&known(&[APPLE]), waiting), None);
    // But a busier one against it, since heat makes a GPU busier.
    let hot = Script {
        busy: 0.75,
        ..waiting.throttled_to(1_080.0)
    };
    near(ratio(&known(&[APPLE, waiting]), hot), 0.9);
}

/// From `from_c` down towards `to_c`, a sample a second, as things cool.
fn cooling(from_c: f64, to_c: f64, seconds: u32) -> Vec<MachineSample> {
    (0..=seconds)
        .map(|s| MachineSample {
            at_s: 100.0 + f64::from(s),
            gpu_temperature_c: Some(to_c + (from_c - to_c) * (-f64::from(s) / 12.0).exp()),
            ..MachineSample::default()
        })
        .collect()
}

fn rested_after(samples: &[MachineSample], coolest_c: Option<f64>) -> Option<usize> {
    (0..samples.len()).find(|n| is_rested(&samples[..=*n], coolest_c))
}

#[test]
fn a_machine_rests_until_it_is_as_cool_as_before_or_cools_no_further() {
    assert!(!is_rested(&[], Some(40.0)));
    let samples = cooling(85.0, 40.0, 120);
    let as_before = rested_after(&samples, Some(40.0)).unwrap();
    assert!((30..40).contains(&as_before), "{as_before}");
    // Of a machine that was never seen cool, only that it cools no further.
    let level = rested_after(&samples, None).unwrap();
    assert!((45..70).contains(&level), "{level}");
    assert_eq!(rested_after(&samples, Some(20.0)), Some(level));
    // Under pressure it is not at rest, whatever its sensor says.
    let mut pressed = samples.clone();
    for sample in &mut pressed[..90] {
        sample.thermal = Some("fair".to_owned());
    }
    for sample in &mut pressed[90..] {
        sample.thermal = Some("nominal".to_owned());
    }
    assert_eq!(rested_after(&pressed, Some(40.0)), Some(90));
    // Without a temperature, half a minute.
    let mut blind = samples;
    for sample in &mut blind {
        sample.gpu_temperature_c = None;
    }
    assert_eq!(rested_after(&blind, Some(40.0)), Some(30));
}

#[test]
fn what_the_system_says_is_named() {
    let mut samples = APPLE.cell();
    for sample in &mut samples {
        sample.thermal = Some("fair".to_owned());
        sample.low_power_mode = Some(false);
        sample.power_source = Some("ac".to_owned());
    }
    assert_eq!(disturbances(&samples), [""; 0]);
    samples[2].thermal = Some("serious".to_owned());
    samples[4].low_power_mode = None;
    samples[5].low_power_mode = Some(true);
    samples[6].power_source = Some("battery".to_owned());
    assert_eq!(
        disturbances(&samples),
        [
            "the system's thermal pressure was serious",
            "low-power mode went from off to on",
            "the power source went from ac to battery",
        ]
    );
    assert_eq!(disturbances(&[MachineSample::default()]), [""; 0]);
}
