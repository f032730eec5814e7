//! Control cells (measurement rule 15): the same load on the same server, direct and through nginx,
//! streamed and not. What they differ by is the proxy's tax and that of streaming.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator as _;

use super::axis::{Axis, AxisValues};
use super::build::Context;
use super::cell::Cell;
use super::{Balancer, Plan, RunKind};

/// How requests and answers travel.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Delivery {
    DirectStreamed,
    DirectWhole,
    NginxStreamed,
    NginxWhole,
}

impl Delivery {
    pub const fn balancer(self) -> Balancer {
        match self {
            Self::DirectStreamed | Self::DirectWhole => Balancer::Direct,
            Self::NginxStreamed | Self::NginxWhole => Balancer::Nginx,
        }
    }

    pub const fn is_streamed(self) -> bool {
        matches!(self, Self::DirectStreamed | Self::NginxStreamed)
    }
}

impl Plan {
    /// Who spreads the requests of this cell over the servers.
    pub fn balancer_of(&self, cell: &Cell) -> Balancer {
        let own = cell.load.delivery.map(Delivery::balancer);
        own.unwrap_or(self.servers.balancer)
    }

    /// Whether this cell's answers are streamed.
    pub fn streams(&self, cell: &Cell) -> bool {
        let own = cell.load.delivery.map(Delivery::is_streamed);
        own.unwrap_or(self.workload.stream)
    }
}

/// The deliveries of a grid: all that this machine can do, or those of `--axis`. `None` is the plan's
/// own, which every other kind of run has alone.
pub(super) fn swept(c: &mut Context, nginx_found: bool) -> Vec<Option<Delivery>> {
    let named = c.axes.iter().find_map(|axis| match &axis.values {
        AxisValues::Deliveries(values) if axis.axis == Axis::Delivery => Some(values.clone()),
        _ => None,
    });
    let all = || Delivery::iter().collect::<Vec<_>>();
    let own = c.kind == RunKind::ControlSweep;
    let Some(wanted) = named.or_else(|| own.then(all)) else {
        return vec![None];
    };
    let attached = c.attached.is_some();
    let mut seen = HashSet::new();
    let can =
        |delivery: &Delivery| delivery.balancer() == Balancer::Direct || (nginx_found && !attached);
    let (able, unable): (Vec<Delivery>, Vec<Delivery>) = wanted
        .into_iter()
        .filter(|delivery| seen.insert(*delivery))
        .partition(can);
    if !unable.is_empty() {
        c.notices.push(if attached {
            "Attached servers are reached as they are: what nginx costs is not measured.".to_owned()
        } else {
            "nginx was not found: what it costs is not measured. Install it (`brew install nginx`, \
             `apt-get install nginx-light`) or set NGINX_BIN."
                .to_owned()
        });
    }
    able.into_iter().map(Some).collect()
}
