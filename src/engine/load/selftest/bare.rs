//! The floor: a loop that reads the same answers and looks at nothing. What it costs is what the
//! system asks for waking a process and handing it bytes, so it says how much of a client's cost is
//! its own. Below saturation, where each chunk wakes whoever reads it, no client can cost less; at
//! full speed one that reads later gets more chunks at once, and may.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Load, Work, clock};

/// More than a socket of the loopback interface holds at once when it is read in time.
const READ_BYTES: usize = 64 * 1024;
const END: &[u8] = b"data: [DONE]\n\n";

/// Reads one answer of `load` on each of its streams, all at once, on one thread of its own.
///
/// # Errors
/// The test server cannot be reached, an answer is not whole, or `cancel`.
pub async fn measure(addr: SocketAddr, load: Load, cancel: &CancellationToken) -> io::Result<Work> {
    let cancel = cancel.clone();
    let alone = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            tokio::select! {
                work = all(addr, load) => work,
                () = cancel.cancelled() => Err(io::ErrorKind::Interrupted.into()),
            }
        })
    });
    alone.await.map_err(io::Error::other)?
}

async fn all(addr: SocketAddr, load: Load) -> io::Result<Work> {
    let mut streams = JoinSet::new();
    let (cpu, began) = (clock::cpu(), Instant::now());
    for number in 0..load.streams {
        streams.spawn(one(addr, number, load));
    }
    while let Some(ended) = streams.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(Work {
        chunks: u64::from(load.streams) * u64::from(load.chunks),
        wall_s: began.elapsed().as_secs_f64(),
        cpu_s: clock::cpu().saturating_sub(cpu).as_secs_f64(),
    })
}

async fn one(addr: SocketAddr, number: u32, load: Load) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let body = serde_json::json!({
        "messages": [{"role": "user", "content": format!("{number} {}", load.script)}],
        "max_tokens": load.chunks,
    })
    .to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut read = vec![0; READ_BYTES];
    let mut end = Vec::new();
    loop {
        let n = stream.read(&mut read).await?;
        if n == 0 {
            break;
        }
        end.extend_from_slice(&read[n.saturating_sub(END.len())..n]);
        end.drain(..end.len().saturating_sub(END.len()));
    }
    if end == END {
        Ok(())
    } else {
        Err(io::Error::other("an answer was not whole"))
    }
}
