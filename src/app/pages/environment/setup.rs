//! Setting up MLX, as it goes.

use crate::python::managed::Progress;

/// Lines of the log that are kept: an installer prints some thousand.
const MOST_LINES: usize = 5_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SetupState {
    #[default]
    Idle,
    Running {
        /// Cancel was asked for, and what is under way ends.
        cancelling: bool,
    },
    Done,
    Cancelled,
    /// With what went wrong and what to do.
    Failed(String),
}

/// A fold over [`Progress`].
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub(super) state: SetupState,
    /// What is being done, as a sentence.
    pub(super) step: String,
    /// The installer's latest line.
    pub(super) line: String,
    pub(super) log: Vec<String>,
    /// What the managed environment needs, and why; `None` where it is whole.
    pub(super) reason: Option<String>,
}

impl Setup {
    pub fn state(&self) -> &SetupState {
        &self.state
    }

    /// What is being done, as a sentence.
    pub fn step(&self) -> &str {
        &self.step
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, SetupState::Running { .. })
    }

    /// `Some` where the managed environment is missing, not whole or of other versions (see
    /// `managed::reason_to_remake`).
    pub fn set_reason(&mut self, reason: Option<String>) {
        self.reason = reason;
    }

    pub fn begin(&mut self) {
        *self = Self {
            state: SetupState::Running { cancelling: false },
            step: "Starting".to_owned(),
            reason: self.reason.take(),
            ..Self::default()
        };
    }

    pub fn cancelling(&mut self) {
        if let SetupState::Running { cancelling } = &mut self.state {
            *cancelling = true;
            "Cancelling".clone_into(&mut self.step);
        }
    }

    pub fn progress(&mut self, progress: &Progress) {
        let step = match progress {
            Progress::Waiting => "Waiting for another window that is setting up MLX",
            Progress::Finding => "Looking for a Python to build on",
            Progress::CreatingVenv { python } => {
                self.keep(&format!("Making a virtual environment from {python}"));
                "Making a virtual environment"
            }
            Progress::Installing { line } => {
                self.keep(line);
                self.line.clone_from(line);
                "Installing mlx and mlx-lm"
            }
            Progress::Retrying { reason } => {
                self.keep(&format!("Trying once more after: {reason}"));
                "Trying once more"
            }
            Progress::Checking => {
                self.line.clear();
                "Starting the server once to check it"
            }
            Progress::Done { .. } => "Done",
        };
        if !matches!(self.state, SetupState::Running { cancelling: true }) {
            step.clone_into(&mut self.step);
        }
    }

    /// `Err(None)`: it was cancelled.
    pub fn finish(&mut self, outcome: Result<(), Option<String>>) {
        self.line.clear();
        self.state = match outcome {
            Ok(()) => {
                self.reason = None;
                SetupState::Done
            }
            Err(None) => SetupState::Cancelled,
            Err(Some(error)) => {
                self.keep(&error);
                SetupState::Failed(error)
            }
        };
    }

    fn keep(&mut self, line: &str) {
        if self.log.len() == MOST_LINES {
            // Half at once, so that it is not moved for every line.
            self.log.drain(..MOST_LINES / 2);
        }
        self.log.extend(line.lines().map(str::to_owned));
    }
}
