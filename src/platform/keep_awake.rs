//! Keeps the machine from falling asleep, and the app from being slowed, while something is
//! measured.

use super::native;

/// Ends what was begun; called once.
pub type Release = Box<dyn FnOnce() + Send>;

/// Holds idle sleep and App Nap off until dropped, in whatever way that comes about. The display
/// may sleep. Does nothing on systems other than macOS.
#[must_use = "the machine may sleep again as soon as this is dropped"]
pub struct KeepAwake {
    release: Option<Release>,
}

impl KeepAwake {
    /// `reason` is shown by `pmset -g assertions`.
    pub fn hold(reason: &str) -> Self {
        Self::until(native::begin_activity(reason))
    }

    /// Something else that is to be released as the machine is.
    pub fn until(release: Release) -> Self {
        Self {
            release: Some(release),
        }
    }
}

impl Drop for KeepAwake {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn it_is_released_once_at_the_end_on_an_early_return_and_on_a_panic() {
        let released = Arc::new(AtomicU32::new(0));
        let hold = || {
            let count = Arc::clone(&released);
            KeepAwake::until(Box::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            }))
        };
        let awake = hold();
        assert_eq!(released.load(Ordering::Relaxed), 0, "while it is held");
        std::thread::spawn(move || drop(awake)).join().unwrap();
        assert_eq!(released.load(Ordering::Relaxed), 1);
        let failing = || {
            let _awake = hold();
            Err::<(), _>("the server did not start")
        };
        assert!(failing().is_err());
        assert_eq!(released.load(Ordering::Relaxed), 2);
        let panicking = catch_unwind(AssertUnwindSafe(|| {
            let _awake = hold();
            std::panic::resume_unwind(Box::new("a panic without its message"));
        }));
        assert!(panicking.is_err());
        assert_eq!(released.load(Ordering::Relaxed), 3);
    }
}
