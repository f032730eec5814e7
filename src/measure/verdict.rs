//! How far a cell's figures can be trusted: each flag says what was seen and what to do.

use super::client::CellClient;
use super::figures::{Figures, Flag, FlagKind, Mode, Percentiles};
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
    /// What the load client did and can do.
    pub client: CellClient,
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
        short_window(figures, context),
        no_steady_state(figures),
        stopped_early(figures, &context.thresholds),
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
    let (lag_s, which) = tail_s(&figures.dispatch_lag)?;
    let ttft_s = figures.ttft.p50_s.or(figures.ttft.mean_s);
    let of_ttft_s = ttft_s.map(|ttft_s| ttft_s * limits.dispatch_lag_of_ttft);
    let allowed_s = of_ttft_s.map_or(limits.dispatch_lag_s, |s| s.min(limits.dispatch_lag_s));
    (lag_s > allowed_s).then(|| Flag {
        kind: FlagKind::ClientLimited,
        detail: format!(
            "this program was late in sending: dispatch lag {:.2} ms ({which}), above {:.2} ms. The \
             machine is short of CPU: close other programs, or lower the concurrency",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::measure::client::ClientCeiling;
    use crate::measure::figures::Intervals;
    use crate::measure::sample::ErrorClass;
    use crate::measure::steady::Unsteady;

    /// 1,000 requests without anything to complain about.
    fn good() -> Figures {
        let fast = |s: f64| Percentiles {
            n: 1000,
            mean_s: Some(s),
            p50_s: Some(s),
            p90_s: Some(s),
            p95_s: Some(s),
            p99_s: Some(s),
            max_s: Some(s),
        };
        Figures {
            mode: Mode::Sustained,
            requests: 1000,
            errors: BTreeMap::new(),
            throughput_tps: 100.0,
            total_tokens: 8000,
            elapsed_s: 80.0,
            batch_tps: 100.0,
            window_s: Some(75.0),
            window_tokens: Some(7500.0),
            window_completions: Some(940),
            window_capped: false,
            window_trimmed_s: 0.0,
            unsteady: None,
            ttft: fast(0.6),
            tpot: fast(0.02),
            itl: fast(0.02),
            e2e: fast(1.0),
            connect: fast(0.001),
            dispatch_lag: fast(0.0005),
            tps_per_user: 10.0,
            prompt_tokens: 50_000,
            cached_tokens: Some(500),
            mean_output_tokens: Some(8.0),
            stopped_early: Some(0.0),
            connect_retries: 0,
            connect_retry_s: 0.0,
            per_instance: [(0, 500), (1, 499)].into(),
            intervals: Intervals::default(),
        }
    }

    /// Of a client that takes 100,000 chunks per second.
    fn client(chunks_per_s: f64) -> CellClient {
        CellClient {
            ceiling: Some(ClientCeiling {
                streams: 64,
                chunks_per_s: 100_000.0,
                ttft_error_p50_s: None,
                ttft_error_p99_s: None,
                itl_error_p50_s: None,
                itl_error_p99_s: None,
            }),
            chunks_per_s: Some(chunks_per_s),
        }
    }

    fn kinds(change: impl FnOnce(&mut Figures, &mut Context)) -> Vec<FlagKind> {
        let (mut figures, mut context) = (good(), Context::default());
        change(&mut figures, &mut context);
        let flags = verdict(&figures, &context);
        flags.into_iter().map(|flag| flag.kind).collect()
    }

    #[test]
    fn a_good_cell_has_no_flag_and_each_limit_is_just_beyond_it() {
        assert_eq!(kinds(|_, _| {}), []);
        assert_eq!(kinds(|_, c| c.client = client(10_000.0)), []);
        // Without a ceiling nothing is said of it.
        assert_eq!(
            kinds(|_, c| {
                c.client = client(90_000.0);
                c.client.ceiling = None;
            }),
            []
        );
        assert_eq!(
            kinds(|f, _| {
                f.errors = [(ErrorClass::Reset, 10)].into();
                f.dispatch_lag.p99_s = Some(0.005);
                f.connect.p99_s = Some(0.1);
            }),
            []
        );
    }

    #[test]
    fn every_flag_has_its_cause() {
        type Change = fn(&mut Figures, &mut Context);
        let cases: [(FlagKind, Change); 16] = [
            (FlagKind::NearClientCeiling, |_, c| {
                c.client = client(10_001.0);
            }),
            (FlagKind::Attached, |_, c| {
                c.attached = Some("http://127.0.0.1:1234".to_owned());
            }),
            (FlagKind::FlagsNotApplied, |_, c| {
                c.flag_differences = vec!["--decode-concurrency is missing".to_owned()];
            }),
            (FlagKind::TooManyErrors, |f, _| {
                f.errors = [(ErrorClass::Reset, 8), (ErrorClass::Timeout, 3)].into();
            }),
            (FlagKind::ServerNotAlive, |_, c| {
                c.not_alive = Some("instance 1, after the cell".to_owned());
            }),
            (FlagKind::EmptyWindow, |f, _| f.throughput_tps = 0.0),
            (FlagKind::CachedPrompts, |f, _| f.cached_tokens = Some(501)),
            (FlagKind::ClientLimited, |f, _| {
                f.dispatch_lag.p99_s = Some(0.0051);
            }),
            (FlagKind::SlowConnects, |f, _| f.connect.p99_s = Some(0.101)),
            (FlagKind::Unbalanced, |f, _| {
                f.per_instance = [(0, 501), (1, 499)].into();
            }),
            (FlagKind::ShortWindow, |f, _| f.window_capped = true),
            (FlagKind::NoSteadyState, |f, _| {
                f.unsteady = Some(Unsteady::Drift { change: -0.2 });
            }),
            (FlagKind::NotBatched, |_, c| {
                c.not_batched = Some("--kv-bits is set".to_owned());
            }),
            (FlagKind::StoppedEarly, |f, _| f.stopped_early = Some(0.02)),
            (FlagKind::IdenticalPrompts, |_, c| {
                c.identical_prompts = true;
            }),
            (FlagKind::DuplicateOf, |_, c| {
                c.duplicate_of = Some("decode_concurrency=4".to_owned());
            }),
        ];
        for (kind, change) in cases {
            assert_eq!(kinds(change), [kind]);
        }
    }

    #[test]
    fn dispatch_lag_is_also_held_against_a_short_ttft() {
        assert_eq!(
            kinds(|f, _| {
                f.ttft.p50_s = Some(0.04);
                f.dispatch_lag.p99_s = Some(0.0006);
            }),
            [FlagKind::ClientLimited]
        );
    }

    #[test]
    fn few_samples_are_judged_by_the_highest_percentile_they_support() {
        // 200 requests of which one was late: their p95 speaks for them.
        assert_eq!(
            kinds(|f, _| {
                f.connect.p99_s = None;
                f.connect.max_s = Some(1.2);
            }),
            []
        );
        assert_eq!(
            kinds(|f, _| {
                f.connect.p99_s = None;
                f.connect.p95_s = Some(1.2);
            }),
            [FlagKind::SlowConnects]
        );
        assert_eq!(
            kinds(|f, _| {
                f.connect = Percentiles {
                    n: 4,
                    max_s: Some(1.2),
                    ..Percentiles::default()
                };
            }),
            [FlagKind::SlowConnects]
        );
    }

    #[test]
    fn a_cell_without_a_single_token_is_invalid() {
        assert_eq!(
            kinds(|f, _| {
                f.requests = 0;
                f.total_tokens = 0;
            }),
            [FlagKind::TooManyErrors]
        );
    }

    #[test]
    fn an_unbalanced_instance_that_answered_nothing_is_seen() {
        assert_eq!(
            kinds(|f, _| f.per_instance = [(0, 1000), (1, 0)].into()),
            [FlagKind::Unbalanced]
        );
        assert_eq!(kinds(|f, _| f.per_instance = BTreeMap::new()), []);
    }

    #[test]
    fn invalidating_flags_come_first_and_texts_say_what_to_do() {
        let mut figures = good();
        figures.errors = [(ErrorClass::Timeout, 500)].into();
        figures.connect.p99_s = Some(0.5);
        figures.window_capped = true;
        let context = Context {
            not_alive: Some("instance 0, after the cell".to_owned()),
            ..Context::default()
        };
        let flags = verdict(&figures, &context);
        let invalid: Vec<bool> = flags.iter().map(|f| f.kind.invalidates()).collect();
        assert_eq!(invalid, [true, true, false, false]);
        assert!(
            flags[1].detail.contains("500 timeout"),
            "{}",
            flags[1].detail
        );
        assert!(flags[2].detail.contains("MLX_SERVER_BACKLOG"));
    }
}
