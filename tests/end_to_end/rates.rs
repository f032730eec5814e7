//! Requests at a rate of their own, against the real server.

use libtest_mimic::Failed;

use crate::lab::{Home, Lab, Row, number, read_csv};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    (
        "open_loop_below_capacity_is_answered",
        Needs::Nothing,
        below,
    ),
    (
        "open_loop_rate_sweep_finds_saturation",
        Needs::Nothing,
        saturation,
    ),
];

const SHORT: &[&str] = &[
    "MLX_MAX_TOKENS=8",
    "MLX_WARMUP_REQUESTS=1",
    "MLX_WINDOW_MIN_S=4",
    "MLX_WINDOW_MIN_COMPLETIONS=16",
    "MLX_WINDOW_MAX_S=12",
    "MLX_TTFT_LIMIT_MS=20000",
    "MLX_TPOT_LIMIT_MS=5000",
];

fn sweep<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["sweep", "rate"], args, SHORT].concat()
}

fn below(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let args = sweep(&["MLX_REQUEST_RATE_LIST=2,4", "MLX_ARRIVALS=constant"]);
    let done = home.run(args)?.expect(0)?;
    ensure!(
        done.out
            .contains("keeps up with all rates up to 4 requests/s"),
        "{}",
        done.out
    );
    let mut rows = home.csv()?;
    rows.sort_by(|a, b| a["request_rate_rps"].cmp(&b["request_rate_rps"]));
    ensure!(rows.len() == 2, "{rows:?}");
    for (row, rate) in rows.iter().zip([2.0, 4.0]) {
        ensure!(number(row, "request_rate_rps")? == rate, "{row:?}");
        ensure!(
            row["arrivals"] == "constant" && row["status"] == "ok",
            "{row:?}"
        );
        ensure!(
            row["saturated_by"].is_empty() && row["held_requests"] == "0",
            "{row:?}"
        );
        let window_s = number(row, "window_s")?;
        // Equal gaps: exactly as many as fit, but for the window's edges.
        let due = number(row, "due_requests")?;
        ensure!((due - rate * window_s).abs() <= 1.0, "{row:?}");
        ensure!(
            number(row, "ttft_n")? == due,
            "latencies are of those: {row:?}"
        );
        let answered = number(row, "achieved_rps")?;
        ensure!((answered / rate - 1.0).abs() < 0.2, "{row:?}");
        ensure!(number(row, "goodput_ratio")? == 1.0, "{row:?}");
        ensure!(
            (number(row, "goodput_rps")? - due / window_s).abs() < 1e-4,
            "{row:?}"
        );
        ensure!(number(row, "ttft_limit_s")? == 20.0, "{row:?}");
        // Little's law, roughly: so many are under way as come while one is answered.
        let little = rate * number(row, "e2e_mean_s")?;
        let in_flight = number(row, "in_flight_mean")?;
        ensure!((in_flight - little).abs() < 0.5 * little + 0.2, "{row:?}");
    }
    Ok(())
}

fn saturation(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let done = home.run(sweep(&["MLX_REQUEST_RATE=8"]))?.expect(0)?;
    let found = |out: &str| {
        let mut lines = out.lines();
        lines
            .find(|line| line.starts_with("saturates between "))
            .map(str::to_owned)
    };
    let first = found(&done.out);
    ensure!(first.is_some(), "{}\n{}", done.out, done.err);
    let rows = home.csv()?;
    ensure!(
        number(&rows[0], "request_rate_rps")? == 8.0,
        "{:?}",
        rows[0]
    );
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    for row in &rows {
        let rate = number(row, "request_rate_rps")?;
        if row["saturated_by"].is_empty() {
            low = low.max(rate);
        } else {
            high = high.min(rate);
        }
    }
    // A noisy machine may contradict itself; then what is said is what holds for both.
    ensure!(high.is_finite() && rows.len() >= 3, "{rows:?}");
    if low < high {
        ensure!(high / low <= 1.11, "between {low} and {high}: {rows:?}");
        let said = format!("saturates between {low} and {high} requests/s; most goodput ");
        ensure!(done.out.contains(&said), "{} is not {said}", done.out);
    }
    resumed(&home)
}

/// Without its last row, the search measures that rate again and ends.
fn resumed(home: &Home<'_>) -> Result<(), Failed> {
    let csv = home.result_file(".csv")?;
    let text = std::fs::read_to_string(&csv)?;
    let rows = read_csv(&csv)?;
    let last = text.trim_end().rfind('\n').unwrap_or_default();
    std::fs::write(&csv, &text[..=last])?;
    let path = csv.to_string_lossy().into_owned();
    let again = home.run(["sweep", "--resume", &path])?.expect(0)?;
    ensure!(again.out.contains("saturate"), "{}", again.out);
    let after = read_csv(&csv)?;
    let rate = |rows: &[Row], at: usize| rows[at]["request_rate_rps"].clone();
    ensure!(after.len() >= rows.len(), "{after:?}");
    ensure!(
        rate(&after, rows.len() - 1) == rate(&rows, rows.len() - 1),
        "{after:?}"
    );
    Ok(())
}
