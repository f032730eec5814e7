//! What can go wrong with servers, each with what happened, why, and what to do next.

use std::path::PathBuf;

use super::load::limits::OpenFilesError;
use super::server::ports::Holder;

/// A failure to start or keep a server, a balancer or a run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    #[error(
        "port {port} is taken by {}. Stop that process, or choose another port with {setting}",
        named(.holders)
    )]
    PortTaken {
        port: u16,
        holders: Vec<Holder>,
        setting: &'static str,
    },

    #[error(
        "no free port from {from} on. Choose another range with {setting}, or end what holds them"
    )]
    NoFreePort { from: u16, setting: &'static str },

    #[error(
        "port {port} is answered by {} and not by the server we started, so its figures would be \
         another program's",
        named(.holders)
    )]
    NotOurs { port: u16, holders: Vec<Holder> },

    #[error(
        "no server can listen on {host}: {why}. MLX_SERVER_HOST is an address of this machine: \
         127.0.0.1 for itself alone, 0.0.0.0 for its whole network"
    )]
    BadHost { host: String, why: String },

    #[error("{} could not be started: {}", .program.display(), told(.why))]
    Spawn { program: PathBuf, why: String },

    #[error(
        "the server's Python has no mlx_lm: {}. Run `mlx-throughput-lab setup`, or name a \
         Python that has it with MLX_PYTHON",
        told(.why)
    )]
    NoMlx { why: String },

    #[error(
        "mlx_lm.server refused its arguments: {}. See `mlx-throughput-lab doctor` for the \
         installed version",
        told(.why)
    )]
    BadArguments { why: String },

    #[error(
        "the server could not load the model: {}. Check MLX_MODEL_PATH; \
         `mlx-throughput-lab models list` shows what is on disk",
        told(.why)
    )]
    Model { why: String },

    #[error("the server ended: {how}{}", because(.why.as_ref()))]
    Died { how: String, why: Option<String> },

    #[error(
        "the server's generation thread died{}; the process stays, but can answer nothing more",
        because(.why.as_ref())
    )]
    ThreadDied { why: Option<String> },

    #[error(
        "the server opened no port within {waited_s:.0} s{}. Raise MLX_SERVER_BIND_TIMEOUT if \
         this machine is slow",
        because(.why.as_ref())
    )]
    BindTimeout { waited_s: f64, why: Option<String> },

    #[error(
        "the model did not answer within {waited_s:.0} s{}. Raise MLX_READY_TIMEOUT if it is \
         large or still being downloaded",
        because(.why.as_ref())
    )]
    ReadyTimeout { waited_s: f64, why: Option<String> },

    #[error(
        "no token for {waited_s:.0} s while {in_flight} requests waited: the server is wedged{}. \
         It is restarted for the next cell; MLX_WATCHDOG_S sets how long to wait",
        because(.why.as_ref())
    )]
    Wedged {
        waited_s: f64,
        in_flight: u32,
        why: Option<String>,
    },

    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),

    #[error("not tried again, since its servers did not start: {why}")]
    PointFailed { why: String },

    #[error("a server does not answer a one-token request: {why}")]
    NotAlive { why: String },

    #[error(
        "the attached server {url} does not answer a one-token request: {why}. Is it running, and does \
         it serve this model? MLX_ATTACH names its URL, MLX_ATTACH_MODEL the model, MLX_ATTACH_KEY its \
         key; this program does not start or stop it"
    )]
    AttachedNotAlive { url: String, why: String },

    #[error("an attached server cannot be reached: {why}")]
    AttachedUnreachable { why: String },

    #[error("there is no Python to start servers with, and none are attached")]
    NothingToStart,

    #[error(
        "no token for {waited_s:.0} s while {in_flight} requests waited: the attached server does not \
         go on. It is not ours, so it is not restarted; MLX_WATCHDOG_S sets how long to wait"
    )]
    AttachedWedged { waited_s: f64, in_flight: u32 },

    #[error(
        "nginx could not be started: {}. Install it, name it with NGINX_BIN, or set \
         MLX_BALANCER=direct",
        told(.why)
    )]
    Nginx { why: String },

    #[error("nginx ended while the cell ran: {how}. It is started again for the next cell")]
    NginxEnded { how: String },

    #[error("the results could not be written: {why}")]
    Store { why: String },

    #[error("stopped")]
    Cancelled,
}

impl EngineError {
    /// True where every server of the run would fail alike, so that going on is no use.
    pub fn concerns_every_cell(&self) -> bool {
        matches!(
            self,
            Self::NoMlx { .. }
                | Self::Model { .. }
                | Self::Spawn { .. }
                | Self::PortTaken { .. }
                | Self::NoFreePort { .. }
                | Self::BadHost { .. }
                | Self::Nginx { .. }
                | Self::AttachedNotAlive { .. }
                | Self::AttachedUnreachable { .. }
                | Self::NothingToStart
        )
    }

    /// True where a server's log may tell more than the error does. (Of refused arguments it tells
    /// its whole usage, at length.)
    pub fn concerns_a_server(&self) -> bool {
        matches!(
            self,
            Self::NotOurs { .. }
                | Self::NoMlx { .. }
                | Self::Model { .. }
                | Self::Died { .. }
                | Self::ThreadDied { .. }
                | Self::BindTimeout { .. }
                | Self::ReadyTimeout { .. }
                | Self::Wedged { .. }
                | Self::NotAlive { .. }
        )
    }
}

/// Another program's words inside a sentence of ours, which has its own full stop.
fn told(why: &str) -> &str {
    why.trim().trim_end_matches(['.', ':'])
}

fn named(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return "a process of another user".to_owned();
    }
    let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn because(why: Option<&String>) -> String {
    why.map_or_else(String::new, |why| format!(". Its log says: {}", told(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_others_do_not_double_our_full_stop() {
        let model = EngineError::Model {
            why: "No weights found.\n".to_owned(),
        };
        let text = model.to_string();
        assert!(text.contains("model: No weights found. Check"), "{text}");
        let wedged = EngineError::Wedged {
            waited_s: 30.0,
            in_flight: 4,
            why: Some("Resource limit (499000) exceeded.".to_owned()),
        };
        let text = wedged.to_string();
        assert!(text.contains("exceeded. It is restarted"), "{text}");
    }
}
