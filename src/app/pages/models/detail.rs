//! What is said of one model, ready to draw.

use std::path::PathBuf;

use super::page::Asking;
use crate::app::theme::Tone;
use crate::models::catalogue::{Entry, Presence};
use crate::models::memory::{self, Demand, Estimate, MachineMemory, Verdict};
use crate::models::synthetic::Shape;
use crate::models::{Batching, Description};
use crate::units::{Bytes, grouped};
use crate::wording::sentence;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub label: &'static str,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Detail {
    /// What a run is given.
    pub text: String,
    pub title: String,
    pub badges: Vec<(String, Tone)>,
    /// What to know before it is used, as sentences.
    pub note: Option<String>,
    pub facts: Vec<Fact>,
    /// `Batches requests`, why, and whether that is good.
    pub batching: Option<(&'static str, String, Tone)>,
    pub folder: Option<PathBuf>,
    pub path: String,
    /// What keeps it from loading.
    pub problems: Vec<String>,
    pub memory: Option<MemoryView>,
    pub makeable: Option<(String, Box<Shape>)>,
    /// Its size, where it is ours to delete.
    pub deletable: Option<Bytes>,
    pub usable: bool,
}

impl Detail {
    pub fn of(
        text: &str,
        entry: Result<&Entry, &String>,
        machine: Option<&MachineMemory>,
        demand: Option<&Demand>,
    ) -> Self {
        let entry = match entry {
            Ok(entry) => entry,
            Err(problem) => return Self::wrong(text, problem),
        };
        let described = entry.description.as_ref();
        let folder = entry.folder().map(std::path::Path::to_owned);
        let estimate = demand.and_then(|demand| match (described, &entry.presence) {
            (Some(described), _) => Some(memory::estimate(described, demand)),
            (None, Presence::ToDownload(Some(bytes))) => {
                Some(memory::estimate_weights(*bytes, demand.instances))
            }
            _ => None,
        });
        Self {
            text: entry.text.clone(),
            title: entry.label.clone(),
            badges: badges(entry),
            note: note(entry),
            facts: described.map(facts).unwrap_or_default(),
            batching: described.map(|described| batching(&described.batching)),
            path: folder
                .as_ref()
                .map(|folder| folder.display().to_string())
                .unwrap_or_default(),
            deletable: described
                .filter(|_| entry.ours && folder.is_some())
                .map(|described| described.size),
            folder,
            problems: described
                .map(|described| described.problems.clone())
                .unwrap_or_default(),
            memory: estimate
                .zip(machine)
                .map(|(estimate, machine)| MemoryView::of(&estimate, machine)),
            makeable: match &entry.presence {
                Presence::Makeable { name, shape } => Some((name.clone(), shape.clone())),
                _ => None,
            },
            usable: true,
        }
    }

    fn wrong(text: &str, problem: &str) -> Self {
        Self {
            text: text.to_owned(),
            title: text.to_owned(),
            badges: Vec::new(),
            note: None,
            facts: Vec::new(),
            batching: None,
            folder: None,
            path: String::new(),
            problems: vec![problem.to_owned()],
            memory: None,
            makeable: None,
            deletable: None,
            usable: false,
        }
    }

    /// The question before it goes to the trash.
    pub fn asking(&self) -> Option<Asking> {
        let size = self.deletable?;
        Some(Asking {
            folder: self.folder.clone()?,
            label: self.title.clone(),
            question: format!(
                "{} ({size}) goes to the trash. It can be made again at any time.",
                self.title
            ),
        })
    }
}

fn badges(entry: &Entry) -> Vec<(String, Tone)> {
    let mut badges = Vec::new();
    if entry.is_synthetic() {
        badges.push(("Synthetic".to_owned(), Tone::Warning));
    }
    badges.push(match &entry.presence {
        Presence::Here(_) => ("On disk".to_owned(), Tone::Success),
        Presence::Makeable { .. } => ("Not made yet".to_owned(), Tone::Neutral),
        Presence::ToDownload(_) => ("To download".to_owned(), Tone::Neutral),
    });
    if let Some(class) = entry.class {
        badges.push((format!("Recommended, {class}"), Tone::Accent));
    }
    badges
}

fn note(entry: &Entry) -> Option<String> {
    match &entry.presence {
        Presence::ToDownload(size) => {
            let size = match size {
                Some(bytes) => format!("about {bytes}"),
                None => "its size is not known here".to_owned(),
            };
            Some(format!(
                "Not on this disk: the server downloads it at its first start ({size}). \
                 Nothing is downloaded before."
            ))
        }
        Presence::Makeable { .. } => Some(
            "Random weights in the shape of a real model: its speed is real, its answers mean \
             nothing. It is made when a run first uses it; nothing is downloaded."
                .to_owned(),
        ),
        Presence::Here(_) if entry.is_synthetic() => {
            Some("Random weights: its speed is real, its answers mean nothing.".to_owned())
        }
        Presence::Here(_) => None,
    }
}

/// What is known, in the order of interest.
pub(super) fn facts(described: &Description) -> Vec<Fact> {
    let number = |value: Option<u64>| value.map(|value| grouped(value as f64, 0));
    let heads = described
        .kv_heads
        .zip(described.head_dim)
        .map(|(heads, size)| format!("{heads} of {size}"));
    [
        ("Architecture", described.architecture.clone()),
        (
            "Parameters",
            described.parameters.map(|count| count.to_string()),
        ),
        ("Quantisation", Some(described.bits_text())),
        ("Size on disk", Some(described.size.to_string())),
        (
            "Context length",
            number(described.context).map(|tokens| format!("{tokens} tokens")),
        ),
        ("Vocabulary", number(described.vocabulary)),
        ("Layers", number(described.layers)),
        ("Key/value heads", heads),
        (
            "Float type",
            described
                .float_type
                .as_ref()
                .map(|float| float.to_lowercase()),
        ),
        (
            "Bits a weight",
            described.bits_per_weight().map(|bits| format!("{bits:.2}")),
        ),
    ]
    .into_iter()
    .map(|(label, value)| Fact {
        label,
        value: value.unwrap_or_else(|| "–".to_owned()),
    })
    .collect()
}

fn batching(batching: &Batching) -> (&'static str, String, Tone) {
    let (answer, tone) = match batching {
        Batching::Yes { .. } => ("The server batches its requests", Tone::Success),
        Batching::No { .. } => ("The server does not batch its requests", Tone::Warning),
        Batching::Unknown { .. } => (
            "Not known whether the server batches its requests",
            Tone::Neutral,
        ),
    };
    (answer, format!("{}.", batching.why()), tone)
}

/// One part of the bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub label: &'static str,
    pub value: String,
    /// Of the bar's whole length.
    pub share: f32,
}

/// The memory of a run against what the machine has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MemoryView {
    pub parts: Vec<Part>,
    /// Where the machine's memory ends, as a share of the bar.
    pub limit: f32,
    pub limit_text: String,
    pub verdict: &'static str,
    pub tone: Tone,
    /// In full, with what to do.
    pub text: String,
    /// What a screen reader says of the bar.
    pub name: String,
}

impl MemoryView {
    pub fn of(estimate: &Estimate, machine: &MachineMemory) -> Self {
        let judgement = memory::judge(estimate, machine);
        let total = estimate.total();
        let scale = total.max(machine.usable).0.max(1) as f64;
        let share = |bytes: Bytes| (bytes.0 as f64 / scale) as f32;
        let cache = match (estimate.cache, estimate.cache_is_upper_bound) {
            (Some(cache), false) => cache.to_string(),
            (Some(cache), true) => format!("at most {cache}"),
            (None, _) => "not known".to_owned(),
        };
        let parts = vec![
            Part {
                label: "Weights",
                value: estimate.weights.to_string(),
                share: share(estimate.weights),
            },
            Part {
                label: "KV cache",
                value: cache,
                share: share(estimate.cache.unwrap_or_default()),
            },
            Part {
                label: "Processes",
                value: estimate.processes.to_string(),
                share: share(estimate.processes),
            },
        ];
        let (verdict, tone) = match judgement.verdict {
            Verdict::Fits => ("Fits", Tone::Success),
            Verdict::Tight => ("Tight", Tone::Warning),
            Verdict::DoesNotFit => ("Does not fit", Tone::Danger),
        };
        let listed: Vec<String> = parts
            .iter()
            .map(|part| format!("{} {}", part.label, part.value))
            .collect();
        Self {
            name: format!("Memory: {} of {}", listed.join(", "), machine.usable),
            parts,
            limit: share(machine.usable),
            limit_text: format!("{} {}", machine.usable, machine.name),
            verdict,
            tone,
            text: sentence(&judgement.text),
        }
    }
}
