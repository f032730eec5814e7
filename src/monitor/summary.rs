//! A cell's samples in figures.

use super::sample::{MachineSample, MachineSummary};
use crate::units::Bytes;

/// From good to bad, as macOS names them.
const THERMAL_STATES: [&str; 4] = ["nominal", "fair", "serious", "critical"];

/// Means and extremes over `samples`, which come at even intervals. A figure covers the samples
/// that have its sensor, and is blank where none has.
pub fn summarise(samples: &[MachineSample]) -> MachineSummary {
    let mean = |read: fn(&MachineSample) -> Option<f64>| {
        let values: Vec<f64> = samples.iter().filter_map(read).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let highest =
        |read: fn(&MachineSample) -> Option<f64>| samples.iter().filter_map(read).reduce(f64::max);
    let peak = |read: fn(&MachineSample) -> Option<Bytes>| samples.iter().filter_map(read).max();
    MachineSummary {
        samples: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        cpu_mean: mean(|sample| sample.cpu),
        gpu_mean: mean(|sample| sample.gpu),
        gpu_clock_mean_mhz: mean(|sample| sample.gpu_clock_mhz),
        gpu_power_mean_w: mean(|sample| sample.gpu_power_w),
        system_power_mean_w: mean(|sample| sample.system_power_w),
        memory_peak: peak(|sample| sample.memory_used),
        servers_memory_peak: peak(servers_memory),
        gpu_memory_peak: peak(|sample| sample.gpu_memory_used),
        gpu_temperature_max_c: highest(|sample| sample.gpu_temperature_c),
        cpu_temperature_max_c: highest(|sample| sample.cpu_temperature_c),
        thermal_worst: samples
            .iter()
            .filter_map(|sample| sample.thermal.as_deref())
            .max_by_key(|state| THERMAL_STATES.iter().position(|known| known == state))
            .map(str::to_owned),
        // Samples come too rarely for it, and do not know the tokens.
        energy: None,
    }
}

/// All servers together at one moment: the peak of the sum, not the sum of peaks.
fn servers_memory(sample: &MachineSample) -> Option<Bytes> {
    sample
        .servers
        .iter()
        .filter_map(|server| server.memory)
        .reduce(|sum, next| Bytes(sum.0 + next.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::sample::ServerSample;

    fn server(instance: u32, memory: Option<u64>) -> ServerSample {
        ServerSample {
            instance,
            memory: memory.map(Bytes),
            ..ServerSample::default()
        }
    }

    #[test]
    fn means_skip_samples_without_the_sensor() {
        let samples = [0.2, 0.6].map(|gpu| MachineSample {
            gpu: Some(gpu),
            cpu: Some(0.5),
            ..MachineSample::default()
        });
        let with_a_gap = [
            samples[0].clone(),
            MachineSample::default(),
            samples[1].clone(),
        ];
        let summary = summarise(&with_a_gap);
        assert_eq!(summary.samples, 3);
        assert_eq!(summary.gpu_mean, Some(0.4));
        assert_eq!(summary.cpu_mean, Some(0.5));
        assert_eq!(summary.gpu_power_mean_w, None);
        assert_eq!(summary.thermal_worst, None);
    }

    #[test]
    fn nothing_at_all_is_blank_and_not_zero() {
        assert_eq!(summarise(&[]), MachineSummary::default());
        let blank = summarise(&[MachineSample::default()]);
        assert_eq!(
            blank,
            MachineSummary {
                samples: 1,
                ..MachineSummary::default()
            }
        );
    }

    #[test]
    fn the_servers_peak_is_of_one_moment() {
        let moment = |servers| MachineSample {
            servers,
            ..MachineSample::default()
        };
        let samples = [
            moment(vec![server(0, Some(10)), server(1, Some(1))]),
            moment(vec![server(0, Some(4)), server(1, Some(8))]),
            moment(vec![server(0, None), server(1, Some(9))]),
        ];
        assert_eq!(summarise(&samples).servers_memory_peak, Some(Bytes(12)));
    }

    #[test]
    fn extremes_are_the_highest_and_the_worst() {
        let samples: Vec<MachineSample> = [
            (40.0, "nominal", 7),
            (71.5, "serious", 9),
            (60.0, "fair", 8),
        ]
        .into_iter()
        .map(|(degrees, state, memory)| MachineSample {
            gpu_temperature_c: Some(degrees),
            thermal: Some(state.to_owned()),
            memory_used: Some(Bytes(memory)),
            ..MachineSample::default()
        })
        .collect();
        let summary = summarise(&samples);
        assert_eq!(summary.gpu_temperature_max_c, Some(71.5));
        assert_eq!(summary.thermal_worst.as_deref(), Some("serious"));
        assert_eq!(summary.memory_peak, Some(Bytes(9)));
    }
}
