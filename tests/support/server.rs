//! The server itself, on a thread and a runtime of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::script::{Script, Step, What};

/// How connections are taken in.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// Python's default is 5.
    pub backlog: u32,
    /// Between two accepts, as of a server whose interpreter lock is busy.
    pub accept_gap: Duration,
    /// Reset every connection with one of these numbers (from 0) as soon as it is accepted,
    /// without reading.
    pub reset_accepted: fn(u32) -> bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            backlog: 5,
            accept_gap: Duration::ZERO,
            reset_accepted: |_| false,
        }
    }
}

/// A request that was read whole.
#[derive(Debug, Clone)]
pub struct Received {
    /// In order of arrival, from 0.
    pub number: u32,
    /// Request line and headers, as they came.
    pub head: String,
    /// Null where there was none, as of a GET.
    pub body: Value,
    pub at: Instant,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn prompt(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap_or("")
    }
}

/// A request and what was done about it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub received: Received,
    /// Taken just before each write.
    pub sent: Vec<(What, Instant)>,
    /// When the client was seen to have gone before the script's end.
    pub client_gone: Option<Instant>,
}

impl Exchange {
    pub fn at(&self, what: What) -> Vec<Instant> {
        let sent = self.sent.iter().filter(|(w, _)| *w == what);
        sent.map(|(_, at)| *at).collect()
    }
}

type Behaviour = dyn Fn(&Received) -> Script + Send + Sync;

#[derive(Default)]
struct Log {
    exchanges: Vec<Exchange>,
    /// Connections accepted, of whatever fate.
    accepted: u32,
    /// Connections that ended before a whole request had been read.
    cut_short: u32,
}

/// Runs until dropped.
pub struct Server {
    pub addr: SocketAddr,
    log: Arc<Mutex<Log>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// With a backlog of 5 and prompt accepts.
    pub fn start(behaviour: impl Fn(&Received) -> Script + Send + Sync + 'static) -> Self {
        Self::start_with(ServerOptions::default(), behaviour)
    }

    pub fn start_with(
        options: ServerOptions,
        behaviour: impl Fn(&Received) -> Script + Send + Sync + 'static,
    ) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (stop, stopped) = oneshot::channel();
        let (bound, addr) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let socket = TcpSocket::new_v4().unwrap();
                    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
                    let listener = socket.listen(options.backlog).unwrap();
                    bound.send(listener.local_addr().unwrap()).unwrap();
                    tokio::select! {
                        () = accept(listener, options, Arc::new(behaviour), log) => {}
                        _ = stopped => {}
                    }
                });
            }
        });
        Self {
            addr: addr.recv().unwrap(),
            log,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// What happened so far, in order of arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let mut all = self.log.lock().unwrap().exchanges.clone();
        all.sort_by_key(|exchange| exchange.received.number);
        all
    }

    /// Connections accepted so far, of whatever fate.
    pub fn accepted(&self) -> u32 {
        self.log.lock().unwrap().accepted
    }

    pub fn cut_short(&self) -> u32 {
        self.log.lock().unwrap().cut_short
    }

    /// Waits until `n` exchanges have ended, at most five seconds.
    pub async fn wait_for(&self, n: usize) -> Vec<Exchange> {
        for _ in 0..500 {
            if self.exchanges().len() >= n {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.exchanges()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: TcpListener,
    options: ServerOptions,
    behaviour: Arc<Behaviour>,
    log: Arc<Mutex<Log>>,
) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    let requests = Arc::new(std::sync::atomic::AtomicU32::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        log.lock().unwrap().accepted += 1;
        let reset = (options.reset_accepted)(number);
        number += 1;
        if reset {
            cut(stream);
        } else {
            let _ = stream.set_nodelay(true);
            let (behaviour, log, requests) = (
                Arc::clone(&behaviour),
                Arc::clone(&log),
                Arc::clone(&requests),
            );
            connections.spawn(async move {
                serve(stream, &*behaviour, &log, &requests).await;
            });
        }
        if !options.accept_gap.is_zero() {
            tokio::time::sleep(options.accept_gap).await;
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(
    mut stream: TcpStream,
    behaviour: &Behaviour,
    log: &Mutex<Log>,
    requests: &std::sync::atomic::AtomicU32,
) {
    let Some((head, body)) = read_request(&mut stream).await else {
        log.lock().unwrap().cut_short += 1;
        return;
    };
    let received = Received {
        number: requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        head,
        body,
        at: Instant::now(),
    };
    let Script(steps) = behaviour(&received);
    let mut exchange = Exchange {
        received,
        sent: Vec::new(),
        client_gone: None,
    };
    for step in steps {
        let gone = match step {
            Step::Wait(time) => tokio::time::timeout(time, gone(&mut stream)).await.is_ok(),
            Step::Hang => {
                gone(&mut stream).await;
                true
            }
            Step::Send(what, bytes) => {
                exchange.sent.push((what, Instant::now()));
                stream.write_all(&bytes).await.is_err()
            }
            Step::Reset => {
                cut(stream);
                log.lock().unwrap().exchanges.push(exchange);
                return;
            }
        };
        if gone {
            exchange.client_gone = Some(Instant::now());
            break;
        }
    }
    let _ = stream.shutdown().await;
    log.lock().unwrap().exchanges.push(exchange);
}

/// Ends when the client has closed its side.
async fn gone(stream: &mut TcpStream) {
    let mut rest = [0; 256];
    while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {}
}

/// Closes with a reset instead of an end.
fn cut(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

/// The head and the JSON body of a request; `None` if the connection ended first. Like Python's server it looks at
/// nothing before `Content-Length` bytes are there.
async fn read_request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let mut read = [0; 2048];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut read).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&read[..n]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    if head.starts_with("GET ") {
        return Some((head, Value::Null));
    }
    let length: usize = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())?;
    while bytes.len() < head_end + length {
        match stream.read(&mut read).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&read[..n]),
        }
    }
    let body = serde_json::from_slice(&bytes[head_end..head_end + length]).ok()?;
    Some((head, body))
}
