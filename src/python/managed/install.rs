//! Making the environment: with uv where it is present, else with Python's own venv and pip.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Mutex;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::super::child::{ChildError, stream};
use super::super::find::{Found, is_old, look, resolve};
use super::super::probe::{Probe, ask};
use super::super::server_probe::server_probe_cached;
use super::super::{Interpreter, Origin, major_minor};
use super::failure::{Cause, SetupError, cause, install_hint, network_reason, reason};
use super::record::{self, Record};
use super::{Means, OnProgress, Progress, beside, check_versions, discard, pins, python_of};
use crate::units::Bytes;

/// Minor versions of Python 3 in the order in which they are taken: those for which every package
/// has had builds for longest come first.
const PREFERRED: [u32; 4] = [12, 13, 11, 14];

pub(super) struct Install<'a> {
    pub means: &'a Means,
    pub dir: &'a Path,
    pub base: Option<&'a Path>,
    pub progress: OnProgress<'a>,
    pub cancel: &'a CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool<'a> {
    Uv(&'a Path),
    Pip,
}

impl Install<'_> {
    /// Makes the environment in a folder that does not exist yet, checks it, and records it as
    /// whole. The caller removes the folder after an error.
    pub async fn run(&self, requirements: &[String]) -> Result<Interpreter, SetupError> {
        let log = Log::open(beside(self.dir, ".log"))?;
        (self.progress)(Progress::Finding);
        let bases = self.until_cancelled(self.find_bases()).await??;
        self.check_disk()?;
        let mut first_failure = None;
        for tool in self
            .means
            .uv
            .as_deref()
            .map(Tool::Uv)
            .into_iter()
            .chain([Tool::Pip])
        {
            match self.with_tool(tool, &bases, requirements, &log).await {
                Ok(()) => return self.finish(requirements).await,
                Err(stop @ (SetupError::Cancelled | SetupError::DiskFull { .. })) => {
                    return Err(stop);
                }
                // Of two failures the first tool's says more: pip's may only be that it has no Python.
                Err(error) => {
                    log.line(&format!("{tool:?}: {error}"));
                    first_failure.get_or_insert(error);
                }
            }
        }
        Err(first_failure.expect("pip is always tried"))
    }

    async fn with_tool(
        &self,
        tool: Tool<'_>,
        bases: &[Found],
        requirements: &[String],
        log: &Log,
    ) -> Result<(), SetupError> {
        self.create(tool, bases, log).await?;
        match self.install(tool, requirements, log).await {
            Err(SetupError::Network { detail, .. }) => {
                (self.progress)(Progress::Retrying { reason: detail });
                self.install(tool, requirements, log).await
            }
            other => other,
        }
    }

    /// Pythons that an environment can be made from, best first. One that was asked for stands alone.
    async fn find_bases(&self) -> Result<Vec<Found>, SetupError> {
        if let Some(asked) = self.base {
            let path = resolve(asked);
            let unfit = |reason: String| SetupError::BaseUnfit {
                path: path.clone(),
                reason,
            };
            let probe = ask(&path).await.map_err(|error| unfit(error.to_string()))?;
            if let Some(reason) = self.unfit_base(&probe) {
                return Err(unfit(reason));
            }
            return Ok(vec![Found {
                interpreter: probe.interpreter(&path, Origin::Chosen),
                probe,
            }]);
        }
        let mut found = look(&self.means.places, None).await;
        found.retain(|found| self.unfit_base(&found.probe).is_none());
        found.sort_by_key(|found| {
            let minor = major_minor(&found.probe.python).map_or(0, |(_, minor)| minor);
            let rank = PREFERRED.iter().position(|preferred| *preferred == minor);
            // A Python inside somebody's environment may go away with it.
            (found.probe.is_venv, rank.unwrap_or(PREFERRED.len()))
        });
        Ok(found)
    }

    fn unfit_base(&self, probe: &Probe) -> Option<String> {
        let python = &probe.python;
        if is_old(python) {
            return Some(format!(
                "it is Python {python}, and {} is needed",
                pins::min_python()
            ));
        }
        if probe.free_threaded {
            return Some("it is a free-threaded build, for which packages are missing".to_owned());
        }
        if cfg!(target_os = "macos") && probe.machine != "arm64" {
            return Some(format!(
                "it is a Python for {}, and MLX needs arm64",
                probe.machine
            ));
        }
        (probe.prefix == *self.dir).then(|| "it is the environment itself".to_owned())
    }

    fn check_disk(&self) -> Result<(), SetupError> {
        let folder = self.dir.parent().unwrap_or(self.dir);
        let needed = Bytes(self.means.accelerator.disk_needed_bytes());
        // Not knowing is no reason to refuse: the installer will say so itself.
        let Ok(disk) = rustix::fs::statvfs(folder) else {
            return Ok(());
        };
        let free = Bytes(disk.f_bavail.saturating_mul(disk.f_frsize));
        if free >= needed {
            return Ok(());
        }
        Err(SetupError::DiskFull {
            folder: folder.to_path_buf(),
            needed,
            free: Some(free),
        })
    }

    /// An empty virtual environment, in a new folder.
    async fn create(&self, tool: Tool<'_>, bases: &[Found], log: &Log) -> Result<(), SetupError> {
        discard(self.dir)?;
        record::start(self.dir).map_err(|error| SetupError::io("create", self.dir, error))?;
        let temp = self.temp();
        fs::create_dir(&temp).map_err(|error| SetupError::io("create", temp, error))?;
        let (argv, python) = match tool {
            Tool::Uv(uv) => {
                // Without a Python here, uv fetches one.
                let (python, words) = match bases.first() {
                    Some(base) => (base.interpreter.exe.clone(), words_for(base)),
                    None => ("3.12".into(), "Python 3.12, fetched by uv".to_owned()),
                };
                let argv = vec![
                    uv.as_os_str().to_owned(),
                    "venv".into(),
                    "--no-project".into(),
                    // The folder is there already, with our marker in it.
                    "--allow-existing".into(),
                    "--python".into(),
                    python.into(),
                    self.dir.into(),
                ];
                (argv, words)
            }
            Tool::Pip => {
                let base = Self::base_with_venv(bases)?;
                let exe = base.interpreter.exe.clone().into_os_string();
                (
                    vec![exe, "-m".into(), "venv".into(), self.dir.into()],
                    words_for(base),
                )
            }
        };
        (self.progress)(Progress::CreatingVenv { python });
        let argv: Vec<&OsStr> = argv.iter().map(OsString::as_os_str).collect();
        let (status, output) = self
            .watch(&argv, "making the virtual environment", log)
            .await?;
        if status.success() && python_of(self.dir).exists() {
            return Ok(());
        }
        Err(self.explain(
            "making the virtual environment",
            status,
            &output,
            Path::new(argv[0]),
            log,
        ))
    }

    fn base_with_venv(bases: &[Found]) -> Result<&Found, SetupError> {
        if let Some(base) = bases.iter().find(|found| found.probe.can_venv) {
            return Ok(base);
        }
        Err(match bases.first() {
            Some(base) => no_venv_module(&base.interpreter.exe, &base.probe.python),
            None => SetupError::NoPython {
                need: pins::min_python(),
                install: install_hint("python3 python3-venv", "python3.12", "python@3.12"),
            },
        })
    }

    async fn install(
        &self,
        tool: Tool<'_>,
        requirements: &[String],
        log: &Log,
    ) -> Result<(), SetupError> {
        let constraints = self.temp().join("constraints.txt");
        fs::write(&constraints, pins::CONSTRAINTS)
            .map_err(|error| SetupError::io("write", &constraints, error))?;
        let python = python_of(self.dir);
        let mut argv: Vec<&OsStr> = match tool {
            Tool::Uv(uv) => {
                let mut argv = vec![uv.as_os_str()];
                argv.extend(["pip", "install", "--python"].map(OsStr::new));
                argv.push(python.as_os_str());
                argv
            }
            Tool::Pip => {
                let mut argv = vec![python.as_os_str()];
                // Byte code is made for what is used, at its first use, and not for all of it here.
                argv.extend(["-m", "pip", "install", "--no-compile"].map(OsStr::new));
                argv
            }
        };
        argv.extend([OsStr::new("--constraint"), constraints.as_os_str()]);
        argv.extend(requirements.iter().map(OsStr::new));
        let (status, output) = self.watch(&argv, "installing", log).await?;
        if status.success() {
            return Ok(());
        }
        Err(self.explain("installing mlx and mlx-lm", status, &output, &python, log))
    }

    /// Asks the new environment for its versions and its server's help, and records it as whole.
    async fn finish(&self, requirements: &[String]) -> Result<Interpreter, SetupError> {
        (self.progress)(Progress::Checking);
        let temp = self.temp();
        fs::remove_dir_all(&temp).map_err(|error| SetupError::io("remove", temp, error))?;
        let exe = python_of(self.dir);
        let probe = self
            .until_cancelled(ask(&exe))
            .await?
            .map_err(SetupError::DoesNotWork)?;
        check_versions(&probe).map_err(|detail| SetupError::Step {
            step: "checking the environment",
            detail,
            log: beside(self.dir, ".log"),
        })?;
        self.until_cancelled(server_probe_cached(&exe, None))
            .await?
            .map_err(SetupError::DoesNotWork)?;
        let (dir, wanted) = (self.dir.to_path_buf(), requirements.to_vec());
        let (python, packages) = (probe.python.clone(), probe.site_packages.clone());
        let recorded = tokio::task::spawn_blocking(move || {
            Record::of(&dir, wanted, python, &packages)?.write(&dir)
        });
        recorded
            .await
            .map_err(std::io::Error::other)
            .and_then(|written| written)
            .map_err(|error| SetupError::io("record", self.dir, error))?;
        Ok(probe.interpreter(&exe, Origin::Managed))
    }

    /// Runs a program to its end, passing on what it prints.
    async fn watch(
        &self,
        argv: &[&OsStr],
        step: &'static str,
        log: &Log,
    ) -> Result<(ExitStatus, String), SetupError> {
        let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
        log.line(&format!("$ {}", shell_words::join(&words)));
        let mut output = String::new();
        let status = stream(
            argv,
            |command| self.surround(command),
            self.cancel,
            |line| {
                log.line(line);
                output.push_str(line);
                output.push('\n');
                (self.progress)(Progress::Installing {
                    line: line.to_owned(),
                });
            },
        )
        .await
        .map_err(|error: ChildError| SetupError::child(step, log.path.clone(), error))?;
        Ok((status, output))
    }

    /// The user's index and proxy settings hold; what would lead the installer elsewhere does not.
    fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.dir)
            // Killed, an installer leaves its downloads: here they go with the folder.
            .env("TMPDIR", self.temp())
            .env("PYTHONUNBUFFERED", "1")
            .env("NO_COLOR", "1")
            .env("PIP_NO_INPUT", "1")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_PROGRESS_BAR", "off")
            .env("PIP_USER", "0")
            .env("UV_NO_PROGRESS", "1");
        for name in [
            "PYTHONHOME",
            "PYTHONPATH",
            "PIP_TARGET",
            "PIP_PREFIX",
            "VIRTUAL_ENV",
        ] {
            command.env_remove(name);
        }
    }

    fn temp(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    fn explain(
        &self,
        step: &'static str,
        status: ExitStatus,
        output: &str,
        python: &Path,
        log: &Log,
    ) -> SetupError {
        let detail = match reason(output) {
            said if said.is_empty() => format!("it ended with {status} and said nothing"),
            said => said,
        };
        let log = log.path.clone();
        match cause(output) {
            Cause::DiskFull => SetupError::DiskFull {
                folder: self.dir.to_path_buf(),
                needed: Bytes(self.means.accelerator.disk_needed_bytes()),
                free: None,
            },
            Cause::Network => SetupError::Network {
                detail: network_reason(output),
                log,
            },
            Cause::NoBuild => SetupError::NoBuild { detail, log },
            Cause::NoVenvModule => no_venv_module(python, ""),
            Cause::Other => SetupError::Step { step, detail, log },
        }
    }

    async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, SetupError> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(SetupError::Cancelled),
            done = work => Ok(done),
        }
    }
}

fn words_for(base: &Found) -> String {
    format!(
        "Python {} at {}",
        base.probe.python,
        base.interpreter.exe.display()
    )
}

fn no_venv_module(python: &Path, version: &str) -> SetupError {
    // Debian packs it apart for each version.
    let debian = major_minor(version).map_or("python3-venv".to_owned(), |(major, minor)| {
        format!("python{major}.{minor}-venv")
    });
    SetupError::NoVenvModule {
        python: python.to_path_buf(),
        install: install_hint(&debian, "python3", "python@3.12"),
    }
}

/// Everything that was run and printed in the last making.
struct Log {
    path: PathBuf,
    file: Mutex<File>,
}

impl Log {
    fn open(path: PathBuf) -> Result<Self, SetupError> {
        let file = File::create(&path).map_err(|error| SetupError::io("write", &path, error))?;
        let log = Self {
            path,
            file: Mutex::new(file),
        };
        log.line(&format!(
            "{} making the environment",
            jiff::Timestamp::now()
        ));
        Ok(log)
    }

    /// A log that cannot be written must not stop what it tells of.
    fn line(&self, line: &str) {
        if let Ok(mut file) = self.file.lock() {
            let _ = writeln!(file, "{line}");
        }
    }
}
