//! `compare`: the cells that several runs share, and what else differs between them.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::failure::Usage;
use crate::compare::{ComparedRun, Comparison, MOST_RUNS, Measure, render};

#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Two to eight results files, whoever wrote them; the first is the base
    #[arg(value_name = "CSV", num_args = 2..=MOST_RUNS, required = true)]
    pub files: Vec<PathBuf>,
    /// The column of figures to compare
    #[arg(long, default_value = "throughput_tps")]
    pub field: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Markdown,
    Json,
}

/// Prints the comparison to stdout, and what is to be known of the files to stderr.
///
/// # Errors
/// A file cannot be compared, or there is no such column: wrong usage.
pub fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let measure = Measure::column(&args.field).map_err(|error| Usage::of(&error))?;
    let mut runs = Vec::new();
    let mut wrong = Vec::new();
    for file in &args.files {
        match ComparedRun::load(file) {
            Ok(run) => runs.push(Arc::new(run)),
            Err(error) => wrong.push(error),
        }
    }
    if !wrong.is_empty() {
        return Err(Usage::all(&wrong));
    }
    let comparison = Comparison::new(runs);
    for note in notes(&comparison, &measure) {
        say!("note: {note}");
    }
    let told = match args.format {
        Format::Text => render::text(&comparison, &measure),
        Format::Markdown => render::markdown(&comparison, &measure),
        Format::Json => format!("{:#}\n", render::json(&comparison, &measure)),
    };
    let mut out = io::stdout().lock();
    match out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
        // The reader of our output has seen enough, as `head` does.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn notes(comparison: &Comparison, measure: &Measure) -> Vec<String> {
    let mut notes = Vec::new();
    for (run, name) in comparison.runs().iter().zip(comparison.names()) {
        let problems = run.run.problems.iter();
        notes.extend(problems.map(|problem| format!("{name}: {problem}")));
        notes.extend(run.run.caution.map(|caution| format!("{name}: {caution}")));
        if run.run.unfinished {
            notes.push(format!("{name}: the run is unfinished"));
        }
    }
    for (number, name) in comparison.names().iter().enumerate() {
        let mut cells = comparison.cells().iter();
        if !cells.any(|cell| comparison.figure(cell, number, measure).is_some()) {
            notes.push(format!("{name}: no valid cell has a {}", measure.name()));
        }
    }
    if comparison.shared() == 0 {
        notes.push(
            "the runs share no cell: sweep the same settings in both to compare them".to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::cli::failure;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        compare: CompareArgs,
    }

    fn parse(line: &str) -> Result<CompareArgs, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.compare)
    }

    #[test]
    fn two_to_eight_files_are_taken() {
        let args = parse("compare a.csv b.csv --field ttft_p50_s --format json").unwrap();
        assert_eq!(args.files.len(), 2);
        assert_eq!(
            (args.field.as_str(), args.format),
            ("ttft_p50_s", Format::Json)
        );
        assert_eq!(parse("compare a b c d e f g h").unwrap().files.len(), 8);
        for line in [
            "compare",
            "compare a.csv",
            "compare a b c d e f g h i",
            "compare a b --format html",
        ] {
            let code = parse(line).unwrap_err().exit_code();
            assert_eq!(code, i32::from(failure::USAGE), "{line}");
        }
    }

    #[test]
    fn wrong_files_and_fields_are_wrong_usage_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other.csv");
        fs::write(&other, "a,b\n1,2\n").unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/csv/full_sweep_highconc.csv");
        let asked = |files: [PathBuf; 3], field: &str| {
            let args = CompareArgs {
                files: files.to_vec(),
                field: field.to_owned(),
                format: Format::Text,
            };
            let error = run(&args).unwrap_err();
            assert!(error.is::<Usage>(), "{error}");
            error.to_string()
        };
        let missing = dir.path().join("missing.csv");
        let told = asked([sample.clone(), missing, other], "throughput_tps");
        assert!(
            told.contains("missing.csv") && told.contains("other.csv is not"),
            "{told}"
        );
        let told = asked([sample.clone(), sample.clone(), sample], "throughput");
        assert!(told.contains("\"throughput_tps\""), "{told}");
    }
}
