//! The one ordered stream of events, written down before anyone else hears of it.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::error::EngineError;
use super::event::{EngineEvent, NoticeLevel};

/// Takes each event before it is told on. A finished cell is on disk before a window or a
/// terminal shows it.
pub trait EventSink: Send {
    /// # Errors
    /// The event could not be kept, for example because the disk is full. It ends the run.
    fn apply(&mut self, event: &EngineEvent) -> anyhow::Result<()>;
}

/// Tells whoever watches that there is something to drain; the window asks for a repaint.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
pub(super) struct Emitter {
    /// One lock over both, so that the file and the watchers see the same order.
    out: Arc<Mutex<Out>>,
    wake: Wake,
}

struct Out {
    sink: Option<Box<dyn EventSink>>,
    tell: mpsc::Sender<EngineEvent>,
}

impl Emitter {
    pub fn new(
        sink: Option<Box<dyn EventSink>>,
        tell: mpsc::Sender<EngineEvent>,
        wake: Wake,
    ) -> Self {
        Self {
            out: Arc::new(Mutex::new(Out { sink, tell })),
            wake,
        }
    }

    pub async fn emit(&self, event: EngineEvent) -> Result<(), EngineError> {
        let mut out = self.out.lock().await;
        let kept = match out.sink.as_mut() {
            // Writing a row syncs the disk: that must not hold up a worker that serves a socket.
            Some(sink) => tokio::task::block_in_place(|| sink.apply(&event)),
            None => Ok(()),
        };
        // Whoever watches may be gone; the files are what counts.
        let _ = out.tell.send(event).await;
        drop(out);
        (self.wake)();
        kept.map_err(|error| EngineError::Store {
            why: format!("{error:#}"),
        })
    }

    pub async fn notice(
        &self,
        level: NoticeLevel,
        text: impl Into<String>,
    ) -> Result<(), EngineError> {
        let text = text.into();
        self.emit(EngineEvent::Notice { level, text }).await
    }
}
