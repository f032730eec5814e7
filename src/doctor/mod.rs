//! Is this machine ready to measure? Each answer is data, so that the terminal prints it and the
//! window shows it.

mod machine;
mod mlx;
mod ports;
mod power;
mod tools;

use std::path::PathBuf;

use serde::Serialize;

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
