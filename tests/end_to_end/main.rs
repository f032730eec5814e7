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
mod faults;
mod lab;
mod load;
mod models;
mod places;
mod quick;
mod sweeps;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::lab::Lab;

/// What a test needs beyond Python.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Nginx,
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
        faults::TESTS,
        models::TESTS,
        control::TESTS,
        places::TESTS,
        quick::TESTS,
        attached::TESTS,
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
    let no_nginx = lab.nginx.is_none();
    if no_nginx {
        eprintln!(
            "nginx is missing: its tests are {}. Install it with `apt-get install nginx-light` \
             or `brew install nginx`",
            if in_ci { "failed" } else { "ignored" }
        );
    }
    let trials = tests
        .into_iter()
        .map(|(name, needs, test)| {
            let lacking = needs == Needs::Nginx && no_nginx;
            Trial::test(name, move || {
                if lacking {
                    return Err("nginx is missing, and CI=true allows no skipping".into());
                }
                test(lab)
            })
            .with_ignored_flag(lacking && !in_ci)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
