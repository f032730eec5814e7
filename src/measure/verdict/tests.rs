use std::collections::BTreeMap;

use super::*;
use crate::measure::client::ClientCeiling;
use crate::measure::figures::Intervals;
use crate::measure::sample::ErrorClass;
use crate::measure::steady::Unsteady;

/// 1,000 requests without anything to complain about.
pub(super) fn good() -> Figures {
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
        ttft_split: None,
        flow: None,
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
