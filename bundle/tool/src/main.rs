//! Makes `MLX Throughput Lab.app` out of a Mach-O, and verifies one. Everything here runs alike on a
//! Mac and on Linux; `bundle/make-app` and `bundle/verify` call it.

mod icon;
mod layout;
mod macho;
mod plists;
mod seal;
mod signature;
#[cfg(test)]
mod tests;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bundle-tool", about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Lay out the app around a binary, unsigned; an app that is there is replaced.
    Layout {
        /// The Mach-O for arm64.
        #[arg(long)]
        binary: PathBuf,
        /// The folder to make, with a name that ends in `.app`.
        app: PathBuf,
    },
    /// Sign the app ad hoc. On a Mac, `codesign` does it.
    Sign { app: PathBuf },
    /// Say all that is wrong with an app; exit status 1 if anything is.
    Verify { app: PathBuf },
    /// Write the icon as PNGs of every size, to look at.
    Pictures { folder: PathBuf },
    /// Print the app's version.
    Version,
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().task {
        Task::Layout { binary, app } => layout::make(&binary, &app)?,
        Task::Sign { app } => seal::sign_ad_hoc(&app)?,
        Task::Verify { app } => {
            let findings = verify::verify(&app);
            for fact in &findings.facts {
                println!("{fact}");
            }
            for fault in &findings.faults {
                eprintln!("fault: {fault}");
            }
            if !findings.faults.is_empty() {
                eprintln!("{} is not in order", app.display());
                return Ok(ExitCode::FAILURE);
            }
            println!("{} is in order", app.display());
        }
        Task::Pictures { folder } => icon::write_pictures(&folder)?,
        Task::Version => println!("{}", env!("CARGO_PKG_VERSION")),
    }
    Ok(ExitCode::SUCCESS)
}
