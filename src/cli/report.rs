//! `report`: a run as a document, a picture or a table to keep and to send.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use strum::IntoEnumIterator as _;

use super::failure::Usage;
use crate::board::Layer;
use crate::report::chart::{Chart, ChartError};
use crate::report::document::{Document, Format, Wanted};
use crate::report::file::{self, WriteError};
use crate::store::library;

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The results file to report, whoever wrote it
    #[arg(value_name = "CSV")]
    pub file: PathBuf,
    /// Where to: .html, .md, .json, .csv, .png or .svg; - for standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What to write, where the file's name does not say so (Markdown on standard output)
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Kind>,
    /// The figure to draw: throughput, ttft-p50, ...; several for an HTML report
    #[arg(long, value_name = "LAYER", value_parser = layer)]
    pub layer: Vec<Layer>,
    /// The chart of a picture
    #[arg(long, value_enum, default_value_t = ChartKind::Heatmap)]
    pub chart: ChartKind,
    /// A picture for dark backgrounds
    #[arg(long)]
    pub dark: bool,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    Html,
    Md,
    Json,
    Csv,
    Png,
    Svg,
}

impl From<Kind> for Format {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Html => Self::Html,
            Kind::Md => Self::Markdown,
            Kind::Json => Self::Json,
            Kind::Csv => Self::Csv,
            Kind::Png => Self::Png,
            Kind::Svg => Self::Svg,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ChartKind {
    /// Two settings across and down, small multiples over the rest
    Heatmap,
    /// A figure against one setting
    Lines,
    /// Throughput against latency
    Pareto,
}

/// "TTFT p50" as `ttft-p50`.
fn slug(layer: Layer) -> String {
    layer.name().to_lowercase().replace([' ', '/'], "-")
}

fn layer(text: &str) -> Result<Layer, String> {
    let wanted = text.to_lowercase();
    Layer::iter()
        .find(|layer| slug(*layer) == wanted)
        .ok_or_else(|| {
            let known: Vec<String> = Layer::iter().map(slug).collect();
            format!("choose one of {}", known.join(", "))
        })
}

/// Writes the report; a line on standard error says where it is.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let to_stdout = args.out == Path::new("-");
    let format = format(args, to_stdout)?;
    if format.is_picture() && args.layer.len() > 1 {
        return Err(Usage("a picture shows one figure: give --layer once".to_owned()).into());
    }
    let told = |error: WriteError| match error {
        WriteError::Io { .. } => error.into(),
        WriteError::Exists(_) => Usage(format!("{error}, or add --force to replace it")).into(),
        _ => Usage::of(&error),
    };
    let csv = csv_of(&args.file);
    if !to_stdout {
        file::check(&args.out, &csv, args.force).map_err(told)?;
    }
    let run = library::load(&csv)?;
    for problem in &run.problems {
        say!("warning: {problem}");
    }
    let document = Document::new(&run);
    let wanted = Wanted {
        format,
        chart: if format.is_picture() {
            Some(chart(&document, args)?)
        } else {
            None
        },
        layers: args.layer.clone(),
        dark: args.dark,
    };
    let bytes = document.render(&wanted)?;
    if to_stdout {
        let mut out = io::stdout().lock();
        return match out.write_all(&bytes).and_then(|()| out.flush()) {
            // The reader of our output has seen enough, as `head` does.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
            _ => Ok(ExitCode::SUCCESS),
        };
    }
    file::write(&args.out, &csv, &bytes, args.force).map_err(told)?;
    say!("written: {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// A sidecar stands for its run.
fn csv_of(path: &Path) -> PathBuf {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        path.with_extension("csv")
    } else {
        path.to_owned()
    }
}

fn format(args: &ReportArgs, to_stdout: bool) -> anyhow::Result<Format> {
    if let Some(kind) = args.format {
        return Ok(kind.into());
    }
    if to_stdout {
        return Ok(Format::Markdown);
    }
    Format::of(&args.out).ok_or_else(|| {
        let known: Vec<String> = Format::iter()
            .map(|f| format!(".{}", f.extension()))
            .collect();
        Usage(format!(
            "{} does not say what to write: end its name in one of {}, or give --format",
            args.out.display(),
            known.join(", ")
        ))
        .into()
    })
}

fn chart(document: &Document<'_>, args: &ReportArgs) -> Result<Chart, ChartError> {
    let board = &document.board;
    let layer = args.layer.first().copied();
    let shown = layer.unwrap_or(Layer::Throughput);
    match (args.chart, layer) {
        (ChartKind::Heatmap, _) => Chart::heatmap(board, shown).ok_or(ChartError::NoCells),
        (ChartKind::Lines, _) => Chart::lines(board, shown).ok_or(ChartError::NoCells),
        // Of a Pareto chart, the layer is the latency.
        (ChartKind::Pareto, Some(latency)) if latency != Layer::Throughput => {
            Ok(Chart::Pareto { latency })
        }
        (ChartKind::Pareto, _) => Chart::pareto(board).ok_or(ChartError::NoLatency),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        report: ReportArgs,
    }

    fn parse(words: &[&str]) -> Result<ReportArgs, clap::Error> {
        Cli::try_parse_from(["report"].iter().chain(words)).map(|cli| cli.report)
    }

    fn ended(words: &[&str]) -> Result<(), String> {
        match run(&parse(words).expect("arguments")) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "{}{error}",
                if error.is::<Usage>() { "usage: " } else { "" }
            )),
        }
    }

    fn sample() -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
        folder
            .join("full_sweep_20261124_012945.csv")
            .display()
            .to_string()
    }

    #[test]
    fn layers_are_named_as_people_type_them() {
        let args = parse(&[
            "a.csv",
            "--out",
            "a.html",
            "--layer",
            "throughput",
            "--layer",
            "TTFT-p50",
        ]);
        assert_eq!(args.unwrap().layer, [Layer::Throughput, Layer::TtftP50]);
        let error = parse(&["a.csv", "--out", "a.png", "--layer", "speed"]).unwrap_err();
        assert!(error.to_string().contains("per-user, ttft-p50"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_kind_follows_the_extension_and_nothing_is_replaced_unless_asked() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let sample = sample();
        for (name, start) in [
            ("a.html", "<!doctype html>"),
            ("a.md", "**Full sweep**"),
            ("a.json", "{\n"),
            ("a.csv", "instances,"),
            ("a.svg", "<?xml"),
            ("a.png", "\u{FFFD}PNG"),
        ] {
            ended(&[&sample, "--out", &at(name)]).unwrap();
            let written = std::fs::read(at(name)).unwrap();
            let text = String::from_utf8_lossy(&written);
            assert!(text.starts_with(start), "{name}: {}", &text[..40]);
            let error = ended(&[&sample, "--out", &at(name)]).unwrap_err();
            assert!(
                error.starts_with("usage: ") && error.contains("--force"),
                "{error}"
            );
        }
        ended(&[&sample, "--out", &at("a.md"), "--format", "json", "--force"]).unwrap();
        assert!(
            std::fs::read_to_string(at("a.md"))
                .unwrap()
                .starts_with('{')
        );
        for name in ["a", "a.pdf"] {
            let error = ended(&[&sample, "--out", &at(name)]).unwrap_err();
            assert!(error.contains(".html, .md, .json"), "{error}");
        }
    }

    #[test]
    fn the_run_itself_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("run.csv");
        std::fs::copy(sample(), &csv).unwrap();
        let before = std::fs::read(&csv).unwrap();
        let csv = csv.display().to_string();
        let error = ended(&[&csv, "--out", &csv, "--force"]).unwrap_err();
        assert!(
            error.starts_with("usage: ") && error.contains("the run itself"),
            "{error}"
        );
        let sidecar = csv.replace(".csv", ".json");
        ended(&[&csv, "--out", &sidecar, "--force"]).unwrap_err();
        assert_eq!(std::fs::read(&csv).unwrap(), before);
        assert!(!Path::new(&sidecar).exists());
    }

    #[test]
    fn what_cannot_be_drawn_says_what_can() {
        let dir = tempfile::tempdir().unwrap();
        let png = dir.path().join("a.png").display().to_string();
        let sample = sample();
        let error = ended(&[&sample, "--out", &png, "--chart", "pareto"]).unwrap_err();
        assert!(error.contains("Choose the heatmap or lines"), "{error}");
        let error = ended(&[
            &sample, "--out", &png, "--chart", "lines", "--layer", "ttft-p95",
        ]);
        assert!(error.unwrap_err().contains("TTFT p95"));
        let twice = ["--layer", "errors", "--layer", "gpu"];
        let error = ended(&[&[&sample as &str, "--out", &png], &twice[..]].concat()).unwrap_err();
        assert!(error.contains("give --layer once"), "{error}");
        assert!(!Path::new(&png).exists());
    }
}
