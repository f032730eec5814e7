//! Open loop: requests come at a rate of their own, whether or not earlier ones are answered, as
//! people do. In a closed loop each waits for an answer before it sends again, so that a slow server
//! is asked less and its latency looks better than those who would have come find it: B. Schroeder,
//! A. Wierman, M. Harchol-Balter, "Open versus closed: a cautionary tale", NSDI 2006.

use serde::{Deserialize, Serialize};

use super::RunKind;
use super::axis::Axis;
use super::build::Context;
use super::error::PlanError;
use crate::measure::figures::Mode;
use crate::measure::flow::Limits;
use crate::settings::{Rate, Var};

/// The rate that a search begins with where none is given, in requests per second.
const FIRST_RPS: f64 = 1.0;

/// How requests follow each other.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Arrivals {
    /// Gaps are exponential: many people who know nothing of each other.
    #[default]
    Poisson,
    /// All gaps are equal.
    Constant,
}

/// How cells with a request rate are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLoop {
    pub arrivals: Arrivals,
    /// Decides the random gaps, with the cell's number; never sent to a server.
    pub seed: u32,
    /// More requests than this wait in this program, and their cell is flagged.
    pub max_in_flight: u32,
    /// The rates are searched, beginning with the plan's first.
    #[serde(default)]
    pub search: bool,
}

/// Whether this run's cells have a rate.
pub(super) fn is_asked(c: &Context) -> bool {
    let has_axis = || c.axes.iter().any(|axis| axis.axis == Axis::RequestRate);
    takes_rate(c.kind)
        && (c.kind == RunKind::RateSweep || has_axis() || c.settings.is_given(Var::RequestRate))
}

/// Checks send a fixed number of requests, and `quick` varies how many are in flight.
fn takes_rate(kind: RunKind) -> bool {
    !kind.is_check() && kind != RunKind::Quick
}

/// The rates of a grid; `None` is the closed loop. Of a search, only the first.
pub(super) fn rates(c: &mut Context, swept: Option<Vec<Rate>>) -> Vec<Option<Rate>> {
    if !is_asked(c) {
        if c.chosen_now(Var::RequestRate) {
            c.notices.push(format!(
                "MLX_REQUEST_RATE is not used by {}: sweep it with `sweep rate`.",
                c.kind
            ));
        }
        return vec![None];
    }
    if let Some(rates) = swept {
        return rates.into_iter().map(Some).collect();
    }
    let given = c.settings.number(Var::RequestRate);
    let rate = given.and_then(Rate::from_rps);
    vec![rate.or_else(|| Rate::from_rps(FIRST_RPS))]
}

/// Settings that make no sense together with a rate.
pub(super) fn check(c: &mut Context, mode: Mode) {
    if !is_asked(c) {
        return;
    }
    if mode == Mode::Compatible {
        let var = [Var::NumRequests, Var::RequestsMultiplier]
            .into_iter()
            .find(|var| c.settings.is_given(*var) && c.settings.text(Var::Mode).is_none())
            .unwrap_or(Var::Mode);
        c.setting_error(
            var,
            "an open loop has no fixed number of requests: its rate is held for a window. Unset it, \
             or set MLX_MODE=sustained",
        );
    }
    if c.axes.iter().any(|axis| axis.axis == Axis::Concurrency) {
        c.errors.push(PlanError::AxisOfOpenLoop);
    } else if c.chosen_now(Var::Concurrency) {
        c.notices.push(
            "MLX_CONCURRENCY is not used: with a request rate, requests are not held in flight \
             (MLX_MAX_IN_FLIGHT is the most that ever are)."
                .to_owned(),
        );
    }
    if super::dimensions::own_axes(c).contains(&Axis::Concurrency) {
        c.notices.push(
            "concurrency is not swept: with a request rate, requests are not held in flight \
             (MLX_MAX_IN_FLIGHT is the most that ever are)."
                .to_owned(),
        );
    }
}

/// `None` where no cell has a rate.
pub(super) fn open_loop(c: &mut Context, drawn_seed: Option<u32>) -> Option<OpenLoop> {
    if !is_asked(c) {
        return None;
    }
    let seed = c.settings.int(Var::Seed).or(drawn_seed).unwrap_or(0);
    let arrivals = c.settings.text(Var::Arrivals).unwrap_or_default();
    let arrivals = arrivals.parse().unwrap_or_default();
    if arrivals == Arrivals::Poisson && drawn_seed.is_some() {
        c.computed.insert(Var::Seed, seed.to_string());
    }
    Some(OpenLoop {
        arrivals,
        seed,
        max_in_flight: c.int(Var::MaxInFlight),
        search: is_search(c),
    })
}

/// A rate sweep without rates finds its own.
pub(super) fn is_search(c: &Context) -> bool {
    c.kind == RunKind::RateSweep
        && c.settings.rates(Var::RequestRateList).is_empty()
        && !c.axes.iter().any(|axis| axis.axis == Axis::RequestRate)
}

/// What goodput is held against.
pub(super) fn limits(c: &mut Context) -> Limits {
    let limit_s = |var: Var| c.settings.number(var).map(|ms| ms / 1e3);
    let limits = Limits {
        ttft_s: limit_s(Var::TtftLimit),
        tpot_s: limit_s(Var::TpotLimit),
    };
    if limits.are_set() && !c.settings.is_on(Var::Stream) {
        c.notices.push(
            "MLX_STREAM is off: TTFT and TPOT are not known, so there is no goodput.".to_owned(),
        );
    }
    limits
}
