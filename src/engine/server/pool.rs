//! The running servers of a server point. Cells of one point share them, and where only the
//! number of instances grows the running ones are kept.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::launch::Launcher;
use super::log;
use super::ports;
use super::process::{Process, Spec};
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
    pub launcher: Launcher,
    pub logs: PathBuf,
    pub tracker: TaskTracker,
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
    async fn lost(&self) -> (&Self, Hopeless) {
        (self, readiness::hopeless(&self.process, &self.log).await)
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
    servers: Vec<Server>,
    serving: Option<Serving>,
    /// Told of every change, for the monitor: (instance, process id).
    pids: watch::Sender<Vec<(u32, u32)>>,
    starts: u32,
    /// The log of the last server that did not start.
    failed_log: Option<PathBuf>,
}

impl Pool {
    pub fn new(environment: Environment, pids: watch::Sender<Vec<(u32, u32)>>) -> Self {
        Self {
            environment,
            servers: Vec::new(),
            serving: None,
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

    /// Sees to it that the servers of `cell` run and answer.
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
        let ports = self.choose_ports(plan, missing, emitter).await?;
        let first = self.servers.len();
        let (mut starting, mut logs) = (Vec::new(), Vec::new());
        for (offset, port) in ports.into_iter().enumerate() {
            let instance = (first + offset) as u32;
            self.starts += 1;
            let log = self.environment.logs.join(format!(
                "server-{:03}-instance-{instance}-port-{port}.log",
                self.starts
            ));
            logs.push(log.clone());
            starting.push(self.start_one(plan, cell, instance, port, log, emitter));
        }
        let results = match plan.servers.startup_delay_s {
            None => join_all(starting).await,
            Some(delay_s) => {
                let mut results = Vec::new();
                for (nth, one) in starting.into_iter().enumerate() {
                    if nth > 0 {
                        // The user asked for this pause (MLX_STARTUP_DELAY_S).
                        tokio::time::sleep(Duration::from_secs_f64(delay_s)).await;
                    }
                    results.push(one.await);
                }
                results
            }
        };
        let mut failed = None;
        for (result, log) in results.into_iter().zip(logs) {
            match result {
                Ok(server) => self.servers.push(server),
                Err(error) => failed = failed.or(Some((error, log))),
            }
        }
        let Some((error, log)) = failed else {
            return Ok(());
        };
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
        for port in taken {
            let who: Vec<String> = ports::holders(port)
                .iter()
                .map(ToString::to_string)
                .collect();
            let who = if who.is_empty() {
                "another process".to_owned()
            } else {
                who.join(", ")
            };
            let text = format!("port {port} is taken by {who}; the next free one is used");
            emitter.notice(NoticeLevel::Info, text).await?;
        }
        if free.len() < count {
            return Err(EngineError::NoFreePort {
                from: options.base_port,
                setting: "MLX_SERVER_BASE_PORT",
            });
        }
        Ok(free)
    }

    fn start_one(
        &self,
        plan: &Plan,
        cell: &Cell,
        instance: u32,
        port: u16,
        log: PathBuf,
        emitter: &Emitter,
    ) -> impl Future<Output = Result<Server, EngineError>> + use<> {
        let options = plan.servers.clone();
        let launcher = &self.environment.launcher;
        let args = commands::server_arguments(plan, &cell.point, port);
        let spec = Spec {
            supervisor: self.environment.supervisor.clone(),
            program: launcher.python.clone(),
            args: launcher.arguments(options.backlog, &args),
            env: Launcher::environment(Path::new(&plan.model.path).is_dir(), &options.env),
            log: log.clone(),
        };
        let command = launcher.command(options.backlog, &args);
        let tracker = self.environment.tracker.clone();
        let emitter = emitter.clone();
        let address = ports::client_address(&options.host, port);
        let temperature = plan.workload.temperature;
        async move {
            emitter
                .emit(EngineEvent::ServerStarting {
                    instance,
                    port,
                    command,
                    log: log.clone(),
                })
                .await?;
            let begun = Instant::now();
            let spawned = Process::start(&spec, &tracker).await;
            let process = spawned.map_err(|error| EngineError::Spawn {
                program: spec.program.clone(),
                why: error.to_string(),
            })?;
            Starting {
                process: &process,
                address,
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
        }
    }

    /// Stops every server; the next cell starts fresh ones.
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

    /// Resolves with the first server that will never answer again; never if there is none.
    pub async fn lost(&self) -> (&Server, Hopeless) {
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
