//! Sensors of Linux: NVIDIA's management library, and what the kernel shows under `/sys/class`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::{Device, Nvml};

use super::info::GpuInfo;
use super::sample::{MachineSample, PowerReading};
use crate::units::Bytes;

/// A laptop's firmware may take tens of milliseconds to answer for its battery.
const POWER_SOURCE_PERIOD: Duration = Duration::from_secs(10);

/// Everything that `sysinfo` does not read.
pub(super) struct Sensors {
    nvml: Option<Nvml>,
    cpu_temperatures: Vec<PathBuf>,
    power_source: Option<String>,
    power_source_read_at: Option<Instant>,
}

impl Sensors {
    /// Loads NVIDIA's library where there is one: up to a second on a machine whose driver sleeps.
    pub(super) fn new() -> Self {
        Self {
            nvml: nvml(),
            cpu_temperatures: cpu_temperature_files(Path::new("/sys/class")),
            power_source: None,
            power_source_read_at: None,
        }
    }

    /// The power of this moment; without any where there is no meter. On an H100 this takes 0.04 ms,
    /// and the driver has a new value every 0.1 s.
    pub(super) fn read_power(&mut self, started: Instant, readings: &mut Vec<PowerReading>) {
        let device = self.nvml.as_ref().and_then(measured_gpu);
        readings.push(PowerReading {
            at_s: started.elapsed().as_secs_f64(),
            gpu_w: device.as_ref().and_then(gpu_power_w),
            ..PowerReading::default()
        });
    }

    /// Fills what there is a sensor for, and leaves the rest as it is.
    pub(super) fn read(&mut self, sample: &mut MachineSample) {
        if let Some(device) = self.nvml.as_ref().and_then(measured_gpu) {
            read_gpu(&device, sample);
        }
        sample.cpu_temperature_c = hottest(&self.cpu_temperatures);
        if self
            .power_source_read_at
            .is_none_or(|at| at.elapsed() >= POWER_SOURCE_PERIOD)
        {
            self.power_source = power_source(Path::new("/sys/class"));
            self.power_source_read_at = Some(Instant::now());
        }
        sample.power_source.clone_from(&self.power_source);
    }
}

/// Every NVIDIA GPU, by its index; empty where there is no driver.
pub(super) fn gpus() -> Vec<GpuInfo> {
    let Some(nvml) = nvml() else {
        return Vec::new();
    };
    let driver = nvml.sys_driver_version().ok();
    (0..nvml.device_count().unwrap_or(0))
        .filter_map(|index| {
            let device = nvml.device_by_index(index).ok()?;
            Some(GpuInfo {
                name: device.name().ok()?,
                memory: device.memory_info().ok().map(|memory| Bytes(memory.total)),
                driver: driver.clone(),
                cores: device.num_cores().ok(),
            })
        })
        .collect()
}

/// What only macOS has: builds of a version.
pub(super) fn system_build() -> Option<String> {
    None
}

/// What only macOS knows: the model of the machine.
pub(super) fn machine_model() -> Option<String> {
    None
}

/// The library by the name that the driver installs; the name without a version, which the crate
/// looks for, comes with development files only.
fn nvml() -> Option<Nvml> {
    Nvml::builder()
        .lib_path(OsStr::new("libnvidia-ml.so.1"))
        .init()
        .or_else(|_| Nvml::init())
        .ok()
}

/// The GPU that a server started from this environment computes on: MLX takes the first visible.
fn measured_gpu(nvml: &Nvml) -> Option<Device<'_>> {
    match first_visible(std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref()) {
        Visible::Index(index) => nvml.device_by_index(index).ok(),
        Visible::Uuid(uuid) => nvml.device_by_uuid(uuid).ok(),
        Visible::Nothing => None,
    }
}

#[derive(Debug, PartialEq)]
enum Visible {
    Index(u32),
    Uuid(String),
    Nothing,
}

/// Reads `CUDA_VISIBLE_DEVICES`: a list of indices or UUIDs; set but empty hides every GPU.
fn first_visible(variable: Option<&str>) -> Visible {
    let Some(list) = variable else {
        return Visible::Index(0);
    };
    let first = list.split(',').next().unwrap_or_default().trim();
    match first.parse() {
        Ok(index) => Visible::Index(index),
        Err(_) if first.starts_with("GPU-") || first.starts_with("MIG-") => {
            Visible::Uuid(first.to_owned())
        }
        Err(_) => Visible::Nothing,
    }
}

fn read_gpu(device: &Device<'_>, sample: &mut MachineSample) {
    sample.gpu = device
        .utilization_rates()
        .ok()
        .map(|rates| f64::from(rates.gpu) / 100.0);
    sample.gpu_clock_mhz = device.clock_info(Clock::SM).ok().map(f64::from);
    sample.gpu_memory_used = device.memory_info().ok().map(|memory| Bytes(memory.used));
    sample.gpu_temperature_c = device
        .temperature(TemperatureSensor::Gpu)
        .ok()
        .map(f64::from);
    sample.gpu_power_w = gpu_power_w(device);
}

fn gpu_power_w(device: &Device<'_>) -> Option<f64> {
    let milliwatts = device.power_usage().ok()?;
    Some(f64::from(milliwatts) / 1e3)
}

/// Files that hold a temperature of the CPU's package in thousandths of a degree: of the CPU
/// drivers under `hwmon`, else of the CPU's thermal zones (phones and small boards have only those).
fn cpu_temperature_files(class: &Path) -> Vec<PathBuf> {
    const DRIVERS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];
    const ZONES: [&str; 4] = ["x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc_thermal"];
    let find = |folder: &str, label: &str, names: &[&str], value: &str| -> Vec<PathBuf> {
        entries(&class.join(folder))
            .filter(|entry| {
                text(&entry.join(label)).is_some_and(|name| names.contains(&name.as_str()))
            })
            .map(|entry| entry.join(value))
            .filter(|file| file.exists())
            .collect()
    };
    let drivers = find("hwmon", "name", &DRIVERS, "temp1_input");
    if drivers.is_empty() {
        find("thermal", "type", &ZONES, "temp")
    } else {
        drivers
    }
}

/// The hottest of several packages, in °C. Readings that no running chip has are left out.
fn hottest(files: &[PathBuf]) -> Option<f64> {
    files
        .iter()
        .filter_map(|file| text(file)?.parse::<f64>().ok())
        .map(|millidegrees| millidegrees / 1e3)
        .filter(|degrees| *degrees > 0.0 && *degrees < 150.0)
        .reduce(f64::max)
}

/// `ac` or `battery`; `None` on a machine that says nothing of its supplies, as most desktops do.
fn power_source(class: &Path) -> Option<String> {
    let mut battery = None;
    for supply in entries(&class.join("power_supply")) {
        let reads = |file: &str, value: &str| text(&supply.join(file)).as_deref() == Some(value);
        // Mains, and the kinds of USB supply; some batteries have that file too.
        if reads("online", "1") && !reads("type", "Battery") {
            return Some("ac".to_owned());
        }
        // The battery of a mouse or a headset says nothing of this machine.
        if reads("type", "Battery") && !reads("scope", "Device") {
            battery = text(&supply.join("status"));
        }
    }
    match battery.as_deref()? {
        "Discharging" => Some("battery".to_owned()),
        "Charging" | "Full" | "Not charging" => Some("ac".to_owned()),
        _ => None,
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
}

fn text(file: &Path) -> Option<String> {
    fs::read_to_string(file)
        .ok()
        .map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder laid out as `/sys/class` is.
    fn class(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("{content}\n")).unwrap();
        }
        folder
    }

    #[test]
    fn the_hottest_package_counts_and_other_chips_do_not() {
        let class = class(&[
            ("hwmon/hwmon0/name", "nvme"),
            ("hwmon/hwmon0/temp1_input", "88000"),
            ("hwmon/hwmon1/name", "coretemp"),
            ("hwmon/hwmon1/temp1_input", "51000"),
            ("hwmon/hwmon2/name", "coretemp"),
            ("hwmon/hwmon2/temp1_input", "63500"),
            ("thermal/thermal_zone0/type", "x86_pkg_temp"),
            ("thermal/thermal_zone0/temp", "70000"),
        ]);
        assert_eq!(hottest(&cpu_temperature_files(class.path())), Some(63.5));
    }

    #[test]
    fn thermal_zones_serve_where_there_is_no_driver() {
        let zone = |kind| {
            class(&[
                ("thermal/thermal_zone0/type", kind),
                ("thermal/thermal_zone0/temp", "47123"),
            ])
        };
        let cpu = zone("cpu-thermal");
        assert_eq!(hottest(&cpu_temperature_files(cpu.path())), Some(47.123));
        let other = zone("iwlwifi_1");
        assert_eq!(hottest(&cpu_temperature_files(other.path())), None);
    }

    #[test]
    fn a_dead_sensor_is_absent() {
        let class = class(&[
            ("hwmon/hwmon0/name", "k10temp"),
            ("hwmon/hwmon0/temp1_input", "0"),
        ]);
        assert_eq!(hottest(&cpu_temperature_files(class.path())), None);
    }

    #[test]
    fn the_power_source_is_told_from_supplies_of_the_machine_itself() {
        let laptop = |online, status| {
            class(&[
                ("power_supply/AC/type", "Mains"),
                ("power_supply/AC/online", online),
                ("power_supply/BAT0/type", "Battery"),
                ("power_supply/BAT0/status", status),
            ])
        };
        let source = |class: &tempfile::TempDir| power_source(class.path());
        assert_eq!(source(&laptop("1", "Charging")).as_deref(), Some("ac"));
        assert_eq!(
            source(&laptop("0", "Discharging")).as_deref(),
            Some("battery")
        );
        let mouse_only = class(&[
            ("power_supply/hid-1/type", "Battery"),
            ("power_supply/hid-1/scope", "Device"),
            ("power_supply/hid-1/status", "Discharging"),
        ]);
        assert_eq!(source(&mouse_only), None);
        assert_eq!(source(&class(&[])), None);
    }

    #[test]
    fn the_first_visible_gpu_is_measured() {
        for (variable, visible) in [
            (None, Visible::Index(0)),
            (Some("2,0"), Visible::Index(2)),
            (Some("GPU-1a2b, 0"), Visible::Uuid("GPU-1a2b".to_owned())),
            (Some(""), Visible::Nothing),
            (Some("-1"), Visible::Nothing),
        ] {
            assert_eq!(first_visible(variable), visible, "{variable:?}");
        }
    }

    #[test]
    #[ignore = "needs an NVIDIA GPU and nvidia-smi"]
    fn the_gpu_reads_as_nvidia_smi_shows_it() {
        let gpus = gpus();
        let output = std::process::Command::new("nvidia-smi")
            .args(["--query-gpu=name,driver_version", "--format=csv,noheader"])
            .output()
            .unwrap();
        let shown: Vec<String> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        let read: Vec<String> = gpus
            .iter()
            .map(|gpu| format!("{}, {}", gpu.name, gpu.driver.as_deref().unwrap_or("?")))
            .collect();
        assert_eq!(read, shown);
        assert!(!gpus.is_empty());

        let mut sample = MachineSample::default();
        let mut sensors = Sensors::new();
        let begin = Instant::now();
        sensors.read(&mut sample);
        eprintln!("read in {:?}: {sample:#?}", begin.elapsed());
        let gpu = sample.gpu.unwrap();
        assert!((0.0..=1.0).contains(&gpu), "{gpu}");
        assert!(sample.gpu_memory_used <= gpus[0].memory);
        assert!(sample.gpu_power_w.unwrap() > 1.0);
        assert!(sample.gpu_clock_mhz.unwrap() > 0.0);
    }
}
