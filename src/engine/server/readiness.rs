//! When a server may be used: our own process listens, and the model has answered.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, getpgid};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::log;
use super::ports::{self, Holder};
use super::process::{Ended, Process};
use crate::engine::error::EngineError;
use crate::engine::load::probe;

/// A starting server, and how long it may take.
#[derive(Debug)]
pub struct Starting<'a> {
    pub process: &'a Process,
    pub address: SocketAddr,
    /// The setting that chose the port.
    pub port_setting: &'static str,
    pub log: &'a Path,
    /// Sampling of the first request; each new temperature compiles a kernel.
    pub temperature: f64,
    pub bind_timeout_s: f64,
    pub ready_timeout_s: f64,
}

impl Starting<'_> {
    /// Waits until the model has answered one token.
    ///
    /// `/health` is no sign: it answers while the model still loads, and in older versions after
    /// the generation thread has died.
    ///
    /// # Errors
    /// The process ended, another process owns the port, the model could not be loaded, or a
    /// time limit passed; each with the reason from the log.
    pub async fn ready(&self) -> Result<(), EngineError> {
        let answered = async {
            self.bound().await?;
            self.owned()?;
            self.answered().await
        };
        tokio::select! {
            result = answered => result,
            error = self.doomed() => Err(error),
        }
    }

    async fn bound(&self) -> Result<(), EngineError> {
        // No event tells of another process's bind: asking is the only way.
        let mut tick = interval(Duration::from_millis(50));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let listens = async {
            loop {
                tick.tick().await;
                if TcpStream::connect(self.address).await.is_ok() {
                    return;
                }
            }
        };
        timeout(Duration::from_secs_f64(self.bind_timeout_s), listens)
            .await
            .map_err(|_| EngineError::BindTimeout {
                waited_s: self.bind_timeout_s,
                why: self.reason(),
            })
    }

    fn owned(&self) -> Result<(), EngineError> {
        let port = self.address.port();
        let mut holders = ports::holders(port);
        for _ in 0..LOOKS {
            match owner(self.process.pid(), &holders, group_of) {
                Owner::Ours => return Ok(()),
                Owner::Other => break,
                Owner::Gone => holders = ports::holders(port),
            }
        }
        Err(EngineError::NotOurs { port, holders })
    }

    async fn answered(&self) -> Result<(), EngineError> {
        let limit = Duration::from_secs_f64(self.ready_timeout_s);
        let begun = Instant::now();
        match probe::one_token(self.address, self.temperature, limit).await {
            Ok(_) => Ok(()),
            Err(_) if begun.elapsed() >= limit => Err(EngineError::ReadyTimeout {
                waited_s: self.ready_timeout_s,
                why: self.reason(),
            }),
            Err(error) => Err(match log::cause(self.log) {
                Some(cause) => cause.into_start_error(&error.to_string()),
                None => EngineError::NotAlive {
                    why: error.to_string(),
                },
            }),
        }
    }

    /// Resolves when the server can never become ready.
    async fn doomed(&self) -> EngineError {
        let why = hopeless(self.process, self.log).await;
        match why {
            Hopeless::Ended(ended) => match log::cause(self.log) {
                Some(log::Cause::AddressInUse) => self.port_taken(),
                Some(cause) => cause.into_start_error(&ended.describe()),
                None => EngineError::Died {
                    how: ended.describe(),
                    why: None,
                },
            },
            Hopeless::Log(log::Cause::AddressInUse) => self.port_taken(),
            Hopeless::Log(cause) => cause.into_start_error("it can answer nothing"),
        }
    }

    fn port_taken(&self) -> EngineError {
        EngineError::PortTaken {
            port: self.address.port(),
            holders: ports::holders(self.address.port()),
            setting: self.port_setting,
        }
    }

    fn reason(&self) -> Option<String> {
        log::cause(self.log).map(|cause| cause.text().to_owned())
    }
}

/// How often it is asked again who holds a port.
const LOOKS: u32 = 5;

/// Who holds a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The process, or one of the group that it leads. Also where the system does not tell who it
    /// is: then nothing speaks against us.
    Ours,
    Other,
    /// Nobody of them is there any more. A server that starts another program (MLX a compiler) forks,
    /// and until that program runs, the child holds all of its parent's sockets.
    Gone,
}

/// `group` is `None` of a process that is gone.
fn owner(pid: u32, holders: &[Holder], group: impl Fn(u32) -> Option<u32>) -> Owner {
    let is_ours = |holder: &Holder| holder.pid == pid || group(holder.pid) == Some(pid);
    if holders.is_empty() || holders.iter().any(is_ours) {
        Owner::Ours
    } else if holders.iter().all(|holder| group(holder.pid).is_none()) {
        Owner::Gone
    } else {
        Owner::Other
    }
}

fn group_of(pid: u32) -> Option<u32> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let group = getpgid(Some(pid)).ok()?;
    Some(group.as_raw_nonzero().get().cast_unsigned())
}

/// Why a server will never answer again.
#[derive(Debug)]
pub enum Hopeless {
    Ended(Ended),
    Log(log::Cause),
}

/// Resolves when the process has ended, or its log says that it cannot go on although it lives.
pub async fn hopeless(process: &Process, log_file: &Path) -> Hopeless {
    // A dead generation thread leaves the process alive, and tells only its log.
    let mut tick = interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = 0;
    loop {
        tokio::select! {
            ended = process.ended() => return Hopeless::Ended(ended),
            _ = tick.tick() => {
                let length = std::fs::metadata(log_file).map_or(0, |m| m.len());
                if length == seen {
                    continue;
                }
                seen = length;
                if let Some(cause) = log::cause(log_file).filter(log::Cause::is_fatal) {
                    return Hopeless::Log(cause);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_ours_by_its_group_and_a_holder_that_has_gone_is_no_stranger() {
        let holder = |pid| Holder {
            pid,
            name: "python".to_owned(),
        };
        // 11 is a child of 10; 12 was one, and has gone; 20 is somebody else.
        let group = |pid| match pid {
            10 | 11 => Some(10),
            20 => Some(20),
            _ => None,
        };
        for (holders, expected) in [
            (&[][..], Owner::Ours),
            (&[10], Owner::Ours),
            (&[11], Owner::Ours),
            (&[12, 11], Owner::Ours),
            (&[12], Owner::Gone),
            (&[20], Owner::Other),
            (&[12, 20], Owner::Other),
        ] {
            let holders: Vec<Holder> = holders.iter().map(|pid| holder(*pid)).collect();
            assert_eq!(owner(10, &holders, group), expected, "{holders:?}");
        }
        assert_eq!(group_of(u32::MAX), None);
        assert!(group_of(std::process::id()).is_some());
    }
}
