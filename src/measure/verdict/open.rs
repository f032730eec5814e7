//! Flags of requests that come at a rate of their own.

use super::{Figures, Flag, FlagKind};
use crate::measure::steady::Unsteady;

/// Requests that waited in this program on purpose.
pub(super) fn held(figures: &Figures) -> u32 {
    let open = figures.flow.and_then(|flow| flow.open);
    open.map_or(0, |open| open.held)
}

pub(super) fn in_flight_capped(figures: &Figures) -> Option<Flag> {
    let most = figures.flow?.in_flight_max;
    let held = held(figures);
    (held > 0).then(|| Flag {
        kind: FlagKind::InFlightCapped,
        detail: format!(
            "{held} requests were due while {most} were in flight, the most that \
             MLX_MAX_IN_FLIGHT allows: they waited in this program. Their latency counts from when \
             they were due, but the servers had fewer requests to choose from. Ask for a lower rate, \
             or raise the cap"
        ),
    })
}

pub(super) fn queue_grows(unsteady: Unsteady) -> Option<Flag> {
    matches!(unsteady, Unsteady::QueueGrows { .. }).then(|| Flag {
        kind: FlagKind::NoSteadyState,
        detail: format!(
            "no steady state: {}. The servers do not keep up with the rate, so latencies depend on \
             how long was measured. Ask for a lower rate",
            unsteady.sentence()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Context, tests::good, verdict};
    use super::*;
    use crate::measure::flow::{Flow, Limits, OpenFlow};

    fn only_flag(figures: &Figures) -> Flag {
        let flags = verdict(figures, &Context::default());
        assert_eq!(flags.len(), 1, "{flags:?}");
        flags.into_iter().next().unwrap()
    }

    #[test]
    fn a_queue_that_grows_says_to_ask_for_less() {
        let mut figures = good();
        figures.unsteady = Some(Unsteady::QueueGrows {
            before: 3.0,
            after: 40.0,
        });
        let flag = only_flag(&figures);
        assert_eq!(flag.kind, FlagKind::NoSteadyState);
        assert!(flag.detail.contains("grew from 3 to 40"), "{}", flag.detail);
        assert!(flag.detail.contains("lower rate"), "{}", flag.detail);
    }

    #[test]
    fn requests_that_were_held_back_are_no_fault_of_the_machine() {
        let mut figures = good();
        figures.dispatch_lag.p99_s = Some(2.0);
        figures.flow = Some(Flow {
            achieved_rps: 1.0,
            in_flight_mean: 7.5,
            in_flight_max: 8,
            limits: Limits::default(),
            goodput: None,
            open: Some(OpenFlow {
                rate_rps: 2.0,
                due: 20,
                held: 3,
                saturated: None,
            }),
        });
        let flag = only_flag(&figures);
        assert_eq!(flag.kind, FlagKind::InFlightCapped);
        assert!(
            flag.detail.contains("3 requests were due while 8"),
            "{}",
            flag.detail
        );
    }
}
