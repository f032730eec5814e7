//! What was measured, where and with what: the lines beside a run's figures.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize as _;
use serde_json::Value;

use super::{Rows, kind_text, origin_text};
use crate::engine::event::RunEnd;
use crate::measure::figures::Mode;
use crate::measure::saturation::Saturation;
use crate::measure::tax::{self, Control};
use crate::monitor::info::MachineInfo;
use crate::plan::{Attached, RunKind};
use crate::store::read::Origin;
use crate::store::row::CellRow;
use crate::store::sidecar::Metadata;
use crate::units::{Bytes, Secs};
use crate::wording::capitalised;

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
    of_rates(facts, metadata, rows);
    of_controls(facts, rows);
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

/// What nginx and streaming cost, as far as control cells tell.
fn of_controls(facts: &mut Facts, rows: &Rows) {
    let cells = rows.iter().filter(|row| row.is_valid()).filter_map(|row| {
        let control = Control {
            delivery: row.delivery?,
            throughput_tps: row.throughput_tps,
        };
        let at = CellRow {
            delivery: None,
            ..row.clone().into_owned()
        };
        Some((super::best::settings(&at), control))
    });
    let lines = tax::lines(&tax::by_group(cells));
    facts.push("Taxes", (!lines.is_empty()).then(|| lines.join("; ")));
}

/// Of requests that come at a rate, and of what is held against limits.
fn of_rates(facts: &mut Facts, metadata: &Metadata, rows: &Rows) {
    let workload = &metadata.plan.workload;
    let limits = [
        ("TTFT", workload.limits.ttft_s),
        ("TPOT", workload.limits.tpot_s),
    ];
    let limits: Vec<String> = limits
        .into_iter()
        .filter_map(|(name, limit_s)| Some(format!("{name} {}", Secs(limit_s?))))
        .collect();
    facts.push("Limits", (!limits.is_empty()).then(|| limits.join(", ")));
    let Some(open) = workload.open else {
        return;
    };
    facts.push(
        "Load",
        Some(format!("Open loop, {} arrivals", open.arrivals)),
    );
    let points = rows.iter().filter_map(|row| {
        let at = CellRow {
            request_rate_rps: None,
            concurrency: 0,
            ..row.clone().into_owned()
        };
        Some((super::best::settings(&at), row.rate_point()?))
    });
    let found = Saturation::by_group(points);
    if let [(_, only)] = &found[..] {
        facts.push("Saturation", Some(capitalised(&only.rates())));
        facts.push("Most goodput", only.goodput());
        return;
    }
    let lines: Vec<String> = found
        .iter()
        .map(|(name, of)| format!("{name}: {of}"))
        .collect();
    facts.push("Saturation", (!lines.is_empty()).then(|| lines.join("; ")));
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
        0 if metadata.plan.search_sentence().is_some() => "rates are left to try".to_owned(),
        1 => "1 cell left".to_owned(),
        n => format!("{n} cells left"),
    };
    match &metadata.end {
        Some(RunEnd::Completed) => None,
        Some(RunEnd::Stopped) => Some(format!("Stopped, {left}")),
        Some(RunEnd::Failed(why)) => Some(format!("Failed: {why}")),
        None if open == 0 && metadata.plan.search_sentence().is_none() => None,
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
