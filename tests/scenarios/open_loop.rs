//! Requests at a rate of their own, against a server whose capacity is known: so many slots, each of
//! which takes the same time for every request, in the order in which they come.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::load::arrivals::DueTimes;
use mlx_throughput_lab::engine::load::{Amount, LoadSpec, OpenRate, Target};
use mlx_throughput_lab::measure::figures::{Figures, FlagKind, Mode};
use mlx_throughput_lab::measure::flow::{Limits, SaturatedBy};
use mlx_throughput_lab::measure::sample::{ErrorClass, RequestSample};
use mlx_throughput_lab::measure::{Asked, Context, LoadOutcome, summarise, verdict};
use mlx_throughput_lab::plan::rate_search::{self, Bracket, Tried};
use mlx_throughput_lab::plan::{Arrivals, WindowRule};
use mlx_throughput_lab::settings::Rate;

use crate::common::{fixed, ms, run};
use crate::support::{Answer, Server, ServerOptions, What};

const SLOTS: usize = 4;
/// Four tokens, the first after 10 ms of it, then one each 10 ms.
const SERVICE: Duration = Duration::from_millis(40);
/// Requests per second that the slots can serve.
const CAPACITY: f64 = 100.0;
const SEED: u64 = 11;

fn start() -> Server {
    let free = Mutex::new(Vec::<Instant>::new());
    let options = ServerOptions {
        backlog: 1024,
        ..ServerOptions::default()
    };
    Server::start_with(options, move |request| {
        let mut free = free.lock().unwrap();
        free.resize(SLOTS, request.at);
        let slot = free.iter_mut().min().unwrap();
        let begin = request.at.max(*slot);
        *slot = begin + SERVICE;
        let answer = Answer {
            keepalives: 0,
            first_text: begin - request.at + ms(10),
            gap: ms(10),
            chunks: 4,
            ..Answer::default()
        };
        answer.to(&request.body)
    })
}

fn rate(rps: f64) -> Rate {
    Rate::from_rps(rps).unwrap()
}

fn open(rps: f64, arrivals: Arrivals, window_s: f64) -> LoadSpec {
    LoadSpec {
        amount: Amount::Open(OpenRate {
            rate: rate(rps),
            arrivals,
            seed: SEED,
            rule: WindowRule {
                min_s: window_s,
                min_e2e: 0.0,
                min_completions: 0,
                max_s: 60.0,
            },
        }),
        max_tokens: 4,
        ..fixed(0, 1024)
    }
}

const TTFT_LIMIT_S: f64 = 0.03;

async fn measure(server: &Server, spec: &LoadSpec) -> (LoadOutcome, Figures) {
    let target = Target::direct_with_backlog(&[server.addr], 1024).unwrap();
    let outcome = run(spec, &target).await;
    let asked = Asked {
        mode: Mode::Sustained,
        concurrency: spec.concurrency,
        max_tokens: 4,
        instances: 1,
        batches: None,
        limits: Limits {
            ttft_s: Some(TTFT_LIMIT_S),
            tpot_s: Some(1.0),
        },
    };
    let figures = summarise(&outcome, &asked);
    (outcome, figures)
}

fn due_within(outcome: &LoadOutcome) -> Vec<&RequestSample> {
    let window = outcome.window.unwrap();
    let due = |s: &&RequestSample| s.due_s > window.start_s && s.due_s <= window.end_s;
    outcome.samples.iter().filter(due).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_its_capacity_a_server_answers_what_is_offered_when_it_is_due() {
    let server = start();
    let spec = open(50.0, Arrivals::Poisson, 4.0);
    let (outcome, figures) = measure(&server, &spec).await;
    let flow = figures.flow.unwrap();
    let open = flow.open.unwrap();
    assert_eq!(figures.error_count(), 0, "{:?}", figures.errors);
    assert_eq!((open.rate_rps, open.held), (50.0, 0));
    assert_eq!((open.saturated, figures.unsteady), (None, None));
    let due = due_within(&outcome);
    assert_eq!(open.due as usize, due.len());
    assert_eq!(figures.e2e.n as usize, due.len());
    // Drawn beforehand: the very times that the seed gives, whatever the server did.
    let drawn = DueTimes::new(rate(50.0), Arrivals::Poisson, SEED);
    for (sample, due_s) in outcome.samples.iter().zip(drawn) {
        assert!((sample.due_s - due_s).abs() < 1e-6, "{}", sample.index);
    }
    // What comes is answered: the two differ by what is under way at the window's ends.
    let offered_rps = f64::from(open.due) / outcome.window.unwrap().length_s();
    assert!(
        (flow.achieved_rps / offered_rps - 1.0).abs() < 0.05,
        "{} of {offered_rps}",
        flow.achieved_rps
    );
    // Little's law: under way = rate × time.
    let little = offered_rps * figures.e2e.mean_s.unwrap();
    assert!(
        (flow.in_flight_mean / little - 1.0).abs() < 0.1,
        "{} in flight, {little} by Little's law",
        flow.in_flight_mean
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_it_latency_grows_from_the_due_time_and_there_is_no_steady_state() {
    let server = start();
    let spec = open(150.0, Arrivals::Constant, 3.0);
    let (outcome, figures) = measure(&server, &spec).await;
    let flow = figures.flow.unwrap();
    assert_eq!(flow.open.unwrap().saturated, Some(SaturatedBy::Queue));
    assert!(
        (flow.achieved_rps / CAPACITY - 1.0).abs() < 0.06,
        "{}",
        flow.achieved_rps
    );
    // Of three requests two are served, so that who comes after t waits for t / 2.
    for sample in due_within(&outcome) {
        let (e2e_s, expected_s) = (sample.e2e_s().unwrap(), 0.5 * sample.due_s + 0.04);
        assert!(
            (e2e_s - expected_s).abs() < 0.12,
            "{e2e_s} s of who came after {} s",
            sample.due_s
        );
    }
    let flags = verdict(&figures, &Context::default());
    let unsteady = flags.iter().find(|f| f.kind == FlagKind::NoSteadyState);
    let unsteady = unsteady.unwrap_or_else(|| panic!("{flags:?}"));
    assert!(
        unsteady.detail.contains("under way grew"),
        "{}",
        unsteady.detail
    );
    // All were waited for, though sending had ended.
    assert!(outcome.samples.iter().all(RequestSample::ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goodput_is_what_the_servers_own_instants_say() {
    let server = start();
    let spec = open(90.0, Arrivals::Poisson, 4.0);
    let (outcome, figures) = measure(&server, &spec).await;
    let (epoch, window) = (outcome.epoch.unwrap(), outcome.window.unwrap());
    let mut exchanges = server.wait_for(outcome.samples.len()).await;
    exchanges.sort_by_key(|exchange| exchange.received.number);
    // In the order in which they were due, they came.
    let drawn = DueTimes::new(rate(90.0), Arrivals::Poisson, SEED);
    let (mut due, mut good) = (0, 0);
    for (exchange, due_s) in exchanges.iter().zip(drawn) {
        if due_s > window.start_s && due_s <= window.end_s {
            let first = exchange.at(What::Text)[0];
            let ttft_s = (first - epoch).as_secs_f64() - due_s;
            due += 1;
            good += u32::from(ttft_s <= TTFT_LIMIT_S);
        }
    }
    let goodput = figures.flow.unwrap().goodput.unwrap();
    assert_eq!(figures.flow.unwrap().open.unwrap().due, due);
    let (ratio, rps) = (
        f64::from(good) / f64::from(due),
        f64::from(good) / window.length_s(),
    );
    // Near the limit, a millisecond on the way decides.
    assert!(
        (goodput.ratio - ratio).abs() < 0.05,
        "{goodput:?}, not {ratio}"
    );
    assert!(
        (goodput.rps / rps - 1.0).abs() < 0.1,
        "{goodput:?}, not {rps}"
    );
    assert!(
        (0.1..0.99).contains(&ratio),
        "{ratio} of them shows nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_cap_counts_from_its_due_time_and_who_gives_up_is_a_miss() {
    let server = start();
    let mut spec = open(200.0, Arrivals::Constant, 2.0);
    spec.concurrency = 8;
    spec.timeout = ms(700);
    let (outcome, figures) = measure(&server, &spec).await;
    let flow = figures.flow.unwrap();
    let open = flow.open.unwrap();
    assert_eq!(flow.in_flight_max, 8);
    assert!(open.held > 100, "{open:?}");
    // The queue is as long as who waits there has patience.
    assert!(figures.e2e.max_s.unwrap() > 0.6 && figures.e2e.max_s.unwrap() < 0.8);
    let timeouts = figures.errors[&ErrorClass::Timeout];
    assert!(timeouts > 20, "{:?}", figures.errors);
    assert_eq!(open.due as usize, due_within(&outcome).len());
    let late = outcome
        .samples
        .iter()
        .find_map(|s| s.error.as_ref())
        .unwrap();
    assert!(late.detail.contains("longer than 0.7 s"), "{late}");
    // They are of those that were due, and not good.
    let good = flow.goodput.unwrap();
    assert!(good.ratio < 0.2, "{good:?}");
    let flags = verdict(&figures, &Context::default());
    let has = |kind| flags.iter().any(|flag| flag.kind == kind);
    assert!(
        has(FlagKind::InFlightCapped) && has(FlagKind::TooManyErrors),
        "{flags:?}"
    );
    assert!(!has(FlagKind::ClientLimited));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_search_finds_the_capacity_within_ten_percent() {
    let mut tried: Vec<Tried> = Vec::new();
    while let Some(next) = rate_search::next(rate(25.0), &tried) {
        let server = start();
        let spec = open(next.rps(), Arrivals::Constant, 2.5);
        let (_, mut figures) = measure(&server, &spec).await;
        let open = figures.flow.take().unwrap().open.unwrap();
        tried.push(Tried {
            rate: next,
            // Its capacity is asked for, not how fast it answers.
            saturated: open.saturated.is_some_and(|by| by != SaturatedBy::Goodput),
        });
    }
    let bracket = Bracket::of(&tried);
    let (low, high) = (bracket.sustained.unwrap(), bracket.saturated.unwrap());
    assert!(
        low.rps() >= 0.9 * CAPACITY && high.rps() <= 1.1 * CAPACITY,
        "between {low} and {high}: {tried:?}"
    );
    assert!(tried.len() <= 8, "{tried:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_ends_the_load_early() {
    let server = start();
    let addr = server.addr;
    drop(server);
    let spec = open(100.0, Arrivals::Poisson, 30.0);
    let started = Instant::now();
    let target = Target::direct_with_backlog(&[addr], 1024).unwrap();
    let outcome = run(&spec, &target).await;
    assert!(outcome.gave_up.unwrap().contains("in a row failed"));
    assert_eq!(outcome.window, None);
    // Without an answer, a window of 60 s would be waited for.
    let took = started.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}
