//! What a run is known by beside its cells: one table of what to look at and why it matters.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::Deserialize as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ComparedRun;
use super::differences::Level::{self, Info, Warning};
use crate::board::Coordinate;
use crate::measure::figures::{FlagKind, Mode};
use crate::monitor::info::MachineInfo;
use crate::plan::{Axis, Plan};
use crate::store::library::origin_text;
use crate::store::read::Origin;
use crate::store::row::CellRow;
use crate::store::sidecar::{Metadata, Provenance};

/// Characters of a prompt that are shown.
const EXCERPT: usize = 48;

/// Something that two runs may differ in.
pub(super) struct Trait {
    pub what: &'static str,
    pub level: Level,
    /// Why it could explain a delta.
    pub why: &'static str,
    /// `None` where the run's files do not tell.
    pub of: fn(&ComparedRun) -> Option<String>,
}

const fn warning(
    what: &'static str,
    why: &'static str,
    of: fn(&ComparedRun) -> Option<String>,
) -> Trait {
    Trait {
        what,
        level: Warning,
        why,
        of,
    }
}

const fn info(
    what: &'static str,
    why: &'static str,
    of: fn(&ComparedRun) -> Option<String>,
) -> Trait {
    Trait {
        what,
        level: Info,
        why,
        of,
    }
}

pub(super) const TRAITS: [Trait; 37] = [
    warning(
        "Machine",
        "Another chip or another memory computes at another speed.",
        machine,
    ),
    warning(
        "System",
        "GPU driver and scheduler come with the system.",
        system,
    ),
    warning(
        "GPU driver",
        "Kernels run at another speed under another driver.",
        driver,
    ),
    warning(
        "Power source",
        "On battery, a machine may hold its clocks down.",
        power_source,
    ),
    warning(
        "Low-power mode",
        "It holds the clocks of CPU and GPU down.",
        low_power_mode,
    ),
    warning("Thermal state", "A hot machine lowers its clocks.", thermal),
    warning(
        "Throttled cells",
        "Their GPU clock had fallen, and cool-downs did not bring it back.",
        throttled,
    ),
    warning(
        "Model",
        "Another model does other work for each token.",
        |run| plan(run, |plan| plan.model.label.clone()),
    ),
    warning(
        "Model hash",
        "The configuration or the shape of the weights is not the same.",
        |run| {
            let hash = text(description(run)?.get("hash")?)?;
            Some(hash.chars().take(12).collect())
        },
    ),
    warning(
        "Quantisation",
        "Decoding reads every weight for each token: fewer bits are read faster.",
        quantisation,
    ),
    warning(
        "mlx",
        "Its kernels change from version to version.",
        |run| software(run, "mlx"),
    ),
    warning(
        "mlx-lm",
        "The server's batching changes from version to version.",
        |run| software(run, "mlx_lm"),
    ),
    warning(
        "MLX backend",
        "CPU and GPU are not the same machine.",
        |run| software(run, "backend"),
    ),
    info("Python", "The server's own code runs in it.", |run| {
        software(run, "python")
    }),
    info(
        "App",
        "A figure may be defined more carefully in a newer version.",
        app,
    ),
    warning(
        "Written by",
        "Each lab sends and counts requests in its own way.",
        |run| Some(origin_text(run.run.origin).to_owned()),
    ),
    warning(
        "Mode",
        "A sustained window leaves out ramp-up and drain; a batch has both.",
        mode,
    ),
    warning(
        "Load",
        "In a closed loop a slow server is asked less; at a rate of their own, requests queue.",
        load,
    ),
    info(
        "Limits",
        "Goodput counts the answers that are within them.",
        limits,
    ),
    warning(
        "Streaming",
        "Sending each token by itself costs the server time.",
        streaming,
    ),
    warning(
        "Balancer",
        "nginx stands between client and servers; direct does not.",
        balancer,
    ),
    warning(
        "Prompt",
        "Other text has another length, and may answer at another length.",
        prompt,
    ),
    warning(
        "Identical prompts",
        "Where all prompts are equal, the server's cache answers part of them.",
        identical_prompts,
    ),
    warning(
        "Max tokens",
        "Longer answers spend more of their time decoding.",
        |run| length(run, &Axis::MaxTokens),
    ),
    warning(
        "Prompt tokens",
        "Longer prompts take longer to read, and their cache slows each token.",
        |run| length(run, &Axis::PromptTokens),
    ),
    warning(
        "Exact output length",
        "Without its end-of-sequence tokens a model fills every answer; with them batches empty.",
        |run| {
            plan(run, |plan| {
                let exact = plan.workload.exact_output;
                if exact { "yes" } else { "no" }.to_owned()
            })
        },
    ),
    info(
        "Prompt lengths",
        "Where they are calibrated and not exact, the real ones may be a few percent off.",
        |run| of_rows(run, |row| row.prompt_length_source),
    ),
    warning(
        "Temperature",
        "Sampling at 0 takes another path than drawing at random.",
        |run| plan(run, |plan| plan.workload.temperature.to_string()),
    ),
    warning(
        "Server arguments",
        "The servers were started differently.",
        server_args,
    ),
    warning(
        "Server environment",
        "The servers were started differently.",
        |run| {
            plan(run, |plan| {
                let env = plan.servers.env.iter();
                joined(env.map(|(name, value)| format!("{name}={value}")))
            })
        },
    ),
    warning(
        "Listen backlog",
        "Where bursts are reset, they are sent again later.",
        |run| plan(run, |plan| shown(plan.servers.backlog, "stock")),
    ),
    info(
        "Window",
        "A shorter window has a figure that spreads more.",
        window,
    ),
    info(
        "Warm-up requests",
        "The first requests after a start are slow.",
        |run| plan(run, |plan| plan.workload.warmup_requests.to_string()),
    ),
    info(
        "Order of cells",
        "Where cells run as planned, a machine that warms up makes later ones look slower.",
        |run| plan(run, |plan| plan.order.to_string()),
    ),
    info(
        "Pause between cells",
        "A machine that rests stays cooler.",
        |run| plan(run, |plan| format!("{} s", plan.cell_pause_s)),
    ),
    warning(
        "Decode and prompt axes",
        "Cells of the Python lab that differ only in these were measured with the same flags.",
        |run| {
            let applied = run.run.origin != Origin::MlxLab;
            Some(if applied { "applied" } else { "not applied" }.to_owned())
        },
    ),
    warning(
        "Metadata",
        "Without its .json, nothing is known of a run's machine, model, versions and prompt.",
        |run| {
            let stored = run.run.metadata.is_some();
            Some(if stored { "stored" } else { "none" }.to_owned())
        },
    ),
];

fn metadata(run: &ComparedRun) -> Option<&Metadata> {
    run.run.metadata.as_deref()
}

fn plan(run: &ComparedRun, of: impl Fn(&Plan) -> String) -> Option<String> {
    metadata(run).map(|metadata| of(&metadata.plan))
}

/// Of every start of the run, in order: a resumed one may have met other versions.
fn provenance(run: &ComparedRun, of: impl Fn(&Provenance) -> Option<String>) -> Option<String> {
    let metadata = metadata(run)?;
    let resumed = metadata.resumed.iter().map(|later| &later.provenance);
    let starts = std::iter::once(&metadata.provenance).chain(resumed);
    one_after_another(starts.filter_map(of))
}

fn one_after_another(values: impl Iterator<Item = String>) -> Option<String> {
    let mut told: Vec<String> = values.collect();
    told.dedup();
    (!told.is_empty()).then(|| told.join(", then "))
}

fn machine_info(provenance: &Provenance) -> MachineInfo {
    MachineInfo::deserialize(&provenance.machine).unwrap_or_default()
}

pub(super) fn machine(run: &ComparedRun) -> Option<String> {
    provenance(run, |provenance| {
        let info = machine_info(provenance);
        let gpus = info.gpus.iter().filter(|gpu| gpu.memory.is_some());
        let parts: Vec<String> = gpus
            .map(|gpu| gpu.name.clone())
            .chain(info.chip)
            .chain(info.cores_logical.map(|cores| format!("{cores} cores")))
            .chain(info.memory_total.map(|memory| memory.to_string()))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    })
}

fn system(run: &ComparedRun) -> Option<String> {
    provenance(run, |provenance| machine_info(provenance).system())
}

fn driver(run: &ComparedRun) -> Option<String> {
    provenance(run, |provenance| {
        let drivers = machine_info(provenance).gpus.into_iter();
        one_after_another(drivers.filter_map(|gpu| gpu.driver))
    })
}

fn power_source(run: &ComparedRun) -> Option<String> {
    let sources = run.power.sources.iter();
    one_after_another(sources.cloned()).map(|text| text.replace(", then ", " and "))
}

fn low_power_mode(run: &ComparedRun) -> Option<String> {
    let modes = run.power.low_power_modes.iter();
    let text = one_after_another(modes.map(|on| if *on { "on" } else { "off" }.to_owned()));
    text.map(|text| text.replace(", then ", " and "))
}

/// The values of all rows that have one, each once.
fn of_rows<T: Display>(run: &ComparedRun, of: impl Fn(&CellRow) -> Option<T>) -> Option<String> {
    let rows = run.run.rows.iter();
    let values: BTreeSet<String> = rows
        .filter_map(|row| of(&row).map(|value| value.to_string()))
        .collect();
    let values: Vec<String> = values.into_iter().collect();
    (!values.is_empty()).then(|| values.join(" and "))
}

fn thermal(run: &ComparedRun) -> Option<String> {
    of_rows(run, |row| row.thermal_worst.clone())
}

/// `None` where no clock was looked at.
fn throttled(run: &ComparedRun) -> Option<String> {
    let rows = || run.run.rows.iter();
    if !rows().any(|row| row.thermal_repeats.is_some()) {
        return None;
    }
    let hot = rows().filter(|row| row.flag_kinds().contains(&FlagKind::Throttled));
    Some(match hot.count() {
        0 => "none".to_owned(),
        n => n.to_string(),
    })
}

fn mode(run: &ComparedRun) -> Option<String> {
    of_rows(run, |row| {
        row.mode.map(|mode| match mode {
            Mode::Sustained => "sustained",
            Mode::Compatible => "compatible",
        })
    })
}

fn streaming(run: &ComparedRun) -> Option<String> {
    of_rows(run, |row| {
        row.streaming.map(|on| if on { "on" } else { "off" })
    })
}

fn balancer(run: &ComparedRun) -> Option<String> {
    of_rows(run, |row| row.balancer)
}

fn description(run: &ComparedRun) -> Option<&Value> {
    metadata(run)?.provenance.model.get("description")
}

/// As in "4 bit, groups of 64".
fn quantisation(run: &ComparedRun) -> Option<String> {
    let description = description(run).filter(|value| value.is_object())?;
    let Some(packing) = description.get("quantisation").filter(|q| q.is_object()) else {
        return text(description.get("float_type")?);
    };
    let bits = text(packing.get("bits")?)?;
    let group = packing.get("group_size").and_then(text);
    Some(match group {
        Some(group) => format!("{bits} bit, groups of {group}"),
        None => format!("{bits} bit"),
    })
}

fn software(run: &ComparedRun, name: &str) -> Option<String> {
    provenance(run, |provenance| text(provenance.software.get(name)?))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn app(run: &ComparedRun) -> Option<String> {
    let metadata = metadata(run)?;
    let resumed = metadata.resumed.iter().map(|later| &later.app_version);
    one_after_another(
        std::iter::once(&metadata.app_version)
            .chain(resumed)
            .cloned(),
    )
}

/// Its beginning, its length and its hash, since prompts may be long and differ in their middle.
fn prompt(run: &ComparedRun) -> Option<String> {
    plan(run, |plan| {
        if let Some(file) = &plan.workload.prompt_file {
            return format!(
                "{}, {} of {} prompts (SHA-256 {})",
                file.name(),
                file.used,
                file.count,
                file.short_hash()
            );
        }
        let prompt = &plan.workload.prompt;
        let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut excerpt: String = line.chars().take(EXCERPT).collect();
        if excerpt.len() < line.len() {
            excerpt.push_str("...");
        }
        let hash = Sha256::digest(prompt.as_bytes());
        let hash = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        let characters = prompt.chars().count();
        format!("\"{excerpt}\" ({characters} characters, SHA-256 {hash:08x})")
    })
}

fn identical_prompts(run: &ComparedRun) -> Option<String> {
    let identical = match run.run.origin {
        Origin::MlxLabRoundRobin => true,
        _ => metadata(run)?.plan.workload.identical_prompts,
    };
    Some(if identical { "yes" } else { "no" }.to_owned())
}

/// The lengths of the run's cells; a prompt that is sent as it is has no asked length.
fn length(run: &ComparedRun, axis: &Axis) -> Option<String> {
    let rows = run.run.rows.iter();
    let values: BTreeSet<Coordinate> = rows
        .map(|row| match axis {
            Axis::PromptTokens => row.asked_prompt_tokens,
            _ => row.max_tokens,
        })
        .map(Coordinate::from)
        .collect();
    let known = metadata(run).is_some() || values.iter().any(|v| *v != Coordinate::Default);
    let as_it_is = |value: &Coordinate| match value {
        Coordinate::Default if *axis == Axis::PromptTokens => "as written".to_owned(),
        value => value.to_string(),
    };
    known.then(|| values.iter().map(as_it_is).collect::<Vec<_>>().join(", "))
}

fn load(run: &ComparedRun) -> Option<String> {
    plan(run, |plan| match plan.workload.open {
        Some(open) => format!("open loop, {} arrivals", open.arrivals),
        None => "closed loop".to_owned(),
    })
}

fn limits(run: &ComparedRun) -> Option<String> {
    plan(run, |plan| {
        let limits = plan.workload.limits;
        let limit = |s: Option<f64>| shown(s.map(|s| format!("{} ms", s * 1e3)), "none");
        format!(
            "TTFT {}, TPOT {}",
            limit(limits.ttft_s),
            limit(limits.tpot_s)
        )
    })
}

fn server_args(run: &ComparedRun) -> Option<String> {
    plan(run, |plan| joined(plan.servers.args.iter().cloned()))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let joined = parts.collect::<Vec<_>>().join(" ");
    if joined.is_empty() {
        "none".to_owned()
    } else {
        joined
    }
}

fn shown<T: Display>(value: Option<T>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), |value| value.to_string())
}

fn window(run: &ComparedRun) -> Option<String> {
    plan(run, |plan| {
        let rule = &plan.workload.window;
        format!(
            "at least {} s, {} x E2E and {} answers; at most {} s",
            rule.min_s, rule.min_e2e, rule.min_completions, rule.max_s
        )
    })
}
