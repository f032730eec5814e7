//! Where requests go: to servers directly, in strict turn, or to a balancer in front of them; ours,
//! or attached ones that somebody else started.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::connect::PacedConnects;
use super::pacing::{PaceRules, Pacer, STOCK_BACKLOG};
use crate::measure::sample::RequestError;
use crate::platform::tls;
use crate::settings::{BaseUrl, Secret};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

/// The response header in which a balancer names the server that answered, as `address:port`
/// (nginx: `add_header X-Upstream $upstream_addr always;`).
pub const UPSTREAM_HEADER: &str = "x-upstream";
/// The response header in which a balancer says how long its own connect took, in seconds (nginx:
/// `add_header X-Upstream-Connect $upstream_connect_time always;`). Optional: it slows the pace
/// when a server's queue overflows behind the balancer.
pub const UPSTREAM_CONNECT_HEADER: &str = "x-upstream-connect";

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("the HTTP client could not be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("there is no server to send requests to")]
    NoServers,
    #[error("{host} is not known: {why}. Check the name in MLX_ATTACH, or give its address")]
    UnknownHost { host: String, why: String },
    #[error("MLX_ATTACH_KEY cannot be sent: no HTTP header may carry it")]
    BadKey,
}

/// Servers under load. Cheap to clone; clones share the pace, which is learned over a server's
/// life: keep one for all cells of a server point.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) http: reqwest::Client,
    endpoints: Arc<[Endpoint]>,
    upstreams: Arc<HashMap<String, u32>>,
    instances: u32,
    key: Option<Secret>,
}

/// What a client knows besides its endpoints.
#[derive(Default)]
struct Client {
    key: Option<Secret>,
    /// Names with their addresses.
    hosts: Vec<(String, Vec<SocketAddr>)>,
    /// Some of its endpoints are `https`.
    encrypted: bool,
}

/// One address that requests are sent to.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) completions_url: String,
    pub(super) pacer: Pacer,
    /// Known beforehand where there is no balancer between.
    pub(super) instance: Option<u32>,
}

impl Target {
    /// Servers in order of their instance number; request k goes to server k modulo their number.
    pub fn direct(servers: &[SocketAddr]) -> Result<Self, TargetError> {
        Self::direct_with_backlog(servers, STOCK_BACKLOG)
    }

    /// The same for servers that were started with another listen backlog.
    pub fn direct_with_backlog(servers: &[SocketAddr], backlog: u32) -> Result<Self, TargetError> {
        let endpoints = (0..)
            .zip(servers)
            .map(|(instance, addr)| Endpoint {
                completions_url: completions_url(*addr),
                pacer: Pacer::new(PaceRules::direct(backlog, addr.ip().is_loopback())),
                instance: Some(instance),
            })
            .collect();
        Self::new(endpoints, HashMap::new(), servers.len(), Client::default())
    }

    /// Servers that somebody else started, in order of their instance number. Their names are
    /// looked up here, once: within a request the lookup would count into its latency.
    ///
    /// # Errors
    /// A host's name is not known.
    pub async fn attached(urls: &[BaseUrl], key: Option<&Secret>) -> Result<Self, TargetError> {
        let mut client = Client {
            key: key.cloned(),
            encrypted: urls.iter().any(BaseUrl::is_encrypted),
            ..Client::default()
        };
        let mut endpoints = Vec::new();
        for (instance, url) in (0..).zip(urls) {
            let (host, port) = url.host_and_port();
            let found = tokio::net::lookup_host((host.as_str(), port)).await;
            let addresses: Vec<SocketAddr> = found
                .map_err(|error| TargetError::UnknownHost {
                    host: host.clone(),
                    why: error.to_string(),
                })?
                .collect();
            let loopback = addresses.iter().all(|address| address.ip().is_loopback());
            endpoints.push(Endpoint {
                completions_url: url.endpoint("chat/completions"),
                pacer: Pacer::new(PaceRules::attached(loopback, url.is_encrypted())),
                instance: Some(instance),
            });
            client.hosts.push((host, addresses));
        }
        Self::new(endpoints, HashMap::new(), urls.len(), client)
    }

    /// A balancer at `addr` in front of `servers`, in order of their instance number.
    pub fn balanced(
        addr: SocketAddr,
        servers: &[SocketAddr],
        backlog: u32,
    ) -> Result<Self, TargetError> {
        let upstreams = servers.iter().map(ToString::to_string).zip(0..).collect();
        let count = u32::try_from(servers.len()).unwrap_or(u32::MAX);
        let endpoint = Endpoint {
            completions_url: completions_url(addr),
            pacer: Pacer::new(PaceRules::proxied(backlog, count)),
            // One server behind a balancer needs no header to be known.
            instance: (servers.len() == 1).then_some(0),
        };
        Self::new(vec![endpoint], upstreams, servers.len(), Client::default())
    }

    fn new(
        endpoints: Vec<Endpoint>,
        upstreams: HashMap<String, u32>,
        instances: usize,
        client: Client,
    ) -> Result<Self, TargetError> {
        if endpoints.is_empty() || instances == 0 {
            return Err(TargetError::NoServers);
        }
        let mut headers = HeaderMap::new();
        if let Some(key) = &client.key {
            let bearer = format!("Bearer {}", key.expose());
            let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| TargetError::BadKey)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .connector_layer(PacedConnects)
            // The server speaks HTTP/1.0: one connection a request. Without a pool reqwest
            // connects within the sending task, which the pacing relies on.
            .pool_max_idle_per_host(0)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true);
        for (host, addresses) in &client.hosts {
            http = http.resolve_to_addrs(host, addresses);
        }
        Ok(Self {
            http: tls::prepared(http, client.encrypted).build()?,
            key: client.key,
            endpoints: endpoints.into(),
            upstreams: Arc::new(upstreams),
            instances: u32::try_from(instances).unwrap_or(u32::MAX),
        })
    }

    /// Keeps the key out of what a server said: some repeat what they were sent.
    pub(super) fn without_key(&self, error: RequestError) -> RequestError {
        match &self.key {
            Some(key) => RequestError {
                detail: key.taken_out_of(&error.detail),
                ..error
            },
            None => error,
        }
    }

    pub fn instances(&self) -> u32 {
        self.instances
    }

    /// Strict turn by the request's number.
    pub(super) fn endpoint(&self, index: u32) -> &Endpoint {
        &self.endpoints[index as usize % self.endpoints.len()]
    }

    /// The server that a balancer's header names. After a retry of its own it lists several:
    /// the last one answered.
    pub(super) fn upstream(&self, header: &str) -> Option<u32> {
        let last = header.rsplit(',').next()?.trim();
        self.upstreams.get(last).copied()
    }
}

fn completions_url(addr: SocketAddr) -> String {
    format!("http://{addr}/v1/chat/completions")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn direct_requests_take_strict_turns() {
        let target = Target::direct(&[addr(1), addr(2), addr(3)]).unwrap();
        let order: Vec<_> = (0..7).map(|k| target.endpoint(k).instance).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2, 0].map(Some));
    }

    #[test]
    fn the_upstream_header_names_the_instance() {
        let target = Target::balanced(addr(80), &[addr(9000), addr(9001)], 5).unwrap();
        for (header, instance) in [
            ("127.0.0.1:9001", Some(1)),
            ("127.0.0.1:9001, 127.0.0.1:9000", Some(0)),
            ("127.0.0.1:9002", None),
            ("", None),
        ] {
            assert_eq!(target.upstream(header), instance, "{header:?}");
        }
        assert_eq!(target.endpoint(5).instance, None);
    }

    #[test]
    fn no_server_is_an_error() {
        assert!(matches!(Target::direct(&[]), Err(TargetError::NoServers)));
    }
}
