//! Writing to whoever reads us. A reader that has left (`| head`) or a window that was closed must
//! not end a run in the middle of its cells, which `println!` and `eprintln!` would: they panic.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

/// A line of results, on standard output.
macro_rules! show {
    ($($text:tt)*) => { $crate::cli::terminal::out(format_args!($($text)*)) };
}

/// A line for people, on standard error.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::terminal::err(format_args!($($text)*)) };
}

pub fn out(line: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            err(format_args!(
                "error: standard output could not be written: {error}"
            ));
        }
        _ => {}
    }
}

pub fn err(line: fmt::Arguments<'_>) {
    // There is nowhere left to tell of a failure.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
