//! One try to send a request: its paced handshake, seen from inside reqwest, and its body, whose
//! last byte can be held back.
//!
//! A request may be repeated only if the server cannot have started on it. The server reads
//! `Content-Length` bytes before it looks at any, so as long as the last byte has not been handed
//! over, nothing has started, whatever happens to the connection.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use tower_layer::Layer;
use tower_service::Service;

use super::client::{Milestone, Watcher};
use super::pacing::Turn;

tokio::task_local! {
    /// reqwest connects within the task that sends (it has no pool here), so this finds its way.
    static TRY: Arc<Try>;
}

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handshake {
    Stood,
    /// Not complete in time: the server's queue was full.
    Dropped,
    Refused,
    Reset,
    /// Anything else: no route, no address, no file descriptor.
    Failed,
}

#[derive(Debug, thiserror::Error)]
#[error("the handshake was not complete after {0:?}")]
struct HandshakeDropped(Duration);

/// What one try did, written by the layer and the body, read by the client.
#[derive(Debug, Default)]
pub(super) struct Try {
    turn: Mutex<Option<Turn>>,
    watcher: Option<Watcher>,
    handshake: OnceLock<Handshake>,
    hold: OnceLock<Duration>,
    handed_over: OnceLock<Instant>,
}

impl Try {
    pub(super) fn new(turn: Turn, watcher: Option<Watcher>) -> Arc<Self> {
        Arc::new(Self {
            turn: Mutex::new(Some(turn)),
            watcher,
            ..Self::default()
        })
    }

    /// `None`: reqwest did not come as far as connecting.
    pub(super) fn handshake(&self) -> Option<Handshake> {
        self.handshake.get().copied()
    }

    /// When the last byte of the request was handed to the connection.
    pub(super) fn handed_over(&self) -> Option<Instant> {
        self.handed_over.get().copied()
    }

    /// Sends within this try: its handshake is the next that reqwest makes.
    pub(super) async fn within<F: Future>(self: Arc<Self>, sending: F) -> F::Output {
        TRY.scope(self, sending).await
    }

    /// `body` in two parts: all but the last byte, then that, when the hold is over.
    pub(super) fn body(self: &Arc<Self>, mut body: Vec<u8>) -> reqwest::Body {
        let last = body.split_off(body.len().saturating_sub(1));
        let this = Arc::clone(self);
        let held = async move {
            if let Some(hold) = this.hold.get().filter(|hold| !hold.is_zero()) {
                tokio::time::sleep(*hold).await;
            }
            let _ = this.handed_over.set(Instant::now());
            if let Some(Watcher(tell)) = &this.watcher {
                tell(Milestone::Sent);
            }
            Ok::<_, Infallible>(last)
        };
        let first = stream::once(std::future::ready(Ok::<_, Infallible>(body)));
        reqwest::Body::wrap_stream(first.chain(stream::once(held)))
    }

    async fn shake_hands<T>(
        &self,
        connecting: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        let turn = self
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // reqwest follows no redirect and repeats nothing here: a second connect is a mistake.
        let turn = turn.ok_or("one try made two connections")?;
        let limit = turn.handshake_limit();
        let started = Instant::now();
        let result = tokio::time::timeout(limit, connecting).await;
        let (handshake, result) = match result {
            Ok(Ok(connection)) => (Handshake::Stood, Ok(connection)),
            Ok(Err(e)) => (kind_of(&*e), Err(e)),
            Err(_) => (
                Handshake::Dropped,
                Err(Box::new(HandshakeDropped(limit)) as BoxError),
            ),
        };
        let _ = self.handshake.set(handshake);
        match handshake {
            Handshake::Stood => {
                let _ = self.hold.set(turn.stood(started.elapsed()));
            }
            Handshake::Failed => drop(turn),
            Handshake::Dropped | Handshake::Refused | Handshake::Reset => turn.overflowed(),
        }
        result
    }
}

fn kind_of(error: &(dyn Error + 'static)) -> Handshake {
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => Handshake::Refused,
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted) => Handshake::Reset,
        Some(io::ErrorKind::TimedOut) => Handshake::Dropped,
        _ => Handshake::Failed,
    }
}

/// The kind of the first I/O error among an error's causes.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(e) = cause {
        if let Some(io) = e.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = e.source();
    }
    None
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Put around reqwest's connector.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacedConnects;

impl<S> Layer<S> for PacedConnects {
    type Service = PacedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PacedConnector(inner)
    }
}

#[derive(Debug, Clone)]
pub(super) struct PacedConnector<S>(S);

impl<S, Request> Service<Request> for PacedConnector<S>
where
    S: Service<Request, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            match TRY.try_with(Arc::clone) {
                Ok(this) => this.shake_hands(connecting).await,
                Err(_) => connecting.await,
            }
        })
    }
}
