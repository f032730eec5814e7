//! Ctrl-C, and what else asks a terminal program to end.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Resolves each time the user asks us to end: Ctrl-C, `kill`, a closed terminal.
pub struct Interrupts {
    signals: [Signal; 3],
}

impl Interrupts {
    /// From here on these signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Runs `work` with a token that Ctrl-C cancels; `work` then ends by itself, cleanly.
///
/// # Errors
/// The system refuses a handler.
pub async fn cancellable<F: Future>(
    work: impl FnOnce(CancellationToken) -> F,
) -> std::io::Result<F::Output> {
    let cancel = CancellationToken::new();
    let mut interrupts = Interrupts::listen()?;
    let work = work(cancel.clone());
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            () = interrupts.next() => cancel.cancel(),
        }
    }
}
