//! Each mistake at the control that mends it, and none lost.

use super::axes::ReadAxis;
use super::words::place_of;
use crate::plan::axis::AxisError;
use crate::plan::known_flags::FlagError;
use crate::plan::{Axis, KnownFlags, PlanError};
use crate::settings::{SettingError, Settings, Source, Var};
use crate::wording::sentence;

/// Where a mistake is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Field(Var),
    Overrides,
    /// A row of the axes editor.
    Axis(usize),
    /// The axes editor as a whole.
    Axes,
    Elsewhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub place: Place,
    /// For beside the control.
    pub text: String,
    /// For a list, where the control is not in sight: names the setting.
    pub full: String,
}

impl Problem {
    fn new(place: Place, text: String, full: String) -> Self {
        Self { place, text, full }
    }

    fn elsewhere(text: String) -> Self {
        Self::new(Place::Elsewhere, text.clone(), text)
    }
}

pub(super) fn of_setting(error: &SettingError) -> Problem {
    let full = error.to_string();
    match error {
        SettingError::Invalid {
            var,
            value,
            from,
            problem,
            accepted,
        } => {
            let place = field_or_overrides(*var, *from);
            let text = match from {
                Source::Edited => format!("{} Accepted: {accepted}.", sentence(problem)),
                Source::Overrides => full.clone(),
                _ => format!(
                    "{value:?} from {}: {problem}. Accepted: {accepted}.",
                    place_of(*from)
                ),
            };
            Problem::new(place, text, full)
        }
        SettingError::Unknown { .. }
        | SettingError::NotAPair { .. }
        | SettingError::OpenQuote { .. }
        | SettingError::Secret { .. } => Problem::new(Place::Overrides, full.clone(), full),
    }
}

/// A value is mended where it was written; what comes from outside the form is replaced in its
/// field.
fn field_or_overrides(var: Var, from: Source) -> Place {
    match from {
        Source::Overrides => Place::Overrides,
        _ => Place::Field(var),
    }
}

pub(super) fn of_plan(
    error: &PlanError,
    settings: &Settings,
    axes: &[ReadAxis],
    known: Option<&KnownFlags>,
) -> Problem {
    let full = error.to_string();
    let row = |flag: &str| {
        let row = axes.iter().rev().find(|read| match &read.axis.axis {
            Axis::Flag(own) => {
                own == flag
                    || known.is_some_and(|known| {
                        known.resolve(own).is_ok_and(|known| known.name() == flag)
                    })
            }
            built_in => built_in.to_string() == flag,
        });
        row.map_or(Place::Axes, |read| Place::Axis(read.index))
    };
    let at = |place: Place, text: String| Problem::new(place, text, full.clone());
    match error {
        PlanError::Args(inner) => at(
            field_or_overrides(Var::ServerArgs, settings.source(Var::ServerArgs)),
            inner.to_string(),
        ),
        PlanError::Setting { var, problem, .. } => {
            let source = settings.source(*var);
            let text = match source {
                Source::Overrides => full.clone(),
                _ => sentence(problem),
            };
            at(field_or_overrides(*var, source), text)
        }
        PlanError::PortsOverlap { .. } => at(Place::Field(Var::ServerBasePort), full.clone()),
        PlanError::NoNginx => at(
            field_or_overrides(Var::Balancer, settings.source(Var::Balancer)),
            full.clone(),
        ),
        PlanError::Model { problem, .. } => at(Place::Field(Var::ModelPath), sentence(problem)),
        PlanError::Axis(inner) => {
            let place = match inner {
                AxisError::NoValues { .. } => Place::Axes,
                AxisError::Values { axis, .. } | AxisError::Twice { axis } => {
                    row(&axis.to_string())
                }
                AxisError::Reserved { flag, .. } => row(flag),
            };
            at(place, sentence(&full))
        }
        PlanError::AxisFlag(inner) => {
            let (FlagError::Unknown { flag, .. } | FlagError::Ambiguous { flag, .. }) = inner;
            at(row(flag), sentence(&inner.to_string()))
        }
        PlanError::AxisOfSwitch { flag }
        | PlanError::AxisChoice { flag, .. }
        | PlanError::AxisWithoutEffect { flag, .. } => at(row(flag), sentence(&full)),
        PlanError::AxisOfAttached { axis, .. } => at(row(&axis.to_string()), sentence(&full)),
        PlanError::NoAxis => {
            let text = "A custom sweep needs an axis: add one under Sweep ranges.";
            Problem::new(Place::Axes, text.to_owned(), text.to_owned())
        }
        PlanError::AxisOfOpenLoop => at(row("concurrency"), sentence(&full)),
        PlanError::AxisOfCheck { .. }
        | PlanError::SearchOfSeveral
        | PlanError::NoBatchFlags { .. }
        | PlanError::TooManyCells { .. } => Problem::elsewhere(full),
    }
}
