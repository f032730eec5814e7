//! One combination of settings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::delivery::Delivery;
use crate::settings::Rate;

/// A server flag that an axis sets, as in `--prefill-step-size` = `512`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlagValue {
    /// With its dashes.
    pub flag: String,
    pub value: String,
}

/// What a set of servers is started with. Cells of one point share the servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerPoint {
    pub instances: u32,
    /// `None` where the user's own arguments set it: then nothing is injected.
    pub decode_concurrency: Option<u32>,
    pub prompt_concurrency: Option<u32>,
    pub flags: Vec<FlagValue>,
}

impl ServerPoint {
    /// Equal command lines: only the number of instances may differ.
    pub fn same_flags(&self, other: &Self) -> bool {
        self.decode_concurrency == other.decode_concurrency
            && self.prompt_concurrency == other.prompt_concurrency
            && self.flags == other.flags
    }
}

/// What is asked of the servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LoadPoint {
    /// Requests in flight; where they come at a rate, the most that ever are.
    pub concurrency: u32,
    /// Requests in all (compatible mode and checks); `None` in sustained mode.
    pub requests: Option<u32>,
    pub max_tokens: u32,
    /// Length the prompt is padded to, in tokens; `None` leaves it as it is.
    pub prompt_tokens: Option<u32>,
    /// Requests come at this rate (open loop); `None` holds `concurrency` of them in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_rate: Option<Rate>,
    /// Of a control cell; `None` is the plan's own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Position in the plan, from 0; stable across resumes.
    pub index: u32,
    pub point: ServerPoint,
    pub load: LoadPoint,
    /// From 1.
    pub repeat: u32,
}

impl Cell {
    /// What its repeats have in common, and other cells of a plan do not.
    pub const fn combination(&self) -> (&ServerPoint, &LoadPoint) {
        (&self.point, &self.load)
    }
}

/// `instances=1 decode_concurrency=8 prompt_concurrency=2 concurrency=4`, then what else is swept.
/// Of an open loop, `request_rate=0.5` instead of the concurrency.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |v: Option<u32>| v.map_or_else(|| "own".to_owned(), |v| v.to_string());
        write!(
            f,
            "instances={} decode_concurrency={} prompt_concurrency={}",
            self.point.instances,
            shown(self.point.decode_concurrency),
            shown(self.point.prompt_concurrency),
        )?;
        match self.load.request_rate {
            Some(rate) => write!(f, " request_rate={rate}")?,
            None => write!(f, " concurrency={}", self.load.concurrency)?,
        }
        if let Some(delivery) = self.load.delivery {
            write!(f, " delivery={delivery}")?;
        }
        for FlagValue { flag, value } in &self.point.flags {
            write!(f, " {flag}={value}")?;
        }
        Ok(())
    }
}
