//! The test server seen from the client's process: start it, ask for its truth, end it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::server::{PORT_WORD, Written};

/// It has nothing to load.
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(5);

/// A running test server. Dropping it ends the process; so does our own end, which closes its
/// standard input.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    pub addr: SocketAddr,
}

impl ServerProcess {
    /// Starts `program`, our own binary, as a test server for up to `streams` streams.
    ///
    /// # Errors
    /// It cannot be started, or does not say its port.
    pub async fn start(program: &Path, streams: u32) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg("selftest-server")
            .arg(streams.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal is for us; we end it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        timeout(START_LIMIT, BufReader::new(out).read_line(&mut line)).await??;
        let port = line
            .strip_prefix(PORT_WORD)
            .and_then(|port| port.trim().parse::<u16>().ok())
            .ok_or_else(|| io::Error::other(format!("it said {line:?} instead of its port")))?;
        Ok(Self {
            child,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        })
    }

    /// When it wrote the chunks of all stamped answers since it was last asked.
    ///
    /// # Errors
    /// It is gone, or does not answer as it should.
    pub async fn truth(&self) -> io::Result<Vec<Written>> {
        let mut stream = TcpStream::connect(self.addr).await?;
        stream.write_all(b"GET /truth HTTP/1.0\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let body_at = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = body_at.map_or(&[][..], |at| &answer[at + 4..]);
        Ok(serde_json::from_slice(body)?)
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) {
        drop(self.child.stdin.take());
        if timeout(END_LIMIT, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}
