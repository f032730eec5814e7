//! The lines that scripts read: one line of figures for a check, rows and the best cell for a
//! sweep. Their words and decimals are the Python lab's.

use std::fmt::Write as _;

use crate::engine::event::CellResult;
use crate::measure::figures::Figures;
use crate::plan::{Cell, RunKind};
use crate::units::Secs;

/// The line of a check, as in `single_request tokens=128 tokens_per_second=41.20 elapsed=3.11s`.
pub fn check_line(kind: RunKind, result: &CellResult) -> Option<String> {
    let figures = result.figures.as_ref()?;
    let Figures {
        total_tokens: tokens,
        elapsed_s,
        requests,
        batch_tps: tps,
        ..
    } = figures;
    let concurrency = result.cell.load.concurrency;
    Some(match kind {
        RunKind::Single => format!(
            "single_request tokens={tokens} tokens_per_second={tps:.2} elapsed={elapsed_s:.2}s"
        ),
        RunKind::RoundRobin => format!(
            "round_robin instances={} requests={requests} concurrency={concurrency} \
             total_tokens={tokens} elapsed={elapsed_s:.2}s throughput_tps={tps:.2}",
            result.cell.point.instances
        ),
        _ => format!(
            "concurrent_requests count={requests} concurrency={concurrency} \
             total_tokens={tokens} elapsed={elapsed_s:.2}s throughput_tps={tps:.2}"
        ),
    })
}

/// `best instances=2 decode_concurrency=32 ... throughput_tps=425.3`
pub fn best_line(cell: &Cell, tps: f64) -> String {
    format!("best {cell} throughput_tps={tps:.1}")
}

/// A table for people: one line a cell, numbers right-aligned, the best one starred.
pub fn table(results: &[CellResult], best: Option<&Cell>) -> String {
    let header = [
        "instances",
        "decode",
        "prompt",
        "concurrency",
        "tokens/s",
        "per user",
        "TTFT p50",
        "TPOT p50",
        "errors",
        "status",
    ];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    let shown = |value: Option<u32>| value.map_or_else(|| "own".to_owned(), |v| v.to_string());
    for result in results {
        let point = &result.cell.point;
        let figures = result.figures.as_ref();
        let figure = |of: fn(&Figures) -> String| figures.map_or_else(|| "-".to_owned(), of);
        let starred = best == Some(&result.cell);
        rows.push(vec![
            point.instances.to_string(),
            shown(point.decode_concurrency),
            shown(point.prompt_concurrency),
            result.cell.load.concurrency.to_string(),
            figure(|f| format!("{:.1}", f.throughput_tps)),
            figure(|f| format!("{:.1}", f.tps_per_user)),
            figure(|f| latency(f.ttft.p50_s)),
            figure(|f| latency(f.tpot.p50_s)),
            figure(|f| f.error_count().to_string()),
            format!("{}{}", result.status, if starred { " *" } else { "" }),
        ]);
    }
    aligned(&rows)
}

/// A percentile that too few requests support is no figure.
fn latency(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "n too small".to_owned(), |s| Secs(s).to_string())
}

/// Columns under each other; numbers to the right, but the last column is words.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // The last column is words.
            if column + 1 == columns {
                let _ = write!(line, "  {cell}");
            } else {
                let _ = write!(line, "  {cell:>width$}");
            }
        }
        text.push_str(line.trim_end().get(2..).unwrap_or_default());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["a", "long", "x"], ["1000", "2", "yy"]].map(|r| r.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "   a  long  x\n1000     2  yy\n");
    }
}
