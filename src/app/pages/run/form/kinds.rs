//! Kinds of runs, in plain words.

use crate::plan::RunKind;

/// What the menu of kinds shows of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct KindWords {
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
}

/// In the order of the menu, under their headings.
pub(super) const MENU: [(&str, &[RunKind]); 4] = [
    ("Quick answer", &[RunKind::Quick]),
    (
        "Checks",
        &[RunKind::Single, RunKind::Concurrent, RunKind::RoundRobin],
    ),
    (
        "Sweeps",
        &[
            RunKind::ConcurrencySweep,
            RunKind::RoundRobinSweep,
            RunKind::FullSweep,
            RunKind::CustomSweep,
            RunKind::RateSweep,
            RunKind::ControlSweep,
        ],
    ),
    ("Search", &[RunKind::Tune]),
];

pub(super) const fn words(kind: RunKind) -> KindWords {
    let (name, about) = match kind {
        RunKind::Quick => (
            "Quick",
            "About a minute: a coarse sweep, then a closer look around the best cell.",
        ),
        RunKind::Single => ("Single request", "One server, one request: does it work?"),
        RunKind::Concurrent => (
            "Concurrent requests",
            "One server, many requests at once: does it hold?",
        ),
        RunKind::RoundRobin => (
            "Round robin",
            "Several servers, requests spread over them: do all of them answer?",
        ),
        RunKind::ConcurrencySweep => (
            "Concurrency sweep",
            "Decode and prompt batch sizes, one server for each combination.",
        ),
        RunKind::RoundRobinSweep => (
            "Round-robin sweep",
            "Answer lengths and requests in flight, over several servers.",
        ),
        RunKind::FullSweep => (
            "Full sweep",
            "Servers, decode and prompt batch sizes, and requests in flight.",
        ),
        RunKind::Tune => (
            "Tune",
            "Near the best of a large sweep, from a quarter of its cells or fewer.",
        ),
        RunKind::CustomSweep => (
            "Custom sweep",
            "Any axes: the built-in ones, or any flag of the server.",
        ),
        RunKind::RateSweep => (
            "Rate sweep",
            "Requests that come at a rate of their own: what can the server keep up with?",
        ),
        RunKind::ControlSweep => (
            "Control cells",
            "One load direct and through nginx, streamed and not: what do the proxy and streaming cost?",
        ),
    };
    KindWords { name, about }
}
