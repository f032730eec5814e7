//! What was measured, where and with what: the lines beside a run's figures.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize as _;
use serde_json::Value;

use super::{Rows, kind_text, origin_text};
use crate::engine::event::RunEnd;
use crate::measure::figures::Mode;
use crate::monitor::info::MachineInfo;
use crate::plan::{Attached, RunKind};
use crate::store::read::Origin;
use crate::store::sidecar::Metadata;
use crate::units::{Bytes, Secs};

/// A name and its value, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub name: &'static str,
    pub value: String,
}

/// As in "24 Nov 2026, 01:29", in local time.
pub fn date_text(date: Timestamp) -> String {
    date.to_zoned_datetime(TimeZone::system())
        .strftime("%-d %b %Y, %H:%M")
        .to_string()
}

/// The chip, or the first GPU where it is one of its own.
pub(super) fn chip(machine: &Value) -> Option<String> {
    let info = MachineInfo::deserialize(machine).ok()?;
    info.gpus
        .into_iter()
        .find(|gpu| gpu.memory.is_some())
        .map(|gpu| gpu.name)
        .or(info.chip)
}

/// In the order in which they are shown; what is not known is left out.
pub(super) fn of(
    metadata: Option<&Metadata>,
    origin: Origin,
    kind: Option<RunKind>,
    date: Option<Timestamp>,
    rows: &Rows,
) -> Vec<Fact> {
    let mut facts = Facts::default();
    facts.push("Kind", kind.map(|kind| kind_text(kind).to_owned()));
    if let Some(metadata) = metadata {
        of_metadata(&mut facts, metadata, rows);
    } else {
        facts.push("Date", date.map(date_text));
        facts.push("Written by", Some(origin_text(origin).to_owned()));
    }
    let first = rows.get(0);
    facts.push(
        "Mode",
        first
            .as_ref()
            .and_then(|row| row.mode)
            .map(|mode| match mode {
                Mode::Sustained => "Sustained".to_owned(),
                Mode::Compatible => "Compatible".to_owned(),
            }),
    );
    facts.push(
        "Balancer",
        first
            .as_ref()
            .and_then(|row| row.balancer)
            .map(|b| b.to_string()),
    );
    facts.0
}

fn of_metadata(facts: &mut Facts, metadata: &Metadata, rows: &Rows) {
    let model = &metadata.plan.model;
    let synthetic = model.synthetic && !model.label.contains("synthetic");
    facts.push(
        "Model",
        Some(format!(
            "{}{}",
            model.label,
            if synthetic { " (synthetic)" } else { "" }
        )),
    );
    facts.push("Quantisation", quantisation(&metadata.provenance.model));
    facts.push("Date", Some(date_text(metadata.started_at)));
    facts.push(
        "Duration",
        metadata.times.map(|t| Secs(t.total_s).to_string()),
    );
    facts.push("Ended", ended(metadata, rows.len()));
    let machine = MachineInfo::deserialize(&metadata.provenance.machine).unwrap_or_default();
    facts.push("Chip", chip(&metadata.provenance.machine));
    facts.push("Memory", machine.memory_total.map(|b: Bytes| b.to_string()));
    facts.push("System", machine.system());
    let attached = metadata.plan.servers.attached.as_ref();
    facts.push("Attached to", attached.map(Attached::names));
    let software = |name: &str| text(&metadata.provenance.software, name);
    facts.push("mlx-lm", software("mlx_lm"));
    facts.push("mlx", software("mlx"));
    facts.push("Python", software("python"));
    facts.push("App", Some(metadata.app_version.clone()));
    facts.push("Load client", metadata.client.map(|c| c.sentence()));
    if !metadata.resumed.is_empty() {
        facts.push("Resumed", Some(times(metadata.resumed.len())));
    }
}

fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

fn ended(metadata: &Metadata, done: usize) -> Option<String> {
    let open = metadata.plan.cells.len().saturating_sub(done);
    let left = match open {
        1 => "1 cell left".to_owned(),
        n => format!("{n} cells left"),
    };
    match &metadata.end {
        Some(RunEnd::Completed) => None,
        Some(RunEnd::Stopped) => Some(format!("Stopped, {left}")),
        Some(RunEnd::Failed(why)) => Some(format!("Failed: {why}")),
        None if open == 0 => None,
        None => Some(format!("Cut short, {left}")),
    }
}

/// As in "4 bit, groups of 64".
fn quantisation(model: &Value) -> Option<String> {
    let found = model.get("description")?.get("quantisation")?;
    let bits = found.get("bits")?;
    Some(match found.get("group_size") {
        Some(group) if !group.is_null() => format!("{bits} bit, groups of {group}"),
        _ => format!("{bits} bit"),
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn push(&mut self, name: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.0.push(Fact { name, value });
        }
    }
}
