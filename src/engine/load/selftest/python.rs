//! A thread-per-request Python client on the same server, to compare with.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use super::Work;

/// Its source; it needs nothing but the standard library.
const CLIENT: &str = include_str!("../../../../tests/support/python_client.py");

#[derive(Debug, Deserialize)]
struct Said {
    chunks: u64,
    errors: u32,
    wall_s: f64,
    cpu_s: f64,
}

/// Has `python` send `requests` requests of `chunks` chunks each, `streams` at a time.
///
/// # Errors
/// Why there is no figure, in words.
pub async fn measure(
    python: &Path,
    url: &str,
    streams: u32,
    requests: u32,
    chunks: u32,
    prompt: &str,
) -> Result<Work, String> {
    let output = Command::new(python)
        // Nothing of the user's settings or folders.
        .args(["-I", "-c", CLIENT, url])
        .args([streams, requests, chunks].map(|n| n.to_string()))
        .arg(prompt)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("{} could not be started: {error}", python.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it said nothing");
        return Err(format!("{} failed: {last}", python.display()));
    }
    let said: Said = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{} gave no figures: {error}", python.display()))?;
    if said.errors > 0 {
        return Err(format!(
            "{} of the Python client's {requests} requests failed",
            said.errors
        ));
    }
    Ok(Work {
        chunks: said.chunks,
        wall_s: said.wall_s,
        cpu_s: said.cpu_s,
    })
}
