//! What each kind of run varies, and the values of everything that it does not.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use super::RunKind;
use super::attached;
use super::axis::{Axis, AxisError, AxisValues};
use super::build::Context;
use super::delivery;
use super::error::PlanError;
use super::grid::{Grid, Requests};
use super::known_flags::FlagError;
use super::open_loop;
use super::server_args::{ServerArgs, reserved};
use super::tune::CONFIRMED_BY;
use crate::measure::figures::Mode;
use crate::settings::{Rate, Var};

pub(super) const BATCH_FLAGS: [&str; 2] = ["--decode-concurrency", "--prompt-concurrency"];

/// The axes of a kind; `--axis` adds to them or replaces their values.
pub(super) fn axes_of(kind: RunKind) -> &'static [Axis] {
    match kind {
        RunKind::Single | RunKind::Concurrent | RunKind::RoundRobin | RunKind::CustomSweep => &[],
        RunKind::ConcurrencySweep => &[Axis::DecodeConcurrency, Axis::PromptConcurrency],
        RunKind::RateSweep => &[Axis::RequestRate],
        RunKind::ControlSweep => &[Axis::Delivery],
        RunKind::RoundRobinSweep => &[Axis::MaxTokens, Axis::Concurrency],
        RunKind::FullSweep | RunKind::Tune => &[
            Axis::Instances,
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::Concurrency,
        ],
        RunKind::Quick => &[
            Axis::DecodeConcurrency,
            Axis::PromptConcurrency,
            Axis::Concurrency,
        ],
    }
}

/// The kind's axes in this run.
pub(super) fn own_axes(c: &Context) -> &'static [Axis] {
    if c.attached.is_some() {
        attached::axes_of(c.kind)
    } else {
        axes_of(c.kind)
    }
}

/// No kind sweeps prompt lengths by itself; a list of them does it in any sweep. `quick` has axes
/// enough for its minute.
pub(super) fn prompt_tokens_listed(c: &Context) -> bool {
    !c.kind.is_check()
        && c.kind != RunKind::Quick
        && !c.settings.list(Var::PromptTokensList).is_empty()
}

/// `None` only where an error was noted.
pub(super) fn grid(
    c: &mut Context,
    args: &mut ServerArgs,
    mode: Mode,
    nginx_found: bool,
) -> Option<Grid> {
    if c.kind.is_check() {
        if let Some(axis) = c.axes.first() {
            c.errors.push(PlanError::AxisOfCheck {
                kind: c.kind,
                axis: axis.axis.clone(),
            });
        }
        let batches = batch_sizes(c, &BTreeMap::new(), Some(args));
        return Some(check(c, batches));
    }
    if c.kind == RunKind::CustomSweep && c.axes.is_empty() && !prompt_tokens_listed(c) {
        c.errors.push(PlanError::NoAxis);
        return None;
    }
    let errors_before = c.errors.len();
    open_loop::check(c, mode);
    let rates = rate_axis(c);
    let (numbers, flags) = axes(c);
    if c.attached.is_none() {
        strip(c, args, &numbers, &flags);
    }
    let (decode, prompt) = batch_sizes(c, &numbers, None);
    if c.errors.len() > errors_before {
        return None;
    }
    let single = |axis: &Axis, var: Var| {
        numbers
            .get(axis)
            .cloned()
            .unwrap_or_else(|| vec![c.int(var)])
    };
    let mut grid = Grid {
        instances: single(&Axis::Instances, Var::ServerInstances),
        decode,
        prompt,
        flags,
        concurrency: Vec::new(),
        max_tokens: single(&Axis::MaxTokens, Var::MaxTokens),
        prompt_tokens: match numbers.get(&Axis::PromptTokens) {
            Some(values) => values.iter().copied().map(Some).collect(),
            None => vec![c.settings.int(Var::PromptTokens)],
        },
        rates: open_loop::rates(c, rates),
        deliveries: delivery::swept(c, nginx_found),
        requests: requests(c, mode),
        repeats: repeats(c),
    };
    // Only round robin and custom sweeps read how many servers there are.
    if let Some(attached) = &c.attached {
        grid.instances = vec![attached.urls.len() as u32];
    } else if !numbers.contains_key(&Axis::Instances)
        && !matches!(
            c.kind,
            RunKind::RoundRobinSweep | RunKind::CustomSweep | RunKind::RateSweep
        )
    {
        grid.instances = vec![1];
        c.computed.insert(Var::ServerInstances, "1".to_owned());
    }
    grid.concurrency = if open_loop::is_asked(c) {
        vec![c.int(Var::MaxInFlight)]
    } else {
        numbers
            .get(&Axis::Concurrency)
            .cloned()
            .unwrap_or_else(|| vec![fixed_concurrency(c, &grid)])
    };
    if open_loop::is_search(c) {
        one_point(c, &mut grid);
    }
    Some(grid)
}

/// Rates are searched for one combination of everything else.
fn one_point(c: &mut Context, grid: &mut Grid) {
    if grid.repeats > 1 {
        c.notices.push(
            "MLX_REPEATS is not used: rates are searched once. Give MLX_REQUEST_RATE_LIST to repeat \
             them."
                .to_owned(),
        );
        grid.repeats = 1;
    }
    if grid.size() != Some(1) {
        c.errors.push(PlanError::SearchOfSeveral);
    }
}

/// A search repeats its leading cells by itself.
fn repeats(c: &mut Context) -> u32 {
    if c.kind != RunKind::Tune {
        return c.int(Var::Repeats);
    }
    if c.chosen_now(Var::Repeats) {
        c.notices.push(format!(
            "MLX_REPEATS is not used: tune measures its leading cells {CONFIRMED_BY} times by itself."
        ));
    }
    c.computed.insert(Var::Repeats, "1".to_owned());
    1
}

/// Where it is not swept: as set, else what fills the largest batch. With less, batch sizes could
/// not make a difference.
fn fixed_concurrency(c: &mut Context, grid: &Grid) -> u32 {
    let largest = grid.largest_batch();
    let chosen = c.settings.int(Var::Concurrency).unwrap_or(largest);
    if chosen < largest && grid.decode.len() * grid.prompt.len() > 1 {
        c.notices.push(format!(
            "MLX_CONCURRENCY={chosen} requests in flight cannot fill batches of {largest}: larger \
             batch sizes than that will not differ. Leave it unset, or raise it."
        ));
    }
    c.computed.insert(Var::Concurrency, chosen.to_string());
    chosen
}

fn requests(c: &mut Context, mode: Mode) -> Requests {
    if mode == Mode::Sustained {
        let window = "as many as the window takes".to_owned();
        c.computed.insert(Var::NumRequests, window);
        return Requests::Sustained;
    }
    if let Some(requests) = c.settings.int(Var::NumRequests) {
        return Requests::Fixed(requests);
    }
    let by = c.settings.int(Var::RequestsMultiplier).unwrap_or(1);
    c.computed.insert(Var::RequestsMultiplier, by.to_string());
    c.computed
        .insert(Var::NumRequests, format!("concurrency × {by}"));
    Requests::PerConcurrency(by)
}

/// A check is one cell: N requests, C of them in flight.
fn check(c: &mut Context, (decode, prompt): BatchSizes) -> Grid {
    let instances = match c.kind {
        _ if c.attached.is_some() => c.attached.as_ref().map_or(1, |a| a.urls.len() as u32),
        RunKind::RoundRobin => c.int(Var::ServerInstances),
        _ => 1,
    };
    let chosen = c.settings.int(Var::NumRequests);
    let requests = match c.kind {
        RunKind::Single => {
            if chosen.is_some_and(|n| n != 1) && c.chosen_now(Var::NumRequests) {
                let text = "MLX_NUM_REQUESTS is not used: the single check sends one request. \
                            Use `test concurrent` for more.";
                c.notices.push(text.to_owned());
            }
            1
        }
        RunKind::RoundRobin => chosen.unwrap_or_else(|| instances.saturating_mul(16).max(16)),
        _ => chosen.unwrap_or_else(|| c.cores.saturating_mul(4).max(8)),
    };
    let concurrency = c.settings.int(Var::Concurrency).unwrap_or(requests);
    if concurrency > requests && c.kind != RunKind::Single {
        c.notices.push(format!(
            "{requests} requests cannot keep {concurrency} in flight: {requests} are."
        ));
    }
    let concurrency = concurrency.min(requests);
    for (var, value) in [
        (Var::NumRequests, requests),
        (Var::Concurrency, concurrency),
        (Var::ServerInstances, instances),
    ] {
        c.computed.insert(var, value.to_string());
    }
    Grid {
        instances: vec![instances],
        decode,
        prompt,
        flags: Vec::new(),
        concurrency: vec![concurrency],
        max_tokens: vec![c.int(Var::MaxTokens)],
        prompt_tokens: vec![c.settings.int(Var::PromptTokens)],
        rates: open_loop::rates(c, None),
        deliveries: vec![None],
        requests: Requests::Fixed(requests),
        repeats: c.int(Var::Repeats),
    }
}

type Numbers = BTreeMap<Axis, Vec<u32>>;
type Flags = Vec<(String, Vec<String>)>;

/// The kind's own axes with the values of their settings, and those of `--axis`.
fn axes(c: &mut Context) -> (Numbers, Flags) {
    let mut numbers: Numbers = BTreeMap::new();
    let mut flags: Flags = Vec::new();
    for axis in own_axes(c) {
        if let Some(var) = axis.list_var().filter(|_| *axis != Axis::RequestRate) {
            numbers.insert(axis.clone(), c.settings.list(var).to_vec());
        }
    }
    if prompt_tokens_listed(c) {
        let lengths = c.settings.list(Var::PromptTokensList).to_vec();
        numbers.insert(Axis::PromptTokens, lengths);
    }
    for axis in c.axes {
        match (&axis.axis, &axis.values) {
            // An error already.
            (axis, _) if c.attached.is_some() && attached::is_of_server(axis) => {}
            (Axis::Flag(flag), AxisValues::Texts(values)) => match flag_axis(c, flag, values) {
                Ok(flag) if flags.iter().any(|(other, _)| *other == flag) => {
                    c.errors.push(PlanError::Axis(AxisError::Twice {
                        axis: Axis::Flag(flag),
                    }));
                }
                // An abbreviation of a built-in axis's flag.
                Ok(flag) if matches!(Axis::named(&flag), Axis::Flag(_)) => {
                    flags.push((flag, values.clone()));
                }
                Ok(full) => c.errors.push(PlanError::AxisFlag(FlagError::Ambiguous {
                    flag: flag.clone(),
                    candidates: vec![full],
                })),
                Err(error) => c.errors.push(error),
            },
            // Read by `rate_axis`, and by `delivery::swept`.
            (Axis::RequestRate, AxisValues::Rates(_))
            | (Axis::Delivery, AxisValues::Deliveries(_)) => {}
            (built_in, AxisValues::Numbers(values))
                if !matches!(built_in, Axis::RequestRate | Axis::Delivery) =>
            {
                numbers.insert(built_in.clone(), values.clone());
            }
            // Only a hand-made axis can be so: parsing gives built-in axes numbers.
            (built_in, _) => {
                c.errors.push(PlanError::Axis(AxisError::Values {
                    axis: built_in.clone(),
                    problem: "its values are of another kind".to_owned(),
                    accepted: "whole numbers, rates of requests, or deliveries".to_owned(),
                }));
            }
        }
    }
    for (axis, values) in &mut numbers {
        without_repeats(c, &axis.to_string(), values);
    }
    for (flag, values) in &mut flags {
        without_repeats(c, flag, values);
    }
    (numbers, flags)
}

/// The rates of the kind's own list or of `--axis`; `None` where they are not swept.
fn rate_axis(c: &mut Context) -> Option<Vec<Rate>> {
    let named = c.axes.iter().find_map(|axis| match &axis.values {
        AxisValues::Rates(rates) if axis.axis == Axis::RequestRate => Some(rates.clone()),
        _ => None,
    });
    let own = own_axes(c).contains(&Axis::RequestRate);
    let listed = || c.settings.rates(Var::RequestRateList).to_vec();
    let mut rates = named.or_else(|| own.then(listed).filter(|rates| !rates.is_empty()))?;
    without_repeats(c, "request_rate", &mut rates);
    Some(rates)
}

fn without_repeats<T: Clone + Eq + Hash + ToString>(
    c: &mut Context,
    axis: &str,
    values: &mut Vec<T>,
) {
    let mut seen = HashSet::new();
    let mut repeated = Vec::new();
    values.retain(|value| {
        let first = seen.insert(value.clone());
        if !first {
            repeated.push(value.to_string());
        }
        first
    });
    if !repeated.is_empty() {
        c.notices.push(format!(
            "{axis}: {} is listed more than once and measured once; MLX_REPEATS repeats cells.",
            repeated.join(", ")
        ));
    }
}

/// The flag's full name, once everything about it is checked.
fn flag_axis(c: &Context, written: &str, values: &[String]) -> Result<String, PlanError> {
    let known = match c.flags.resolve(written) {
        Ok(known) => known,
        Err(error) if c.flags_are_real => return Err(error.into()),
        Err(_) => return Ok(written.to_owned()),
    };
    let flag = known.name().to_owned();
    if let Some(reason) = reserved(&flag) {
        return Err(AxisError::Reserved { flag, reason }.into());
    }
    if flag == "--temp" {
        let instead = "MLX_TEMPERATURE";
        return Err(PlanError::AxisWithoutEffect { flag, instead });
    }
    if !known.takes_value {
        return Err(PlanError::AxisOfSwitch { flag });
    }
    let refused = values
        .iter()
        .find(|v| !v.is_empty() && !known.choices.is_empty() && !known.choices.contains(v));
    if let Some(value) = refused {
        return Err(PlanError::AxisChoice {
            flag,
            value: value.clone(),
            choices: known.choices.clone(),
        });
    }
    Ok(flag)
}

/// In a sweep the cells set the batch flags and every axis: the user's own are taken out, visibly.
fn strip(c: &mut Context, args: &mut ServerArgs, numbers: &Numbers, flags: &Flags) {
    for (axis, var) in [
        (Axis::DecodeConcurrency, Var::DecodeConcurrency),
        (Axis::PromptConcurrency, Var::PromptConcurrency),
    ] {
        let flag = axis.flag().unwrap_or_default();
        let Some(argument) = args.strip(flag) else {
            continue;
        };
        let text = argument.tokens.join(" ");
        c.notices.push(if numbers.contains_key(&axis) {
            format!("{text} is taken out of the server arguments: {axis} is swept.")
        } else {
            format!(
                "{text} is taken out of the server arguments: in a sweep {var} sets it, now {}.",
                c.int(var)
            )
        });
    }
    for (flag, _) in flags {
        if let Some(argument) = args.strip(flag) {
            c.notices.push(format!(
                "{} is taken out of the server arguments: {flag} is swept.",
                argument.tokens.join(" ")
            ));
        }
    }
}

type BatchSizes = (Vec<Option<u32>>, Vec<Option<u32>>);

/// Values for both batch flags. `own` are the user's arguments in a fixed run: what stands there
/// is not injected at all.
fn batch_sizes(c: &mut Context, numbers: &Numbers, own: Option<&ServerArgs>) -> BatchSizes {
    if c.attached.is_some() {
        return (vec![None], vec![None]);
    }
    let mut refused = None;
    let mut absent = false;
    let mut values = |axis: &Axis, var: Var, c: &mut Context| {
        let flag = axis.flag().unwrap_or_default();
        let swept = numbers.get(axis);
        if own.is_some_and(|args| args.has(flag)) {
            let own = format!("{flag} of MLX_SERVER_ARGS");
            c.computed.insert(var, own);
            return vec![None];
        }
        if !c.flags.has(flag) {
            if swept.is_some() {
                refused = Some("it cannot be swept");
            } else if c.settings.is_given(var) {
                refused = refused.or(Some("it cannot be set"));
            } else {
                absent = true;
                c.computed.insert(var, "the server's own".to_owned());
            }
            return vec![None];
        }
        match swept {
            Some(values) => values.iter().copied().map(Some).collect(),
            None => vec![Some(c.int(var))],
        }
    };
    let sizes = (
        values(&Axis::DecodeConcurrency, Var::DecodeConcurrency, c),
        values(&Axis::PromptConcurrency, Var::PromptConcurrency, c),
    );
    if let Some(what) = refused {
        refuse_version(c, what);
    } else if absent {
        c.notices.push(format!(
            "{} has no flags for its batch sizes: the server's own are measured.",
            c.flags.version_text()
        ));
    }
    sizes
}

pub(super) fn refuse_version(c: &mut Context, what: &'static str) {
    c.errors.push(PlanError::NoBatchFlags {
        version: c.flags.version_text(),
        flags: BATCH_FLAGS
            .into_iter()
            .filter(|flag| !c.flags.has(flag))
            .collect(),
        what,
    });
}
