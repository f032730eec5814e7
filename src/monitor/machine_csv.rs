//! Samples as rows of `<run>.machine.csv`.
//!
//! A sample has any number of servers but a file has fixed columns. So each sample gives one row
//! for the machine, then one for each server, told apart by `instance`: a machine row leaves the
//! server columns blank and the other way round. Every column can then be averaged or drawn as it
//! is, without counting the machine once for each server.

use serde::{Deserialize, Serialize};

use super::sample::{MachineSample, ServerSample};
use crate::units::Bytes;

/// One row, either of the machine or of one server (where `instance` is set).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineRow {
    /// Seconds since the run's clock started; equal in all rows of one sample.
    pub at_s: f64,
    /// Index of the cell that ran; blank between cells.
    pub cell: Option<u32>,
    /// The server's number; blank in rows of the machine.
    pub instance: Option<u32>,
    pub pid: Option<u32>,
    pub server_cpu_cores: Option<f64>,
    pub server_memory_bytes: Option<Bytes>,
    /// 0 to 1, as every `_ratio`.
    pub cpu_ratio: Option<f64>,
    pub memory_used_bytes: Option<Bytes>,
    pub memory_total_bytes: Option<Bytes>,
    pub memory_wired_bytes: Option<Bytes>,
    pub swap_used_bytes: Option<Bytes>,
    pub gpu_ratio: Option<f64>,
    pub gpu_clock_mhz: Option<f64>,
    pub gpu_memory_used_bytes: Option<Bytes>,
    pub gpu_temperature_c: Option<f64>,
    pub cpu_temperature_c: Option<f64>,
    pub gpu_power_w: Option<f64>,
    pub cpu_power_w: Option<f64>,
    pub system_power_w: Option<f64>,
    pub thermal: Option<String>,
    pub low_power_mode: Option<bool>,
    pub power_source: Option<String>,
}

/// The rows of one sample, that of the machine first.
pub fn rows(cell: Option<u32>, sample: &MachineSample) -> Vec<MachineRow> {
    // Named whole, so that a new sensor cannot be forgotten here.
    let MachineSample {
        at_s,
        cpu,
        memory_used,
        memory_total,
        memory_wired,
        swap_used,
        gpu,
        gpu_clock_mhz,
        gpu_memory_used,
        gpu_temperature_c,
        cpu_temperature_c,
        gpu_power_w,
        cpu_power_w,
        system_power_w,
        thermal,
        low_power_mode,
        power_source,
        servers,
    } = sample.clone();
    let machine = MachineRow {
        at_s,
        cell,
        instance: None,
        pid: None,
        server_cpu_cores: None,
        server_memory_bytes: None,
        cpu_ratio: cpu,
        memory_used_bytes: memory_used,
        memory_total_bytes: memory_total,
        memory_wired_bytes: memory_wired,
        swap_used_bytes: swap_used,
        gpu_ratio: gpu,
        gpu_clock_mhz,
        gpu_memory_used_bytes: gpu_memory_used,
        gpu_temperature_c,
        cpu_temperature_c,
        gpu_power_w,
        cpu_power_w,
        system_power_w,
        thermal,
        low_power_mode,
        power_source,
    };
    let server_rows = servers.into_iter().map(|server| MachineRow {
        at_s,
        cell,
        instance: Some(server.instance),
        pid: Some(server.pid),
        server_cpu_cores: server.cpu_cores,
        server_memory_bytes: server.memory,
        ..MachineRow::default()
    });
    std::iter::once(machine).chain(server_rows).collect()
}

/// The samples of a file's rows with the cell each belongs to: the inverse of [`rows`]. A server's
/// row whose machine row is missing, as in a file that was cut, is left out.
pub fn samples(rows: impl IntoIterator<Item = MachineRow>) -> Vec<(Option<u32>, MachineSample)> {
    let mut samples: Vec<(Option<u32>, MachineSample)> = Vec::new();
    for row in rows {
        match row.instance {
            None => samples.push((row.cell, machine(row))),
            Some(instance) => {
                if let Some((_, sample)) = samples.last_mut()
                    && sample.at_s.total_cmp(&row.at_s).is_eq()
                {
                    sample.servers.push(ServerSample {
                        instance,
                        pid: row.pid.unwrap_or_default(),
                        cpu_cores: row.server_cpu_cores,
                        memory: row.server_memory_bytes,
                    });
                }
            }
        }
    }
    samples
}

fn machine(row: MachineRow) -> MachineSample {
    MachineSample {
        at_s: row.at_s,
        cpu: row.cpu_ratio,
        memory_used: row.memory_used_bytes,
        memory_total: row.memory_total_bytes,
        memory_wired: row.memory_wired_bytes,
        swap_used: row.swap_used_bytes,
        gpu: row.gpu_ratio,
        gpu_clock_mhz: row.gpu_clock_mhz,
        gpu_memory_used: row.gpu_memory_used_bytes,
        gpu_temperature_c: row.gpu_temperature_c,
        cpu_temperature_c: row.cpu_temperature_c,
        gpu_power_w: row.gpu_power_w,
        cpu_power_w: row.cpu_power_w,
        system_power_w: row.system_power_w,
        thermal: row.thermal,
        low_power_mode: row.low_power_mode,
        power_source: row.power_source,
        servers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(instance: u32, cores: f64) -> ServerSample {
        ServerSample {
            instance,
            pid: 100 + instance,
            cpu_cores: Some(cores),
            memory: Some(Bytes(1_234_567)),
        }
    }

    /// Every field set, each to something else.
    fn full() -> MachineSample {
        MachineSample {
            at_s: 12.345_678,
            cpu: Some(0.29),
            memory_used: Some(Bytes(1)),
            memory_total: Some(Bytes(2)),
            memory_wired: Some(Bytes(3)),
            swap_used: Some(Bytes(0)),
            gpu: Some(0.97),
            gpu_clock_mhz: Some(1398.0),
            gpu_memory_used: Some(Bytes(4)),
            gpu_temperature_c: Some(61.5),
            cpu_temperature_c: Some(55.25),
            gpu_power_w: Some(30.1),
            cpu_power_w: Some(5.2),
            system_power_w: Some(48.0),
            thermal: Some("fair".to_owned()),
            low_power_mode: Some(false),
            power_source: Some("ac".to_owned()),
            servers: vec![server(0, 0.5), server(1, 1.25)],
        }
    }

    fn csv(rows: &[MachineRow]) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            writer.serialize(row).unwrap();
        }
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn a_file_gives_back_what_was_sampled() {
        let blank = MachineSample {
            at_s: 13.5,
            ..MachineSample::default()
        };
        let taken = [(Some(4), full()), (None, blank)];
        let written: Vec<MachineRow> = taken
            .iter()
            .flat_map(|(cell, sample)| rows(*cell, sample))
            .collect();
        let text = csv(&written);
        let read = csv::Reader::from_reader(text.as_bytes())
            .into_deserialize()
            .collect::<Result<Vec<MachineRow>, _>>()
            .unwrap();
        assert_eq!(samples(read), taken);
    }

    #[test]
    fn columns_are_the_same_for_any_number_of_servers() {
        let text = csv(&rows(Some(0), &full()));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "at_s,cell,instance,pid,server_cpu_cores,server_memory_bytes,cpu_ratio,\
                 memory_used_bytes,memory_total_bytes,memory_wired_bytes,swap_used_bytes,gpu_ratio,\
                 gpu_clock_mhz,gpu_memory_used_bytes,gpu_temperature_c,cpu_temperature_c,\
                 gpu_power_w,cpu_power_w,system_power_w,thermal,low_power_mode,power_source",
                "12.345678,0,,,,,0.29,1,2,3,0,0.97,1398.0,4,61.5,55.25,30.1,5.2,48.0,fair,false,ac",
                "12.345678,0,0,100,0.5,1234567,,,,,,,,,,,,,,,,",
                "12.345678,0,1,101,1.25,1234567,,,,,,,,,,,,,,,,",
            ]
        );
    }

    #[test]
    fn a_server_row_without_its_machine_row_is_left_out() {
        let cut = rows(None, &full()).into_iter().skip(1);
        assert!(samples(cut).is_empty());
    }
}
