//! What Apple's sensors mean, in our units. Compiled for tests everywhere: the sensors themselves are
//! in `macos.rs`.

use super::sample::{MachineSample, PowerReading};

/// One reading of `macmon`, as it gives it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Macmon {
    /// Share of the time in which the GPU was busy, 0 to 1.
    pub gpu_active_ratio: f32,
    /// Averaged over the time the GPU was busy.
    pub gpu_freq_mhz: u32,
    /// The clocks that the GPU can have; the first is the GPU switched off.
    pub gpu_clocks: usize,
    pub gpu_power_w: f32,
    pub cpu_power_w: f32,
    /// CPU, GPU and neural engine.
    pub chip_power_w: f32,
    /// The whole machine's meter; the chip's where that gives nothing.
    pub system_power_w: f32,
    pub gpu_temperature_c: Option<f32>,
    pub cpu_temperature_c: Option<f32>,
}

impl Macmon {
    /// One reading for several that came one after another, each over as long a time. Temperatures
    /// are those of the last. `None` of none.
    pub fn mean(readings: &[Self]) -> Option<Self> {
        let mean = |of: fn(&Self) -> f32| {
            readings.iter().map(of).sum::<f32>() / readings.len().max(1) as f32
        };
        let busy = mean(|r| r.gpu_active_ratio);
        // A clock counts for the time in which the GPU was busy.
        let busy_mhz = mean(|r| r.gpu_active_ratio * r.gpu_freq_mhz as f32);
        let last = *readings.last()?;
        Some(Self {
            gpu_active_ratio: busy,
            gpu_freq_mhz: if busy > 0.0 {
                (busy_mhz / busy).round() as u32
            } else {
                last.gpu_freq_mhz
            },
            gpu_power_w: mean(|r| r.gpu_power_w),
            cpu_power_w: mean(|r| r.cpu_power_w),
            chip_power_w: mean(|r| r.chip_power_w),
            system_power_w: mean(|r| r.system_power_w),
            ..last
        })
    }

    /// Its power alone, with blanks as in a sample.
    pub fn power(&self, at_s: f64) -> PowerReading {
        let mut sample = MachineSample::default();
        self.fill(&mut sample);
        PowerReading {
            at_s,
            system_w: sample.system_power_w,
            gpu_w: sample.gpu_power_w,
            cpu_w: sample.cpu_power_w,
        }
    }

    /// Into `sample`, with zeroes for "no such sensor" made blanks.
    pub fn fill(&self, sample: &mut MachineSample) {
        let measured = |value: f32| (value.is_finite() && value > 0.0).then(|| f64::from(value));
        // A virtual machine has no clocks to be busy at.
        let has_gpu = self.gpu_clocks > 1 && self.gpu_active_ratio.is_finite();
        sample.gpu = has_gpu.then(|| f64::from(self.gpu_active_ratio).clamp(0.0, 1.0));
        // An idle second has no clock.
        sample.gpu_clock_mhz = (self.gpu_freq_mhz > 0).then(|| f64::from(self.gpu_freq_mhz));
        // A switched-off sensor reads 0, and one of an unknown chip single digits: no chip that
        // runs is as cold as that.
        let warm = |value: Option<f32>| value.and_then(measured).filter(|celsius| *celsius > 5.0);
        sample.gpu_temperature_c = warm(self.gpu_temperature_c);
        sample.cpu_temperature_c = warm(self.cpu_temperature_c);
        sample.gpu_power_w = measured(self.gpu_power_w);
        sample.cpu_power_w = measured(self.cpu_power_w);
        // The chip's own power is never shown as the machine's.
        sample.system_power_w =
            measured(self.system_power_w).filter(|_| self.system_power_w > self.chip_power_w);
    }
}

/// The worse of `NSProcessInfo.thermalState` (0 to 3) and the kernel's thermal pressure (0 to 4): the
/// first can read nominal while clocks fall.
pub(super) fn thermal(state: isize, pressure: Option<u64>) -> Option<&'static str> {
    const NAMES: [&str; 4] = ["nominal", "fair", "serious", "critical"];
    let state = usize::try_from(state)
        .ok()
        .filter(|state| *state < NAMES.len());
    // nominal, moderate, heavy, trapping, sleeping
    let pressure = match pressure {
        Some(level @ 0..=3) => Some(level as usize),
        Some(4) => Some(3),
        _ => None,
    };
    let worse = state.max(pressure)?;
    Some(NAMES[worse])
}

/// `ac` or `battery`, of what `IOKit` calls the providing source.
pub(super) fn power_source(name: &str) -> Option<&'static str> {
    match name {
        "AC Power" => Some("ac"),
        // An external battery is one as well.
        "Battery Power" | "UPS Power" => Some("battery"),
        _ => None,
    }
}

/// Share of the time in which the GPU was busy, of `IOAccelerator`'s per cent.
pub(super) fn busy_share(percent: f32) -> Option<f64> {
    percent
        .is_finite()
        .then(|| f64::from(percent / 100.0).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Mac of 24 GB read when nothing much went on (macmon's issue 26).
    const IDLE_MACBOOK: Macmon = Macmon {
        gpu_active_ratio: 0.021_497_859,
        gpu_freq_mhz: 461,
        gpu_clocks: 16,
        gpu_power_w: 0.017_451_683,
        cpu_power_w: 0.204_863_85,
        chip_power_w: 0.222_315_53,
        system_power_w: 5.876_533,
        gpu_temperature_c: Some(36.951_67),
        cpu_temperature_c: Some(43.736_14),
    };

    fn filled(raw: Macmon) -> MachineSample {
        let mut sample = MachineSample::default();
        raw.fill(&mut sample);
        sample
    }

    #[test]
    fn a_recorded_reading_keeps_its_units() {
        let sample = filled(IDLE_MACBOOK);
        let near = |value: Option<f64>, expected: f64| {
            let off = (value.unwrap() - expected).abs();
            assert!(off < expected * 1e-6, "{value:?}");
        };
        near(sample.gpu, 0.021_497_859);
        near(sample.gpu_clock_mhz, 461.0);
        near(sample.gpu_power_w, 0.017_451_683);
        near(sample.cpu_power_w, 0.204_863_85);
        near(sample.system_power_w, 5.876_533);
        near(sample.gpu_temperature_c, 36.951_67);
        near(sample.cpu_temperature_c, 43.736_14);
    }

    #[test]
    fn zeroes_of_missing_sensors_are_blanks() {
        // CPU power of an M2 Ultra reads 0 (macmon's issue 17), a chip that macmon does not know
        // yet has temperatures of single digits (issue 12: 9.8), and no machine's meter.
        let sample = filled(Macmon {
            cpu_power_w: 0.0,
            gpu_temperature_c: Some(3.4),
            cpu_temperature_c: None,
            system_power_w: IDLE_MACBOOK.chip_power_w,
            gpu_freq_mhz: 0,
            ..IDLE_MACBOOK
        });
        assert_eq!(sample.cpu_power_w, None);
        assert_eq!(sample.gpu_temperature_c, None);
        assert_eq!(sample.cpu_temperature_c, None);
        assert_eq!(sample.system_power_w, None);
        assert_eq!(sample.gpu_clock_mhz, None);
        assert!(sample.gpu_power_w.is_some() && sample.gpu.is_some());
    }

    #[test]
    fn readings_of_a_second_are_one_sample() {
        let busy = |gpu_active_ratio, gpu_freq_mhz, system_power_w| Macmon {
            gpu_active_ratio,
            gpu_freq_mhz,
            system_power_w,
            ..IDLE_MACBOOK
        };
        let readings = [
            busy(0.0, 0, 6.0),
            busy(0.5, 400, 20.0),
            busy(1.0, 1_000, 40.0),
        ];
        let mean = Macmon::mean(&readings).unwrap();
        assert!((mean.gpu_active_ratio - 0.5).abs() < 1e-6);
        assert_eq!(mean.gpu_freq_mhz, 800);
        assert!((mean.system_power_w - 22.0).abs() < 1e-4);
        assert_eq!(mean.gpu_temperature_c, IDLE_MACBOOK.gpu_temperature_c);
        assert_eq!(Macmon::mean(&readings[..1]), Some(readings[0]));
        assert_eq!(Macmon::mean(&[]), None);
    }

    #[test]
    fn power_alone_has_the_same_blanks() {
        let power = IDLE_MACBOOK.power(2.5);
        assert_eq!(power.at_s.to_bits(), 2.5_f64.to_bits());
        assert_eq!(power.system_w, filled(IDLE_MACBOOK).system_power_w);
        assert!(power.gpu_w.is_some() && power.cpu_w.is_some());
        let without_meter = Macmon {
            system_power_w: IDLE_MACBOOK.chip_power_w,
            cpu_power_w: 0.0,
            ..IDLE_MACBOOK
        };
        let power = without_meter.power(2.5);
        assert_eq!((power.system_w, power.cpu_w), (None, None));
    }

    #[test]
    fn a_virtual_machine_has_no_gpu_share() {
        let sample = filled(Macmon {
            gpu_clocks: 0,
            gpu_active_ratio: 0.0,
            ..Macmon::default()
        });
        assert_eq!(sample, MachineSample::default());
    }

    #[test]
    fn the_worse_of_two_heat_states_counts() {
        for (state, pressure, expected) in [
            (0, Some(0), Some("nominal")),
            (0, Some(2), Some("serious")),
            (1, Some(0), Some("fair")),
            (0, None, Some("nominal")),
            (2, Some(4), Some("critical")),
            (7, Some(1), Some("fair")),
            (-1, Some(9), None),
        ] {
            assert_eq!(thermal(state, pressure), expected, "{state} {pressure:?}");
        }
    }

    #[test]
    fn names_of_power_sources_are_ours_or_blank() {
        assert_eq!(power_source("AC Power"), Some("ac"));
        assert_eq!(power_source("Battery Power"), Some("battery"));
        assert_eq!(power_source("UPS Power"), Some("battery"));
        assert_eq!(power_source("Something new"), None);
    }

    #[test]
    fn accelerator_shares_are_per_cent() {
        assert_eq!(busy_share(37.0), Some(f64::from(0.37_f32)));
        assert_eq!(busy_share(104.0), Some(1.0));
        assert_eq!(busy_share(f32::NAN), None);
    }
}
