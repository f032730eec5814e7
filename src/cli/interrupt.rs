//! Ctrl-C, and what else asks a terminal program to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

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
