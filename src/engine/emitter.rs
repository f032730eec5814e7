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
        let kept = {
            let mut out = self.out.lock().await;
            let Out { sink, tell } = &mut *out;
            // First a place for it: an emit that is given up while it waits has kept nothing
            // either, so that nothing is on disk which no one was told. Whoever watches may be
            // gone; the files are what counts.
            let place = tell.reserve().await;
            let kept = match sink.as_mut() {
                // Writing a row syncs the disk: that must not hold up a worker that serves a
                // socket.
                Some(sink) => tokio::task::block_in_place(|| sink.apply(&event)),
                None => Ok(()),
            };
            if let Ok(place) = place {
                place.send(event);
            }
            kept
        };
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::time::Duration;

    use super::*;

    struct Count(Arc<AtomicU32>);

    impl EventSink for Count {
        fn apply(&mut self, _event: &EngineEvent) -> anyhow::Result<()> {
            self.0.fetch_add(1, Relaxed);
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_event_is_kept_and_told_or_neither() {
        let kept = Arc::new(AtomicU32::new(0));
        let (tell, mut told) = mpsc::channel(1);
        let sink = Box::new(Count(Arc::clone(&kept)));
        let emitter = Emitter::new(Some(sink), tell, Arc::new(|| {}));
        emitter.notice(NoticeLevel::Info, "first").await.unwrap();
        // Nobody reads, so the second has no place, and whoever waits for one gives up.
        let second = emitter.notice(NoticeLevel::Info, "second");
        let given_up = tokio::time::timeout(Duration::from_millis(20), second).await;
        assert!(given_up.is_err());
        assert_eq!(kept.load(Relaxed), 1);
        assert!(told.recv().await.is_some());
        // With the watcher gone the files still get everything.
        drop(told);
        emitter.notice(NoticeLevel::Info, "third").await.unwrap();
        assert_eq!(kept.load(Relaxed), 2);
    }
}
