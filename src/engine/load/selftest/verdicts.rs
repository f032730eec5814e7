//! The targets of the client, and whether they were met.

use serde::Serialize;

use super::{Findings, Row};
use crate::measure::figures::Percentiles;

/// Streams that are to be held at once without an error.
const HELD: u32 = 4096;
/// Where the error of instants is judged.
const ERROR_AT: u32 = 256;
const ERROR_P50_MS: f64 = 0.2;
const ERROR_P99_MS: f64 = 2.0;
/// Chunks per second of one core, in those of the Python client.
const TIMES_PYTHON: f64 = 20.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[strum(serialize = "met")]
    Met,
    #[strum(serialize = "not met")]
    NotMet,
    #[strum(serialize = "not measured")]
    NotMeasured,
}

/// One target, with the figure that decides it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub target: String,
    pub outcome: Outcome,
    pub figure: String,
}

/// One verdict a target, in the order in which they are documented.
pub fn verdicts(findings: &Findings) -> Vec<Verdict> {
    let [paced, full] = python(findings);
    vec![
        held(findings),
        exact("TTFT", findings, |row| Some(row.paced.as_ref()?.ttft_error)),
        exact("ITL", findings, |row| Some(row.paced.as_ref()?.itl_error)),
        full,
        paced,
    ]
}

fn verdict(target: String, met: Option<bool>, figure: String) -> Verdict {
    let outcome = match met {
        Some(true) => Outcome::Met,
        Some(false) => Outcome::NotMet,
        None => Outcome::NotMeasured,
    };
    Verdict {
        target,
        outcome,
        figure,
    }
}

fn held(findings: &Findings) -> Verdict {
    let target = format!("{HELD} streams held at once without an error");
    let Some(row) = findings.rows.iter().find(|row| row.streams >= HELD) else {
        return verdict(
            target,
            None,
            format!("{HELD} is not among the concurrencies"),
        );
    };
    if let Some(why) = &row.refused {
        return verdict(target, Some(false), why.clone());
    }
    let Some(paced) = &row.paced else {
        return verdict(target, None, "no figure".to_owned());
    };
    let ends = &paced.ends;
    let whole = ends.complete == ends.requests;
    let mut figure = format!(
        "{} held, {} of {} complete",
        ends.held, ends.complete, ends.requests
    );
    if let Some(error) = &ends.first_error {
        figure = format!("{figure} ({error})");
    }
    verdict(target, Some(whole && ends.held >= HELD), figure)
}

fn exact(what: &str, findings: &Findings, error: impl Fn(&Row) -> Option<Percentiles>) -> Verdict {
    let target = format!(
        "{what} error at {ERROR_AT} streams: p50 at most {ERROR_P50_MS} ms, p99 at most \
         {ERROR_P99_MS} ms"
    );
    let error = findings.row(ERROR_AT).and_then(error);
    let both = error.and_then(|error| error.p50_s.zip(error.p99_s));
    let Some((p50_s, p99_s)) = both else {
        let why = format!("too few samples at {ERROR_AT} streams");
        return verdict(target, None, why);
    };
    let (p50_ms, p99_ms) = (p50_s * 1e3, p99_s * 1e3);
    verdict(
        target,
        Some(p50_ms <= ERROR_P50_MS && p99_ms <= ERROR_P99_MS),
        format!("p50 {p50_ms:.3} ms, p99 {p99_ms:.3} ms"),
    )
}

fn python(findings: &Findings) -> [Verdict; 2] {
    let target = |load| {
        format!("{TIMES_PYTHON:.0} times the Python client's chunks per core-second, {load}")
    };
    let names = ["paced", "at full speed"];
    let Some(compared) = &findings.python else {
        let why = findings.without_python.as_deref().unwrap_or("no figure");
        return names.map(|load| verdict(target(load), None, why.to_owned()));
    };
    let (paced, full) = compared.ratios();
    let (most_paced, most_full) = compared.most();
    let streams = compared.streams;
    let loads = [(names[0], paced, most_paced), (names[1], full, most_full)];
    loads.map(|(load, times, most)| {
        let figure = format!(
            "{times:.1} times at {streams} streams; {most:.1} times for a loop that only reads"
        );
        verdict(target(load), Some(times >= TIMES_PYTHON), figure)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Compared, Ends, Paced, Work};
    use super::Outcome::{Met, NotMet};
    use super::*;

    fn work(cpu_s: f64) -> Work {
        Work {
            chunks: 1000,
            wall_s: 1.0,
            cpu_s,
        }
    }

    fn row(streams: u32, held: u32, p50_s: f64, p99_s: f64) -> Row {
        let error = Percentiles {
            n: 768,
            p50_s: Some(p50_s),
            p99_s: Some(p99_s),
            ..Percentiles::default()
        };
        Row {
            streams,
            refused: None,
            paced: Some(Paced {
                ends: Ends {
                    requests: streams,
                    complete: streams,
                    held,
                    ..Ends::default()
                },
                work: work(0.1),
                ttft_error: error,
                itl_error: error,
            }),
            full_speed: None,
        }
    }

    fn outcomes(findings: &Findings) -> Vec<Outcome> {
        verdicts(findings).into_iter().map(|v| v.outcome).collect()
    }

    #[test]
    fn nothing_measured_is_neither_met_nor_not_met() {
        assert_eq!(outcomes(&Findings::default()), [Outcome::NotMeasured; 5]);
    }

    #[test]
    fn each_target_has_its_own_edge() {
        let findings = |held, p50_s, p99_s, ours_s| Findings {
            rows: vec![row(256, 256, p50_s, p99_s), row(4096, held, 9.0, 9.0)],
            python: Some(Compared {
                streams: 64,
                paced: work(2.0),
                full_speed: work(2.0),
                ours_paced: work(ours_s),
                ours_full_speed: work(ours_s),
                bare_paced: work(0.1),
                bare_full_speed: work(0.1),
            }),
            ..Findings::default()
        };
        assert_eq!(outcomes(&findings(4096, 0.0002, 0.002, 0.1)), [Met; 5]);
        assert_eq!(outcomes(&findings(4095, 0.00021, 0.001, 0.11)), [NotMet; 5]);
        let late = outcomes(&findings(4096, 0.0001, 0.0021, 0.1));
        assert_eq!(late, [Met, NotMet, NotMet, Met, Met]);
    }

    #[test]
    fn a_refused_row_says_why() {
        let mut refused = row(4096, 0, 0.0, 0.0);
        (refused.paced, refused.refused) = (None, Some("too few open files".to_owned()));
        let findings = Findings {
            rows: vec![refused],
            ..Findings::default()
        };
        let held = &verdicts(&findings)[0];
        assert_eq!(
            (held.outcome, held.figure.as_str()),
            (Outcome::NotMet, "too few open files")
        );
    }
}
