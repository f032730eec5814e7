//! Keeps the machine from falling asleep while something is measured.

/// Holds idle sleep off until dropped, and App Nap with it. The display may sleep. Does nothing on
/// systems other than macOS.
#[must_use = "the machine may sleep again as soon as this is dropped"]
pub struct KeepAwake {
    #[cfg(target_os = "macos")]
    _assertion: Option<keepawake::KeepAwake>,
}

impl KeepAwake {
    /// `reason` is shown by `pmset -g assertions`. A system that refuses is logged, not an error:
    /// a run can go well without.
    #[cfg(target_os = "macos")]
    pub fn hold(reason: &str) -> Self {
        let assertion = keepawake::Builder::default()
            .idle(true)
            .reason(reason)
            .create()
            .inspect_err(|error| tracing::warn!("this Mac may fall asleep: {error}"))
            .ok();
        Self {
            _assertion: assertion,
        }
    }

    /// `reason` is for macOS.
    #[cfg(not(target_os = "macos"))]
    pub fn hold(_reason: &str) -> Self {
        Self {}
    }
}
