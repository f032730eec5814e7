//! The self-test in a second, at the start of a run.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::process::ServerProcess;
use super::{Bench, LEAST_GAP_US, Load, PACED_CHUNKS_PER_S, SelftestError, TTFT_US, UNPACED};
use crate::engine::load::Target;
use crate::engine::load::limits::allow_open_files;
use crate::engine::load::selftest::script::Script;
use crate::measure::client::ClientCeiling;

/// More streams would mostly measure how connections are made.
const MOST_STREAMS: u32 = 1024;
/// A paced stream with longer gaps would take too long.
const MOST_GAP_US: u64 = 100_000;
/// About how long each of the two loads takes.
const LOAD_S: f64 = 0.4;

/// Measures what the client can take, and how exact it is, at `streams` (or the most that make
/// sense) with a test server of `program`, our own binary.
///
/// # Errors
/// The test server cannot be used, a stream broke, or `cancel`.
pub async fn quietly(
    program: &Path,
    streams: u32,
    cancel: &CancellationToken,
) -> Result<ClientCeiling, SelftestError> {
    let streams = streams.clamp(1, MOST_STREAMS);
    allow_open_files(streams).map_err(std::io::Error::other)?;
    let server = ServerProcess::start(program, streams).await?;
    let bench = Bench {
        server: &server,
        target: Target::direct_with_backlog(&[server.addr], UNPACED)?,
        cancel,
    };
    let paced = bench.paced(load(streams)).await?;
    let full = bench.full_speed(Load::full_speed(streams, LOAD_S)).await?;
    server.stop().await;
    for ends in [&paced.ends, &full.ends] {
        if ends.complete < ends.requests {
            let error = ends.first_error.as_deref().unwrap_or("chunks were missing");
            return Err(SelftestError::Mismatch(error.to_owned()));
        }
    }
    Ok(ClientCeiling {
        streams,
        chunks_per_s: full.work.chunks_per_s(),
        ttft_error_p50_s: paced.ttft_error.p50_s,
        ttft_error_p99_s: paced.ttft_error.p99_s,
        itl_error_p50_s: paced.itl_error.p50_s,
        itl_error_p99_s: paced.itl_error.p99_s,
    })
}

/// One wave, below saturation.
fn load(streams: u32) -> Load {
    let gap_us = u64::from(streams) * 1_000_000 / PACED_CHUNKS_PER_S;
    let gap_us = gap_us.clamp(LEAST_GAP_US, MOST_GAP_US);
    Load {
        streams,
        requests: streams,
        chunks: ((LOAD_S * 1e6 / gap_us as f64).ceil() as u32).max(4),
        script: Script {
            ttft_us: TTFT_US,
            gap_us,
            shift_us: 0,
            stamped: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paced_load_takes_under_a_second_at_any_number_of_streams() {
        for streams in [1, 16, 80, 256, 1024] {
            let load = load(streams);
            let s = (TTFT_US + load.script.gap_us * u64::from(load.chunks + 1)) as f64 / 1e6;
            assert!(s < 0.7, "{streams} streams take {s} s");
            assert!(load.chunks >= 4 && load.requests == streams);
        }
    }
}
