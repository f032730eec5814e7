//! The real binary against the real `mlx_lm.server` and the real nginx, on this machine's CPU.
//!
//! Has its own `main`, since the tests share an environment that takes a minute to make, and since
//! whether nginx is there is known only when they run: Rust's own harness can ignore a test only
//! when it is compiled.

// Token counts are whole numbers, and exact as such.
#![allow(clippy::float_cmp)]

mod attached;
mod checks;
mod control;
mod exact_output;
mod faults;
mod lab;
mod lengths;
mod load;
mod models;
mod places;
mod prompt_files;
mod quick;
mod rates;
mod statistics;
mod sweeps;
mod tune;
#[cfg(target_os = "linux")]
mod window;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::lab::Lab;

/// What a test needs beyond Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Nginx,
    /// A display without a screen, a software graphics driver, the accessibility bus.
    #[cfg(target_os = "linux")]
    Display,
}

type Test = (&'static str, Needs, fn(&Lab) -> Result<(), Failed>);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each test measures: two at once would measure each other.
    arguments.test_threads = Some(1);
    let tests: Vec<Test> = [
        checks::TESTS,
        sweeps::TESTS,
        load::TESTS,
        rates::TESTS,
        faults::TESTS,
        models::TESTS,
        control::TESTS,
        places::TESTS,
        quick::TESTS,
        statistics::TESTS,
        tune::TESTS,
        #[cfg(target_os = "linux")]
        window::TESTS,
        attached::TESTS,
        lengths::TESTS,
        prompt_files::TESTS,
        exact_output::TESTS,
    ]
    .concat();
    let wanted = |name: &str| match &arguments.filter {
        Some(filter) if arguments.exact => name == filter,
        Some(filter) => name.contains(filter.as_str()),
        None => true,
    };
    let any = tests.iter().any(|(name, ..)| wanted(name));
    if arguments.list || !any {
        let trials = tests
            .into_iter()
            .map(|(name, ..)| Trial::test(name, || Ok(())))
            .collect();
        return libtest_mimic::run(&arguments, trials).exit_code();
    }

    let lab: &'static Lab = match Lab::open() {
        Ok(lab) => Box::leak(Box::new(lab)),
        Err(error) => {
            eprintln!("the end-to-end tests have no MLX environment: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let lacking = lacking(lab);
    for (need, packages) in &lacking {
        eprintln!(
            "{packages} missing: the tests that need {need:?} are {}. Install with \
             `apt-get install {packages}`{}",
            if in_ci { "failed" } else { "ignored" },
            if *need == Needs::Nginx {
                " or `brew install nginx`"
            } else {
                ""
            },
        );
    }
    let trials = tests
        .into_iter()
        .map(|(name, needs, test)| {
            let lacks = lacking.iter().find(|(need, _)| *need == needs);
            let message = lacks
                .map(|(_, packages)| format!("{packages} missing, and CI=true allows no skipping"));
            let ignored = message.is_some() && !in_ci;
            Trial::test(name, move || match message {
                Some(message) => Err(message.into()),
                None => test(lab),
            })
            .with_ignored_flag(ignored)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What this machine lacks, with Debian's packages that have it.
fn lacking(lab: &Lab) -> Vec<(Needs, String)> {
    let mut lacking = Vec::new();
    if lab.nginx.is_none() {
        lacking.push((Needs::Nginx, "nginx-light".to_owned()));
    }
    #[cfg(target_os = "linux")]
    {
        let missing = window::desktop::missing();
        if !missing.is_empty() {
            lacking.push((Needs::Display, missing.join(" ")));
        }
    }
    lacking
}
