//! `analyze`: the best (or worst) rows of a results file as a table.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::report::analyze::{self, Options};

#[derive(Debug, clap::Args)]
pub struct AnalyzeArgs {
    /// The CSV to read, whoever wrote it
    #[arg(long, value_name = "CSV")]
    pub file: PathBuf,
    /// The column to sort by
    #[arg(long, default_value = "throughput_tps")]
    pub field: String,
    #[arg(long, value_enum, default_value_t = Order::Desc)]
    pub order: Order,
    /// Rows to show
    #[arg(long, default_value_t = 5, allow_negative_numbers = true)]
    pub count: i64,
    /// Show every column, not only the eight that older tools know
    #[arg(long)]
    pub all_columns: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    Asc,
    Desc,
}

/// Prints the table. As in the Python lab, a missing file, an empty file and an unknown field are
/// told on stdout with exit status 0.
pub fn run(args: &AnalyzeArgs) -> anyhow::Result<ExitCode> {
    let options = Options {
        field: &args.field,
        order: match args.order {
            Order::Asc => analyze::Order::Asc,
            Order::Desc => analyze::Order::Desc,
        },
        count: args.count,
        all_columns: args.all_columns,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let written = analyze::write_table(&mut out, &args.file, &options).and_then(|()| out.flush());
    match written {
        // The reader of our output has seen enough, as `head` does.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => {
            written?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        analyze: AnalyzeArgs,
    }

    fn parse(line: &str) -> Result<AnalyzeArgs, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.analyze)
    }

    #[test]
    fn the_defaults_are_those_of_the_python_lab() {
        let args = parse("analyze --file a.csv").unwrap();
        assert_eq!(args.field, "throughput_tps");
        assert_eq!((args.order, args.count), (Order::Desc, 5));
        assert!(!args.all_columns);
    }

    #[test]
    fn every_option_is_read() {
        let line = "analyze --file a.csv --field errors --order asc --count -2 --all-columns";
        let args = parse(line).unwrap();
        assert_eq!((args.field.as_str(), args.order), ("errors", Order::Asc));
        assert_eq!((args.count, args.all_columns), (-2, true));
    }

    #[test]
    fn wrong_usage_ends_with_status_2() {
        for line in [
            "analyze",
            "analyze --file a.csv --order up",
            "analyze --file a.csv --count many",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
