//! Energy of a measured window, from power readings (measurement rule 16).
//!
//! The readings are integrated by trapezoids over the instants at which they were really taken. A
//! window's edges lie between two readings: there the power is interpolated. Where the readings do
//! not carry the figure there is none: too few, too short, a gap, or a meter that publishes in
//! batches.

use serde::{Deserialize, Serialize};

use super::sample::PowerReading;

/// Fewer readings within the window tell too little of it.
const LEAST_READINGS: usize = 20;
/// The window, and the readings that its integral uses, last at least this long.
const LEAST_SPAN_S: f64 = 10.0;
/// Nothing is known of what happened between readings that are further apart.
const LONGEST_GAP_S: f64 = 3.0;
/// Without a reading beyond an edge (a batch has ended, the next reading is still to come) the
/// nearest one's power holds for so long.
const EDGE_S: f64 = 0.5;
/// A meter that is silent in more of the readings publishes in batches: what it gives then is the
/// energy of a longer time, and no power of that moment.
const MOST_SILENT: f64 = 0.1;
/// Of idle power: three seconds of readings. It varies less than the power under load.
const IDLE_READINGS: usize = 9;

/// What was metered. Figures of different sources are never compared.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
)]
pub enum EnergySource {
    /// The whole machine's meter.
    #[serde(rename = "system")]
    #[strum(serialize = "system")]
    System,
    /// Both of the chip, added.
    #[serde(rename = "gpu+cpu")]
    #[strum(serialize = "gpu+cpu")]
    GpuAndCpu,
    #[serde(rename = "gpu")]
    #[strum(serialize = "gpu")]
    Gpu,
}

impl EnergySource {
    /// From the whole machine to its parts.
    const BY_PREFERENCE: [Self; 3] = [Self::System, Self::GpuAndCpu, Self::Gpu];

    /// The widest one that any of the readings has.
    pub fn of(readings: &[PowerReading]) -> Option<Self> {
        let known = |source: &Self| readings.iter().any(|r| source.power_w(r).is_some());
        Self::BY_PREFERENCE.into_iter().find(known)
    }

    /// In words, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "machine",
            Self::GpuAndCpu => "GPU and CPU",
            Self::Gpu => "GPU",
        }
    }

    fn power_w(self, reading: &PowerReading) -> Option<f64> {
        match self {
            Self::System => reading.system_w,
            Self::GpuAndCpu => Some(reading.gpu_w? + reading.cpu_w?),
            Self::Gpu => reading.gpu_w,
        }
    }
}

/// Of a measured window, for each of its completion tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    pub j_per_token: f64,
    /// Without what the machine takes when it does nothing; `None` where that is not known, or is
    /// not below the power under load.
    pub idle_subtracted_j_per_token: Option<f64>,
    pub source: EnergySource,
}

/// Of the window from `start_s` to `end_s` (on the readings' clock), in which `tokens` were made.
/// `idle` are readings from before the run's first load. `None` where the readings do not carry it.
pub fn energy(
    readings: &[PowerReading],
    (start_s, end_s): (f64, f64),
    tokens: f64,
    idle: &[PowerReading],
) -> Option<Energy> {
    let within = |at_s: f64| (start_s..=end_s).contains(&at_s);
    let all: Vec<PowerReading> = readings
        .iter()
        .copied()
        .filter(|r| within(r.at_s))
        .collect();
    let source = EnergySource::of(&all)?;
    if silent(&all, source) > MOST_SILENT || tokens <= 0.0 {
        return None;
    }
    let joules = integral_j(&powers(readings, source), start_s, end_s)?;
    let above_idle_j = idle_power_w(idle, source)
        .map(|idle_w| joules - idle_w * (end_s - start_s))
        .filter(|above_j| *above_j > 0.0);
    Some(Energy {
        j_per_token: joules / tokens,
        idle_subtracted_j_per_token: above_idle_j.map(|above_j| above_j / tokens),
        source,
    })
}

/// Whether the wait for idle readings is over: there are enough, or the newest says that there is
/// no meter.
pub fn idle_is_settled(readings: &[PowerReading]) -> bool {
    match EnergySource::of(readings) {
        Some(source) => powers(readings, source).len() >= IDLE_READINGS,
        None => !readings.is_empty(),
    }
}

/// Whether a window of this length can have a figure at all.
pub fn is_long_enough(window_s: f64) -> bool {
    window_s >= LEAST_SPAN_S
}

fn idle_power_w(readings: &[PowerReading], source: EnergySource) -> Option<f64> {
    let powers = powers(readings, source);
    let enough = powers.len() >= IDLE_READINGS && silent(readings, source) <= MOST_SILENT;
    enough.then(|| powers.iter().map(|(_, w)| w).sum::<f64>() / powers.len() as f64)
}

/// The share of readings that lack the source's power.
fn silent(readings: &[PowerReading], source: EnergySource) -> f64 {
    let silent = readings.iter().filter(|r| source.power_w(r).is_none());
    silent.count() as f64 / readings.len().max(1) as f64
}

/// When and how much, in W.
fn powers(readings: &[PowerReading], source: EnergySource) -> Vec<(f64, f64)> {
    let known = |r: &PowerReading| source.power_w(r).map(|w| (r.at_s, w));
    readings.iter().filter_map(known).collect()
}

/// In J; `powers` come in the order of time.
fn integral_j(powers: &[(f64, f64)], start_s: f64, end_s: f64) -> Option<f64> {
    let from = powers.partition_point(|(at_s, _)| *at_s < start_s);
    let to = powers.partition_point(|(at_s, _)| *at_s <= end_s);
    let inside = powers.get(from..to)?;
    if inside.len() < LEAST_READINGS || !is_long_enough(end_s - start_s) {
        return None;
    }
    let (first, last) = (*inside.first()?, *inside.last()?);
    let before = from.checked_sub(1).and_then(|nth| powers.get(nth)).copied();
    let after = powers.get(to).copied();
    let used_s = after.unwrap_or(last).0 - before.unwrap_or(first).0;
    if used_s < LEAST_SPAN_S {
        return None;
    }
    let mut curve = vec![(start_s, edge_w(before, first, start_s)?)];
    curve.extend(inside);
    curve.push((end_s, edge_w(after, last, end_s)?));
    curve.windows(2).try_fold(0.0, |joules, pair| {
        let (from, to) = (pair[0], pair[1]);
        let step_s = to.0 - from.0;
        (step_s <= LONGEST_GAP_S).then(|| joules + step_s * f64::midpoint(from.1, to.1))
    })
}

/// The power at an edge of the window, between the reading beyond it and the first one within.
fn edge_w(beyond: Option<(f64, f64)>, within: (f64, f64), edge_s: f64) -> Option<f64> {
    let Some(beyond) = beyond else {
        return ((within.0 - edge_s).abs() <= EDGE_S).then_some(within.1);
    };
    let apart_s = within.0 - beyond.0;
    let share = (edge_s - beyond.0) / apart_s;
    (apart_s.abs() <= LONGEST_GAP_S).then_some(beyond.1 + share * (within.1 - beyond.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three readings a second from -1 s to 61 s, at instants that are not quite even.
    fn readings(mut power: impl FnMut(f64) -> PowerReading) -> Vec<PowerReading> {
        (-3..=183)
            .map(|n| {
                let at_s = f64::from(n) / 3.0 + 0.01 * f64::from(n % 4);
                PowerReading {
                    at_s,
                    ..power(at_s)
                }
            })
            .collect()
    }

    fn gpu(watts: f64) -> PowerReading {
        PowerReading {
            gpu_w: Some(watts),
            ..PowerReading::default()
        }
    }

    fn close(a: Option<f64>, b: f64) {
        let a = a.expect("a figure");
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    fn j_per_token(readings: &[PowerReading], window: (f64, f64), tokens: f64) -> Option<f64> {
        energy(readings, window, tokens, &[]).map(|energy| energy.j_per_token)
    }

    #[test]
    fn constant_power_is_power_times_time() {
        let constant = readings(|_| gpu(40.0));
        let measured = energy(&constant, (5.0, 25.0), 400.0, &[]).unwrap();
        close(Some(measured.j_per_token), 2.0);
        assert_eq!(measured.source, EnergySource::Gpu);
        assert_eq!(measured.idle_subtracted_j_per_token, None);
        // The shortest window that the default rule allows.
        close(j_per_token(&constant, (5.0, 15.0), 100.0), 4.0);
    }

    #[test]
    fn a_ramp_is_integrated_over_the_real_instants_and_up_to_the_edges() {
        let ramp = readings(|at_s| gpu(10.0 + at_s));
        // 10 W × 12.1 s + (19.15² - 7.05²) / 2.
        close(j_per_token(&ramp, (7.05, 19.15), 1.0), 121.0 + 158.51);
        // The same where readings are missing that a straight line can do without.
        let thinned: Vec<PowerReading> = ramp
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 5 != 2)
            .map(|(_, reading)| *reading)
            .collect();
        close(j_per_token(&thinned, (7.05, 19.15), 1.0), 121.0 + 158.51);
    }

    #[test]
    fn a_gap_is_not_bridged() {
        let with_gap = |length_s: f64| {
            let mut all = readings(|_| gpu(40.0));
            all.retain(|r| r.at_s < 20.0 || r.at_s > 20.0 + length_s);
            j_per_token(&all, (5.0, 50.0), 450.0)
        };
        close(with_gap(2.4), 4.0);
        assert_eq!(with_gap(3.2), None);
        // Nor one over an edge.
        let mut all = readings(|_| gpu(40.0));
        all.retain(|r| r.at_s < 3.0 || r.at_s > 6.1);
        assert_eq!(j_per_token(&all, (5.0, 50.0), 450.0), None);
        close(j_per_token(&all, (7.0, 50.0), 430.0), 4.0);
    }

    #[test]
    fn too_few_or_too_short_is_blank() {
        let all = readings(|_| gpu(40.0));
        assert_eq!(j_per_token(&all, (5.0, 14.9), 100.0), None, "9.9 s");
        let slow: Vec<PowerReading> = all.iter().step_by(3).copied().collect();
        assert_eq!(j_per_token(&slow, (5.0, 15.0), 100.0), None, "one a second");
        close(j_per_token(&slow, (5.0, 30.0), 1_000.0), 1.0);
        assert_eq!(j_per_token(&all, (5.0, 15.0), 0.0), None, "no tokens");
        assert_eq!(j_per_token(&[], (5.0, 15.0), 100.0), None);
    }

    #[test]
    fn a_window_whose_end_is_the_newest_reading_has_a_figure_and_one_far_behind_it_none() {
        let mut all = readings(|_| gpu(40.0));
        all.retain(|r| r.at_s < 20.0);
        close(j_per_token(&all, (5.0, 20.1), 604.0), 1.0);
        assert_eq!(j_per_token(&all, (5.0, 21.0), 640.0), None);
    }

    #[test]
    fn the_widest_source_counts_and_is_named() {
        let all = |system_w, cpu_w| {
            readings(|_| PowerReading {
                system_w,
                cpu_w,
                ..gpu(30.0)
            })
        };
        for (system_w, cpu_w, source, j) in [
            (Some(60.0), Some(10.0), EnergySource::System, 6.0),
            (None, Some(10.0), EnergySource::GpuAndCpu, 4.0),
            (None, None, EnergySource::Gpu, 3.0),
        ] {
            let measured = energy(&all(system_w, cpu_w), (5.0, 25.0), 200.0, &[]).unwrap();
            assert_eq!(measured.source, source);
            close(Some(measured.j_per_token), j);
        }
        // Two meters are never spliced: where the machine's fails for a while, there is no figure.
        let mut failing = all(Some(60.0), Some(10.0));
        let silenced = failing
            .iter_mut()
            .filter(|r| r.at_s > 10.0 && r.at_s < 14.0);
        silenced.for_each(|r| r.system_w = None);
        assert_eq!(energy(&failing, (5.0, 55.0), 200.0, &[]), None);
        assert_eq!(EnergySource::GpuAndCpu.to_string(), "gpu+cpu");
    }

    #[test]
    fn a_meter_that_publishes_in_batches_has_no_power() {
        // 40 W, told every two seconds as if all had come within a third of a second.
        let mut nth = 0;
        let batches = readings(|_| {
            nth += 1;
            if nth % 6 == 0 {
                gpu(240.0)
            } else {
                PowerReading::default()
            }
        });
        assert_eq!(j_per_token(&batches, (1.0, 60.0), 100.0), None);
    }

    #[test]
    fn idle_power_is_of_the_same_source_and_below_the_load() {
        let load = readings(|_| gpu(40.0));
        let idle = |readings: &[PowerReading]| {
            let measured = energy(&load, (5.0, 25.0), 400.0, readings).unwrap();
            measured.idle_subtracted_j_per_token
        };
        close(idle(&[gpu(10.0); 9]), 1.5);
        assert_eq!(idle(&[gpu(10.0); 8]), None, "too few");
        assert_eq!(idle(&[gpu(45.0); 9]), None, "not idle");
        let of_machine = PowerReading {
            system_w: Some(10.0),
            ..PowerReading::default()
        };
        assert_eq!(idle(&[of_machine; 9]), None, "another source");
    }

    #[test]
    fn the_wait_for_idle_power_ends_at_once_without_a_meter() {
        assert!(!idle_is_settled(&[]));
        assert!(idle_is_settled(&[PowerReading::default()]));
        assert!(!idle_is_settled(&[gpu(10.0); 8]));
        assert!(idle_is_settled(&[gpu(10.0); 9]));
        assert_eq!(
            energy(&[PowerReading::default(); 60], (0.0, 10.0), 1.0, &[]),
            None
        );
    }
}
