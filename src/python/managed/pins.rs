//! The exact versions that the managed environment is made of, and for which hardware.

use super::super::MIN_PYTHON;

/// Versions of everything that gets installed; also pip's constraints file.
pub const CONSTRAINTS: &str = include_str!("../../../assets/requirements.txt");

/// What mlx computes on. The build of mlx differs for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum Accelerator {
    #[strum(to_string = "Apple GPU")]
    Metal,
    #[strum(to_string = "NVIDIA GPU, CUDA 13")]
    Cuda13,
    #[strum(to_string = "NVIDIA GPU, CUDA 12")]
    Cuda12,
    #[strum(to_string = "CPU")]
    Cpu,
}

impl Accelerator {
    /// The best that this machine has. Takes milliseconds without an NVIDIA driver.
    pub fn of_this_machine() -> Self {
        if cfg!(target_os = "macos") {
            return Self::Metal;
        }
        #[cfg(target_os = "linux")]
        if let Some(gpu) = nvidia::first_gpu() {
            return Self::for_nvidia(gpu.driver_major, gpu.compute);
        }
        Self::Cpu
    }

    /// By the requirements of mlx's CUDA builds: driver 580 and compute capability 7.5 for CUDA 13,
    /// driver 550 and 7.0 for CUDA 12.
    #[cfg_attr(not(any(target_os = "linux", test)), expect(dead_code))]
    fn for_nvidia(driver_major: u32, compute: (i32, i32)) -> Self {
        match () {
            () if driver_major >= 580 && compute >= (7, 5) => Self::Cuda13,
            () if driver_major >= 550 && compute >= (7, 0) => Self::Cuda12,
            () => Self::Cpu,
        }
    }

    fn extra(self) -> &'static str {
        match self {
            // On a Mac plain mlx brings Metal with it.
            Self::Metal => "",
            Self::Cuda13 => "[cuda13]",
            Self::Cuda12 => "[cuda12]",
            Self::Cpu => "[cpu]",
        }
    }

    /// Disk space that installing takes, in bytes: the environment, the downloads that it is
    /// unpacked from, and some air. Measured on Linux: 0.36 GB for the CPU build.
    pub fn disk_needed_bytes(self) -> u64 {
        match self {
            Self::Metal | Self::Cpu => 1_000_000_000,
            Self::Cuda13 | Self::Cuda12 => 8_000_000_000,
        }
    }
}

/// What is asked of pip: `mlx-lm==...` and the build of mlx for this hardware.
pub fn requirements(accelerator: Accelerator) -> Vec<String> {
    let pinned = |name: &str, extra: &str| match pinned_version(name) {
        Some(version) => format!("{name}{extra}=={version}"),
        None => format!("{name}{extra}"),
    };
    vec![pinned("mlx-lm", ""), pinned("mlx", accelerator.extra())]
}

/// The version of a package in [`CONSTRAINTS`].
pub fn pinned_version(name: &str) -> Option<&'static str> {
    CONSTRAINTS.lines().find_map(|line| {
        let (package, version) = line.split_once("==")?;
        (package == name).then_some(version.trim())
    })
}

/// The requirements as words of a command line, for messages.
pub fn install_words() -> String {
    shell_words::join(requirements(Accelerator::of_this_machine()))
}

/// The oldest Python that can be used, as people write it.
pub fn min_python() -> String {
    format!("{}.{}", MIN_PYTHON.0, MIN_PYTHON.1)
}

#[cfg(target_os = "linux")]
mod nvidia {
    use std::path::Path;

    use nvml_wrapper::Nvml;

    pub struct Gpu {
        pub driver_major: u32,
        pub compute: (i32, i32),
    }

    /// The first GPU that this process can use. The driver itself is asked: its files are also
    /// there in containers that were given no GPU.
    pub fn first_gpu() -> Option<Gpu> {
        // The second is how Windows gives its GPU to a Linux beside it.
        if !["/proc/driver/nvidia", "/dev/dxg"]
            .iter()
            .any(|path| Path::new(path).exists())
        {
            return None;
        }
        let nvml = Nvml::init().ok()?;
        let version = nvml.sys_driver_version().ok()?;
        let compute = nvml
            .device_by_index(0)
            .ok()?
            .cuda_compute_capability()
            .ok()?;
        Some(Gpu {
            driver_major: version.split('.').next()?.parse().ok()?,
            compute: (compute.major, compute.minor),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_packages_are_pinned_for_every_accelerator() {
        for (accelerator, mlx) in [
            (Accelerator::Metal, "mlx=="),
            (Accelerator::Cpu, "mlx[cpu]=="),
            (Accelerator::Cuda12, "mlx[cuda12]=="),
            (Accelerator::Cuda13, "mlx[cuda13]=="),
        ] {
            let wanted = requirements(accelerator);
            assert!(wanted[0].starts_with("mlx-lm=="), "{wanted:?}");
            assert!(wanted[1].starts_with(mlx), "{wanted:?}");
        }
    }

    #[test]
    fn every_line_of_the_constraints_is_an_exact_version() {
        let lines = CONSTRAINTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut count = 0;
        for line in lines {
            let (name, version) = line.split_once("==").expect(line);
            assert!(
                !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()),
                "{line}"
            );
            count += 1;
        }
        assert!(count > 10, "only {count} pins");
    }

    #[test]
    fn the_driver_decides_between_the_cuda_builds() {
        for (driver, compute, expected) in [
            (580, (9, 0), Accelerator::Cuda13),
            (590, (7, 0), Accelerator::Cuda12),
            (570, (9, 0), Accelerator::Cuda12),
            (535, (9, 0), Accelerator::Cpu),
            (580, (6, 1), Accelerator::Cpu),
        ] {
            assert_eq!(
                Accelerator::for_nvidia(driver, compute),
                expected,
                "{driver} {compute:?}"
            );
        }
    }
}
