//! Commands from outside, as states that a running cell can wait for.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::command::EngineCommand;

/// One token a run, a child token a cell, and whether to wait between cells.
#[derive(Debug, Clone)]
pub(super) struct Control {
    pub stop: CancellationToken,
    cell: Arc<Mutex<CancellationToken>>,
    paused: watch::Receiver<bool>,
}

impl Control {
    /// Follows `commands` until their sender is gone, which stops the run: nobody is left to
    /// watch it.
    pub fn follow(mut commands: mpsc::Receiver<EngineCommand>) -> Self {
        let stop = CancellationToken::new();
        let (pause, paused) = watch::channel(false);
        let control = Self {
            cell: Arc::new(Mutex::new(stop.child_token())),
            stop,
            paused,
        };
        let follower = control.clone();
        tokio::spawn(async move {
            while let Some(command) = commands.recv().await {
                match command {
                    EngineCommand::Pause => _ = pause.send_replace(true),
                    EngineCommand::Resume => _ = pause.send_replace(false),
                    EngineCommand::SkipCell => follower.current().cancel(),
                    EngineCommand::Stop => follower.stop.cancel(),
                }
            }
            follower.stop.cancel();
        });
        control
    }

    fn current(&self) -> CancellationToken {
        self.cell
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The token of a new cell.
    pub fn next_cell(&self) -> CancellationToken {
        let token = self.stop.child_token();
        *self.cell.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        token
    }

    /// Waits while paused; returns at once when stopped.
    pub async fn go(&self) {
        let mut paused = self.paused.clone();
        tokio::select! {
            () = self.stop.cancelled() => {}
            _ = paused.wait_for(|paused| !paused) => {}
        }
    }
}
