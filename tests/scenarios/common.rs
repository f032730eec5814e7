//! Loads and figures as most scenarios want them.

use std::time::Duration;

use mlx_throughput_lab::engine::load::{
    Amount, Live, LoadSpec, PromptSource, PromptText, Target, schedule,
};
use mlx_throughput_lab::measure::LoadOutcome;
use mlx_throughput_lab::measure::sample::RequestSample;
use tokio_util::sync::CancellationToken;

use crate::support::Server;

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// `n` requests, `concurrency` at a time, streamed.
pub fn fixed(n: u32, concurrency: u32) -> LoadSpec {
    LoadSpec {
        concurrency,
        amount: Amount::Fixed(n),
        max_tokens: 8,
        temperature: 0.3,
        stream: true,
        prompt: PromptText::unique("Why does concurrency help?"),
        prompts: PromptSource::new(),
        timeout: Duration::from_secs(20),
    }
}

pub fn direct(servers: &[&Server]) -> Target {
    let addrs: Vec<_> = servers.iter().map(|server| server.addr).collect();
    Target::direct(&addrs).unwrap()
}

pub async fn run(spec: &LoadSpec, target: &Target) -> LoadOutcome {
    schedule::run(spec, target, &Live::unwatched(), &CancellationToken::new()).await
}

/// One request, alone.
pub async fn one(server: &Server) -> RequestSample {
    one_with(server, |_| {}).await
}

pub async fn one_with(server: &Server, change: impl FnOnce(&mut LoadSpec)) -> RequestSample {
    let mut spec = fixed(1, 1);
    change(&mut spec);
    let mut outcome = run(&spec, &direct(&[server])).await;
    assert_eq!(outcome.samples.len(), 1);
    outcome.samples.remove(0)
}
