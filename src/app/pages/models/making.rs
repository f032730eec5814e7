//! A synthetic model that is being written.

use std::time::Instant;

use crate::models::synthetic::Progress;
use crate::units::Secs;

/// Before this much time nothing is said of the rest.
const SAID_AFTER_S: f64 = 1.0;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Making {
    pub name: String,
    started: Instant,
    pub share: f32,
    /// Bytes of bytes, time left.
    pub text: String,
    pub cancelling: bool,
}

impl Making {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            started: Instant::now(),
            share: 0.0,
            text: "Starting".to_owned(),
            cancelling: false,
        }
    }

    pub fn progress(&mut self, progress: Progress) {
        let elapsed_s = self.started.elapsed().as_secs_f64();
        self.share = progress.done.0 as f32 / progress.total.0.max(1) as f32;
        if !self.cancelling {
            self.text = text(progress, elapsed_s);
        }
    }

    pub fn cancelling(&mut self) {
        self.cancelling = true;
        "Cancelling".clone_into(&mut self.text);
    }
}

fn text(progress: Progress, elapsed_s: f64) -> String {
    let Progress { done, total } = progress;
    if done == total {
        return format!("{total} written, ending");
    }
    if elapsed_s < SAID_AFTER_S || done.0 == 0 {
        return format!("{done} of {total}");
    }
    let left_s = elapsed_s / done.0 as f64 * (total.0 - done.0) as f64;
    format!("{done} of {total}, {} left", Secs(left_s.ceil()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bytes;

    #[test]
    fn the_rest_is_told_from_what_was_written() {
        let at = |done: u64, elapsed_s| {
            let progress = Progress {
                done: Bytes(done * 1_000_000),
                total: Bytes(1_000_000_000),
            };
            text(progress, elapsed_s)
        };
        assert_eq!(at(0, 5.0), "0 bytes of 1.00 GB");
        assert_eq!(at(100, 0.5), "100 MB of 1.00 GB");
        assert_eq!(at(250, 2.0), "250 MB of 1.00 GB, 6.0 s left");
        assert_eq!(at(1000, 8.0), "1.00 GB written, ending");
    }
}
