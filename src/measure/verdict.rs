//! How far a cell's figures can be trusted: each flag says what was seen and what to do.

mod open;

use super::client::CellClient;
use super::figures::{Figures, Flag, FlagKind, Mode, Percentiles};
use crate::prompts::LengthSource;
use crate::units::{Ratio, Secs};

/// Where each flag begins (measurement rules 2, 4, 7, 14 and 15).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Share of requests that may fail.
    pub errors: f64,
    /// Share of prompt tokens that the prompt cache may answer.
    pub cached: f64,
    /// Dispatch lag p99, in seconds.
    pub dispatch_lag_s: f64,
    /// Dispatch lag p99, as a share of the median TTFT.
    pub dispatch_lag_of_ttft: f64,
    /// Connect p99, in seconds.
    pub connect_s: f64,
    /// By how much the requests per instance may differ.
    pub instance_spread: u32,
    /// Share of answers that may end before `max_tokens`.
    pub stopped_early: f64,
    /// Chunks per second, as a share of the load client's ceiling.
    pub of_client_ceiling: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            errors: 0.01,
            cached: 0.01,
            dispatch_lag_s: 0.005,
            dispatch_lag_of_ttft: 0.01,
            connect_s: 0.1,
            instance_spread: 1,
            stopped_early: 0.0,
            of_client_ceiling: 0.1,
        }
    }
}

/// What the requests cannot tell of a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    pub thresholds: Thresholds,
    /// The cell asked the same prompt each time.
    pub identical_prompts: bool,
    /// How a server's real arguments differ from the asked ones.
    pub flag_differences: Vec<String>,
    /// Which server did not answer a one-token completion, and when.
    pub not_alive: Option<String>,
    /// Why the server cannot batch these requests.
    pub not_batched: Option<String>,
    /// The cell that this one repeats, since the server decodes with max(decode, prompt).
    pub duplicate_of: Option<String>,
    /// A part of the window's end that nobody asked for (every request failed).
    pub gave_up: Option<String>,
    /// Where the servers are, if this program did not start them.
    pub attached: Option<String>,
    /// The length that prompts were to have, in tokens, and how it was reached.
    pub prompt_length: Option<(u32, LengthSource)>,
    /// No answer could end by itself.
    pub exact_output: bool,
    /// What the load client did and can do.
    pub client: CellClient,
    /// The TTFT p95 that a cell may have, in milliseconds.
    pub ttft_limit_ms: Option<f64>,
}

/// The flags of a cell, those that make it invalid first.
pub fn verdict(figures: &Figures, context: &Context) -> Vec<Flag> {
    let mut flags: Vec<Flag> = [
        flags_not_applied(context),
        not_alive(context),
        errors(figures, context),
        empty_window(figures),
        cached(figures, context),
        client_limited(figures, &context.thresholds),
        context.client.flag(context.thresholds.of_client_ceiling),
        slow_connects(figures, &context.thresholds),
        unbalanced(figures, &context.thresholds),
        open::in_flight_capped(figures),
        short_window(figures, context),
        no_steady_state(figures),
        stopped_early(figures, &context.thresholds),
        prompt_length(figures, context),
        context.not_batched.as_ref().map(|why| Flag {
            kind: FlagKind::NotBatched,
            detail: format!("the server cannot batch these requests: {why}"),
        }),
        context.duplicate_of.as_ref().map(|other| Flag {
            kind: FlagKind::DuplicateOf,
            detail: format!(
                "decode concurrency is below prompt concurrency: the server decodes with the \
                 larger of both, as in the cell {other}"
            ),
        }),
        attached(figures, context),
        context.exact_output.then(|| Flag {
            kind: FlagKind::ExactOutput,
            detail: "exact output length was asked for: the model ran without its end-of-sequence \
                     tokens, so every answer is as long as asked, and goes on past its end"
                .to_owned(),
        }),
        over_ttft_limit(figures, context),
        context.identical_prompts.then(|| Flag {
            kind: FlagKind::IdenticalPrompts,
            detail: "identical prompts were asked for: the prompt cache answers most of each, so \
                     prefill is hardly measured"
                .to_owned(),
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    flags.sort_by_key(|flag| !flag.kind.invalidates());
    flags
}

/// The highest percentile that the samples support, and its name; of very few, the longest.
fn tail_s(p: &Percentiles) -> Option<(f64, &'static str)> {
    [
        (p.p99_s, "p99"),
        (p.p95_s, "p95"),
        (p.p90_s, "p90"),
        (p.max_s, "the longest"),
    ]
    .into_iter()
    .find_map(|(value, name)| Some((value?, name)))
}

fn over_ttft_limit(figures: &Figures, context: &Context) -> Option<Flag> {
    let limit_ms = context.ttft_limit_ms?;
    let seen = figures.ttft.p95_or_max_s();
    let detail = match seen {
        Some((s, _)) if s * 1e3 <= limit_ms => return None,
        Some((s, false)) => format!("TTFT p95 of {} is over the limit", Secs(s)),
        Some((s, true)) => format!(
            "{} requests are too few for a p95, and their longest TTFT of {} is over the limit",
            figures.ttft.n,
            Secs(s)
        ),
        None => "no TTFT was measured to hold against the limit".to_owned(),
    };
    Some(Flag {
        kind: FlagKind::OverTtftLimit,
        detail: format!("{detail} of {limit_ms} ms: this cell cannot be the best"),
    })
}

fn flags_not_applied(context: &Context) -> Option<Flag> {
    (!context.flag_differences.is_empty()).then(|| Flag {
        kind: FlagKind::FlagsNotApplied,
        detail: format!(
            "the server runs with other arguments than asked: {}. The figure is of another cell; \
             check the advanced arguments and the server's version",
            context.flag_differences.join("; ")
        ),
    })
}

fn not_alive(context: &Context) -> Option<Flag> {
    context.not_alive.as_ref().map(|which| Flag {
        kind: FlagKind::ServerNotAlive,
        detail: format!(
            "{which}: no answer to a one-token completion. Its log's last error says why; run the \
             cell again"
        ),
    })
}

fn errors(figures: &Figures, context: &Context) -> Option<Flag> {
    let failed = figures.error_count();
    let share = f64::from(failed) / f64::from(figures.requests.max(1));
    // A cell without any answer is no measurement, whatever the count.
    let nothing = figures.total_tokens == 0;
    (share > context.thresholds.errors || nothing).then(|| {
        let classes: Vec<String> = figures
            .errors
            .iter()
            .map(|(class, n)| format!("{n} {class}"))
            .collect();
        let mut detail = if failed == 0 {
            "no request was answered".to_owned()
        } else {
            format!(
                "{failed} of {} requests failed ({}): {}, above the {} that a figure can bear. The \
                 requests file and the server's log say why",
                figures.requests,
                classes.join(", "),
                Ratio(share),
                Ratio(context.thresholds.errors),
            )
        };
        if let Some(why) = &context.gave_up {
            detail = format!("{detail}. Sending was ended early: {why}");
        }
        Flag {
            kind: FlagKind::TooManyErrors,
            detail,
        }
    })
}

fn attached(figures: &Figures, context: &Context) -> Option<Flag> {
    context.attached.as_ref().map(|urls| Flag {
        kind: FlagKind::Attached,
        detail: format!(
            "attached to {urls}: the flags, batch sizes and version of a server that this program \
             did not start cannot be proven{}",
            if figures.cached_tokens.is_none() {
                ", and it does not say what its prompt cache answered"
            } else {
                ""
            }
        ),
    })
}

fn cached(figures: &Figures, context: &Context) -> Option<Flag> {
    let cached = figures.cached_tokens?;
    if figures.prompt_tokens == 0 {
        return None;
    }
    let share = cached as f64 / figures.prompt_tokens as f64;
    (share > context.thresholds.cached).then(|| Flag {
        kind: FlagKind::CachedPrompts,
        detail: format!(
            "the prompt cache answered {cached} of {} prompt tokens ({}), so prefill is measured \
             too fast. {}",
            figures.prompt_tokens,
            Ratio(share),
            if context.identical_prompts {
                "That follows from identical prompts"
            } else {
                "Prompts share the opening of the chat template; use longer prompts, or \
                 --prompt-cache-size=0"
            }
        ),
    })
}

fn client_limited(figures: &Figures, limits: &Thresholds) -> Option<Flag> {
    // That requests were held back on purpose has a flag of its own.
    if open::held(figures) > 0 {
        return None;
    }
    let (lag_s, which) = tail_s(&figures.dispatch_lag)?;
    let ttft_s = figures.ttft.p50_s.or(figures.ttft.mean_s);
    let of_ttft_s = ttft_s.map(|ttft_s| ttft_s * limits.dispatch_lag_of_ttft);
    let allowed_s = of_ttft_s.map_or(limits.dispatch_lag_s, |s| s.min(limits.dispatch_lag_s));
    (lag_s > allowed_s).then(|| Flag {
        kind: FlagKind::ClientLimited,
        detail: format!(
            "this program was late in sending: dispatch lag {:.2} ms ({which}), above {:.2} ms. The \
             machine is short of CPU: close other programs, or lower the concurrency or the rate",
            lag_s * 1e3,
            allowed_s * 1e3,
        ),
    })
}

fn slow_connects(figures: &Figures, limits: &Thresholds) -> Option<Flag> {
    let (connect_s, which) = tail_s(&figures.connect)?;
    (connect_s > limits.connect_s).then(|| Flag {
        kind: FlagKind::SlowConnects,
        detail: format!(
            "connecting took {} ({which}), above {}: the server's listen queue is short, so \
             bursts are spaced out ({} handshakes repeated). TTFT includes that wait; \
             MLX_SERVER_BACKLOG=1024 removes it, labelled",
            Secs(connect_s),
            Secs(limits.connect_s),
            figures.connect_retries,
        ),
    })
}

fn unbalanced(figures: &Figures, limits: &Thresholds) -> Option<Flag> {
    let counts = || figures.per_instance.values().copied();
    let (least, most) = counts().min().zip(counts().max())?;
    (most - least > limits.instance_spread).then(|| {
        let each: Vec<String> = figures
            .per_instance
            .iter()
            .map(|(instance, n)| format!("{n} by instance {instance}"))
            .collect();
        Flag {
            kind: FlagKind::Unbalanced,
            detail: format!(
                "requests were not spread evenly: {}. The least busy instance had capacity left; \
                 check the balancer's log, or use MLX_BALANCER=direct",
                each.join(", ")
            ),
        }
    })
}

/// Seen where the first requests of a size have the server build GPU kernels for half a minute.
fn empty_window(figures: &Figures) -> Option<Flag> {
    let nothing = figures.throughput_tps <= 0.0 && figures.total_tokens > 0;
    (figures.mode == Mode::Sustained && nothing).then(|| Flag {
        kind: FlagKind::EmptyWindow,
        detail: format!(
            "none of {} tokens came within the window: the server took longer to begin. Run the \
             cell again, or raise MLX_WINDOW_MAX_S",
            figures.total_tokens
        ),
    })
}

fn short_window(figures: &Figures, context: &Context) -> Option<Flag> {
    (figures.mode == Mode::Sustained && figures.window_capped).then(|| {
        let seen = match (figures.window_s, figures.window_completions) {
            (Some(s), Some(n)) => format!("it ended after {} with {n} answers", Secs(s)),
            _ => "no request had its first token".to_owned(),
        };
        let why = match &context.gave_up {
            Some(why) => format!("because {why}"),
            None if figures.window_trimmed_s > 0.0 => format!(
                "with {} of a ramp or a drain cut off it. Raise MLX_WINDOW_MIN_S and the cap",
                Secs(figures.window_trimmed_s)
            ),
            None => "at its cap, before it was as long as the rule asks. Raise the cap, or lower \
                     the tokens per request"
                .to_owned(),
        };
        Flag {
            kind: FlagKind::ShortWindow,
            detail: format!("the window is short: {seen}, {why}"),
        }
    })
}

fn no_steady_state(figures: &Figures) -> Option<Flag> {
    let unsteady = figures.unsteady?;
    if let Some(flag) = open::queue_grows(unsteady) {
        return Some(flag);
    }
    Some(Flag {
        kind: FlagKind::NoSteadyState,
        detail: format!(
            "no steady state: {}. The figure is a mean of different rates. Look at the plots for \
             what else the machine did, measure for longer (MLX_WINDOW_MIN_S), or repeat the cell",
            unsteady.sentence()
        ),
    })
}

fn stopped_early(figures: &Figures, limits: &Thresholds) -> Option<Flag> {
    let share = figures.stopped_early?;
    (share > limits.stopped_early).then(|| Flag {
        kind: FlagKind::StoppedEarly,
        detail: format!(
            "{} of the answers ended before the asked length (mean {:.1} tokens): batches were \
             emptier than asked. Compare only with runs of equal mean length, or ask for exact \
             output length",
            Ratio(share),
            figures.mean_output_tokens.unwrap_or_default(),
        ),
    })
}

fn prompt_length(figures: &Figures, context: &Context) -> Option<Flag> {
    let (asked, source) = context.prompt_length?;
    let mean = figures.mean_prompt_tokens()?;
    let off = (mean / f64::from(asked) - 1.0).abs();
    (off > source.tolerance()).then(|| Flag {
        kind: FlagKind::PromptLength,
        detail: format!(
            "prompts had {mean:.1} tokens instead of {asked} ({} off): {}",
            Ratio(off),
            if mean > f64::from(asked) && source == LengthSource::Exact {
                "the chat template and the prefix that makes each unique come to more than was \
                 asked. Ask for longer prompts"
            } else {
                "compare by the real length"
            }
        ),
    })
}

#[cfg(test)]
mod tests;
