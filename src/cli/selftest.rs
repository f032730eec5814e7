//! `selftest`: what can this program's own load client do, and how exact is it?

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::failure::{FAILED, Interrupted, Usage};
use super::figures::aligned;
use super::interrupt::cancellable;
use crate::engine::load::selftest::verdicts::{Verdict, verdicts};
use crate::engine::load::selftest::{self, Ends, Findings, Selftest, SelftestError, Work, server};
use crate::measure::figures::Percentiles;
use crate::platform::executables::on_path;

const CONCURRENCIES: [u32; 6] = [1, 16, 64, 256, 1024, 4096];
const QUICK_CONCURRENCIES: [u32; 4] = [1, 16, 64, 256];
const PACED_S: f64 = 4.0;
const QUICK_PACED_S: f64 = 1.5;

/// Measure the load client against a test server in a process of its own, whose instants are known
#[derive(Debug, Clone, clap::Args)]
pub struct SelftestArgs {
    /// Streams at a time, one row each
    #[arg(long, value_name = "LIST", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub concurrency: Vec<u32>,
    /// A shorter test, up to 256 streams
    #[arg(long)]
    pub quick: bool,
    /// The Python whose standard library is the client to compare with
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Print figures and verdicts as JSON
    #[arg(long)]
    pub json: bool,
}

impl SelftestArgs {
    fn concurrencies(&self) -> Vec<u32> {
        match (self.concurrency.is_empty(), self.quick) {
            (false, _) => self.concurrency.clone(),
            (true, true) => QUICK_CONCURRENCIES.to_vec(),
            (true, false) => CONCURRENCIES.to_vec(),
        }
    }
}

/// Exit status 1 if a stream broke: a missed target is a figure, no failure.
pub async fn run(args: &SelftestArgs) -> anyhow::Result<ExitCode> {
    if let Some(python) = args.python.as_ref().filter(|python| !python.exists()) {
        return Err(Usage(format!(
            "there is no Python at {}; give the path of an interpreter, or leave --python out",
            python.display()
        ))
        .into());
    }
    let asked = Selftest {
        program: std::env::current_exe()?,
        concurrencies: args.concurrencies(),
        paced_s: if args.quick { QUICK_PACED_S } else { PACED_S },
        python: args.python.clone().or_else(|| on_path("python3")),
        shift_us: 0,
    };
    let tell = |line: &str| say!("{line}");
    let done = cancellable(async |cancel| selftest::run(&asked, &tell, &cancel).await).await?;
    let findings = done.map_err(|error| match error {
        SelftestError::Cancelled => Interrupted.into(),
        error => anyhow::Error::from(error),
    })?;
    let verdicts = verdicts(&findings);
    if args.json {
        let whole = json!({"findings": findings, "verdicts": verdicts});
        show!("{}", serde_json::to_string_pretty(&whole)?);
    } else {
        show!("{}", text(&findings, &verdicts).trim_end());
    }
    Ok(if findings.broken() > 0 {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// The hidden half: serves until standard input ends.
pub fn serve(streams: u32) -> ExitCode {
    match server::serve(streams) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("error: the self-test's server ended: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn text(findings: &Findings, verdicts: &[Verdict]) -> String {
    let load = findings
        .load_average_before
        .map_or_else(|| "not known".to_owned(), |load| format!("{load:.2}"));
    let mut text = format!(
        "{} cores, load average before {load}{}\n",
        findings.cores,
        if findings.optimised {
            ""
        } else {
            "; NOT OPTIMISED: this build has debug assertions, a release build is faster"
        }
    );
    let mut section = |title: &str, table: String| {
        let _ = write!(text, "\n{title}\n{table}");
    };
    section(
        "Paced, below saturation; errors are those of the client's instants against the server's",
        paced(findings),
    );
    section("At full speed", full_speed(findings));
    match (&findings.python, &findings.without_python) {
        (Some(_), _) => section(
            "Beside a thread-per-request Python client",
            beside(findings),
        ),
        (None, why) => {
            let why = why.as_deref().unwrap_or("it was not measured");
            section(
                "Beside a thread-per-request Python client",
                format!("none: {why}\n"),
            );
        }
    }
    let rows: Vec<Vec<String>> = verdicts
        .iter()
        .map(|v| vec![v.outcome.to_string(), format!("{}: {}", v.target, v.figure)])
        .collect();
    section("Targets", aligned(&rows));
    text
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn paced(findings: &Findings) -> String {
    let mut rows = vec![words(&[
        "streams",
        "held",
        "complete",
        "chunks/s",
        "CPU us/chunk",
        "TTFT p50 ms",
        "TTFT p99 ms",
        "ITL p50 ms",
        "ITL p99 ms",
        "",
    ])];
    for row in &findings.rows {
        let mut line = vec![row.streams.to_string()];
        match &row.paced {
            Some(paced) => {
                line.extend(how_many(&paced.ends));
                line.extend(rate_and_cost(&paced.work));
                line.extend(p50_p99(&paced.ttft_error));
                line.extend(p50_p99(&paced.itl_error));
                line.push(remark(&paced.ends));
            }
            None => line.extend(nothing(8, row.refused.as_deref())),
        }
        rows.push(line);
    }
    aligned(&rows) + "-: too few samples for this percentile\n"
}

fn full_speed(findings: &Findings) -> String {
    let mut rows = vec![words(&[
        "streams",
        "held",
        "complete",
        "chunks/s",
        "CPU us/chunk",
        "chunks per core-second",
        "cores used",
        "",
    ])];
    for row in &findings.rows {
        let mut line = vec![row.streams.to_string()];
        match &row.full_speed {
            Some(full) => {
                line.extend(how_many(&full.ends));
                line.extend(rate_and_cost(&full.work));
                line.push(format!("{:.0}", full.work.chunks_per_core_s()));
                line.push(format!("{:.2}", full.work.cores()));
                line.push(remark(&full.ends));
            }
            None => line.extend(nothing(6, row.refused.as_deref())),
        }
        rows.push(line);
    }
    let mut text = aligned(&rows);
    if let Some((rate, streams)) = findings.ceiling() {
        let _ = writeln!(
            text,
            "Ceiling: {rate:.0} chunks/s, at {streams} streams. Where the client used well under one \
             core, the test server (one thread) was in the way"
        );
    }
    text
}

fn beside(findings: &Findings) -> String {
    let Some(compared) = &findings.python else {
        return String::new();
    };
    let mut rows = vec![words(&[
        "streams",
        "chunks/s",
        "CPU us/chunk",
        "chunks per core-second",
        "",
    ])];
    for (work, whose) in [
        (&compared.ours_paced, "ours, paced"),
        (&compared.paced, "Python, paced"),
        (&compared.bare_paced, "a loop that only reads, paced"),
        (&compared.ours_full_speed, "ours, at full speed"),
        (&compared.full_speed, "Python, at full speed"),
        (
            &compared.bare_full_speed,
            "a loop that only reads, at full speed",
        ),
    ] {
        let mut line = vec![compared.streams.to_string()];
        line.extend(rate_and_cost(work));
        line.push(format!("{:.0}", work.chunks_per_core_s()));
        line.push(whose.to_owned());
        rows.push(line);
    }
    aligned(&rows)
        + "What the loop that only reads costs is the system's: waking a process and handing it bytes. At full \
           speed a client that reads later gets more chunks at once, and may cost less than the loop\n"
}

fn how_many(ends: &Ends) -> [String; 2] {
    [
        ends.held.to_string(),
        format!("{}/{}", ends.complete, ends.requests),
    ]
}

fn rate_and_cost(work: &Work) -> [String; 2] {
    [
        format!("{:.0}", work.chunks_per_s()),
        format!("{:.2}", work.cpu_us_per_chunk()),
    ]
}

fn p50_p99(error: &Percentiles) -> [String; 2] {
    [error.p50_s, error.p99_s]
        .map(|s| s.map_or_else(|| "-".to_owned(), |s| format!("{:.3}", s * 1e3)))
}

fn remark(ends: &Ends) -> String {
    match (&ends.first_error, ends.connect_repeats) {
        (Some(error), _) => error.clone(),
        (None, 0) => String::new(),
        (None, repeats) => format!("{repeats} handshakes repeated"),
    }
}

/// `columns` of blanks and why.
fn nothing(columns: usize, why: Option<&str>) -> Vec<String> {
    let mut line = vec![String::new(); columns];
    line.push(why.unwrap_or("not measured").to_owned());
    line
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::engine::load::selftest::verdicts::Outcome;
    use crate::engine::load::selftest::{FullSpeed, Paced, Row};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SelftestArgs,
    }

    fn concurrencies(words: &[&str]) -> Result<Vec<u32>, clap::Error> {
        let line = Line::try_parse_from(["selftest"].iter().chain(words))?;
        Ok(line.args.concurrencies())
    }

    #[test]
    fn concurrencies_are_a_list_and_quick_is_a_shorter_one() {
        assert_eq!(concurrencies(&[]).unwrap(), CONCURRENCIES);
        assert_eq!(concurrencies(&["--quick"]).unwrap(), QUICK_CONCURRENCIES);
        let asked = concurrencies(&["--quick", "--concurrency", "2,8"]).unwrap();
        assert_eq!(asked, [2, 8]);
        for wrong in ["0", "1,x", "-1", "1000000"] {
            assert!(concurrencies(&["--concurrency", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_row_has_its_place_and_a_refusal_its_reason() {
        let ends = Ends {
            requests: 8,
            complete: 8,
            held: 8,
            ..Ends::default()
        };
        let work = Work {
            chunks: 1000,
            wall_s: 2.0,
            cpu_s: 0.01,
        };
        let error = Percentiles {
            n: 700,
            p50_s: Some(0.000_123),
            ..Percentiles::default()
        };
        let findings = Findings {
            cores: 2,
            optimised: true,
            rows: vec![
                Row {
                    streams: 8,
                    refused: None,
                    paced: Some(Paced {
                        ends: ends.clone(),
                        work,
                        ttft_error: error,
                        itl_error: error,
                    }),
                    full_speed: Some(FullSpeed { ends, work }),
                },
                Row {
                    streams: 99_999,
                    refused: Some("too few open files".to_owned()),
                    paced: None,
                    full_speed: None,
                },
            ],
            without_python: Some("no Python was found".to_owned()),
            ..Findings::default()
        };
        let verdict = Verdict {
            target: "to be quick".to_owned(),
            outcome: Outcome::NotMet,
            figure: "9 s".to_owned(),
        };
        let text = text(&findings, &[verdict]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "2 cores, load average before not known");
        let measured = lines.iter().find(|line| line.contains("8/8")).unwrap();
        let fields: Vec<&str> = measured.split_whitespace().collect();
        assert_eq!(
            fields,
            ["8", "8", "8/8", "500", "10.00", "0.123", "-", "0.123", "-"]
        );
        assert_eq!(text.matches("too few open files").count(), 2);
        assert!(text.contains("Ceiling: 500 chunks/s, at 8 streams."));
        assert!(text.contains("none: no Python was found"));
        assert!(text.ends_with("not met  to be quick: 9 s\n"), "{text}");
    }
}
