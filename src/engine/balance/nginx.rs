//! nginx in front of the instances: its configuration, and its process with folder and pid file
//! of its own.
//!
//! Defaults of nginx would spoil the measurement (rule 15): buffering hides token times, a 60 s
//! read timeout cuts long answers, a failed upstream is left out for 10 s, and 1,024 connections
//! are too few for 512 requests in flight.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::TaskTracker;

use crate::engine::error::EngineError;
use crate::engine::server::log;
use crate::engine::server::pool::Environment;
use crate::engine::server::ports;
use crate::engine::server::process::{Process, Spec};
use crate::plan::Plan;

/// Within the prefix folder.
const CONFIGURATION: &str = "nginx.conf";

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What the configuration depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Config<'a> {
    pub listen: SocketAddr,
    pub upstreams: &'a [SocketAddr],
    /// The most requests in flight that any cell asks for.
    pub concurrency: u32,
    pub request_timeout_s: f64,
}

/// nginx's configuration file for one run. It names no folder: relative paths start at the prefix
/// (`-p`), and the log is standard error, so no path can break its syntax.
pub fn render(config: &Config<'_>) -> String {
    // Two connections a request (ours and the upstream's), and room for those just closing.
    let connections = config.concurrency * 4 + 512;
    let backlog = (config.concurrency * 2).max(511);
    // Above the client's own limit, so that the client always sees its own timeout and not a 504.
    let timeout_s = (config.request_timeout_s + 30.0).ceil();
    let mut upstreams = String::new();
    for upstream in config.upstreams {
        let _ = writeln!(upstreams, "        server {upstream} max_fails=0;");
    }
    let listen = config.listen;
    format!(
        r#"# Written by mlx-throughput-lab for one run, and removed after it.
daemon off;
# One worker: strict rotation over the instances, and far more than the instances can answer.
worker_processes 1;
worker_rlimit_nofile {files};
pid nginx.pid;
error_log stderr warn;
events {{
    worker_connections {connections};
    multi_accept on;
}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 64m;
    # A prompt stays in memory: a worker of a root's nginx may not write to the folder.
    client_body_buffer_size 64m;
    tcp_nodelay on;
    upstream instances {{
{upstreams}    }}
    server {{
        listen {listen} backlog={backlog};
        location / {{
            proxy_pass http://instances;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_max_temp_file_size 0;
            # A request goes to one instance, once: a second try would count as one.
            proxy_next_upstream off;
            proxy_connect_timeout {timeout_s}s;
            proxy_send_timeout {timeout_s}s;
            proxy_read_timeout {timeout_s}s;
            add_header X-Upstream $upstream_addr always;
            add_header X-Upstream-Connect $upstream_connect_time always;
        }}
    }}
}}
"#,
        files = connections * 2,
    )
}

/// A running nginx; dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Nginx {
    pub address: SocketAddr,
    pub command: Vec<String>,
    upstreams: Vec<SocketAddr>,
    process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Starts nginx in front of `upstreams` and waits until it listens.
    ///
    /// # Errors
    /// No free port, or nginx ended or did not listen in time; with the reason from its log.
    pub async fn start(
        binary: &Path,
        plan: &Plan,
        upstreams: Vec<SocketAddr>,
        environment: &Environment,
        processes: &TaskTracker,
    ) -> Result<Self, EngineError> {
        let host = &plan.servers.host;
        let taken: Vec<u16> = upstreams.iter().map(SocketAddr::port).collect();
        let range = plan.servers.nginx_port..=u16::MAX;
        let (free, _) = ports::free_ports(host, range, 1, &taken);
        let port = *free.first().ok_or(EngineError::NoFreePort {
            from: plan.servers.nginx_port,
            setting: "MLX_NGINX_PORT",
        })?;
        let failed = |why: String| EngineError::Nginx { why };
        let folder = tempfile::Builder::new()
            .prefix("mlx-throughput-lab-nginx-")
            .tempdir()
            .map_err(|error| failed(format!("no folder for its configuration: {error}")))?;
        let log = environment.logs.join("nginx.log");
        let concurrency = plan.cells.iter().map(|cell| cell.load.concurrency).max();
        let config = render(&Config {
            listen: ports::listen_address(host, port),
            upstreams: &upstreams,
            concurrency: concurrency.unwrap_or(1),
            request_timeout_s: plan.workload.request_timeout_s,
        });
        let file = folder.path().join(CONFIGURATION);
        std::fs::write(&file, config)
            .map_err(|error| failed(format!("{}: {error}", file.display())))?;
        let args = arguments(folder.path());
        let command = std::iter::once(binary.to_string_lossy().into_owned())
            .chain(args.iter().map(|arg| arg.to_string_lossy().into_owned()))
            .collect();
        let spec = Spec {
            supervisor: environment.supervisor.clone(),
            program: binary.to_owned(),
            args,
            env: Vec::new(),
            log: log.clone(),
        };
        let process = Process::start(&spec, processes)
            .await
            .map_err(|error| failed(format!("{}: {error}", binary.display())))?;
        let address = ports::client_address(host, port);
        tokio::select! {
            ended = process.ended() => {
                return Err(failed(match log::tail(&log, 1).as_str() {
                    "" => ended.describe(),
                    said => format!("{}; its log says: {said}", ended.describe()),
                }));
            }
            listens = timeout(START_TIMEOUT, listening(address)) => {
                listens.map_err(|_| failed("it did not listen within 10 s".to_owned()))?;
            }
        }
        Ok(Self {
            address,
            command,
            upstreams,
            process,
            _folder: folder,
        })
    }

    pub fn serves(&self, upstreams: &[SocketAddr]) -> bool {
        self.upstreams == upstreams && self.process.has_ended().is_none()
    }

    /// Resolves when nginx has ended by itself.
    pub async fn ended(&self) -> String {
        self.process.ended().await.describe()
    }

    pub async fn stop(self) {
        self.process.stop().await;
    }
}

fn arguments(folder: &Path) -> Vec<OsString> {
    let [prefix, errors, configuration] = ["-p", "-e", "-c"].map(OsString::from);
    vec![
        prefix,
        folder.into(),
        errors,
        "stderr".into(),
        configuration,
        CONFIGURATION.into(),
    ]
}

async fn listening(address: SocketAddr) {
    // No event tells of another process's bind: asking is the only way.
    let mut tick = interval(Duration::from_millis(20));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if TcpStream::connect(address).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_follows_the_rules_of_measurement() {
        let upstreams = [9000, 9001].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let text = render(&Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8088)),
            upstreams: &upstreams,
            concurrency: 512,
            request_timeout_s: 120.0,
        });
        for line in [
            "worker_connections 2560;",
            "server 127.0.0.1:9000 max_fails=0;",
            "server 127.0.0.1:9001 max_fails=0;",
            "listen 127.0.0.1:8088 backlog=1024;",
            "proxy_http_version 1.1;",
            "proxy_buffering off;",
            "proxy_read_timeout 150s;",
            "proxy_next_upstream off;",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
