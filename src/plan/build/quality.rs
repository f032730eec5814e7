//! What makes figures of a run comparable: order, reference cells, thermal gate, finalists, a search.

use super::Context;
use crate::measure::figures::Mode;
use crate::plan::{Cell, Order, ReferenceRule, RunKind, ThermalRule, TuneRule, open_loop};
use crate::settings::Var;

pub(super) fn order(c: &mut Context, drawn_seed: Option<u32>) -> Order {
    // A search goes its own way.
    if c.kind == RunKind::Tune {
        return Order::Nested;
    }
    let seed = c.settings.int(Var::Seed);
    if c.settings.text(Var::Order) == Some("nested") {
        if c.chosen_now(Var::Seed) && seed.is_some() && !open_loop::is_asked(c) {
            c.notices
                .push("MLX_SEED is not used: MLX_ORDER=nested is the plan's order.".to_owned());
        }
        return Order::Nested;
    }
    let Some(seed) = seed.or(drawn_seed) else {
        return Order::Nested;
    };
    c.computed.insert(Var::Seed, seed.to_string());
    Order::Random { seed }
}

/// What a search keeps to.
pub(super) fn tune(c: &mut Context, cells: u32, drawn_seed: Option<u32>) -> Option<TuneRule> {
    if c.kind != RunKind::Tune {
        return None;
    }
    let seed = c.settings.int(Var::Seed).or(drawn_seed).unwrap_or(0);
    c.computed.insert(Var::Seed, seed.to_string());
    let ttft_limit_ms = c.settings.number(Var::TtftLimit);
    if ttft_limit_ms.is_some() && !c.settings.is_on(Var::Stream) {
        c.setting_error(
            Var::TtftLimit,
            "TTFT is known of streamed answers only; leave MLX_STREAM on",
        );
    }
    Some(TuneRule {
        most_cells: TuneRule::most_of(cells, c.number(Var::TuneShare) / 100.0),
        of_cells: cells,
        ttft_limit_ms,
        budget_s: c.settings.number(Var::TuneBudget).map(|min| min * 60.0),
        seed,
    })
}

/// Only sweeps last so long that a machine can change meanwhile.
pub(super) fn reference(c: &Context) -> Option<ReferenceRule> {
    // Two windows of random arrivals differ by more than a machine drifts.
    let compares = is_sweep(c.kind) && !open_loop::is_asked(c);
    compares.then(|| ReferenceRule {
        every_s: c.number(Var::ReferenceEvery),
        drift: c.number(Var::DriftLimit) / 100.0,
    })
}

/// One cell, and the short windows of `quick`, have nothing to compare a clock with.
pub(super) fn thermal(c: &Context) -> Option<ThermalRule> {
    let on = is_sweep(c.kind) && c.settings.is_on(Var::ThermalGate);
    on.then(|| ThermalRule {
        clock_limit: c.number(Var::ClockLimit) / 100.0,
        cool_down_max_s: c.number(Var::CoolDownMax),
        asked_for: c.settings.is_given(Var::ThermalGate),
    })
}

/// Attached servers are not started anew; compatible mode does what the Python lab did; and in an open
/// loop the most tokens per second are those of the highest rate.
pub(super) fn finalists(c: &Context, mode: Mode, cells: &[Cell]) -> u32 {
    let open = cells.iter().any(|cell| cell.load.request_rate.is_some());
    let apt = !matches!(c.kind, RunKind::ControlSweep | RunKind::Tune)
        && is_sweep(c.kind)
        && mode == Mode::Sustained
        && c.attached.is_none()
        && !open;
    if apt { c.int(Var::Finalists) } else { 0 }
}

fn is_sweep(kind: RunKind) -> bool {
    !kind.is_check() && kind != RunKind::Quick
}
