//! Python, mlx, mlx-lm, and the flags that its server knows.

use std::path::Path;

use super::Check;
use crate::python::error::{SETUP, how_to_mend};
use crate::python::managed::{self, pins};
use crate::python::{Interpreter, PythonError, ServerProbe, server_probe, survey};

/// Without these, a sweep cannot set what it measures.
const SWEPT_FLAGS: [&str; 2] = ["--decode-concurrency", "--prompt-concurrency"];

pub async fn checks(chosen: Option<&Path>) -> Vec<Check> {
    let (found, chosen) = survey(chosen).await;
    let python = match chosen {
        Ok(python) => python,
        Err(error) => {
            let mut checks = vec![no_python(&error)];
            checks.extend(others(&found, None));
            checks.extend(managed_environment());
            return checks;
        }
    };
    let mut checks = vec![
        Check::ok(
            "Python",
            format!(
                "{}, {} ({})",
                python.python,
                python.exe.display(),
                python.origin
            ),
        ),
        mlx(&python),
    ];
    let server = server_probe(&python.exe).await;
    checks.push(mlx_lm(&python));
    checks.push(flags(&server));
    checks.extend(others(&found, Some(&python)));
    checks.extend(managed_environment());
    checks
}

fn no_python(error: &PythonError) -> Check {
    // The message says what to do behind its first sentence.
    let text = error.to_string();
    let (what, remedy) = text.split_once(". ").unwrap_or((&text, ""));
    Check::problem("Python", what, remedy)
}

fn mlx(python: &Interpreter) -> Check {
    let name = "mlx";
    let install = how_to_mend(&python.exe);
    match (&python.mlx, &python.backend) {
        (None, _) => Check::problem(name, "not installed beside mlx-lm", install),
        (Some(version), None) => Check::problem(
            name,
            format!("{version}, without a backend to compute on"),
            install,
        ),
        (Some(version), Some(backend)) => {
            let detail = format!("{version}, computes on {backend}");
            let best = pins::Accelerator::of_this_machine();
            if backend == "cpu" && best != pins::Accelerator::Cpu {
                let remedy = format!("this machine has an {best}. {install}");
                return Check::warning(name, detail, remedy);
            }
            Check::ok(name, detail)
        }
    }
}

fn mlx_lm(python: &Interpreter) -> Check {
    let version = python.mlx_lm.as_deref().unwrap_or("of unknown version");
    Check::ok("mlx-lm", version)
}

fn flags(server: &Result<ServerProbe, PythonError>) -> Check {
    let name = "server flags";
    match server {
        Err(PythonError::ServerDoesNotStart {
            command,
            detail,
            advice,
        }) => {
            let last = detail.lines().last().unwrap_or(detail);
            Check::problem(name, format!("`{command}` failed: {last}"), advice.clone())
        }
        Err(error) => Check::problem(name, error.to_string(), format!("run `{SETUP}`")),
        Ok(server) => {
            let missing: Vec<&str> = SWEPT_FLAGS
                .into_iter()
                .filter(|flag| !server.help.contains(flag))
                .collect();
            if missing.is_empty() {
                let form = server.module_args.join(" ");
                return Check::ok(name, format!("{} (`{form}`)", SWEPT_FLAGS.join(", ")));
            }
            let newest = pins::pinned_version("mlx-lm").unwrap_or("the newest");
            Check::problem(
                name,
                format!(
                    "mlx-lm {} does not know {}",
                    server.mlx_lm,
                    missing.join(" and ")
                ),
                format!(
                    "these cannot be swept before mlx-lm is renewed ({newest} is tested): run `{SETUP}`"
                ),
            )
        }
    }
}

/// Further Pythons with mlx-lm, which `MLX_PYTHON` could name.
fn others(found: &[Interpreter], used: Option<&Interpreter>) -> Option<Check> {
    let others: Vec<String> = found
        .iter()
        .filter(|python| python.mlx_lm.is_some() && used.is_none_or(|used| used.exe != python.exe))
        .map(ToString::to_string)
        .collect();
    (!others.is_empty()).then(|| Check::ok("other Pythons", others.join("; ")))
}

/// Nothing where there is none: it is needed only where no other Python has mlx-lm.
fn managed_environment() -> Option<Check> {
    let dir = crate::platform::dirs::environment_dir().filter(|dir| dir.exists())?;
    let name = "environment";
    Some(match managed::reason_to_remake(&dir) {
        None => Check::ok(name, format!("whole, {}", dir.display())),
        Some(reason) => Check::warning(
            name,
            format!("{}: {reason}", dir.display()),
            format!("run `{SETUP}` to make it anew"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use crate::python::Origin;

    fn python() -> Interpreter {
        Interpreter {
            exe: "/env/bin/python".into(),
            origin: Origin::Path,
            python: "3.12.4".into(),
            mlx: Some("0.32.4".into()),
            mlx_lm: Some("0.32.2".into()),
            backend: Some("metal".into()),
        }
    }

    fn server(help: &str) -> ServerProbe {
        ServerProbe {
            python: "3.12.4".into(),
            mlx: Some("0.29.0".into()),
            mlx_lm: "0.28.0".into(),
            module_args: vec!["-m".into(), "mlx_lm".into(), "server".into()],
            help: help.to_owned(),
        }
    }

    #[test]
    fn a_server_without_the_swept_flags_is_a_problem_that_names_them() {
        let whole = server("--decode-concurrency --prompt-concurrency");
        assert_eq!(flags(&Ok(whole)).level, Level::Ok);
        let check = flags(&Ok(server("--port PORT --prompt-concurrency N")));
        assert_eq!(check.level, Level::Problem);
        assert_eq!(
            check.detail,
            "mlx-lm 0.28.0 does not know --decode-concurrency"
        );
        assert!(check.remedy.unwrap().contains(SETUP));
    }

    #[test]
    fn mlx_without_a_backend_is_told_apart_from_no_mlx() {
        assert_eq!(mlx(&python()).level, Level::Ok);
        let bare = Interpreter {
            backend: None,
            ..python()
        };
        assert!(mlx(&bare).detail.contains("without a backend"));
        let none = Interpreter {
            mlx: None,
            backend: None,
            ..python()
        };
        assert!(mlx(&none).detail.contains("not installed"));
    }

    #[test]
    fn what_is_wrong_with_the_chosen_python_is_split_from_what_to_do() {
        let check = no_python(&PythonError::ChosenMissing {
            path: "/no/python3.12".into(),
        });
        assert_eq!(check.level, Level::Problem);
        assert_eq!(
            check.detail,
            "MLX_PYTHON names /no/python3.12, which does not exist"
        );
        assert!(check.remedy.unwrap().starts_with("Name an existing Python"));
    }

    #[test]
    fn the_python_in_use_is_not_another_one() {
        let used = python();
        let other = Interpreter {
            exe: "/other/python".into(),
            ..python()
        };
        let without = Interpreter {
            exe: "/bare/python".into(),
            mlx_lm: None,
            ..python()
        };
        assert_eq!(others(&[used.clone(), without.clone()], Some(&used)), None);
        let check = others(&[used.clone(), other, without], Some(&used)).unwrap();
        assert!(check.detail.contains("/other/python") && !check.detail.contains("/bare"));
    }
}
