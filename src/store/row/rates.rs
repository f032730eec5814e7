//! The columns of requests that come at a rate, and of goodput.

use super::{CellRow, micros, rounded};
use crate::engine::event::CellStatus;
use crate::measure::flow::{Flow, SaturatedBy};
use crate::measure::saturation::RatePoint;
use crate::plan::Plan;

impl CellRow {
    pub(super) fn set_limits(&mut self, plan: &Plan) {
        let (limits, open) = (plan.workload.limits, plan.workload.open);
        (self.ttft_limit_s, self.tpot_limit_s) = (limits.ttft_s, limits.tpot_s);
        let open = open.filter(|_| self.request_rate_rps.is_some());
        self.arrivals = open.map(|open| open.arrivals);
    }

    pub(super) fn set_flow(&mut self, flow: &Flow) {
        self.achieved_rps = micros(Some(flow.achieved_rps));
        self.in_flight_mean = rounded(flow.in_flight_mean, 3);
        self.in_flight_max = Some(flow.in_flight_max);
        self.goodput_rps = micros(flow.goodput.map(|good| good.rps));
        self.goodput_ratio = micros(flow.goodput.map(|good| good.ratio));
        if let Some(open) = flow.open {
            self.due_requests = Some(open.due);
            self.held_requests = Some(open.held);
            self.saturated_by = open.saturated;
        }
    }

    /// What the row tells of its rate, as [`CellResult::rate_point`].
    pub fn rate_point(&self) -> Option<RatePoint> {
        let rate = self.request_rate_rps?;
        let unanswered = match self.status {
            Some(CellStatus::Ok) => self.achieved_rps.is_none(),
            Some(CellStatus::Invalid) => true,
            _ => return None,
        };
        Some(RatePoint {
            rate,
            saturated: self
                .saturated_by
                .or(unanswered.then_some(SaturatedBy::Achieved)),
            goodput_rps: self.goodput_rps,
        })
    }
}
