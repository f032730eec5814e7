//! Runs a plan: starts real servers, loads them, measures, and tells what happens as one ordered
//! stream of events. Knows nothing of windows or terminals.

pub mod balance;
mod ceiling;
mod cell;
pub mod command;
mod control;
pub mod emitter;
mod energy;
pub mod error;
pub mod event;
mod lengths;
pub mod load;
mod machine;
mod reference;
mod run;
pub mod server;
pub mod source;
mod thermal;
mod watchdog;

use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};

use self::command::EngineCommand;
use self::control::Control;
use self::emitter::{Emitter, EventSink, Wake};
use self::event::{EngineEvent, LiveSnapshot};
pub use self::machine::MachineSource;
use self::server::launch::Launcher;
use self::server::pool::Environment;
use self::source::CellSource;
use crate::plan::Plan;
use crate::settings::Secret;

/// Events wait here for a slow consumer; none is dropped.
const EVENTS: usize = 1024;
const COMMANDS: usize = 16;

/// What a run needs from outside.
pub struct EngineConfig {
    /// Our own binary: its hidden subcommand watches every server.
    pub supervisor: PathBuf,
    /// How servers are started; not needed where the plan attaches to running ones.
    pub launcher: Option<Launcher>,
    /// Bearer key of attached servers. It goes into requests and nowhere else.
    pub attach_key: Option<Secret>,
    pub nginx: Option<PathBuf>,
    /// Where server logs go; made when the first server starts.
    pub logs: PathBuf,
    /// Keeps events on disk before anyone else hears of them.
    pub sink: Option<Box<dyn EventSink>>,
    pub machine: MachineSource,
    pub wake: Wake,
}

/// A plan and the cells of it that are still to run.
pub struct Run {
    pub plan: Plan,
    pub cells: Box<dyn CellSource>,
    /// Cells that an earlier run of the same file has finished.
    pub already_done: u32,
}

/// A running engine. Dropping it stops the run: nobody is left to watch it.
pub struct Handle {
    /// Every event, in order; ends after [`EngineEvent::RunFinished`].
    pub events: mpsc::Receiver<EngineEvent>,
    /// The running cell's latest state.
    pub live: watch::Receiver<LiveSnapshot>,
    pub commands: mpsc::Sender<EngineCommand>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// A handle whose events a test writes, and whose commands it reads.
    #[cfg(test)]
    pub(crate) fn scripted(
        events: mpsc::Receiver<EngineEvent>,
        live: watch::Receiver<LiveSnapshot>,
        commands: mpsc::Sender<EngineCommand>,
    ) -> Self {
        Self {
            events,
            live,
            commands,
            thread: std::thread::spawn(|| {}),
        }
    }

    /// Waits until the engine's thread has ended: no process of ours is left then.
    pub fn join(self) {
        drop((self.events, self.commands));
        if self.thread.join().is_err() {
            tracing::error!("the engine's thread panicked");
        }
    }
}

/// Threads of the engine's runtime. The client must not take the cores from the servers it measures;
/// the second one lets sockets be served while a row is written to disk.
pub const WORKERS: usize = 2;

/// Starts `run` on a thread and a runtime of its own, so that a busy window cannot slow it.
///
/// # Errors
/// The thread or its runtime cannot be made.
pub fn spawn(run: Run, config: EngineConfig) -> std::io::Result<Handle> {
    let (tell, events) = mpsc::channel(EVENTS);
    let (commands, asked) = mpsc::channel(COMMANDS);
    let (tell_live, live) = watch::channel(LiveSnapshot::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("engine")
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let environment = Environment {
                    supervisor: config.supervisor,
                    launcher: config.launcher,
                    logs: config.logs,
                };
                let emitter = Emitter::new(config.sink, tell, config.wake);
                let control = Control::follow(asked);
                let outside = run::Outside {
                    environment,
                    nginx_binary: config.nginx,
                    attach_key: config.attach_key,
                    machine: config.machine,
                };
                let main = run::Runner::new(run, outside, emitter, control, tell_live);
                // On a worker, since writing rows uses `block_in_place`.
                if let Err(error) = tokio::spawn(main.run()).await {
                    tracing::error!("the engine failed: {error}");
                }
            });
        })?;
    Ok(Handle {
        events,
        live,
        commands,
        thread,
    })
}
