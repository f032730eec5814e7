//! Is this machine ready to measure? Each answer is data, so that the terminal prints it and the
//! window shows it.

mod machine;
mod mlx;
mod ports;
mod power;
mod tools;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::plan::RunKind;
use crate::platform::dirs;
use crate::settings::{Settings, Var};

/// How bad it is. The order is from good to bad.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    Ok,
    /// Measuring works, but less well or not in every way.
    Warning,
    /// Measuring does not work before this is mended.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub level: Level,
    /// What was looked at, in a word or two.
    pub name: String,
    /// What was found.
    pub detail: String,
    /// What to do; `None` where nothing needs doing.
    pub remedy: Option<String>,
}

impl Check {
    fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            name: name.to_owned(),
            detail: detail.into(),
            remedy: None,
        }
    }

    fn warning(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(name, detail)
        }
    }

    fn problem(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Problem,
            ..Self::warning(name, detail, remedy)
        }
    }
}

/// The settings that the checks depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// `MLX_PYTHON`.
    pub python: Option<PathBuf>,
    /// `NGINX_BIN`.
    pub nginx_bin: Option<String>,
    /// `MLX_SERVER_BASE_PORT`: `instances` ports from here on are looked at.
    pub base_port: u16,
    /// `MLX_SERVER_INSTANCES`.
    pub instances: u16,
    /// `MLX_NGINX_PORT`.
    pub nginx_port: u16,
    /// Folders that will be written to: the app's data and the results.
    pub folders: Vec<PathBuf>,
}

impl Inputs {
    /// Of the same settings that a run would use.
    pub fn of(settings: &Settings) -> Self {
        // The kind that needs most: several servers behind nginx.
        let settings = settings.for_kind(&RunKind::RoundRobin.to_string());
        let port = |var| settings.int(var).and_then(|port| u16::try_from(port).ok());
        let nginx_bin = settings.path(Var::NginxBin);
        let results = settings.path(Var::ResultsDir).map(Path::to_owned);
        Self {
            python: settings.path(Var::Python).map(Path::to_owned),
            nginx_bin: nginx_bin.map(|path| path.to_string_lossy().into_owned()),
            base_port: port(Var::ServerBasePort).unwrap_or_default(),
            instances: port(Var::ServerInstances).unwrap_or_default(),
            nginx_port: port(Var::NginxPort).unwrap_or_default(),
            folders: dirs::data_dir().into_iter().chain(results).collect(),
        }
    }

    /// Where results really go, if that is not what the settings say.
    #[must_use]
    pub fn with_results(mut self, results: PathBuf) -> Self {
        self.folders = dirs::data_dir().into_iter().chain([results]).collect();
        self
    }
}

/// Looks at everything. Takes a few seconds where the server's help is not known yet.
pub async fn examine(inputs: &Inputs) -> Vec<Check> {
    let mut checks = mlx::checks(inputs.python.as_deref()).await;
    checks.push(tools::nginx(inputs.nginx_bin.as_deref()).await);
    checks.extend(ports::checks(inputs));
    checks.push(machine::memory());
    checks.extend(machine::disks(&inputs.folders));
    checks.push(machine::file_descriptors());
    checks.extend(power::checks().await);
    checks
}

/// The worst level; `Ok` of nothing.
pub fn worst(checks: &[Check]) -> Level {
    checks
        .iter()
        .map(|check| check.level)
        .max()
        .unwrap_or(Level::Ok)
}
