//! Axes that a user adds: rows of a name and values.

use strum::VariantNames as _;

use super::edits::AxisText;
use super::words::preview;
use crate::plan::attached::is_of_server;
use crate::plan::{Axis, AxisValues, Delivery, KnownFlags, SweepAxis};
use crate::wording::sentence;

/// One row as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AxisRow {
    pub name: String,
    pub values: String,
    /// The values that it stands for.
    pub preview: Option<String>,
    pub error: Option<String>,
}

/// An axis to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub name: String,
    pub help: String,
}

/// A row that was read; `index` is its row.
pub(super) struct ReadAxis {
    pub index: usize,
    pub axis: SweepAxis,
}

/// All rows, and those of them that are axes. Empty rows are no mistake: they wait to be filled.
pub(super) fn read(own: &[Axis], texts: &[AxisText]) -> (Vec<AxisRow>, Vec<ReadAxis>) {
    let mut rows = Vec::with_capacity(texts.len());
    let mut axes: Vec<ReadAxis> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let mut row = AxisRow {
            name: text.name.clone(),
            values: text.values.clone(),
            ..AxisRow::default()
        };
        match read_row(own, text) {
            None => {}
            Some(Err(error)) => row.error = Some(error),
            Some(Ok(axis)) if axes.iter().any(|other| other.axis.axis == axis.axis) => {
                row.error = Some(format!(
                    "{} has a row already: write all its values there.",
                    axis.axis
                ));
            }
            Some(Ok(axis)) => {
                row.preview = Some(match &axis.values {
                    AxisValues::Numbers(values) => preview(values),
                    AxisValues::Texts(values) => preview(values),
                    AxisValues::Rates(values) => preview(values),
                    AxisValues::Deliveries(values) => preview(values),
                });
                axes.push(ReadAxis { index, axis });
            }
        }
        rows.push(row);
    }
    (rows, axes)
}

fn read_row(own: &[Axis], text: &AxisText) -> Option<Result<SweepAxis, String>> {
    let (name, values) = (text.name.trim(), text.values.trim());
    if name.is_empty() && values.is_empty() {
        return None;
    }
    if name.is_empty() {
        return Some(Err(
            "Choose what to vary: an axis or a flag of the server.".to_owned()
        ));
    }
    if name.contains('=') {
        return Some(Err(
            "Write the name here and its values into the field beside it.".to_owned(),
        ));
    }
    let axis = Axis::named(name);
    if own.contains(&axis) {
        return Some(Err(format!(
            "This sweep varies {axis} already: write the values into its own field."
        )));
    }
    if values.is_empty() {
        return Some(Err(match axis {
            Axis::Flag(_) => "Write its values, for example 512|2048.".to_owned(),
            Axis::RequestRate => "Write its values, for example 0.5..16x2.".to_owned(),
            Axis::Delivery => format!("Write its values: {}.", Delivery::VARIANTS.join(", ")),
            _ => "Write its values, for example 1..64x2.".to_owned(),
        }));
    }
    let read = SweepAxis::parse(&format!("{name}={values}"));
    Some(read.map_err(|error| sentence(&error.to_string())))
}

/// The built-in axes that are not among the kind's `own`, then every flag that can be varied; of an
/// attached server only what requests ask for.
pub(super) fn suggestions(
    own: &[Axis],
    attached: bool,
    known: Option<&KnownFlags>,
) -> Vec<Suggestion> {
    let bundled;
    let flags = if let Some(known) = known {
        known
    } else {
        bundled = KnownFlags::bundled();
        &bundled
    };
    let built_in = Axis::BUILT_IN
        .into_iter()
        .filter(|axis| !own.contains(axis))
        .filter(|axis| !(attached && is_of_server(axis)))
        .map(|axis| Suggestion {
            name: axis.to_string(),
            help: about(&axis).to_owned(),
        });
    let flags = flags
        .iter()
        .filter(|flag| flag.takes_value && flag.name() != "--temp")
        .filter(|flag| matches!(Axis::named(flag.name()), Axis::Flag(_)))
        // Those that are ours to set are refused here.
        .filter(|flag| SweepAxis::parse(&format!("{}=1", flag.name())).is_ok())
        .map(|flag| Suggestion {
            name: flag.name().to_owned(),
            help: flag.help.clone(),
        });
    built_in.chain(flags.filter(|_| !attached)).collect()
}

const fn about(axis: &Axis) -> &'static str {
    match axis {
        Axis::Instances => "Servers that share the load",
        Axis::DecodeConcurrency => "Requests that a server decodes at once",
        Axis::PromptConcurrency => "Prompts that a server processes at once",
        Axis::Concurrency => "Requests in flight",
        Axis::MaxTokens => "Tokens to generate per request",
        Axis::PromptTokens => "Length that the prompt is padded to",
        Axis::RequestRate => "Requests per second, sent whether or not earlier ones are answered",
        Axis::Delivery => "Direct or through nginx, streamed or not",
        Axis::Flag(_) => "A flag of the server",
    }
}
