//! The self-test, small: it finds no error where there is none, and one where there is.

use std::path::PathBuf;
use std::time::Duration;

use mlx_throughput_lab::engine::load::selftest::{Findings, Selftest, SelftestError, run};
use tokio_util::sync::CancellationToken;

fn small(concurrencies: &[u32], shift_us: i64) -> Selftest {
    Selftest {
        program: PathBuf::from(env!("CARGO_BIN_EXE_mlx-throughput-lab")),
        concurrencies: concurrencies.to_vec(),
        paced_s: 0.4,
        python: None,
        shift_us,
    }
}

async fn findings(asked: &Selftest) -> Findings {
    run(asked, &|_| {}, &CancellationToken::new())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_stream_is_complete_and_its_error_known() {
    let findings = findings(&small(&[1, 8], 0)).await;
    assert_eq!(findings.broken(), 0);
    assert_eq!(
        findings
            .rows
            .iter()
            .map(|row| row.streams)
            .collect::<Vec<_>>(),
        [1, 8]
    );
    for row in &findings.rows {
        let (paced, full) = (
            row.paced.as_ref().unwrap(),
            row.full_speed.as_ref().unwrap(),
        );
        assert_eq!(paced.ends.complete, row.streams);
        assert_eq!(paced.ends.held, row.streams, "all of them at once");
        assert_eq!(full.ends.complete, row.streams);
        // 0.4 s at 20 ms a chunk.
        assert_eq!(paced.work.chunks, u64::from(row.streams) * 20);
        assert_eq!(paced.ttft_error.n, row.streams);
        assert_eq!(paced.itl_error.n, row.streams * 19);
        for error in [paced.ttft_error, paced.itl_error] {
            for s in [error.mean_s.unwrap(), error.max_s.unwrap()] {
                assert!(s.is_finite() && s >= 0.0, "{error:?}");
            }
        }
        for work in [paced.work, full.work] {
            assert!(work.cpu_us_per_chunk() > 0.0 && work.chunks_per_s() > 0.0);
        }
    }
    assert!(findings.without_python.unwrap().contains("no Python"));
}

#[tokio::test]
async fn a_server_that_lies_about_its_instants_is_found_out() {
    // The first stamp of each stream is half a second early, and so is every other one.
    let early = findings(&small(&[8], -500_000)).await;
    let paced = early.rows[0].paced.as_ref().unwrap();
    // Well above what a busy machine adds, and nothing can make it smaller than it is.
    assert!(paced.ttft_error.mean_s.unwrap() >= 0.5);
    let itl_s = paced.itl_error.p50_s.unwrap();
    assert!((0.4..1.0).contains(&itl_s), "{itl_s}");

    let honest = findings(&small(&[8], 0)).await;
    let paced = honest.rows[0].paced.as_ref().unwrap();
    assert!(paced.ttft_error.mean_s.unwrap() < 0.25);
    assert!(paced.itl_error.p50_s.unwrap() < 0.25);
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to() {
    let cancel = CancellationToken::new();
    let mut long = small(&[4], 0);
    long.paced_s = 60.0;
    let asked = cancel.clone();
    // The first line of progress comes right before the first load.
    let tell = move |_: &str| asked.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), run(&long, &tell, &cancel)).await;
    assert!(matches!(ended.unwrap(), Err(SelftestError::Cancelled)));
}
