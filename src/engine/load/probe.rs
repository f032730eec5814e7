//! Single tokens outside the measured window: is a server ready, is it alive, is it warm? The only
//! place that repeats a request after an HTTP error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{Ask, send};
use super::live::Live;
use super::prompts::{Bodies, PromptSource, PromptText};
use super::target::Target;
use crate::measure::sample::{ErrorClass, RequestError, Usage};

/// How transient errors are repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Tries after the first.
    pub attempts: u32,
    /// Before repeat k (from 1) it sleeps k times this.
    pub sleep: Duration,
}

impl Retry {
    pub const NONE: Self = Self {
        attempts: 0,
        sleep: Duration::ZERO,
    };
}

/// What a warm-up asks. Kernels are compiled for each sampling temperature, so these must be the
/// measured ones.
#[derive(Debug, Clone)]
pub struct WarmUp {
    /// Requests per server.
    pub requests: u32,
    pub max_tokens: u32,
    pub temperature: f64,
    pub stream: bool,
    pub prompt: PromptText,
    pub prompts: Arc<PromptSource>,
    pub timeout: Duration,
    pub retry: Retry,
}

/// A one-token completion of one server: the only proof that it is ready or alive (`/health` says
/// 200 while a model loads, and in older versions even with a dead generation thread).
pub async fn one_token(
    server: SocketAddr,
    temperature: f64,
    timeout: Duration,
) -> Result<Usage, RequestError> {
    let target = Target::direct(&[server]).map_err(|e| RequestError {
        class: ErrorClass::Connect,
        detail: e.to_string(),
    })?;
    one_token_of(&target, 0, &PromptSource::new(), temperature, timeout).await
}

/// The same of the `index`th server of `target`, by the model's name that `prompts` knows.
pub async fn one_token_of(
    target: &Target,
    index: u32,
    prompts: &Arc<PromptSource>,
    temperature: f64,
    timeout: Duration,
) -> Result<Usage, RequestError> {
    let prompt = PromptText::unique("Say yes.");
    one_token_to(target, index, prompts, &prompt, temperature, timeout).await
}

/// The same in answer to a given prompt.
pub async fn one_token_to(
    target: &Target,
    index: u32,
    prompts: &Arc<PromptSource>,
    prompt: &PromptText,
    temperature: f64,
    timeout: Duration,
) -> Result<Usage, RequestError> {
    let bodies = Bodies::new(prompts, prompt, 1, temperature, true);
    ask(target, index, &bodies, true, timeout).await
}

/// Warms every server of `target` up, all at once, each with `requests` one after another; with a
/// balancer it spreads them. Returns the usage of each answer in order.
pub async fn warm_up(target: &Target, warm_up: &WarmUp) -> Result<Vec<Usage>, RequestError> {
    let bodies = Bodies::new(
        &warm_up.prompts,
        &warm_up.prompt,
        warm_up.max_tokens,
        warm_up.temperature,
        warm_up.stream,
    );
    let instances = target.instances();
    let rounds = (0..instances).map(|instance| {
        let bodies = &bodies;
        async move {
            let mut usages = Vec::new();
            for round in 0..warm_up.requests {
                let index = round * instances + instance;
                usages.push(repeat(target, index, bodies, warm_up).await?);
            }
            Ok::<_, RequestError>(usages)
        }
    });
    let usages = futures_util::future::try_join_all(rounds).await?;
    Ok(usages.into_iter().flatten().collect())
}

async fn repeat(
    target: &Target,
    index: u32,
    bodies: &Bodies,
    warm_up: &WarmUp,
) -> Result<Usage, RequestError> {
    let mut attempt = 0;
    loop {
        match ask(target, index, bodies, warm_up.stream, warm_up.timeout).await {
            Err(e) if transient(&e) && attempt < warm_up.retry.attempts => {
                attempt += 1;
                tracing::debug!("warm-up request {index} failed ({e}); repeat {attempt}");
                tokio::time::sleep(warm_up.retry.sleep * attempt).await;
            }
            result => return result,
        }
    }
}

/// Worth another try: the server's side of the line, not what was asked.
fn transient(error: &RequestError) -> bool {
    matches!(
        error.class,
        ErrorClass::Connect | ErrorClass::Http5xx | ErrorClass::Reset
    )
}

async fn ask(
    target: &Target,
    index: u32,
    bodies: &Bodies,
    stream: bool,
    timeout: Duration,
) -> Result<Usage, RequestError> {
    let now = Instant::now();
    let ask = Ask {
        index,
        body: bodies.next(),
        stream,
        timeout,
        due: now,
        watcher: None,
    };
    let sample = send(target, ask, now, &Live::unwatched()).await.sample;
    sample.error.map_or(Ok(sample.usage), Err)
}
