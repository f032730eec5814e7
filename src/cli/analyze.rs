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
