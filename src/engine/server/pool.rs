//! The running servers of a server point. Cells of one point share them, and where only the
//! number of instances grows the running ones are kept.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::launch::Launcher;
use super::log;
use super::ports;
use super::process::{Process, Spec, all_gone};
use super::proof;
use super::readiness::{self, Hopeless, Starting};
use crate::engine::emitter::Emitter;
use crate::engine::error::EngineError;
use crate::engine::event::{EngineEvent, NoticeLevel, ServerProof};
use crate::plan::{Cell, Plan, ServerPoint, commands};

/// What every server of a run has in common.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Our own binary, which holds the supervisor.
    pub supervisor: PathBuf,
    /// `None` where nothing is started.
    pub launcher: Option<Launcher>,
    pub logs: PathBuf,
}

#[derive(Debug)]
pub struct Server {
    pub instance: u32,
    pub address: SocketAddr,
    pub log: PathBuf,
    process: Process,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Resolves when this server will never answer again.
    async fn lost(&self) -> (EngineError, &Self) {
        let hopeless = readiness::hopeless(&self.process, &self.log).await;
        let why = log::cause(&self.log).map(|cause| cause.text().to_owned());
        let error = match hopeless {
            Hopeless::Ended(ended) => EngineError::Died {
                how: format!("server {}: {}", self.instance, ended.describe()),
                why,
            },
            Hopeless::Log(_) => EngineError::ThreadDied { why },
        };
        (error, self)
    }
}

/// What the running servers were started for. Another repeat asks for fresh ones.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Serving {
    point: ServerPoint,
    repeat: u32,
}

pub struct Pool {
    environment: Environment,
    /// In order of their instance.
    servers: Vec<Server>,
    serving: Option<Serving>,
    /// Instances that were told of as starting, and not as ready or stopped since.
    loading: BTreeSet<u32>,
    /// Every server process, those too that were dropped because their start was given up.
    processes: TaskTracker,
    /// Told of every change, for the monitor: (instance, process id).
    pids: watch::Sender<Vec<(u32, u32)>>,
    starts: u32,
    /// The highest number of a log that an earlier start of the run has left.
    earlier_logs: u32,
    /// The log of the last server that did not start.
    failed_log: Option<PathBuf>,
}

impl Pool {
    pub fn new(environment: Environment, pids: watch::Sender<Vec<(u32, u32)>>) -> Self {
        Self {
            earlier_logs: last_number(&environment.logs),
            environment,
            servers: Vec::new(),
            serving: None,
            loading: BTreeSet::new(),
            processes: TaskTracker::new(),
            pids,
            starts: 0,
            failed_log: None,
        }
    }

    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// Server processes started so far.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Sees to it that the servers of `cell` run and answer. Whoever drops this half-way calls
    /// [`Self::discard`] before the next.
    pub(in crate::engine) async fn provide(
        &mut self,
        plan: &Plan,
        cell: &Cell,
        emitter: &Emitter,
    ) -> Result<(), EngineError> {
        let wanted = Serving {
            point: cell.point.clone(),
            repeat: cell.repeat,
        };
        let keep = self
            .serving
            .as_ref()
            .is_some_and(|now| now.repeat == wanted.repeat && now.point.same_flags(&wanted.point));
        if !keep {
            self.discard(emitter).await?;
        }
        let wanted_count = wanted.point.instances as usize;
        while self.servers.len() > wanted_count {
            if let Some(server) = self.servers.pop() {
                stop(server, "no longer needed", emitter).await?;
            }
        }
        self.serving = Some(wanted);
        let missing = wanted_count - self.servers.len();
        let started = if missing == 0 {
            Ok(())
        } else {
            self.start(plan, cell, missing, emitter).await
        };
        self.tell_pids();
        started
    }

    async fn start(
        &mut self,
        plan: &Plan,
        cell: &Cell,
        missing: usize,
        emitter: &Emitter,
    ) -> Result<(), EngineError> {
        let launcher = self.environment.launcher.clone();
        let launcher = launcher.ok_or(EngineError::NothingToStart)?;
        let ports = self.choose_ports(plan, missing, emitter).await?;
        let first = self.servers.len();
        let mut starting = Vec::new();
        for (offset, port) in ports.into_iter().enumerate() {
            let instance = (first + offset) as u32;
            self.starts += 1;
            self.loading.insert(instance);
            starting.push(self.start_one(&launcher, plan, cell, instance, port, emitter));
        }
        let pause = plan.servers.startup_delay_s.map(Duration::from_secs_f64);
        let ready = match pause {
            None => FuturesUnordered::from_iter(starting).left_stream(),
            Some(pause) => stream::iter(starting.into_iter().enumerate())
                .then(move |(nth, start)| async move {
                    if nth > 0 {
                        // The user asked for this pause (MLX_STARTUP_DELAY_S).
                        tokio::time::sleep(pause).await;
                    }
                    start.await
                })
                .right_stream(),
        };
        let mut ready = Box::pin(ready);
        // The first failure ends the rest: a cell needs them all.
        let (error, log) = loop {
            tokio::select! {
                biased;
                (error, server) = self.lost() => break (error, server.log.clone()),
                one = ready.next() => match one {
                    Some(Ok(server)) => {
                        self.loading.remove(&server.instance);
                        self.servers.push(server);
                    }
                    Some(Err(failed)) => break failed,
                    None => {
                        self.servers.sort_by_key(|server| server.instance);
                        return Ok(());
                    }
                },
            }
        };
        drop(ready);
        self.discard(emitter).await?;
        self.failed_log = Some(log);
        Err(error)
    }

    async fn choose_ports(
        &self,
        plan: &Plan,
        count: usize,
        emitter: &Emitter,
    ) -> Result<Vec<u16>, EngineError> {
        let options = &plan.servers;
        // Else each port would look taken.
        if let Err(error) = ports::any_free_port(&options.host) {
            return Err(EngineError::BadHost {
                host: options.host.clone(),
                why: error.to_string(),
            });
        }
        if let (Some(port), 1) = (options.port, count) {
            return if ports::is_free(&options.host, port) {
                Ok(vec![port])
            } else {
                Err(EngineError::PortTaken {
                    port,
                    holders: ports::holders(port),
                    setting: "MLX_SERVER_PORT",
                })
            };
        }
        let mut ours: Vec<u16> = self.servers.iter().map(|s| s.address.port()).collect();
        ours.push(options.nginx_port);
        let range = options.base_port..=u16::MAX;
        let (free, taken) = ports::free_ports(&options.host, range, count, &ours);
        if free.len() < count {
            return Err(EngineError::NoFreePort {
                from: options.base_port,
                setting: "MLX_SERVER_BASE_PORT",
            });
        }
        if let Some(text) = passed_over(&taken) {
            emitter.notice(NoticeLevel::Info, text).await?;
        }
        Ok(free)
    }

    fn start_one(
        &self,
        launcher: &Launcher,
        plan: &Plan,
        cell: &Cell,
        instance: u32,
        port: u16,
        emitter: &Emitter,
    ) -> impl Future<Output = Result<Server, (EngineError, PathBuf)>> + use<> {
        let log = self.environment.logs.join(format!(
            "server-{:03}-instance-{instance}-port-{port}.log",
            self.earlier_logs + self.starts
        ));
        let options = plan.servers.clone();
        let args = commands::server_arguments(plan, &cell.point, port);
        let spec = Spec {
            supervisor: self.environment.supervisor.clone(),
            program: launcher.python.clone(),
            args: launcher.arguments(options.backlog, &args),
            env: Launcher::environment(Path::new(&plan.model.path).is_dir(), &options.env),
            log: log.clone(),
        };
        let command = launcher.command(options.backlog, &args);
        let processes = self.processes.clone();
        let emitter = emitter.clone();
        let address = ports::client_address(&options.host, port);
        let temperature = plan.workload.temperature;
        let failed_log = log.clone();
        let start = async move {
            emitter
                .emit(EngineEvent::ServerStarting {
                    instance,
                    port,
                    command,
                    log: log.clone(),
                })
                .await?;
            let begun = Instant::now();
            let spawned = Process::start(&spec, &processes).await;
            let process = spawned.map_err(|error| EngineError::Spawn {
                program: spec.program.clone(),
                why: error.to_string(),
            })?;
            Starting {
                process: &process,
                address,
                port_setting: if options.port == Some(port) {
                    "MLX_SERVER_PORT"
                } else {
                    "MLX_SERVER_BASE_PORT"
                },
                log: &log,
                temperature,
                bind_timeout_s: options.bind_timeout_s,
                ready_timeout_s: options.ready_timeout_s,
            }
            .ready()
            .await?;
            emitter
                .emit(EngineEvent::ServerReady {
                    instance,
                    pid: process.pid(),
                    load_s: begun.elapsed().as_secs_f64(),
                })
                .await?;
            Ok(Server {
                instance,
                address,
                log,
                process,
            })
        };
        async move { start.await.map_err(|error| (error, failed_log)) }
    }

    /// Stops every server, also those that still load, and waits until none is left: their ports
    /// are free then. The next cell starts fresh ones.
    pub(in crate::engine) async fn discard(
        &mut self,
        emitter: &Emitter,
    ) -> Result<(), EngineError> {
        self.serving = None;
        self.failed_log = None;
        let servers = std::mem::take(&mut self.servers);
        self.tell_pids();
        for result in join_all(servers.into_iter().map(|s| stop(s, "stopped", emitter))).await {
            result?;
        }
        all_gone(&self.processes).await;
        while let Some(instance) = self.loading.pop_first() {
            let detail = "stopped before it was ready".to_owned();
            let event = EngineEvent::ServerStopped { instance, detail };
            emitter.emit(event).await?;
        }
        Ok(())
    }

    /// The log that most likely tells why a cell failed: of a server that did not start, that has
    /// ended, or that names a cause; else of any.
    pub fn suspect_log(&self) -> Option<&Path> {
        let suspect = |server: &&Server| {
            server.process.has_ended().is_some() || log::cause(&server.log).is_some()
        };
        let running = self.servers.iter().find(suspect).or(self.servers.first());
        running
            .map(|server| server.log.as_path())
            .or(self.failed_log.as_deref())
    }

    /// Resolves with the first server that will never answer again, and why; never if there is
    /// none.
    pub(in crate::engine) async fn lost(&self) -> (EngineError, &Server) {
        if self.servers.is_empty() {
            return std::future::pending().await;
        }
        let waiting = self.servers.iter().map(|server| Box::pin(server.lost()));
        futures_util::future::select_all(waiting).await.0
    }

    /// What the process table says of each server, beside what the cell asked for.
    pub fn proofs(&self, plan: &Plan, cell: &Cell) -> Vec<ServerProof> {
        let expected = commands::expected_flags(plan, &cell.point);
        self.servers
            .iter()
            .map(|server| {
                let (command, differences) = match proof::argument_list(server.pid()) {
                    Some(real) => {
                        let differences = commands::differences(&expected, &real);
                        (real, differences)
                    }
                    None => (
                        Vec::new(),
                        vec!["the process table does not show this server".to_owned()],
                    ),
                };
                ServerProof {
                    instance: server.instance,
                    pid: server.pid(),
                    port: server.address.port(),
                    command,
                    differences,
                }
            })
            .collect()
    }

    fn tell_pids(&self) {
        let pids = self.servers.iter().map(|s| (s.instance, s.pid())).collect();
        self.pids.send_replace(pids);
    }
}

/// Which ports were passed over, and for whom; `None` where none was. Of many only the first are
/// named: asking for a holder reads the whole process table.
fn passed_over(taken: &[u16]) -> Option<String> {
    const NAMED: usize = 3;
    let (last, _) = taken.split_last()?;
    let mut named: Vec<String> = taken
        .iter()
        .take(NAMED)
        .map(|&port| {
            let holders = ports::holders(port);
            let who: Vec<String> = holders.iter().map(ToString::to_string).collect();
            match who.as_slice() {
                [] => format!("port {port} is taken by another process"),
                who => format!("port {port} is taken by {}", who.join(", ")),
            }
        })
        .collect();
    if taken.len() > NAMED {
        let more = taken.len() - NAMED;
        named.push(format!("{more} more up to {last} are taken too"));
    }
    Some(format!("{}; the next free one is used", named.join(", ")))
}

async fn stop(server: Server, why: &str, emitter: &Emitter) -> Result<(), EngineError> {
    let instance = server.instance;
    let detail = match server.process.has_ended() {
        Some(ended) => ended.describe(),
        None => why.to_owned(),
    };
    server.process.stop().await;
    emitter
        .emit(EngineEvent::ServerStopped { instance, detail })
        .await
}

/// Logs of a resumed run go on where those of its earlier starts ended: none is written over.
fn last_number(logs: &Path) -> u32 {
    let names = std::fs::read_dir(logs).into_iter().flatten().flatten();
    let number = |name: &str| -> Option<u32> {
        let (number, _) = name.strip_prefix("server-")?.split_once('-')?;
        number.parse().ok()
    };
    names
        .filter_map(|entry| number(entry.file_name().to_str()?))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn of_many_taken_ports_the_first_are_named() {
        assert_eq!(passed_over(&[]), None);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = passed_over(&[port]).unwrap();
        assert!(
            text.starts_with(&format!("port {port} is taken by ")),
            "{text}"
        );
        let pid = format!("(pid {})", std::process::id());
        assert!(text.contains(&pid), "{text}");
        // Nobody may listen on port 0.
        let text = passed_over(&[port, 0, 0, 1, 2]).unwrap();
        assert!(text.contains("2 more up to 2 are taken too"), "{text}");
    }

    #[test]
    fn logs_of_a_resumed_run_are_numbered_after_those_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(last_number(&dir.path().join("none")), 0);
        for name in [
            "server-002-instance-0-port-9000.log",
            "server-013-instance-1-port-9001.log",
            "nginx-099.log",
            "server-x-instance-0-port-9000.log",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(last_number(dir.path()), 13);
    }
}
