//! A cancelled run ends at once, closes its connections and keeps what it has.

use std::time::{Duration, Instant};

use mlx_throughput_lab::engine::event::LiveSnapshot;
use mlx_throughput_lab::engine::load::{Live, schedule};
use mlx_throughput_lab::measure::sample::RequestSample;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::common::{direct, fixed, ms};
use crate::support::{Answer, Script, Server, Step};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_keeps_what_ended_and_drops_the_rest() {
    // The first three answer, all others hang after two chunks.
    let server = Server::start(|r| {
        let answer = Answer::default().to(&r.body);
        if r.number < 3 {
            answer
        } else {
            answer.through_text(2).then(Step::Hang)
        }
    });
    let (snapshots, seen) = watch::channel(LiveSnapshot::default());
    let live = Live::new(snapshots);
    let cancel = CancellationToken::new();
    let run = tokio::spawn({
        let (live, cancel, target) = (live.clone(), cancel.clone(), direct(&[&server]));
        async move { schedule::run(&fixed(50, 8), &target, &live, &cancel).await }
    });
    tokio::time::sleep(ms(900)).await;
    assert_eq!(live.in_flight(), 8);
    assert!(
        live.stalled_s().unwrap() > 0.3,
        "the watchdog has to see the stall"
    );
    let snapshot = seen.borrow().clone();
    assert_eq!((snapshot.completed, snapshot.in_flight), (3, 8));
    assert!(snapshot.tokens_per_second.unwrap() > 0.0);

    let cancelled = Instant::now();
    cancel.cancel();
    let outcome = run.await.unwrap();
    let took = cancelled.elapsed();
    assert!(took < ms(100), "it took {took:?} to end");
    assert!(outcome.cancelled);
    assert_eq!((outcome.samples.len(), outcome.abandoned), (3, 8));
    assert!(outcome.samples.iter().all(RequestSample::ok));
    assert_eq!(live.in_flight(), 0);
    assert_eq!(live.stalled_s(), None);
    let exchanges = server.wait_for(11).await;
    let closed = exchanges.iter().filter(|e| e.client_gone.is_some()).count();
    assert_eq!(
        closed, 8,
        "every dropped request has to close its connection"
    );
}

#[tokio::test]
async fn a_dropped_request_that_waits_for_headers_closes_too() {
    let server = Server::start(|_| Script::hang());
    let target = direct(&[&server]);
    let cancel = CancellationToken::new();
    let spec = fixed(1, 1);
    let live = Live::unwatched();
    let run = schedule::run(&spec, &target, &live, &cancel);
    let outcome = tokio::select! {
        outcome = run => outcome,
        never = async {
            tokio::time::sleep(ms(150)).await;
            cancel.cancel();
            std::future::pending().await
        } => never,
    };
    assert!(outcome.cancelled && outcome.samples.is_empty());
    let gone = server.wait_for(1).await[0].client_gone;
    assert!(gone.is_some_and(|gone| gone.elapsed() < Duration::from_secs(5)));
}
