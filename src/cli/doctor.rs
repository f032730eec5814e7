//! `doctor`: is this machine ready to measure?

use std::fmt::Write;
use std::process::ExitCode;

use super::asked::Asked;
use crate::doctor::{Check, Inputs, Level, examine, worst};

/// Look at Python, mlx, nginx, ports, memory, disk and power, and say what to mend.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
    /// Print the checks as JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub asked: Asked,
}

/// Exit status 1 if anything is a problem.
pub async fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    run_with(args, &Inputs::of(&args.asked.settings()?)).await
}

pub async fn run_with(args: &DoctorArgs, inputs: &Inputs) -> anyhow::Result<ExitCode> {
    let checks = examine(inputs).await;
    if args.json {
        show!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        show!("{}", table(&checks).trim_end());
    }
    Ok(if worst(&checks) == Level::Problem {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// `level  what  detail — what to do`, aligned.
fn table(checks: &[Check]) -> String {
    let width = |text: fn(&Check) -> String| {
        checks
            .iter()
            .map(|check| text(check).chars().count())
            .max()
            .unwrap_or(0)
    };
    let levels = width(|check| check.level.to_string());
    let names = width(|check| check.name.clone());
    let mut text = String::new();
    for check in checks {
        let Check {
            level,
            name,
            detail,
            remedy,
        } = check;
        let level = level.to_string();
        let _ = write!(
            text,
            "{level:<levels$}  {name:<names$}  {}",
            one_line(detail)
        );
        if let Some(remedy) = remedy {
            let _ = write!(text, " — {}", one_line(remedy));
        }
        text.push('\n');
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_end_with_what_to_do() {
        let check = |level, name: &str, detail: &str, remedy: Option<&str>| Check {
            level,
            name: name.to_owned(),
            detail: detail.to_owned(),
            remedy: remedy.map(ToOwned::to_owned),
        };
        let checks = [
            check(Level::Ok, "mlx", "0.32.4", None),
            check(
                Level::Warning,
                "nginx port",
                "8088 is held\nby x",
                Some("stop it"),
            ),
            check(Level::Problem, "Python", "none", Some("run setup")),
        ];
        assert_eq!(
            table(&checks),
            "ok       mlx         0.32.4\n\
             warning  nginx port  8088 is held by x — stop it\n\
             problem  Python      none — run setup\n"
        );
        assert_eq!(worst(&checks), Level::Problem);
    }
}
