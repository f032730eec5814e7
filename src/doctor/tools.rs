//! Programs that are not Python.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Check;
use crate::engine::balance::find::find_nginx;

pub async fn nginx(nginx_bin: Option<&str>) -> Check {
    let name = "nginx";
    let Some(file) = find_nginx(nginx_bin) else {
        return match nginx_bin {
            Some(wanted) => Check::problem(
                name,
                format!("NGINX_BIN names {wanted}, which is not there or not executable"),
                "name an existing nginx, or unset NGINX_BIN to let one be found",
            ),
            None => Check::warning(
                name,
                "not found: round robin is then dispatched by the client itself",
                if cfg!(target_os = "macos") {
                    "`brew install nginx` to measure through it"
                } else {
                    "install your system's nginx package to measure through it"
                },
            ),
        };
    };
    match version(&file).await {
        Ok(version) => Check::ok(name, format!("{version}, {}", file.display())),
        Err(error) => Check::problem(
            name,
            format!("{} does not run: {error}", file.display()),
            "reinstall nginx, or name another with NGINX_BIN",
        ),
    }
}

async fn version(nginx: &Path) -> Result<String, String> {
    let run = Command::new(nginx)
        .arg("-v")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(10), run)
        .await
        .map_err(|_| "no answer within 10 s".to_owned())?
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    parse_version(&said).ok_or_else(|| format!("`-v` said {:?}", said.trim()))
}

/// Of `nginx version: nginx/1.22.1`.
fn parse_version(said: &str) -> Option<String> {
    let version = said.split_once("nginx version:")?.1.trim();
    let version = version
        .split_once('/')
        .map_or(version, |(_, number)| number);
    Some(version.lines().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn the_version_is_read_from_what_nginx_says() {
        assert_eq!(
            parse_version("nginx version: nginx/1.22.1\n").as_deref(),
            Some("1.22.1")
        );
        assert_eq!(
            parse_version("nginx version: openresty/1.25.3.1\nbuilt by").as_deref(),
            Some("1.25.3.1")
        );
        assert_eq!(parse_version("no such option"), None);
    }

    #[tokio::test]
    async fn a_wrong_nginx_bin_is_a_problem_that_names_the_variable() {
        let check = nginx(Some("/nowhere/nginx")).await;
        assert_eq!(check.level, Level::Problem);
        assert!(check.detail.contains("NGINX_BIN") && check.detail.contains("/nowhere/nginx"));
    }

    #[tokio::test]
    async fn a_program_that_is_no_nginx_is_a_problem() {
        let check = nginx(Some("/bin/cat")).await;
        assert_eq!(check.level, Level::Problem, "{check:?}");
    }
}
