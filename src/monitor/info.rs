//! What machine this is, for a run's metadata.

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::sensors;
use crate::units::Bytes;

/// The machine as results are labelled with it. Its name on the network is left out: results are
/// shared, and a host's name often holds a person's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineInfo {
    /// As in `Debian GNU/Linux` or `macOS`.
    pub os: Option<String>,
    /// As in `12` or `26.1`.
    pub os_version: Option<String>,
    /// As in `25B78`; macOS only.
    pub os_build: Option<String>,
    pub kernel: Option<String>,
    /// As in `x86_64` or `arm64`.
    pub architecture: String,
    /// As in `Mac15,8`; macOS only.
    pub model: Option<String>,
    /// As in `Apple M3 Max`.
    pub chip: Option<String>,
    pub cores_physical: Option<u32>,
    pub cores_logical: Option<u32>,
    pub memory_total: Option<Bytes>,
    pub gpus: Vec<GpuInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuInfo {
    pub name: String,
    /// Its own memory; `None` where it is unified with the machine's.
    pub memory: Option<Bytes>,
    pub driver: Option<String>,
    /// GPU cores of an Apple chip; CUDA cores of an NVIDIA GPU.
    pub cores: Option<u32>,
}

impl MachineInfo {
    /// Asks the system; what it does not tell is `None`. May take a second where a GPU's driver
    /// has to wake up.
    pub fn read() -> Self {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        )
        .ok();
        let cpus = system.as_ref().map_or(&[][..], |system| system.cpus());
        Self {
            os: System::name().ok().as_deref().and_then(known),
            os_version: System::os_version().ok().as_deref().and_then(known),
            os_build: sensors::system_build(),
            kernel: System::kernel_version().ok().as_deref().and_then(known),
            architecture: System::cpu_arch(),
            model: sensors::machine_model(),
            chip: cpus.first().and_then(|cpu| known(cpu.brand())),
            cores_physical: System::physical_core_count().ok().and_then(count),
            cores_logical: count(cpus.len()),
            memory_total: system
                .as_ref()
                .map(|system| Bytes(system.total_memory()))
                .filter(|total| total.0 > 0),
            gpus: sensors::gpus(),
        }
    }

    /// `macOS 26.1 (25B78)`, as far as it is known.
    pub fn system(&self) -> Option<String> {
        let build = self.os_build.as_ref().map(|build| format!("({build})"));
        let parts = [self.os.as_ref(), self.os_version.as_ref(), build.as_ref()];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

fn known(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn count(number: usize) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let info = MachineInfo::read();
        let parallelism = std::thread::available_parallelism().unwrap().get();
        assert!(
            info.cores_logical.unwrap() as usize >= parallelism,
            "{info:?}"
        );
        assert!(info.cores_physical <= info.cores_logical, "{info:?}");
        assert!(info.memory_total.unwrap() > Bytes(100_000_000), "{info:?}");
        assert!(info.os.is_some() && info.kernel.is_some(), "{info:?}");
        let text = serde_json::to_string(&info).unwrap();
        assert_eq!(serde_json::from_str::<MachineInfo>(&text).unwrap(), info);
    }

    #[test]
    fn the_hosts_name_is_not_told() {
        let name = System::host_name().unwrap();
        let info = serde_json::to_value(MachineInfo::read()).unwrap();
        let told: Vec<&str> = info
            .as_object()
            .unwrap()
            .values()
            .filter_map(|value| value.as_str())
            .collect();
        assert!(!told.contains(&name.as_str()), "{told:?}");
    }

    #[test]
    fn a_system_is_named_as_far_as_it_is_known() {
        let mut info = MachineInfo::default();
        assert_eq!(info.system(), None);
        info.os = Some("macOS".to_owned());
        info.os_version = Some("26.1".to_owned());
        assert_eq!(info.system().as_deref(), Some("macOS 26.1"));
        info.os_build = Some("25B78".to_owned());
        assert_eq!(info.system().as_deref(), Some("macOS 26.1 (25B78)"));
    }

    #[test]
    fn a_file_that_knows_less_can_be_read() {
        let info: MachineInfo = serde_json::from_str(r#"{"chip":"Apple M1"}"#).unwrap();
        assert_eq!(info.chip.as_deref(), Some("Apple M1"));
        assert!(info.gpus.is_empty());
    }
}
