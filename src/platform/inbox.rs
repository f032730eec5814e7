//! What the system asks of the app past its window: files to open, choices in the menu bar, an end.
//!
//! It may ask before there is a window: what was asked waits here until the window looks.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// One thing that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Files and folders, opened in Finder, dropped on the Dock icon or given to `open -a`.
    Open(Vec<PathBuf>),
    /// The tag of a line in the menu bar, see [`super::menu`].
    Menu(usize),
    /// Quitting was asked for, and put off: the window has to ask the user first.
    Quit,
}

/// Shared by the window and the system's delegate; clones are one inbox.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    asks_before_quitting: AtomicBool,
}

impl Inbox {
    /// Puts it in, and wakes the window if there is one.
    pub fn put(&self, asked: Asked) {
        let mut all = self.lock();
        match (all.last_mut(), asked) {
            // Finder may tell one choice of several files in several calls.
            (Some(Asked::Open(before)), Asked::Open(paths)) => before.extend(paths),
            (_, asked) => all.push(asked),
        }
        drop(all);
        if let Some(wake) = self.0.wake.get() {
            wake();
        }
    }

    /// Everything asked since the last time, in order.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.lock())
    }

    /// Calls `wake` from now on when something comes in; only the first one counts.
    pub fn wake_with(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.wake.set(Box::new(wake));
    }

    /// Whether the user is to be asked before the app quits.
    pub fn ask_before_quitting(&self, ask: bool) {
        self.0.asks_before_quitting.store(ask, Ordering::Relaxed);
    }

    /// Whether the app may quit at once; if not, the window is told to ask.
    pub fn may_quit(&self) -> bool {
        let may = !self.0.asks_before_quitting.load(Ordering::Relaxed);
        if !may {
            self.put(Asked::Quit);
        }
        may
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        // A list of requests is whole whatever happened to who held it.
        let asked = self.0.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn what_is_asked_before_there_is_a_window_waits_for_it() {
        let inbox = Inbox::default();
        inbox.put(Asked::Open(vec!["/a.csv".into()]));
        inbox.put(Asked::Open(vec!["/b c.csv".into()]));
        inbox.put(Asked::Menu(3));
        let woken = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&woken);
        inbox.clone().wake_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(
            inbox.take(),
            [
                Asked::Open(vec!["/a.csv".into(), "/b c.csv".into()]),
                Asked::Menu(3)
            ]
        );
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        inbox.put(Asked::Menu(1));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(inbox.take(), [Asked::Menu(1)]);
        assert_eq!(inbox.take(), []);
    }

    #[test]
    fn quitting_is_put_off_only_while_the_window_wants_to_ask() {
        let inbox = Inbox::default();
        assert!(inbox.may_quit());
        assert_eq!(inbox.take(), []);
        inbox.ask_before_quitting(true);
        assert!(!inbox.may_quit());
        assert_eq!(inbox.take(), [Asked::Quit]);
        inbox.ask_before_quitting(false);
        assert!(inbox.may_quit());
    }
}
