//! The lines that scripts read: one line of figures for a check, rows and the best cell for a
//! sweep. Their words and decimals are the Python lab's.

use std::fmt::Write as _;

use crate::engine::event::CellResult;
use crate::measure::best::Ranking;
use crate::measure::figures::Figures;
use crate::measure::flow::Flow;
use crate::measure::saturation::Saturation;
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

/// `best instances=2 decode_concurrency=32 ... throughput_tps=425.3`, the mean over its repeats.
/// Below it, what it is tied with, if anything.
pub fn best_lines(ranking: &Ranking<Vec<Cell>>) -> Option<String> {
    let (cell, tps) = (ranking.best.first()?, ranking.repeats.mean);
    let mut lines = format!("best {cell} throughput_tps={tps:.1}");
    let name = |cells: &Vec<Cell>| cells.first().map(ToString::to_string).unwrap_or_default();
    if let Some(ties) = ranking.tied_with(name) {
        lines.push('\n');
        lines.push_str(&ties);
    }
    Some(lines)
}

/// `saturates between 4 and 4.4 requests/s; ...`: one line for each combination of everything but the
/// rate, named where there are several.
pub fn saturation_lines(found: &[(String, Saturation)]) -> Option<String> {
    let lines: Vec<String> = match found {
        [] => return None,
        [(_, only)] => vec![only.to_string()],
        several => {
            let line = |(name, of): &(String, Saturation)| format!("{name} {of}");
            several.iter().map(line).collect()
        }
    };
    Some(lines.join("\n"))
}

/// What keeps the best from being sure, for people.
pub fn doubt(ranking: &Ranking<Vec<Cell>>) -> Option<String> {
    let others = match ranking.undecided {
        0 => return None,
        1 => "the other".to_owned(),
        n => format!("{n} others"),
    };
    Some(match ranking.interval {
        None => format!(
            "best is the largest figure ({}); whether it differs from {others} is not shown",
            ranking.basis().unwrap_or_default()
        ),
        Some(_) => format!("whether best differs from {others} is not shown: no interval there"),
    })
}

/// A table for people: one line a cell, numbers right-aligned, the repeats of the best combination
/// starred. Where requests come at a rate, what became of the rate stands in it.
pub fn table(results: &[CellResult], best: &[Cell]) -> String {
    let at_a_rate = |result: &CellResult| result.cell.load.request_rate.is_some();
    let rates = results.iter().any(at_a_rate);
    let limited = results
        .iter()
        .any(|r| flow(r).is_some_and(|f| f.limits.are_set()));
    let mut header = vec!["instances", "decode", "prompt"];
    header.push(if rates { "requests/s" } else { "concurrency" });
    header.extend(
        rates
            .then_some(["answered/s", "in flight"])
            .into_iter()
            .flatten(),
    );
    header.extend(limited.then_some("goodput/s"));
    header.extend([
        "tokens/s", "per user", "TTFT p50", "TPOT p50", "errors", "status",
    ]);
    let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    let shown = |value: Option<u32>| value.map_or_else(|| "own".to_owned(), |v| v.to_string());
    for result in results {
        let (point, load) = (&result.cell.point, &result.cell.load);
        let figures = result.figures.as_ref();
        let figure = |of: fn(&Figures) -> String| figures.map_or_else(|| "-".to_owned(), of);
        let of_flow = |of: fn(Flow) -> Option<String>| {
            let value = flow(result).and_then(of);
            value.unwrap_or_else(|| "-".to_owned())
        };
        let mut row = vec![
            point.instances.to_string(),
            shown(point.decode_concurrency),
            shown(point.prompt_concurrency),
            match load.request_rate {
                Some(rate) => rate.to_string(),
                None => load.concurrency.to_string(),
            },
        ];
        if rates {
            row.push(of_flow(|f| Some(format!("{:.2}", f.achieved_rps))));
            row.push(of_flow(|f| Some(format!("{:.1}", f.in_flight_mean))));
        }
        if limited {
            row.push(of_flow(|f| Some(format!("{:.2}", f.goodput?.rps))));
        }
        let saturated = flow(result).and_then(|f| f.open?.saturated).is_some();
        let starred = best.contains(&result.cell);
        row.extend([
            figure(|f| format!("{:.1}", f.throughput_tps)),
            figure(|f| format!("{:.1}", f.tps_per_user)),
            figure(|f| latency(f.ttft.p50_s)),
            figure(|f| latency(f.tpot.p50_s)),
            figure(|f| f.error_count().to_string()),
            format!(
                "{}{}{}",
                result.status,
                if saturated { ", saturated" } else { "" },
                if starred { " *" } else { "" }
            ),
        ]);
        rows.push(row);
    }
    aligned(&rows)
}

fn flow(result: &CellResult) -> Option<Flow> {
    result.figures.as_ref()?.flow
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
    use crate::measure::interval::Interval;
    use crate::session::cells::Earlier;
    use crate::store::testing;

    fn results(measured: &[(u32, f64, Option<Interval>)]) -> Vec<CellResult> {
        let result = |(index, (concurrency, tps, within)): (u32, &(u32, f64, Option<Interval>))| {
            let mut result = testing::result(&testing::cell(index, Some(8), *concurrency));
            result.cell.repeat = index + 1;
            if let Some(figures) = &mut result.figures {
                figures.throughput_tps = *tps;
                figures.intervals.throughput_tps = *within;
            }
            result
        };
        (0..).zip(measured).map(result).collect()
    }

    fn ranking(results: &[CellResult]) -> Ranking<Vec<Cell>> {
        Earlier::default().ranking(results).expect("a best")
    }

    #[test]
    fn the_best_is_a_mean_on_one_line_and_its_ties_are_on_the_next() {
        let all = [
            (1, 120.0),
            (2, 101.0),
            (1, 80.0),
            (2, 100.0),
            (1, 82.0),
            (2, 99.0),
            (4, 50.0),
            (4, 51.0),
        ];
        let results = results(&all.map(|(concurrency, tps)| (concurrency, tps, None)));
        let ranking = ranking(&results);
        let settings = "instances=2 decode_concurrency=8 prompt_concurrency=4";
        let flag = "--prefill-step-size=512";
        assert_eq!(
            best_lines(&ranking).expect("lines"),
            format!(
                "best {settings} concurrency=2 {flag} throughput_tps=100.0\n\
                 tied with 1 other within the 95 % interval: {settings} concurrency=1 {flag}"
            )
        );
        assert_eq!(doubt(&ranking), None);
        let table = table(&results, &ranking.best);
        let starred: Vec<bool> = table.lines().map(|line| line.ends_with(" *")).collect();
        assert_eq!(starred.iter().filter(|starred| **starred).count(), 3);
        assert!(
            starred[2] && !starred[1],
            "the repeats of the best: {table}"
        );
    }

    #[test]
    fn a_best_that_stands_alone_has_one_line_and_what_is_unknown_is_said() {
        let sure = |tps| Interval::new(tps - 1.0, tps + 1.0);
        let apart = results(&[(1, 100.0, sure(100.0)), (2, 90.0, sure(90.0))]);
        let apart = ranking(&apart);
        let lines = best_lines(&apart).expect("a line");
        assert!(lines.ends_with("concurrency=1 --prefill-step-size=512 throughput_tps=100.0"));
        assert_eq!(doubt(&apart), None);
        let unsure = ranking(&results(&[(1, 100.0, None), (2, 90.0, sure(90.0))]));
        assert!(!best_lines(&unsure).expect("a line").contains('\n'));
        let doubt = doubt(&unsure).expect("a doubt");
        assert!(doubt.contains("one repeat, no interval"), "{doubt}");
    }

    #[test]
    fn columns_line_up() {
        let rows = [["a", "long", "x"], ["1000", "2", "yy"]].map(|r| r.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "   a  long  x\n1000     2  yy\n");
    }
}
