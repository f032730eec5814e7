//! Many requests at once against the real server, whose listen backlog is 5.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::lab::{Lab, number};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    ("256_streams_lose_none", Needs::Nothing, streamed),
    ("256_whole_answers_lose_none", Needs::Nothing, whole),
    (
        "256_streams_through_nginx_lose_none",
        Needs::Nginx,
        through_nginx,
    ),
    ("a_sustained_window_is_reported", Needs::Nothing, sustained),
    ("ttft_is_split_into_its_parts", Needs::Nothing, ttft_split),
    ("control_cells_tell_the_taxes", Needs::Nginx, controls),
    (
        "a_run_says_what_its_client_can_take",
        Needs::Nothing,
        client_ceiling,
    ),
];

fn burst(lab: &Lab, more: &[&str]) -> Result<(), Failed> {
    let home = lab.home();
    let args = [
        &[
            "test",
            "concurrent",
            "MLX_NUM_REQUESTS=512",
            "MLX_CONCURRENCY=256",
            "MLX_MAX_TOKENS=16",
        ],
        more,
    ]
    .concat();
    home.run(args)?.expect(0)?;
    let row = &home.csv()?[0];
    ensure!(row["errors"] == "0", "{row:?}");
    ensure!(number(row, "total_tokens")? == 512.0 * 16.0, "{row:?}");
    Ok(())
}

fn streamed(lab: &Lab) -> Result<(), Failed> {
    burst(lab, &["MLX_STREAM=1", "MLX_BALANCER=direct"])
}

fn whole(lab: &Lab) -> Result<(), Failed> {
    burst(lab, &["MLX_STREAM=0", "MLX_BALANCER=direct"])
}

fn through_nginx(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    home.run([
        "test",
        "round-robin",
        "MLX_SERVER_INSTANCES=2",
        "MLX_NUM_REQUESTS=256",
        "MLX_CONCURRENCY=256",
        "MLX_MAX_TOKENS=16",
        "MLX_BALANCER=nginx",
    ])?
    .expect(0)?;
    let row = &home.csv()?[0];
    ensure!(row["errors"] == "0", "{row:?}");
    ensure!(number(row, "total_tokens")? == 256.0 * 16.0, "{row:?}");
    Ok(())
}

fn sustained(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let done = home
        .run([
            "sweep",
            "custom",
            "--axis",
            "concurrency=4",
            "MLX_MAX_TOKENS=16",
            "MLX_WINDOW_MIN_S=2",
            "MLX_WINDOW_MIN_COMPLETIONS=8",
        ])?
        .expect(0)?;
    let row = &home.csv()?[0];
    ensure!(row["mode"] == "sustained", "{row:?}");
    let window_s = number(row, "window_s")?;
    ensure!((2.0..20.0).contains(&window_s), "{row:?}");
    let (window, batch) = (number(row, "throughput_tps")?, number(row, "batch_tps")?);
    ensure!(window > 0.0 && batch > 0.0, "{row:?}");
    // How sure it is stands beside it, as far as one window can tell.
    let bounds = (
        number(row, "throughput_low_tps")?,
        number(row, "throughput_high_tps")?,
    );
    ensure!(bounds.0 < window && window < bounds.1, "{row:?}");
    // The window leaves ramp-up and drain out, so it is not below the batch by much.
    ensure!(window > batch * 0.8, "window {window}, batch {batch}");
    ensure!(
        number(row, "cached_tokens")? <= number(row, "prompt_tokens")?,
        "{row:?}"
    );
    // The machine was looked at each second.
    let samples = crate::lab::read_csv(&home.result_file(".machine.csv")?)?;
    ensure!(
        samples.len() >= 2,
        "{} samples; {:?}",
        samples.len(),
        done.elapsed
    );
    ensure!(number(row, "servers_memory_peak_bytes")? > 1e7, "{row:?}");
    lab.nothing_left(Duration::from_secs(2))
}

/// A server that takes one request at a time: four at once wait for each other, and none of that
/// waiting may pass for prefill.
fn ttft_split(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    home.run([
        "sweep",
        "custom",
        "--axis",
        "concurrency=1,4",
        "--axis",
        "prompt_tokens=400",
        "MLX_DECODE_CONCURRENCY=1",
        "MLX_PROMPT_CONCURRENCY=1",
        "MLX_MAX_TOKENS=96",
        "MLX_REQUESTS_MULTIPLIER=5",
    ])?
    .expect(0)?;
    let rows = home.csv()?;
    let part = |concurrency: &str, name: &str| {
        let row = rows.iter().find(|row| row["concurrency"] == concurrency);
        number(row.ok_or("no such row")?, name)
    };
    for concurrency in ["1", "4"] {
        let part = |name: &str| part(concurrency, name);
        let (waiting, prefill) = (part("ttft_waiting_mean_s")?, part("ttft_prefill_mean_s")?);
        let first_decode = part("ttft_first_decode_mean_s")?;
        let ttft = part("ttft_mean_s")?;
        let sum = waiting + prefill + first_decode;
        ensure!(
            (sum - ttft).abs() < 5e-6,
            "{waiting} + {prefill} + {first_decode} is not {ttft}"
        );
        ensure!(prefill > 0.0 && first_decode > 0.0, "{rows:?}");
    }
    let (alone, together) = (
        part("1", "ttft_prefill_mean_s")?,
        part("4", "ttft_prefill_mean_s")?,
    );
    ensure!(
        together < 4.0 * alone,
        "prefill takes {alone} s alone and {together} s among four"
    );
    // Three answers of 96 tokens are before it.
    let waited = part("4", "ttft_waiting_mean_s")?;
    let answer = part("1", "e2e_mean_s")?;
    ensure!(
        waited > answer,
        "it waited for {waited} s, one answer takes {answer} s"
    );
    Ok(())
}

fn controls(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let done = home
        .run([
            "sweep",
            "control",
            "MLX_CONCURRENCY=4",
            "MLX_MAX_TOKENS=16",
            "MLX_WARMUP_REQUESTS=1",
            "MLX_WINDOW_MIN_S=1",
            "MLX_WINDOW_MIN_E2E=0",
            "MLX_WINDOW_MIN_COMPLETIONS=4",
            "MLX_WINDOW_MAX_S=3",
        ])?
        .expect(0)?;
    for tax in [
        "proxy tax, streamed: ",
        "proxy tax, whole answers: ",
        "streaming tax, direct: ",
        "streaming tax, through nginx: ",
    ] {
        ensure!(done.out.contains(tax), "no {tax} in {}", done.out);
    }
    let rows = home.csv()?;
    ensure!(rows.len() == 12, "four ways, three times each: {rows:?}");
    for row in &rows {
        let (balancer, way) = row["delivery"].split_once('_').ok_or("no delivery")?;
        ensure!(row["status"] == "ok", "{row:?}");
        ensure!(row["balancer"] == balancer, "{row:?}");
        let streamed = way == "streamed";
        ensure!(row["streaming"] == streamed.to_string(), "{row:?}");
        ensure!(row["ttft_max_s"].is_empty() != streamed, "{row:?}");
    }
    let starts = &home.json()?["times"]["server_starts"];
    ensure!(*starts == 3, "the four ways share a server: {starts}");
    lab.nothing_left(Duration::from_secs(2))
}

/// Measured while the servers load, against a test server in a process of its own.
fn client_ceiling(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let args = [
        "test",
        "concurrent",
        "MLX_NUM_REQUESTS=8",
        "MLX_MAX_TOKENS=32",
    ];
    let done = home.run(args)?.expect(0)?;
    let row = &home.csv()?[0];
    let ceiling = number(row, "client_ceiling_chunks_per_s")?;
    let rate = number(row, "client_chunk_rate_per_s")?;
    ensure!(number(row, "client_ceiling_streams")? == 8.0, "{row:?}");
    ensure!(rate > 0.0 && ceiling > rate, "{row:?}");
    // A chunk of text is one token at most, or a few of them that came together.
    let tokens = number(row, "throughput_tps")?;
    ensure!(rate < tokens * 1.1 && rate > tokens * 0.2, "{row:?}");
    for column in ["client_itl_error_p50_s", "client_itl_error_p99_s"] {
        let error_s = row[column].parse::<f64>();
        // 8 streams give too few for a p99; what there is, is small and no constant.
        ensure!(
            error_s.map_or(row[column].is_empty(), |s| (0.0..0.5).contains(&s)),
            "{row:?}"
        );
    }
    let flagged = row["flags"].contains("near_client_ceiling");
    ensure!(flagged == (rate > ceiling * 0.1), "{row:?}");
    let known = &home.json()?["client"];
    ensure!(known["streams"] == 8, "{known}");
    let said = done.says("load client: ")?;
    ensure!(said.err.contains(" chunks/s at 8 streams"), "{}", said.err);

    let csv = home.result_file(".csv")?;
    for (name, marker) in [
        ("report.md", "Load client, without a model: "),
        ("report.html", "chunks/s at 8 streams"),
        ("report.json", "\"client_ceiling_chunks_per_s\": "),
    ] {
        let out = home.path().join(name);
        let (csv, to) = (csv.display().to_string(), out.display().to_string());
        home.run(["report", &csv, "--out", &to])?.expect(0)?;
        let text = std::fs::read_to_string(&out)?;
        ensure!(text.contains(marker), "{name} has no {marker:?}");
    }
    lab.nothing_left(Duration::from_secs(2))
}
