//! `.machine.csv` read back: the machine over the time of a run. Reads a file: call it from a
//! thread of its own.

use std::path::Path;

use jiff::Timestamp;

use super::machine::MachineRow;
use super::run_files::RunFiles;
use crate::monitor::sample::{MachineSample, ServerSample};
use crate::units::Bytes;

/// Between two starts of a resumed run, which may be days apart.
const BETWEEN_STARTS_S: f64 = 15.0;

/// Readings of a run, those of its later starts after those of the first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MachineFile {
    /// `at_s` only grows: each start of a resumed run goes on a little after the one before.
    pub samples: Vec<MachineSample>,
    /// Of each start: the wall clock where its own clock was 0, and where that is in `at_s`.
    starts: Vec<(Timestamp, f64)>,
}

impl MachineFile {
    /// Where a moment stands on the samples' clock, in seconds; `None` where no start is known.
    pub fn at_s(&self, moment: Timestamp) -> Option<f64> {
        let after = self.starts.partition_point(|(start, _)| *start <= moment);
        let (start, offset_s) = self.starts.get(after.checked_sub(1)?)?;
        Some(offset_s + moment.duration_since(*start).as_secs_f64())
    }
}

/// The readings beside `csv`; `None` where the run kept none.
///
/// # Errors
/// The file is there and cannot be read. Lines that are no readings are left out.
pub fn read(csv: &Path) -> Result<Option<MachineFile>, csv::Error> {
    let path = RunFiles::of(csv).machine();
    if !path.is_file() {
        return Ok(None);
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path)?;
    let mut file = MachineFile::default();
    let (mut offset_s, mut last_s) = (0.0, f64::NEG_INFINITY);
    for row in reader.deserialize::<MachineRow>().flatten() {
        let first = file.samples.is_empty();
        if first || row.at_s < last_s {
            if !first {
                offset_s += last_s + BETWEEN_STARTS_S;
            }
            let begun = jiff::SignedDuration::try_from_secs_f64(row.at_s).ok();
            if let Some((time, begun)) = row.time.zip(begun)
                && let Ok(start) = time.checked_sub(begun)
            {
                file.starts.push((start, offset_s));
            }
        }
        last_s = row.at_s;
        file.samples.push(sample(&row, offset_s));
    }
    Ok(Some(file))
}

fn sample(row: &MachineRow, offset_s: f64) -> MachineSample {
    let share = |percent: Option<f64>| percent.map(|percent| percent / 100.0);
    let bytes = |n: Option<u64>| n.map(Bytes);
    MachineSample {
        at_s: offset_s + row.at_s,
        cpu: share(row.cpu_pct),
        memory_used: bytes(row.memory_used_bytes),
        memory_total: bytes(row.memory_total_bytes),
        memory_wired: bytes(row.memory_wired_bytes),
        swap_used: bytes(row.swap_used_bytes),
        gpu: share(row.gpu_pct),
        gpu_clock_mhz: row.gpu_clock_mhz,
        gpu_memory_used: bytes(row.gpu_memory_used_bytes),
        gpu_temperature_c: row.gpu_temperature_c,
        cpu_temperature_c: row.cpu_temperature_c,
        gpu_power_w: row.gpu_power_w,
        cpu_power_w: row.cpu_power_w,
        system_power_w: row.system_power_w,
        thermal: row.thermal.clone(),
        low_power_mode: row.low_power_mode,
        power_source: row.power_source.clone(),
        servers: row.servers.as_deref().map(servers).unwrap_or_default(),
    }
}

/// `instance:pid:cores:bytes`, several apart by `|`; what cannot be read is left out.
fn servers(text: &str) -> Vec<ServerSample> {
    text.split('|')
        .filter_map(|server| {
            let mut parts = server.split(':');
            Some(ServerSample {
                instance: parts.next()?.parse().ok()?,
                pid: parts.next()?.parse().ok()?,
                cpu_cores: parts.next().and_then(|cores| cores.parse().ok()),
                memory: parts.next().and_then(|n| n.parse().ok()).map(Bytes),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_goes_on_after_its_first_start() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("run.csv");
        assert!(read(&csv).unwrap().is_none());
        let start: Timestamp = "2026-02-11T15:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-02-13T10:00:00Z".parse().unwrap();
        let reading = |at_s, memory| MachineSample {
            at_s,
            cpu: Some(0.25),
            servers: vec![ServerSample {
                instance: 1,
                pid: 7,
                cpu_cores: None,
                memory: Some(Bytes(memory)),
            }],
            ..MachineSample::default()
        };
        let rows = [
            MachineRow::new(&reading(1.0, 10), Some(start)),
            MachineRow::new(&reading(2.0, 20), Some(start)),
            MachineRow::new(&reading(0.5, 30), Some(later)),
        ];
        let mut writer = csv::Writer::from_path(dir.path().join("run.machine.csv")).unwrap();
        for row in &rows {
            writer.serialize(row).unwrap();
        }
        writer.flush().unwrap();
        let file = read(&csv).unwrap().expect("readings");
        let at_s: Vec<f64> = file.samples.iter().map(|s| s.at_s).collect();
        assert_eq!(at_s, [1.0, 2.0, 17.5]);
        assert_eq!(file.samples[0].cpu, Some(0.25));
        assert_eq!(file.samples[0].gpu, None);
        assert_eq!(file.samples[1].servers[0].memory, Some(Bytes(20)));
        assert_eq!(file.samples[1].servers[0].cpu_cores, None);
        let second = |text: &str| file.at_s(text.parse().unwrap());
        assert_eq!(second("2026-02-11T15:00:01.5Z"), Some(1.5));
        assert_eq!(second("2026-02-13T10:00:04Z"), Some(21.0));
        assert_eq!(second("2026-02-10T00:00:00Z"), None);
    }
}
